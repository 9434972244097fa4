/* test_crossbar_noise.c - the noise of array outputs from the noise of cells, within 5 standard errors.
 *
 * The variances of the law cell are computed here independently, in double. Every check of a spread runs again with the
 * spread 2 % wrong and must then fail.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array_bench.h"
#include "harness.h"
#include "law_cell.h"
#include "laws.h"
#include "numbers.h"
#include "support/chip_inspect.h"

enum { ROWS = 24, COLS = 3, POSITIONS = 1000, IMAGES = 100, N = POSITIONS * IMAGES };

static float logits[POSITIONS * COLS];
static double sample[COLS][N];
static const LawParams noisy = {.linear = 2e-4, .square = 1e-4};
static const LawParams noisy_rows = {.row_linear = 3e-4, .row_square = 2e-4};

/* One random layer whose positions all read the same inputs. */
static void open_layer(ArrayBench *bench, const LawParams *law, int n_input)
{
    array_open(bench, "ideal", "ideal");
    bench->config.cell = &law_cell;
    bench->config.cell_params = law;
    array_shape(bench, 1, ROWS, COLS, POSITIONS);
    array_fill(bench, 77, 127, n_input, false, 0);
    for (size_t i = ROWS; i < ROWS * POSITIONS; i++)
        bench->input[i] = bench->input[i - ROWS];
}

static void collect(ArrayBench *bench)
{
    array_make(bench, 0, 0.0);
    for (uint32_t image = 0; image < IMAGES; image++) {
        array_read(bench, image, logits, NULL, NULL);
        for (size_t i = 0; i < POSITIONS * COLS; i++)
            sample[i % COLS][image * POSITIONS + i / COLS] = (double)logits[i];
    }
}

static double covariance(const double *x, const double *y)
{
    double mx = 0.0, my = 0.0, sum = 0.0;
    for (size_t i = 0; i < N; i++) {
        mx += x[i] / N;
        my += y[i] / N;
    }
    for (size_t i = 0; i < N; i++)
        sum += (x[i] - mx) * (y[i] - my) / N;
    return sum;
}

/* Variance of cells with conductance g at input x, accumulator units^2. */
static double cell_variance(const LawParams *law, double unit, double full, double g, double x)
{
    return unit * unit * (law->linear * (0.1 + g) * x * full + law->square * (0.2 + g * g) * x * x);
}

/* Expected variance of column j and covariance of two columns, from the codes alone. */
static void expected(const ArrayBench *bench, const LawParams *law, double *variance, double *shared)
{
    const bool offset = bench->config.chip.mapping == MHO_MAP_OFFSET;
    const double n = bench->matrix.n_weight, full = bench->matrix.n_input, unit = offset ? 2.0 * n : n;
    *shared = 0.0;
    memset(variance, 0, COLS * sizeof *variance);
    for (size_t r = 0; r < ROWS; r++) {
        const double x = bench->input[r], reference = cell_variance(law, unit, full, 0.5, x);
        *shared += offset ? reference : 0.0;
        for (size_t j = 0; j < COLS; j++) {
            const double w = bench->codes[r * COLS + j] / n;
            variance[j] += offset ? cell_variance(law, unit, full, 0.5 * (w + 1.0), x) + reference
                                  : cell_variance(law, unit, full, fabs(w), x) + cell_variance(law, unit, full, 0.0, x);
        }
    }
}

static void assert_covariance(const double *x, const double *y, double vx, double vy, double wanted)
{
    const double found = covariance(x, y), error = sqrt((vx * vy + wanted * wanted) / N);
    ck_assert_msg(fabs(found - wanted) < 5.0 * error, "covariance %g, not %g +- %g", found, wanted, error);
}

/* Differential and offset, analog and digital, one draw per column and one per cell. */
TEST_LOOP(column_and_cell_draws_follow_the_law, 0, 16)
{
    double variance[COLS], shared;
    ArrayBench bench;
    open_layer(&bench, &noisy, _i / 8 == 0 ? 15 : 127);
    bench.config.chip.mapping = _i & 1;
    bench.config.chip.subtract = _i >> 1 & 1;
    bench.config.chip.draw = _i >> 2 & 1;
    collect(&bench);
    expected(&bench, &noisy, variance, &shared);
    for (size_t j = 0; j < COLS; j++) {
        const double wanted = (double)array_exact(&bench, 0, j);
        assert_moments(N, sample[j], wanted, sqrt(variance[j]));
        for (size_t k = 0; k < j; k++)
            assert_covariance(sample[j], sample[k], variance[j], variance[k], shared);
    }
    array_close(&bench);
}

/* W diag(var e) W^T, across column tiles and both ways to subtract. */
TEST_LOOP(row_noise_is_shared_by_all_columns, 0, 4)
{
    ArrayBench bench;
    double wanted[COLS][COLS] = {{0.0}};
    open_layer(&bench, &noisy_rows, 15);
    bench.config.chip.subtract = _i & 1;
    bench.config.chip.mapping = _i >> 1 & 1;
    bench.config.chip.cols = 2;
    bench.config.chip.rows = 10;
    collect(&bench);
    for (size_t i = 0; i < ROWS * COLS * COLS; i++) {
        const size_t r = i / COLS / COLS, j = i / COLS % COLS, k = i % COLS;
        const double x = bench.input[r];
        const double variance = noisy_rows.row_linear * 15.0 * x + noisy_rows.row_square * x * x;
        wanted[j][k] += bench.codes[r * COLS + j] * bench.codes[r * COLS + k] * variance;
    }
    for (size_t j = 0; j < COLS; j++) {
        assert_moments(N, sample[j], (double)array_exact(&bench, 0, j), sqrt(wanted[j][j]));
        for (size_t k = 0; k < j; k++)
            assert_covariance(sample[j], sample[k], wanted[j][j], wanted[k][k], wanted[j][k]);
    }
    array_close(&bench);
}

/* chip.noise multiplies the normals: twice the noise is twice the standard deviation, none is an exact product. */
TEST(noise_factor_scales_reads)
{
    double variance[COLS], shared;
    ArrayBench bench;
    open_layer(&bench, &noisy, 15);
    bench.config.chip.noise = 2.0;
    collect(&bench);
    expected(&bench, &noisy, variance, &shared);
    assert_moments(N, sample[0], (double)array_exact(&bench, 0, 0), 2.0 * sqrt(variance[0]));
    bench.config.chip.noise = 0.0;
    array_plan(&bench);
    collect(&bench);
    for (size_t i = 0; i < N; i++)
        ck_assert(sample[1][i] == (double)array_exact(&bench, 0, 1));
    array_close(&bench);
}

/* 10^6 full-scale devices (half a million pairs) through programming and packing. */
TEST(packed_weights_keep_their_law)
{
    enum { TALL = 1000, WIDE = 500 };
    const double zero = 0.26348 / 25.0, pi = acos(-1.0); /* a device with target 0 is max(0, zero N) */
    const double mean = 1.0 - zero / sqrt(2.0 * pi);
    const double full = law_pcm_sigma_program(1.0);
    const double sigma = sqrt(full * full + zero * zero * (0.5 - 0.5 / pi));
    float *weights = malloc(TALL * WIDE * sizeof *weights);
    double *w = malloc(TALL * WIDE * sizeof *w);
    MhoError error = {0};
    ArrayBench bench;
    size_t above = 0;
    ck_assert(weights != NULL && w != NULL);
    array_open(&bench, "pcm", "ideal");
    bench.config.chip.read = MHO_READ_CHOICE_PER_READ;
    bench.config.chip.rows = TALL;
    array_shape(&bench, 1, TALL, WIDE, 1);
    array_fill(&bench, 1, 1, 1, false, 0);
    for (size_t i = 0; i < TALL * WIDE; i++)
        bench.codes[i] = 1;
    array_make(&bench, 0, 0.0);
    ck_assert_uint_eq(mho_plan_layer(bench.plan, 0).devices, 1000000);
    ck_assert_int_eq(inspect_weights(bench.state, 0, 0, TALL * WIDE, weights, &error), MHO_OK);
    for (size_t i = 0; i < TALL * WIDE; i++) {
        w[i] = (double)weights[i];
        above += w[i] > mean;
    }
    assert_moments(TALL * WIDE, w, mean, sigma);
    ck_assert_uint_gt(above, TALL * WIDE * 49 / 100); /* nothing is cut off at full scale */
    free(weights);
    free(w);
    array_close(&bench);
}
