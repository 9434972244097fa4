/* test_cells.c - sampled populations of devices against their laws, at 5 standard errors.
 *
 * Every check of a spread runs again with the spread 2 % wrong and must then fail (assert_moments).
 */
#include "cell_bench.h"
#include "harness.h"
#include "laws.h"
#include "numbers.h"

enum { N = 1000000 };

static double sample[N];
static float normal[N];

static void sample_from(const float *x)
{
    for (size_t i = 0; i < N; i++)
        sample[i] = (double)x[i];
}

/* Programmed PCM conductances have the mean and spread of the fit. */
TEST_LOOP(pcm_programming_error, 0, 3)
{
    static const float targets[] = {0.4F, 0.6F, 1.0F}; /* far from 0, where the clamp would cut the law */
    const float x = targets[_i];
    Bench bench;
    bench_open(&bench, "pcm", N);
    bench_target(&bench, x);
    bench_program(&bench, 1.0F);
    sample_from(bench.cells.g);
    assert_moments(N, sample, (double)x, law_pcm_sigma_program((double)x));
    bench_program(&bench, 2.0F); /* chip.noise multiplies the normals */
    sample_from(bench.cells.g);
    assert_moments(N, sample, (double)x, 2.0 * law_pcm_sigma_program((double)x));
    bench_close(&bench);
}

/* A device with target 0 is max(0, sigma N): mean sigma / sqrt(2 pi), second moment sigma^2 / 2. */
TEST(pcm_error_at_zero_is_clipped)
{
    const double sigma = law_pcm_sigma_program(0.0), pi = acos(-1.0);
    Bench bench;
    bench_open(&bench, "pcm", N);
    bench_program(&bench, 1.0F);
    sample_from(bench.cells.g);
    assert_moments(N, sample, sigma / sqrt(2.0 * pi), sigma * sqrt(0.5 - 0.5 / pi));
    bench_close(&bench);
}

/* The drift exponent is a folded normal; at small targets the fold is visible. */
TEST_LOOP(pcm_drift_exponent, 0, 3)
{
    static const float targets[] = {0.004F, 0.1F, 0.9F};
    const float x = targets[_i];
    double mean, sigma;
    Bench bench;
    bench_open(&bench, "pcm", N);
    bench_set(&bench, "prog_scale", 0.0);
    bench_target(&bench, x);
    bench_program(&bench, 1.0F);
    bench_age(&bench, LAW_DAY, 300.0);
    for (size_t i = 0; i < N; i++)
        sample[i] = log((double)x / (double)bench.g[i]) / log((LAW_DAY + 20.0) / 20.0);
    law_folded_normal(law_pcm_nu_mean((double)x), law_pcm_nu_spread((double)x), &mean, &sigma);
    assert_moments(N, sample, mean, sigma);
    bench_close(&bench);
}

/* One chip's exponents recovered from its conductances at a second and at a day are the same; another chip's are not.
 */
TEST(pcm_same_devices_at_two_times)
{
    enum { N_DEVICES = 4096 };
    static double nu_second[N_DEVICES];
    size_t n_far = 0;
    Bench bench;
    bench_open(&bench, "pcm", N_DEVICES);
    bench_target(&bench, 0.5F);
    bench_program(&bench, 1.0F);
    bench_age(&bench, 1.0, 300.0);
    for (size_t i = 0; i < N_DEVICES; i++)
        nu_second[i] = log((double)bench.cells.g[i] / (double)bench.g[i]) / log(21.0 / 20.0);
    bench_age(&bench, LAW_DAY, 300.0);
    for (size_t i = 0; i < N_DEVICES; i++) {
        const double nu = log((double)bench.cells.g[i] / (double)bench.g[i]) / log((LAW_DAY + 20.0) / 20.0);
        ck_assert_double_le(fabs(nu - nu_second[i]), 1e-5); /* float's 2e-7 over ln(21/20) */
    }
    bench.model->program(bench.params, &bench.cells, bench_stream(2, 1.0F));
    bench_age(&bench, LAW_DAY, 300.0);
    for (size_t i = 0; i < N_DEVICES; i++) {
        const double nu = log((double)bench.cells.g[i] / (double)bench.g[i]) / log((LAW_DAY + 20.0) / 20.0);
        n_far += fabs(nu - nu_second[i]) > 1e-5;
    }
    ck_assert_uint_gt(n_far, N_DEVICES * 9 / 10);
    bench_close(&bench);
}

/* ln(w / target) is normal and centred: the median stays, the mean moves by exp(s^2 / 2). */
TEST_LOOP(nor_tuning_error, 0, 2)
{
    static const double sigmas[] = {0.01, 0.1};
    const double s = sigmas[_i];
    Bench bench;
    bench_open(&bench, "nor_flash", N);
    bench_set(&bench, "sigma_tune", s);
    bench_target(&bench, 0.25F);
    bench_program(&bench, 1.0F);
    for (size_t i = 0; i < N; i++)
        sample[i] = log((double)bench.cells.g[i] / 0.25);
    assert_moments(N, sample, 0.0, s);
    sample_from(bench.cells.g);
    assert_moments(N, sample, 0.25 * exp(0.5 * s * s), 0.25 * exp(0.5 * s * s) * sqrt(exp(s * s) - 1.0));
    bench_close(&bench);
}

/* Tuning error and threshold error add as variances of ln w, the second through n U_T. */
TEST(nor_threshold_error)
{
    const double swing = 1.3 * LAW_K * 320.0 / LAW_Q;
    Bench bench;
    bench_open(&bench, "nor_flash", N);
    bench_set(&bench, "n", 1.3);
    bench_set(&bench, "program_temperature", 320.0);
    bench_set(&bench, "sigma_tune", 0.02);
    bench_set(&bench, "sigma_vth", 1e-3);
    bench_target(&bench, 0.5F);
    bench_program(&bench, 1.0F);
    for (size_t i = 0; i < N; i++)
        sample[i] = log((double)bench.cells.g[i] / 0.5);
    assert_moments(N, sample, 0.0, hypot(0.02, 1e-3 / swing));
    bench_close(&bench);
}

/* One read of every device at input x from the law that the model states. */
static void draw_reads(const Bench *bench, double x)
{
    mho_normal_fill(bench_stream(1, 1.0F), MHO_DRAW_TEST, N, normal);
    for (size_t i = 0; i < N; i++) {
        const double variance = (double)bench->noise.linear[i] * x + (double)bench->noise.square[i] * x * x;
        sample[i] = (double)bench->g[i] * x + sqrt(variance) * (double)normal[i];
    }
}

/* PCM read noise has the variance of the fit. */
TEST(pcm_read_noise)
{
    const double x = 0.25, t = LAW_DAY, g = x * law_pcm_drift(law_pcm_nu_mean(x), t);
    Bench bench;
    bench_open(&bench, "pcm", N);
    bench_mean(&bench, (float)x, t, 300.0);
    draw_reads(&bench, 0.5);
    assert_moments(N, sample, 0.5 * g, 0.5 * g * law_pcm_q(x) * law_pcm_log_factor(t, 250e-9));
    bench_close(&bench);
}

/* NOR read noise has the variance of shot and flicker noise. */
TEST(nor_read_noise)
{
    const double w = 0.3, x = 0.5, shot = law_shot(10e-9, 1e6), flicker = 1e-5 * log(1e6);
    Bench bench;
    bench_open(&bench, "nor_flash", N);
    bench_set(&bench, "k_flicker", 1e-5);
    bench_mean(&bench, (float)w, 0.0, 298.15);
    draw_reads(&bench, x);
    assert_moments(N, sample, w * x, sqrt(shot * w * x + flicker * w * w * x * x));
    bench_close(&bench);
}

/* Variance (A^2) of sampled reads of a cell with weight w at full input. */
static double sampled_variance(Bench *bench, double w, double i_max, double bandwidth)
{
    double sum = 0.0;
    bench_set(bench, "i_max", i_max);
    bench_set(bench, "bandwidth", bandwidth);
    bench_mean(bench, (float)w, 0.0, 298.15);
    draw_reads(bench, 1.0);
    for (size_t i = 0; i < N; i++) {
        const double error = (sample[i] - w) * i_max;
        sum += error * error / N;
    }
    return sum;
}

/* Least-squares slope of ln y over ln x. */
static double log_slope(size_t n, const double *x, const double *y)
{
    double mx = 0.0, my = 0.0, xy = 0.0, xx = 0.0;
    for (size_t i = 0; i < n; i++) {
        mx += log(x[i]) / (double)n;
        my += log(y[i]) / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xy += (log(x[i]) - mx) * (log(y[i]) - my);
        xx += (log(x[i]) - mx) * (log(x[i]) - mx);
    }
    return xy / xx;
}

/* Shot noise: variance proportional to current (by weight and by i_max) and to bandwidth; flicker: to current squared.
 * The normals are the same in every sample, so the slope has no sampling error left, only rounding. */
TEST_LOOP(nor_noise_slopes, 0, 3)
{
    static const struct {
        double w, i_max, bandwidth;
    } steps[3] = {{0.1, 0.0, 0.0}, {0.0, 10.0, 0.0}, {0.0, 0.0, 10.0}};
    Bench bench;

    bench_open(&bench, "nor_flash", N);
    bench_set(&bench, "mirror", 0.0);
    for (int is_flicker = 0; is_flicker < 2; is_flicker++) {
        double knob[3], variance[3], slope;
        const double exponent = is_flicker == 0 ? 1.0 : _i == 2 ? 0.0 : 2.0;
        bench_set(&bench, "k_flicker", is_flicker == 0 ? 0.0 : 1e-2);
        for (int k = 0; k < 3; k++) {
            const double w = steps[_i].w > 0.0 ? pow(steps[_i].w, k) : 0.5;
            const double i_max = steps[_i].i_max > 0.0 ? 1e-9 * pow(steps[_i].i_max, k) : 1e-6;
            const double bandwidth = steps[_i].bandwidth > 0.0 ? 1e4 * pow(steps[_i].bandwidth, k) : 1e4;
            knob[k] = _i == 2 ? bandwidth : w * i_max;
            variance[k] = sampled_variance(&bench, w, i_max, bandwidth);
            if (is_flicker == 1) /* its slow growth with the band is divided out */
                variance[k] /= log(bandwidth);
        }
        slope = log_slope(3, knob, variance);
        ck_assert_msg(fabs(slope - exponent) < 1e-3, "slope %g, not %g", slope, exponent);
    }
    bench_close(&bench);
}
