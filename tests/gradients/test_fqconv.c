/* test_fqconv.c - levels, symmetry, idempotence, fit and both surrogate gradients of FQ-Conv's quantizer at 2 to 8
 * bits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "policy_bench.h"
#include "kernels/random.h"

enum { N = 4001 };

static MhoQuantShape shape_of(int bits, bool is_signed, size_t n)
{
    return (MhoQuantShape){.bits = bits, .is_signed = is_signed, .channels = 1, .per_channel = n};
}

/* -2 .. 2, symmetric about 0. */
static float ramp(size_t i)
{
    return ((float)i - (N - 1) / 2) * (4.0F / (N - 1));
}

/* At every bit width codes are the nearest levels, symmetric, all reached, and encoding is idempotent. */
TEST(test_levels)
{
    static float x[N], codes[N], values[N], again[N];
    const float log_scale = 0.25F;
    open_policy("fqconv");
    for (size_t i = 0; i < N; i++)
        x[i] = ramp(i);
    for (int bits = 2; bits <= 8; bits++)
        for (int is_signed = 1; is_signed >= 0; is_signed--) {
            const int n = is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
            bool seen[512] = {false};
            int levels = 0;
            ck_assert_int_eq(q->full_scale(params, bits, is_signed), n);
            q->encode(params, shape_of(bits, is_signed, N), x, &log_scale, NULL, codes);
            for (size_t i = 0; i < N; i++) {
                const double u = (double)x[i] / exp(0.25), clipped = fmin(fmax(u, is_signed ? -1.0 : 0.0), 1.0);
                if (fabs((double)codes[i] - clipped * n) > 0.5 + 1e-4 || codes[i] != rintf(codes[i]))
                    ck_abort_msg("%d bits, signed %d: %g becomes %g", bits, is_signed, (double)x[i], (double)codes[i]);
                if (is_signed && codes[i] != -codes[N - 1 - i])
                    ck_abort_msg("%d bits: %g is not symmetric", bits, (double)x[i]);
                if (!seen[(int)codes[i] + 256])
                    levels++;
                seen[(int)codes[i] + 256] = true;
                values[i] = codes[i] * (float)(exp(0.25) / n);
            }
            ck_assert_int_eq(levels, is_signed ? 2 * n + 1 : n + 1);
            q->encode(params, shape_of(bits, is_signed, N), values, &log_scale, NULL, again);
            ck_assert_mem_eq(codes, again, sizeof codes);
        }
}

/* Noise counts steps, is added before rounding, and the result is clipped. */
TEST(test_noise_is_in_steps_before_rounding)
{
    const float x[4] = {0.0F, 0.0F, 0.0F, 0.0F}, noise[4] = {0.4F, 0.6F, -1.6F, 9.0F}, log_scale = 1.0F;
    float codes[4];
    open_policy("fqconv");
    q->encode(params, shape_of(4, -1, 4), x, &log_scale, noise, codes);
    ck_assert_float_eq(codes[0], 0.0F);
    ck_assert_float_eq(codes[1], 1.0F);
    ck_assert_float_eq(codes[2], -2.0F);
    ck_assert_float_eq(codes[3], 7.0F);
}

/* The declared surrogate, written out once more in double. */
static double surrogate(double x, double s, int n, bool is_signed, bool straight, double *d_s)
{
    const double lower = is_signed ? -1.0 : 0.0;
    const double u = x / exp(s), code = rint(fmin(fmax(u, lower), 1.0) * n) / n;
    const bool inside = straight || (u > lower && u < 1.0);
    *d_s = exp(s) * (inside ? code - u : code);
    return inside ? 1.0 : 0.0;
}

static void check_gradient(int bits, bool is_signed, bool straight)
{
    float x[997], d_value[997], d_x[997], d_log_scale = 0.5F;
    const float log_scale = -0.4F;
    const int n = q->full_scale(params, bits, is_signed);
    const MhoStream stream = {.seed = 1, .place = (uint32_t)bits, .noise = 1.0F};
    double expected = 0.0;
    mho_normal_fill(stream, MHO_DRAW_TEST, 997, x);
    mho_normal_fill_at(stream, MHO_DRAW_TEST, 1000, 997, d_value);
    q->gradient(params, shape_of(bits, is_signed, 997), x, &log_scale, d_value, d_x, &d_log_scale);
    for (size_t i = 0; i < 997; i++) {
        double d_s;
        const double slope = surrogate((double)x[i], (double)log_scale, n, is_signed, straight && is_signed, &d_s);
        ck_assert_float_eq(d_x[i], (float)slope * d_value[i]);
        expected += (double)d_value[i] * d_s;
    }
    expected /= sqrt(997.0 * n);
    ck_assert_msg(fabs(expected) > 1e-3, "nothing to compare");
    /* added to what was there */
    ck_assert_double_eq_tol((double)d_log_scale - 0.5, expected, 1e-4 * fabs(expected) + 1e-6);
}

/* Both forms of the gradient are derivatives of their declared surrogate. */
TEST(test_gradients)
{
    for (int straight = 0; straight < 2; straight++) {
        open_policy(straight ? "fqconv gradient=straight" : "fqconv");
        for (int bits = 2; bits <= 8; bits++)
            for (int is_signed = 1; is_signed >= 0; is_signed--)
                check_gradient(bits, is_signed, straight);
    }
}

/* Per channel: each channel has its own scale and its own sum. */
TEST(test_channels)
{
    const float x[6] = {0.5F, -0.5F, 3.0F, 0.5F, -0.5F, 3.0F}, log_scale[2] = {0.0F, 1.0986123F};
    const MhoQuantShape shape = {.bits = 2, .is_signed = true, .channels = 2, .per_channel = 3};
    const float d_value[6] = {1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F};
    float codes[6], d_x[6], d_log_scale[2] = {0.0F, 0.0F};
    open_policy("fqconv");
    q->encode(params, shape, x, log_scale, NULL, codes);
    const float expected[6] = {0.0F, 0.0F, 1.0F, 0.0F, 0.0F, 1.0F}; /* a half rounds to even */
    for (size_t i = 0; i < 6; i++)
        ck_assert_float_eq(codes[i], expected[i]);
    q->gradient(params, shape, x, log_scale, d_value, d_x, d_log_scale);
    /* (0 - 0.5) + (0 + 0.5) + 1 */
    ck_assert_double_eq_tol((double)d_log_scale[0], 1.0 / sqrt(3.0), 1e-6);
    ck_assert_float_eq(d_x[2], 0.0F);
}

static double squared_error(const float *x, size_t n, int bits, bool is_signed, float log_scale)
{
    static float codes[20000];
    const double step = exp((double)log_scale) / q->full_scale(params, bits, is_signed);
    double sum = 0.0;
    q->encode(params, shape_of(bits, is_signed, n), x, &log_scale, NULL, codes);
    for (size_t i = 0; i < n; i++)
        sum += ((double)x[i] - step * (double)codes[i]) * ((double)x[i] - step * (double)codes[i]);
    return sum;
}

/* Uniform quantizers of a unit normal: steps of least squared error from Max, IRE Trans. IT 6 (1960) 7, table II (3, 7
 * and 15 levels). */
TEST(test_fit)
{
    static float x[20000];
    const double steps[5] = {0.0, 0.0, 1.2240, 0.6508, 0.3534};
    const MhoStream stream = {.seed = 2, .noise = 1.0F};
    float log_scale = 0.0F;
    mho_normal_fill(stream, MHO_DRAW_TEST, 20000, x);
    open_policy("fqconv");
    for (int bits = 2; bits <= 8; bits++) {
        q->fit(params, shape_of(bits, true, 20000), x, &log_scale);
        const double step = exp((double)log_scale) / q->full_scale(params, bits, true),
                     best = squared_error(x, 20000, bits, true, log_scale);

        if (bits <= 4)
            ck_assert_double_eq_tol(step, steps[bits], 0.04 * steps[bits]);
        for (float away = -0.3F; away < 0.4F; away += 0.6F)
            ck_assert_double_lt(best, squared_error(x, 20000, bits, true, log_scale + away));
    }
    open_policy("fqconv fit=maximum");
    x[17] = -9.0F;
    q->fit(params, shape_of(3, -1, 20000), x, &log_scale);
    ck_assert_double_eq_tol(exp((double)log_scale), 9.0, 1e-5);
    memset(x, 0, sizeof x);
    q->fit(params, shape_of(3, -1, 20000), x, &log_scale);
    ck_assert_float_eq(log_scale, 0.0F);
}

/* A misspelled name, key or value of a policy is a USAGE error with a text. */
TEST(test_text)
{
    const char *wrong[] = {"fqcon", "fqconv gradient", "fqconv slope=1", "fqconv gradient=sideways", ""};
    MhoPolicy unused;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        MhoError error = {0};
        ck_assert_int_eq(mho_policy_open(wrong[i], &unused, &error), MHO_USAGE);
        ck_assert(error.text[0] != '\0');
    }
}
