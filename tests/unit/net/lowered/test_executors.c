/* test_executors.c - the analog executor against the integer one, both against themselves for any threads, batch and
 * instruction set; plans and states made from training images; the score of logits. The integer one against plain
 * loops: test_integer.c.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/executors_sample.h"
#include "support/run_once.h"

/* ---- threads, batches, instruction sets
 * ------------------------------------------------------------------------------- */

/* A net on a chip of PCM: every read is noisy, every converter is calibrated. */
typedef struct Noisy {
    ArrayBench bench; /* of its configuration only */
    uint8_t *images;
    MhoNet *net;
    MhoLoweredNet *lowered;
    MhoNetOnChip *on_chip;
    MhoChip *chip;
} Noisy;

static void noisy_open(Noisy *noisy, const QuantizedSetup *setup)
{
    const MhoCondition at = {.t = 3600.0, .temperature = 310.0};
    MhoError error = {0};
    memset(noisy, 0, sizeof *noisy);
    noisy->images = random_images(setup->input, N_IMAGES + 35, 8);
    noisy->net = quantized_net(setup, noisy->images, N_IMAGES);
    noisy->lowered = must_lower(noisy->net);
    array_open(&noisy->bench, "pcm", "uniform");
    noisy->bench.config.chip.range = MHO_RANGE_CALIBRATED;
    noisy->bench.config.chip.read = MHO_READ_CHOICE_PER_READ;
    noisy->bench.config.chip.rows = 40;
    must(plan_net(noisy->lowered, &noisy->bench.config, noisy->images, N_IMAGES, 2, &noisy->on_chip, &error), &error);
    must(mho_net_on_chip_set(noisy->on_chip, 3, at, NULL, &error), &error);
}

static void noisy_close(Noisy *noisy)
{
    mho_net_on_chip_destroy(noisy->on_chip);
    mho_lowered_net_destroy(noisy->lowered);
    mho_net_destroy(noisy->net);
    array_close(&noisy->bench);
    free(noisy->images);
}

/* All images in batches, as `mho eval` runs them. */
static Outputs in_batches(const Noisy *noisy, size_t n, size_t batch, int threads, MhoLayerMeter *meters)
{
    const MhoShape in = noisy->lowered->input;
    const size_t pixels = (size_t)(in.h * in.w * in.c);
    Outputs o = outputs_new(noisy->lowered, n);
    MhoError error = {0};
    memset(meters, 0, noisy->lowered->n_matrices * sizeof *meters);
    for (size_t first = 0; first < n; first += batch) {
        const AnalogRun options = {.image0 = (uint32_t)first,
                                   .measured = n / 2 > first ? n / 2 - first : 0,
                                   .threads = threads,
                                   .meters = meters,
                                   .codes = o.codes + first * o.codes_size};
        must(run_analog(noisy->lowered, mho_net_on_chip_state(noisy->on_chip), noisy->images + first * pixels,
                        n - first < batch ? n - first : batch, &options, o.logits + first * o.n_logits, &error),
             &error);
    }
    return o;
}

/* Logits, codes and meters of noisy reads do not depend on the number of threads or the size of batches. */
TEST(test_threads_and_batches_change_nothing)
{
    static const struct {
        int threads;
        size_t batch;
    } runs[] = {{2, 47}, {1, 1}, {2, 7}, {3, 32}};
    const size_t n = 47;
    MhoLayerMeter expected[MAX_LAYERS], meters[MAX_LAYERS];
    Noisy noisy;

    noisy_open(&noisy, &setups[6]);
    ck_assert_uint_le(noisy.lowered->n_matrices, MAX_LAYERS);
    Outputs reference = in_batches(&noisy, n, n, 1, expected);
    Outputs integer = integer_outputs(noisy.lowered, noisy.images, n, 1),
            again = integer_outputs(noisy.lowered, noisy.images, n, 2);
    ck_assert(outputs_equal(&integer, &again));
    ck_assert(!outputs_equal(&reference, &integer)); /* noise is on */
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        Outputs o = in_batches(&noisy, n, runs[i].batch, runs[i].threads, meters);
        ck_assert(outputs_equal(&reference, &o));
        ck_assert(memcmp(expected, meters, noisy.lowered->n_matrices * sizeof *meters) == 0);
        outputs_free(&o);
    }
    for (size_t l = 0; l < noisy.lowered->n_matrices; l++)
        ck_assert(expected[l].signal > 0.0 && expected[l].noise > 0.0 && expected[l].noise < expected[l].signal);
    outputs_free(&reference);
    outputs_free(&integer);
    outputs_free(&again);
    noisy_close(&noisy);
}

/* Everything from the calibration on, with one table of kernels. */
static Outputs with_kernels(const char *name, const QuantizedSetup *setup, Outputs *integer)
{
    MhoLayerMeter meters[MAX_LAYERS];
    MhoError error = {0};
    Noisy noisy;
    must(mho_kernels_force(name, &error), &error);
    noisy_open(&noisy, setup);
    Outputs o = in_batches(&noisy, N_IMAGES, N_IMAGES, 2, meters);
    *integer = integer_outputs(noisy.lowered, noisy.images, N_IMAGES, 2);
    noisy_close(&noisy);
    return o;
}

/* Every kernel table gives the same codes and logits, of the integer network and of a noisy chip. */
TEST_LOOP(test_instruction_sets_change_nothing, 4, 7)
{
    const MhoKernels *tables[8];
    const size_t n = mho_kernels_available(tables, 8);
    Outputs integer, reference = with_kernels("scalar", &setups[_i], &integer);
    for (size_t i = 0; i < n; i++) {
        Outputs other_integer, other = with_kernels(tables[i]->name, &setups[_i], &other_integer);
        ck_assert_msg(outputs_equal(&integer, &other_integer), "integer: %s", tables[i]->name);
        ck_assert_msg(outputs_equal(&reference, &other), "analog: %s", tables[i]->name);
        outputs_free(&other_integer);
        outputs_free(&other);
    }
    outputs_free(&integer);
    outputs_free(&reference);
}

/* ---- ideal cells ----------------------------------------------------------------------------------------------------
 */

/* Codes and conversions of an ideal chip with unit steps in one array configuration. */
static void assert_ideal(const MhoLoweredNet *lowered, const uint8_t *images, ArrayBench *bench)
{
    const MhoCondition at = {.t = 0.0, .temperature = 298.15};
    MhoLayerMeter meters[MAX_LAYERS] = {{0}};
    MhoError error = {0};
    MhoNetOnChip *on_chip;
    ck_assert_uint_le(lowered->n_matrices, MAX_LAYERS);
    must(plan_net(lowered, &bench->config, NULL, 0, 2, &on_chip, &error), &error);
    must(mho_net_on_chip_set(on_chip, 0, at, NULL, &error), &error);
    Outputs integer = integer_outputs(lowered, images, N_IMAGES, 2);
    Outputs analog = analog_outputs(lowered, mho_net_on_chip_state(on_chip), images, N_IMAGES, 2, meters);
    ck_assert(outputs_equal(&integer, &analog));
    for (size_t l = 0; l < lowered->n_matrices; l++) {
        ck_assert_uint_eq(meters[l].conversions,
                          N_IMAGES * mho_plan_layer(mho_net_on_chip_plan(on_chip), l).conversions);
        ck_assert_uint_eq(meters[l].clipped, 0);
        ck_assert(meters[l].noise == 0.0 && meters[l].signal > 0.0);
    }
    outputs_free(&integer);
    outputs_free(&analog);
    mho_net_on_chip_destroy(on_chip);
}

/* An ideal chip with unit steps gives the codes of the integer network for every mapping, subtraction and tiling. */
TEST_LOOP(test_ideal_chip_is_integer, 0, N_SETUPS)
{
    static const int rows[] = {512, 37}, cols[] = {512, 5};
    const QuantizedSetup *setup = &setups[_i];
    uint8_t *images = random_images(setup->input, N_IMAGES, 3);
    MhoNet *net = quantized_net(setup, images, N_IMAGES);
    MhoLoweredNet *lowered = must_lower(net);
    for (int way = 0; way < 8; way++) {
        ArrayBench bench;
        array_open(&bench, "ideal", "uniform");
        array_adc(&bench, "bits", 26.0);
        bench.config.chip.mapping = way & 1 ? MHO_MAP_OFFSET : MHO_MAP_DIFFERENTIAL;
        bench.config.chip.subtract = way & 2 ? MHO_SUBTRACT_DIGITAL : MHO_SUBTRACT_ANALOG;
        bench.config.chip.rows = rows[way >> 2];
        bench.config.chip.cols = cols[way >> 2];
        assert_ideal(lowered, images, &bench);
        array_close(&bench);
    }
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
    free(images);
}

/* ---- plans and states
 * ------------------------------------------------------------------------------------------------ */

/* Calibrated ranges without training images are refused. */
TEST(test_calibration_needs_images)
{
    Noisy noisy;
    MhoNetOnChip *on_chip;
    MhoError error = {0};
    noisy_open(&noisy, &setups[0]);
    for (size_t l = 0; l < noisy.lowered->n_matrices; l++)
        ck_assert(mho_plan_layer(mho_net_on_chip_plan(noisy.on_chip), l).step >= 1.0F);
    ck_assert_int_eq(plan_net(noisy.lowered, &noisy.bench.config, NULL, 0, 1, &on_chip, &error), MHO_USAGE);
    ck_assert_msg(strstr(error.text, "training images"), "%s", error.text);
    ck_assert_ptr_null(on_chip);
    noisy_close(&noisy);
}

/* Sums that fit the converter keep a step of one unit, so a calibrated ideal chip of many bits is the integer executor.
 */
TEST(test_calibrated_ideal_chip_of_many_bits)
{
    const MhoCondition at = {.t = 0.0, .temperature = 298.15};
    uint8_t *images = random_images(setups[1].input, N_IMAGES, 3);
    MhoNet *net = quantized_net(&setups[1], images, N_IMAGES);
    MhoLoweredNet *lowered = must_lower(net);
    MhoError error = {0};
    ArrayBench bench;
    MhoNetOnChip *on_chip;
    bool equal[2];
    for (int few = 0; few < 2; few++) {
        array_open(&bench, "ideal", "uniform");
        array_adc(&bench, "bits", few ? 3.0 : 20.0);
        bench.config.chip.range = MHO_RANGE_CALIBRATED;
        must(plan_net(lowered, &bench.config, images, N_IMAGES, 2, &on_chip, &error), &error);
        must(mho_net_on_chip_set(on_chip, 0, at, NULL, &error), &error);
        Outputs integer = integer_outputs(lowered, images, N_IMAGES, 2),
                analog = analog_outputs(lowered, mho_net_on_chip_state(on_chip), images, N_IMAGES, 2, NULL);
        equal[few] = outputs_equal(&integer, &analog);
        ck_assert_int_eq(mho_plan_layer(mho_net_on_chip_plan(on_chip), 1).step > 1.0F, few);
        outputs_free(&integer);
        outputs_free(&analog);
        mho_net_on_chip_destroy(on_chip);
        array_close(&bench);
    }
    ck_assert(equal[0] && !equal[1]);
    mho_lowered_net_destroy(lowered);
    mho_net_destroy(net);
    free(images);
}

/* A chip is programmed once for all conditions; where it is calibrated decides what ages with it. */
TEST(test_states_of_one_chip)
{
    const MhoCondition young = {.t = 0.0, .temperature = 298.15}, old = {.t = 1e7, .temperature = 298.15};
    Noisy noisy;
    MhoError error = {0};
    noisy_open(&noisy, &setups[0]);
    for (int calibrate = MHO_CALIBRATE_CHIP; calibrate <= MHO_CALIBRATE_STATE; calibrate++) {
        MhoNetOnChip *on_chip, *blind;
        noisy.bench.config.chip.calibrate = calibrate;
        noisy.bench.config.chip.compensation = MHO_COMPENSATE_GLOBAL;
        must(plan_net(noisy.lowered, &noisy.bench.config, noisy.images, N_IMAGES, 2, &on_chip, &error), &error);
        const uint64_t programmed = mho_chips_programmed();
        must(mho_net_on_chip_set(on_chip, 1, young, NULL, &error), &error);
        ck_assert_uint_eq(mho_chips_programmed(), programmed + 1);
        for (size_t l = 0; l < noisy.lowered->n_matrices; l++)
            ck_assert(fabs(mho_chip_state_compensation(mho_net_on_chip_state(on_chip), l) - 1.0) < 0.1);
        must(mho_net_on_chip_set(on_chip, 1, old, NULL, &error), &error);
        ck_assert_uint_eq(mho_chips_programmed(), programmed + 1);
        for (size_t l = 0; l < noisy.lowered->n_matrices; l++) /* PCM loses half of its conductance in 4 months */
            ck_assert(mho_chip_state_compensation(mho_net_on_chip_state(on_chip), l) > 1.5);
        mho_net_on_chip_destroy(on_chip);

        must(plan_net(noisy.lowered, &noisy.bench.config, NULL, 0, 2, &blind, &error), &error);
        ck_assert_int_eq(mho_net_on_chip_set(blind, 1, young, NULL, &error), MHO_USAGE);
        mho_net_on_chip_destroy(blind);
    }
    noisy_close(&noisy);
}

/* A batch whose image numbers exceed 32 bits is refused; an empty batch runs. */
TEST(test_image_numbers_end)
{
    Noisy noisy;
    MhoError error = {0};
    const AnalogRun options = {.image0 = UINT32_MAX};
    float logits[20];
    noisy_open(&noisy, &setups[0]);
    ck_assert_int_eq(
        run_analog(noisy.lowered, mho_net_on_chip_state(noisy.on_chip), noisy.images, 2, &options, logits, &error),
        MHO_USAGE);
    must(run_analog(noisy.lowered, mho_net_on_chip_state(noisy.on_chip), noisy.images, 0, &options, logits, &error),
         &error);
    must(run_integer(noisy.lowered, noisy.images, 0, 1, logits, NULL, &error), &error);
    noisy_close(&noisy);
}

/* ---- score ----------------------------------------------------------------------------------------------------------
 */

/* Top-1 hits and mean cross entropy of chosen logits are those computed by hand. */
TEST(test_score)
{
    static const float logits[] = {1.0F,   3.0F, 2.0F, /* hit */ 0.0F, 0.0F, 0.0F, /* first of equals */ -500.0F,
                                   500.0F, 0.0F /* miss */};
    static const uint8_t labels[] = {1, 0, 2};
    size_t hits;
    double loss;
    const double first = log(exp(-2.0) + 1.0 + exp(-1.0)), second = log(3.0), third = 500.0;
    mho_logits_score(logits, labels, 3, 3, &hits, &loss);
    ck_assert_uint_eq(hits, 2);
    ck_assert(fabs(loss - (first + second + third) / 3.0) < 1e-12 * loss);
    mho_logits_score(logits, labels, 0, 3, &hits, &loss);
    ck_assert(hits == 0 && loss == 0.0);
    mho_logits_score(logits, (const uint8_t[]){3}, 1, 3, &hits, &loss);
    ck_assert(hits == 0 && isinf(loss));
}
