/* test_switches.c - what every parameter of a cell, an ADC, a DAC and a wire does. */
#include <string.h>

#include "adc/adc.h"
#include "cell_bench.h"
#include "dac/dac.h"
#include "laws.h"
#include "numbers.h"
#include "switches.h"
#include "wire/wire.h"

enum { N_CELLS = 64 };
static const double kelvin = 298.15;

/* A bench of N_CELLS cells with given parameters, all with target x, programmed at a noise factor. */
static void open_at(Bench *bench, const MhoDescriptor *model, const void *params, float x, float noise)
{
    bench_open(bench, model->name, N_CELLS);
    memcpy(bench->params, params, model->params_size);
    bench_target(bench, x);
    bench_program(bench, noise);
    bench_age(bench, 0.0, kelvin);
    bench_read(bench, 0.0, 0.0, INFINITY);
}

static MhoReadNoise read_of_cell(const MhoDescriptor *model, const void *params, float x, double t, double *linear,
                                 double *square)
{
    MhoReadNoise row;
    Bench bench;
    open_at(&bench, model, params, x, 0.0F);
    bench_age(&bench, t, kelvin);
    bench_read(&bench, t, 0.0, INFINITY);
    *linear = (double)bench.noise.linear[0];
    *square = (double)bench.noise.square[0];
    row = bench.noise;
    bench_close(&bench);
    row.linear = NULL;
    row.square = NULL;
    return row;
}

/* g = x + on sigma(x) N of the device's own normal. */
static bool pcm_programs(const MhoDescriptor *model, const void *params, double on)
{
    const double x = 0.6;
    float z[N_CELLS];
    bool holds = true;
    Bench bench;
    open_at(&bench, model, params, (float)x, 1.0F);
    mho_normal_fill(bench_stream(1, 1.0F), MHO_DRAW_PROGRAM, N_CELLS, z);
    for (size_t i = 0; i < N_CELLS; i++) {
        holds = holds && is_close((double)bench.cells.g[i], x + on * law_pcm_sigma_program(x) * (double)z[i], 1e-5);
    }
    bench_close(&bench);
    return holds;
}

static bool pcm_drifts(const MhoDescriptor *model, const void *params, double on)
{
    bool holds;
    Bench bench;
    open_at(&bench, model, params, 0.6F, 0.0F);
    bench_age(&bench, LAW_DAY, kelvin);
    holds = is_close((double)bench.g[0] / (double)bench.cells.g[0], law_pcm_drift(on * law_pcm_nu_mean(0.6), LAW_DAY),
                     1e-5);
    bench_close(&bench);
    return holds;
}

static bool pcm_reads(const MhoDescriptor *model, const void *params, double on)
{
    double linear, square;
    read_of_cell(model, params, 1.0F, 0.0, &linear, &square);
    return is_close(square, pow(on * 0.0088 * law_pcm_log_factor(0.0, 250e-9), 2.0), 1e-5);
}

static bool pcm_integrates(const MhoDescriptor *model, const void *params, double on)
{
    double linear, square;
    read_of_cell(model, params, 1.0F, 0.0, &linear, &square);
    return is_close(square, pow(0.0088 * law_pcm_log_factor(0.0, on), 2.0), 1e-5);
}

/* ln(g / x) = sigma N for the device's own normal. */
static bool log_error_is(const MhoDescriptor *model, const void *params, double sigma)
{
    float z[N_CELLS];
    bool holds = true;
    Bench bench;
    open_at(&bench, model, params, 0.5F, 1.0F);
    mho_normal_fill(bench_stream(1, 1.0F), MHO_DRAW_PROGRAM, N_CELLS, z);
    for (size_t i = 0; i < N_CELLS; i++) {
        holds = holds && fabs(log((double)bench.cells.g[i] / 0.5) - sigma * (double)z[i]) < 1e-5;
    }
    bench_close(&bench);
    return holds;
}

static double swing(double n, double temperature)
{
    return n * LAW_K * temperature / LAW_Q;
}

/* with sigma_vth = 5 mV and the default tuning error of 1 % */
static bool nor_slope(const MhoDescriptor *model, const void *params, double on)
{
    return log_error_is(model, params, hypot(0.01, 5e-3 / swing(on, kelvin)));
}

static bool nor_threshold(const MhoDescriptor *model, const void *params, double on)
{
    return log_error_is(model, params, hypot(0.01, on / swing(1.5, kelvin)));
}

static bool nor_tuning(const MhoDescriptor *model, const void *params, double on)
{
    return log_error_is(model, params, on);
}

static bool nor_floor(const MhoDescriptor *model, const void *params, double on)
{
    bool holds;
    Bench bench;
    open_at(&bench, model, params, 0.0F, 0.0F);
    holds = is_close((double)bench.cells.g[0], on, 1e-6) && is_close(bench.model->g_min(params), on, 1e-6);
    bench_close(&bench);
    return holds;
}

static bool nor_temperature(const MhoDescriptor *model, const void *params, double on)
{
    bool holds;
    Bench bench;
    open_at(&bench, model, params, 0.1F, 0.0F);
    bench_age(&bench, 0.0, 358.15);
    holds = is_close((double)bench.g[0], pow(0.1, on / 358.15), 1e-5);
    bench_close(&bench);
    return holds;
}

static bool nor_current(const MhoDescriptor *model, const void *params, double on)
{
    double linear, square;
    read_of_cell(model, params, 0.5F, 0.0, &linear, &square);
    return is_close(linear, 0.5 * law_shot(on, 1e6), 1e-5);
}

/* Shot noise in proportion; one more octave of flicker for each doubling. */
static bool nor_bandwidth(const MhoDescriptor *model, const void *params, double on)
{
    double linear, square;
    read_of_cell(model, params, 0.5F, 0.0, &linear, &square);
    return is_close(linear, 0.5 * law_shot(10e-9, on), 1e-5) && is_close(square, 0.25e-6 * log(on), 1e-5);
}

static bool nor_flicker(const MhoDescriptor *model, const void *params, double on)
{
    double linear, square;
    read_of_cell(model, params, 0.5F, 0.0, &linear, &square);
    return is_close(square, 0.25 * on * log(1e6), 1e-5);
}

static bool nor_slowest(const MhoDescriptor *model, const void *params, double on)
{
    double linear, square;
    read_of_cell(model, params, 0.5F, 0.0, &linear, &square);
    return is_close(square, 0.25e-6 * log(1e6 * on), 1e-5);
}

static bool nor_mirror(const MhoDescriptor *model, const void *params, double on)
{
    double linear, square;
    const MhoReadNoise row = read_of_cell(model, params, 0.5F, 0.0, &linear, &square);
    return is_close(row.row_linear, on * law_shot(10e-9, 1e6), 1e-5) &&
           is_close(row.row_square, on * 1e-6 * log(1e6), 1e-5);
}

/* 2^b - 1 signed codes: a sum far out of range comes back as the largest. */
static bool adc_clips(const MhoDescriptor *model, const void *params, double on)
{
    const MhoAdcModel *adc = (const MhoAdcModel *)model;
    const float y[2] = {1e4F, -1e4F};
    const int32_t largest = (1 << ((int)on - 1)) - 1;
    int32_t code[2];
    return adc->convert(params, NULL, true, 1, 2, y, 1.0F, code) == 2 && code[0] == largest && code[1] == -largest;
}

/* 2^b - 1 is the largest input code that is taken. */
static bool dac_refuses(const MhoDescriptor *model, const void *params, double on)
{
    const MhoDacModel *dac = (const MhoDacModel *)model;
    const int largest = (1 << (int)on) - 1;
    MhoDacSlices slices;
    return dac->plan(params, largest, &slices, NULL) == MHO_OK &&
           dac->plan(params, largest + 1, &slices, NULL) == MHO_USAGE;
}

static bool dac_is_bipolar(const MhoDescriptor *model, const void *params, double on)
{
    const MhoDacModel *dac = (const MhoDacModel *)model;
    return dac->bipolar(params) == (on > 0.5);
}

static const Switch switches[] = {
    {"cell.pcm", "prog_scale", "1", "0", pcm_programs, NULL},
    {"cell.pcm", "drift_scale", "1", "0", pcm_drifts, NULL},
    {"cell.pcm", "read_scale", "1", "0", pcm_reads, NULL},
    {"cell.pcm", "t_read", "1e-6", "250e-9", pcm_integrates, NULL},
    {"cell.nor_flash", "n", "1.2", "1.5", nor_slope, "sigma_vth=5e-3"},
    {"cell.nor_flash", "w_min", "0.02", "1e-3", nor_floor, NULL},
    {"cell.nor_flash", "sigma_tune", "0.01", "0", nor_tuning, NULL},
    {"cell.nor_flash", "sigma_vth", "1e-3", "0", nor_threshold, NULL},
    {"cell.nor_flash", "program_temperature", "320", "298.15", nor_temperature, NULL},
    {"cell.nor_flash", "i_max", "50e-9", "10e-9", nor_current, NULL},
    {"cell.nor_flash", "bandwidth", "1e7", "1e6", nor_bandwidth, NULL},
    {"cell.nor_flash", "k_flicker", "1e-6", "0", nor_flicker, NULL},
    {"cell.nor_flash", "t_flicker", "100", "1", nor_slowest, NULL},
    {"cell.nor_flash", "mirror", "true", "false", nor_mirror, NULL},
    {"adc.uniform", "bits", "4", "8", adc_clips, NULL},
    {"dac.amplitude", "bits", "3", "8", dac_refuses, NULL},
    {"dac.amplitude", "signed", "bipolar", "two_phase", dac_is_bipolar, NULL},
};

static const MhoRegistry *const registries[] = {&mho_cell_registry, &mho_adc_registry, &mho_dac_registry,
                                                &mho_wire_registry, NULL};
const SwitchBook book = {.rows = switches, .n_rows = sizeof switches / sizeof *switches, .registries = registries};
