/* test_crossbar_converters.c - the bits and ranges of a layer's converters, and what clipping does to each output. */
#include <math.h>
#include <stdlib.h>

#include "array_bench.h"
#include "must.h"
#include "numbers.h"

enum { ROWS = 50, COLS = 6, POSITIONS = 40, SUMS = POSITIONS * COLS, N_WEIGHT = 7, N_INPUT = 15, TILE = 20, TILES = 3 };

static void open_layer(ArrayBench *bench)
{
    array_open(bench, "ideal", "uniform");
    array_shape(bench, 1, ROWS, COLS, POSITIONS);
    array_fill(bench, 5, N_WEIGHT, N_INPUT, false, 0);
    bench->config.chip.range = MHO_RANGE_LEARNED;
    bench->matrix.adc_range = 635.0;
}

/* A layer with its own converter bits uses them; other layers use those of the configuration. Bad bits are refused. */
TEST(a_layer_has_its_own_bits)
{
    MhoError error = {0};
    ArrayBench bench;
    MhoMatrix two[2];
    MhoPlan *plan;
    open_layer(&bench); /* 8 bits: codes up to 127 */
    two[0] = two[1] = bench.matrix;
    two[1].adc_bits = 4;
    must(mho_plan_create(&bench.config, two, 2, &plan, &error), &error);
    ck_assert(mho_plan_layer(plan, 0).largest_code == 127.0 && mho_plan_layer(plan, 0).step == 5.0F);
    ck_assert(mho_plan_layer(plan, 1).largest_code == 7.0 && mho_plan_layer(plan, 1).step == (float)(635.0 / 7.0));
    mho_plan_destroy(plan);
    two[1].adc_bits = 33;
    must_refuse(mho_plan_create(&bench.config, two, 2, &plan, &error), &error, MHO_USAGE, "layer layer: ");
    two[1].adc_bits = -2;
    must_refuse(mho_plan_create(&bench.config, two, 2, &plan, &error), &error, MHO_USAGE, "bits");
    two[1].adc_bits = 1;
    must_refuse(mho_plan_create(&bench.config, two, 2, &plan, &error), &error, MHO_USAGE, "its own uniform.bits");
    array_close(&bench);
    array_open(&bench, "ideal", "ideal"); /* converts by rounding alone */
    array_shape(&bench, 1, ROWS, COLS, POSITIONS);
    array_fill(&bench, 5, N_WEIGHT, N_INPUT, false, 0);
    bench.matrix.adc_bits = 4;
    must_refuse(array_try_plan(&bench, &error), &error, MHO_USAGE,
                "layer layer has converters of 4 bit, but ideal converters have no bits");
    array_close(&bench);
}

/* With range = learned the step is the layer's range over the largest code, at least one unit. A layer without a
 * valid range is refused. */
TEST(a_learned_range_is_the_layers)
{
    const double bad[] = {0.0, -3.0, (double)NAN, (double)INFINITY};
    MhoError error = {0};
    ArrayBench bench;
    open_layer(&bench);
    array_plan(&bench);
    ck_assert(!mho_plan_needs_calibration(bench.plan) && mho_plan_layer(bench.plan, 0).step == 5.0F);
    bench.matrix.adc_range = 100.0; /* a step is one unit at least */
    array_plan(&bench);
    ck_assert(mho_plan_layer(bench.plan, 0).step == 1.0F);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bench.matrix.adc_range = bad[i];
        must_refuse(array_try_plan(&bench, &error), &error, MHO_USAGE, "layer layer has no learned converter range");
        ck_assert_ptr_nonnull(strstr(error.text, "chip.adc.range=calibrated"));
    }
    bench.config.chip.range = MHO_RANGE_MAXIMUM; /* asks for none */
    array_plan(&bench);
    array_close(&bench);
}

/* The conversions of one output: one for every row tile and phase; with digital subtraction for each of two columns. */
typedef struct Conversion {
    double sum;
    int sign;
} Conversion;

enum { ANALOG, TWO_PHASE, DIGITAL, REFERENCE, KINDS };

static size_t conversions_of(const ArrayBench *bench, int kind, size_t p, size_t k, Conversion *list)
{
    size_t n = 0;
    for (size_t t = 0; t < TILES; t++) {
        double plus = 0.0, minus = 0.0;
        for (size_t r = t * TILE; r < ROWS && r < (t + 1) * TILE; r++) {
            const int w = bench->codes[r * COLS + k];
            const int x = kind == TWO_PHASE ? (int8_t)bench->input[p * ROWS + r] : bench->input[p * ROWS + r];
            if (kind == ANALOG)
                plus += w * x;
            else if (kind == TWO_PHASE)
                *(x > 0 ? &plus : &minus) += w * abs(x);
            else if (kind == DIGITAL)
                *(w > 0 ? &plus : &minus) += abs(w) * x;
            else {
                plus += (w + N_WEIGHT) * x;
                minus += N_WEIGHT * x;
            }
        }
        list[n++] = (Conversion){plus, 1};
        if (kind != ANALOG)
            list[n++] = (Conversion){minus, -1};
    }
    return n;
}

static void open_kind(ArrayBench *bench, int kind, double range)
{
    open_layer(bench);
    array_fill(bench, 5, N_WEIGHT, N_INPUT, kind == TWO_PHASE, 0);
    bench->config.chip.rows = TILE;
    bench->config.chip.subtract = kind >= DIGITAL ? MHO_SUBTRACT_DIGITAL : MHO_SUBTRACT_ANALOG;
    bench->config.chip.mapping = kind == REFERENCE ? MHO_MAP_OFFSET : MHO_MAP_DIFFERENTIAL;
    bench->matrix.adc_range = range;
    array_make(bench, 0, 0.0);
}

/* Sums with what clipped. */
static void read_clips(ArrayBench *bench, float *sums, float *clip_fraction, float *d_log_range)
{
    const MhoGather gather = {.h = POSITIONS,
                              .w = 1,
                              .c = ROWS,
                              .c_count = ROWS,
                              .kernel_h = 1,
                              .kernel_w = 1,
                              .stride = 1,
                              .out_h = POSITIONS,
                              .out_w = 1};
    const MhoLayerCall call = {
        .gather = &gather,
        .codes = bench->input,
        .output = {
            .a = bench->a, .b = bench->b, .logits = sums, .clip_fraction = clip_fraction, .d_log_range = d_log_range}};
    mho_chip_state_forward(bench->state, bench->work, &call);
}

/* The share of clipped conversions and the derivative by the range equal those of each output's own conversions. */
TEST_LOOP(clipped_conversions_are_told, 0, KINDS)
{
    static const double ranges[KINDS] = {
        [ANALOG] = 250.0, [TWO_PHASE] = 250.0, [DIGITAL] = 500.0, [REFERENCE] = 1250.0};
    float sums[SUMS], clip_fraction[SUMS], d_log_range[SUMS], plain[SUMS];
    size_t some = 0, none = 0;
    ArrayBench bench;
    open_kind(&bench, _i, ranges[_i]);
    const MhoLayerPlan plan = mho_plan_layer(bench.plan, 0);
    const double largest = plan.largest_code, step = (double)plan.step;
    const double smallest = _i >= DIGITAL ? 0.0 : -largest;
    ck_assert(step > 1.0);
    read_clips(&bench, sums, clip_fraction, d_log_range);
    for (size_t i = 0; i < SUMS; i++) {
        Conversion list[2 * TILES];
        const size_t n = conversions_of(&bench, _i, i / COLS, i % COLS, list);
        double limits = 0.0;
        size_t clipped = 0;
        for (size_t c = 0; c < n; c++) {
            const double code = (double)rintf((float)list[c].sum * (1.0F / (float)step));
            clipped += code > largest || code < smallest;
            limits += code > largest ? list[c].sign * largest : code < smallest ? list[c].sign * smallest : 0.0;
        }
        ck_assert(is_close((double)clip_fraction[i], (double)clipped / (double)n, 1e-6));
        ck_assert(is_close((double)d_log_range[i], limits * step, 1e-6));
        some += clipped > 0;
        none += clipped == 0;
    }
    ck_assert_msg(some > SUMS / 20 && none > SUMS / 20, "%d: %zu %zu", _i, some, none);
    array_read(&bench, 0, plain, NULL, NULL); /* asking changes nothing */
    ck_assert(memcmp(plain, sums, sizeof sums) == 0);
    array_close(&bench);
}

/* The derivative: a range 1 % larger moves the sum of an output whose conversions all clipped by 1 %. */
TEST(what_clipped_moves_with_the_range)
{
    float sums[SUMS], clip_fraction[SUMS], d_log_range[SUMS], larger[SUMS];
    size_t all = 0;
    ArrayBench bench;
    open_kind(&bench, ANALOG, 150.0);
    read_clips(&bench, sums, clip_fraction, d_log_range);
    array_close(&bench);
    open_kind(&bench, ANALOG, 150.0 * 1.01);
    array_read(&bench, 0, larger, NULL, NULL);
    for (size_t i = 0; i < SUMS; i++)
        if (clip_fraction[i] == 1.0F) {
            ck_assert(is_close((double)larger[i] - (double)sums[i], 0.01 * (double)d_log_range[i], 1e-3));
            all += d_log_range[i] != 0.0F;
        }
    ck_assert_uint_gt(all, 5);
    array_close(&bench);
}
