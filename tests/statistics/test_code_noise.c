/* test_code_noise.c - the standard deviation of the noise on codes, in steps of the network's scales.
 *
 * Networks by hand whose logits are one weight, one activation or one rounded sum. Every check of a spread runs again
 * with the spread 2 % wrong and must then fail.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "must.h"
#include "net/lowered/executor.h"
#include "numbers.h"
#include "support/run_once.h"

enum { SIDE = 20, PIXELS = SIDE * SIDE, COLS = 100, N = 200000 };

static double sample[N];
static float logits[N];
static uint8_t images[(size_t)N / COLS * PIXELS];

static MhoNet *start(void)
{
    const MhoInputSettings input = {.h = SIDE, .w = SIDE, .c = 1, .divisor = 1.0};
    MhoError error = {0};
    MhoNet *net;
    must(mho_net_create("lab", &net, &error), &error);
    must(mho_net_add(net, "image", "input", &input, sizeof input, NULL, NULL, &error), &error);
    return net;
}

static void add_weighted(MhoNet *net, const char *name, const char *input, int channels, int kernel, int bits)
{
    const MhoConvSettings settings = {.channels = channels,
                                      .kernel = kernel,
                                      .stride = 1,
                                      .groups = 1,
                                      .bits = bits,
                                      .scale = MHO_SCALE_PER_TENSOR,
                                      .policy = "fqconv"};
    MhoError error = {0};
    must(mho_net_add(net, name, kernel ? "conv" : "dense", &settings, sizeof settings, input, NULL, &error), &error);
}

static float *values_of(MhoNet *net, const char *name, const char *array)
{
    return mho_node_array(&net->nodes[mho_net_find(net, name)], mho_array_role(array))->value;
}

/* image [-> conv of weight 1 -> quantizer of this range] -> dense; quantizer_bits 0: without the part between. */
static MhoNet *lab_net(int quantizer_bits, double range, int cols, int weight_bits)
{
    const MhoFakeQuantSettings codes = {.bits = quantizer_bits, .is_signed = false, .policy = "fqconv"};
    MhoError error = {0};
    MhoNet *net = start();
    if (quantizer_bits) {
        add_weighted(net, "conv", "image", 1, 1, 2);
        must(mho_net_add(net, "codes", "fake_quant", &codes, sizeof codes, "conv", NULL, &error), &error);
    }
    add_weighted(net, "logits", quantizer_bits ? "codes" : "image", cols, 0, weight_bits);
    must(mho_net_finish(net, &error), &error);
    net->n_classes = cols;
    if (quantizer_bits) {
        values_of(net, "conv", "weight")[0] = 1e3F; /* the largest code whatever the scale */
        values_of(net, "conv", "log_scale")[0] = 0.0F;
        values_of(net, "codes", "log_scale")[0] = (float)log(range);
    }
    values_of(net, "logits", "log_scale")[0] = 0.0F;
    return net;
}

/* Logit k is pixel or activation k. */
static void set_identity(MhoNet *net)
{
    float *weight = values_of(net, "logits", "weight");
    for (size_t k = 0; k < PIXELS; k++)
        weight[k * PIXELS + k] = 1.0F;
}

static MhoLoweredNet *lower(MhoNet *net)
{
    MhoLoweredNet *lowered;
    MhoError error = {0};
    must(mho_lowered_net_create(net, &lowered, &error), &error);
    return lowered;
}

static void run(const MhoLoweredNet *lowered, MhoCodeNoise noise, size_t n)
{
    MhoError error = {0};
    must(run_code_noise(lowered, &noise, images, n, 0, 1, logits, &error), &error);
}

/* Image n has a one at pixel n. */
static void draw_pixels(void)
{
    memset(images, 0, sizeof images);
    for (size_t n = 0; n < PIXELS; n++)
        images[n * PIXELS + n] = 1;
}

/* ---- weights ------------------------------------------------------------------------------------------------- */

/* Every weight of five chips, in steps of its scale. */
TEST_LOOP(test_weight_noise, 0, 8)
{
    static const int bits[] = {2, 3, 4, 8};
    const double sigma = 0.2, step = 0.7 / ((1 << (bits[_i % 4] - 1)) - 1);
    const bool per_image = _i >= 4;
    MhoNet *net = lab_net(0, 0.0, COLS, bits[_i % 4]);
    float *weight = values_of(net, "logits", "weight");
    const MhoStream stream = {.seed = 4};
    MhoError error = {0};
    mho_uniform_fill(stream, MHO_DRAW_TEST, (size_t)PIXELS * COLS, weight);
    for (size_t i = 0; i < (size_t)PIXELS * COLS; i++)
        weight[i] = 2.0F * weight[i] - 1.0F;
    values_of(net, "logits", "log_scale")[0] = (float)log(0.7);
    MhoLoweredNet *lowered = lower(net);
    draw_pixels();
    float *clean = calloc((size_t)PIXELS * COLS, sizeof *clean);
    ck_assert_ptr_nonnull(clean);
    must(run_integer(lowered, images, PIXELS, 1, clean, NULL, &error), &error);
    for (uint32_t chip = 0; chip < N / (PIXELS * COLS); chip++) {
        run(lowered, (MhoCodeNoise){.weight = sigma, .weight_per_image = per_image, .seed = 1, .chip = chip}, PIXELS);
        for (size_t i = 0; i < (size_t)PIXELS * COLS; i++)
            sample[chip * PIXELS * COLS + i] = ((double)logits[i] - (double)clean[i]) / step;
    }
    assert_moments(N, sample, 0.0, sigma);
    free(clean);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
}

/* With one pixel in all images: the draw of a chip is the same for all images; draws per image are independent. */
TEST(test_weight_noise_over_images)
{
    const size_t n = N / COLS;
    MhoNet *net = lab_net(0, 0.0, COLS, 2);
    MhoLoweredNet *lowered = lower(net);
    double products = 0.0;
    memset(images, 0, sizeof images);
    for (size_t i = 0; i < n; i++)
        images[i * PIXELS + 7] = 1;
    run(lowered, (MhoCodeNoise){.weight = 0.3, .seed = 1}, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_mem_eq(logits + i * COLS, logits, COLS * sizeof *logits);
    run(lowered, (MhoCodeNoise){.weight = 0.3, .weight_per_image = true, .seed = 1}, n);
    for (size_t i = 0; i < N; i++) {
        sample[i] = (double)logits[i];
        products += i >= COLS ? sample[i] * sample[i - COLS] : 0.0;
    }
    assert_moments(N, sample, 0.0, 0.3);
    ck_assert_double_le(fabs(products / (N - COLS)), 5.0 * 0.09 / sqrt(N - COLS));
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
}

/* ---- activations --------------------------------------------------------------------------------------------- */

/* Noise on activation codes has its stated spread. */
TEST(test_image_noise)
{
    MhoNet *net = lab_net(0, 0.0, PIXELS, 2);
    set_identity(net);
    MhoLoweredNet *lowered = lower(net);
    for (size_t i = 0; i < N; i++)
        images[i] = (uint8_t)(i * 7);
    run(lowered, (MhoCodeNoise){.activation = 0.4, .seed = 2}, N / PIXELS);
    for (size_t i = 0; i < N; i++)
        sample[i] = (double)logits[i] - images[i];
    assert_moments(N, sample, 0.0, 0.4);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
}

/* Pixels far above the quantizer's range, so that its largest code comes for any noise. */
TEST_LOOP(test_activation_noise, 0, 4)
{
    static const int bits[] = {2, 3, 4, 8};
    const double range = 50.0, step = range / ((1 << bits[_i]) - 1), sigma = 0.25;
    MhoNet *net = lab_net(bits[_i], range, PIXELS, 2);
    set_identity(net);
    MhoLoweredNet *lowered = lower(net);
    memset(images, 200, sizeof images);
    run(lowered, (MhoCodeNoise){.activation = sigma, .seed = 3}, N / PIXELS);
    for (size_t i = 0; i < N; i++)
        sample[i] = ((double)logits[i] - range) / step;
    assert_moments(N, sample, 0.0, sigma);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
}

/* ---- sums ---------------------------------------------------------------------------------------------------- */

/* Mean and standard deviation of clip(round(x + sigma z), 0, n). */
static void rounded_law(double x, double sigma, int n, double *mean, double *deviation)
{
    double first = 0.0, second = 0.0;
    for (int code = 0; code <= n; code++) {
        const double below = code == 0 ? 0.0 : 0.5 * erfc((x - (code - 0.5)) / (sigma * sqrt(2.0)));
        const double above = code == n ? 1.0 : 0.5 * erfc((x - (code + 0.5)) / (sigma * sqrt(2.0)));
        first += code * (above - below);
        second += (double)code * code * (above - below);
    }
    *mean = first;
    *deviation = sqrt(second - first * first);
}

/* Before rounding, in steps of the codes that the sum becomes, near the pixel. */
TEST_LOOP(test_sum_noise, 0, 4)
{
    static const struct {
        int bits, pixel;
        double sigma;
    } cases[] = {{3, 3, 1.0}, {4, 7, 0.5}, {4, 8, 1.5}, {8, 128, 2.0}};
    const int n = (1 << cases[_i].bits) - 1;
    const double range = 30.0, step = range / n;
    MhoNet *net = lab_net(cases[_i].bits, range, PIXELS, 2);
    double mean, deviation;

    set_identity(net);
    values_of(net, "conv", "log_scale")[0] = (float)log(step); /* a pixel is a step of the codes */
    MhoLoweredNet *lowered = lower(net);
    memset(images, cases[_i].pixel, sizeof images);
    /* the classifier's accumulator has the same step, and noise of its own */
    run(lowered, (MhoCodeNoise){.sum = cases[_i].sigma, .seed = 3}, N / PIXELS);
    for (size_t i = 0; i < N; i++)
        sample[i] = (double)logits[i] / step;
    rounded_law(cases[_i].pixel, cases[_i].sigma, n, &mean, &deviation);
    const double both = hypot(deviation, cases[_i].sigma);
    ck_assert(moments_agree(N, sample, mean, both));
    for (int wrong = -1; wrong <= 1; wrong += 2) {
        const double sigma = (1.0 + 0.02 * wrong) * cases[_i].sigma;
        rounded_law(cases[_i].pixel, sigma, n, &mean, &deviation);
        ck_assert(!moments_agree(N, sample, mean, hypot(deviation, sigma)));
    }
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
}
