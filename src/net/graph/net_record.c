/* net_record.c - a network as a record (the content of a model file) and back; results/MODEL.md has the schema.
 *
 * A record may come from another program or be damaged: the graph is checked and every array's size is compared
 * with it before memory is allocated; errors quote unknown names.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/graph/graph_internal.h"

/* Axes of arrays; those of weights depend on the layer. */
static const char *const node_axis[] = {"node"};
static const char *const channel_axis[] = {"channel"};
static const char *const tensor_axis[] = {"tensor"};
static const char *const weight_axes[] = {"output", "kernel_h", "kernel_w", "input"};
static const char *const anonymous_axes[] = {"axis0", "axis1", "axis2", "axis3"};

/* Writing */

static const char *node_text(const MhoNet *net, const MhoNode *node, int column)
{
    if (column == 0)
        return node->name;
    if (column == 1)
        return node->layer->descriptor.name;
    return column - 2 < node->n_inputs ? net->nodes[node->inputs[column - 2]].name : "";
}

static const struct {
    const char *name, *help;
} graph_columns[] = {{"name", "nodes in the order of computation"},
                     {"kind", "layer kind"},
                     {"input_a", "name of the node that is read; empty: none"},
                     {"input_b", "name of the second node that is read; empty: none"}};
enum { GRAPH_COLUMNS = 4 };

static MhoStatus write_graph(const MhoNet *net, MhoRecord *graph, MhoError *error)
{
    const char **column = mho_calloc(net->n_nodes, sizeof *column, error, "the graph of '%s'", net->name);
    MhoStatus status = MHO_OK;
    if (!column)
        return MHO_MEMORY;
    for (int c = 0; c < GRAPH_COLUMNS && status == MHO_OK; c++) {
        for (size_t i = 0; i < net->n_nodes; i++)
            column[i] = node_text(net, &net->nodes[i], c);
        status = mho_record_add(graph, graph_columns[c].name, MHO_STRING, 1, &net->n_nodes, node_axis, "",
                                graph_columns[c].help, column, NULL, error);
    }
    free(column);
    return status;
}

static MhoStatus write_setting(const MhoParam *param, const void *settings, MhoAttributes *attributes, MhoError *error)
{
    const unsigned char *member = (const unsigned char *)settings + param->offset;
    char text[MHO_TEXT_MAX];
    double real;
    int whole;
    switch (param->type) {
    case MHO_REAL: memcpy(&real, member, sizeof real); return mho_attribute_real(attributes, param->key, real, error);
    case MHO_INT: memcpy(&whole, member, sizeof whole); return mho_attribute_int(attributes, param->key, whole, error);
    case MHO_BOOL: return mho_attribute_int(attributes, param->key, *member, error);
    case MHO_CHOICE:
    case MHO_TEXT: break;
    }
    mho_param_format(param, settings, text, sizeof text);
    return mho_attribute_text(attributes, param->key, text, error);
}

static const char *const *axes_of(const MhoNodeArray *array)
{
    if (array->rank == 4)
        return weight_axes;
    if (array->rank == 1)
        return array->n == 1 ? tensor_axis : channel_axis;
    return anonymous_axes;
}

/* Weight codes, for readers that do not want to quantize themselves; nothing while a scale is unset. */
static MhoStatus write_codes(const MhoNet *net, int i, MhoRecord *layer, MhoError *error)
{
    MhoNode *node = &net->nodes[i];
    const MhoNodeArray *weight = mho_node_array(node, MHO_ARRAY_WEIGHT),
                       *scale = mho_node_array(node, MHO_ARRAY_LOG_SCALE);
    for (size_t k = 0; scale && k < scale->n; k++)
        if (!isfinite(scale->value[k]))
            return MHO_OK;
    int16_t *codes = mho_calloc(weight->n, sizeof *codes, error, "the codes of '%s'", node->name);
    if (!codes)
        return MHO_MEMORY;
    MhoStatus status = mho_net_weight_codes(net, i, codes, NULL, error);
    if (status == MHO_OK)
        status = mho_record_add(layer, "codes", MHO_I16, weight->rank, weight->shape, axes_of(weight), "1",
                                "integer weights; value = exp(log_scale) * code / largest code", codes, NULL, error);
    free(codes);
    return status;
}

static MhoStatus write_layer(const MhoNet *net, int i, MhoRecord *layers, MhoError *error)
{
    const MhoNode *node = &net->nodes[i];
    const MhoDescriptor *descriptor = &node->layer->descriptor;
    MhoRecord *layer;
    MhoStatus status = mho_record_child(layers, node->name, &layer, error);
    for (size_t p = 0; p < descriptor->n_params && status == MHO_OK; p++)
        status = write_setting(&descriptor->params[p], node->settings, &layer->attributes, error);
    for (size_t a = 0; a < node->n_arrays && status == MHO_OK; a++) {
        const MhoNodeArray *array = &node->arrays[a];
        status = mho_record_add(layer, array->name, MHO_F32, array->rank, array->shape, axes_of(array), "1",
                                mho_array_kinds[array->role].help, array->value, NULL, error);
    }
    const MhoConvSettings *conv = mho_node_conv(node);
    return status == MHO_OK && conv && conv->bits > 0 ? write_codes(net, i, layer, error) : status;
}

MhoStatus mho_net_to_record(const MhoNet *net, MhoRecord *record, MhoError *error)
{
    MhoRecord *graph, *layers;
    MhoStatus status = mho_attribute_text(&record->attributes, "name", net->name, error);
    if (status == MHO_OK)
        status = mho_attribute_int(&record->attributes, "n_classes", net->n_classes, error);
    if (status == MHO_OK)
        status = mho_attribute_text(&record->attributes, "recipe", net->recipe, error);
    if (status == MHO_OK)
        status = mho_record_child(record, "graph", &graph, error);
    if (status == MHO_OK)
        status = write_graph(net, graph, error);
    if (status == MHO_OK)
        status = mho_record_child(record, "layers", &layers, error);
    for (int i = 0; i < (int)net->n_nodes && status == MHO_OK; i++)
        status = write_layer(net, i, layers, error);
    return status;
}

/* Reading */

/* A record being read; `file` is for messages. */
typedef struct Reading {
    const MhoRecord *record;
    const char *file;
    MhoNet *net;
    const MhoArray *columns[GRAPH_COLUMNS];
} Reading;

/* Every error about a file is an INPUT error that starts with its name. */
static MhoStatus blame_file(const Reading *reading, MhoStatus status, MhoError *error)
{
    if (status == MHO_OK || status == MHO_MEMORY)
        return status;
    mho_fail_context(error, "%s", reading->file);
    if (error)
        error->status = MHO_INPUT;
    return MHO_INPUT;
}

static MhoStatus read_columns(Reading *reading, MhoError *error)
{
    for (int c = 0; c < GRAPH_COLUMNS; c++) {
        char path[32];
        snprintf(path, sizeof path, "graph/%s", graph_columns[c].name);
        const MhoStatus status =
            mho_record_require(reading->record, reading->file, path, MHO_STRING, 1, &reading->columns[c], error);
        if (status != MHO_OK)
            return status;
        if (reading->columns[c]->shape[0] != reading->columns[0]->shape[0])
            return mho_fail(error, MHO_INPUT, "%s: graph/%s has %zu entries, graph/name %zu", reading->file,
                            graph_columns[c].name, reading->columns[c]->shape[0], reading->columns[0]->shape[0]);
    }
    if (reading->columns[0]->shape[0] > MHO_NET_MAX_NODES)
        return mho_fail(error, MHO_INPUT, "%s: a graph of %zu nodes; at most %d are read", reading->file,
                        reading->columns[0]->shape[0], MHO_NET_MAX_NODES);
    return MHO_OK;
}

static const char *cell(const Reading *reading, int column, size_t row)
{
    const char *text = ((char *const *)reading->columns[column]->data)[row];
    return text ? text : "";
}

/* The attribute as text for a parameter table. */
static bool attribute_as_text(const MhoAttribute *attribute, const MhoParam *param, char *text, size_t size)
{
    int64_t whole = 0;
    if (attribute->n != 1)
        return false;
    if (attribute->type == MHO_STRING)
        return snprintf(text, size, "%s", *(char *const *)attribute->data) < (int)size;
    bool is_real = !mho_integer_at(attribute->type, attribute->data, 0, &whole);
    double real = attribute->type == MHO_U64   ? (double)*(const uint64_t *)attribute->data
                  : attribute->type == MHO_F32 ? (double)*(const float *)attribute->data
                  : attribute->type == MHO_F64 ? *(const double *)attribute->data
                                               : 0.0;
    if (is_real && param->type != MHO_REAL && real >= -1e9 && real <= 1e9 && real == (double)(int64_t)real) {
        whole = (int64_t)real;
        is_real = false;
    }
    if (param->type == MHO_CHOICE && !is_real && whole >= 0 && whole < 256)
        return mho_choice_name(param->choices, (int)whole, text) != NULL;
    if (param->type == MHO_BOOL && !is_real && (whole == 0 || whole == 1))
        return snprintf(text, size, "%s", whole ? "true" : "false") > 0;
    return snprintf(text, size, is_real ? "%.17g" : "%.0f", is_real ? real : (double)whole) > 0;
}

/* Settings from the layer's attributes; settings without an attribute have their defaults. */
static MhoStatus read_settings(const Reading *reading, const char *node, const MhoDescriptor *descriptor,
                               const MhoRecord *layer, void *settings, MhoError *error)
{
    mho_params_default(descriptor->params, descriptor->n_params, settings);
    for (size_t i = 0; layer && i < layer->attributes.n; i++) {
        const MhoAttribute *attribute = &layer->attributes.list[i];
        const MhoParam *param = mho_params_find(descriptor->params, descriptor->n_params, attribute->name);
        char text[MHO_TEXT_MAX], where[2 * MHO_TEXT_MAX];
        snprintf(where, sizeof where, "%.200s: layers/%s@%.100s", reading->file, node, attribute->name);
        if (!param)
            return mho_fail(error, MHO_INPUT, "%s: a %s layer has no such setting", where, descriptor->name);
        if (!attribute_as_text(attribute, param, text, sizeof text))
            return mho_fail(error, MHO_INPUT, "%s: not one value of a setting's type", where);
        if (mho_param_set(param, settings, text, where, error) != MHO_OK) {
            if (error)
                error->status = MHO_INPUT;
            return MHO_INPUT;
        }
    }
    return MHO_OK;
}

static const MhoRecord *layer_group(const Reading *reading, const char *name)
{
    const MhoRecord *layers = mho_record_find(reading->record, "layers");
    return layers && !strchr(name, '/') && *name ? mho_record_find(layers, name) : NULL;
}

/* A name that a later node has makes the graph cyclic or out of order: say so. */
static MhoStatus check_order(const Reading *reading, size_t row, MhoError *error)
{
    const size_t n = reading->columns[0]->shape[0];
    if (mho_net_find(reading->net, cell(reading, 0, row)) >= 0)
        return mho_fail(error, MHO_INPUT, "%s: two nodes are called '%s'", reading->file, cell(reading, 0, row));
    for (int c = 2; c < GRAPH_COLUMNS; c++)
        for (size_t i = row; i < n && mho_net_find(reading->net, cell(reading, c, row)) < 0; i++)
            if (*cell(reading, c, row) && strcmp(cell(reading, 0, i), cell(reading, c, row)) == 0)
                return mho_fail(error, MHO_INPUT,
                                "%s: node '%.47s' reads '%.47s', which is %s; a graph must be in the "
                                "order of computation, without cycles",
                                reading->file, cell(reading, 0, row), cell(reading, c, row),
                                i == row ? "the node itself" : "a later node");
    return MHO_OK;
}

static MhoStatus read_node(Reading *reading, size_t row, MhoError *error)
{
    const char *name = cell(reading, 0, row), *kind = cell(reading, 1, row);
    _Alignas(8) unsigned char settings[MHO_LAYER_SETTINGS_MAX];
    const MhoDescriptor *descriptor = mho_registry_find(&mho_layer_registry, kind, error);
    if (!descriptor) {
        mho_fail_context(error, "node '%.47s'", name);
        return blame_file(reading, MHO_INPUT, error);
    }
    MhoStatus status = check_order(reading, row, error);
    if (status != MHO_OK)
        return status;
    memset(settings, 0, sizeof settings);
    status = read_settings(reading, name, descriptor, layer_group(reading, name), settings, error);
    if (status != MHO_OK)
        return status;
    status = mho_net_add(reading->net, name, kind, settings, descriptor->params_size, cell(reading, 2, row),
                         cell(reading, 3, row), error);
    return blame_file(reading, status, error);
}

/* Same first axis and as many values; the same rank means the same shape. */
static bool same_shape(const MhoArray *from, const MhoNodeArray *to)
{
    if (from->rank > 4 || mho_array_count(from) != to->n || (from->rank > 0 && from->shape[0] != to->shape[0]))
        return false;
    for (size_t i = 0; from->rank == to->rank && i < to->rank; i++)
        if (from->shape[i] != to->shape[i])
            return false;
    return true;
}

/* The arrays of the file against those of the graph, before memory is taken. */
static MhoStatus check_arrays(const Reading *reading, MhoNode *node, MhoError *error)
{
    const MhoRecord *layer = layer_group(reading, node->name);
    for (size_t a = 0; a < node->n_arrays; a++) {
        const MhoNodeArray *array = &node->arrays[a];
        const MhoArray *from = layer ? mho_record_array(layer, array->name) : NULL;
        if (!from && mho_array_kinds[array->role].optional)
            continue;
        if (!from)
            return mho_fail(error, MHO_INPUT, "%s: the array 'layers/%s/%s' is missing", reading->file, node->name,
                            array->name);
        if (from->type != MHO_F32 && from->type != MHO_F64)
            return mho_fail(error, MHO_INPUT, "%s: 'layers/%s/%s' is %s; f32 or f64 is needed", reading->file,
                            node->name, array->name, mho_type_name(from->type));
        if (!same_shape(from, array))
            return mho_fail(error, MHO_INPUT,
                            "%s: 'layers/%s/%s' has %zu values in %zu axes; the graph needs %zu in %zu, the "
                            "first of %zu",
                            reading->file, node->name, array->name, mho_array_count(from), from->rank, array->n,
                            array->rank, array->shape[0]);
    }
    for (size_t i = 0; layer && i < layer->n_arrays; i++) {
        const char *name = layer->arrays[i]->name;
        if (strcmp(name, "codes") != 0 && !mho_node_array(node, mho_array_role(name)))
            return mho_fail(error, MHO_INPUT, "%s: 'layers/%s/%.60s' is not an array of a %s layer", reading->file,
                            node->name, name, node->layer->descriptor.name);
    }
    return MHO_OK;
}

static MhoStatus read_arrays(const Reading *reading, MhoNode *node, MhoError *error)
{
    const MhoRecord *layer = layer_group(reading, node->name);
    for (size_t a = 0; a < node->n_arrays; a++) {
        MhoNodeArray *array = &node->arrays[a];
        const MhoArray *from = layer ? mho_record_array(layer, array->name) : NULL;
        const bool is_scale = array->role == MHO_ARRAY_LOG_SCALE, is_variance = array->role == MHO_ARRAY_VARIANCE;
        for (size_t k = 0; k < array->n; k++) {
            if (from && from->type == MHO_F32)
                array->value[k] = ((const float *)from->data)[k];
            else if (from)
                array->value[k] = (float)((const double *)from->data)[k];
            else
                array->value[k] = is_scale ? NAN : 0.0F;
            if ((!isfinite(array->value[k]) && !(is_scale && isnan(array->value[k]))) ||
                (is_variance && array->value[k] < 0.0F))
                return mho_fail(error, MHO_INPUT, "%s: 'layers/%s/%s' holds %g at %zu; it needs %s", reading->file,
                                node->name, array->name, (double)array->value[k], k,
                                is_variance ? "variances of 0 or more" : "finite numbers");
        }
    }
    return MHO_OK;
}

/* A group in layers/ without a node of its name: most likely a misspelled name. */
static MhoStatus check_groups(const Reading *reading, MhoError *error)
{
    const MhoRecord *layers = mho_record_find(reading->record, "layers");
    for (size_t i = 0; layers && i < layers->n_children; i++)
        if (mho_net_find(reading->net, layers->children[i]->name) < 0)
            return mho_fail(error, MHO_INPUT, "%s: no node has the name of the group 'layers/%.60s'", reading->file,
                            layers->children[i]->name);
    return MHO_OK;
}

static MhoStatus read_net(Reading *reading, MhoError *error)
{
    MhoNet *net = reading->net;
    MhoStatus status = read_columns(reading, error);
    for (size_t row = 0; status == MHO_OK && row < reading->columns[0]->shape[0]; row++)
        status = read_node(reading, row, error);
    if (status == MHO_OK)
        status = check_groups(reading, error);
    if (status == MHO_OK)
        status = blame_file(reading, mho_net_infer(net, error), error);
    for (size_t i = 0; i < net->n_nodes && status == MHO_OK; i++)
        status = check_arrays(reading, &net->nodes[i], error);
    if (status == MHO_OK)
        status = mho_net_allocate(net, error);
    for (size_t i = 0; i < net->n_nodes && status == MHO_OK; i++)
        status = read_arrays(reading, &net->nodes[i], error);
    return status;
}

/* Names in a file may hold line breaks; an error is one line. */
static void print_on_one_line(MhoError *error)
{
    for (char *c = error ? error->text : NULL; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

MhoStatus mho_net_from_record(const MhoRecord *record, const char *file, MhoNet **net, MhoError *error)
{
    Reading reading = {.record = record, .file = file};
    const char *name = mho_attribute_string(&record->attributes, "name");
    const char *recipe = mho_attribute_string(&record->attributes, "recipe");
    *net = NULL;
    MhoStatus status = mho_net_create(name && *name ? name : "model", &reading.net, error);
    if (status != MHO_OK) {
        print_on_one_line(error);
        return blame_file(&reading, status, error);
    }
    status = read_net(&reading, error);
    if (status == MHO_OK && recipe && strlen(recipe) >= sizeof reading.net->recipe)
        status = mho_fail(error, MHO_INPUT, "%s: the attribute recipe is longer than a digest", file);
    if (status != MHO_OK) {
        mho_net_destroy(reading.net);
        print_on_one_line(error);
        return status;
    }
    snprintf(reading.net->recipe, sizeof reading.net->recipe, "%s", recipe ? recipe : "");
    *net = reading.net;
    return MHO_OK;
}
