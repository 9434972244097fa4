/* test_crossbar_exact.c - with ideal cells and a converter step of one unit, arrays are integer matrix products.
 *
 * Seeded random layers over every mapping, subtraction, tile split, group, sign and shift; each case says its seed.
 */
#include <stdlib.h>
#include <string.h>

#include "array_bench.h"
#include "harness.h"

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
    if (is_signed) {
        array_dac(bench, "signed", random_int(seed, 1010, 0, 1));
    }
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

    for (size_t i = 0; i < bench->matrix.positions * bench->channels; i++) {
        wrong += (double)logits[i] != (double)array_exact(bench, i / bench->channels, i % bench->channels);
    }
    return wrong;
}

START_TEST(sums_are_exact)
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
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("crossbar exact");
    TCase *c = tcase_create("exact");

    tcase_add_loop_test(c, sums_are_exact, 0, CASES);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return test_main(suite());
}
