/* test_pcm.c - PCM against the published fit: printed tables to half a unit, the formula in double to 1e-5.
 *
 * Laws are read through the descriptor: with noise 0 the mean law remains; with noise 1 a spread is the difference
 * of a device from its mean, divided by its normal. Devices with a normal above 1 are used, where nothing is clipped.
 */
#include "cell_bench.h"
#include "harness.h"
#include "laws.h"
#include "numbers.h"

enum { N_GRID = 4096 };

static const double pcm_times[4] = {1.0, LAW_HOUR, LAW_DAY, LAW_YEAR};
static const double pcm_g_max = 25.0; /* uS, of the fitted array */

/* Table: Joshi et al. and Rasch et al. evaluated at g_max = 25 uS; sigma_prog in uS. (x = 0.75 at 1 s is 0.04444990,
 * which rounds to .0444; rounded twice it would read .0445.) */
// clang-format off
static const struct PcmRow {
    double x;
    const char *sigma_prog, *mean, *spread, *q, *drift[4], *sigma_read[4];
} pcm_rows[] = {
    {0.01, "0.28301", "0.09578", "0.04500", "0.175583",
     {".99534", ".60780", ".44852", ".25490"}, {".7356", ".8366", ".8932", ".9898"}},
    {0.10, "0.44825", "0.06009", "0.02288", "0.039308",
     {".99707", ".73170", ".60470", ".42420"}, {".1647", ".1873", ".2000", ".2216"}},
    {0.25, "0.68141", "0.04900", "0.01143", "0.021668",
     {".99761", ".77513", ".66352", ".49695"}, {".0908", ".1032", ".1102", ".1221"}},
    {0.50, "0.95271", "0.04900", "0.00800", "0.013809",
     {".99761", ".77513", ".66352", ".49695"}, {".0579", ".0658", ".0702", ".0778"}},
    {0.75, "1.07736", "0.04900", "0.00800", "0.010609",
     {".99761", ".77513", ".66352", ".49695"}, {".0444", ".0506", ".0540", ".0598"}},
    {1.00, "1.05538", "0.04900", "0.00800", "0.008800",
     {".99761", ".77513", ".66352", ".49695"}, {".0369", ".0419", ".0448", ".0496"}},
};
// clang-format on
enum { N_ROWS = sizeof pcm_rows / sizeof *pcm_rows };

/* The laws of one target as found through the descriptor: value[i] is NAN for devices that do not show it. */
typedef struct Shown {
    double sigma_prog[N_GRID], mean[N_GRID], spread[N_GRID];
} Shown;

static double exponent(double g_0, double g_t, double t)
{
    return log(g_0 / g_t) / log((t + 20.0) / 20.0);
}

/* All laws of programming and drift at the bench's targets, at ten times their size for resolution. */
static void show(Bench *bench, Shown *shown)
{
    static float z_program[N_GRID], z_drift[N_GRID];
    const double scale = 10.0;
    bench_set(bench, "prog_scale", scale);
    bench_set(bench, "drift_scale", scale);
    bench_program(bench, 0.0F);
    bench_age(bench, LAW_YEAR, 300.0);
    for (size_t i = 0; i < N_GRID; i++)
        shown->mean[i] = exponent((double)bench->cells.g[i], (double)bench->g[i], LAW_YEAR) / scale;
    bench_program(bench, 1.0F);
    bench_age(bench, LAW_YEAR, 300.0);
    mho_normal_fill(bench_stream(1, 1.0F), MHO_DRAW_PROGRAM, N_GRID, z_program);
    mho_normal_fill(bench_stream(1, 1.0F), MHO_DRAW_DRIFT, N_GRID, z_drift);
    for (size_t i = 0; i < N_GRID; i++) {
        const double g = (double)bench->cells.g[i];
        const double nu = exponent(g, (double)bench->g[i], LAW_YEAR) / scale;
        shown->sigma_prog[i] =
            z_program[i] > 1.0F ? (g - (double)bench->target[i]) / (double)z_program[i] / scale : NAN;
        shown->spread[i] =
            g > 0.0 && z_drift[i] > 1.0F ? (nu - law_pcm_nu_mean((double)bench->target[i])) / (double)z_drift[i] : NAN;
    }
}

static double first_shown(const double *value)
{
    for (size_t i = 0; i < N_GRID; i++)
        if (isfinite(value[i]))
            return value[i];
    ck_abort_msg("no device shows it");
    return NAN;
}

/* Programming error and drift law are those of the printed table. */
TEST_LOOP(table_of_programming_and_drift, 0, N_ROWS)
{
    static Shown shown;
    const struct PcmRow *row = &pcm_rows[_i];
    Bench bench;
    bench_open(&bench, "pcm", N_GRID);
    bench_target(&bench, (float)row->x);
    show(&bench, &shown);
    assert_printed(first_shown(shown.sigma_prog) * pcm_g_max, row->sigma_prog, "sigma_prog");
    assert_printed(first_shown(shown.mean), row->mean, "mean exponent");
    assert_printed(first_shown(shown.spread), row->spread, "spread of the exponent");
    bench_close(&bench);
}

/* Conductance and read noise over time are those of the printed table. */
TEST_LOOP(table_over_time, 0, N_ROWS)
{
    const struct PcmRow *row = &pcm_rows[_i];
    const double x = (double)(float)row->x;
    Bench bench;
    bench_open(&bench, "pcm", 1);
    for (size_t k = 0; k < 4; k++) {
        const double t = pcm_times[k];
        double g, sigma;
        bench_mean(&bench, (float)x, t, 300.0);
        g = (double)bench.g[0];
        sigma = sqrt((double)bench.noise.square[0]) / g;
        assert_printed(g / x, row->drift[k], "drift factor");
        assert_printed(sigma, row->sigma_read[k], "sigma_read");
        assert_printed(sigma / law_pcm_log_factor(t, 250e-9), row->q, "Q");
        assert_close(g / x, law_pcm_drift(law_pcm_nu_mean(x), t), 1e-5, "drift factor");
        assert_close(sigma, law_pcm_q(x) * law_pcm_log_factor(t, 250e-9), 1e-5, "sigma_read");
        ck_assert(bench.noise.linear[0] == 0.0F && bench.noise.row_linear == 0.0 && bench.noise.row_square == 0.0);
    }
    bench_close(&bench);
}

/* The laws hold over the whole range of targets. */
TEST(formula_over_the_range)
{
    static Shown shown;
    size_t n_shown = 0;
    Bench bench;
    bench_open(&bench, "pcm", N_GRID);
    for (size_t i = 0; i < N_GRID; i++)
        bench.target[i] = (float)(i + 1) / (float)N_GRID;
    show(&bench, &shown);
    for (size_t i = 0; i < N_GRID; i++) {
        const double x = (double)bench.target[i];
        assert_close(shown.mean[i], law_pcm_nu_mean(x), 1e-5, "mean exponent");
        if (isfinite(shown.sigma_prog[i])) {
            assert_close(shown.sigma_prog[i], law_pcm_sigma_program(x), 1e-5, "sigma_prog");
            n_shown++;
        }
        if (isfinite(shown.spread[i])) {
            assert_close(shown.spread[i], law_pcm_nu_spread(x), 1e-5, "spread of the exponent");
            n_shown++;
        }
    }
    ck_assert_uint_gt(n_shown, N_GRID / 5);
    bench_close(&bench);
}

/* A target of 0 has the printed programming error, no negative conductance and no read noise. */
TEST(noise_at_zero_target)
{
    static Shown shown;
    Bench bench;
    bench_open(&bench, "pcm", N_GRID);
    show(&bench, &shown); /* targets are 0 */
    assert_printed(first_shown(shown.sigma_prog) * pcm_g_max, "0.26348", "sigma_prog(0)");
    for (size_t i = 0; i < N_GRID; i++)
        ck_assert(bench.cells.g[i] >= 0.0F);
    bench_mean(&bench, 0.0F, LAW_DAY, 300.0);
    ck_assert(bench.g[0] == 0.0F && bench.noise.square[0] == 0.0F);
    bench_close(&bench);
}

/* sigma_prog is a parabola: its vertex from three points of the descriptor. */
TEST(peak_of_the_programming_error)
{
    static Shown shown;
    const double x[3] = {0.5, 0.75, 1.0};
    double s[3], c1, c2, peak;
    Bench bench;
    bench_open(&bench, "pcm", N_GRID);
    for (size_t k = 0; k < 3; k++) {
        bench_target(&bench, (float)x[k]);
        show(&bench, &shown);
        s[k] = first_shown(shown.sigma_prog) * pcm_g_max;
    }
    c2 = (s[2] - 2.0 * s[1] + s[0]) / (2.0 * 0.25 * 0.25);
    c1 = (s[2] - s[0]) / 0.5;
    peak = x[1] - c1 / (2.0 * c2);
    assert_printed(peak, "0.8375", "place of the peak");
    assert_printed(s[1] - c1 * c1 / (4.0 * c2), "1.08635", "height of the peak");
    bench_close(&bench);
}

/* Where a law leaves its clamp: the first target on a fine grid whose value is on the other side of `level`. */
static double corner(const float *x, const double *value, double level)
{
    int before = -1;
    for (size_t i = 0; i < N_GRID; i++) {
        if (isfinite(value[i])) {
            const int on = is_close(value[i], level, 1e-5);
            if (before >= 0 && on != before)
                return (double)x[i];
            before = on;
        }
    }
    return NAN;
}

/* The clamps of the laws begin at the printed conductances. */
TEST_LOOP(corners_of_the_clamps, 0, 5)
{
    static const struct {
        const char *x;
        double level;
        enum { MEAN, SPREAD, Q } law;
    } corners[] = {
        {"0.2045", 0.049, MEAN},    {"0.00762", 0.1, MEAN}, {"0.3289", 0.008, SPREAD},
        {"0.01704", 0.045, SPREAD}, {"0.00818", 0.2, Q},
    };
    static Shown shown;
    static double q[N_GRID];
    const double around = strtod(corners[_i].x, NULL);
    Bench bench;

    bench_open(&bench, "pcm", N_GRID);
    for (size_t i = 0; i < N_GRID; i++)
        bench.target[i] = (float)(around * (0.98 + 0.04 * (double)i / N_GRID));
    bench_program(&bench, 0.0F);
    bench_age(&bench, 0.0, 300.0);
    bench_read(&bench, 0.0, 0.0, INFINITY);
    for (size_t i = 0; i < N_GRID; i++) {
        q[i] = sqrt((double)bench.noise.square[i]) / (double)bench.g[i] / law_pcm_log_factor(0.0, 250e-9);
        assert_close(q[i], law_pcm_q((double)bench.target[i]), 1e-5, "Q");
    }
    show(&bench, &shown);
    assert_printed(corner(bench.target,
                          corners[_i].law == MEAN     ? shown.mean
                          : corners[_i].law == SPREAD ? shown.spread
                                                      : q,
                          corners[_i].level),
                   corners[_i].x, "corner");
    bench_close(&bench);
}

/* The time factor of the read noise has the printed values. */
TEST(log_factors)
{
    static const struct {
        double t;
        const char *factor;
    } rows[] = {{0.0, "4.1838"}, {LAW_HOUR, "4.7648"}, {LAW_DAY, "5.0868"}, {LAW_YEAR, "5.6370"}};
    Bench bench;

    bench_open(&bench, "pcm", 1);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        bench_mean(&bench, 1.0F, rows[k].t, 300.0);
        assert_printed(sqrt((double)bench.noise.square[0]) / (double)bench.g[0] / 0.0088, rows[k].factor, "log factor");
    }
    bench_close(&bench);
}

/* At time 0 the devices are as programmed, bit for bit. */
TEST(nothing_drifts_at_time_zero)
{
    Bench bench;
    bench_open(&bench, "pcm", N_GRID);
    bench_target(&bench, 0.6F);
    bench_program(&bench, 1.0F);
    bench_age(&bench, 0.0, 300.0);
    ck_assert_mem_eq(bench.g, bench.cells.g, N_GRID * sizeof *bench.g);
    bench_close(&bench);
}

/* A spectrum cut in two has the same total noise; outside its edges there is no noise. */
TEST(bands_add_up)
{
    static const double cuts[] = {1e-7, 5e-7, 1e-3, 1.0, 50.0, 1e9};
    Bench bench;
    double whole;
    bench_open(&bench, "pcm", 1);
    bench_mean(&bench, 0.5F, LAW_HOUR, 300.0);
    whole = (double)bench.noise.square[0];
    for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
        double fast, slow;
        bench_read(&bench, LAW_HOUR, 0.0, cuts[k]);
        fast = (double)bench.noise.square[0];
        bench_read(&bench, LAW_HOUR, cuts[k], INFINITY);
        slow = (double)bench.noise.square[0];
        assert_close(fast + slow, whole, 1e-6, "sum of the bands");
        ck_assert((fast == 0.0) == (cuts[k] <= 500e-9));
        ck_assert((slow == 0.0) == (cuts[k] >= LAW_HOUR + 20.0 + 250e-9));
    }
    bench_set(&bench, "t_read", 1e-3); /* the slowest period is t + t0 + t_read = 20.001 s */
    bench_read(&bench, 0.0, 20.0005, INFINITY);
    assert_close((double)bench.noise.square[0] / pow((double)bench.g[0] * law_pcm_q(0.5), 2.0), log(20.001 / 20.0005),
                 1e-5, "slowest period");
    bench_close(&bench);
}
