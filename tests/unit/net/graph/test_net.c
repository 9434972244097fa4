/* test_net.c - building graphs by hand and by name: shapes, work, initial weights, errors that name the node. */
#include "net/lowered/lower.h"
#include "support/net_sample.h"

/* Every builder gives a float net with batch norm, 10 classes and the multiply-accumulates counted by hand. */
TEST(test_builders_have_their_work)
{
    /* by hand: conv out_h out_w k kernel^2 c; ResNet-20 with three option-B stage changes less than 1 % above 40.55 M
     */
    const struct {
        const char *builder;
        double macs;
    } rows[] = {{"lenet", 28 * 28 * 6 * 25 + 10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10},
                {"allconv",
                 28 * 28 * 16 * 9 + 14 * 14 * 24 * 144 + 7 * 7 * 32 * 216 + 7 * 7 * 48 * 288 + 4 * 4 * 64 * 432 + 640},
                {"resnet20", 40813184}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        MhoNet *net = sample_float(rows[i].builder);
        ck_assert_double_eq(mho_net_macs(net), rows[i].macs);
        ck_assert_int_eq(net->n_classes, 10);
        ck_assert_str_eq(net->name, rows[i].builder);
        ck_assert(mho_net_has_batchnorm(net));
        ck_assert(!mho_net_is_quantized(net));
        ck_assert_str_eq(mho_net_builders()[i], rows[i].builder);
        mho_net_destroy(net);
    }
    ck_assert_ptr_null(mho_net_builders()[3]);
}

/* Shapes and weights of ResNet-20 are those of the paper; nodes read earlier nodes only. */
TEST(test_shapes)
{
    MhoNet *net = sample_float("resnet20");
    const struct {
        const char *node;
        MhoShape shape;
    } rows[] = {{"image", {32, 32, 3}},          {"conv1_relu", {32, 32, 16}}, {"block2a_conv1", {16, 16, 32}},
                {"block2a_short", {16, 16, 32}}, {"block3c_relu", {8, 8, 64}}, {"pool", {1, 1, 64}},
                {"logits", {1, 1, 10}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int at = mho_net_find(net, rows[i].node);
        ck_assert_msg(at >= 0, "no node %s", rows[i].node);
        const MhoShape got = net->nodes[at].shape;
        ck_assert_int_eq(got.h, rows[i].shape.h);
        ck_assert_int_eq(got.w, rows[i].shape.w);
        ck_assert_int_eq(got.c, rows[i].shape.c);
        for (int k = 0; k < net->nodes[at].n_inputs; k++)
            ck_assert_int_lt(net->nodes[at].inputs[k], at);
    }
    const MhoNodeArray *weight = mho_node_array(&net->nodes[mho_net_find(net, "block2a_conv1")], MHO_ARRAY_WEIGHT);
    ck_assert_uint_eq(weight->n, 32 * 3 * 3 * 16);
    ck_assert(weight->learned && weight->decayed);
    mho_net_destroy(net);
}

/* The width multiplies the channels of every layer except the classes. */
TEST(test_width)
{
    MhoError error = {0};
    MhoNet *net;
    must(mho_net_build("allconv", (MhoShape){28, 28, 1}, 10, 0.5, 1, &net, &error), &error);
    ck_assert_int_eq(net->nodes[mho_net_find(net, "conv5")].shape.c, 32);
    ck_assert_int_eq(net->nodes[mho_net_find(net, "logits")].shape.c, 10);
    mho_net_destroy(net);
}

static void moments(const MhoNodeArray *array, double *mean, double *variance)
{
    *mean = *variance = 0.0;
    for (size_t i = 0; i < array->n; i++)
        *mean += (double)array->value[i] / (double)array->n;
    for (size_t i = 0; i < array->n; i++)
        *variance += ((double)array->value[i] - *mean) * ((double)array->value[i] - *mean) / (double)array->n;
}

/* Initial weights have the mean and variance of He et al. and depend on the seed and the layer alone. */
TEST(test_initial_weights)
{
    MhoError error = {0};
    MhoNet *net = sample_float("resnet20"), *other;
    must(mho_net_build("resnet20", (MhoShape){32, 32, 3}, 10, 1.0, 2, &other, &error), &error);
    const int at = mho_net_find(net, "block3c_conv2");
    const MhoNodeArray *weight = mho_node_array(&net->nodes[at], MHO_ARRAY_WEIGHT);
    double mean, variance;
    moments(weight, &mean, &variance);
    const double expected = 2.0 / 576.0, n = (double)weight->n;
    ck_assert_double_lt(fabs(mean), 5.0 * sqrt(expected / n));
    ck_assert_double_lt(fabs(variance - expected), 5.0 * expected * sqrt(2.0 / n));
    ck_assert_mem_ne(weight->value, mho_node_array(&other->nodes[at], MHO_ARRAY_WEIGHT)->value,
                     weight->n * sizeof(float));
    const MhoNodeArray *sister = mho_node_array(&net->nodes[mho_net_find(net, "block3c_conv1")], MHO_ARRAY_WEIGHT);
    ck_assert_mem_ne(weight->value, sister->value, weight->n * sizeof(float));
    must(mho_net_initialize(other, 1, &error), &error);
    ck_assert_mem_eq(weight->value, mho_node_array(&other->nodes[at], MHO_ARRAY_WEIGHT)->value,
                     weight->n * sizeof(float));
    ck_assert_float_eq(mho_node_values(&other->nodes[mho_net_find(other, "conv1_norm")], MHO_ARRAY_GAMMA)[3], 1.0F);
    ck_assert_float_eq(mho_node_values(&other->nodes[mho_net_find(other, "conv1_norm")], MHO_ARRAY_VARIANCE)[3], 1.0F);
    mho_net_destroy(net);
    mho_net_destroy(other);
}

static void digest(const MhoNet *net, char hex[65])
{
    MhoError error = {0};
    MhoRecord *record;
    must(mho_record_create(&record, &error), &error);
    must(mho_net_to_record(net, record, &error), &error);
    must(mho_record_digest(record, hex, &error), &error);
    mho_record_destroy(record);
}

/* A copy has the same record and recipe; a change of it does not reach the original. */
TEST(test_copy_is_equal_and_its_own)
{
    MhoError error = {0};
    MhoNet *net = sample_quantized("resnet20", 4, 4), *copy;
    char hex[65], hex_copy[65];
    memcpy(net->recipe, "abc", 4);
    must(mho_net_copy(net, &copy, &error), &error);
    digest(net, hex);
    digest(copy, hex_copy);
    ck_assert_str_eq(hex, hex_copy);
    ck_assert_str_eq(copy->recipe, "abc");
    mho_node_array(&copy->nodes[mho_net_find(copy, "conv1")], MHO_ARRAY_WEIGHT)->value[5] += 1.0F;
    digest(copy, hex_copy);
    ck_assert_str_ne(hex, hex_copy);
    digest(net, hex_copy);
    ck_assert_str_eq(hex, hex_copy);
    mho_net_destroy(net);
    mho_net_destroy(copy);
}

static MhoNet *with_image(void)
{
    const MhoInputSettings input = {.h = 8, .w = 8, .c = 3, .divisor = 255.0};
    MhoError error = {0};
    MhoNet *net;
    must(mho_net_create("hand", &net, &error), &error);
    must(mho_net_add(net, "image", "input", &input, sizeof input, NULL, NULL, &error), &error);
    return net;
}

/* Errors of building a net name the node, and the nearest kind where the kind is misspelled. */
TEST(test_errors_name_the_node)
{
    MhoError error = {0};
    MhoNet *net = with_image(), *none;
    must_refuse(mho_net_add(net, "image", "relu", NULL, 0, "image", NULL, &error), &error, MHO_USAGE, "'image'");
    must_refuse(mho_net_add(net, "a/b", "relu", NULL, 0, "image", NULL, &error), &error, MHO_USAGE, "'a/b'");
    must_refuse(mho_net_add(net, "r", "rleu", NULL, 0, "image", NULL, &error), &error, MHO_USAGE, "node 'r'");
    must_refuse(mho_net_add(net, "r", "rleu", NULL, 0, "image", NULL, &error), &error, MHO_USAGE,
                "did you mean 'relu'");
    must_refuse(mho_net_add(net, "r", "relu", NULL, 0, "imag", NULL, &error), &error, MHO_USAGE, "'r' reads 'imag'");
    must_refuse(mho_net_add(net, "r", "relu", NULL, 0, "image", "image", &error), &error, MHO_USAGE,
                "node 'r' has 2 inputs");
    must_refuse(mho_net_add(net, "c", "conv", &error, 3, "image", NULL, &error), &error, MHO_FAILED, "node 'c'");
    MhoConvSettings conv = {.channels = 4, .kernel = 11, .stride = 1, .groups = 1, .policy = "fqconv"};
    conv.bits = 99;
    must_refuse(mho_net_add(net, "c", "conv", &conv, sizeof conv, "image", NULL, &error), &error, MHO_USAGE,
                "node 'c': conv: bits");
    conv.bits = 0;
    must(mho_net_add(net, "c", "conv", &conv, sizeof conv, "image", NULL, &error), &error);
    must_refuse(mho_net_finish(net, &error), &error, MHO_USAGE, "node 'c'"); /* a window of 11 on 8 x 8 */
    mho_net_destroy(net);
    net = with_image();
    must(mho_net_add(net, "left", "relu", NULL, 0, "image", NULL, &error), &error);
    must(mho_net_add(net, "right", "dense", NULL, 0, "image", NULL, &error), &error);
    must_refuse(mho_net_finish(net, &error), &error, MHO_USAGE, "node 'left': no node reads");
    mho_net_destroy(net);
    must_refuse(mho_net_build("resnet2", (MhoShape){32, 32, 3}, 10, 1.0, 1, &none, &error), &error, MHO_USAGE,
                "'resnet20'");
    must_refuse(mho_net_build("allconv", (MhoShape){28, 28, 1}, 10, NAN, 1, &none, &error), &error, MHO_USAGE, "width");
    must_refuse(mho_net_build("lenet", (MhoShape){3, 3, 1}, 10, 1.0, 1, &none, &error), &error, MHO_USAGE,
                "node 'conv2'");
    must_refuse(mho_net_create("", &none, &error), &error, MHO_USAGE, "name");
    mho_net_destroy(NULL);
}

/* An addition takes codes of one shared scale with as many codes, and nothing else. */
TEST(test_codes_of_different_steps_are_not_added)
{
    MhoError error = {0};
    MhoFakeQuantSettings own = {.bits = 8, .is_signed = true, .policy = "fqconv"}, shared = own, wrong = own;
    MhoNet *net = with_image();
    strcpy(shared.share, "a");
    strcpy(wrong.share, "c");
    must(mho_net_add(net, "a", "fake_quant", &own, sizeof own, "image", NULL, &error), &error);
    must(mho_net_add(net, "b", "fake_quant", &own, sizeof own, "image", NULL, &error), &error);
    must(mho_net_add(net, "sum", "add", NULL, 0, "a", "b", &error), &error);
    must(mho_net_add(net, "out", "dense", NULL, 0, "sum", NULL, &error), &error);
    must_refuse(mho_net_finish(net, &error), &error, MHO_USAGE, "node 'sum' adds 'a' and 'b'");
    memcpy(net->nodes[mho_net_find(net, "b")].settings, &wrong, sizeof wrong);
    must_refuse(mho_net_finish(net, &error), &error, MHO_USAGE, "node 'b': share = 'c'");
    shared.bits = 7;
    memcpy(net->nodes[mho_net_find(net, "b")].settings, &shared, sizeof shared);
    must_refuse(mho_net_finish(net, &error), &error, MHO_USAGE, "node 'sum' adds 'a' and 'b'"); /* n = 63 against 127 */
    shared.is_signed = false; /* n = 127: the positive half of the same codes */
    memcpy(net->nodes[mho_net_find(net, "b")].settings, &shared, sizeof shared);
    must(mho_net_finish(net, &error), &error);
    double scale_a, scale_b;
    mho_node_array(&net->nodes[1], MHO_ARRAY_LOG_SCALE)->value[0] = 0.5F;
    must(mho_net_scale(net, 1, &scale_a, &error), &error);
    must(mho_net_scale(net, 3, &scale_b, &error), &error);
    ck_assert_double_eq(scale_a, scale_b);
    ck_assert_double_eq_tol(scale_a, exp(0.5) / 127.0, 1e-9);
    mho_net_destroy(net);
}
