/* fuzz_model.c - networks from damaged model records are refused with a reason or can be used.
 *
 * The input is a script for a sound record: each four bytes are one edit (which, where, what, value). Its first byte
 * also chooses the network: the one with additions is large, and slow under sanitizers.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/lowered/lower.h"
#include "net/transform/transform.h"
#include "replay.h"

enum { EDIT = 4, MAX_EDITS = 32, N_EDITS = 8 };

static const double numbers[] = {0.0,     1.0,          -1.0,  2.0,    3.0,   16.0, 17.0, 255.0,   4096.0,
                                 65536.0, 2147483648.0, 1e-45, -1e300, 1e300, 0.5,  NAN,  INFINITY};
static const char *const words[] = {"",
                                    "fqconv",
                                    "conv",
                                    "fake_quant",
                                    "logits",
                                    "weight",
                                    "log_scale",
                                    "nonesuch",
                                    "a/b",
                                    "line\nbreak",
                                    "fqconv fit=maximum",
                                    "per_tensor",
                                    "bits",
                                    "share",
                                    "groups",
                                    "a name that is longer than any node, layer, array or setting may ever be called"};
#define COUNT(list) (sizeof(list) / sizeof *(list))

static char *word(const MhoRecord *record, unsigned value)
{
    const MhoArray *names = mho_record_array(record, "graph/name");
    const char *text = words[value % COUNT(words)];
    if (value >= 128 && names != NULL && names->type == MHO_STRING && mho_array_count(names) > 0)
        text = ((char *const *)names->data)[value % mho_array_count(names)];
    char *copy = strdup(text);
    require(copy != NULL);
    return copy;
}

static void replace_text(char **text, char *with)
{
    free(*text);
    *text = with;
}

/* A column of the graph: one text, or the column's name. */
static void edit_graph(MhoRecord *record, unsigned where, unsigned what, unsigned value)
{
    MhoRecord *graph = record->n_children > 0 ? record->children[0] : NULL;
    MhoArray *column = graph != NULL && graph->n_arrays > 0 ? graph->arrays[where % graph->n_arrays] : NULL;
    if (column == NULL)
        return;
    if (what == 255)
        replace_text(&column->name, word(record, value));
    else if (column->type == MHO_STRING && mho_array_count(column) > 0)
        replace_text(&((char **)column->data)[what % mho_array_count(column)], word(record, value));
}

/* A name that no attribute may have leaves the record as it was. */
static void edit_attribute(MhoRecord *record, MhoAttributes *attributes, unsigned what, unsigned value)
{
    const double number = numbers[value % COUNT(numbers)];
    char *text = word(record, value), *key = word(record, what);
    const char *name = attributes->n > 0 && what < 240 ? attributes->list[what % attributes->n].name : key;
    MhoStatus status;

    if (value % 3 == 0)
        status = mho_attribute_text(attributes, name, text, NULL);
    else if (value % 3 == 1)
        status = mho_attribute_real(attributes, name, number, NULL);
    else
        status = mho_attribute_int(attributes, name, fabs(number) < 1e18 ? (int64_t)number : INT64_MIN, NULL);
    require(status != MHO_MEMORY);
    free(text);
    free(key);
}

/* A smaller, longer or turned shape; never more values than there are. */
static void edit_shape(MhoArray *array, unsigned value)
{
    const size_t axis = array->rank > 0 ? value % array->rank : 0, first = array->shape[0];
    if (array->type == MHO_STRING || array->rank == 0)
        return;
    switch (value / 8 % 4) {
    case 0: array->shape[axis] -= array->shape[axis] > 0; break;
    case 1: array->shape[axis] = 0; break;
    case 2:
        array->shape[0] = array->shape[axis];
        array->shape[axis] = first;
        break;
    default:
        if (array->rank < MHO_MAX_RANK)
            array->shape[array->rank++] = 1;
    }
}

static void edit_array(MhoRecord *record, MhoArray *array, unsigned kind, unsigned what, unsigned value)
{
    const size_t n = mho_array_count(array);
    if (kind == 3 && array->type == MHO_F32 && n > 0)
        ((float *)array->data)[what % n] = (float)numbers[value % COUNT(numbers)];
    else if (kind == 4)
        edit_shape(array, value);
    else if (kind == 5)
        replace_text(&array->name, word(record, value));
    else if (kind == 6 && mho_type_size(array->type) == 4)
        array->type = MHO_I32;
}

static void edit(MhoRecord *record, const uint8_t *script)
{
    const unsigned kind = script[0] % N_EDITS, where = script[1], what = script[2], value = script[3];
    MhoRecord *layers = record->n_children > 1 ? record->children[1] : NULL;
    MhoRecord *layer = layers != NULL && layers->n_children > 0 ? layers->children[where % layers->n_children] : NULL;
    if (kind == 0)
        edit_graph(record, where, what, value);
    else if (kind == 1 || layer == NULL)
        edit_attribute(record, where < 64 || layer == NULL ? &record->attributes : &layer->attributes, what, value);
    else if (kind == 2)
        edit_attribute(record, &layer->attributes, what, value);
    else if (kind == 7)
        replace_text(&layer->name, word(record, value));
    else if (layer->n_arrays > 0)
        edit_array(record, layer->arrays[what % layer->n_arrays], kind, what, value);
}

/* Tiny ternary networks in their last stage, made once. */
static const MhoNet *sound_net(bool large)
{
    static MhoNet *nets[2];
    const MhoQuantPlan plan = {2, 4, MHO_SCALE_PER_CHANNEL, "fqconv", "fqconv"};
    MhoNet *net, *quantized;
    if (nets[large] != NULL)
        return nets[large];
    require(mho_net_build(large ? "resnet20" : "allconv", (MhoShape){8, 8, 1}, 2, 0.07, 1, &net, NULL) == MHO_OK);
    require(mho_net_quantize(net, &plan, &quantized, NULL) == MHO_OK && mho_net_fit_weights(quantized, NULL) == MHO_OK);
    for (size_t i = 0; i < quantized->n_nodes; i++) {
        MhoNodeArray *scale = mho_node_array(&quantized->nodes[i], MHO_ARRAY_LOG_SCALE);
        if (mho_node_fake_quant(&quantized->nodes[i]) != NULL && scale != NULL)
            scale->value[0] = 0.7F;
    }
    require(mho_net_remove_batchnorm(quantized, MHO_SCALE_PER_CHANNEL, true, &nets[large], NULL) == MHO_OK);
    mho_net_destroy(net);
    mho_net_destroy(quantized);
    return nets[large];
}

/* An accepted net can be written and read again, and is lowered or refused with a reason. */
static void use_net(MhoNet *net)
{
    MhoRecord *record = NULL;
    MhoNet *again = NULL;
    MhoLoweredNet *lowered = NULL;
    MhoError error = {.text = ""};
    require(mho_record_create(&record, NULL) == MHO_OK && mho_net_to_record(net, record, NULL) == MHO_OK);
    require(mho_net_from_record(record, "fuzz.h5", &again, NULL) == MHO_OK && again->n_nodes == net->n_nodes);
    if (mho_lowered_net_create(net, &lowered, &error) != MHO_OK)
        require((error.status == MHO_USAGE || error.status == MHO_FAILED) && error.text[0] != '\0');
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(again);
    mho_record_destroy(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    MhoRecord *record = NULL;
    MhoNet *net = NULL;
    MhoError error = {.text = ""};
    const MhoNet *sound = sound_net(n > 0 && data[0] >= 192);
    require(mho_record_create(&record, NULL) == MHO_OK && mho_net_to_record(sound, record, NULL) == MHO_OK);
    for (size_t at = 0; at + EDIT <= n && at < EDIT * MAX_EDITS; at += EDIT)
        edit(record, data + at);
    if (mho_net_from_record(record, "fuzz.h5", &net, &error) != MHO_OK) {
        require(net == NULL);
        require_reason(&error, MHO_INPUT, "fuzz.h5");
    } else {
        use_net(net);
        count_taken();
    }
    mho_net_destroy(net);
    mho_record_destroy(record);
    return 0;
}

#ifndef MHO_LIBFUZZER
int main(int argc, char **argv)
{
    uint8_t script[EDIT] = {0};
    const char extremes[] = {0, 1, 2, 3, 4, 5, 6, 7, (char)0x80, (char)0xf0, (char)0xff};
    const Damage damage = {.extremes = extremes, .n_extremes = sizeof extremes};
    replay(script, 0, damage, 0); /* the sound record */
    for (unsigned kind = 0; kind < N_EDITS; kind++) {
        for (unsigned value = 0; value < 256; value += 8) {
            script[0] = (uint8_t)(kind + (value % 64 == 0 ? 192 : 0));
            script[1] = (uint8_t)(value * 7 + kind);
            script[2] = (uint8_t)(value * 11);
            script[3] = (uint8_t)value;
            replay(script, sizeof script, damage, 2);
        }
    }
    replay_corpus(argc > 1 ? argv[1] : NULL);
    return replay_done();
}
#endif
