/* test_integer.c - the integer executor against plain loops: groups, signs, pools, weights of 16 bits. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/executors_sample.h"
#include "support/naive_window.h"
#include "support/run_once.h"

/* ---- plain loops
 * ----------------------------------------------------------------------------------------------------- */

/* Code at an index of what step reads as its k-th input; 0 outside the image. */
static int naive_input(const MhoLoweredNet *lowered, const uint8_t *image, const uint8_t *codes, const MhoStep *step,
                       int k, int at)
{
    const int from = step->inputs[k];
    const uint8_t *input = from < 0 ? image : codes + lowered->codes_offset[from];
    if (at < 0)
        return 0;
    return from >= 0 && lowered->steps[from].low < 0 ? ((const int8_t *)input)[at] : input[at];
}

static int64_t naive_sum(const MhoLoweredNet *lowered, const uint8_t *image, const uint8_t *codes, const MhoStep *step,
                         int position, int k)
{
    const MhoMatrix *m = &lowered->matrices[step->matrix];
    const int group = k / (int)m->cols, j = k % (int)m->cols;
    MhoGather g = step->gather;
    int64_t sum = m->shift ? m->shift[k] : 0;
    g.c_first = group * g.c_count;
    for (int r = 0; r < naive_rows(&g); r++)
        sum += (int64_t)naive_input(lowered, image, codes, step, 0, naive_source(&g, position, r)) *
               m->codes[((size_t)group * m->rows + (size_t)r) * m->cols + (size_t)j];
    return sum;
}

static int64_t naive_pool(const MhoLoweredNet *lowered, const uint8_t *image, const uint8_t *codes, const MhoStep *step,
                          int position, int k)
{
    MhoGather g = step->gather;
    int64_t sum = 0, most = -1000;
    g.c_first = k;
    g.c_count = 1;
    for (int r = 0; r < naive_rows(&g); r++) {
        const int x = naive_input(lowered, image, codes, step, 0, naive_source(&g, position, r));
        sum += x;
        most = x > most ? x : most;
    }
    return step->kind == MHO_STEP_MAX_POOL ? most : sum;
}

static int64_t naive_total(const MhoLoweredNet *lowered, const uint8_t *image, const uint8_t *codes,
                           const MhoStep *step, int position, int k)
{
    int64_t sum = 0;
    if (step->kind == MHO_STEP_MATRIX)
        return naive_sum(lowered, image, codes, step, position, k);
    if (step->kind == MHO_STEP_MAX_POOL || step->kind == MHO_STEP_SUM_POOL)
        return naive_pool(lowered, image, codes, step, position, k);
    for (int i = 0; i < step->n_inputs; i++)
        sum += naive_input(lowered, image, codes, step, i, position * step->shape.c + k);
    return sum;
}

static void naive_image(const MhoLoweredNet *lowered, const uint8_t *image, uint8_t *codes, float *logits)
{
    for (size_t s = 0; s < lowered->n_steps; s++) {
        const MhoStep *step = &lowered->steps[s];
        const MhoShape shape = step->shape;
        for (int i = 0; i < shape.h * shape.w * shape.c; i++) {
            const int k = i % shape.c;
            const int64_t total = naive_total(lowered, image, codes, step, i / shape.c, k);
            const float real =
                step->kind == MHO_STEP_MAX_POOL ? (float)total : fmaf((float)total, step->a[k], step->b[k]);
            const float code = fminf(fmaxf(rintf(real), (float)step->low), (float)step->high);
            if (step->is_logits)
                logits[i] = real;
            else
                codes[lowered->codes_offset[s] + (size_t)i] = (uint8_t)(int)code;
        }
    }
}

static Outputs naive_outputs(const MhoLoweredNet *lowered, const uint8_t *images, size_t n_images)
{
    Outputs o = outputs_new(lowered, n_images);
    const size_t pixels = (size_t)(lowered->input.h * lowered->input.w * lowered->input.c);
    for (size_t n = 0; n < n_images; n++)
        naive_image(lowered, images + n * pixels, o.codes + n * o.codes_size, o.logits + n * o.n_logits);
    return o;
}

/* Equal codes mean nothing if all are alike: most steps show several. */
static void assert_spread(const MhoLoweredNet *lowered, const Outputs *outputs)
{
    for (size_t s = 0; s < lowered->n_steps; s++) {
        const CodeSpread spread = lowered->steps[s].is_logits ? (CodeSpread){3, 0.0} : code_spread(lowered, s, outputs);
        ck_assert_msg(spread.distinct >= 3 && spread.largest_share < 0.95, "step %s: %d codes, one of them %.1f %%",
                      lowered->steps[s].name, spread.distinct, 100.0 * spread.largest_share);
    }
}

static void assert_naive(const MhoLoweredNet *lowered, const uint8_t *images)
{
    Outputs naive = naive_outputs(lowered, images, N_IMAGES), integer = integer_outputs(lowered, images, N_IMAGES, 0);
    ck_assert(outputs_equal(&naive, &integer));
    outputs_free(&naive);
    outputs_free(&integer);
}

/* The integer executor equals plain loops, code for code. */
TEST_LOOP(test_integer_is_plain_loops, 0, N_SETUPS)
{
    const QuantizedSetup *setup = &setups[_i];
    uint8_t *images = random_images(setup->input, N_IMAGES, 3);
    MhoNet *net = quantized_net(setup, images, N_IMAGES);
    MhoLoweredNet *lowered = must_lower(net);
    Outputs integer = integer_outputs(lowered, images, N_IMAGES, 0);
    assert_naive(lowered, images);
    if (setup->batchnorm || setup->shift) /* the paper's form starts from chance */
        assert_spread(lowered, &integer);
    ck_assert(!setup->shift || lowered->matrices[1].shift != NULL);
    outputs_free(&integer);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
    free(images);
}

/* ---- groups, signed inputs, padded pools, weights of two bytes
 * ---------------------------------------------------------- */

/* Groups, signed codes and padded pools give the codes of the naive network. */
TEST(test_integer_with_groups_and_signs)
{
    uint8_t *images = random_images(grouped_input, N_IMAGES, 4);
    MhoNet *net = grouped_net(images, N_IMAGES);
    MhoLoweredNet *lowered = must_lower(net);
    Outputs integer = integer_outputs(lowered, images, N_IMAGES, 0);
    ck_assert(lowered->matrices[1].signed_input);
    ck_assert_uint_eq(lowered->matrices[1].groups, 3);
    assert_naive(lowered, images);
    assert_spread(lowered, &integer);
    outputs_free(&integer);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
    free(images);
}

/* Weight codes of two bytes; the constants shrink by as much as the codes grow. */
static void widen_codes(MhoLoweredNet *lowered)
{
    for (size_t l = 0; l < lowered->n_matrices; l++) {
        MhoMatrix *m = &lowered->matrices[l];
        int16_t *codes = (int16_t *)(uintptr_t)m->codes;
        const int factor = 32639 / m->n_weight;
        for (size_t i = 0; i < m->groups * m->rows * m->cols; i++)
            codes[i] = (int16_t)(codes[i] * factor + (codes[i] != 0 ? random_int(6, i, -factor / 4, factor / 4) : 0));
        for (size_t i = 0; i < m->groups * m->rows * m->cols; i++)
            codes[i] = codes[i] > 32639 ? 32639 : codes[i] < -32639 ? -32639 : codes[i];
        for (size_t s = 0; s < lowered->n_steps; s++)
            if (lowered->steps[s].kind == MHO_STEP_MATRIX && lowered->steps[s].matrix == l)
                for (int k = 0; k < lowered->steps[s].shape.c; k++)
                    lowered->steps[s].a[k] /= (float)factor;
        m->n_weight = 32639;
    }
}

/* Weight codes of two bytes give the codes of the naive network; wider ones are refused. */
TEST(test_integer_with_sixteen_bit_weights)
{
    uint8_t *images = random_images(grouped_input, N_IMAGES, 4);
    MhoNet *net = grouped_net(images, N_IMAGES);
    MhoLoweredNet *lowered = must_lower(net);
    MhoError error = {0};
    float logits[10];
    widen_codes(lowered);
    Outputs integer = integer_outputs(lowered, images, N_IMAGES, 0);
    assert_naive(lowered, images);
    assert_spread(lowered, &integer);
    lowered->matrices[0].n_weight = 32640;
    ck_assert_int_eq(run_integer(lowered, images, 1, 1, logits, NULL, &error), MHO_USAGE);
    ck_assert_msg(strstr(error.text, "conv1") && strstr(error.text, "quant.weight.bits"), "%s", error.text);
    outputs_free(&integer);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
    free(images);
}
