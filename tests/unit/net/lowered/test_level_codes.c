/* test_level_codes.c - non-uniform weights on the 16-bit grid in whole networks: evaluation of training = integer
 * executor = arrays of ideal cells, code for code; training passes let the range follow the weights.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array_bench.h"
#include "harness.h"
#include "net/transform/bits.h"
#include "net/fakequant/fakequant.h"
#include "net/transform/transform.h"
#include "quantized_bench.h"
#include "net/calibrate/calibrate.h"
#include "support/run_once.h"

TEST_TIMEOUT(60);

#define must(call, error) ck_assert_msg((call) == MHO_OK, "%s", (error)->text)

enum { N_IMAGES = 6, GRID = 32639, MAX_LAYERS = 8 };
static const MhoShape input = {12, 12, 1};

static MhoQuantPlan plan_of(const char *policy, const char *activations, int bits, int scale)
{
    const bool own = strncmp(activations, "uniq", 4) == 0;
    MhoQuantPlan plan = {.weight_bits = bits, .activation_bits = own ? bits : 4, .scale = scale};
    strcpy(plan.weight_policy, policy);
    strcpy(plan.activation_policy, activations);
    return plan;
}

static MhoNet *level_net(const char *policy, const char *activations, int bits, int scale, const uint8_t *images)
{
    const MhoQuantPlan plan = plan_of(policy, activations, bits, scale);
    MhoError error = {0};
    MhoNet *net, *made;
    must(mho_net_build("allconv", input, 10, 1.0, 5, &net, &error), &error);
    draw_trained(net);
    must(mho_net_quantize(net, &plan, &made, &error), &error);
    must(mho_net_fit_weights(made, &error), &error);
    must(mho_net_calibrate(made, images, N_IMAGES, 1, &error), &error);
    mho_net_destroy(net);
    return made;
}

/* What evaluation stores at every step, as outputs; the largest |sum| of a weighted layer. */
static Outputs pass_outputs(MhoNet *net, const MhoLoweredNet *lowered, const uint8_t *images, double *largest)
{
    Outputs o = outputs_new(lowered, N_IMAGES);
    MhoError error = {0};
    MhoFakeQuant *pass;
    must(mho_fakequant_create(net, N_IMAGES, false, &pass, &error), &error);
    must(mho_fakequant_forward(pass, images, false, o.logits, &error), &error);
    for (size_t s = 0; s < lowered->n_steps; s++) {
        const MhoStep *step = &lowered->steps[s];
        const size_t size = (size_t)(step->shape.h * step->shape.w * step->shape.c);
        const float *stored = mho_fakequant_output(pass, (size_t)mho_net_find(net, step->name));
        for (size_t i = 0; i < N_IMAGES * size && !step->is_logits; i++)
            o.codes[i / size * o.codes_size + lowered->codes_offset[s] + i % size] = (uint8_t)(int)stored[i];
    }
    *largest = 0.0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoShape shape = net->nodes[i].shape;
        const size_t n = N_IMAGES * (size_t)(shape.h * shape.w * shape.c);
        for (size_t r = 0; r < n && mho_node_conv(&net->nodes[i]); r++)
            *largest = fmax(*largest, fabs((double)mho_fakequant_output(pass, i)[r]));
    }
    mho_fakequant_destroy(pass);
    return o;
}

/* Ideal cells and converters of one accumulator unit; every layer is one tile high, so that a sum is rounded to float
 * once, as the integer executor does. */
static Outputs ideal_outputs(const MhoLoweredNet *lowered, const uint8_t *images)
{
    const MhoCondition at = {.t = 0.0, .temperature = 298.15};
    MhoLayerMeter meters[MAX_LAYERS] = {{0}};
    ArrayBench bench;
    MhoError error = {0};
    MhoNetOnChip *on_chip;
    array_open(&bench, "ideal", "ideal");
    bench.config.chip.rows = bench.config.chip.cols = 1024;
    must(plan_net(lowered, &bench.config, NULL, 0, 0, &on_chip, &error), &error);
    must(mho_net_on_chip_set(on_chip, 0, at, NULL, &error), &error);
    for (size_t l = 0; l < lowered->n_matrices; l++)
        ck_assert_uint_eq(mho_plan_layer(mho_net_on_chip_plan(on_chip), l).row_tiles, 1);
    const Outputs o = analog_outputs(lowered, mho_net_on_chip_state(on_chip), images, N_IMAGES, 2, meters);
    mho_net_on_chip_destroy(on_chip);
    array_close(&bench);
    return o;
}

/* Pixels 0 or 200 and more: large sums of one sign. */
static uint8_t *bright_images(void)
{
    uint8_t *images = random_images(input, N_IMAGES, 3);
    for (size_t i = 0; i < (size_t)(N_IMAGES * input.h * input.w); i++)
        images[i] = images[i] % 3 == 0 ? 0 : (uint8_t)(200 + images[i] % 56);
    return images;
}

/* A step of a table's policy: codes are the table's, which has all levels. */
static void assert_table(const MhoStep *step, int bits, size_t n, const uint8_t *codes)
{
    bool level[MHO_TABLE_SIZE] = {false};
    int levels = 0;
    for (int s = 0; s < MHO_TABLE_SIZE; s++) {
        levels += !level[step->table[s]];
        level[step->table[s]] = true;
    }
    ck_assert_int_ge(levels, bits > 6 ? 100 : 1 << bits);
    for (size_t i = 0; i < n; i++)
        ck_assert(level[codes[i]]);
}

static void assert_same(const char *policy, const char *activations, int bits, int scale)
{
    uint8_t *images = bright_images();
    MhoNet *net = level_net(policy, activations, bits, scale, images);
    MhoLoweredNet *lowered = must_lower(net);
    double largest;
    ck_assert_uint_le(lowered->n_matrices, MAX_LAYERS);
    Outputs integer = integer_outputs(lowered, images, N_IMAGES, 2), ideal = ideal_outputs(lowered, images);
    Outputs pass = pass_outputs(net, lowered, images, &largest);
    ck_assert_msg(outputs_equal(&integer, &pass), "%s, %d bits: evaluation", policy, bits);
    ck_assert_msg(outputs_equal(&integer, &ideal), "%s, %d bits: arrays", policy, bits);
    ck_assert_double_gt(largest, 0x1p24); /* no float sums in one plane */
    for (size_t l = 0; l < lowered->n_matrices; l++)
        ck_assert_int_eq(lowered->matrices[l].n_weight, GRID);
    for (size_t s = 0; s + 1 < lowered->n_steps; s++)
        ck_assert_int_ge(code_spread(lowered, s, &integer).distinct, 3);
    for (size_t s = 0; s + 1 < lowered->n_steps && strncmp(activations, "uniq", 4) == 0; s++) {
        const MhoStep *step = &lowered->steps[s];
        const bool sums = step->kind == MHO_STEP_SUM_POOL;
        if (step->kind == MHO_STEP_MAX_POOL)
            continue;
        ck_assert_ptr_nonnull(step->table);
        for (size_t n = 0; n < N_IMAGES; n++)
            assert_table(step, sums ? 8 : bits, (size_t)(step->shape.h * step->shape.w * step->shape.c),
                         integer.codes + n * integer.codes_size + lowered->codes_offset[s]);
    }
    outputs_free(&integer);
    outputs_free(&ideal);
    outputs_free(&pass);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
    free(images);
}

/* Nets with uneven levels have the same codes in the fake-quant pass and in every executor. */
TEST_LOOP(test_equal_codes, 2, 9)
{
    assert_same("uniq", "uniq", _i, MHO_SCALE_PER_CHANNEL);
    assert_same("uniq cdf=empirical", "uniq", _i, MHO_SCALE_PER_TENSOR);
    assert_same("kmeans", "uniform range=percentile", _i, MHO_SCALE_PER_TENSOR);
}

/* 576 rows of bytes: two planes of the grid could pass 2^24 as well, so there are four; the shift comes on top. */
TEST(test_four_planes)
{
    const MhoInputSettings image = {.h = 24, .w = 24, .c = 1, .divisor = 255.0};
    const MhoConvSettings dense = {.channels = 10,
                                   .stride = 1,
                                   .groups = 1,
                                   .bits = 5,
                                   .scale = MHO_SCALE_PER_TENSOR,
                                   .shift = true,
                                   .policy = "uniq"};
    MhoError error = {0};
    MhoNet *net;
    double largest;
    must(mho_net_create("dense", &net, &error), &error);
    must(mho_net_add(net, "image", "input", &image, sizeof image, NULL, NULL, &error), &error);
    must(mho_net_add(net, "logits", "dense", &dense, sizeof dense, "image", NULL, &error), &error);
    must(mho_net_finish(net, &error), &error);
    net->n_classes = 10;
    must(mho_net_initialize(net, 2, &error), &error);
    MhoNode *logits = &net->nodes[1];
    mho_node_array(logits, MHO_ARRAY_LOG_SCALE)->value[0] = NAN;
    for (size_t k = 0; k < 10; k++)
        mho_node_array(logits, MHO_ARRAY_SHIFT)->value[k] = 12345.0F * (float)k - 50000.0F;
    must(mho_net_fit_weights(net, &error), &error);
    uint8_t *images = random_images((MhoShape){24, 24, 1}, N_IMAGES, 4);
    MhoLoweredNet *lowered = must_lower(net);
    Outputs integer = integer_outputs(lowered, images, N_IMAGES, 1);
    Outputs pass = pass_outputs(net, lowered, images, &largest);
    ck_assert(outputs_equal(&integer, &pass));
    ck_assert_double_gt(largest, 0x1p24);
    outputs_free(&integer);
    outputs_free(&pass);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
    free(images);
}

/* e^s is the largest level of the weights as they are: a training pass writes it, evaluation reads it. */
TEST(test_range_follows_training)
{
    uint8_t *images = random_images(input, N_IMAGES, 3);
    MhoNet *net = level_net("uniq", "fqconv", 3, MHO_SCALE_PER_TENSOR, images);
    MhoNode *conv = &net->nodes[mho_net_find(net, "conv2")];
    MhoNodeArray *weight = mho_node_array(conv, MHO_ARRAY_WEIGHT);
    float *log_scale = mho_node_array(conv, MHO_ARRAY_LOG_SCALE)->value, logits[N_IMAGES * 10];
    float d_logits[N_IMAGES * 10];
    const float before = *log_scale;
    MhoError error = {0};
    MhoFakeQuant *pass;
    for (size_t i = 0; i < weight->n; i++)
        weight->value[i] *= 2.0F;
    for (size_t i = 0; i < N_IMAGES * 10; i++)
        d_logits[i] = i % 10 == 3 ? 1.0F : -0.1F;
    must(mho_fakequant_create(net, N_IMAGES, true, &pass, &error), &error);
    must(mho_fakequant_forward(pass, images, false, logits, &error), &error);
    ck_assert_float_eq(*log_scale, before);
    must(mho_fakequant_forward(pass, images, true, logits, &error), &error);
    ck_assert_double_eq_tol((double)*log_scale, (double)before + log(2.0), 1e-6);
    must(mho_fakequant_backward(pass, d_logits, &error), &error);
    const size_t node = (size_t)mho_net_find(net, "conv2"),
                 scale = (size_t)(mho_node_array(conv, MHO_ARRAY_LOG_SCALE) - conv->arrays),
                 weights = (size_t)(weight - conv->arrays);
    ck_assert_float_eq(mho_fakequant_gradient(pass, node, scale)[0], 0.0F);
    bool moves = false;
    for (size_t i = 0; i < weight->n; i++)
        moves = moves || mho_fakequant_gradient(pass, node, weights)[i] != 0.0F;
    ck_assert(moves);
    mho_fakequant_destroy(pass);
    mho_net_destroy(net);
    free(images);
}

/* The range of activations on a table is the tensor's deviation times 3 times the largest level: other bits keep the
 * deviation. */
TEST(test_deviation_is_kept)
{
    uint8_t *images = random_images(input, N_IMAGES, 3);
    MhoNet *net = level_net("uniq", "uniq", 8, MHO_SCALE_PER_CHANNEL, images), *made, *units;
    MhoQuantPlan plan = plan_of("uniq", "uniq", 3, MHO_SCALE_PER_CHANNEL);
    const double reach[2] = {3.0973, 1.8028}; /* normal quantiles at 1 - 1 / (4 n), n = 255 and 7 */
    int bits[64] = {0};
    MhoError error = {0};
    must(mho_net_quantize(net, &plan, &made, &error), &error);
    for (size_t i = 0; i < net->n_nodes; i++)
        bits[i] = mho_node_conv(&net->nodes[i]) || mho_node_fake_quant(&net->nodes[i]) ? 3 : 0;
    must(mho_net_with_bits(net, bits, NULL, &units, &error), &error);
    size_t changed = 0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const float *before = mho_node_values(&net->nodes[i], MHO_ARRAY_LOG_SCALE);
        const MhoFakeQuantSettings *quantizer = mho_node_fake_quant(&made->nodes[i]);
        if (!quantizer)
            continue;
        changed += quantizer->bits == 3;
        ck_assert_double_eq_tol((double)*mho_node_values(&made->nodes[i], MHO_ARRAY_LOG_SCALE) - (double)*before,
                                quantizer->bits == 3 ? log(reach[1] / reach[0]) : 0.0, 1e-3);
        ck_assert_double_eq_tol((double)*mho_node_values(&units->nodes[i], MHO_ARRAY_LOG_SCALE) - (double)*before,
                                log(reach[1] / reach[0]), 1e-3);
    }
    ck_assert_uint_gt(changed, 2);
    mho_net_destroy(made);
    mho_net_destroy(units);
    mho_net_destroy(net);
    free(images);
}

static void refused(MhoStatus status, const MhoError *error, const char *words)
{
    ck_assert_int_eq(status, MHO_USAGE);
    ck_assert_msg(strstr(error->text, words) != NULL, "'%s' does not say '%s'", error->text, words);
}

/* Quantizers with levels refuse what they cannot do: removing batch norm, k-means or signed codes for activations. */
TEST(test_refusals)
{
    uint8_t *images = random_images(input, N_IMAGES, 3);
    MhoNet *net = level_net("uniq", "fqconv", 4, MHO_SCALE_PER_CHANNEL, images), *made;
    MhoQuantPlan plan = plan_of("fqconv", "fqconv", 4, MHO_SCALE_PER_CHANNEL);
    MhoError error = {0};
    refused(mho_net_remove_batchnorm(net, MHO_SCALE_PER_CHANNEL, true, &made, &error), &error, "batch norm stays");
    strcpy(plan.activation_policy, "kmeans");
    refused(mho_net_quantize(net, &plan, &made, &error), &error, "is for weights");
    mho_net_destroy(net);
    must(mho_net_build("resnet20", input, 10, 0.25, 5, &net, &error), &error);
    strcpy(plan.activation_policy, "uniq");
    refused(mho_net_quantize(net, &plan, &made, &error), &error, "no signed activations");
    mho_net_destroy(net);
    free(images);
}
