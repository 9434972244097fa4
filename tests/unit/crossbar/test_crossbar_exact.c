/* test_crossbar_exact.c - with ideal cells and a converter step of one unit, arrays are integer matrix products.
 *
 * Seeded random layers over every mapping, subtraction, tile split, group, sign and shift; each case says its seed.
 */
#include <stdlib.h>
#include <string.h>

#include "array_bench.h"
#include "harness.h"
#include "support/chip_inspect.h"

enum { CASES = 60 };

/* A random shape and array for one seed; sets mapping and subtraction from the low bits. */
static void open_case(ArrayBench *bench, uint32_t seed)
{
    static const int weights[] = {1, 3, 7, 127, 2047}, inputs[] = {1, 3, 15, 127};
    const bool is_signed = random_int(seed, 1000, 0, 1) == 1;
    const size_t groups = (size_t)random_int(seed, 1001, 1, 3), rows = (size_t)random_int(seed, 1002, 1, 70);
    const size_t cols = (size_t)random_int(seed, 1003, 1, 40), positions = (size_t)random_int(seed, 1004, 1, 70);
    const int n_weight = weights[random_int(seed, 1005, 0, 4)], n_input = inputs[random_int(seed, 1006, 0, 3)];
    const int shift = random_int(seed, 1007, 0, 1) * n_weight * n_input * 2;
    array_open(bench, "ideal", "ideal");
    bench->config.chip.mapping = (int)(seed & 1U);
    bench->config.chip.subtract = (int)(seed >> 1 & 1U);
    bench->config.chip.rows = random_int(seed, 1008, 1, 80);
    bench->config.chip.cols = random_int(seed, 1009, 1, 50);
    if (is_signed)
        array_dac(bench, "signed", random_int(seed, 1010, 0, 1));
    array_shape(bench, groups, rows, cols, positions);
    array_fill(bench, seed, n_weight, n_input, is_signed, shift);
}

static float *logits_new(const ArrayBench *bench)
{
    float *logits = calloc(bench->matrix.positions * bench->channels, sizeof *logits);
    ck_assert_ptr_nonnull(logits);
    return logits;
}

/* Number of sums that differ from the exact ones. */
static size_t count_wrong(const ArrayBench *bench, const float *logits)
{
    size_t wrong = 0;
    for (size_t i = 0; i < bench->matrix.positions * bench->channels; i++)
        wrong += (double)logits[i] != (double)array_exact(bench, i / bench->channels, i % bench->channels);
    return wrong;
}

/* Ideal cells and a converter with enough bits give the exact integer sums of any matrix and array. */
TEST_LOOP(sums_are_exact, 0, CASES)
{
    for (uint32_t seed = (uint32_t)_i * 4; seed < (uint32_t)_i * 4 + 4; seed++) {
        ArrayBench bench;
        MhoLayerMeter meter = {0};
        float *logits;
        open_case(&bench, seed);
        array_make(&bench, 0, 0.0);
        logits = logits_new(&bench);
        array_read(&bench, 7, logits, &meter, NULL);
        ck_assert_msg(count_wrong(&bench, logits) == 0, "seed %u: %zu wrong sums", seed, count_wrong(&bench, logits));
        ck_assert_uint_eq(meter.conversions, mho_plan_layer(bench.plan, 0).conversions);
        ck_assert_uint_eq(meter.clipped, 0);
        ck_assert(meter.noise == 0.0);
        free(logits);
        array_close(&bench);
    }
}

/* Conversions of one image, counted once more by hand: 100 rows and 3 always-on ones on 40-row arrays, 10 columns on 6.
 */
TEST_LOOP(conversions_are_predicted, 0, 8)
{
    const bool offset = (_i & 1) != 0, digital = (_i & 2) != 0, is_signed = (_i & 4) != 0;
    const size_t columns = digital ? (offset ? 10 + 2 : 20) : 10; /* one reference column per tile */
    ArrayBench bench;
    MhoLayerMeter meter = {0};
    float *logits;
    array_open(&bench, "ideal", "ideal");
    bench.config.chip.mapping = offset ? MHO_MAP_OFFSET : MHO_MAP_DIFFERENTIAL;
    bench.config.chip.subtract = digital ? MHO_SUBTRACT_DIGITAL : MHO_SUBTRACT_ANALOG;
    bench.config.chip.rows = 40;
    bench.config.chip.cols = 6;
    array_shape(&bench, 2, 100, 10, 5);
    array_fill(&bench, 1, 1, 7, is_signed, 0);
    bench.matrix.shift = bench.shift;
    bench.shift[3] = -7; /* 4 + 2 + 1 */
    array_make(&bench, 0, 0.0);
    logits = logits_new(&bench);
    array_read(&bench, 0, logits, &meter, NULL);
    ck_assert_uint_eq(mho_plan_layer(bench.plan, 0).shift_rows, 3);
    ck_assert_uint_eq(meter.conversions, 5 * 2 * 3 * columns * (is_signed ? 2 : 1));
    ck_assert_uint_eq(meter.conversions, mho_plan_layer(bench.plan, 0).conversions);
    ck_assert_uint_eq(mho_plan_layer(bench.plan, 0).devices, 2 * 103 * (offset ? 10 + 2 : 20));
    ck_assert_uint_eq(count_wrong(&bench, logits), 0);
    free(logits);
    array_close(&bench);
}

/* Any shift is realised to the unit, in about as many rows as its size needs. */
TEST_LOOP(shifts_are_exact, 0, 15)
{
    static const int weights[] = {1, 3, 127}, inputs[] = {1, 2, 15, 16, 255};
    const int n_weight = weights[_i % 3], n_input = inputs[_i / 3],
              largest = (2 + 9 * (_i % 4)) * n_weight * n_input + _i;
    float sums[100];
    ArrayBench bench;
    array_open(&bench, "ideal", "ideal");
    array_shape(&bench, 1, 40, 100, 1);
    array_fill(&bench, (uint32_t)_i, n_weight, n_input, false, largest);
    memset(bench.input, 0, 40);
    bench.shift[0] = largest;
    bench.shift[1] = -largest;
    array_make(&bench, 0, 0.0);
    array_read(&bench, 0, sums, NULL, NULL);
    for (size_t k = 0; k < 100; k++)
        ck_assert_msg((double)sums[k] == (double)bench.shift[k], "shift %d became %g", bench.shift[k], (double)sums[k]);
    ck_assert_uint_le(mho_plan_layer(bench.plan, 0).shift_rows, (size_t)(largest / (n_weight * n_input)) + 9);
    array_close(&bench);
}

/* Fewest bits of a signed converter that hold a sum. */
static int bits_for(double largest)
{
    int bits = 2;
    while ((double)((INT64_C(1) << (bits - 1)) - 1) < largest)
        bits++;
    return bits;
}

/* A converter with just enough bits is exact, and one bit fewer is not. */
TEST_LOOP(one_bit_fewer_clips, 0, 5)
{
    ArrayBench bench;
    MhoLayerMeter meter = {0};
    MhoRangeObserver *observer;
    MhoError error;
    double signal = 0.0, noise = 0.0;
    float *logits;
    int bits;
    array_open(&bench, "ideal", "uniform");
    bench.config.chip.rows = 64;
    array_shape(&bench, 1, 150, 20, 40);
    array_fill(&bench, (uint32_t)_i + 50, 3, 15, false, 90);
    array_make(&bench, 0, 0.0);
    logits = logits_new(&bench);
    ck_assert_int_eq(mho_range_observer_create(1, &observer, &error), MHO_OK);
    array_read(&bench, 0, logits, NULL, observer);
    ck_assert_uint_eq(count_wrong(&bench, logits), 0); /* an observer passes the sums on */
    bits = bits_for(mho_range_observer_largest(observer, 0));
    mho_range_observer_destroy(observer);

    array_adc(&bench, "bits", bits);
    array_read(&bench, 0, logits, &meter, NULL);
    ck_assert_uint_eq(meter.clipped, 0);
    ck_assert_uint_eq(count_wrong(&bench, logits), 0);
    array_adc(&bench, "bits", bits - 1);
    array_read(&bench, 0, logits, &meter, NULL);
    ck_assert_uint_gt(meter.clipped, 0);
    ck_assert_uint_gt(count_wrong(&bench, logits), 0);
    for (size_t i = 0; i < bench.matrix.positions * bench.channels; i++) {
        const double exact = (double)array_exact(&bench, i / bench.channels, i % bench.channels);
        signal += 2.0 * exact * exact; /* the meter saw both images */
        noise += ((double)logits[i] - exact) * ((double)logits[i] - exact);
    }
    ck_assert(meter.signal == signal);
    ck_assert(meter.noise == noise);
    free(logits);
    array_close(&bench);
}

/* One weight code off by one changes sums: the tests above can fail. */
TEST(one_weight_matters)
{
    ArrayBench bench;
    float *logits;
    array_open(&bench, "ideal", "ideal");
    array_shape(&bench, 1, 30, 20, 10);
    array_fill(&bench, 3, 7, 15, false, 0);
    bench.codes[0] = 2;
    array_make(&bench, 0, 0.0);
    bench.codes[0] = 3; /* after the chip was programmed */
    logits = logits_new(&bench);
    array_read(&bench, 0, logits, NULL, NULL);
    ck_assert_uint_gt(count_wrong(&bench, logits), 0);
    free(logits);
    array_close(&bench);
}

/* codes = clip(round(fma(sum, a, b))), unsigned and signed. */
TEST_LOOP(codes_are_requantized_sums, 0, 2)
{
    const bool is_signed = _i == 1;
    const int low = is_signed ? -7 : 0, high = is_signed ? 7 : 15;
    const MhoGather gather = {
        .h = 33, .w = 1, .c = 40, .c_count = 20, .kernel_h = 1, .kernel_w = 1, .stride = 1, .out_h = 33, .out_w = 1};
    uint8_t codes[33 * 38];
    ArrayBench bench;
    MhoLayerCall call = {.gather = &gather};
    array_open(&bench, "ideal", "ideal");
    array_shape(&bench, 2, 20, 19, 33);
    array_fill(&bench, 9, 1, 15, false, 0);
    array_make(&bench, 0, 0.0);
    for (size_t k = 0; k < bench.channels; k++) {
        bench.a[k] = 0.1F + 0.01F * (float)k;
        bench.b[k] = 0.3F * (float)k - 5.0F;
    }
    call.codes = bench.input;
    call.output = (MhoOutput){.a = bench.a, .b = bench.b, .low = low, .high = high, .codes = codes};
    mho_chip_state_forward(bench.state, bench.work, &call);
    for (size_t i = 0; i < sizeof codes; i++) {
        const size_t k = i % bench.channels;
        const float z =
            __builtin_rintf(__builtin_fmaf((float)array_exact(&bench, i / bench.channels, k), bench.a[k], bench.b[k]));
        const float clipped = z < (float)low ? (float)low : z > (float)high ? (float)high : z;
        ck_assert_int_eq(is_signed ? (int8_t)codes[i] : codes[i], (int)clipped);
    }
    array_close(&bench);
}

/* What the planes hold of an ideal chip is the matrix itself, for every packing: narrow, wide, and beyond whole codes.
 */
TEST_LOOP(planes_hold_the_codes, 0, 16)
{
    static const int largest[] = {1, 127, 128, 32639};
    float weights[50 * 21];
    ArrayBench bench;
    MhoError error = {0};
    array_open(&bench, "ideal", "ideal");
    bench.config.chip.mapping = _i / 4 % 2;
    bench.config.chip.subtract = _i / 8;
    bench.config.chip.rows = 33;
    array_shape(&bench, 1, 50, 21, 1);
    array_fill(&bench, 11, largest[_i % 4], 1, false, 0);
    array_make(&bench, 0, 0.0);
    ck_assert_int_eq(inspect_weights(bench.state, 0, 0, 50 * 21, weights, &error), MHO_OK);
    for (size_t i = 0; i < 50 * 21; i++) {
        const float rounding =
            _i == 15 ? 2.0F : 0.0F; /* digital offset, 2 n_weight > 32639: the one case that rounds */
        const float error_of_code = weights[i] - (float)bench.codes[i];
        ck_assert(error_of_code <= rounding && error_of_code >= -rounding);
    }
    ck_assert_int_eq(inspect_weights(bench.state, 0, 0, 50, weights, &error), MHO_USAGE);
    ck_assert_int_eq(inspect_weights(bench.state, 0, 1, 50 * 21, weights, &error), MHO_USAGE);
    array_close(&bench);
}

static MhoStatus nibble_plan(const void *params, int n_input, MhoDacSlices *slices, MhoError *error)
{
    (void)params;
    (void)error;
    *slices = (MhoDacSlices){.n = n_input > 15 ? 2 : 1, .full = {15, n_input / 16}, .weight = {1, 16}};
    return MHO_OK;
}

static void nibble_slice(const void *params, const MhoDacSlices *slices, int s, size_t n, const uint8_t *codes,
                         uint8_t *slice_codes)
{
    (void)params;
    (void)slices;
    for (size_t i = 0; i < n; i++)
        slice_codes[i] = s == 0 ? codes[i] & 15 : codes[i] >> 4;
}

/* A converter of four bits a slice: two conversions, added with digital weights 1 and 16. */
TEST_LOOP(slices_add_up, 0, 2)
{
    const MhoDacModel nibbles = {.plan = nibble_plan, .slice = nibble_slice};
    ArrayBench bench;
    MhoLayerMeter meter = {0};
    float *logits;
    array_open(&bench, "ideal", "ideal");
    bench.config.dac = &nibbles;
    bench.config.chip.rows = 30;
    bench.config.chip.subtract = _i;
    array_shape(&bench, 1, 45, 17, 40);
    array_fill(&bench, 13, 7, _i == 0 ? 255 : 127, _i == 1, 4000);
    array_make(&bench, 0, 0.0);
    logits = logits_new(&bench);
    array_read(&bench, 0, logits, &meter, NULL);
    ck_assert_uint_eq(count_wrong(&bench, logits), 0);
    ck_assert_uint_eq(meter.conversions, 40 * 2 * 2 * (_i == 0 ? 17 : 2 * 34));
    ck_assert(meter.noise == 0.0);
    free(logits);
    array_close(&bench);
}
