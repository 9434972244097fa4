/* test_fold_batchnorm.c - folding is exact but for the rounding of the shift; the paper's form drops it. */
#include <stdlib.h>

#include "kernels/math.h"
#include "support/net_sample.h"
#include "net/transform/transform.h"

enum { SUMS = 200 };

typedef struct Pair {
    MhoNet *with, *without;
} Pair;

static Pair sample_pair(const char *builder, int bits, int scale, bool shift)
{
    MhoError error = {0};
    Pair pair = {.with = sample_quantized(builder, bits, 4)};
    must(mho_net_remove_batchnorm(pair.with, scale, shift, &pair.without, &error), &error);
    ck_assert(!mho_net_has_batchnorm(pair.without));
    ck_assert(mho_net_is_quantized(pair.without));
    return pair;
}

static void destroy_pair(Pair pair)
{
    mho_net_destroy(pair.with);
    mho_net_destroy(pair.without);
}

static int16_t *codes_of(const MhoNet *net, const char *name, int32_t *shift, size_t *n)
{
    MhoError error = {0};
    const int at = mho_net_find(net, name);
    *n = mho_node_array(&net->nodes[at], MHO_ARRAY_WEIGHT)->n;
    int16_t *codes = calloc(*n, sizeof *codes);
    ck_assert_ptr_nonnull(codes);
    must(mho_net_weight_codes(net, at, codes, shift, &error), &error);
    return codes;
}

/* Same weight codes but for the sign of filters with a negative gain. */
static void check_codes(Pair pair, const char *layer, const char *norm)
{
    size_t n, n_without;
    int16_t *with = codes_of(pair.with, layer, NULL, &n), *without = codes_of(pair.without, layer, NULL, &n_without);
    const float *gamma = mho_node_values(&pair.with->nodes[mho_net_find(pair.with, norm)], MHO_ARRAY_GAMMA);
    const size_t channels = (size_t)pair.with->nodes[mho_net_find(pair.with, layer)].shape.c;
    bool any = false;
    ck_assert_uint_eq(n, n_without);
    for (size_t r = 0; r < n; r++) {
        const int sign = gamma[r / (n / channels)] < 0.0F ? -1 : 1;
        ck_assert_int_eq(without[r], sign * with[r]);
        any = any || (with[r] != 0 && sign < 0);
    }
    ck_assert(any);
    free(with);
    free(without);
}

static float code_of(float sum, float a, float b, const MhoRequant *requant)
{
    return mho_round(mho_clampf(fmaf(sum, a, b), (float)requant->low, (float)requant->high));
}

/* Codes of random sums with and without batch norm. The shift is rounded by half a unit at most, so the two may differ
 * only where the unrounded code lies within a/2 of a threshold. */
static void check_folding(Pair pair, const char *layer, const char *quantizer)
{
    MhoError error = {0};
    const int with = mho_net_find(pair.with, quantizer), without = mho_net_find(pair.without, quantizer);
    const size_t channels = (size_t)pair.with->nodes[with].shape.c;
    float *a = calloc(4 * channels, sizeof *a), *sums = calloc(SUMS, sizeof *sums);
    int32_t *shift = calloc(channels, sizeof *shift);
    MhoRequant old, new;
    size_t n, same = 0, inside = 0;
    ck_assert(a && sums && shift);
    must(mho_net_requant(pair.with, with, a, a + channels, &old, &error), &error);
    must(mho_net_requant(pair.without, without, a + 2 * channels, a + 3 * channels, &new, &error), &error);
    free(codes_of(pair.without, layer, shift, &n));
    ck_assert_int_eq(old.low, new.low);
    ck_assert_int_eq(old.high, new.high);
    for (size_t k = 0; k < channels; k++) {
        const float a_old = a[k], b_old = a[channels + k], a_new = a[2 * channels + k], b_new = a[3 * channels + k];
        const float sign = a_old < 0.0F ? -1.0F : 1.0F, span = (float)old.high / fabsf(a_old);
        ck_assert_float_eq(b_new, 0.0F);
        ck_assert_float_eq_tol(a_new / fabsf(a_old), 1.0F, 1e-5F);
        sample_uniform((uint32_t)(1000 + k), SUMS, -1.5F * span, 1.5F * span, sums);
        for (size_t i = 0; i < SUMS; i++) {
            const float sum = rintf(sums[i] - b_old / a_old);
            const float before = code_of(sum, a_old, b_old, &old),
                        after = code_of(sign * sum + (float)shift[k], a_new, b_new, &new);
            const float exact = fmaf(sum, a_old, b_old), to_threshold = fabsf(exact - floorf(exact) - 0.5F);
            if (to_threshold > 0.5F * a_new + 1e-3F)
                ck_assert_msg(before == after, "%s channel %zu: %g against %g", layer, k, (double)before,
                              (double)after);
            same += before == after;
            inside += after > (float)new.low &&after < (float)new.high;
        }
    }
    ck_assert_uint_gt(same, SUMS * channels * 9 / 10);
    ck_assert_uint_gt(inside, SUMS * channels / 5); /* not everything is clipped */
    free(a);
    free(sums);
    free(shift);
}

/* With one scale per channel and shifts, folded layers have the same weight codes and almost the same constants. */
TEST(test_folding_gives_the_same_codes)
{
    Pair pair = sample_pair("resnet20", 8, MHO_SCALE_PER_CHANNEL, true);
    check_codes(pair, "block1a_conv1", "block1a_conv1_norm");
    check_codes(pair, "block2a_short", "block2a_short_norm");
    check_folding(pair, "block1a_conv1", "block1a_conv1_codes");
    check_folding(pair, "conv1", "conv1_stream");
    check_folding(pair, "block2a_short", "block2a_short_stream"); /* signed branch */
    check_folding(pair, "block2a_conv2", "block2a_conv2_stream");
    destroy_pair(pair);
    pair = sample_pair("lenet", 2, MHO_SCALE_PER_CHANNEL, true);
    check_codes(pair, "dense1", "dense1_norm");
    check_folding(pair, "dense1", "dense1_codes");
    destroy_pair(pair);
}

/* Weights half-way between two codes: one rounding of the new scale would move them, folding must not. */
TEST(test_weights_on_thresholds_keep_their_codes)
{
    MhoNet *net = sample_quantized("allconv", 8, 4);
    MhoError error = {0};
    MhoNode *layer = &net->nodes[mho_net_find(net, "conv3")];
    MhoNodeArray *weight = mho_node_array(layer, MHO_ARRAY_WEIGHT);
    const float *log_scale = mho_node_values(layer, MHO_ARRAY_LOG_SCALE);
    for (size_t r = 0; r < weight->n; r++) {
        const double step = mho_exp((double)log_scale[r / (weight->n / 32)]) / 127.0;
        weight->value[r] = (float)(((double)(r % 200) - 99.5) * step);
    }
    Pair pair = {.with = net};
    must(mho_net_remove_batchnorm(net, MHO_SCALE_PER_CHANNEL, true, &pair.without, &error), &error);
    check_codes(pair, "conv3", "conv3_norm");
    destroy_pair(pair);
}

/* With one scale per tensor it is the geometric mean, and there are neither shifts nor biases. */
TEST(test_per_tensor_drops_the_shift)
{
    Pair pair = sample_pair("allconv", 2, MHO_SCALE_PER_TENSOR, false);
    MhoError error = {0};
    const int at = mho_net_find(pair.without, "conv3"), norm = mho_net_find(pair.with, "conv3_norm");
    const MhoNode *layer = &pair.without->nodes[at], *bn = &pair.with->nodes[norm];
    const float *before = mho_node_values(&pair.with->nodes[mho_net_find(pair.with, "conv3")], MHO_ARRAY_LOG_SCALE);
    double mean = 0.0;
    for (int k = 0; k < 32; k++)
        mean += ((double)before[k] + log(fabs((double)mho_node_values(bn, MHO_ARRAY_GAMMA)[k])) -
                 0.5 * log((double)mho_node_values(bn, MHO_ARRAY_VARIANCE)[k] +
                           ((const MhoBatchnormSettings *)(const void *)bn->settings)->epsilon)) /
                32.0;
    ck_assert_uint_eq(mho_node_array((MhoNode *)layer, MHO_ARRAY_LOG_SCALE)->n, 1);
    ck_assert_double_eq_tol((double)mho_node_values(layer, MHO_ARRAY_LOG_SCALE)[0], mean, 1e-6);
    ck_assert_ptr_null(mho_node_values(layer, MHO_ARRAY_SHIFT));
    ck_assert_ptr_null(mho_node_values(layer, MHO_ARRAY_BIAS));
    int32_t shift[32];
    size_t n;
    int16_t *codes = codes_of(pair.without, "conv3", shift, &n);
    for (int k = 0; k < 32; k++)
        ck_assert_int_eq(shift[k], 0);
    free(codes);
    check_codes(pair, "conv3", "conv3_norm");
    /* the classifier keeps its float bias */
    ck_assert_ptr_nonnull(mho_node_values(&pair.without->nodes[mho_net_find(pair.without, "logits")], MHO_ARRAY_BIAS));
    float a[32], b[32];
    MhoRequant requant;
    must(mho_net_requant(pair.without, mho_net_find(pair.without, "conv3_codes"), a, b, &requant, &error), &error);
    ck_assert_float_eq(a[0], a[31]);
    ck_assert_float_eq(b[7], 0.0F);
    destroy_pair(pair);
}

/* A channel whose gain vanishes has zero weights and a shift that gives its constant. */
TEST(test_dead_channel_keeps_its_constant)
{
    MhoNet *net = sample_quantized("allconv", 4, 8), *removed;
    MhoError error = {0};
    MhoNode *norm = &net->nodes[mho_net_find(net, "conv2_norm")];
    float a[24], b[24];
    int32_t shift[24];
    size_t n;
    MhoRequant requant;
    mho_node_array(norm, MHO_ARRAY_GAMMA)->value[5] = 0.0F;
    mho_node_array(norm, MHO_ARRAY_BETA)->value[5] = 0.6F;
    mho_node_array(norm, MHO_ARRAY_GAMMA)->value[6] = -1e-20F;
    mho_node_array(norm, MHO_ARRAY_BETA)->value[6] = 0.0F;
    mho_node_array(norm, MHO_ARRAY_GAMMA)->value[7] = 1e-5F; /* its shift would be 10^8 units */
    mho_node_array(norm, MHO_ARRAY_BETA)->value[7] = -0.3F;
    must(mho_net_remove_batchnorm(net, MHO_SCALE_PER_CHANNEL, true, &removed, &error), &error);
    int16_t *codes = codes_of(removed, "conv2", shift, &n);
    for (size_t r = 5 * n / 24; r < 8 * n / 24; r++)
        ck_assert_int_eq(codes[r], 0);
    free(codes);
    ck_assert_int_eq(shift[5], 127);
    ck_assert_int_eq(shift[6], 0);
    ck_assert_int_eq(shift[7], -127);
    const int at = mho_net_find(removed, "conv2_codes");
    double step;
    must(mho_net_requant(removed, at, a, b, &requant, &error), &error);
    must(mho_net_scale(removed, at, &step, &error), &error);
    ck_assert_double_eq_tol(127.0 * (double)a[5] * step, 0.6, 1e-5);
    ck_assert(isfinite(a[6]) && isfinite(b[6]));
    for (size_t k = 0; k < 24; k++)
        ck_assert(isfinite(mho_node_values(&removed->nodes[mho_net_find(removed, "conv2")], MHO_ARRAY_LOG_SCALE)[k]));
    mho_net_destroy(net);
    mho_net_destroy(removed);
}

/* conv with bias and no batch norm: the bias becomes a shift of whole units. */
TEST(test_bias_becomes_shift)
{
    const MhoInputSettings input = {.h = 4, .w = 4, .c = 2, .divisor = 255.0};
    const MhoConvSettings conv = {
        .channels = 3, .kernel = 3, .stride = 1, .groups = 1, .bias = true, .policy = "fqconv"};
    const MhoQuantPlan plan = sample_plan(3, 4);
    MhoError error = {0};
    MhoNet *net, *quantized, *removed;
    must(mho_net_create("hand", &net, &error), &error);
    must(mho_net_add(net, "image", "input", &input, sizeof input, NULL, NULL, &error), &error);
    must(mho_net_add(net, "conv", "conv", &conv, sizeof conv, "image", NULL, &error), &error);
    must(mho_net_add(net, "conv_relu", "relu", NULL, 0, "conv", NULL, &error), &error);
    must(mho_net_add(net, "out", "dense", NULL, 0, "conv_relu", NULL, &error), &error);
    must(mho_net_finish(net, &error), &error);
    must(mho_net_initialize(net, 3, &error), &error);
    must_refuse(mho_net_remove_batchnorm(net, MHO_SCALE_PER_CHANNEL, true, &removed, &error), &error, MHO_USAGE,
                "node 'conv'");
    mho_node_array(&net->nodes[1], MHO_ARRAY_BIAS)->value[1] = 0.4F;
    must(mho_net_quantize(net, &plan, &quantized, &error), &error);
    must(mho_net_fit_weights(quantized, &error), &error);
    sample_ranges(quantized);
    must(mho_net_remove_batchnorm(quantized, MHO_SCALE_PER_CHANNEL, true, &removed, &error), &error);
    const double unit = exp((double)mho_node_values(&quantized->nodes[1], MHO_ARRAY_LOG_SCALE)[1]) / 3.0 / 255.0;
    ck_assert_ptr_null(mho_node_values(&removed->nodes[1], MHO_ARRAY_BIAS));
    ck_assert_double_eq_tol((double)mho_node_values(&removed->nodes[1], MHO_ARRAY_SHIFT)[1] / (0.4 / unit), 1.0, 1e-6);
    ck_assert_float_eq(mho_node_values(&removed->nodes[1], MHO_ARRAY_SHIFT)[0], 0.0F);
    mho_net_destroy(net);
    mho_net_destroy(quantized);
    mho_net_destroy(removed);
}

/* Float layers, unset scales and batch norm that follows no weighted layer are refused with the node's name. */
TEST(test_refusals)
{
    MhoNet *net = sample_float("allconv"), *none;
    MhoError error = {0};
    must_refuse(mho_net_remove_batchnorm(net, MHO_SCALE_PER_CHANNEL, true, &none, &error), &error, MHO_USAGE,
                "node 'conv1'");
    mho_net_destroy(net);
    net = sample_quantized("allconv", 4, 4);
    mho_node_array(&net->nodes[mho_net_find(net, "conv2")], MHO_ARRAY_LOG_SCALE)->value[0] = NAN;
    must_refuse(mho_net_remove_batchnorm(net, MHO_SCALE_PER_CHANNEL, true, &none, &error), &error, MHO_USAGE,
                "node 'conv2'");
    mho_net_destroy(net);
    net = sample_quantized("allconv", 4, 4); /* batch norm after a fake_quant node has no weights to go into */
    const MhoFakeQuantSettings codes = {.bits = 4, .is_signed = false, .policy = "fqconv"};
    net->nodes[mho_net_find(net, "logits")].inputs[0] = mho_net_find(net, "image");
    must(mho_net_add(net, "late_norm", "batchnorm", NULL, 0, "pool_codes", NULL, &error), &error);
    must(mho_net_add(net, "late_codes", "fake_quant", &codes, sizeof codes, "late_norm", NULL, &error), &error);
    must_refuse(mho_net_remove_batchnorm(net, MHO_SCALE_PER_CHANNEL, true, &none, &error), &error, MHO_USAGE,
                "node 'late_norm'");
    mho_net_destroy(net);
}
