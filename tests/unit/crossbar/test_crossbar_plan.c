/* test_crossbar_plan.c - what a plan refuses, and the converter steps it finds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array_bench.h"
#include "harness.h"
#include "numbers.h"

static void open_small(ArrayBench *bench)
{
    array_open(bench, "ideal", "uniform");
    array_shape(bench, 1, 20, 10, 60);
    array_fill(bench, 5, 7, 15, false, 0);
}

/* The plan is refused as USAGE by a line that holds all of these words. */
static void assert_refused(ArrayBench *bench, const char *what, const char *remedy)
{
    MhoError error = {0};
    ck_assert_int_eq(array_try_plan(bench, &error), MHO_USAGE);
    ck_assert_msg(strstr(error.text, what) != NULL, "'%s' is not in: %s", what, error.text);
    ck_assert_msg(strstr(error.text, remedy) != NULL, "'%s' is not in: %s", remedy, error.text);
    ck_assert_ptr_null(bench->plan);
}

/* Empty and oversized matrices and codes out of range are refused. */
TEST(bad_matrices_are_refused)
{
    ArrayBench bench;
    open_small(&bench);
    bench.codes[17] = 8;
    assert_refused(&bench, "layer layer: weight code 8", "-7..7");
    bench.codes[17] = 7;
    bench.matrix.n_input = 256;
    assert_refused(&bench, "layer layer", "quant.activation.bits");
    bench.matrix.n_input = 128;
    bench.matrix.signed_input = true;
    assert_refused(&bench, "layer layer", "1..127");
    bench.matrix.signed_input = false;
    bench.matrix.n_weight = 32640;
    assert_refused(&bench, "32640", "quant.weight.bits");
    bench.matrix.n_weight = 7;
    bench.matrix.rows = 0;
    assert_refused(&bench, "layer layer", "empty");
    bench.matrix.rows = SIZE_MAX / 4;
    assert_refused(&bench, "layer layer", "impossible");
    array_close(&bench);
}

/* Keys that contradict each other, and layers beyond the widths of the random counters, are refused with a remedy. */
TEST(bad_combinations_are_refused)
{
    ArrayBench bench;
    open_small(&bench);
    array_adc(&bench, "bits", 1);
    assert_refused(&bench, "signed converter of 1 bit", "chip.adc.uniform.bits");
    array_adc(&bench, "bits", 8);
    array_dac(&bench, "bits", 3);
    assert_refused(&bench, "layer layer", "amplitude.bits");
    array_dac(&bench, "bits", 8);
    bench.matrix.shift = bench.shift;
    bench.shift[2] = -1000000;
    assert_refused(&bench, "always-on rows", "quant.shift=none");
    bench.matrix.shift = NULL;
    bench.config.chip.rows = 1;
    bench.config.chip.cols = 1;
    array_shape(&bench, 1000, 10, 10, 1);
    assert_refused(&bench, "100000 tiles", "chip.array.rows");
    bench.config.chip.rows = 0;
    assert_refused(&bench, "array.rows", "1");
    bench.config.chip.rows = 512;
    bench.config.chip.cols = 512;
    array_shape(&bench, 1, 10, 10, 1);
    bench.matrix.positions = (size_t)1 << 34;
    assert_refused(&bench, "2^34 random numbers", "chip.array.rows");
    bench.matrix.positions = 1;
    bench.config.chip.calibrate = MHO_CALIBRATE_STATE;
    assert_refused(&bench, "chip.adc.calibrate", "chip.adc.range=calibrated");
    bench.config.chip.calibrate = MHO_CALIBRATE_IDEAL;
    bench.config.chip.read = MHO_READ_CHOICE_FROZEN;
    bench.config.chip.draw = MHO_NOISE_FORM_PER_CELL;
    assert_refused(&bench, "chip.cell.draw", "chip.cell.read=per_read");
    bench.config.adc = NULL;
    assert_refused(&bench, "a plan needs", "ADC");
    array_close(&bench);
}

/* A cell whose current has one direction refuses bipolar inputs. */
TEST(flash_refuses_bipolar_inputs)
{
    ArrayBench bench;
    array_open(&bench, "nor_flash", "ideal");
    array_shape(&bench, 1, 20, 10, 3);
    array_fill(&bench, 5, 7, 15, true, 0);
    array_dac(&bench, "signed", 1);
    assert_refused(&bench, "cell nor_flash takes no bipolar inputs", "two_phase");
    bench.matrix.signed_input = false; /* nothing to refuse without signed inputs */
    array_plan(&bench);
    array_close(&bench);
}

/* Steps of unit, maximum and fixed ranges follow their formulas; a calibrated step is not known yet. */
TEST(known_steps)
{
    ArrayBench bench;
    double largest;
    open_small(&bench);
    array_plan(&bench);
    largest = mho_plan_layer(bench.plan, 0).largest_sum;
    ck_assert(largest > 0.0 && largest <= 20.0 * 7.0 * 15.0);
    ck_assert(mho_plan_layer(bench.plan, 0).step == 1.0F);
    ck_assert(!mho_plan_needs_calibration(bench.plan));
    bench.config.chip.range = MHO_RANGE_MAXIMUM;
    array_adc(&bench, "bits", 6);
    array_plan(&bench);
    ck_assert(mho_plan_layer(bench.plan, 0).step == (float)(largest / 31.0));
    array_adc(&bench, "bits", 20);
    array_plan(&bench);
    ck_assert(mho_plan_layer(bench.plan, 0).step == 1.0F);
    bench.config.chip.range = MHO_RANGE_FIXED;
    bench.config.chip.full_scale = 0.25;
    array_adc(&bench, "bits", 6);
    array_plan(&bench);
    ck_assert(mho_plan_layer(bench.plan, 0).step == (float)(0.25 * largest / 31.0));
    bench.config.chip.range = MHO_RANGE_CALIBRATED;
    array_plan(&bench);
    ck_assert(mho_plan_layer(bench.plan, 0).step == 0.0F);
    ck_assert(mho_plan_needs_calibration(bench.plan));
    array_close(&bench);
}

/* Largest possible sum of each kind of converter column, written down from the codes; x is 0..15 or -15..15. */
TEST_LOOP(largest_sums, 0, 4)
{
    enum { ROWS = 20, COLS = 10 };
    const bool bipolar = _i == 1, digital = _i >= 2, offset = _i == 3;
    double largest = 0.0;
    ArrayBench bench;
    open_small(&bench);
    bench.config.chip.range = MHO_RANGE_MAXIMUM;
    bench.config.chip.subtract = digital ? MHO_SUBTRACT_DIGITAL : MHO_SUBTRACT_ANALOG;
    bench.config.chip.mapping = offset ? MHO_MAP_OFFSET : MHO_MAP_DIFFERENTIAL;
    bench.matrix.signed_input = bipolar;
    array_dac(&bench, "signed", bipolar ? 1 : 0);
    array_plan(&bench);
    for (size_t j = 0; j < COLS; j++) {
        double plus = 0.0, minus = 0.0, shifted = 0.0;
        for (size_t r = 0; r < ROWS; r++) {
            const double code = bench.codes[r * COLS + j];
            plus += fmax(code, 0.0);
            minus += fmax(-code, 0.0);
            shifted += code + 7.0;
        }
        largest = fmax(largest, offset ? fmax(shifted, ROWS * 7.0) : bipolar ? plus + minus : fmax(plus, minus));
    }
    assert_close(mho_plan_layer(bench.plan, 0).largest_sum, 15.0 * largest, 1e-6, "largest sum");
    array_close(&bench);
}

/* Digital subtraction converts the reference column too: with columns of no current it holds the largest sum. */
TEST(calibration_sees_the_reference_column)
{
    float logits[60 * 10];
    double largest = 0.0;
    MhoRangeObserver *observer;
    MhoError error = {0};
    ArrayBench bench;
    open_small(&bench);
    bench.config.chip.subtract = MHO_SUBTRACT_DIGITAL;
    bench.config.chip.mapping = MHO_MAP_OFFSET;
    for (size_t i = 0; i < 20 * 10; i++)
        bench.codes[i] = -7;
    array_make(&bench, 0, 0.0);
    ck_assert_int_eq(mho_range_observer_create(1, &observer, &error), MHO_OK);
    array_read(&bench, 0, logits, NULL, observer);
    for (size_t p = 0; p < 60; p++) {
        double sum = 0.0;
        for (size_t r = 0; r < 20; r++)
            sum += 7.0 * bench.input[p * 20 + r];
        largest = fmax(largest, sum);
    }
    ck_assert(mho_range_observer_largest(observer, 0) == largest);
    mho_range_observer_destroy(observer);
    array_close(&bench);
}

/* Mean squared error of a signed converter with codes up to `code`. */
static double quantization_error(size_t n, const float *sums, double step, double code)
{
    double error = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double rounded = rint((double)sums[i] / step);
        const double kept = fmin(fmax(rounded, -code), code) * step - (double)sums[i];
        error += kept * kept / (double)n;
    }
    return error;
}

/* The calibrated step against a search over steps, on the sums themselves; and steps 20 % off are told apart. */
TEST_LOOP(calibrated_step_has_the_least_error, 0, 3)
{
    enum { ROWS = 48, COLS = 16, MANY = 4000, N = MANY * COLS };
    const int bits = 4 + 2 * _i;
    const double code = (1 << (bits - 1)) - 1;
    float *sums = malloc(N * sizeof *sums);
    double least = INFINITY, step;
    MhoRangeObserver *observer, *half;
    MhoError error = {0};
    ArrayBench bench;
    ck_assert_ptr_nonnull(sums);
    array_open(&bench, "ideal", "uniform");
    array_adc(&bench, "bits", bits);
    bench.config.chip.range = MHO_RANGE_CALIBRATED;
    array_shape(&bench, 1, ROWS, COLS, MANY);
    array_fill(&bench, 9, 127, 255, false, 0);
    array_make(&bench, 0, 0.0);
    ck_assert_int_eq(mho_range_observer_create(1, &observer, &error), MHO_OK);
    ck_assert_int_eq(mho_range_observer_create(1, &half, &error), MHO_OK);
    array_read(&bench, 0, sums, NULL, half);
    mho_range_observer_merge(observer, half);
    ck_assert_int_eq(mho_plan_calibrate(bench.plan, observer, &error), MHO_OK);
    step = (double)mho_plan_layer(bench.plan, 0).step;
    for (double tried = step / 3.0; tried < 3.0 * step; tried *= 1.01)
        least = fmin(least, quantization_error(N, sums, tried, code));
    assert_close(quantization_error(N, sums, step, code), least, 0.01, "error of the calibrated step");
    ck_assert(quantization_error(N, sums, 1.2 * step, code) > 1.05 * least);
    ck_assert(quantization_error(N, sums, step / 1.2, code) > 1.05 * least);
    mho_range_observer_destroy(observer);
    mho_range_observer_destroy(half);
    free(sums);
    array_close(&bench);
}

/* A converter whose codes hold the largest sum is calibrated to a step of one unit; an observer of
 * another number of layers is refused. */
TEST(enough_bits_give_a_unit_step)
{
    float logits[60 * 10];
    ArrayBench bench;
    MhoRangeObserver *observer, *two;
    MhoError error;
    open_small(&bench);
    bench.config.chip.range = MHO_RANGE_CALIBRATED;
    bench.config.chip.calibrate = MHO_CALIBRATE_CHIP;
    array_adc(&bench, "bits", 12);
    array_make(&bench, 0, 0.0);
    ck_assert_int_eq(mho_range_observer_create(1, &observer, &error), MHO_OK);
    array_read(&bench, 0, logits, NULL, observer);
    ck_assert_int_eq(mho_chip_calibrate(bench.chip, observer, &error), MHO_OK);
    array_read(&bench, 0, logits, NULL, NULL);
    for (size_t i = 0; i < 600; i++)
        ck_assert((double)logits[i] == (double)array_exact(&bench, i / 10, i % 10));
    ck_assert_int_eq(mho_range_observer_create(2, &two, &error), MHO_OK);
    ck_assert_int_eq(mho_chip_state_calibrate(bench.state, two, &error), MHO_USAGE);
    mho_range_observer_destroy(observer);
    mho_range_observer_destroy(two);
    array_close(&bench);
}
