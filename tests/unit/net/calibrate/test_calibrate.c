/* test_calibrate.c - ranges from counts against a search over the values themselves; the float run against the float
 * executor; scales of a network: joint, deterministic, only where unset, and refused when values are not finite.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "net/calibrate/calibrate_internal.h"
#include "net/fakequant/fakequant.h"
#include "net/transform/transform.h"
#include "quantized_bench.h"
#include "net/calibrate/calibrate.h"

#define must(call, error) ck_assert_msg((call) == MHO_OK, "%s", (error)->text)

enum { N_VALUES = 20000, N_IMAGES = 16 };

static MhoHistogram *counts_new(void)
{
    MhoHistogram *counts = calloc(1, sizeof *counts);
    ck_assert_ptr_nonnull(counts);
    return counts;
}

/* Mean squared error of quantizing x itself. */
static double exact_error(size_t n, const float *x, int largest, bool is_signed, double range)
{
    const double step = range / largest;
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double value = !is_signed && x[i] < 0.0F ? 0.0 : (double)x[i];
        const double code = fmax(fmin(rint(value / step), largest), -largest);
        sum += (value - code * step) * (value - code * step);
    }
    return sum / (double)n;
}

/* Least error over a fine grid of ranges. */
static double least_error(size_t n, const float *x, int largest, bool is_signed)
{
    double most = 0.0, least = INFINITY;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    for (int i = 0; i <= 400; i++)
        least = fmin(least, exact_error(n, x, largest, is_signed, most * exp(-0.01 * i)));
    return least;
}

static const int code_counts[] = {1, 3, 7, 15, 127, 255};

/* The chosen range has at most 1 % more squared error than the best one, and a range 1.3 times off has more. */
TEST_LOOP(test_range_has_least_error, 0, sizeof code_counts / sizeof *code_counts)
{
    const MhoStream stream = {.seed = 3, .noise = 2.0F};
    float *x = calloc(N_VALUES, sizeof *x);
    MhoHistogram *counts = counts_new();
    ck_assert_ptr_nonnull(x);
    mho_normal_fill(stream, MHO_DRAW_TEST, N_VALUES, x);
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        const MhoHistogramUser user = {.histogram = counts, .n = code_counts[_i]};
        memset(counts, 0, sizeof *counts);
        mho_histogram_add(counts, N_VALUES, x, is_signed);
        const double range = mho_histogram_mse_range(&user, 1),
                     error = exact_error(N_VALUES, x, user.n, is_signed, range);
        ck_assert_msg(error < 1.01 * least_error(N_VALUES, x, user.n, is_signed), "n %d: range %g, error %g", user.n,
                      range, error);
        ck_assert(error < 0.98 * exact_error(N_VALUES, x, user.n, is_signed, 1.3 * range));
        ck_assert(error < 0.98 * exact_error(N_VALUES, x, user.n, is_signed, range / 1.3));
    }
    free(x);
    free(counts);
}

/* A uniform law with many codes needs its whole range; a constant sits on a code. */
TEST(test_range_of_known_laws)
{
    const MhoStream stream = {.seed = 4};
    float *x = calloc(N_VALUES, sizeof *x);
    MhoHistogram *counts = counts_new();
    const MhoHistogramUser user = {.histogram = counts, .n = 255}, ternary = {.histogram = counts, .n = 1};
    ck_assert_ptr_nonnull(x);
    mho_uniform_fill(stream, MHO_DRAW_TEST, N_VALUES, x);
    mho_histogram_add(counts, N_VALUES, x, false);
    ck_assert(fabs(mho_histogram_mse_range(&user, 1) - 1.0) < 0.02);
    memset(counts, 0, sizeof *counts);
    for (size_t i = 0; i < N_VALUES; i++)
        x[i] = 0.375F;
    mho_histogram_add(counts, N_VALUES, x, true);
    ck_assert(fabs(mho_histogram_mse_range(&ternary, 1) - 0.375) < 0.01 * 0.375);
    memset(counts, 0, sizeof *counts);
    memset(x, 0, N_VALUES * sizeof *x);
    mho_histogram_add(counts, N_VALUES, x, true);
    ck_assert(mho_histogram_mse_range(&user, 1) == 1.0);
    free(x);
    free(counts);
}

/* Shares and root mean squares of the values that are counted: by bins of 1/64. */
TEST(test_share_and_deviation)
{
    const MhoStream stream = {.seed = 6, .noise = 0.5F};
    const double shares[] = {0.5, 0.9, 0.999, 1.0};
    float *x = calloc(N_VALUES, sizeof *x);
    MhoHistogram *counts = counts_new();
    const MhoHistogramUser user = {.histogram = counts, .n = 15};
    double squares = 0.0, positive = 0.0;
    ck_assert_ptr_nonnull(x);
    ck_assert(mho_histogram_percentile(&user, 1, 0.9) == 1.0 && mho_histogram_rms(&user, 1) == 1.0);
    mho_normal_fill(stream, MHO_DRAW_TEST, N_VALUES, x);
    for (size_t i = 0; i < N_VALUES; i++) {
        squares += x[i] > 0.0F ? (double)x[i] * (double)x[i] : 0.0;
        positive += x[i] > 0.0F ? 1.0 : 0.0;
    }
    mho_histogram_add(counts, N_VALUES, x, false);
    ck_assert_double_eq_tol(mho_histogram_rms(&user, 1), sqrt(squares / positive), 1e-3);
    for (size_t s = 0; s < 4; s++) {
        const double range = mho_histogram_percentile(&user, 1, shares[s]);
        double inside = 0.0, tighter = 0.0;
        for (size_t i = 0; i < N_VALUES; i++) {
            inside += x[i] > 0.0F && (double)x[i] <= range ? 1.0 : 0.0;
            tighter += x[i] > 0.0F && (double)x[i] <= range / (1.0 + 2.0 / 64.0) ? 1.0 : 0.0;
        }
        ck_assert(inside >= shares[s] * positive && tighter < shares[s] * positive);
    }
    free(x);
    free(counts);
}

/* Two tensors on one scale: the range of least total error, which is neither's own. */
TEST(test_range_of_two_users)
{
    const MhoStream stream = {.seed = 5, .noise = 1.0F};
    float *x = calloc(2 * N_VALUES, sizeof *x);
    MhoHistogram *counts[2] = {counts_new(), counts_new()};
    double own[2];
    ck_assert_ptr_nonnull(x);
    mho_normal_fill(stream, MHO_DRAW_TEST, 2 * N_VALUES, x);
    for (size_t i = 0; i < N_VALUES; i++)
        x[i] *= 4.0F;
    const MhoHistogramUser users[2] = {{.histogram = counts[0], .n = 7}, {.histogram = counts[1], .n = 7}};
    for (size_t u = 0; u < 2; u++) {
        mho_histogram_add(counts[u], N_VALUES, x + u * N_VALUES, true);
        own[u] = mho_histogram_mse_range(&users[u], 1);
    }
    const double joint = mho_histogram_mse_range(users, 2), error = exact_error(2 * N_VALUES, x, 7, true, joint);
    ck_assert(own[1] < joint && joint < own[0]);
    ck_assert(error < 1.01 * least_error(2 * N_VALUES, x, 7, true));
    mho_histogram_merge(counts[0], counts[1]);
    ck_assert(mho_histogram_mse_range(users, 1) == joint);
    free(x);
    free(counts[0]);
    free(counts[1]);
}

static const QuantizedSetup setups[] = {
    {"allconv", {12, 12, 1}, 0.5, 2, 4, MHO_SCALE_PER_CHANNEL, true, false},
    {"lenet", {16, 16, 1}, 0.5, 8, 8, MHO_SCALE_PER_TENSOR, true, false},
    {"resnet20", {8, 8, 3}, 0.25, 4, 4, MHO_SCALE_PER_CHANNEL, true, false},
};
enum { N_SETUPS = sizeof setups / sizeof *setups };

/* With no quantizer left to count, the float run of a float net is the float executor's within its rounding. */
TEST_LOOP(test_float_run_is_the_float_executor, 0, N_SETUPS)
{
    const QuantizedSetup *setup = &setups[_i];
    const size_t pixels = (size_t)(setup->input.h * setup->input.w * setup->input.c);
    uint8_t *images = random_images(setup->input, N_IMAGES, 3);
    MhoError error = {0};
    MhoFloatNet values;
    MhoFloatWorkspace run;
    MhoFakeQuant *pass;
    MhoNet *net;
    float logits[N_IMAGES * 10];
    must(mho_net_build(setup->builder, setup->input, 10, setup->width, 5, &net, &error), &error);
    draw_trained(net);
    must(mho_fakequant_create(net, N_IMAGES, false, &pass, &error), &error);
    must(mho_fakequant_forward(pass, images, false, logits, &error), &error);
    must(mho_float_net_create(net, &values, &error), &error);
    must(mho_float_workspace_create(&values, &run, &error), &error);
    for (size_t n = 0; n < N_IMAGES; n++) {
        mho_float_net_run_image(&values, &run, images + n * pixels);
        for (size_t k = 0; k < 10; k++) {
            const double mine = (double)run.values[values.nodes[net->n_nodes - 1].value0 + k],
                         other = (double)logits[n * 10 + k];
            ck_assert_msg(fabs(mine - other) < 1e-4 * (1.0 + fabs(other)), "image %zu: %g, not %g", n, mine, other);
        }
    }
    ck_assert(logits[0] != logits[1]);
    mho_float_workspace_destroy(&run);
    mho_float_net_destroy(&values);
    mho_fakequant_destroy(pass);
    mho_net_destroy(net);
    free(images);
}

/* With every scale set the run is the integer executor but for sums that rounding brings to another code. */
/* The same net with activations on a table, ranges calibrated. */
static MhoNet *tabled(const MhoNet *net, const uint8_t *images)
{
    const MhoQuantPlan plan = {
        .weight_bits = 4, .activation_bits = 3, .weight_policy = "fqconv", .activation_policy = "uniq"};
    MhoError error = {0};
    MhoNet *made;
    must(mho_net_quantize(net, &plan, &made, &error), &error);
    must(mho_net_fit_weights(made, &error), &error);
    must(mho_net_calibrate(made, images, N_IMAGES, 1, &error), &error);
    return made;
}

/* A calibrated net run in float has the logits of the integer executor: differences have less than 1e-3 of their power.
 */
TEST_LOOP(test_quantized_run_is_the_integer_executor, 0, 2 * N_SETUPS + 1)
{
    const bool on_table = _i == 2 * N_SETUPS;
    QuantizedSetup setup = setups[on_table ? 0 : _i / 2];
    const size_t pixels = (size_t)(setup.input.h * setup.input.w * setup.input.c);
    uint8_t *images = random_images(setup.input, N_IMAGES, 3);
    double error_power = 0.0, power = 0.0;
    MhoError error = {0};
    MhoFloatNet values;
    MhoFloatWorkspace run;
    setup.batchnorm = _i % 2 == 0;
    setup.shift = !setup.batchnorm;
    MhoNet *net = quantized_net(&setup, images, N_IMAGES);
    if (on_table) {
        MhoNet *plain = net;
        net = tabled(plain, images);
        mho_net_destroy(plain);
    }
    MhoLoweredNet *lowered = must_lower(net);
    ck_assert((lowered->steps[0].table != NULL) == on_table);
    Outputs integer = integer_outputs(lowered, images, N_IMAGES, 1);
    must(mho_float_net_create(net, &values, &error), &error);
    ck_assert_uint_eq(values.n_counted, 0);
    must(mho_float_workspace_create(&values, &run, &error), &error);
    for (size_t n = 0; n < N_IMAGES; n++) {
        mho_float_net_run_image(&values, &run, images + n * pixels);
        for (size_t k = 0; k < 10; k++) {
            const double mine = (double)run.values[values.nodes[net->n_nodes - 1].value0 + k],
                         other = (double)integer.logits[n * 10 + k];
            error_power += (mine - other) * (mine - other);
            power += other * other;
        }
    }
    ck_assert_msg(power > 0.0 && error_power < 1e-3 * power, "power %g, of the difference %g", power, error_power);
    mho_float_workspace_destroy(&run);
    mho_float_net_destroy(&values);
    outputs_free(&integer);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
    free(images);
}

/* All log-scales of quantizer nodes, by node; 0 for others. */
static void log_scales(const MhoNet *net, float *scales)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        const float *scale =
            mho_node_fake_quant(&net->nodes[i]) ? mho_node_values(&net->nodes[i], MHO_ARRAY_LOG_SCALE) : NULL;
        scales[i] = scale ? *scale : 0.0F;
    }
}

static void unset(MhoNet *net, size_t i)
{
    MhoNodeArray *scale =
        mho_node_fake_quant(&net->nodes[i]) ? mho_node_array(&net->nodes[i], MHO_ARRAY_LOG_SCALE) : NULL;
    if (scale)
        scale->value[0] = NAN;
}

/* The same bytes for any threads, order of images and instruction set. */
TEST_LOOP(test_scales_are_deterministic, 0, N_SETUPS)
{
    const QuantizedSetup *setup = &setups[_i];
    const size_t pixels = (size_t)(setup->input.h * setup->input.w * setup->input.c);
    uint8_t *images = random_images(setup->input, N_IMAGES, 3), *reversed = random_images(setup->input, N_IMAGES, 3);
    const MhoKernels *tables[8];
    const size_t n_tables = mho_kernels_available(tables, 8);
    MhoNet *net = quantized_net(setup, images, N_IMAGES);
    MhoError error = {0};
    float *scales = calloc(2 * net->n_nodes, sizeof *scales);
    ck_assert_ptr_nonnull(scales);
    for (size_t n = 0; n < N_IMAGES; n++)
        memcpy(reversed + n * pixels, images + (N_IMAGES - 1 - n) * pixels, pixels);
    log_scales(net, scales);
    for (size_t way = 0; way < n_tables + 2; way++) {
        for (size_t i = 0; i < net->n_nodes; i++)
            unset(net, i);
        must(mho_kernels_force(way < n_tables ? tables[way]->name : "auto", &error), &error);
        must(mho_net_calibrate(net, way == n_tables ? reversed : images, N_IMAGES, (int)way % 3 + 1, &error), &error);
        log_scales(net, scales + net->n_nodes);
        ck_assert(memcmp(scales, scales + net->n_nodes, net->n_nodes * sizeof *scales) == 0);
    }
    free(scales);
    mho_net_destroy(net);
    free(images);
    free(reversed);
}

/* A scale that is set stays, and the values after it are those of its codes. */
TEST(test_only_unset_scales_change)
{
    const QuantizedSetup *setup = &setups[0];
    uint8_t *images = random_images(setup->input, N_IMAGES, 3);
    MhoNet *net = quantized_net(setup, images, N_IMAGES);
    MhoError error = {0};
    float before[64], after[64];
    size_t set = 0, last = 0;
    ck_assert_uint_le(net->n_nodes, 64);
    log_scales(net, before);
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_fake_quant(&net->nodes[i])) {
            set = set ? set : i;
            last = i;
        }
    mho_node_array(&net->nodes[set], MHO_ARRAY_LOG_SCALE)->value[0] = before[set] - 3.0F; /* nearly everything clips */
    unset(net, last);
    must(mho_net_calibrate(net, images, N_IMAGES, 2, &error), &error);
    log_scales(net, after);
    ck_assert(after[set] == before[set] - 3.0F);
    ck_assert(isfinite(after[last]) && after[last] < before[last] - 0.1F);
    for (size_t i = set + 1; i < last; i++)
        ck_assert(after[i] == before[i]);
    must(mho_net_calibrate(net, NULL, 0, 2, &error), &error); /* nothing to do needs no images */
    mho_net_destroy(net);
    free(images);
}

/* Calibration is refused without images, with values that are not finite, and for a shift whose scale is not set. */
TEST(test_refused)
{
    const QuantizedSetup *setup = &setups[0];
    uint8_t *images = random_images(setup->input, N_IMAGES, 3);
    MhoNet *net = quantized_net(setup, images, N_IMAGES), *shifted;
    MhoError error = {0};
    must(mho_net_remove_batchnorm(net, MHO_SCALE_PER_CHANNEL, true, &shifted, &error), &error);
    for (size_t i = 0; i < net->n_nodes; i++)
        unset(net, i);
    ck_assert_int_eq(mho_net_calibrate(net, NULL, 0, 1, &error), MHO_USAGE);
    ck_assert_msg(strstr(error.text, "training images"), "%s", error.text);
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_is(&net->nodes[i], &mho_layer_batchnorm))
            mho_node_array(&net->nodes[i], MHO_ARRAY_BETA)->value[0] = INFINITY;
    ck_assert_int_eq(mho_net_calibrate(net, images, N_IMAGES, 1, &error), MHO_FAILED);
    ck_assert_msg(strstr(error.text, "not finite"), "%s", error.text);
    for (size_t i = 0; i < shifted->n_nodes; i++) /* a shift counts steps of a scale that is gone */
        unset(shifted, i);
    ck_assert_int_eq(mho_net_calibrate(shifted, images, N_IMAGES, 1, &error), MHO_USAGE);
    ck_assert_msg(strstr(error.text, "batch norm"), "%s", error.text);
    mho_net_destroy(net);
    mho_net_destroy(shifted);
    free(images);
}
