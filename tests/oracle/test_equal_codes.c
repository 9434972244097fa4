/* test_equal_codes.c - one network, three executors, the same codes at every layer, on 1,000 real test images.
 *
 * Fake-quant = integer = analog with ideal cells, no noise and unit steps, with the fewest ADC bits that hold the
 * largest sum. They differ with one bit fewer, and with one weight code changed by 1.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array_bench.h"
#include "data/dataset.h"
#include "harness.h"
#include "net/fakequant/fakequant.h"
#include "quantized_bench.h"
#include "support/run_once.h"

#define must(call, error) ck_assert_msg((call) == MHO_OK, "%s", (error)->text)

enum { N_TEST = 1000, N_TRAINING = 200, BATCH = 100, N_CHANGED = 100, MAX_LAYERS = 32, MIN_DISTINCT = 3 };
static const double largest_share = 0.95;

static const struct {
    const char *name;
    QuantizedSetup setup;
    int rows, cols; /* of an array: ragged tiles */
} nets[] = {
    {"allconv, ternary, 4 bit, batch norm",
     {"allconv", {28, 28, 1}, 1.0, 2, 4, MHO_SCALE_PER_CHANNEL, true, false},
     512,
     512},
    {"allconv, ternary, 4 bit, shift rows",
     {"allconv", {28, 28, 1}, 1.0, 2, 4, MHO_SCALE_PER_CHANNEL, false, true},
     200,
     20},
    {"resnet20, 3-bit weights, signed residual sums",
     {"resnet20", {28, 28, 1}, 0.25, 3, 4, MHO_SCALE_PER_CHANNEL, true, false},
     100,
     512},
};
enum { N_NETS = sizeof nets / sizeof *nets };

/* A network made from training images, and the test images that it runs on. */
typedef struct Bench {
    MhoDataset test;
    MhoNet *net;
    MhoLoweredNet *lowered;
    ArrayBench arrays; /* of its configuration only */
    Outputs integer;
} Bench;

static bool bench_open(Bench *bench, int i)
{
    MhoError error = {0};
    MhoDataset training;
    memset(bench, 0, sizeof *bench);
    if (mho_dataset_load("fashion-mnist", NULL, MHO_SPLIT_TRAIN, N_TRAINING, &training, &error) != MHO_OK)
        return false;
    must(mho_dataset_load("fashion-mnist", NULL, MHO_SPLIT_TEST, N_TEST, &bench->test, &error), &error);
    ck_assert_uint_eq(bench->test.n, N_TEST);
    bench->net = quantized_net(&nets[i].setup, training.images, training.n);
    bench->lowered = must_lower(bench->net);
    ck_assert_uint_le(bench->lowered->n_matrices, MAX_LAYERS);
    bench->integer = integer_outputs(bench->lowered, bench->test.images, N_TEST, 0);
    array_open(&bench->arrays, "ideal", "uniform");
    bench->arrays.config.chip.rows = nets[i].rows;
    bench->arrays.config.chip.cols = nets[i].cols;
    mho_dataset_destroy(&training);
    return true;
}

static void bench_close(Bench *bench)
{
    outputs_free(&bench->integer);
    array_close(&bench->arrays);
    mho_lowered_net_destroy(bench->lowered);
    mho_net_destroy(bench->net);
    mho_dataset_destroy(&bench->test);
}

/* ---- fake-quant = integer ---- */

/* Codes of a batch of the pass into outputs (images first..), step by step. */
static void take_codes(const Bench *bench, const MhoFakeQuant *pass, size_t first, Outputs *outputs)
{
    for (size_t s = 0; s < bench->lowered->n_steps; s++) {
        const MhoStep *step = &bench->lowered->steps[s];
        const size_t size = (size_t)(step->shape.h * step->shape.w * step->shape.c);
        const int node = mho_net_find(bench->net, step->name);
        bool whole = true;
        ck_assert_int_ge(node, 0);
        const float *stored = mho_fakequant_output(pass, (size_t)node);
        ck_assert_ptr_nonnull(stored);
        for (size_t i = 0; i < BATCH * size && !step->is_logits; i++) {
            const float code = stored[i];
            whole = whole && code == rintf(code) && code >= (float)step->low && code <= (float)step->high;
            outputs->codes[(first + i / size) * outputs->codes_size + bench->lowered->codes_offset[s] + i % size] =
                (uint8_t)(int)code;
        }
        ck_assert_msg(whole, "step %s: not only whole codes in %d..%d", step->name, step->low, step->high);
    }
}

static Outputs fake_quant_outputs(const Bench *bench)
{
    const size_t pixels = 28 * 28;
    Outputs o = outputs_new(bench->lowered, N_TEST);
    MhoError error = {0};
    MhoFakeQuant *pass;
    must(mho_fakequant_create(bench->net, BATCH, false, &pass, &error), &error);
    for (size_t first = 0; first < N_TEST; first += BATCH) {
        must(mho_fakequant_forward(pass, bench->test.images + first * pixels, false, o.logits + first * o.n_logits,
                                   &error),
             &error);
        take_codes(bench, pass, first, &o);
    }
    mho_fakequant_destroy(pass);
    return o;
}

static bool codes_equal(const Outputs *a, const Outputs *b)
{
    return memcmp(a->codes, b->codes, a->n * a->codes_size) == 0;
}

static void print_spread(const Bench *bench, int i)
{
    printf("# %s: codes of %d images\n", nets[i].name, N_TEST);
    for (size_t s = 0; s < bench->lowered->n_steps; s++) {
        const MhoStep *step = &bench->lowered->steps[s];
        if (step->is_logits)
            continue;
        const CodeSpread spread = code_spread(bench->lowered, s, &bench->integer);
        printf("#   %-20s %3d distinct in %4d..%3d, most frequent %4.1f %%\n", step->name, spread.distinct, step->low,
               step->high, 100.0 * spread.largest_share);
        ck_assert_msg(spread.distinct >= MIN_DISTINCT && spread.largest_share <= largest_share,
                      "step %s: its codes tell nothing", step->name);
    }
    fflush(stdout);
}

/* The integer network gives the outputs of the fake-quantized one on real images. */
TEST_LOOP(test_integer_is_fake_quant, 0, N_NETS)
{
    Bench bench;
    if (!bench_open(&bench, _i)) {
        TEST_SKIP("needs Fashion-MNIST");
        return;
    }
    Outputs fake = fake_quant_outputs(&bench);
    print_spread(&bench, _i);
    ck_assert(outputs_equal(&bench.integer, &fake));
    outputs_free(&fake);
    bench_close(&bench);
}

/* One weight code of layer l changed by 1, in the middle of the array. */
static void change_code(MhoLoweredNet *lowered, size_t l)
{
    const MhoMatrix *m = &lowered->matrices[l];
    int16_t *codes = (int16_t *)(uintptr_t)m->codes, *code = &codes[m->rows / 2 * m->cols + m->cols / 2];
    *code = (int16_t)(*code > 0 ? *code - 1 : *code + 1);
}

/* One changed weight changes the outputs, so the comparisons of this file can fail. */
TEST_LOOP(test_a_changed_weight_is_seen, 0, N_NETS)
{
    Bench bench;
    if (!bench_open(&bench, _i)) {
        TEST_SKIP("needs Fashion-MNIST");
        return;
    }
    Outputs intact = integer_outputs(bench.lowered, bench.test.images, N_CHANGED, 0);
    ck_assert(memcmp(intact.codes, bench.integer.codes, N_CHANGED * intact.codes_size) == 0);
    for (size_t l = 0; l < bench.lowered->n_matrices; l++) {
        MhoLoweredNet *changed = must_lower(bench.net);
        change_code(changed, l);
        Outputs integer = integer_outputs(changed, bench.test.images, N_CHANGED, 0);
        ck_assert_msg(!outputs_equal(&integer, &intact), "layer %s", changed->matrices[l].name);
        ck_assert(l + 1 == bench.lowered->n_matrices ||
                  !codes_equal(&integer, &intact)); /* the classifier has logits only */
        outputs_free(&integer);
        mho_lowered_net_destroy(changed);
    }
    outputs_free(&intact);
    bench_close(&bench);
}

/* ---- analog = integer ---- */

static double bits_limit(const Bench *bench)
{
    return (double)bench->arrays.config.adc->codes(bench->arrays.config.adc_params, true).high;
}

/* The largest |tile sum| of any layer of an ideal chip on the test images. */
static double largest_sum(const Bench *bench)
{
    const MhoCondition at = {.t = 0.0, .temperature = 298.15};
    MhoError error = {0};
    MhoRangeObserver *observer;
    AnalogRun options = {0};
    MhoNetOnChip *on_chip;
    Outputs o = outputs_new(bench->lowered, N_TEST);
    double largest = 0.0;
    must(mho_range_observer_create(bench->lowered->n_matrices, &observer, &error), &error);
    must(plan_net(bench->lowered, &bench->arrays.config, NULL, 0, 0, &on_chip, &error), &error);
    must(mho_net_on_chip_set(on_chip, 0, at, NULL, &error), &error);
    options.observer = observer;
    must(run_analog(bench->lowered, mho_net_on_chip_state(on_chip), bench->test.images, N_TEST, &options, o.logits,
                    &error),
         &error);
    for (size_t l = 0; l < bench->lowered->n_matrices; l++) {
        ck_assert(mho_range_observer_largest(observer, l) <=
                  mho_plan_layer(mho_net_on_chip_plan(on_chip), l).largest_sum);
        largest = fmax(largest, mho_range_observer_largest(observer, l));
    }
    mho_net_on_chip_destroy(on_chip);
    mho_range_observer_destroy(observer);
    outputs_free(&o);
    return largest;
}

/* The outputs of a chip with ideal cells and converters of so many bits. */
typedef struct Read {
    Outputs outputs;
    uint64_t conversions, predicted, clipped;
} Read;

static Read read_ideal(Bench *bench, const MhoLoweredNet *lowered, int bits)
{
    const MhoCondition at = {.t = 0.0, .temperature = 298.15};
    MhoLayerMeter meters[MAX_LAYERS] = {{0}};
    MhoError error = {0};
    Read read = {0};
    MhoNetOnChip *on_chip;
    array_adc(&bench->arrays, "bits", bits);
    must(plan_net(lowered, &bench->arrays.config, NULL, 0, 0, &on_chip, &error), &error);
    must(mho_net_on_chip_set(on_chip, 0, at, NULL, &error), &error);
    read.outputs = analog_outputs(lowered, mho_net_on_chip_state(on_chip), bench->test.images, N_TEST, 0, meters);
    for (size_t l = 0; l < lowered->n_matrices; l++) {
        read.conversions += meters[l].conversions;
        read.clipped += meters[l].clipped;
        read.predicted += N_TEST * mho_plan_layer(mho_net_on_chip_plan(on_chip), l).conversions;
    }
    mho_net_on_chip_destroy(on_chip);
    return read;
}

/* Fewest bits of a signed converter that hold a sum. */
static int fewest_bits(Bench *bench, double sum)
{
    for (int bits = 1; bits <= MHO_ADC_MAX_BITS; bits++) {
        array_adc(&bench->arrays, "bits", bits);
        if (bits_limit(bench) >= sum)
            return bits;
    }
    ck_abort_msg("a sum of %g needs more than %d bits", sum, MHO_ADC_MAX_BITS);
    return 0;
}

/* With just enough converter bits the analog network on ideal cells equals the integer one on real images; one bit
 * fewer and a changed weight are seen. */
TEST_LOOP(test_analog_is_integer, 0, N_NETS)
{
    Bench bench;
    if (!bench_open(&bench, _i)) {
        TEST_SKIP("needs Fashion-MNIST");
        return;
    }
    const double sum = largest_sum(&bench);
    const int bits = fewest_bits(&bench, sum);
    Read enough = read_ideal(&bench, bench.lowered, bits), fewer = read_ideal(&bench, bench.lowered, bits - 1);
    printf("# %s: largest tile sum %.0f, %d bits; %llu conversions, %llu predicted; with %d bits %llu are clipped\n",
           nets[_i].name, sum, bits, (unsigned long long)enough.conversions, (unsigned long long)enough.predicted,
           bits - 1, (unsigned long long)fewer.clipped);
    fflush(stdout);
    ck_assert(outputs_equal(&enough.outputs, &bench.integer));
    ck_assert(enough.conversions > 0 && enough.conversions == enough.predicted);
    ck_assert(enough.clipped == 0);
    ck_assert(fewer.clipped > 0 && !codes_equal(&fewer.outputs, &bench.integer));
    ck_assert(fewer.conversions == fewer.predicted);
    outputs_free(&enough.outputs);
    outputs_free(&fewer.outputs);
    MhoLoweredNet *changed = must_lower(bench.net);
    change_code(changed, changed->n_matrices / 2);
    Read other = read_ideal(&bench, changed, bits);
    ck_assert(!codes_equal(&other.outputs, &bench.integer));
    outputs_free(&other.outputs);
    mho_lowered_net_destroy(changed);
    bench_close(&bench);
}
