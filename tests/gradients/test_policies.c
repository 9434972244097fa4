/* test_policies.c - every registered quantizer at every bit width it allows: levels, symmetry, idempotence, range, fit,
 * and its gradient against differences of the surrogate that it declares.
 *
 * A quantizer without a row in `rows` fails. A surrogate is a smooth function whose slopes are the gradient; what its
 * policy holds constant (the error of rounding, the largest |t|) comes with the point.
 */
#include <math.h>
#include <string.h>

#include "policy_bench.h"
#include "kernels/random.h"

enum { N = 4002, SAMPLES = 997 };

/* error: of rounding the clipped u, in u; most: max |tanh(x / e^s)| of the tensor. */
typedef struct Point {
    double s, lower, error, most;
} Point;

static double clipped(double u, double lower)
{
    return fmin(fmax(u, lower), 1.0);
}

static double fixed_scale(double x, const Point *p)
{
    return exp(p->s) * clipped(x / exp(p->s), p->lower);
}

static double learned_scale(double x, const Point *p)
{
    return exp(p->s) * (clipped(x / exp(p->s), p->lower) + p->error);
}

static double through_tanh(double x, const Point *p)
{
    return p->lower < 0.0 ? exp(p->s) * tanh(x / exp(p->s)) / p->most : fixed_scale(x, p);
}

typedef struct Row {
    const char *policy;
    double (*surrogate)(double x, const Point *p);
    bool learns_signed, learns_unsigned; /* the scale */
} Row;

static const Row rows[] = {
    {"fqconv", learned_scale, true, true},
    {"lsq", learned_scale, true, true},
    {"uniform", fixed_scale, false, false},
    {"uniform range=maximum", fixed_scale, false, false},
    {"uniform range=percentile", fixed_scale, false, false},
    {"dorefa", through_tanh, false, false},
    {"dorefa range=unit", through_tanh, false, false},
    {"pact", through_tanh, false, true},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static MhoQuantShape shape_of(int bits, bool is_signed, size_t n)
{
    static double scratch[2 * N];
    ck_assert_uint_le(n * q->scratch, sizeof scratch);
    return (MhoQuantShape){.bits = bits, .is_signed = is_signed, .channels = 1, .per_channel = n, .scratch = scratch};
}

/* Every quantizer of the registry has a declared surrogate in this test. */
TEST(test_every_policy_has_a_row)
{
    for (size_t m = 0; m < mho_quantizer_registry.n; m++) {
        const char *name = mho_quantizer_registry.descriptors[m]->name;
        /* levels that the tensor places: test_levels.c */
        bool found = ((const MhoQuantizer *)(const void *)mho_quantizer_registry.descriptors[m])->nonuniform;
        for (size_t r = 0; r < N_ROWS; r++)
            found = found ||
                    (strcspn(rows[r].policy, " ") == strlen(name) && strncmp(rows[r].policy, name, strlen(name)) == 0);
        ck_assert_msg(found, "%s declares no surrogate", name);
    }
}

/* The value of a code, or the value that tanh maps to it. */
static float value_of(float code, int n, bool by_tanh, double s, double most)
{
    const double u = (double)code / n;
    return (float)(exp(s) * (by_tanh ? atanh(u * most) : u));
}

static void check_levels(int bits, bool is_signed)
{
    static float x[N], codes[N], values[N], again[N];
    const float log_scale = 0.25F;
    const double largest = 2.0, most = tanh(largest / exp(0.25));
    const bool odd = q->normalizes_signed && is_signed;
    const int n = q->full_scale(params, bits, is_signed);
    bool seen[1024] = {false};
    int levels = 0;
    for (size_t i = 0; i < N; i++) /* symmetric about 0, without 0 */
        x[i] = ((float)i - 0.5F * (N - 1)) * ((float)largest / (0.5F * (N - 1)));
    q->encode(params, shape_of(bits, is_signed, N), x, &log_scale, NULL, codes);
    for (size_t i = 0; i < N; i++) {
        const double u = (double)x[i] / exp(0.25), target = odd ? tanh(u) / most : clipped(u, is_signed ? -1.0 : 0.0);
        const double farthest = odd ? 1.0 : 0.5;
        if (codes[i] != rintf(codes[i]) || fabsf(codes[i]) > (float)n || (!is_signed && codes[i] < 0.0F))
            ck_abort_msg("%d bits, signed %d: %g is no code of %g", bits, is_signed, (double)codes[i], (double)x[i]);
        if (fabs((double)codes[i] - target * n) > farthest + 1e-3)
            ck_abort_msg("%d bits, signed %d: %g becomes %g", bits, is_signed, (double)x[i], (double)codes[i]);
        if (is_signed && codes[i] != -codes[N - 1 - i])
            ck_abort_msg("%d bits: %g is not symmetric", bits, (double)x[i]);
        levels += !seen[(int)codes[i] + 512];
        seen[(int)codes[i] + 512] = true;
        values[i] = value_of(codes[i], n, odd, 0.25, most);
    }
    ck_assert_int_eq(levels, is_signed && !odd ? (1 << bits) - 1 : 1 << bits);
    ck_assert_msg(seen[512] != odd, "zero is a level of all but the odd codes");
    q->encode(params, shape_of(bits, is_signed, N), values, &log_scale, NULL, again);
    ck_assert_mem_eq(codes, again, sizeof codes);
}

/* A weight that training lost is not hidden in a code. */
TEST_LOOP(test_nan_has_no_code, 0, N_ROWS)
{
    const float x[3] = {0.5F, NAN, -1.0F}, log_scale = 0.0F;
    float codes[3];
    open_policy(rows[_i].policy);
    q->encode(params, shape_of(4, -1, 3), x, &log_scale, NULL, codes);
    ck_assert(isnan(codes[1]) && isfinite(codes[0]) && isfinite(codes[2]));
}

/* Every policy gives its levels at every bit width, symmetric and idempotent. */
TEST_LOOP(test_levels, 0, N_ROWS)
{
    open_policy(rows[_i].policy);
    for (int bits = q->min_bits; bits <= q->max_bits; bits++)
        for (int is_signed = 1; is_signed >= 0; is_signed--)
            check_levels(bits, is_signed);
}

/* One step of noise moves a value by one level. */
TEST_LOOP(test_noise_is_in_steps, 0, N_ROWS)
{
    open_policy(rows[_i].policy);
    for (int bits = q->min_bits + 1; bits <= q->max_bits; bits++)
        for (int is_signed = 1; is_signed >= 0; is_signed--) {
            const float x[3] = {0.11F, 0.4F, 1.0F}, noise[3] = {1.0F, -1.0F, 0.0F}, log_scale = 0.0F;
            const float level = q->normalizes_signed && is_signed ? 2.0F : 1.0F;
            float clean[3], noisy[3];
            q->encode(params, shape_of(bits, is_signed, 3), x, &log_scale, NULL, clean);
            q->encode(params, shape_of(bits, is_signed, 3), x, &log_scale, noise, noisy);
            ck_assert_float_eq(noisy[0], clean[0] + level);
            ck_assert_float_eq(noisy[1], clean[1] - level);
            ck_assert_float_eq(noisy[2], clean[2]);
        }
}

static double slope_over_x(const Row *row, double x, const Point *p)
{
    const double h = 1e-6;
    return (row->surrogate(x + h, p) - row->surrogate(x - h, p)) / (2.0 * h);
}

/* Of pact the scale of the rounding grid is held constant, as its surrogate is written. */
static double slope_over_s(const Row *row, double x, const Point *p)
{
    const double h = 1e-6;
    Point up = *p, down = *p;
    up.s += h;
    down.s -= h;
    return (row->surrogate(x, &up) - row->surrogate(x, &down)) / (2.0 * h);
}

static void check_gradient(const Row *row, int bits, bool is_signed)
{
    float x[SAMPLES], d_value[SAMPLES], d_x[SAMPLES], codes[SAMPLES], d_log_scale = 0.5F;
    const float log_scale = -0.4F;
    const int n = q->full_scale(params, bits, is_signed);
    const MhoStream stream = {.seed = 1, .place = (uint32_t)bits, .noise = 1.0F};
    const bool learns = is_signed ? row->learns_signed : row->learns_unsigned;
    Point p = {.s = (double)log_scale, .lower = is_signed ? -1.0 : 0.0};
    double sum = 0.0, moved = 0.0;
    mho_normal_fill(stream, MHO_DRAW_TEST, SAMPLES, x);
    mho_normal_fill_at(stream, MHO_DRAW_TEST, 1000, SAMPLES, d_value);
    for (size_t i = 0; i < SAMPLES; i++)
        p.most = fmax(p.most, fabs(tanh((double)x[i] / exp(p.s))));
    q->encode(params, shape_of(bits, is_signed, SAMPLES), x, &log_scale, NULL, codes);
    q->gradient(params, shape_of(bits, is_signed, SAMPLES), x, &log_scale, d_value, d_x, &d_log_scale);
    for (size_t i = 0; i < SAMPLES; i++) {
        const double u = (double)x[i] / exp(p.s);
        ck_assert(fabs(u - p.lower) > 1e-5 && fabs(u - 1.0) > 1e-5); /* no sample is on a corner */
        p.error = (double)codes[i] / n - clipped(u, p.lower);
        const double expected = (double)d_value[i] * slope_over_x(row, (double)x[i], &p);
        ck_assert_double_eq_tol((double)d_x[i], expected, 1e-5 + 1e-5 * fabs(expected));
        moved += fabs(expected);
        sum += (double)d_value[i] * slope_over_s(row, (double)x[i], &p);
    }
    ck_assert_double_gt(moved, 1.0);
    if (!learns) {
        ck_assert_float_eq(d_log_scale, 0.5F);
        return;
    }
    sum /= sqrt((double)SAMPLES * n);
    ck_assert_msg(fabs(sum) > 1e-3, "nothing to compare");
    ck_assert_double_eq_tol((double)d_log_scale - 0.5, sum, 1e-4 * fabs(sum) + 1e-6); /* added to what was there */
}

/* Every policy's gradient is the derivative of its declared surrogate. */
TEST_LOOP(test_gradients, 0, N_ROWS)
{
    open_policy(rows[_i].policy);
    for (int bits = q->min_bits; bits <= q->max_bits; bits++)
        for (int is_signed = 1; is_signed >= 0; is_signed--)
            check_gradient(&rows[_i], bits, is_signed);
}

/* The same bytes again, and of each channel what it has alone. */
TEST_LOOP(test_fit_is_deterministic, 0, N_ROWS)
{
    float x[3 * SAMPLES];
    const MhoStream stream = {.seed = 2, .noise = 1.0F};
    open_policy(rows[_i].policy);
    mho_normal_fill(stream, MHO_DRAW_TEST, 3 * SAMPLES, x);
    memset(x + 2 * SAMPLES, 0, SAMPLES * sizeof *x);
    for (size_t i = 0; i < SAMPLES; i++)
        x[i] *= 3.0F;
    for (int bits = q->min_bits; bits <= q->max_bits; bits++)
        for (int is_signed = 1; is_signed >= 0; is_signed--) {
            MhoQuantShape shape = shape_of(bits, is_signed, SAMPLES);
            float first[3], second[3], alone;
            shape.channels = 3;
            q->fit(params, shape, x, first);
            q->fit(params, shape, x, second);
            ck_assert_mem_eq(first, second, sizeof first);
            for (size_t k = 0; k < 3; k++) {
                q->fit(params, shape_of(bits, is_signed, SAMPLES), x + k * SAMPLES, &alone);
                ck_assert(isfinite(alone) && alone == first[k]);
            }
        }
}

/* Starting scales: 2 E|x| / sqrt(n) per step, the largest value, a percentile of the sizes, 1, and no smaller error on
 * either side. */
TEST(test_fit_of_each)
{
    float x[SAMPLES], sizes[SAMPLES], log_scale, largest = 0.0F, best;
    const MhoStream stream = {.seed = 4, .noise = 1.0F};
    double mean = 0.0;
    mho_normal_fill(stream, MHO_DRAW_TEST, SAMPLES, x);
    for (size_t i = 0; i < SAMPLES; i++) {
        mean += fabs((double)x[i]) / SAMPLES;
        largest = fmaxf(largest, fabsf(x[i]));
    }
    open_policy("lsq");
    q->fit(params, shape_of(4, -1, SAMPLES), x, &log_scale);
    ck_assert_double_eq_tol(exp((double)log_scale) / 7.0, 2.0 * mean / sqrt(7.0), 1e-6);
    const char *const maximum[] = {"uniform range=maximum", "dorefa", "pact"};
    for (size_t i = 0; i < 3; i++) {
        open_policy(maximum[i]);
        q->fit(params, shape_of(4, -1, SAMPLES), x, &log_scale);
        ck_assert_double_eq_tol(exp((double)log_scale), (double)largest, 1e-5);
    }
    for (size_t i = 0; i < SAMPLES; i++)
        sizes[i] = x[i] * (i % 4 == 0 ? 0.0F : 1.0F); /* zeros are not counted */
    open_policy("uniform range=percentile percentile=90");
    q->fit(params, shape_of(4, -1, SAMPLES), sizes, &log_scale);
    size_t inside = 0, others = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        others += sizes[i] != 0.0F;
        inside += sizes[i] != 0.0F && fabs((double)sizes[i]) <= exp((double)log_scale) * (1.0 + 1e-6);
    }
    ck_assert_uint_eq(inside, (size_t)ceil(0.9 * (double)others));
    open_policy("dorefa range=unit");
    q->fit(params, shape_of(4, -1, SAMPLES), x, &log_scale);
    ck_assert_float_eq(log_scale, 0.0F);
    open_policy("uniform");
    q->fit(params, shape_of(4, -1, SAMPLES), x, &best);
    open_policy("fqconv");
    q->fit(params, shape_of(4, -1, SAMPLES), x, &log_scale);
    ck_assert_float_eq(best, log_scale); /* tested against Max, 1960, in test_fqconv.c */
}
