/* test_crossbar_plan.c - what a plan refuses, and the converter steps it finds. */
#include <stdlib.h>
#include <string.h>

#include "array_bench.h"
#include "harness.h"

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

START_TEST(bad_matrices_are_refused)
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
END_TEST

START_TEST(bad_combinations_are_refused)
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
    bench.config.chip.calibrate = MHO_CALIBRATE_STATE;
    assert_refused(&bench, "chip.adc.calibrate", "chip.adc.range=calibrated");
    bench.config.chip.calibrate = MHO_CALIBRATE_IDEAL;
    bench.config.chip.read = MHO_READ_CHOOSE_FROZEN;
    bench.config.chip.draw = MHO_DRAW_PER_CELL;
    assert_refused(&bench, "chip.cell.draw", "chip.cell.read=per_read");
    bench.config.adc = NULL;
    assert_refused(&bench, "a plan needs", "ADC");
    array_close(&bench);
}
END_TEST

START_TEST(flash_refuses_bipolar_inputs)
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
END_TEST

START_TEST(known_steps)
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
END_TEST

/* Squared error of the layer's outputs at a fixed step, as a fraction of the largest possible sum. */
static double error_at(ArrayBench *bench, double step, int bits)
{
    const double high = (double)((1 << (bits - 1)) - 1);
    MhoLayerMeter meter = {0};
    float logits[60 * 10];

    bench->config.chip.range = MHO_RANGE_FIXED;
    bench->config.chip.full_scale = step * high / mho_plan_layer(bench->plan, 0).largest_sum;
    array_plan(bench);
    array_make(bench, 0, 0.0);
    array_read(bench, 0, logits, &meter, NULL);
    return meter.noise;
}

START_TEST(calibrated_step_has_the_least_error)
{
    const int bits = 4 + _i;
    float logits[60 * 10];
    ArrayBench bench;
    MhoRangeProbe *probe, *half;
    MhoError error;
    double step, here;

    open_small(&bench);
    bench.config.chip.range = MHO_RANGE_CALIBRATED;
    array_adc(&bench, "bits", bits);
    array_make(&bench, 0, 0.0);
    ck_assert_int_eq(mho_range_probe_create(1, &probe, &error), MHO_OK);
    ck_assert_int_eq(mho_range_probe_create(1, &half, &error), MHO_OK);
    array_read(&bench, 0, logits, NULL, half);
    mho_range_probe_merge(probe, half);
    ck_assert_int_eq(mho_plan_calibrate(bench.plan, probe, &error), MHO_OK);
    step = (double)mho_plan_layer(bench.plan, 0).step;
    ck_assert(step > 1.0 && step < mho_range_probe_largest(probe, 0));
    here = error_at(&bench, step, bits);
    ck_assert_msg(here < error_at(&bench, 1.35 * step, bits), "step %g is too fine", step);
    ck_assert_msg(here < error_at(&bench, 0.75 * step, bits), "step %g is too coarse", step);
    mho_range_probe_destroy(probe);
    mho_range_probe_destroy(half);
    array_close(&bench);
}
END_TEST

START_TEST(enough_bits_give_a_unit_step)
{
    float logits[60 * 10];
    ArrayBench bench;
    MhoRangeProbe *probe, *two;
    MhoError error;

    open_small(&bench);
    bench.config.chip.range = MHO_RANGE_CALIBRATED;
    bench.config.chip.calibrate = MHO_CALIBRATE_CHIP;
    array_adc(&bench, "bits", 12);
    array_make(&bench, 0, 0.0);
    ck_assert_int_eq(mho_range_probe_create(1, &probe, &error), MHO_OK);
    array_read(&bench, 0, logits, NULL, probe);
    ck_assert_int_eq(mho_chip_calibrate(bench.chip, probe, &error), MHO_OK);
    array_read(&bench, 0, logits, NULL, NULL);
    for (size_t i = 0; i < 600; i++) {
        ck_assert((double)logits[i] == (double)array_exact(&bench, i / 10, i % 10));
    }
    ck_assert_int_eq(mho_range_probe_create(2, &two, &error), MHO_OK);
    ck_assert_int_eq(mho_state_calibrate(bench.state, two, &error), MHO_USAGE);
    mho_range_probe_destroy(probe);
    mho_range_probe_destroy(two);
    array_close(&bench);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("crossbar plan");
    TCase *c = tcase_create("plan");

    tcase_add_test(c, bad_matrices_are_refused);
    tcase_add_test(c, bad_combinations_are_refused);
    tcase_add_test(c, flash_refuses_bipolar_inputs);
    tcase_add_test(c, known_steps);
    tcase_add_loop_test(c, calibrated_step_has_the_least_error, 0, 4);
    tcase_add_test(c, enough_bits_give_a_unit_step);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return test_main(suite());
}
