/* test_switches_chip.c - what every common key of a chip does, on one analog layer or on the whole way of a study. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array_bench.h"
#include "harness.h"
#include "laws.h"
#include "numbers.h"
#include "switches.h"
#include "tiny.h"
#include "support/run_once.h"
#include "support/chip_inspect.h"

enum {
    ROWS = 48,
    COLS = 6,
    POSITIONS = 32,
    SUMS = POSITIONS * COLS,
    WEIGHTS = ROWS * COLS,
    LARGEST = 9,
    INPUT = 15,
    IMAGES = 300
};

/* A layer of random weights under these keys. */
static void open_layer(ArrayBench *bench, const char *cell, const void *params, int bits)
{
    array_open(bench, cell, "uniform");
    array_adc(bench, "bits", bits);
    bench->config.chip = *(const MhoChipParams *)params;
    array_shape(bench, 1, ROWS, COLS, POSITIONS);
    array_fill(bench, 5, LARGEST, INPUT, false, 0);
}

static void weights_of(const ArrayBench *bench, float *weights)
{
    MhoError error = {0};
    ck_assert_msg(inspect_weights(bench->state, 0, 0, WEIGHTS, weights, &error) == MHO_OK, "%s", error.text);
}

/* Logits of a study with these keys and one cell model. */
static void run_study(Tiny *tiny, const void *params, const char *cell, const char *adc)
{
    MhoSettings *settings = tiny_settings();
    tiny_put(settings, "chip.", &mho_chip_descriptor, params);
    tiny_set(settings, "chip.cell.name", cell);
    tiny_set(settings, "chip.adc.name", adc);
    tiny_set(settings, "chip.cell.nor_flash.w_min", "0.02");
    tiny_run(tiny, settings);
}

/* Whether the study's sums are those of an ideal chip times gain, within the converter's unit. */
static bool sums_are_scaled(const void *params, const char *cell, double gain)
{
    MhoChipParams plain;
    Tiny ideal, tiny;
    bool holds = true;
    mho_params_default(mho_chip_descriptor.params, mho_chip_descriptor.n_params, &plain);
    run_study(&ideal, &plain, "ideal", "ideal");
    run_study(&tiny, params, cell, "ideal");
    for (size_t i = 0; i < TINY_LOGITS; i++) {
        const double unit = (double)ideal.setup.lowered->steps[0].a[i % TINY_CLASSES];
        holds = holds && fabs((double)tiny.logits[i] - gain * (double)ideal.logits[i]) < 1.01 * unit;
    }
    tiny_close(&ideal);
    tiny_close(&tiny);
    return holds;
}

/* Ternary weights on noiseless PCM drift all alike: ((t + 20 s) / 20 s)^-nu(1). */
static bool drifts(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return sums_are_scaled(params, "pcm", law_pcm_drift(law_pcm_nu_mean(1.0), on));
}

/* NOR cells at w keep w^(T0 / T): the difference of a full cell and an empty one is 1 - w_min^(T0 / T). */
static bool warms(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return sums_are_scaled(params, "nor_flash", 1.0 - pow(0.02, 298.15 / on));
}

/* Programming errors of full-scale and empty PCM cells are proportional to the factor. */
static bool scales_noise(const MhoDescriptor *model, const void *params, double on)
{
    float given[WEIGHTS], single[WEIGHTS];
    ArrayBench bench;
    bool holds = true;
    (void)model;
    for (int i = 0; i < 2; i++) {
        open_layer(&bench, "pcm", params, 14);
        array_cell(&bench, "read_scale", 0.0);
        bench.config.chip.noise = i == 0 ? bench.config.chip.noise : 1.0;
        for (size_t k = 0; k < WEIGHTS; k++) {
            bench.codes[k] = LARGEST;
        }
        array_make(&bench, 0, 0.0);
        weights_of(&bench, i == 0 ? given : single);
        array_close(&bench);
    }
    for (size_t k = 0; k < WEIGHTS; k++) {
        holds = holds && fabs((double)(given[k] - LARGEST) - on * (double)(single[k] - LARGEST)) < 2e-3;
    }
    return holds;
}

/* Reads of two images with the same inputs. */
static void read_twice(const void *params, float *first, float *second, float *weights)
{
    ArrayBench bench;
    open_layer(&bench, "pcm", params, 14);
    array_make(&bench, 0, LAW_HOUR);
    weights_of(&bench, weights);
    array_read(&bench, 5, first, NULL, NULL);
    array_read(&bench, 6, second, NULL, NULL);
    array_close(&bench);
}

static bool read_freezes(const MhoDescriptor *model, const void *params, double on)
{
    float first[SUMS], second[SUMS], weights[WEIGHTS];
    (void)model, (void)on;
    read_twice(params, first, second, weights);
    return memcmp(first, second, sizeof first) == 0;
}

/* Another current at every read, from devices that no read noise moved. */
static bool read_is_fresh(const MhoDescriptor *model, const void *params, double on)
{
    MhoChipParams quiet = *(const MhoChipParams *)params;
    float first[SUMS], second[SUMS], weights[WEIGHTS], programmed[WEIGHTS];
    ArrayBench bench;
    (void)model, (void)on;
    read_twice(params, first, second, weights);
    open_layer(&bench, "pcm", &quiet, 14);
    array_cell(&bench, "read_scale", 0.0);
    array_make(&bench, 0, LAW_HOUR);
    weights_of(&bench, programmed);
    array_close(&bench);
    return memcmp(first, second, sizeof first) != 0 && memcmp(weights, programmed, sizeof weights) == 0;
}

/* Fresh variance of all columns after an hour. */
static double fresh_variance(const void *params, int read)
{
    MhoChipParams keys = *(const MhoChipParams *)params;
    double variance[COLS], sum = 0.0;
    MhoError error = {0};
    ArrayBench bench;
    keys.read = read;
    open_layer(&bench, "pcm", &keys, 14);
    array_make(&bench, 0, LAW_HOUR);
    ck_assert_msg(inspect_variance(bench.state, 0, 0, bench.input, variance, &error) == MHO_OK, "%s", error.text);
    array_close(&bench);
    for (size_t j = 0; j < COLS; j++) {
        sum += variance[j];
    }
    return sum;
}

/* 1/f: equal power per octave. Around conductances that the frozen part moved, hence 10 %. */
static bool splits_at(const void *params, double t_observe)
{
    const double t_read = 250e-9,
                 octaves = log(t_observe / (2.0 * t_read)) / log((LAW_HOUR + 20.0 + t_read) / (2.0 * t_read));
    const int read = ((const MhoChipParams *)params)->read;
    return is_close(fresh_variance(params, read) / fresh_variance(params, MHO_READ_CHOICE_PER_READ), octaves, 0.1);
}

static bool read_splits(const MhoDescriptor *model, const void *params, double on)
{
    (void)model, (void)on;
    return splits_at(params, ((const MhoChipParams *)params)->t_observe);
}

static bool observes(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return splits_at(params, on);
}

/* Reads of column 0 for one input in all positions of many images. */
static void sample_reads(const void *params, double *sample, double *mean, double *variance)
{
    float sums[SUMS], weights[WEIGHTS];
    double all[COLS];
    MhoError error = {0};
    ArrayBench bench;
    open_layer(&bench, "pcm", params, 14);
    for (size_t i = ROWS; i < ROWS * POSITIONS; i++) {
        bench.input[i] = bench.input[i - ROWS];
    }
    array_make(&bench, 0, LAW_HOUR);
    weights_of(&bench, weights);
    *mean = 0.0;
    for (size_t r = 0; r < ROWS; r++) {
        *mean += bench.input[r] * (double)weights[r * COLS];
    }
    ck_assert_msg(inspect_variance(bench.state, 0, 0, bench.input, all, &error) == MHO_OK, "%s", error.text);
    *variance = all[0];
    for (uint32_t image = 0; image < IMAGES; image++) {
        array_read(&bench, image, sums, NULL, NULL);
        for (size_t p = 0; p < POSITIONS; p++) {
            sample[image * POSITIONS + p] = (double)sums[p * COLS];
        }
    }
    array_close(&bench);
}

/* One draw per cell: the same law as one per column (mean and variance), but not the same numbers. */
static bool draws_in_law(const MhoDescriptor *model, const void *params, double on)
{
    enum { N = IMAGES * POSITIONS };
    static double cells[N], columns[N];
    MhoChipParams usual = *(const MhoChipParams *)params;
    double mean, variance, same_mean, same_variance;
    size_t equal = 0;
    (void)model, (void)on;
    usual.draw = MHO_NOISE_FORM_PER_COLUMN;
    sample_reads(params, cells, &mean, &variance);
    sample_reads(&usual, columns, &same_mean, &same_variance);
    for (size_t i = 0; i < N; i++) {
        equal += cells[i] == columns[i];
    }
    return mean == same_mean && variance == same_variance && variance > 25.0 && equal < N / 5 &&
           moments_agree(N, cells, mean, sqrt(variance)) && moments_agree(N, columns, mean, sqrt(variance));
}

/* The smallest difference of two logits of class 0, in units: the step when neighbouring codes occur. */
static double step_in_use(const Tiny *tiny)
{
    double least = INFINITY;
    for (size_t i = 0; i < TINY_LOGITS; i += TINY_CLASSES) {
        for (size_t k = 0; k < i; k += TINY_CLASSES) {
            const double difference = fabs((double)tiny->logits[i] - (double)tiny->logits[k]);
            least = difference > 0.0 && difference < least ? difference : least;
        }
    }
    return least / (double)tiny->setup.lowered->steps[0].a[0];
}

/* The step of least error for the sums of training images on a chip: as designed, just programmed, or as it is now. */
static double step_of(const MhoPointSetup *p, MhoCalibrate when)
{
    const MhoCondition fresh = {.temperature = 298.15},
                       now = {.t = p->config.chip.time, .temperature = p->config.chip.temperature};
    MhoChipConfig config = p->config;
    float logits[TINY_TRAIN * TINY_CLASSES];
    MhoPlan *plan;
    MhoChip *chip;
    MhoChipState *state;
    MhoRangeObserver *probe;
    MhoError error = {0};
    ck_assert(mho_plan_create(&config, p->lowered->matrices, 1, &plan, &error) == MHO_OK);
    ck_assert((when == MHO_CALIBRATE_IDEAL ? mho_chip_create_ideal(plan, &chip, &error)
                                           : mho_chip_create(plan, 0, &chip, &error)) == MHO_OK);
    ck_assert(mho_chip_state_create(chip, when == MHO_CALIBRATE_STATE ? now : fresh, &state, &error) == MHO_OK);
    ck_assert(mho_range_observer_create(1, &probe, &error) == MHO_OK);
    const AnalogRun options = {.threads = 1, .observer = probe};
    ck_assert(run_analog(p->lowered, state, p->calibration->images, p->calibration->n, &options, logits, &error) ==
              MHO_OK);
    ck_assert(mho_plan_calibrate(plan, probe, &error) == MHO_OK);
    const double step = (double)mho_plan_layer(plan, 0).step;
    mho_range_observer_destroy(probe);
    mho_chip_state_destroy(state);
    mho_chip_destroy(chip);
    mho_plan_destroy(plan);
    return step;
}

static bool calibrates(const MhoDescriptor *model, const void *params, double on)
{
    Tiny tiny;
    (void)model;
    run_study(&tiny, params, "pcm", "uniform");
    const double step = step_of(&tiny.setup, (MhoCalibrate)on);
    const bool holds = step > 1.0 && is_close(step_in_use(&tiny), step, 1e-4);
    tiny_close(&tiny);
    return holds;
}

/* Largest possible |sum| of a column, from the codes. */
static double largest_sum(const ArrayBench *bench)
{
    double largest = 0.0;
    for (size_t j = 0; j < COLS; j++) {
        double plus = 0.0, minus = 0.0;
        for (size_t r = 0; r < ROWS; r++) {
            const double w = bench->codes[r * COLS + j];
            plus += fmax(w, 0.0);
            minus += fmax(-w, 0.0);
        }
        largest = fmax(largest, fmax(plus, minus));
    }
    return INPUT * largest;
}

/* Whether sums leave the layer as codes -largest..largest of this step; single precision may turn a tie. */
static bool converts_by(const ArrayBench *bench, const float *sums, double step, double largest)
{
    size_t wrong = 0;
    for (size_t i = 0; i < SUMS; i++) {
        const double code = rint((double)array_exact(bench, i / COLS, i % COLS) / step);
        wrong += !is_close((double)sums[i], step * fmax(-largest, fmin(code, largest)), 1e-5);
    }
    return wrong <= SUMS / 50;
}

/* Sum of squared errors of 6-bit codes. */
static double conversion_error(const ArrayBench *bench, double step)
{
    double sum = 0.0;
    for (size_t i = 0; i < SUMS; i++) {
        const double exact = (double)array_exact(bench, i / COLS, i % COLS),
                     code = fmax(-31.0, fmin(rint(exact / step), 31.0));
        sum += (exact - step * code) * (exact - step * code);
    }
    return sum;
}

/* The step that calibration on this very image finds; 0 when a better one is easily found. */
static double calibrated_step(ArrayBench *bench)
{
    const double most = largest_sum(bench) / 31.0;
    float sums[SUMS];
    MhoRangeObserver *probe;
    MhoError error = {0};
    double least = INFINITY;
    ck_assert(mho_range_observer_create(1, &probe, &error) == MHO_OK);
    array_read(bench, 0, sums, NULL, probe);
    ck_assert(mho_plan_calibrate(bench->plan, probe, &error) == MHO_OK);
    mho_range_observer_destroy(probe);
    for (int i = 1; i <= 200; i++) {
        least = fmin(least, conversion_error(bench, most * i / 200.0));
    }
    const double step = (double)mho_plan_layer(bench->plan, 0).step;
    return conversion_error(bench, step) < 1.2 * least ? step : 0.0;
}

/* 6 bits: codes -31..31. */
static bool ranges(const MhoDescriptor *model, const void *params, double on)
{
    const double full_scale = ((const MhoChipParams *)params)->full_scale;
    float sums[SUMS];
    ArrayBench bench;
    double step = 1.0;
    (void)model;
    open_layer(&bench, "ideal", params, 6);
    bench.matrix.adc_range = 0.25 * largest_sum(&bench);
    array_make(&bench, 0, 0.0);
    if (on == MHO_RANGE_CALIBRATED) {
        step = calibrated_step(&bench);
    } else if (on == MHO_RANGE_LEARNED) {
        step = bench.matrix.adc_range / 31.0;
    } else if (on != MHO_RANGE_UNIT) {
        step = (on == MHO_RANGE_FIXED ? full_scale : 1.0) * largest_sum(&bench) / 31.0;
    }
    array_read(&bench, 0, sums, NULL, NULL);
    const bool holds = step > 0.0 && converts_by(&bench, sums, step, 31.0);
    array_close(&bench);
    return holds;
}

static bool fixes_full_scale(const MhoDescriptor *model, const void *params, double on)
{
    float sums[SUMS];
    ArrayBench bench;
    (void)model;
    open_layer(&bench, "ideal", params, 6);
    array_make(&bench, 0, 0.0);
    array_read(&bench, 0, sums, NULL, NULL);
    const bool holds = converts_by(&bench, sums, on * largest_sum(&bench) / 31.0, 31.0);
    array_close(&bench);
    return holds;
}

/* Conversions of one image, as counted while reading, and devices of the chip. */
static void count(const void *params, uint64_t *conversions, size_t *devices)
{
    float sums[SUMS];
    MhoLayerMeter meter = {0};
    ArrayBench bench;
    open_layer(&bench, "ideal", params, 14);
    array_make(&bench, 0, 0.0);
    array_read(&bench, 0, sums, &meter, NULL);
    *conversions = meter.conversions;
    *devices = mho_plan_layer(bench.plan, 0).devices;
    array_close(&bench);
}

/* Every row tile converts every column. */
static bool cuts_rows(const MhoDescriptor *model, const void *params, double on)
{
    uint64_t conversions;
    size_t devices;
    (void)model;
    count(params, &conversions, &devices);
    return conversions == SUMS * (uint64_t)ceil(ROWS / on) && devices == 2 * WEIGHTS;
}

/* Every column tile has a reference column of its own, converted too. */
static bool cuts_cols(const MhoDescriptor *model, const void *params, double on)
{
    const uint64_t tiles = (uint64_t)ceil(COLS / on);
    uint64_t conversions;
    size_t devices;
    (void)model;
    count(params, &conversions, &devices);
    return conversions == POSITIONS * (COLS + tiles) && devices == ROWS * (COLS + tiles);
}

static double drifted(double x)
{
    return x * law_pcm_drift(law_pcm_nu_mean(x), LAW_DAY);
}

/* A day on noiseless PCM, where faint cells drift faster: a pair of cells, or one against half of g_max. */
static bool maps(const MhoDescriptor *model, const void *params, double on)
{
    float weights[WEIGHTS];
    ArrayBench bench;
    bool holds = true;
    (void)model;
    open_layer(&bench, "pcm", params, 14);
    array_make(&bench, 0, LAW_DAY);
    weights_of(&bench, weights);
    for (size_t k = 0; k < WEIGHTS; k++) {
        const double w = bench.codes[k] / (double)LARGEST;
        const double pair = w < 0.0 ? -drifted(-w) : drifted(w),
                     offset = 2.0 * (drifted(0.5 * (w + 1.0)) - drifted(0.5));
        holds = holds && fabs((double)weights[k] / LARGEST - (on == MHO_MAP_OFFSET ? offset : pair)) < 1e-3;
    }
    array_close(&bench);
    return holds;
}

/* Currents are subtracted and rounded once, or both are rounded (0..63) and the codes subtracted. */
static bool subtracts(const MhoDescriptor *model, const void *params, double on)
{
    float sums[SUMS];
    ArrayBench bench;
    size_t wrong = 0;
    (void)model;
    open_layer(&bench, "ideal", params, 6);
    array_make(&bench, 0, 0.0);
    array_read(&bench, 0, sums, NULL, NULL);
    const double step = (double)mho_plan_layer(bench.plan, 0).step;
    for (size_t i = 0; i < SUMS; i++) {
        double plus = 0.0, minus = 0.0;
        for (size_t r = 0; r < ROWS; r++) {
            const double w = bench.codes[r * COLS + i % COLS], x = bench.input[i / COLS * ROWS + r];
            plus += fmax(w, 0.0) * x;
            minus += fmax(-w, 0.0) * x;
        }
        const double code =
            on == MHO_SUBTRACT_DIGITAL ? rint(plus / step) - rint(minus / step) : rint((plus - minus) / step);
        wrong += !is_close((double)sums[i], step * code, 1e-5);
    }
    array_close(&bench);
    return step > 1.0 && wrong <= SUMS / 50;
}

/* A day of drift of ternary weights is one factor, which the reference reads give back. */
static bool compensates(const MhoDescriptor *model, const void *params, double on)
{
    float sums[SUMS];
    MhoError error = {0};
    ArrayBench bench;
    double found = 0.0, wanted = 0.0;
    (void)model, (void)on;
    open_layer(&bench, "pcm", params, 14);
    array_fill(&bench, 5, 1, INPUT, false, 0);
    array_make(&bench, 0, LAW_DAY);
    ck_assert_msg(mho_chip_state_compensate(bench.state, bench.work, &error) == MHO_OK, "%s", error.text);
    array_read(&bench, 0, sums, NULL, NULL);
    for (size_t i = 0; i < SUMS; i++) {
        const double exact = (double)array_exact(&bench, i / COLS, i % COLS);
        found += (double)sums[i] * exact;
        wanted += exact * exact;
    }
    array_close(&bench);
    return is_close(found / wanted, 1.0, 0.01);
}

#define QUIET "noise=0;adc.range=unit"

static const Switch switches[] = {
    {"chip", "time", "86400", "0", drifts, "noise=0"},
    {"chip", "temperature", "358.15", "298.15", warms, "noise=0"},
    {"chip", "noise", "2", "1", scales_noise, NULL},
    {"chip", "noise", "0", "1", scales_noise, NULL},
    {"chip", "cell.read", "frozen", "per_read", read_freezes, NULL},
    {"chip", "cell.read", "per_read", "frozen", read_is_fresh, NULL},
    {"chip", "cell.read", "per_read", "split", read_is_fresh, NULL},
    {"chip", "cell.read", "split", "per_read", read_splits, NULL},
    {"chip", "cell.read", "default", "per_read", read_freezes, NULL}, /* PCM was published with frozen noise */
    {"chip", "cell.t_observe", "1e-3", "1", observes, "cell.read=split"},
    {"chip", "cell.draw", "per_cell", "per_column", draws_in_law, "cell.read=per_read;adc.range=unit"},
    {"chip", "adc.calibrate", "ideal", "state", calibrates, "time=3e7"},
    {"chip", "adc.calibrate", "chip", "ideal", calibrates, "time=3e7;noise=2"},
    {"chip", "adc.calibrate", "state", "chip", calibrates, "time=3e7"},
    {"chip", "adc.range", "calibrated", "maximum", ranges, NULL},
    {"chip", "adc.range", "fixed", "maximum", ranges, "adc.full_scale=0.3"},
    {"chip", "adc.range", "maximum", "fixed", ranges, "adc.full_scale=0.3"},
    {"chip", "adc.range", "unit", "maximum", ranges, NULL},
    {"chip", "adc.range", "learned", "maximum", ranges, NULL},
    {"chip", "adc.full_scale", "0.25", "1", fixes_full_scale, "adc.range=fixed"},
    {"chip", "array.rows", "20", "512", cuts_rows, NULL},
    {"chip", "array.cols", "4", "512", cuts_cols, "array.mapping=offset;array.subtract=digital"},
    {"chip", "array.mapping", "offset", "differential", maps, QUIET},
    {"chip", "array.mapping", "differential", "offset", maps, QUIET},
    {"chip", "array.subtract", "digital", "analog", subtracts, "adc.range=maximum"},
    {"chip", "array.subtract", "analog", "digital", subtracts, "adc.range=maximum"},
    {"chip", "compensation", "global", "none", compensates, QUIET},
};

static const MhoDescriptor *const tables[] = {&mho_chip_descriptor, NULL};
const SwitchBook book = {.rows = switches, .n_rows = sizeof switches / sizeof *switches, .tables = tables};

int test_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const int code = tiny_enter() ? test_run() : 1;

    tiny_leave();
    return code;
}
