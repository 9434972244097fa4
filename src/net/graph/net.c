/* net.c - the graph itself: nodes in topological order, their shapes and their arrays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/graph/graph_internal.h"

MhoStatus mho_net_create(const char *name, MhoNet **net, MhoError *error)
{
    *net = NULL;
    if (!name || !*name || strlen(name) >= MHO_NAME_MAX)
        return mho_fail(error, MHO_USAGE, "a network needs a name of 1 to %d characters", MHO_NAME_MAX - 1);
    *net = mho_calloc(1, sizeof **net, error, "network '%s'", name);
    if (!*net)
        return MHO_MEMORY;
    snprintf((*net)->name, sizeof(*net)->name, "%s", name);
    return MHO_OK;
}

void mho_net_destroy(MhoNet *net)
{
    if (!net)
        return;
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays; a++)
            free(net->nodes[i].arrays[a].value);
    free(net->nodes);
    free(net);
}

/* Room for one more node. */
static MhoStatus nodes_grow(MhoNet *net, MhoError *error)
{
    if (net->n_nodes >= MHO_NET_MAX_NODES)
        return mho_fail(error, MHO_USAGE, "network '%s': more than %d nodes", net->name, MHO_NET_MAX_NODES);
    MhoNode *nodes = mho_list_grow(net->nodes, net->n_nodes, sizeof *nodes, error);
    if (!nodes)
        return MHO_MEMORY;
    net->nodes = nodes;
    return MHO_OK;
}

/* Indices of the named inputs; "" and NULL: none. */
static MhoStatus find_inputs(const MhoNet *net, const char *name, const char *const names[MHO_NODE_MAX_INPUTS],
                             int inputs[MHO_NODE_MAX_INPUTS], int *n, MhoError *error)
{
    *n = 0;
    for (int k = 0; k < MHO_NODE_MAX_INPUTS; k++) {
        if (!names[k] || !*names[k])
            continue;
        inputs[*n] = mho_net_find(net, names[k]);
        if (inputs[(*n)++] < 0)
            return mho_fail(error, MHO_USAGE,
                            "node '%s' reads '%s', but no earlier node has this name; add nodes after their inputs",
                            name, names[k]);
    }
    return MHO_OK;
}

static MhoStatus node_settings(MhoNode *node, const void *settings, size_t size, MhoError *error)
{
    const MhoDescriptor *descriptor = &node->layer->descriptor;
    if (descriptor->params_size > sizeof node->settings || (settings && size != descriptor->params_size))
        return mho_fail(error, MHO_FAILED, "node '%s': %zu bytes of settings do not fit a %s layer", node->name, size,
                        descriptor->name);
    if (settings)
        memcpy(node->settings, settings, size);
    else
        mho_params_default(descriptor->params, descriptor->n_params, node->settings);
    const MhoStatus status = mho_descriptor_check(descriptor, node->settings, error);
    if (status != MHO_OK)
        mho_fail_context(error, "node '%s'", node->name);
    return status;
}

MhoStatus mho_net_add(MhoNet *net, const char *name, const char *layer, const void *settings, size_t settings_size,
                      const char *input_a, const char *input_b, MhoError *error)
{
    if (!name || !*name || strlen(name) >= MHO_NAME_MAX || strchr(name, '/'))
        return mho_fail(error, MHO_USAGE,
                        "'%.60s' cannot be the name of a node: it needs 1 to %d characters without '/'",
                        name ? name : "", MHO_NAME_MAX - 1);
    if (mho_net_find(net, name) >= 0)
        return mho_fail(error, MHO_USAGE, "two nodes are called '%s'", name);
    int inputs[MHO_NODE_MAX_INPUTS] = {-1, -1}, n_inputs;
    MhoStatus status = find_inputs(net, name, (const char *const[]){input_a, input_b}, inputs, &n_inputs, error);
    if (status == MHO_OK)
        status = nodes_grow(net, error);
    if (status != MHO_OK)
        return status;
    MhoNode *node = &net->nodes[net->n_nodes];
    memset(node, 0, sizeof *node);
    snprintf(node->name, sizeof node->name, "%s", name);
    memcpy(node->inputs, inputs, sizeof inputs);
    node->n_inputs = n_inputs;
    const MhoDescriptor *descriptor = mho_registry_find(&mho_layer_registry, layer, error);
    if (!descriptor)
        return mho_fail_context(error, "node '%s'", name);
    node->layer = (const MhoLayer *)(const void *)descriptor; /* its first member */
    status = node_settings(node, settings, settings_size, error);
    if (status != MHO_OK)
        return status;
    if (n_inputs != node->layer->n_inputs)
        return mho_fail(error, MHO_USAGE, "node '%s' has %d inputs; a %s layer reads %d", name, n_inputs, layer,
                        node->layer->n_inputs);
    net->n_nodes++;
    return MHO_OK;
}

/* Elements of a shape into *n; false when a side is not positive or the product is above the limit. */
static bool bounded_product(size_t rank, const size_t *shape, size_t *n)
{
    *n = 1;
    for (size_t i = 0; i < rank; i++)
        if (shape[i] == 0 || __builtin_mul_overflow(*n, shape[i], n) || *n > MHO_NET_MAX_VALUES)
            return false;
    return true;
}

static MhoStatus infer_shape(MhoNet *net, MhoNode *node, MhoShape *inputs, MhoError *error)
{
    for (int i = 0; i < node->n_inputs; i++)
        inputs[i] = net->nodes[node->inputs[i]].shape;
    const MhoStatus status = node->layer->shape(node->settings, inputs, &node->shape, error);
    if (status != MHO_OK) {
        mho_fail_context(error, "node '%s'", node->name);
        return status;
    }
    const MhoShape s = node->shape;
    const size_t sides[3] = {(size_t)(s.h > 0 ? s.h : 0), (size_t)(s.w > 0 ? s.w : 0), (size_t)(s.c > 0 ? s.c : 0)};
    size_t n;
    if (!bounded_product(3, sides, &n))
        return mho_fail(error, MHO_USAGE, "node '%s': an output of %d x %d x %d is empty or too large", node->name, s.h,
                        s.w, s.c);
    return MHO_OK;
}

/* The node's arrays as its settings demand; arrays of unchanged size keep their memory. */
static MhoStatus infer_arrays(MhoNode *node, const MhoShape *inputs, size_t *total, MhoError *error)
{
    MhoNodeArray fresh[MHO_NODE_MAX_ARRAYS];
    memset(fresh, 0, sizeof fresh);
    const size_t n_fresh = node->layer->arrays ? node->layer->arrays(node->settings, inputs, fresh) : 0;
    for (size_t a = 0; a < n_fresh; a++) {
        if (!bounded_product(fresh[a].rank, fresh[a].shape, &fresh[a].n) || (*total += fresh[a].n) > MHO_NET_MAX_VALUES)
            return mho_fail(error, MHO_USAGE, "node '%s': array '%s' makes the network larger than %d values",
                            node->name, fresh[a].name, MHO_NET_MAX_VALUES);
        fresh[a].value = NULL;
    }
    for (size_t a = 0; a < n_fresh; a++) {
        MhoNodeArray *old = mho_node_array(node, fresh[a].role);
        if (old && old->n == fresh[a].n) {
            fresh[a].value = old->value;
            old->value = NULL;
        }
    }
    for (size_t a = 0; a < node->n_arrays; a++)
        free(node->arrays[a].value);
    memcpy(node->arrays, fresh, sizeof fresh);
    node->n_arrays = n_fresh;
    return MHO_OK;
}

/* Who owns the scale of a fake_quant node. */
static MhoStatus resolve_owner(const MhoNet *net, int i, MhoError *error)
{
    const MhoFakeQuantSettings *quantizer = mho_node_fake_quant(&net->nodes[i]);
    net->nodes[i].scale_owner = quantizer ? i : -1;
    if (!quantizer || !quantizer->share[0])
        return MHO_OK;
    const int owner = mho_net_find(net, quantizer->share);
    const MhoFakeQuantSettings *shared = owner >= 0 && owner < i ? mho_node_fake_quant(&net->nodes[owner]) : NULL;
    if (!shared || shared->share[0])
        return mho_fail(
            error, MHO_USAGE,
            "node '%s': share = '%s' must name an earlier fake_quant node that does not share a scale itself",
            net->nodes[i].name, quantizer->share);
    net->nodes[i].scale_owner = owner;
    return MHO_OK;
}

static bool quantizer_codes(const MhoNet *net, int node, int *source)
{
    *source = mho_net_code_source(net, node);
    return *source >= 0 && mho_node_fake_quant(&net->nodes[*source]);
}

/* Codes can be added only when their steps are equal. */
static MhoStatus check_addition(const MhoNet *net, int i, MhoError *error)
{
    const MhoNode *node = &net->nodes[i];
    int source[2];
    bool codes[2];
    if (!mho_node_is(node, &mho_layer_add))
        return MHO_OK;
    for (int k = 0; k < 2; k++)
        codes[k] = quantizer_codes(net, node->inputs[k], &source[k]);
    if (!codes[0] && !codes[1])
        return MHO_OK;
    if (codes[0] != codes[1] || net->nodes[source[0]].largest_code != net->nodes[source[1]].largest_code ||
        mho_net_scale_owner(net, source[0]) != mho_net_scale_owner(net, source[1]))
        return mho_fail(error, MHO_USAGE,
                        "node '%s' adds '%s' and '%s', whose codes have different steps; let their "
                        "fake_quant nodes share one scale (share) and have as many codes",
                        node->name, net->nodes[node->inputs[0]].name, net->nodes[node->inputs[1]].name);
    return MHO_OK;
}

/* The first node is the only input, the last gives the logits, every other output is read. */
static MhoStatus check_ends(const MhoNet *net, MhoError *error)
{
    int last;
    if (net->n_nodes < 2 || !mho_node_is(&net->nodes[0], &mho_layer_input))
        return mho_fail(error, MHO_USAGE, "network '%s': the first node must be the input, followed by layers",
                        net->name);
    for (size_t i = 0; i < net->n_nodes; i++) {
        if (i > 0 && net->nodes[i].n_inputs == 0)
            return mho_fail(error, MHO_USAGE, "node '%s': a network has one input, its first node", net->nodes[i].name);
        if (i + 1 < net->n_nodes && mho_net_readers(net, (int)i, &last) == 0)
            return mho_fail(error, MHO_USAGE, "node '%s': no node reads its output", net->nodes[i].name);
    }
    return MHO_OK;
}

MhoStatus mho_net_infer(MhoNet *net, MhoError *error)
{
    size_t total = 0;
    MhoStatus status = check_ends(net, error);
    for (size_t i = 0; i < net->n_nodes && status == MHO_OK; i++) {
        MhoShape inputs[MHO_NODE_MAX_INPUTS];
        MhoNode *node = &net->nodes[i];
        status = infer_shape(net, node, inputs, error);
        if (status == MHO_OK)
            status = infer_arrays(node, inputs, &total, error);
        if (status == MHO_OK)
            status = mho_node_resolve_policy(node, error);
        if (status == MHO_OK)
            status = resolve_owner(net, (int)i, error);
        if (status == MHO_OK)
            status = check_addition(net, (int)i, error);
    }
    if (status != MHO_OK)
        return status;
    const MhoShape out = net->nodes[net->n_nodes - 1].shape;
    if (out.h != 1 || out.w != 1)
        return mho_fail(error, MHO_USAGE, "node '%s': the last node must give one value per class, not %d x %d x %d",
                        net->nodes[net->n_nodes - 1].name, out.h, out.w, out.c);
    net->n_classes = out.c;
    return MHO_OK;
}

MhoStatus mho_net_allocate(MhoNet *net, MhoError *error)
{
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays; a++) {
            MhoNodeArray *array = &net->nodes[i].arrays[a];
            if (array->value)
                continue;
            array->value =
                mho_calloc(array->n, sizeof *array->value, error, "'%s/%s'", net->nodes[i].name, array->name);
            if (!array->value)
                return MHO_MEMORY;
        }
    return MHO_OK;
}

MhoStatus mho_net_finish(MhoNet *net, MhoError *error)
{
    const MhoStatus status = mho_net_infer(net, error);
    return status == MHO_OK ? mho_net_allocate(net, error) : status;
}
