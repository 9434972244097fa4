/* test_levels.c - the non-uniform quantizers of weights: levels, symmetry, what stays when quantized again, surrogate
 * gradients; UNIQ's equal probabilities and its noise. */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "policy_bench.h"
#include "kernels/math.h"

enum { N = 4096, MANY = 100000, GRID = 32639 };

static const char *const policies[] = {"uniq", "uniq gradient=exact", "uniq cdf=empirical", "kmeans",
                                       "kmeans iterations=40"};

static double scratch[2 * MANY];

static MhoQuantShape shape_of(int bits, size_t n)
{
    ck_assert_uint_le(n * q->scratch, sizeof scratch);
    return (MhoQuantShape){.bits = bits, .is_signed = true, .channels = 1, .per_channel = n, .scratch = scratch};
}

static void draw(uint32_t place, size_t n, float mean, float sd, float *x)
{
    mho_normal_fill((MhoStream){.seed = 5, .place = place, .noise = sd}, MHO_DRAW_TEST, n, x);
    for (size_t i = 0; i < n; i++)
        x[i] += mean;
}

static void moments(size_t n, const float *x, double *mean, double *sd)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    *sd = sqrt(squares / (double)(n - 1));
}

static double F(double x, double mean, double sd)
{
    return 0.5 * erfc(-(x - mean) / (sd * sqrt(2.0)));
}

/* The quantizer of the paper's code: u = F(w), u_q = (round(2^b u - 1/2) + 1/2) / 2^b, w_q = F^-1(u_q). */
TEST_LOOP(test_uniq_levels, 2, 9)
{
    static float x[N], codes[N];
    float log_scale;
    double mean, sd;
    const int bits = _i, k = 1 << bits;
    open_policy("uniq");
    ck_assert_int_eq(q->full_scale(params, bits, true), GRID);
    draw(1, N, 0.03F, 0.2F, x);
    moments(N, x, &mean, &sd);
    q->fit(params, shape_of(bits, N), x, &log_scale);
    q->encode(params, shape_of(bits, N), x, &log_scale, NULL, codes);
    double largest = 0.0;
    for (int i = 0; i < k; i++)
        largest = fmax(largest, fabs(mean + sd * gsl_cdf_ugaussian_Pinv((i + 0.5) / k)));
    ck_assert_double_eq_tol(exp((double)log_scale), largest, 1e-6 * largest);
    for (size_t i = 0; i < N; i++) {
        const double u = F((double)x[i], mean, sd), u_q = (floor(u * k) + 0.5) / k;
        const double level = mean + sd * gsl_cdf_ugaussian_Pinv(u_q);
        if (fabs(u * k - rint(u * k)) < 1e-6 * k) /* on a threshold */
            continue;
        if (fabs((double)codes[i] - level / largest * GRID) > 0.5 + 0.01 || codes[i] != rintf(codes[i]))
            ck_abort_msg("%d bits: %g becomes %g", bits, (double)x[i], (double)codes[i]);
    }
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Levels met, ascending; at most 2^bits. */
static size_t distinct(size_t n, const float *codes, float *sorted)
{
    size_t count = 0;
    memcpy(sorted, codes, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    for (size_t i = 0; i < n; i++)
        if (count == 0 || sorted[i] > sorted[count - 1])
            sorted[count++] = sorted[i];
    return count;
}

/* Whole codes on 2^bits levels, largest code 32639, order kept, opposite tensors give opposite codes, any scale the
 * same codes; a second channel does not matter. */
TEST_LOOP(test_codes, 2, 9)
{
    static float x[2 * N], y[N], codes[2 * N], mirror[N], sorted[N];
    const int bits = _i;
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++) {
        float log_scale[2], mirrored;
        const MhoQuantShape two = {
            .bits = bits, .is_signed = true, .channels = 2, .per_channel = N, .scratch = scratch};
        open_policy(policies[p]);
        draw(2, N, 0.1F, 1.0F, x);
        draw(3, N, -2.0F, 7.0F, x + N);
        q->fit(params, two, x, log_scale);
        q->encode(params, two, x, log_scale, NULL, codes);
        const size_t levels = distinct(N, codes, sorted);
        ck_assert_msg(levels == (size_t)1 << bits, "%s, %d bits: %zu levels", policies[p], bits, levels);
        ck_assert_float_eq(fmaxf(fabsf(sorted[0]), fabsf(sorted[levels - 1])), (float)GRID);
        for (size_t i = 0; i < N; i++)
            y[i] = -0.5F * x[i];
        q->fit(params, shape_of(bits, N), y, &mirrored);
        q->encode(params, shape_of(bits, N), y, &mirrored, NULL, mirror);
        ck_assert_double_eq_tol((double)mirrored, (double)log_scale[0] - log(2.0), 1e-6);
        for (size_t i = 0; i < N; i++) /* ranges rounded to float may move a code by 1 */
            if (codes[i] != rintf(codes[i]) || fabsf(codes[i] + mirror[i]) > 1.0F ||
                (i > 0 && (x[i] - x[i - 1]) * (codes[i] - codes[i - 1]) < 0.0F))
                ck_abort_msg("%s, %d bits: %g becomes %g, mirrored %g", policies[p], bits, (double)x[i],
                             (double)codes[i], (double)mirror[i]);
        q->encode(params, shape_of(bits, N), x + N, log_scale + 1, NULL, mirror);
        ck_assert_mem_eq(mirror, codes + N, sizeof mirror);
    }
}

/* UNIQ computes mean and sd again from quantized values; their bins stay, up to 5 bits. */
TEST_LOOP(test_bins_stay, 2, 6)
{
    static float x[N], codes[N], values[N], again[N], sorted[N], sorted_again[N];
    const int bits = _i;
    float log_scale;
    open_policy("uniq");
    draw(4, N, 0.02F, 0.3F, x);
    q->fit(params, shape_of(bits, N), x, &log_scale);
    q->encode(params, shape_of(bits, N), x, &log_scale, NULL, codes);
    for (size_t i = 0; i < N; i++)
        values[i] = (float)(exp((double)log_scale) * (double)codes[i] / GRID);
    q->fit(params, shape_of(bits, N), values, &log_scale);
    q->encode(params, shape_of(bits, N), values, &log_scale, NULL, again);
    const size_t n = distinct(N, codes, sorted), n_again = distinct(N, again, sorted_again);
    ck_assert_uint_eq(n, n_again);
    for (size_t i = 0; i < N; i++) {
        const float *before = bsearch(&codes[i], sorted, n, sizeof *sorted, by_value),
                    *after = bsearch(&again[i], sorted_again, n_again, sizeof *sorted_again, by_value);
        ck_assert_int_eq(before - sorted, after - sorted_again);
    }
}

static int nearest_level(const double *level, int k, double x)
{
    int nearest = 0;
    for (int i = 0; i < k; i++) /* a value halfway goes up */
        nearest = fabs(x - level[i]) <= fabs(x - level[nearest]) ? i : nearest;
    return nearest;
}

/* Lloyd's iteration as written down: ten rounds over the weights one by one. */
TEST_LOOP(test_kmeans_is_lloyd, 2, 9)
{
    static float x[N], codes[N];
    const int bits = _i, k = 1 << bits;
    double level[256], mean, sd, largest = 0.0;
    float log_scale;
    open_policy("kmeans");
    draw(10, N, -0.1F, 0.3F, x);
    for (size_t i = 0; i < N; i++)
        x[i] *= fabsf(x[i]); /* far from normal: bins empty and move */
    moments(N, x, &mean, &sd);
    for (int i = 0; i < k; i++)
        level[i] = mean + sd * gsl_cdf_ugaussian_Pinv((i + 0.5) / k);
    for (int round = 0; round < 10; round++) {
        double sum[256] = {0}, count[256] = {0};
        for (size_t i = 0; i < N; i++) {
            const int bin = nearest_level(level, k, (double)x[i]);
            sum[bin] += (double)x[i];
            count[bin] += 1.0;
        }
        for (int i = 0; i < k; i++)
            level[i] = count[i] > 0.0 ? sum[i] / count[i] : level[i];
    }
    for (int i = 0; i < k; i++)
        largest = fmax(largest, fabs(level[i]));
    q->fit(params, shape_of(bits, N), x, &log_scale);
    q->encode(params, shape_of(bits, N), x, &log_scale, NULL, codes);
    ck_assert_double_eq_tol(exp((double)log_scale), largest, 1e-6 * largest);
    for (size_t i = 0; i < N; i++)
        if (fabs((double)codes[i] - level[nearest_level(level, k, (double)x[i])] / largest * GRID) > 0.52)
            ck_abort_msg("%d bits: %g becomes %g", bits, (double)x[i], (double)codes[i]);
}

/* k-means gives every weight its nearest level, so that a level is its own. */
TEST_LOOP(test_kmeans_is_nearest, 2, 9)
{
    static float x[N], codes[N], sorted[N];
    float log_scale;
    open_policy("kmeans");
    draw(4, N, 0.02F, 0.3F, x);
    q->fit(params, shape_of(_i, N), x, &log_scale);
    q->encode(params, shape_of(_i, N), x, &log_scale, NULL, codes);
    const size_t n = distinct(N, codes, sorted);
    ck_assert_uint_eq(n, (size_t)1 << _i);
    for (size_t i = 0; i < N; i++) {
        const double steps = (double)x[i] / exp((double)log_scale) * GRID;
        double nearest = INFINITY;
        for (size_t l = 0; l < n; l++)
            nearest = fmin(nearest, fabs(steps - (double)sorted[l]));
        ck_assert_double_le(fabs(steps - (double)codes[i]), nearest + 1.0); /* levels are rounded */
    }
}

/* Equal values are a level of their own: zeros stay codes 0. A stale range clips. Noise is in steps of the grid. */
TEST(test_edges)
{
    const float equal[5] = {-0.3F, -0.3F, -0.3F, -0.3F, -0.3F}, zero[5] = {0}, four[4] = {-3.0F, -1.0F, 1.0F, 3.0F};
    const float noise[4] = {0.0F, 0.0F, -40000.0F, 0.0F}, small = -2.0F;
    float codes[5], log_scale;
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++) {
        open_policy(policies[p]);
        q->fit(params, shape_of(4, 5), equal, &log_scale);
        q->encode(params, shape_of(4, 5), equal, &log_scale, NULL, codes);
        ck_assert_double_eq_tol(exp((double)log_scale), 0.3, 1e-6);
        ck_assert_float_eq(codes[2], -(float)GRID);
        q->fit(params, shape_of(4, 5), zero, &log_scale);
        q->encode(params, shape_of(4, 5), zero, &log_scale, NULL, codes);
        ck_assert_float_eq(log_scale, 0.0F);
        ck_assert_float_eq(codes[4], 0.0F);
        q->fit(params, shape_of(2, 4), four, &log_scale);
        q->encode(params, shape_of(2, 4), four, &log_scale, noise, codes);
        ck_assert_float_eq(codes[3], (float)GRID);
        ck_assert_float_eq(codes[2], codes[0]); /* 1 - 1.2 e^s is in the lowest bin */
        q->encode(params, shape_of(2, 4), four, &small, NULL, codes);
        ck_assert_float_eq(codes[0], -(float)GRID);
        ck_assert_float_eq(codes[2], (float)GRID);
    }
}

/* Every policy of placed levels has the gradient of its surrogate, and no gradient of the scale. */
TEST_LOOP(test_gradients, 2, 9)
{
    static float x[N], d_value[N], d_x[N];
    const float log_scale = 0.0F;
    const int bits = _i, k = 1 << bits;
    double mean, sd;
    draw(5, N, -0.01F, 0.1F, x);
    draw(6, N, 0.0F, 1.0F, d_value);
    moments(N, x, &mean, &sd);
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++) {
        float d_log_scale = 0.25F;
        open_policy(policies[p]);
        q->gradient(params, shape_of(bits, N), x, &log_scale, d_value, d_x, &d_log_scale);
        ck_assert_float_eq(d_log_scale, 0.25F); /* nothing is learned */
        for (size_t i = 0; i < N; i++) {
            const double z = ((double)x[i] - mean) / sd, u = F((double)x[i], mean, sd);
            const double z_q = gsl_cdf_ugaussian_Pinv((floor(u * k) + 0.5) / k);
            const double slope = p == 1 ? gsl_ran_ugaussian_pdf(z) / gsl_ran_ugaussian_pdf(z_q) : 1.0;
            if (fabs(u * k - rint(u * k)) < 1e-6 * k)
                continue;
            ck_assert_double_eq_tol((double)d_x[i], slope * (double)d_value[i],
                                    1e-5 * fabs((double)d_value[i]) + 1e-12);
        }
    }
}

static double mean_squared_error(const float *x, int bits)
{
    static float codes[N];
    float log_scale;
    double sum = 0.0;
    q->fit(params, shape_of(bits, N), x, &log_scale);
    q->encode(params, shape_of(bits, N), x, &log_scale, NULL, codes);
    for (size_t i = 0; i < N; i++) {
        const double e = (double)x[i] - exp((double)log_scale) * (double)codes[i] / GRID;
        sum += e * e;
    }
    return sum / N;
}

/* Errors of the best levels of a unit normal: Max, IRE Trans. IT 6 (1960) 7, table I, 4 and 8 levels. Iterations lower
 * the error; the start is above it. */
TEST(test_kmeans_is_best)
{
    static float x[N];
    const double best[4] = {0.0, 0.0, 0.1175, 0.03454};
    const char *const rounds[3] = {"kmeans iterations=0", "kmeans iterations=3", "kmeans iterations=200"};
    for (size_t i = 0; i < N; i++) /* a normal without sampling error */
        x[i] = (float)gsl_cdf_ugaussian_Pinv(((double)((i * 1999) % N) + 0.5) / N);
    for (int bits = 2; bits <= 8; bits++) {
        double error[3];
        for (size_t r = 0; r < 3; r++) {
            open_policy(rounds[r]);
            error[r] = mean_squared_error(x, bits);
        }
        ck_assert_double_lt(error[1], error[0]);
        ck_assert_double_lt(error[2], error[1]);
        if (bits <= 3)
            ck_assert_double_eq_tol(error[2], best[bits], 0.01 * best[bits]);
    }
}

static double chi_square(size_t n, const size_t *count)
{
    double total = 0.0, sum = 0.0;
    for (size_t i = 0; i < n; i++)
        total += (double)count[i];
    const double expected = total / (double)n;
    for (size_t i = 0; i < n; i++)
        sum += ((double)count[i] - expected) * ((double)count[i] - expected) / expected;
    return sum;
}

static void plausible(double statistic, double freedom, const char *what)
{
    const double p = gsl_cdf_chisq_Q(statistic, freedom);
    ck_assert_msg(p > 1e-3 && p < 1.0 - 1e-5, "%s: chi-square %g with %g degrees, p = %g", what, statistic, freedom, p);
}

/* Every level is used equally often by normal weights (the fit takes two degrees of freedom). */
TEST_LOOP(test_uniq_is_equiprobable, 2, 9)
{
    static float x[MANY], codes[MANY], sorted[MANY];
    size_t count[256] = {0};
    float log_scale;
    open_policy("uniq");
    draw(7, MANY, 0.4F, 2.0F, x);
    q->fit(params, shape_of(_i, MANY), x, &log_scale);
    q->encode(params, shape_of(_i, MANY), x, &log_scale, NULL, codes);
    const size_t n = distinct(MANY, codes, sorted);
    ck_assert_uint_eq(n, (size_t)1 << _i);
    for (size_t i = 0; i < MANY; i++)
        count[(size_t)((const float *)bsearch(&codes[i], sorted, n, sizeof *sorted, by_value) - sorted)]++;
    const double statistic = chi_square(n, count);
    ck_assert_msg(gsl_cdf_chisq_Q(statistic, (double)n - 1.0) > 1e-3, "%d bits: chi-square %g", _i, statistic);
    ck_assert_double_gt(statistic, 0.0);
}

/* F(noisy) - F(x) is uniform within half a bin and knows nothing of x, where no tail is near. */
TEST_LOOP(test_noise_is_uniform, 2, 9)
{
    static float x[MANY], noisy[MANY], slope[MANY];
    enum { CELLS = 20, HALVES = 2 };
    size_t count[CELLS] = {0}, joint[HALVES * CELLS] = {0}, clipped = 0;
    const int bits = _i, k = 1 << bits;
    double mean, sd;
    draw(8, MANY, -0.2F, 0.5F, x);
    moments(MANY, x, &mean, &sd);
    open_policy("uniq gradient=exact tails=free");
    q->inject(params, shape_of(bits, MANY), x, NULL, (MhoStream){.seed = 3}, noisy, slope);
    for (size_t i = 0; i < MANY; i++) {
        const double u = F((double)x[i], mean, sd), e = (F((double)noisy[i], mean, sd) - u) * k + 0.5;
        const double z = ((double)x[i] - mean) / sd, z_n = ((double)noisy[i] - mean) / sd;
        if (fabs((double)slope[i] - exp(0.5 * (z_n * z_n - z * z))) > 1e-4 * (double)slope[i])
            ck_abort_msg("slope %g of a weight %g", (double)slope[i], (double)x[i]);
        if (u < 0.5 / k || u > 1.0 - 0.5 / k) {
            clipped += F((double)noisy[i], mean, sd) < 1.01e-5;
            continue;
        }
        if (!(e > -1e-3 && e < 1.0 + 1e-3))
            ck_abort_msg("noise of %g bins", e - 0.5);
        const size_t cell = (size_t)(fmin(fmax(e, 0.0), 0.999999) * CELLS);
        count[cell]++;
        joint[(u > 0.5 ? CELLS : 0) + cell]++;
    }
    plausible(chi_square(CELLS, count), CELLS - 1.0, "noise");
    plausible(chi_square(CELLS, joint) + chi_square(CELLS, joint + CELLS), 2.0 * (CELLS - 1.0), "noise and weight");
    ck_assert_uint_gt(clipped, 0);
}

/* The same stream gives the same noise, another stream or channel another; twice the width twice the noise. */
TEST(test_noise_of_streams)
{
    static float x[2 * N], noisy[2 * N], again[2 * N], wide[2 * N];
    const MhoQuantShape two = {.bits = 4, .is_signed = true, .channels = 2, .per_channel = N, .scratch = scratch};
    size_t equal = 0;
    double sum = 0.0, squares[2] = {0};
    draw(9, N, 0.0F, 1.0F, x);
    memcpy(x + N, x, N * sizeof *x);
    open_policy("uniq noise=full tails=free");
    q->inject(params, two, x, NULL, (MhoStream){.seed = 3, .step = 4}, wide, NULL);
    open_policy("uniq tails=free");
    q->inject(params, two, x, NULL, (MhoStream){.seed = 3, .step = 4}, noisy, NULL);
    q->inject(params, two, x, NULL, (MhoStream){.seed = 3, .step = 4}, again, NULL);
    ck_assert_mem_eq(noisy, again, sizeof noisy);
    q->inject(params, two, x, NULL, (MhoStream){.seed = 3, .step = 5}, again, NULL);
    for (size_t i = 0; i < N; i++) {
        equal += noisy[i] == again[i] || noisy[i] == noisy[N + i];
        sum += (double)(noisy[i] - x[i]);
        if (fabsf(x[i]) < 1.0F) {
            squares[0] += (F((double)noisy[i], 0.0, 1.0) - F((double)x[i], 0.0, 1.0)) *
                          (F((double)noisy[i], 0.0, 1.0) - F((double)x[i], 0.0, 1.0));
            squares[1] += (F((double)wide[i], 0.0, 1.0) - F((double)x[i], 0.0, 1.0)) *
                          (F((double)wide[i], 0.0, 1.0) - F((double)x[i], 0.0, 1.0));
        }
    }
    ck_assert_uint_lt(equal, N / 100);
    ck_assert_double_lt(fabs(sum) / N, 0.01);
    ck_assert_double_eq_tol(squares[1] / squares[0], 4.0, 0.01);
    for (size_t i = 0; i < N; i++)
        x[i] = 0.7F;
    q->inject(params, shape_of(4, N), x, NULL, (MhoStream){.seed = 3}, x, again);
    ck_assert_double_eq_tol((double)x[17], 0.7, 1e-6);
    ck_assert_float_eq(again[17], 1.0F);
}
