/* test_net_record.c - model files: round trips, records of other programs, hostile records. */
#include <stdlib.h>

#include "net/lowered/lower.h"
#include "net/transform/transform.h"
#include "support/net_sample.h"

static void digest(const MhoNet *net, char hex[65])
{
    MhoError error = {0};
    MhoRecord *record;
    must(mho_record_create(&record, &error), &error);
    must(mho_net_to_record(net, record, &error), &error);
    must(mho_record_digest(record, hex, &error), &error);
    mho_record_destroy(record);
}

static MhoRecord *record_of(const MhoNet *net)
{
    MhoError error = {0};
    MhoRecord *record;
    must(mho_record_create(&record, &error), &error);
    must(mho_net_to_record(net, record, &error), &error);
    return record;
}

static void round_trip(const MhoNet *net)
{
    MhoError error = {0};
    MhoRecord *record = record_of(net);
    MhoNet *back;
    char before[65], after[65];
    must(mho_net_from_record(record, "m.h5", &back, &error), &error);
    digest(net, before);
    digest(back, after);
    ck_assert_str_eq(before, after);
    ck_assert_str_eq(back->name, net->name);
    ck_assert_str_eq(back->recipe, net->recipe);
    ck_assert_int_eq(back->n_classes, net->n_classes);
    ck_assert_uint_eq(back->n_nodes, net->n_nodes);
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoNode *a = &net->nodes[i], *b = &back->nodes[i];
        ck_assert_mem_eq(&a->shape, &b->shape, sizeof a->shape);
        ck_assert_mem_eq(a->inputs, b->inputs, sizeof a->inputs);
        ck_assert_uint_eq(a->n_arrays, b->n_arrays);
        for (size_t k = 0; k < a->n_arrays; k++)
            ck_assert_mem_eq(a->arrays[k].value, b->arrays[k].value, a->arrays[k].n * sizeof(float));
    }
    mho_net_destroy(back);
    mho_record_destroy(record);
}

/* Float, quantized and fully quantized nets come back from their record as they were. */
TEST(test_round_trips)
{
    MhoError error = {0};
    for (size_t i = 0; mho_net_builders()[i]; i++) {
        MhoNet *net = sample_float(mho_net_builders()[i]), *quantized = sample_quantized(mho_net_builders()[i], 3, 5),
               *removed;
        memset(net->recipe, 'a', 64);
        round_trip(net);
        round_trip(quantized);
        must(mho_net_remove_batchnorm(quantized, MHO_SCALE_PER_CHANNEL, true, &removed, &error), &error);
        round_trip(removed);
        mho_net_destroy(removed);
        must(mho_net_remove_batchnorm(quantized, MHO_SCALE_PER_TENSOR, false, &removed, &error), &error);
        round_trip(removed);
        mho_net_destroy(removed);
        mho_net_destroy(net);
        mho_net_destroy(quantized);
    }
}

/* A scale that is not set stays NaN in a record, and its layer has no codes there. */
TEST(test_unset_scales_survive)
{
    MhoNet *net = sample_float("lenet"), *quantized, *back;
    MhoError error = {0};
    const MhoQuantPlan plan = sample_plan(4, 4);
    must(mho_net_quantize(net, &plan, &quantized, &error), &error);
    MhoRecord *record = record_of(quantized);
    ck_assert_ptr_null(mho_record_array(record, "layers/conv1/codes"));
    must(mho_net_from_record(record, "m.h5", &back, &error), &error);
    ck_assert(isnan(mho_node_values(&back->nodes[mho_net_find(back, "conv1_codes")], MHO_ARRAY_LOG_SCALE)[0]));
    mho_record_destroy(record);
    mho_net_destroy(net);
    mho_net_destroy(quantized);
    mho_net_destroy(back);
}

/* A record holds weight codes and settings under their names, for readers of other programs. */
TEST(test_codes_and_settings_are_readable)
{
    MhoNet *net = sample_quantized("lenet", 4, 4);
    MhoError error = {0};
    MhoRecord *record = record_of(net);
    const MhoArray *codes;
    must(mho_record_require(record, "m.h5", "layers/conv2/codes", MHO_I16, 4, &codes, &error), &error);
    ck_assert_uint_eq(codes->shape[3], 6);
    ck_assert_str_eq(codes->axis[0], "output");
    int16_t expected[16 * 150];
    must(mho_net_weight_codes(net, mho_net_find(net, "conv2"), expected, NULL, &error), &error);
    ck_assert_mem_eq(codes->data, expected, sizeof expected);
    const MhoRecord *layer = mho_record_find(record, "layers/conv2");
    ck_assert_str_eq(mho_attribute_string(&layer->attributes, "scale"), "per_channel");
    ck_assert_int_eq(*(const int64_t *)mho_attribute_find(&layer->attributes, "bits")->data, 4);
    mho_record_destroy(record);
    mho_net_destroy(net);
}

/* A record as another program writes it: image 2 x 2 x 1, dense of 3 classes. Foreign types, most settings left out. */
typedef struct Foreign {
    const char *names[3], *kinds[3], *input_a[3], *input_b[3];
    double weight[12], bias[3];
    int64_t channels, h;
    size_t rows, n_b;
} Foreign;

static Foreign foreign(void)
{
    Foreign f = {.names = {"image", "flat", "out"},
                 .kinds = {"input", "relu", "dense"},
                 .input_a = {"", "image", "flat"},
                 .input_b = {"", "", ""},
                 .bias = {0.0, 0.5, -1.0},
                 .channels = 3,
                 .h = 2,
                 .rows = 4,
                 .n_b = 3};
    for (int i = 0; i < 12; i++)
        f.weight[i] = 0.1 * i;
    return f;
}

static MhoRecord *foreign_record(const Foreign *f)
{
    MhoError error = {0};
    MhoRecord *record, *graph, *layers, *layer;
    const size_t three = 3, weight_shape[2] = {3, f->rows};
    const int32_t one = 1;
    const float bias = 1.0F;
    must(mho_record_create(&record, &error), &error);
    must(mho_record_child(record, "graph", &graph, &error), &error);
    must(mho_record_add(graph, "name", MHO_STRING, 1, &three, NULL, "", "", f->names, NULL, &error), &error);
    must(mho_record_add(graph, "kind", MHO_STRING, 1, &three, NULL, "", "", f->kinds, NULL, &error), &error);
    must(mho_record_add(graph, "input_a", MHO_STRING, 1, &three, NULL, "", "", f->input_a, NULL, &error), &error);
    must(mho_record_add(graph, "input_b", MHO_STRING, 1, &f->n_b, NULL, "", "", f->input_b, NULL, &error), &error);
    must(mho_record_child(record, "layers", &layers, &error), &error);
    must(mho_record_child(layers, "image", &layer, &error), &error);
    must(mho_attribute_int(&layer->attributes, "h", f->h, &error), &error);
    must(mho_attribute_real(&layer->attributes, "w", 2.0, &error), &error);
    must(mho_attribute_set(&layer->attributes, "c", MHO_I32, 1, &one, &error), &error);
    must(mho_record_child(layers, "out", &layer, &error), &error);
    must(mho_attribute_int(&layer->attributes, "channels", f->channels, &error), &error);
    must(mho_attribute_set(&layer->attributes, "bias", MHO_F32, 1, &bias, &error), &error);
    must(mho_record_add(layer, "weight", MHO_F64, 2, weight_shape, NULL, "", "", f->weight, NULL, &error), &error);
    must(mho_record_add(layer, "bias", MHO_F64, 1, &three, NULL, "", "", f->bias, NULL, &error), &error);
    return record;
}

static void refuse_record(const MhoRecord *record, const char *words)
{
    MhoError error = {0};
    MhoNet *net;
    must_refuse(mho_net_from_record(record, "m.h5", &net, &error), &error, MHO_INPUT, words);
    ck_assert_ptr_null(net);
    ck_assert_msg(strncmp(error.text, "m.h5: ", 6) == 0, "'%s' does not start with the file", error.text);
    ck_assert_ptr_null(strchr(error.text, '\n'));
}

static void refuse(const Foreign *f, const char *words)
{
    MhoRecord *record = foreign_record(f);
    refuse_record(record, words);
    mho_record_destroy(record);
}

/* A record of another program with float64 arrays and few settings is read with defaults. */
TEST(test_foreign_record)
{
    const Foreign f = foreign();
    MhoRecord *record = foreign_record(&f);
    MhoError error = {0};
    MhoNet *net;
    must(mho_net_from_record(record, "m.h5", &net, &error), &error);
    ck_assert_str_eq(net->name, "model");
    ck_assert_str_eq(net->recipe, "");
    ck_assert_int_eq(net->n_classes, 3);
    ck_assert_double_eq(((const MhoInputSettings *)(const void *)net->nodes[0].settings)->divisor, 255.0);
    ck_assert_int_eq(mho_node_conv(&net->nodes[2])->bits, 0);
    for (int i = 0; i < 12; i++)
        ck_assert_float_eq(mho_node_values(&net->nodes[2], MHO_ARRAY_WEIGHT)[i], (float)f.weight[i]);
    ck_assert_float_eq(mho_node_values(&net->nodes[2], MHO_ARRAY_BIAS)[2], -1.0F);
    mho_net_destroy(net);
    mho_record_destroy(record);
}

/* Unknown kinds, cycles, missing or repeated nodes and illegal names are refused by name. */
TEST(test_hostile_graphs)
{
    Foreign f = foreign();
    f.kinds[1] = "rleu";
    refuse(&f, "node 'flat': unknown layer 'rleu'; did you mean 'relu'");
    f = foreign();
    f.input_a[1] = "out"; /* a cycle */
    refuse(&f, "node 'flat' reads 'out', which is a later node");
    f = foreign();
    f.input_a[1] = "flat";
    refuse(&f, "node 'flat' reads 'flat', which is the node itself");
    f = foreign();
    f.input_a[2] = "nobody";
    refuse(&f, "'out' reads 'nobody'");
    f = foreign();
    f.names[1] = "image";
    refuse(&f, "two nodes are called 'image'");
    f = foreign();
    f.names[1] = "../flat";
    f.input_a[2] = "../flat";
    refuse(&f, "the name of a node");
    f = foreign();
    f.names[1] = "a_name_that_is_longer_than_any_name_of_a_node_is_allowed_to_be";
    refuse(&f, "the name of a node");
    f = foreign();
    f.kinds[0] = "relu";
    refuse(&f, "m.h5");
    f = foreign();
    f.n_b = 2;
    refuse(&f, "graph/input_b has 2 entries");
    f = foreign();
    f.kinds[1] = "add";
    refuse(&f, "node 'flat' has 1 inputs");
    f = foreign();
    f.input_a[2] = "image"; /* relu computes for nobody */
    refuse(&f, "node 'flat': no node reads");
}

/* Arrays of a wrong size, settings out of range and values that are not finite are refused by name. */
TEST(test_hostile_sizes_and_values)
{
    Foreign f = foreign();
    f.rows = 3;
    refuse(&f, "'layers/out/weight' has 9 values");
    f = foreign();
    f.channels = 4;
    refuse(&f, "'layers/out/weight'");
    f = foreign();
    f.channels = INT64_C(1) << 40;
    refuse(&f, "layers/out@channels");
    f = foreign();
    f.channels = -3;
    refuse(&f, "layers/out@channels");
    f = foreign();
    f.h = 4096; /* honest settings, no such weights: refused before memory is taken */
    refuse(&f, "m.h5");
    f = foreign();
    f.weight[7] = NAN;
    refuse(&f, "'layers/out/weight' holds nan at 7");
    f = foreign();
    f.weight[0] = 1e300; /* no float */
    refuse(&f, "'layers/out/weight' holds inf at 0");
}

static MhoRecord *layer_of(MhoRecord *record, const char *name)
{
    MhoError error = {0};
    MhoRecord *layers, *layer;
    must(mho_record_child(record, "layers", &layers, &error), &error);
    must(mho_record_child(layers, name, &layer, &error), &error);
    return layer;
}

/* A quantized net whose first activations have this sign and policy. */
static MhoRecord *codes_record(bool is_signed, const char *policy)
{
    MhoNet *net = sample_quantized("allconv", 4, 4);
    MhoRecord *record;
    MhoError error = {0};
    must(mho_record_create(&record, &error), &error);
    must(mho_net_to_record(net, record, &error), &error);
    must(mho_attribute_int(&layer_of(record, "conv1_codes")->attributes, "is_signed", is_signed, &error), &error);
    must(mho_attribute_text(&layer_of(record, "conv1_codes")->attributes, "policy", policy, &error), &error);
    mho_net_destroy(net);
    return record;
}

/* Groups and settings that no node has, and values of a wrong type, are refused by name. */
TEST(test_hostile_groups)
{
    const Foreign f = foreign();
    MhoError error = {0};
    const size_t three = 3;
    MhoRecord *record = foreign_record(&f);
    (void)layer_of(record, "otu");
    refuse_record(record, "layers/otu");
    mho_record_destroy(record);
    record = foreign_record(&f);
    must(mho_attribute_int(&layer_of(record, "out")->attributes, "chanels", 3, &error), &error);
    refuse_record(record, "layers/out@chanels");
    mho_record_destroy(record);
    record = foreign_record(&f);
    must(mho_attribute_text(&layer_of(record, "out")->attributes, "scale", "per_row", &error), &error);
    refuse_record(record, "per_row");
    mho_record_destroy(record);
    record = foreign_record(&f);
    must(mho_attribute_real(&layer_of(record, "image")->attributes, "divisor", NAN, &error), &error);
    refuse_record(record, "layers/image@divisor");
    mho_record_destroy(record);
    record = foreign_record(&f);
    must(mho_attribute_set(&layer_of(record, "out")->attributes, "bits", MHO_F64, 2, (const double[]){1, 2}, &error),
         &error);
    refuse_record(record, "layers/out@bits");
    mho_record_destroy(record);
    record = foreign_record(&f);
    must(mho_record_add(layer_of(record, "out"), "gamma", MHO_F32, 1, &three, NULL, "", "", NULL, NULL, &error),
         &error);
    refuse_record(record, "'layers/out/gamma' is not an array");
    mho_record_destroy(record);
    record = foreign_record(&f);
    must(mho_attribute_int(&layer_of(record, "out")->attributes, "bits", 2, &error), &error);
    must(mho_attribute_text(&layer_of(record, "out")->attributes, "policy", "fqcon\nv", &error), &error);
    refuse_record(record, "node 'out': unknown quantizer 'fqcon\\nv'");
    must(mho_attribute_text(&layer_of(record, "out")->attributes, "policy", "fqconv", &error), &error);
    must(mho_attribute_int(&layer_of(record, "out")->attributes, "bits", 16, &error), &error);
    refuse_record(record, "takes 2 to 8 bits, not 16");
    mho_record_destroy(record);
    record = codes_record(true, "pact");
    refuse_record(record, "'pact' has no signed activations");
    mho_record_destroy(record);
    record = foreign_record(&f);
    must(mho_attribute_text(&record->attributes, "recipe",
                            "0123456789012345678901234567890123456789012345678901234567890123456789", &error),
         &error);
    refuse_record(record, "recipe");
    mho_record_destroy(record);
    must(mho_record_create(&record, &error), &error);
    refuse_record(record, "graph/name");
    mho_record_destroy(record);
}

static void drop_array(MhoRecord *record, const char *layer, const char *name, const char *new_name)
{
    const MhoRecord *group = layer_of(record, layer);
    for (size_t i = 0; i < group->n_arrays; i++)
        if (strcmp(group->arrays[i]->name, name) == 0) {
            free(group->arrays[i]->name);
            group->arrays[i]->name = strdup(new_name);
        }
}

/* A missing array is refused unless it is a scale, which is then unset; unknown arrays are refused. */
TEST(test_missing_arrays)
{
    MhoNet *net = sample_quantized("lenet", 4, 4), *back;
    MhoError error = {0};
    MhoRecord *record = record_of(net);
    drop_array(record, "conv1", "codes", "codez");
    refuse_record(record, "'layers/conv1/codez' is not an array");
    drop_array(record, "conv1", "codez", "codes");
    drop_array(record, "conv1_norm", "variance", "codes"); /* the one name that is ignored */
    refuse_record(record, "'layers/conv1_norm/variance' is missing");
    drop_array(record, "conv1_norm", "codes", "variance");
    ((float *)mho_record_array(record, "layers/conv1_norm/variance")->data)[2] = -0.5F;
    refuse_record(record, "variances of 0 or more");
    ((float *)mho_record_array(record, "layers/conv1_norm/variance")->data)[2] = 0.5F;
    drop_array(record, "conv1_codes", "log_scale", "codes"); /* a scale may be missing: not set */
    must(mho_net_from_record(record, "m.h5", &back, &error), &error);
    ck_assert(isnan(mho_node_values(&back->nodes[mho_net_find(back, "conv1_codes")], MHO_ARRAY_LOG_SCALE)[0]));
    mho_net_destroy(back);
    mho_record_destroy(record);
    mho_net_destroy(net);
}
