/* test_uniq.c - UNIQ's empirical distribution and its activations: equal probabilities, noise, slopes, the table.
 *
 * Empirical quantiles are told by a naive distribution: values sorted by the C library, F = (i + 1/2) / N at the i-th,
 * straight lines in between. Activations by the half-normal of the GNU Scientific Library.
 */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "policy_bench.h"
#include "kernels/math.h"

enum { N = 4096, MANY = 100000, GRID = 32639, CELLS = 20 };

static double scratch[MANY];
static float sorted[MANY];

static MhoQuantShape shape_of(int bits, bool is_signed, size_t n)
{
    ck_assert_uint_le(n * q->scratch, sizeof scratch);
    return (MhoQuantShape){.bits = bits, .is_signed = is_signed, .channels = 1, .per_channel = n, .scratch = scratch};
}

static void draw(uint32_t place, size_t n, float sd, float *x)
{
    mho_normal_fill((MhoStream){.seed = 6, .place = place, .noise = sd}, MHO_DRAW_TEST, n, x);
}

/* Far from normal: skewed, one tail. */
static void draw_skewed(uint32_t place, size_t n, float *x)
{
    draw(place, n, 0.8F, x);
    for (size_t i = 0; i < n; i++)
        x[i] = expf(x[i]) - 1.2F;
}

/* In loops over many values, where an assertion of the library each would take longer than the work. */
static void close_to(double value, double expected, double tolerance, const char *what)
{
    if (!(fabs(value - expected) <= tolerance))
        ck_abort_msg("%s: %g, not %g", what, value, expected);
}

static void holds(bool promise, const char *what, double value)
{
    if (!promise)
        ck_abort_msg("%s: %g", what, value);
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void sort(size_t n, const float *x)
{
    memcpy(sorted, x, n * sizeof *x);
    qsort(sorted, n, sizeof *sorted, by_value);
}

static double quantile(size_t n, double u)
{
    const double at = fmin(fmax(u * (double)n - 0.5, 0.0), (double)n - 1.0);
    const size_t i = at < (double)n - 1.0 ? (size_t)at : n - 2;
    return (double)sorted[i] + (at - (double)i) * ((double)sorted[i + 1] - (double)sorted[i]);
}

/* F of distinct values, of the sample or between them. */
static double F(size_t n, double x)
{
    size_t i = 0, end = n;
    if (x <= (double)sorted[0] || x >= (double)sorted[n - 1])
        return x <= (double)sorted[0] ? 0.5 / (double)n : ((double)n - 0.5) / (double)n;
    while (end - i > 1) {
        const size_t middle = (i + end) / 2;
        if ((double)sorted[middle] <= x)
            i = middle;
        else
            end = middle;
    }
    return ((double)i + 0.5 + (x - (double)sorted[i]) / ((double)sorted[i + 1] - (double)sorted[i])) / (double)n;
}

/* Every level has N / k weights and is the median of its bin, whatever the law. */
TEST_LOOP(test_empirical_levels, 2, 9)
{
    static float x[N], codes[N];
    const int bits = _i, k = 1 << bits;
    size_t count[256] = {0};
    float log_scale;
    open_policy("uniq cdf=empirical");
    draw_skewed(1, N, x);
    sort(N, x);
    q->fit(params, shape_of(bits, true, N), x, &log_scale);
    q->encode(params, shape_of(bits, true, N), x, &log_scale, NULL, codes);
    const double largest = fmax(fabs(quantile(N, 0.5 / k)), fabs(quantile(N, 1.0 - 0.5 / k)));
    ck_assert_double_eq_tol(exp((double)log_scale), largest, 1e-6 * largest);
    for (size_t i = 0; i < N; i++) {
        const int bin = (int)(F(N, (double)x[i]) * k);
        count[bin]++;
        close_to((double)codes[i], quantile(N, (bin + 0.5) / k) / largest * GRID, 0.52, "code");
    }
    for (int i = 0; i < k; i++)
        ck_assert_uint_eq(count[i], N / (size_t)k);
}

/* Equal weights stay together at the bin of their mean rank: half of them zero are the code 0 of every bit width. */
TEST(test_equal_weights)
{
    static float x[N], codes[N], noisy[N], slope[N];
    float log_scale;
    open_policy("uniq cdf=empirical gradient=exact");
    draw(2, N, 1.0F, x);
    for (size_t i = 0; i < N; i += 2)
        x[i] = 0.0F;
    for (size_t i = 1; i < N; i += 2)
        x[i] = i % 4 == 1 ? fabsf(x[i]) : -fabsf(x[i]);
    for (int bits = 2; bits <= 8; bits++) {
        q->fit(params, shape_of(bits, true, N), x, &log_scale);
        q->encode(params, shape_of(bits, true, N), x, &log_scale, NULL, codes);
        for (size_t i = 0; i < N; i++) {
            holds(x[i] != 0.0F || codes[i] == 0.0F, "code of 0", (double)codes[i]);
            holds(x[i] * codes[i] >= 0.0F, "sign of a code", (double)codes[i]);
        }
    }
    q->inject(params, shape_of(3, true, N), x, &log_scale, (MhoStream){.seed = 1}, noisy, slope);
    for (size_t i = 0; i < N; i++) {
        /* half a bin does not leave the zeros */
        holds(x[i] != 0.0F || (noisy[i] == 0.0F && slope[i] == 1.0F), "noise of 0", (double)noisy[i]);
        holds(isfinite(slope[i]) && slope[i] > 0.0F, "slope", (double)slope[i]);
    }
}

static void plausible(size_t n, const size_t *count, const char *what)
{
    double total = 0.0, sum = 0.0;
    for (size_t i = 0; i < n; i++)
        total += (double)count[i];
    const double expected = total / (double)n;
    for (size_t i = 0; i < n; i++)
        sum += ((double)count[i] - expected) * ((double)count[i] - expected) / expected;
    const double p = gsl_cdf_chisq_Q(sum, (double)n - 1.0);
    ck_assert_msg(p > 1e-3 && p < 1.0 - 1e-5, "%s: chi-square %g, p = %g", what, sum, p);
}

/* F(noisy) - F(x) is uniform within half a bin, or a full one; where no tail is near. */
TEST_LOOP(test_empirical_noise, 2, 7)
{
    static float x[MANY], noisy[MANY], slope[MANY];
    const char *const policies[3] = {"uniq cdf=empirical gradient=exact tails=free",
                                     "uniq cdf=empirical noise=full tails=free", "uniq cdf=empirical gradient=exact"};
    const int bits = _i, k = 1 << bits;
    draw_skewed(3, MANY, x);
    sort(MANY, x);
    for (int form = 0; form < 3; form++) {
        const bool full = form == 1;
        const double half = (full ? 1.0 : 0.5) / k, spread = 0.5 / k, end = half + (form == 2 ? spread : 0.0);
        size_t count[CELLS] = {0};
        open_policy(policies[form]);
        q->inject(params, shape_of(bits, true, MANY), x, NULL, (MhoStream){.seed = 3}, noisy, slope);
        for (size_t i = 0; i < MANY; i++) {
            const double u = F(MANY, (double)x[i]), u_n = F(MANY, (double)noisy[i]), e = (u_n - u) / (2.0 * half) + 0.5;
            if (form == 2)
                holds(u_n > spread - 1e-3 && u_n < 1.0 - spread + 1e-3, "within the outermost levels", u_n);
            if (u < end || u > 1.0 - end)
                continue;
            holds(e > -2e-3 && e < 1.002, "noise in half widths", 2.0 * e - 1.0);
            count[(size_t)(fmin(fmax(e, 0.0), 0.999999) * CELLS)]++;
            if (full)
                holds(slope[i] == 1.0F, "straight slope", (double)slope[i]);
            else if (u_n > spread && u_n < 1.0 - spread)
                close_to((double)slope[i] * (quantile(MANY, u + spread) - quantile(MANY, u - spread)) /
                             (quantile(MANY, u_n + spread) - quantile(MANY, u_n - spread)),
                         1.0, 5e-3, "slope over the chain's");
        }
        plausible(CELLS, count, policies[form]);
    }
}

/* The chain with the level in place of the noisy value. */
TEST(test_empirical_gradient)
{
    static float x[N], d_value[N], d_x[N];
    const int bits = 4, k = 16;
    const float log_scale = 0.0F;
    draw_skewed(4, N, x);
    draw(5, N, 1.0F, d_value);
    sort(N, x);
    open_policy("uniq cdf=empirical");
    q->gradient(params, shape_of(bits, true, N), x, &log_scale, d_value, d_x, NULL);
    ck_assert_mem_eq(d_x, d_value, sizeof d_x);
    open_policy("uniq cdf=empirical gradient=exact");
    q->gradient(params, shape_of(bits, true, N), x, &log_scale, d_value, d_x, NULL);
    for (size_t i = 0; i < N; i++) {
        const double u = F(N, (double)x[i]), u_q = (floor(u * k) + 0.5) / k, low = fmax(u - 0.5 / k, 0.0),
                     high = fmin(u + 0.5 / k, 1.0);
        const double here = (quantile(N, high) - quantile(N, low)) / (high - low);
        const double there = (quantile(N, u_q + 0.5 / k) - quantile(N, u_q - 0.5 / k)) * k;
        close_to((double)d_x[i], (double)d_value[i] * there / here, 1e-4 * fabs((double)d_x[i]) + 1e-9, "gradient");
    }
}

/* z of t = 2 Phi(z) - 1. */
static double half_normal(double t)
{
    return gsl_cdf_ugaussian_Pinv(0.5 + 0.5 * t);
}

static double reach_of(int bits)
{
    const double n = (1 << bits) - 1;
    return half_normal(1.0 - 0.5 / n);
}

/* Zero and 2^bits - 1 levels; a step goes to its bin's level, rounded to a step of that bin; codes are their own. */
TEST_LOOP(test_table, 2, 9)
{
    const int bits = _i, n = (1 << bits) - 1;
    uint8_t table[MHO_TABLE_SIZE];
    const double step = reach_of(bits) / 255.0;
    int levels = 1;
    open_policy("uniq");
    q->table(params, bits, table);
    ck_assert_int_eq(q->full_scale(params, bits, false), 255);
    ck_assert_int_eq(table[0], 0);
    ck_assert_int_eq(table[255], 255);
    for (int s = 1; s < MHO_TABLE_SIZE; s++) {
        const int bin = (int)fmin((2.0 * gsl_cdf_ugaussian_P(s * step) - 1.0) * n, n - 1.0);
        const double level = half_normal((bin + 0.5) / n);
        levels += table[s] != table[s - 1];
        ck_assert_int_ge(table[s], table[s - 1]);
        ck_assert_int_eq(table[table[s]], table[s]);
        ck_assert_double_le(fabs(table[s] * step - level), step); /* half a step where the bin holds it */
        ck_assert((table[s] != table[s - 1]) ==
                  (s == 1 || bin != (int)fmin((2.0 * gsl_cdf_ugaussian_P((s - 1) * step) - 1.0) * n, n - 1.0)));
    }
    ck_assert(bits > 6 ? levels > 100 : levels == n + 1);
}

/* Half-normal values use all levels alike, but for the part of a grid step at each threshold. */
TEST_LOOP(test_activations_are_equiprobable, 2, 6)
{
    static float x[MANY], codes[MANY];
    const int bits = _i, n = (1 << bits) - 1;
    const double step = reach_of(bits) / 255.0;
    size_t count[256] = {0}, positive = 0;
    uint8_t table[MHO_TABLE_SIZE];
    float log_scale, fitted;
    open_policy("uniq activation_sigma=1");
    q->table(params, bits, table);
    draw(6, MANY, 0.7F, x);
    q->fit(params, shape_of(bits, false, MANY), x, &fitted);
    log_scale = (float)log(0.7 * reach_of(bits));
    ck_assert_double_eq_tol((double)fitted, (double)log_scale, 0.02);
    ck_assert_double_eq_tol(q->range(params, bits).value, reach_of(bits), 1e-9);
    ck_assert_int_eq(q->range(params, bits).rule, MHO_FIT_SIGMA);
    q->encode(params, shape_of(bits, false, MANY), x, &log_scale, NULL, codes);
    for (size_t i = 0; i < MANY; i++) {
        const double steps = (double)x[i] / exp((double)log_scale) * 255.0;
        if (fabs(steps - floor(steps) - 0.5) > 1e-3)
            close_to((double)codes[i], table[(int)fmin(fmax(rint(steps), 0.0), 255.0)], 0.0, "code");
        count[(int)codes[i]]++;
        positive += x[i] > 0.0F;
    }
    for (int s = 1; s < MHO_TABLE_SIZE; s++)
        if (table[s] == s)
            ck_assert_double_eq_tol((double)count[s] / (double)positive, 1.0 / n,
                                    2.0 * gsl_ran_ugaussian_pdf(0.0) * step + 5.0 * sqrt(1.0 / n / MANY * 2.0));
}

/* Uniform in t within half a bin, positive values only; slopes are those of noisy values with the draws held. */
TEST_LOOP(test_activation_noise, 2, 9)
{
    static float x[MANY], above[MANY], noisy[MANY], moved[MANY], slope[MANY];
    const int bits = _i, n = (1 << bits) - 1;
    const float log_scale = 0.5F;
    const double sigma = exp(0.5) / reach_of(bits);
    size_t count[CELLS] = {0}, negative = 0;
    draw(7, MANY, (float)sigma, x);
    for (size_t i = 0; i < MANY; i++)
        above[i] = x[i] + 1e-3F * (float)sigma;
    open_policy("uniq gradient=exact");
    q->inject(params, shape_of(bits, false, MANY), above, &log_scale, (MhoStream){.seed = 5}, moved, NULL);
    q->inject(params, shape_of(bits, false, MANY), x, &log_scale, (MhoStream){.seed = 5}, noisy, slope);
    for (size_t i = 0; i < MANY; i++) {
        const double t = 2.0 * gsl_cdf_ugaussian_P((double)x[i] / sigma) - 1.0;
        const double t_n = 2.0 * gsl_cdf_ugaussian_P((double)noisy[i] / sigma) - 1.0, e = (t_n - t) * n + 0.5;
        negative += x[i] <= 0.0F;
        holds(x[i] > 0.0F || (noisy[i] == 0.0F && slope[i] == 0.0F), "below 0", (double)noisy[i]);
        if (t < 1.0 / n || t > 1.0 - 1.0 / n)
            continue;
        holds(e > -1e-3 && e < 1.001, "noise in bins", e - 0.5);
        count[(size_t)(fmin(fmax(e, 0.0), 0.999999) * CELLS)]++;
        close_to((double)(moved[i] - noisy[i]) / (1e-3 * sigma), (double)slope[i], 0.01 * (double)slope[i] + 2e-3,
                 "difference");
    }
    ck_assert_uint_gt(negative, MANY / 3);
    plausible(CELLS, count, "noise of activations");
    open_policy("uniq");
    q->inject(params, shape_of(bits, false, MANY), x, &log_scale, (MhoStream){.seed = 5}, moved, slope);
    ck_assert_mem_eq(moved, noisy, sizeof noisy);
    for (size_t i = 0; i < MANY; i++)
        close_to((double)slope[i], x[i] > 0.0F ? 1.0 : 0.0, 0.0, "straight slope");
}

/* The gradient of UNIQ activations is straight or the chain of its quantiles; the scale has none. */
TEST(test_activation_gradient)
{
    static float x[N], codes[N], d_value[N], d_x[N];
    const float log_scale = 0.5F;
    float d_log_scale = 0.25F;
    const double sigma = exp(0.5) / reach_of(3);
    draw(8, N, 1.5F, x);
    draw(9, N, 1.0F, d_value);
    open_policy("uniq");
    q->encode(params, shape_of(3, false, N), x, &log_scale, NULL, codes);
    q->gradient(params, shape_of(3, false, N), x, &log_scale, d_value, d_x, &d_log_scale);
    for (size_t i = 0; i < N; i++)
        close_to((double)d_x[i], x[i] > 0.0F ? (double)d_value[i] : 0.0, 0.0, "straight gradient");
    open_policy("uniq gradient=exact");
    q->gradient(params, shape_of(3, false, N), x, &log_scale, d_value, d_x, &d_log_scale);
    ck_assert_float_eq(d_log_scale, 0.25F); /* held */
    for (size_t i = 0; i < N; i++) {
        const double z = (double)x[i] / sigma, z_q = (double)codes[i] / 255.0 * reach_of(3);
        const double chain = codes[i] > 0.0F ? gsl_ran_ugaussian_pdf(z) / gsl_ran_ugaussian_pdf(z_q) : 0.0;
        close_to((double)d_x[i], chain * (double)d_value[i], 1e-5 * fabs((double)d_value[i]) * fmax(chain, 1.0),
                 "gradient");
    }
}
