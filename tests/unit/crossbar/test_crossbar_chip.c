/* test_crossbar_chip.c - one chip through its conditions and reads: the same devices, the same bytes, each switch
 * alive. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "array_bench.h"
#include "harness.h"
#include "law_cell.h"
#include "numbers.h"
#include "support/chip_inspect.h"

enum { ROWS = 70, COLS = 20, POSITIONS = 45, SUMS = POSITIONS * COLS, WEIGHTS = ROWS * COLS };

static const double hour = 3600.0, day = 86400.0;

static void open_chip(ArrayBench *bench, const char *cell)
{
    array_open(bench, cell, "uniform");
    array_adc(bench, "bits", 14);
    bench->config.chip.rows = 32;
    bench->config.chip.cols = 18;
    array_shape(bench, 1, ROWS, COLS, POSITIONS);
    array_fill(bench, 31, 7, 15, false, 0);
}

static void weights_of(const ArrayBench *bench, float *weights)
{
    MhoError error = {0};
    ck_assert_int_eq(inspect_weights(bench->state, 0, 0, WEIGHTS, weights, &error), MHO_OK);
}

/* A chip number always gives the same devices, another number gives others, and states draw nothing again. */
TEST_LOOP(a_chip_number_is_one_chip, 0, 2)
{
    float first[WEIGHTS], again[WEIGHTS], other[WEIGHTS];
    ArrayBench bench;
    open_chip(&bench, _i == 0 ? "pcm" : "nor_flash");
    array_make(&bench, 4, hour);
    weights_of(&bench, first);
    array_make(&bench, 5, hour);
    weights_of(&bench, other);
    array_make(&bench, 4, 0.0);
    array_state(&bench, day); /* a later state and back: nothing is drawn again */
    array_state(&bench, hour);
    weights_of(&bench, again);
    ck_assert(memcmp(first, again, sizeof first) == 0);
    ck_assert(memcmp(first, other, sizeof first) != 0);
    array_close(&bench);
}

/* 80,000 devices on 28 tiles, enough for several threads to take part. */
TEST(threads_make_the_same_chip)
{
    enum { TALL = 200, WIDE = 200 };
    static float one[TALL * WIDE], three[TALL * WIDE];
    ArrayBench bench;
    MhoError error = {0};
    open_chip(&bench, "pcm");
    bench.config.chip.cols = 50;
    array_shape(&bench, 1, TALL, WIDE, 1);
    array_fill(&bench, 8, 7, 15, false, 0);
    for (int i = 0; i < 2; i++) {
        omp_set_num_threads(i == 0 ? 1 : 3);
        array_plan(&bench);
        array_make(&bench, 4, hour);
        ck_assert_int_eq(inspect_weights(bench.state, 0, 0, TALL * WIDE, i == 0 ? one : three, &error), MHO_OK);
    }
    ck_assert(memcmp(one, three, sizeof one) == 0);
    array_close(&bench);
}

/* A read depends on image, position and column alone, not on other reads or the number of positions. */
TEST(reads_depend_on_their_place_alone)
{
    float first[SUMS], again[SUMS], other[SUMS], fewer[SUMS];
    ArrayBench bench;
    open_chip(&bench, "nor_flash");
    array_make(&bench, 0, 0.0);
    array_read(&bench, 5, first, NULL, NULL);
    array_read(&bench, 6, other, NULL, NULL);
    array_read(&bench, 5, again, NULL, NULL);
    ck_assert(memcmp(first, again, sizeof first) == 0);
    ck_assert(memcmp(first, other, sizeof first) != 0);
    bench.matrix.positions = 11; /* fewer positions, other blocks: the same first ones */
    array_plan(&bench);
    array_make(&bench, 0, 0.0);
    array_read(&bench, 5, fewer, NULL, NULL);
    ck_assert(memcmp(first, fewer, 11 * COLS * sizeof(float)) == 0);
    array_close(&bench);
}

/* Frozen read noise is the same at every read; per-read noise is not. */
TEST(frozen_noise_is_the_same_at_every_read)
{
    float first[SUMS], other[SUMS];
    ArrayBench bench;
    open_chip(&bench, "pcm");
    array_make(&bench, 0, day);
    array_read(&bench, 5, first, NULL, NULL);
    array_read(&bench, 6, other, NULL, NULL);
    ck_assert(memcmp(first, other, sizeof first) == 0);
    bench.config.chip.read = MHO_READ_CHOICE_PER_READ;
    array_plan(&bench);
    array_make(&bench, 0, day);
    array_read(&bench, 5, first, NULL, NULL);
    array_read(&bench, 6, other, NULL, NULL);
    ck_assert(memcmp(first, other, sizeof first) != 0);
    array_close(&bench);
}

/* The law cell's frozen sigma grows as sqrt(1 + t), its normals stay: deviations at two times are proportional. */
TEST(frozen_noise_scales_with_the_condition)
{
    const LawParams law = {.square = 1e-5};
    float now[WEIGHTS], later[WEIGHTS];
    ArrayBench bench;
    open_chip(&bench, "ideal");
    bench.config.cell = &law_cell;
    bench.config.cell_params = &law;
    bench.config.chip.read = MHO_READ_CHOICE_FROZEN;
    bench.config.chip.mapping = MHO_MAP_OFFSET; /* conductances away from 0, where they are clipped */
    array_make(&bench, 0, 0.0);
    weights_of(&bench, now);
    array_state(&bench, 8.0);
    weights_of(&bench, later);
    for (size_t i = 0; i < WEIGHTS; i++) {
        const int code = bench.codes[i];
        if (code > -7) {
            ck_assert(now[i] != (float)code);
            ck_assert(fabs((double)(later[i] - (float)code) - 3.0 * (double)(now[i] - (float)code)) < 2e-3);
        }
    }
    array_close(&bench);
}

/* Frozen noise of a row's input branch is one factor for the whole row, in every column tile and in both arrays. */
TEST_LOOP(frozen_row_noise_is_a_gain_of_the_row, 0, 2)
{
    const LawParams law = {.row_linear = 1e-3, .row_square = 1e-3};
    float weights[WEIGHTS];
    double row_gain[ROWS], mean = 0.0;
    ArrayBench bench;
    open_chip(&bench, "ideal");
    bench.config.cell = &law_cell;
    bench.config.cell_params = &law;
    bench.config.chip.read = MHO_READ_CHOICE_FROZEN;
    bench.config.chip.subtract = _i;
    array_make(&bench, 0, 0.0);
    weights_of(&bench, weights);
    for (size_t r = 0; r < ROWS; r++) {
        row_gain[r] = 0.0;
        for (size_t j = 0; j < COLS; j++) {
            const double code = bench.codes[r * COLS + j], found = (double)weights[r * COLS + j];
            row_gain[r] = row_gain[r] == 0.0 && code != 0.0 ? found / code : row_gain[r];
            ck_assert(fabs(found - code * row_gain[r]) < 2e-3);
        }
        mean += (row_gain[r] - 1.0) * (row_gain[r] - 1.0) / ROWS;
    }
    ck_assert_msg(mean > 1e-3 && mean < 4e-3, "variance of row gains is %g", mean); /* 2e-3 within 5 standard errors */
    array_close(&bench);
}

/* PCM's 1/f noise has equal power per octave: the part faster than t_observe is ln(t_observe / 2 t_read) of
 * ln((t + 20 s + t_read) / 2 t_read). */
TEST(split_cuts_the_noise_at_t_observe)
{
    const double t_read = 250e-9, t_observe = 1e-3;
    double whole[COLS], fast[COLS];
    float frozen[WEIGHTS], split[WEIGHTS];
    MhoError error = {0};
    ArrayBench bench;
    open_chip(&bench, "pcm");
    bench.config.chip.read = MHO_READ_CHOICE_PER_READ;
    array_make(&bench, 0, hour);
    weights_of(&bench, frozen);
    ck_assert_int_eq(inspect_variance(bench.state, 0, 0, bench.input, whole, &error), MHO_OK);
    bench.config.chip.read = MHO_READ_CHOICE_SPLIT;
    bench.config.chip.t_observe = t_observe;
    array_plan(&bench);
    array_make(&bench, 0, hour);
    weights_of(&bench, split);
    ck_assert_int_eq(inspect_variance(bench.state, 0, 0, bench.input, fast, &error), MHO_OK);
    ck_assert(memcmp(frozen, split, sizeof frozen) != 0);
    for (size_t j = 0; j < COLS; j++) {
        const double ratio = log(t_observe / (2.0 * t_read)) / log((hour + 20.0 + t_read) / (2.0 * t_read));
        assert_close(fast[j] / whole[j], ratio, 0.2, "fast part"); /* around conductances that frozen noise moved */
    }
    array_close(&bench);
}

/* One active row at every input code, of 8 and of 5 bits (both with squares above a byte): the planes' error is at most
 * (largest variance of a weight) / 510 * x^2. */
TEST_LOOP(variance_planes_hold_their_bound, 0, 6)
{
    const LawParams law = {.linear = _i % 3 == 1 ? 0.0 : 3e-3, .square = _i % 3 == 0 ? 0.0 : 2e-3};
    const int n_input = _i < 3 ? 255 : 31;
    uint8_t codes[ROWS] = {0};
    double variance[COLS];
    MhoError error = {0};
    ArrayBench bench;
    open_chip(&bench, "ideal");
    bench.config.cell = &law_cell;
    bench.config.cell_params = &law;
    bench.matrix.n_input = n_input;
    array_make(&bench, 0, 0.0);
    for (int x = 0; x <= n_input; x++) {
        const double full = n_input, unit = 49.0; /* n_weight^2 */
        const size_t row = (size_t)(x % ROWS);
        const double bound = unit * (1.2 * law.linear * full * x + 1.4 * law.square * x * x) / 510.0;
        codes[row] = (uint8_t)x;
        ck_assert_int_eq(inspect_variance(bench.state, 0, 0, codes, variance, &error), MHO_OK);
        codes[row] = 0;
        for (size_t j = 0; j < COLS; j++) {
            const double g = fabs(bench.codes[row * COLS + j] / 7.0);
            const double exact = unit * (law.linear * (0.2 + g) * full * x + law.square * (0.4 + g * g) * x * x);
            ck_assert_msg(fabs(variance[j] - exact) <= bound * (1.0 + 1e-5) + 1e-6 * exact,
                          "code %d: %.9g, not %.9g +- %.3g", x, variance[j], exact, bound);
        }
    }
    array_close(&bench);
}

/* Every kernel table returns the scalar table's bits for a noisy layer. */
TEST_LOOP(all_kernels_agree, 0, 8)
{
    const MhoKernels *tables[8];
    const size_t n = mho_kernels_available(tables, 8);
    float wanted[SUMS], found[SUMS];
    ArrayBench bench;
    MhoError error = {0};
    ck_assert_uint_ge(n, 1);
    open_chip(&bench, _i % 2 == 0 ? "pcm" : "nor_flash");
    bench.config.chip.read = _i < 4 ? MHO_READ_CHOICE_SPLIT : MHO_READ_CHOICE_FROZEN;
    bench.config.chip.mapping = _i / 2 % 2;
    bench.config.chip.subtract = _i / 2 % 2;
    for (size_t t = 0; t < n; t++) {
        ck_assert_int_eq(mho_kernels_force(tables[t]->name, &error), MHO_OK);
        array_make(&bench, 0, hour);
        array_read(&bench, 9, t == 0 ? wanted : found, NULL, NULL);
        ck_assert_msg(t == 0 || memcmp(wanted, found, sizeof wanted) == 0, "%s is not %s", tables[t]->name,
                      tables[0]->name);
    }
    array_close(&bench);
}

/* Mean |sum| of the layer over the ideal one. */
static double gain(ArrayBench *bench)
{
    float sums[SUMS];
    double found = 0.0, wanted = 0.0;
    array_read(bench, 0, sums, NULL, NULL);
    for (size_t i = 0; i < SUMS; i++) {
        const double exact = (double)array_exact(bench, i / COLS, i % COLS);
        found += (double)sums[i] * (exact < 0.0 ? -1.0 : 1.0);
        wanted += fabs(exact);
    }
    return found / wanted;
}

/* After a day of drift, compensation restores the mean output; its factors differ between chips. */
TEST(compensation_restores_the_mean)
{
    enum { CHIPS = 12 };
    double before = 0.0, after = 0.0, lowest = 1e9, highest = 0.0;
    ArrayBench bench;
    MhoError error = {0};
    open_chip(&bench, "pcm");
    bench.config.chip.compensation = MHO_COMPENSATE_GLOBAL;
    array_plan(&bench);
    for (uint32_t chip = 0; chip < CHIPS; chip++) {
        double alpha;
        array_make(&bench, chip, day);
        before += gain(&bench) / CHIPS;
        ck_assert(mho_chip_state_compensation(bench.state, 0) == 1.0);
        ck_assert_int_eq(mho_chip_state_compensate(bench.state, bench.work, &error), MHO_OK);
        after += gain(&bench) / CHIPS;
        alpha = mho_chip_state_compensation(bench.state, 0);
        lowest = alpha < lowest ? alpha : lowest;
        highest = alpha > highest ? alpha : highest;
    }
    ck_assert_msg(before > 0.55 && before < 0.75, "a day of drift leaves %g", before); /* 0.66 at mean exponent 0.049 */
    ck_assert_msg(after > 0.95 && after < 1.05, "compensation leaves %g", after);
    ck_assert(highest > lowest);
    array_close(&bench);
}

/* Converters that clip at a twentieth of the largest sum see fainter patterns, not clipped ones: the same factor. */
TEST(reference_patterns_do_not_clip)
{
    double alpha[2];
    ArrayBench bench;
    MhoError error = {0};
    open_chip(&bench, "pcm");
    bench.config.chip.compensation = MHO_COMPENSATE_GLOBAL;
    for (int i = 0; i < 2; i++) {
        bench.config.chip.range = i == 0 ? MHO_RANGE_UNIT : MHO_RANGE_FIXED;
        bench.config.chip.full_scale = 0.05;
        array_plan(&bench);
        array_make(&bench, 0, day);
        ck_assert_int_eq(mho_chip_state_compensate(bench.state, bench.work, &error), MHO_OK);
        alpha[i] = mho_chip_state_compensation(bench.state, 0);
    }
    ck_assert_msg(alpha[0] > 1.3 && fabs(alpha[1] / alpha[0] - 1.0) < 0.02, "%g and %g", alpha[0], alpha[1]);
    array_close(&bench);
}

/* With frozen noise both reads of time 0 are the same one; fresh noise makes two of them, and a factor near 1 that
 * varies. */
TEST(compensation_reads_are_noisy)
{
    ArrayBench bench;
    MhoError error = {0};
    double alpha[2];
    open_chip(&bench, "pcm");
    bench.config.chip.compensation = MHO_COMPENSATE_GLOBAL;
    bench.config.chip.read = MHO_READ_CHOICE_PER_READ;
    for (uint32_t chip = 0; chip < 2; chip++) {
        array_make(&bench, chip, 0.0);
        ck_assert_int_eq(mho_chip_state_compensate(bench.state, bench.work, &error), MHO_OK);
        alpha[chip] = mho_chip_state_compensation(bench.state, 0);
        ck_assert(alpha[chip] != 1.0 && fabs(alpha[chip] - 1.0) < 0.02);
    }
    ck_assert(alpha[0] != alpha[1]);
    array_close(&bench);
}

/* At 2, 5 and 8 bits: the amplitude of the patterns adapts. */
TEST_LOOP(compensation_at_time_zero_is_one, 0, 3)
{
    ArrayBench bench;
    MhoError error = {0};
    open_chip(&bench, "pcm");
    array_adc(&bench, "bits", 2 + 3 * _i);
    bench.config.chip.compensation = MHO_COMPENSATE_GLOBAL;
    bench.config.chip.range = MHO_RANGE_MAXIMUM;
    array_make(&bench, 0, 0.0);
    ck_assert_int_eq(mho_chip_state_compensate(bench.state, bench.work, &error), MHO_OK);
    ck_assert(mho_chip_state_compensation(bench.state, 0) == 1.0);
    array_close(&bench);
}

static int skewed_bits(const void *params)
{
    (void)params;
    return 24;
}

static MhoAdcCodes skewed_codes(const void *params, bool is_signed)
{
    (void)params;
    (void)is_signed;
    return (MhoAdcCodes){.low = -8e6F, .high = 8e6F};
}

static void skewed_fabricate(const void *params, size_t n_columns, MhoStream stream, float *state)
{
    (void)params;
    mho_normal_fill(stream, MHO_DRAW_ADC, n_columns, state);
    for (size_t j = 0; j < n_columns; j++)
        state[j] = 1000.0F + __builtin_rintf(100.0F * state[j]);
}

/* An offset for each column; a padding column that were fabricated too would read 1000 and count as clipped. */
static uint64_t skewed_convert(const void *params, const float *state, bool is_signed, size_t P, size_t C,
                               const float *y, float inverse_lsb, int32_t *code)
{
    uint64_t clipped = 0;
    (void)params;
    (void)is_signed;
    for (size_t i = 0; i < P * C; i++) {
        code[i] = (int32_t)(y[i] * inverse_lsb + state[i % C]);
        clipped += state[i % C] != 0.0F;
    }
    return clipped;
}

/* Each true column of each tile has its own converter for life, padding columns none. */
TEST_LOOP(converters_are_made_once, 0, 2)
{
    const MhoAdcModel skewed = {.n_state = 1,
                                .bits = skewed_bits,
                                .codes = skewed_codes,
                                .fabricate = skewed_fabricate,
                                .convert = skewed_convert};
    float first[SUMS], other[SUMS];
    MhoLayerMeter meter = {0};
    ArrayBench bench;
    open_chip(&bench, "ideal");
    bench.config.adc = &skewed;
    bench.config.chip.subtract = _i;
    array_make(&bench, 1, 0.0);
    ck_assert(mho_plan_is_random(bench.plan));
    array_read(&bench, 0, first, &meter, NULL);
    ck_assert_uint_eq(meter.clipped, meter.conversions);
    for (size_t i = 0; i < SUMS; i++) {
        const double offset = (double)first[i] - (double)array_exact(&bench, i / COLS, i % COLS);
        const double same_column = (double)first[i % COLS] - (double)array_exact(&bench, 0, i % COLS);
        ck_assert(offset == same_column && offset != 0.0);
    }
    array_make(&bench, 2, 0.0);
    array_read(&bench, 0, other, NULL, NULL);
    ck_assert(memcmp(first, other, sizeof first) != 0);
    array_close(&bench);
}

static MhoStatus half_effective(const void *params, size_t rows, size_t cols, const float *g, float *g_effective,
                                MhoError *error)
{
    (void)params;
    (void)error;
    for (size_t i = 0; i < rows * cols; i++)
        g_effective[i] = 0.5F * g[i];
    return MHO_OK;
}

static MhoStatus broken_effective(const void *params, size_t rows, size_t cols, const float *g, float *g_effective,
                                  MhoError *error)
{
    (void)params;
    (void)g;
    (void)g_effective;
    return mho_fail(error, MHO_FAILED, "no solution for %zu x %zu", rows, cols);
}

/* Wires that halve every conductance halve the weights and quarter the variances; an error of the wire model is
 * passed on. */
TEST(wires_attenuate_currents_and_their_noise)
{
    const MhoWireModel half = {.effective = half_effective}, broken = {.effective = broken_effective};
    double ideal[COLS], wired[COLS];
    float weights[WEIGHTS], halved[WEIGHTS];
    MhoChipState *state;
    MhoError error = {0};
    ArrayBench bench;
    open_chip(&bench, "nor_flash");
    array_make(&bench, 0, 0.0);
    weights_of(&bench, weights);
    ck_assert_int_eq(inspect_variance(bench.state, 0, 0, bench.input, ideal, &error), MHO_OK);
    bench.config.wire = &half;
    array_plan(&bench);
    array_make(&bench, 0, 0.0);
    weights_of(&bench, halved);
    ck_assert_int_eq(inspect_variance(bench.state, 0, 0, bench.input, wired, &error), MHO_OK);
    for (size_t j = 0; j < COLS; j++)
        assert_close(wired[j], 0.25 * ideal[j], 1e-5, "variance");
    for (size_t i = 0; i < WEIGHTS; i++)
        assert_close((double)halved[i], 0.5 * (double)weights[i], 1e-5, "weight");
    bench.config.wire = &broken;
    array_plan(&bench);
    array_chip(&bench, 0);
    ck_assert_int_eq(mho_chip_state_create(bench.chip, (MhoCondition){0.0, 300.0}, &state, &error), MHO_FAILED);
    ck_assert_ptr_null(state);
    ck_assert(strstr(error.text, "no solution") != NULL);
    array_close(&bench);
}

/* Negative times, and temperatures that are zero or not a number, are refused. */
TEST(bad_conditions_are_refused)
{
    ArrayBench bench;
    MhoChipState *state;
    MhoError error = {0};
    open_chip(&bench, "pcm");
    array_make(&bench, 0, 0.0);
    ck_assert_int_eq(mho_chip_state_create(bench.chip, (MhoCondition){-1.0, 300.0}, &state, &error), MHO_USAGE);
    ck_assert_int_eq(mho_chip_state_create(bench.chip, (MhoCondition){0.0, 0.0}, &state, &error), MHO_USAGE);
    ck_assert_int_eq(mho_chip_state_create(bench.chip, (MhoCondition){NAN, 300.0}, &state, &error), MHO_USAGE);
    array_close(&bench);
}

/* A chip with nothing random is known as such, and the ideal chip of a noisy configuration is exact. */
TEST_LOOP(ideal_chips_are_exact, 0, 2)
{
    float sums[SUMS];
    ArrayBench bench;
    MhoError error = {0};
    open_chip(&bench, _i == 0 ? "pcm" : "nor_flash");
    array_make(&bench, 0, 0.0);
    ck_assert(mho_plan_is_random(bench.plan));
    mho_chip_destroy(bench.chip);
    ck_assert_int_eq(mho_chip_create_ideal(bench.plan, &bench.chip, &error), MHO_OK);
    array_state(&bench, day);
    array_read(&bench, 0, sums, NULL, NULL);
    for (size_t i = 0; i < SUMS; i++)
        ck_assert((double)sums[i] == (double)array_exact(&bench, i / COLS, i % COLS));
    bench.config.chip.noise = 0.0;
    array_plan(&bench);
    ck_assert(!mho_plan_is_random(bench.plan));
    array_close(&bench);
}
