/* test_chip.c - training through a chip: the clean step on an ideal one, the analog executor's sums on a real one, one
 * chip a step, every switch alive. */
#include <math.h>
#include <stdlib.h>

#include "chip_bench.h"
#include "must.h"
#include "numbers.h"
#include "support/run_once.h"

static const double day = 86400.0;
enum { STEP = 3 };

/* Ideal cells and converters that hold every sum: the clean step, bit for bit. */
TEST_LOOP(an_ideal_chip_is_the_clean_step, 0, 2 * CHIP_NETS)
{
    const int which = _i / 2;
    const bool learned = _i % 2 == 1;
    float clean[CHIP_BATCH * CHIP_CLASSES];
    size_t n, n_again;
    ChipBench bench;
    chip_open(&bench, which, "ideal", learned ? "ideal" : "uniform");
    if (!learned)
        array_adc(&bench.arrays, "bits", 24);
    bench.arrays.config.chip.range = learned ? MHO_RANGE_LEARNED : MHO_RANGE_UNIT;
    bench.arrays.config.chip.rows = 50;
    chip_step(&bench, -1);
    float *gradients = chip_gradients(&bench, &n);
    memcpy(clean, bench.logits, sizeof clean);
    chip_step(&bench, STEP);
    float *again = chip_gradients(&bench, &n_again);
    ck_assert(n > 0 && n == n_again);
    ck_assert(memcmp(clean, bench.logits, sizeof clean) == 0);
    ck_assert(memcmp(gradients, again, n * sizeof *again) == 0);
    free(gradients);
    free(again);
    chip_close(&bench);
}

/* One state of the analog executor and the sums that it makes of the pass's own codes. */
typedef struct Executor {
    MhoLoweredNet *program;
    MhoNetOnChip *on_chip;
} Executor;

static void executor_open(const ChipBench *bench, uint32_t number, Executor *e)
{
    MhoError error = {0};
    memset(e, 0, sizeof *e);
    must(mho_lowered_net_create(bench->net, &e->program, &error), &error);
    must(plan_net(e->program, &bench->arrays.config, NULL, 0, 1, &e->on_chip, &error), &error);
    must(mho_net_on_chip_set(e->on_chip, number, bench->at, NULL, &error), &error);
}

static void executor_close(Executor *e)
{
    mho_net_on_chip_destroy(e->on_chip);
    mho_lowered_net_destroy(e->program);
}

/* Whether matrix m on the executor's chip gives the sums that the pass stored. */
static bool sums_equal(const ChipBench *bench, const Executor *e, const MhoStep *step)
{
    const MhoMatrix *m = &e->program->matrices[step->matrix];
    const MhoNode *node = chip_node(bench, m->name);
    const size_t k = m->groups * m->cols, in = (size_t)(step->gather.h * step->gather.w * step->gather.c);
    const float *x = mho_fakequant_output(bench->pass, (size_t)node->inputs[0]);
    float *ones = calloc(2 * k, sizeof *ones), *sums = calloc(m->positions * k, sizeof *sums);
    uint8_t *codes = calloc(in, 1);
    bool equal = true;
    size_t n_sums;
    const float *stored = chip_sums(bench, m->name, &n_sums);
    ck_assert(x && ones && sums && codes && n_sums == CHIP_BATCH * m->positions * k);
    for (size_t j = 0; j < k; j++)
        ones[j] = 1.0F;
    for (size_t n = 0; n < CHIP_BATCH; n++) {
        const MhoLayerCall call = {.layer = step->matrix,
                                   .gather = &step->gather,
                                   .codes = codes,
                                   .image = (uint32_t)n,
                                   .output = {.a = ones, .b = ones + k, .logits = sums}};
        for (size_t i = 0; i < in; i++)
            codes[i] = (uint8_t)(int8_t)(int)(x[n * in + i] > 127.0F ? x[n * in + i] - 256.0F : x[n * in + i]);
        mho_net_on_chip_read_layer(e->on_chip, 0, &call);
        equal = equal && memcmp(sums, stored + n * m->positions * k, m->positions * k * sizeof *sums) == 0;
    }
    free(ones);
    free(sums);
    free(codes);
    return equal;
}

/* Sums of a step are those of the analog executor on the chip of that number, and of no other chip. */
TEST_LOOP(a_step_reads_the_chip_of_its_number, 0, CHIP_NETS)
{
    int n_layers = 0, n_others = 0;
    ChipBench bench;
    Executor same, other;
    chip_open(&bench, _i, "pcm", "uniform");
    bench.arrays.config.chip.compensation = MHO_COMPENSATE_GLOBAL;
    bench.arrays.config.chip.read = MHO_READ_CHOICE_PER_READ;
    bench.arrays.config.chip.rows = 40;
    bench.arrays.config.chip.cols = 20;
    bench.at.t = day;
    chip_step(&bench, STEP);
    executor_open(&bench, STEP, &same);
    executor_open(&bench, STEP + 1, &other);
    for (size_t s = 0; s < same.program->n_steps; s++) {
        if (same.program->steps[s].kind != MHO_STEP_MATRIX)
            continue;
        ck_assert_msg(sums_equal(&bench, &same, &same.program->steps[s]), "%s", same.program->steps[s].name);
        n_others += !sums_equal(&bench, &other, &other.program->steps[s]);
        n_layers++;
    }
    ck_assert(n_layers > 0 && n_others > 0.9 * n_layers); /* a layer that reads zeros alone is the same on every chip */
    executor_close(&same);
    executor_close(&other);
    chip_close(&bench);
}

/* A step on the same chip gives the same bytes again and with any number of threads. */
TEST(a_step_is_one_chip_for_any_threads)
{
    float first[CHIP_BATCH * CHIP_CLASSES];
    size_t n, n_again;
    ChipBench bench;
    chip_open(&bench, CHIP_LENET, "pcm", "uniform");
    bench.arrays.config.chip.read = MHO_READ_CHOICE_PER_READ;
    chip_step(&bench, STEP);
    memcpy(first, bench.logits, sizeof first);
    float *gradients = chip_gradients(&bench, &n);
    chip_step(&bench, STEP + 1);
    ck_assert(memcmp(first, bench.logits, sizeof first) != 0);
    chip_step(&bench, STEP);
    float *again = chip_gradients(&bench, &n_again);
    ck_assert(memcmp(first, bench.logits, sizeof first) == 0);
    ck_assert(n == n_again && memcmp(gradients, again, n * sizeof *again) == 0);
    chip_threads(&bench, 2);
    chip_step(&bench, STEP);
    ck_assert(memcmp(first, bench.logits, sizeof first) == 0);
    free(gradients);
    free(again);
    chip_close(&bench);
}

/* Nodes whose weights or inputs are no codes are not on the chip; evaluation never is. */
TEST(only_codes_go_to_the_chip)
{
    float clean[CHIP_BATCH * CHIP_CLASSES];
    MhoError error = {0};
    ChipBench bench;
    chip_open(&bench, CHIP_LENET, "pcm", "uniform");
    uint8_t *modes = calloc(bench.net->n_nodes, 1);
    ck_assert_ptr_nonnull(modes);
    memset(modes, MHO_MODE_CLEAN, bench.net->n_nodes);
    mho_fakequant_set_modes(bench.pass, modes, 1, 1);
    chip_step(&bench, -1);
    memcpy(clean, bench.logits, sizeof clean);
    chip_step(&bench, STEP);
    ck_assert(memcmp(clean, bench.logits, sizeof clean) == 0);
    modes[mho_net_find(bench.net, "conv2")] = MHO_MODE_CODES; /* reads a quantizer's values, which are not rounded */
    chip_step(&bench, -1);
    memcpy(clean, bench.logits, sizeof clean);
    chip_step(&bench, STEP);
    ck_assert(memcmp(clean, bench.logits, sizeof clean) == 0);
    modes[mho_net_find(bench.net, "conv1")] = MHO_MODE_CODES; /* reads the image, which is codes */
    chip_step(&bench, STEP);
    ck_assert(memcmp(clean, bench.logits, sizeof clean) != 0);
    mho_fakequant_set_modes(bench.pass, NULL, 0, 0);
    mho_fakequant_set_chip(bench.pass, NULL, bench.at, 0);
    must(mho_fakequant_forward(bench.pass, bench.images, false, clean, &error), &error);
    mho_fakequant_set_chip(bench.pass, &bench.arrays.config, bench.at, STEP);
    must(mho_fakequant_forward(bench.pass, bench.images, false, bench.logits, &error), &error);
    ck_assert(memcmp(clean, bench.logits, sizeof clean) == 0);
    free(modes);
    chip_close(&bench);
}

/* Injected noise on codes and a layer without a converter range are refused on a chip. */
TEST(what_a_chip_cannot_do_is_refused)
{
    const MhoFakeQuantNoise weight = {.weight = 0.1}, activation = {.activation = 0.1}, sum = {.sum = 0.1};
    MhoError error = {0};
    ChipBench bench;
    chip_open(&bench, CHIP_DENSE, "pcm", "uniform");
    mho_fakequant_set_chip(bench.pass, &bench.arrays.config, bench.at, 0);
    mho_fakequant_set_noise(bench.pass, &weight);
    must_refuse(mho_fakequant_forward(bench.pass, bench.images, true, bench.logits, &error), &error, MHO_USAGE,
                "train.noise.weight=0");
    mho_fakequant_set_noise(bench.pass, &activation);
    must_refuse(mho_fakequant_forward(bench.pass, bench.images, true, bench.logits, &error), &error, MHO_USAGE,
                "train.noise.activation=0");
    mho_fakequant_set_noise(bench.pass, &sum);
    must(mho_fakequant_forward(bench.pass, bench.images, true, bench.logits, &error), &error);
    mho_fakequant_set_noise(bench.pass, NULL);
    ((MhoConvSettings *)(void *)chip_node(&bench, "logits")->settings)->adc_range = false;
    must_refuse(mho_fakequant_forward(bench.pass, bench.images, true, bench.logits, &error), &error, MHO_USAGE,
                "'logits' has no converter range");
    bench.arrays.config.chip.range = MHO_RANGE_MAXIMUM; /* needs none */
    must(mho_fakequant_forward(bench.pass, bench.images, true, bench.logits, &error), &error);
    chip_close(&bench);
}

/* ---- switches: what each does to the first layer's sums, and that it is gone when the switch is off ---- */

/* Sums of conv1 on the chip against those without one. */
typedef struct Effect {
    double gain, deviation, largest; /* <chip, clean> / <clean, clean>; relative rms of what is left; |sum| */
    size_t distinct;                 /* values, at most 1000 */
} Effect;

static Effect effect_of(ChipBench *bench)
{
    Effect e = {0};
    double both = 0.0, square = 0.0, rest = 0.0;
    float values[1000];
    size_t n;
    chip_step(bench, -1);
    const float *sums = chip_sums(bench, "conv1", &n);
    float *clean = malloc(n * sizeof *clean);
    ck_assert_ptr_nonnull(clean);
    memcpy(clean, sums, n * sizeof *clean);
    chip_step(bench, STEP);
    for (size_t i = 0; i < n; i++) {
        const double size = fabs((double)sums[i]);
        size_t v = 0;
        both += (double)sums[i] * (double)clean[i];
        square += (double)clean[i] * (double)clean[i];
        e.largest = size > e.largest ? size : e.largest;
        while (v < e.distinct && values[v] != sums[i])
            v++;
        if (v == e.distinct && e.distinct < 1000)
            values[e.distinct++] = sums[i];
    }
    e.gain = both / square;
    for (size_t i = 0; i < n; i++)
        rest += ((double)sums[i] - e.gain * (double)clean[i]) * ((double)sums[i] - e.gain * (double)clean[i]);
    e.deviation = sqrt(rest / square);
    free(clean);
    return e;
}

static MhoConvSettings *conv1(const ChipBench *bench)
{
    return (MhoConvSettings *)(void *)chip_node(bench, "conv1")->settings;
}

static bool is_noisy(ChipBench *bench, bool on)
{
    array_adc(&bench->arrays, "bits", 24); /* rounds nothing */
    bench->arrays.config.chip.range = MHO_RANGE_UNIT;
    bench->arrays.config.chip.noise = on ? 1.0 : 0.0;
    const double deviation = effect_of(bench).deviation;
    return deviation > 0.005 && deviation < 0.5;
}

static bool drifts(ChipBench *bench, bool on)
{
    bench->arrays.config.chip.noise = 0.0;
    bench->at.t = on ? day : 0.0;
    return effect_of(bench).gain < 0.8; /* nu of at least 0.049: (86420 / 20)^-0.049 = 0.66 */
}

static bool compensates(ChipBench *bench, bool on)
{
    bench->arrays.config.chip.noise = 0.0;
    bench->arrays.config.chip.compensation = on ? MHO_COMPENSATE_GLOBAL : MHO_COMPENSATE_NONE;
    bench->at.t = day;
    return fabs(effect_of(bench).gain - 1.0) < 0.05;
}

static bool has_bits(ChipBench *bench, bool on)
{
    array_adc(&bench->arrays, "bits", on ? 4 : 8);
    return effect_of(bench).distinct <= 15;
}

static bool has_bits_of_its_own(ChipBench *bench, bool on)
{
    conv1(bench)->adc_bits = on ? 4 : 0;
    return effect_of(bench).distinct <= 15;
}

static bool has_a_range_of_its_own(ChipBench *bench, bool on)
{
    float *log_range = mho_node_array(chip_node(bench, "conv1"), MHO_ARRAY_ADC_LOG_RANGE)->value;
    *log_range -= 1.0F;
    bench->arrays.config.chip.range = on ? MHO_RANGE_LEARNED : MHO_RANGE_MAXIMUM;
    return effect_of(bench).largest < 1.001 * exp((double)*log_range);
}

static bool takes_a_held_range(ChipBench *bench, bool on)
{
    mho_node_array(chip_node(bench, "conv1"), MHO_ARRAY_ADC_LOG_RANGE)->value[0] -= 1.0F;
    bench->arrays.config.chip.range = on ? MHO_RANGE_CALIBRATED : MHO_RANGE_FIXED;
    bench->arrays.config.chip.full_scale = 1.0;
    return effect_of(bench).largest <
           1.001 * exp((double)*mho_node_values(chip_node(bench, "conv1"), MHO_ARRAY_ADC_LOG_RANGE));
}

static bool (*const switches[])(ChipBench *bench, bool on) = {
    is_noisy, drifts, compensates, has_bits, has_bits_of_its_own, has_a_range_of_its_own, takes_a_held_range};

/* Every setting of the chip changes the step exactly when it is on. */
TEST_LOOP(every_switch_is_alive, 0, (int)(sizeof switches / sizeof *switches))
{
    for (int on = 0; on < 2; on++) {
        ChipBench bench;
        chip_open(&bench, CHIP_LENET, "pcm", "uniform");
        ck_assert_int_eq(switches[_i](&bench, on), on);
        chip_close(&bench);
    }
}
