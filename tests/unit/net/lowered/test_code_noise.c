/* test_code_noise.c - noise on codes against plain loops with the same draws; what draws depend on and what they do
 * not. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/executors_sample.h"
#include "support/naive_window.h"
#include "kernels/random.h"
#include "support/run_once.h"

static const MhoCodeNoise usual = {.weight = 0.2, .activation = 0.3, .sum = 0.7, .seed = 9, .chip = 2};

static size_t shape_size(MhoShape shape)
{
    return (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
}

static float *noisy_logits(const MhoLoweredNet *lowered, const MhoCodeNoise *noise, const uint8_t *images, size_t n,
                           uint32_t image0, int threads)
{
    float *logits = calloc(n * (size_t)lowered->n_classes, sizeof *logits);
    MhoError error = {0};
    ck_assert_ptr_nonnull(logits);
    must(run_code_noise(lowered, noise, images, n, image0, threads, logits, &error), &error);
    return logits;
}

static bool same_logits(const MhoLoweredNet *lowered, const float *a, const float *b, size_t n)
{
    return memcmp(a, b, n * (size_t)lowered->n_classes * sizeof *a) == 0;
}

/* ---- plain loops ------------------------------------------------------------------------------------------------- */

/* Element i of a draw, one at a time. */
static float draw(const MhoCodeNoise *noise, MhoDraw what, size_t layer, double sigma, uint32_t image, size_t i)
{
    const MhoStream stream = {.seed = noise->seed,
                              .place = mho_place((uint32_t)layer, 0, 0),
                              .chip = noise->chip,
                              .image = image,
                              .noise = (float)sigma};
    float z;
    mho_normal_fill_at(stream, what, i, 1, &z);
    return z;
}

/* One image: values of the image and of every step, with their noise. */
typedef struct Naive {
    const MhoLoweredNet *lowered;
    const MhoCodeNoise *noise;
    uint32_t image;
    float *pixels, *values;
} Naive;

static float value_at(const Naive *at, const MhoStep *step, int k, int index, float outside)
{
    const int from = step->inputs[k];
    const float *values = from < 0 ? at->pixels : at->values + at->lowered->codes_offset[from];
    return index < 0 ? outside : values[index];
}

static float matrix_sum(const Naive *at, const MhoStep *step, int position, int k)
{
    const MhoMatrix *m = &at->lowered->matrices[step->matrix];
    const int group = k / (int)m->cols, j = k % (int)m->cols;
    MhoGather g = step->gather;
    float sum = m->shift ? (float)m->shift[k] : 0.0F;
    g.c_first = group * g.c_count;
    for (int r = 0; r < (int)m->rows; r++) {
        const float x = value_at(at, step, 0, naive_source(&g, position, r), 0.0F);
        const size_t i = ((size_t)group * m->rows + (size_t)r) * m->cols + (size_t)j;
        const float z = draw(at->noise, MHO_DRAW_CODE_WEIGHT, step->matrix, at->noise->weight,
                             at->noise->weight_per_image ? at->image : 0, i);
        sum = fmaf(x, (float)m->codes[i] + z, sum);
    }
    return sum;
}

static float pool(const Naive *at, const MhoStep *step, int position, int k)
{
    const bool maximum = step->kind == MHO_STEP_MAX_POOL;
    MhoGather g = step->gather;
    float value = maximum ? -FLT_MAX : 0.0F;
    g.c_first = k;
    g.c_count = 1;
    for (int r = 0; r < naive_rows(&g); r++) {
        const float x = value_at(at, step, 0, naive_source(&g, position, r), maximum ? -FLT_MAX : 0.0F);
        value = maximum ? fmaxf(value, x) : value + x;
    }
    return value;
}

static float total(const Naive *at, const MhoStep *step, int position, int k)
{
    float sum = 0.0F;
    if (step->kind == MHO_STEP_MATRIX)
        return matrix_sum(at, step, position, k);
    if (step->kind == MHO_STEP_MAX_POOL || step->kind == MHO_STEP_SUM_POOL)
        return pool(at, step, position, k);
    for (int i = 0; i < step->n_inputs; i++)
        sum += value_at(at, step, i, position * step->shape.c + k, NAN);
    return sum;
}

static void naive_step(const Naive *at, size_t s, float *logits)
{
    const MhoStep *step = &at->lowered->steps[s];
    const MhoShape shape = step->shape;
    for (size_t i = 0; i < shape_size(shape); i++) {
        const int k = (int)i % shape.c;
        const float sum = total(at, step, (int)i / shape.c, k);
        const float z = draw(at->noise, MHO_DRAW_CODE_SUM, 1 + s, at->noise->sum, at->image, i);
        if (step->is_logits) {
            logits[i] = fmaf(sum + z, step->a[k], step->b[k]);
            continue;
        }
        float *value = &at->values[at->lowered->codes_offset[s] + i];
        *value = sum;
        if (step->kind == MHO_STEP_MAX_POOL)
            continue;
        *value = rintf(fminf(fmaxf(fmaf(sum, step->a[k], step->b[k]) + z, (float)step->low), (float)step->high));
        *value += draw(at->noise, MHO_DRAW_CODE_ACTIVATION, 1 + s, at->noise->activation, at->image, i);
    }
}

static void naive_image(const MhoLoweredNet *lowered, const MhoCodeNoise *noise, const uint8_t *image, uint32_t number,
                        float *logits)
{
    const size_t pixels = shape_size(lowered->input);
    Naive at = {.lowered = lowered,
                .noise = noise,
                .image = number,
                .pixels = calloc(pixels, sizeof(float)),
                .values = calloc(lowered->codes_size, sizeof(float))};
    ck_assert(at.pixels && at.values);
    for (size_t i = 0; i < pixels; i++)
        at.pixels[i] = image[i] + draw(noise, MHO_DRAW_CODE_ACTIVATION, 0, noise->activation, number, i);
    for (size_t s = 0; s < lowered->n_steps; s++)
        naive_step(&at, s, logits);
    free(at.pixels);
    free(at.values);
}

enum { NAIVE_IMAGES = 2 };

static void assert_naive(const MhoLoweredNet *lowered, const MhoCodeNoise *noise, const uint8_t *images)
{
    const size_t n_classes = (size_t)lowered->n_classes, pixels = shape_size(lowered->input);
    float *logits = noisy_logits(lowered, noise, images, NAIVE_IMAGES, 5, 0), expected[64];
    ck_assert_uint_le(n_classes, sizeof expected / sizeof *expected);
    for (size_t n = 0; n < NAIVE_IMAGES; n++) {
        naive_image(lowered, noise, images + n * pixels, 5 + (uint32_t)n, expected);
        ck_assert_mem_eq(logits + n * n_classes, expected, n_classes * sizeof *logits);
    }
    free(logits);
}

/* Noise on codes equals plain loops over the same draws. */
TEST_LOOP(test_noise_is_plain_loops, 0, N_SETUPS)
{
    const QuantizedSetup *setup = &setups[_i];
    uint8_t *images = random_images(setup->input, N_IMAGES, 3);
    MhoNet *net = quantized_net(setup, images, N_IMAGES);
    MhoLoweredNet *lowered = must_lower(net);
    MhoCodeNoise noise = usual;
    noise.weight_per_image = _i % 2 == 1;
    assert_naive(lowered, &noise, images);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
    free(images);
}

/* Groups, signed codes and padded pools with noise equal the naive network. */
TEST(test_noise_with_groups_and_signs)
{
    uint8_t *images = random_images(grouped_input, N_IMAGES, 4);
    MhoNet *net = grouped_net(images, N_IMAGES);
    MhoLoweredNet *lowered = must_lower(net);
    MhoCodeNoise noise = usual;
    assert_naive(lowered, &noise, images);
    noise.weight_per_image = true;
    assert_naive(lowered, &noise, images);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
    free(images);
}

/* ---- without noise: the integer network ---------------------------------------------------------------------- */

/* With noise far below the last bit the float sums themselves are the integers; with none the other executor runs. */
TEST_LOOP(test_no_noise_is_the_integer_network, 0, N_SETUPS)
{
    static const double sigmas[] = {0.0, 1e-30};
    const QuantizedSetup *setup = &setups[_i];
    uint8_t *images = random_images(setup->input, N_IMAGES, 3);
    MhoNet *net = quantized_net(setup, images, N_IMAGES);
    MhoLoweredNet *lowered = must_lower(net);
    Outputs integer = integer_outputs(lowered, images, N_IMAGES, 0);
    for (size_t i = 0; i < sizeof sigmas / sizeof *sigmas; i++) {
        const MhoCodeNoise none = {.weight = sigmas[i], .activation = sigmas[i], .sum = sigmas[i], .seed = 1};
        float *logits = noisy_logits(lowered, &none, images, N_IMAGES, 0, 0);
        ck_assert_msg(same_logits(lowered, logits, integer.logits, N_IMAGES), "%g LSB", sigmas[i]);
        free(logits);
    }
    outputs_free(&integer);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
    free(images);
}

/* ---- what draws depend on ------------------------------------------------------------------------------------ */

typedef struct Sample {
    MhoNet *net;
    MhoLoweredNet *lowered;
    uint8_t *images;
    size_t pixels;
} Sample;

static Sample sample_open(void)
{
    const QuantizedSetup *setup = &setups[6]; /* a residual net */
    Sample sample = {.images = random_images(setup->input, N_IMAGES, 3), .pixels = shape_size(setup->input)};
    sample.net = quantized_net(setup, sample.images, N_IMAGES);
    sample.lowered = must_lower(sample.net);
    return sample;
}

static void sample_close(Sample *sample)
{
    mho_lowered_net_destroy(sample->lowered);
    mho_net_destroy(sample->net);
    free(sample->images);
}

/* Threads, batches and instruction sets do not change a run with noise on codes. */
TEST_LOOP(test_threads_batches_and_instructions_change_nothing, 0, 2)
{
    Sample at = sample_open();
    const MhoKernels *tables[8];
    const size_t n_tables = mho_kernels_available(tables, 8), classes = (size_t)at.lowered->n_classes;
    MhoCodeNoise noise = usual;
    MhoError error = {0};
    noise.weight_per_image = _i == 1;
    float *whole = noisy_logits(at.lowered, &noise, at.images, N_IMAGES, 0, 1);
    for (size_t t = 0; t < n_tables; t++)
        for (int threads = 1; threads <= 3; threads += 2) {
            must(mho_kernels_force(tables[t]->name, &error), &error);
            float *again = noisy_logits(at.lowered, &noise, at.images, N_IMAGES, 0, threads);
            ck_assert_msg(same_logits(at.lowered, whole, again, N_IMAGES), "%s, %d threads", tables[t]->name, threads);
            free(again);
        }
    must(mho_kernels_force("auto", &error), &error);
    for (uint32_t first = 0; first < N_IMAGES; first += 5) {
        const size_t n = N_IMAGES - first < 5 ? N_IMAGES - first : 5;
        float *part = noisy_logits(at.lowered, &noise, at.images + first * at.pixels, n, first, 2);
        ck_assert_msg(same_logits(at.lowered, whole + first * classes, part, n), "images %u on", first);
        free(part);
    }
    free(whole);
    sample_close(&at);
}

/* The same image twice, with noise of one kind: are its logits the same? */
static bool repeats(const Sample *at, const MhoCodeNoise *noise)
{
    uint8_t *twice = malloc(2 * at->pixels);
    ck_assert_ptr_nonnull(twice);
    memcpy(twice, at->images, at->pixels);
    memcpy(twice + at->pixels, at->images, at->pixels);
    float *logits = noisy_logits(at->lowered, noise, twice, 2, 0, 1);
    const bool same = same_logits(at->lowered, logits, logits + at->lowered->n_classes, 1);
    free(twice);
    free(logits);
    return same;
}

/* Two equal images get the same weight noise of a chip, but different weight noise per image, activation noise and
 * sum noise. */
TEST(test_draws_of_chips_and_images)
{
    Sample at = sample_open();
    ck_assert(repeats(&at, &(MhoCodeNoise){.weight = 0.5, .seed = 1}));
    ck_assert(!repeats(&at, &(MhoCodeNoise){.weight = 0.5, .weight_per_image = true, .seed = 1}));
    ck_assert(!repeats(&at, &(MhoCodeNoise){.activation = 0.5, .seed = 1}));
    ck_assert(!repeats(&at, &(MhoCodeNoise){.sum = 0.5, .seed = 1}));
    sample_close(&at);
}

/* Each kind of noise reaches the logits, and every field of its stream changes them. */
TEST(test_seeds_and_chips)
{
    static const MhoCodeNoise kinds[] = {{.weight = 0.5, .seed = 1, .chip = 1},
                                         {.weight = 0.5, .weight_per_image = true, .seed = 1, .chip = 1},
                                         {.activation = 0.5, .seed = 1, .chip = 1},
                                         {.sum = 0.5, .seed = 1, .chip = 1}};
    Sample at = sample_open();
    Outputs integer = integer_outputs(at.lowered, at.images, N_IMAGES, 0);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        MhoCodeNoise other_seed = kinds[i], other_chip = kinds[i];
        other_seed.seed = 2;
        other_chip.chip = 2;
        float *logits = noisy_logits(at.lowered, &kinds[i], at.images, N_IMAGES, 0, 0);
        float *seed = noisy_logits(at.lowered, &other_seed, at.images, N_IMAGES, 0, 0);
        float *chip = noisy_logits(at.lowered, &other_chip, at.images, N_IMAGES, 0, 0);
        ck_assert(!same_logits(at.lowered, logits, integer.logits, N_IMAGES));
        ck_assert(!same_logits(at.lowered, logits, seed, N_IMAGES));
        ck_assert(!same_logits(at.lowered, logits, chip, N_IMAGES));
        free(logits);
        free(seed);
        free(chip);
    }
    outputs_free(&integer);
    sample_close(&at);
}

/* Bad standard deviations, image numbers beyond 32 bits and a missing net are refused; an empty batch runs. */
TEST(test_refusals)
{
    static const MhoCodeNoise wrong[] = {{.weight = -0.1}, {.activation = NAN}, {.sum = INFINITY}, {.weight = 2e6}};
    Sample at = sample_open();
    MhoError error = {0};
    float logits[64];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(run_code_noise(at.lowered, &wrong[i], at.images, 1, 0, 1, logits, &error), MHO_USAGE);
        ck_assert_msg(strstr(error.text, "LSB"), "%s", error.text);
    }
    ck_assert_int_eq(run_code_noise(at.lowered, &usual, at.images, 2, UINT32_MAX, 1, logits, &error), MHO_USAGE);
    ck_assert_msg(strstr(error.text, "32 bits"), "%s", error.text);
    ck_assert_int_eq(run_code_noise(NULL, &usual, at.images, 1, 0, 1, logits, &error), MHO_USAGE);
    must(run_code_noise(at.lowered, &usual, NULL, 0, 0, 1, logits, &error), &error);
    sample_close(&at);
}
