/* test_nor_flash.c - NOR flash against its equations: printed tables to half a unit, the formula in double to 1e-5. */
#include "cell_bench.h"
#include "harness.h"
#include "laws.h"
#include "numbers.h"

enum { N_CELLS = 1024 };

static const double kelvin_25_c = 298.15, kelvin_85_c = 358.15;

/* n U_T (V) as the cell shows it: a threshold error of 1 mV times the device's own normal, seen in ln(current). */
static double shown_swing(double n, double temperature)
{
    static float z[N_CELLS];
    const double sigma_vth = 1e-3;
    double swing = 0.0;
    size_t n_used = 0;
    Bench bench;
    bench_open(&bench, "nor_flash", N_CELLS);
    bench_set(&bench, "n", n);
    bench_set(&bench, "program_temperature", temperature);
    bench_set(&bench, "sigma_tune", 0.0);
    bench_set(&bench, "sigma_vth", sigma_vth);
    bench_target(&bench, 0.5F);
    bench_program(&bench, 1.0F);
    mho_normal_fill(bench_stream(1, 1.0F), MHO_DRAW_PROGRAM, N_CELLS, z);
    for (size_t i = 0; i < N_CELLS; i++) {
        if (z[i] > 1.0F) {
            swing += sigma_vth * (double)z[i] / log((double)bench.cells.g[i] / 0.5);
            n_used++;
        }
    }
    bench_close(&bench);
    ck_assert_uint_gt(n_used, 0);
    return swing / (double)n_used;
}

/* Table of sensitivities at 300 K: U_T = 25.852 mV. (1 % at n = 2 is 0.51447 mV: 0.514, not 0.515.) */
TEST(sensitivities)
{
    static const struct {
        double n;
        const char *swing, *decade, *percent_per_mv, *one_percent, *three_decades; /* mV, mV, %, mV, mV */
    } rows[] = {
        {1.0, "25.85", "59.5", "3.94", "0.257", "178.6"},
        {1.3, "33.61", "77.4", "3.02", "0.334", "232.2"},
        {1.5, "38.78", "89.3", "2.61", "0.386", "267.9"},
        {2.0, "51.70", "119.1", "1.95", "0.514", "357.2"},
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const double swing = shown_swing(rows[k].n, 300.0) * 1e3;
        assert_close(swing, rows[k].n * LAW_K * 300.0 / LAW_Q * 1e3, 1e-5, "n U_T");
        assert_printed(swing, rows[k].swing, "n U_T");
        assert_printed(swing * log(10.0), rows[k].decade, "mV per decade");
        assert_printed((exp(1.0 / swing) - 1.0) * 100.0, rows[k].percent_per_mv, "change by 1 mV");
        assert_printed(swing * log(1.01), rows[k].one_percent, "1 % tuning");
        assert_printed(swing * log(1000.0), rows[k].three_decades, "three decades");
    }
}

/* sqrt(2 q I B) / I in %, as the variance at full weight and full input. */
TEST(relative_shot_noise)
{
    static const double bandwidths[4] = {1e5, 1e6, 1e7, 1e8};
    static const struct {
        double current;
        const char *percent[4];
    } rows[] = {
        {1e-9, {"0.57", "1.79", "5.66", "17.9"}},
        {1e-8, {"0.18", "0.57", "1.79", "5.66"}},
        {1e-7, {"0.057", "0.18", "0.57", "1.79"}},
        {1e-6, {"0.018", "0.057", "0.18", "0.57"}},
    };
    Bench bench;

    bench_open(&bench, "nor_flash", 1);
    for (size_t k = 0; k < 4; k++) {
        for (size_t b = 0; b < 4; b++) {
            double variance;
            bench_set(&bench, "i_max", rows[k].current);
            bench_set(&bench, "bandwidth", bandwidths[b]);
            bench_mean(&bench, 1.0F, 0.0, kelvin_25_c);
            variance = (double)bench.noise.linear[0];
            assert_printed(sqrt(variance) * 100.0, rows[k].percent[b], "relative shot noise");
            assert_close(variance, law_shot(rows[k].current, bandwidths[b]), 1e-5, "shot noise");
            assert_close(bench.noise.row_linear, law_shot(rows[k].current, bandwidths[b]), 1e-5,
                         "shot noise of the row");
        }
    }
    bench_close(&bench);
}

/* Klachko et al. 2019 in units of w_max = x_max = 1, I_max in nA:
 * (a) 0.1 / I_max sum w x      (b) 0.1 / I_max sum x (w^2 + w)      0.1 nA = 2 q B: B = 312 MHz. */
TEST_LOOP(mixed_signal_noise_forms, 0, 2)
{
    const double bandwidth = 0.1e-9 / (2.0 * LAW_Q), i_max = 10.0;
    double form_a = 0.0, form_b = 0.0, variance = 0.0;
    float x[N_CELLS];
    Bench bench;
    assert_printed(bandwidth * 1e-6, "312", "bandwidth in MHz");
    bench_open(&bench, "nor_flash", N_CELLS);
    bench_set(&bench, "bandwidth", bandwidth);
    bench_set(&bench, "i_max", i_max * 1e-9);
    bench_set(&bench, "k_flicker", 0.0);
    bench_set(&bench, "mirror", _i);
    mho_uniform_fill(bench_stream(7, 1.0F), MHO_DRAW_TEST, N_CELLS, x);
    for (size_t r = 0; r < N_CELLS; r++)
        bench.target[r] = 0.01F + 0.9F * (float)((r * 37) % N_CELLS) / (float)N_CELLS;
    bench_program(&bench, 0.0F);
    bench_age(&bench, 0.0, kelvin_25_c);
    bench_read(&bench, 0.0, 0.0, INFINITY);
    for (size_t r = 0; r < N_CELLS; r++) {
        const double w = (double)bench.target[r], in = (double)x[r], g = (double)bench.g[r];
        form_a += 0.1 / i_max * w * in;
        form_b += 0.1 / i_max * in * (w * w + w);
        variance += (double)bench.noise.linear[r] * in + (double)bench.noise.square[r] * in * in;
        variance += g * g * (bench.noise.row_linear * in + bench.noise.row_square * in * in);
    }
    assert_close(variance, _i == 0 ? form_a : form_b, 1e-5, "column variance");
    ck_assert(!is_close(variance, _i == 0 ? form_b : form_a, 0.1));
    bench_close(&bench);
}

/* Weight of a cell with weight w at 25 C, read at another temperature; w may exceed the range of targets. */
static double at_temperature(double w, double temperature)
{
    Bench bench;
    double g;
    bench_open(&bench, "nor_flash", 1);
    bench.cells.g[0] = (float)w;
    bench_age(&bench, 0.0, temperature);
    g = (double)bench.g[0];
    bench_close(&bench);
    return g;
}

/* Weights at 85 C are those of the printed table. */
TEST(weight_at_85_c)
{
    static const struct {
        double w;
        const char *weight, *percent; /* NULL where only the other one is printed */
    } rows[] = {
        {0.01, "0.02163", "116."}, {0.1, "0.14707", "47."}, {0.25, "0.31536", "26."},
        {0.5, "0.56157", "12.3"},  {0.75, NULL, "4.9"},     {2.0, NULL, "-11."},
    };

    assert_printed(kelvin_25_c / kelvin_85_c, "0.83247", "ratio of the temperatures");
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const double w = at_temperature(rows[k].w, kelvin_85_c);
        assert_close(w, pow(rows[k].w, kelvin_25_c / kelvin_85_c), 1e-5, "w(85 C)");
        assert_printed((w / rows[k].w - 1.0) * 100.0, rows[k].percent, "change in %");
        if (rows[k].weight != NULL)
            assert_printed(w, rows[k].weight, "w(85 C)");
    }
    ck_assert(at_temperature(1.0, kelvin_85_c) == 1.0);
    ck_assert(at_temperature(0.3, kelvin_25_c) == (double)0.3F); /* where it was tuned, nothing moves */
}

/* Differential weights d = w+ - w- with w+ ln w+ = w- ln w-: drift from 25 to 85 C in % of full scale. */
TEST(temperature_null_encoding)
{
    static const struct {
        double d, plus, minus;
        const char *drift, *one_sided;
    } rows[] = {
        {0.05, 0.39316, 0.34316, "-0.078", "3.26"}, {0.10, 0.41901, 0.31901, "-0.156", "4.71"},
        {0.25, 0.50000, 0.25000, "-0.379", "6.54"}, {0.50, 0.64691, 0.14691, "-0.670", "6.16"},
        {0.70, 0.77641, 0.07641, "-0.752", NULL},
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const double plus = at_temperature(rows[k].plus, kelvin_85_c),
                     minus = at_temperature(rows[k].minus, kelvin_85_c);
        assert_printed((plus - minus - rows[k].d) * 100.0, rows[k].drift, "drift of the pair");
        if (rows[k].one_sided != NULL) {
            assert_printed((at_temperature(rows[k].d, kelvin_85_c) - rows[k].d) * 100.0, rows[k].one_sided,
                           "one-sided drift");
        }
    }
}

/* White noise belongs to the band that reaches down to 0; flicker is split by the logarithm of the times. */
TEST(bands_add_up)
{
    const double bandwidth = 1e6, t_flicker = 1.0, cut = 1e-3, k_flicker = 1e-5;
    Bench bench;
    bench_open(&bench, "nor_flash", 1);
    bench_set(&bench, "bandwidth", bandwidth);
    bench_set(&bench, "t_flicker", t_flicker);
    bench_set(&bench, "k_flicker", k_flicker);
    bench_mean(&bench, 0.5F, 0.0, kelvin_25_c);
    assert_close((double)bench.noise.square[0], 0.25 * k_flicker * log(bandwidth * t_flicker), 1e-5, "flicker");
    bench_read(&bench, 0.0, 0.0, cut);
    assert_close((double)bench.noise.square[0], 0.25 * k_flicker * log(bandwidth * cut), 1e-5, "fast flicker");
    assert_close((double)bench.noise.linear[0], 0.5 * law_shot(10e-9, bandwidth), 1e-5, "fast shot noise");
    assert_close(bench.noise.row_square, k_flicker * log(bandwidth * cut), 1e-5, "fast flicker of the row");
    bench_read(&bench, 0.0, cut, INFINITY);
    assert_close((double)bench.noise.square[0], 0.25 * k_flicker * log(t_flicker / cut), 1e-5, "slow flicker");
    ck_assert(bench.noise.linear[0] == 0.0F && bench.noise.row_linear == 0.0);
    bench_close(&bench);
}

/* Targets below w_min become w_min, the median of the population is the target. */
TEST(smallest_weight)
{
    Bench bench;
    bench_open(&bench, "nor_flash", 3);
    bench_set(&bench, "w_min", 0.02);
    bench.target[1] = 0.01F;
    bench.target[2] = 0.03F;
    bench_program(&bench, 0.0F);
    ck_assert(bench.cells.g[0] == 0.02F && bench.cells.g[1] == 0.02F && bench.cells.g[2] == 0.03F);
    ck_assert(bench.model->g_min(bench.params) == 0.02);
    bench_close(&bench);
}
