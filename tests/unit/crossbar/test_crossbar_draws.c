/* test_crossbar_draws.c - no two reads, devices, layers or chips share random numbers, and what frozen and fresh noise
 * leave alone.
 *
 * Places that are made equal in everything but one part of the random counter must come out different.
 */
#include <stdlib.h>
#include <string.h>

#include "array_bench.h"
#include "harness.h"
#include "law_cell.h"
#include "numbers.h"
#include "support/chip_inspect.h"

enum { ROWS = 48, COLS = 16, POSITIONS = 40, LAYERS = 2, SUMS = POSITIONS * COLS, WEIGHTS = ROWS * COLS };

/* Fresh noise of cells and of row branches, some ten units strong: equal sums mean equal normals. */
static const LawParams cell_noise = {.linear = 1e-3, .square = 1e-3};
static const LawParams row_noise = {.row_linear = 1e-3, .row_square = 1e-3};

static void open_law(ArrayBench *bench, const LawParams *law, size_t groups, bool is_signed)
{
    array_open(bench, "ideal", "ideal");
    bench->config.cell = &law_cell;
    bench->config.cell_params = law;
    array_shape(bench, groups, ROWS, COLS, POSITIONS);
    array_fill(bench, 9, 127, 127, is_signed, 0);
}

/* Chance alone makes a few of many rounded sums equal. */
static void assert_apart(size_t n, const float *x, const float *y, const char *what)
{
    size_t equal = 0;
    for (size_t i = 0; i < n; i++)
        equal += x[i] == y[i];
    ck_assert_msg(equal < n / 10, "%s: %zu of %zu are equal", what, equal, n);
}

/* Two chips have independent read noise. */
TEST_LOOP(chips_read_apart, 0, 2)
{
    float sums[2][SUMS];
    ArrayBench bench;
    open_law(&bench, _i == 0 ? &cell_noise : &row_noise, 1, false);
    for (uint32_t chip = 0; chip < 2; chip++) {
        array_make(&bench, chip, 0.0);
        array_read(&bench, 3, sums[chip], NULL, NULL);
    }
    assert_apart(SUMS, sums[0], sums[1], "reads of two chips");
    array_close(&bench);
}

/* Two groups of the same weights and inputs. */
TEST_LOOP(groups_read_apart, 0, 2)
{
    float sums[2 * SUMS], first[SUMS], second[SUMS];
    ArrayBench bench;
    open_law(&bench, _i == 0 ? &cell_noise : &row_noise, 2, false);
    memcpy(bench.codes + WEIGHTS, bench.codes, WEIGHTS * sizeof *bench.codes);
    for (size_t p = 0; p < POSITIONS; p++)
        memcpy(bench.input + (2 * p + 1) * ROWS, bench.input + 2 * p * ROWS, ROWS);
    array_make(&bench, 0, 0.0);
    array_read(&bench, 0, sums, NULL, NULL);
    for (size_t i = 0; i < SUMS; i++) {
        first[i] = sums[i / COLS * 2 * COLS + i % COLS];
        second[i] = sums[i / COLS * 2 * COLS + COLS + i % COLS];
    }
    assert_apart(SUMS, first, second, "two groups");
    array_close(&bench);
}

/* Half of the rows is driven in each phase, through equal weights: one draw for both would cancel. */
TEST(phases_read_apart)
{
    float sums[SUMS], exact[SUMS];
    ArrayBench bench;
    open_law(&bench, &cell_noise, 1, true);
    for (size_t i = 0; i < WEIGHTS; i++)
        bench.codes[i] = 127;
    for (size_t i = 0; i < POSITIONS * ROWS; i++)
        bench.input[i] = (uint8_t)(i % 2 == 0 ? 127 : -127);
    array_make(&bench, 0, 0.0);
    array_read(&bench, 0, sums, NULL, NULL);
    for (size_t i = 0; i < SUMS; i++)
        exact[i] = (float)array_exact(&bench, i / COLS, i % COLS);
    assert_apart(SUMS, sums, exact, "noise of two phases");
    array_close(&bench);
}

/* The bench's matrix twice: reads, devices and frozen noise of the two layers. */
TEST_LOOP(layers_are_apart, 0, 3)
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
    float sums[LAYERS][SUMS], weights[LAYERS][WEIGHTS];
    MhoError error = {0};
    ArrayBench bench;
    array_open(&bench, _i == 0 ? "pcm" : "nor_flash", "ideal");
    if (_i == 2) {
        bench.config.cell = &law_cell;
        bench.config.cell_params = &row_noise;
    }
    array_shape(&bench, 1, ROWS, COLS, POSITIONS);
    array_fill(&bench, 9, 127, 127, false, 0);
    const MhoMatrix twice[LAYERS] = {bench.matrix, bench.matrix};
    ck_assert_int_eq(mho_plan_create(&bench.config, twice, LAYERS, &bench.plan, &error), MHO_OK);
    ck_assert_int_eq(mho_workspace_create(bench.plan, &bench.work, &error), MHO_OK);
    array_make(&bench, 0, 0.0);
    for (size_t l = 0; l < LAYERS; l++) {
        const MhoLayerCall call = {.layer = l,
                                   .gather = &gather,
                                   .codes = bench.input,
                                   .output = {.a = bench.a, .b = bench.b, .logits = sums[l]}};
        mho_chip_state_forward(bench.state, bench.work, &call);
        ck_assert_int_eq(inspect_weights(bench.state, l, 0, WEIGHTS, weights[l], &error), MHO_OK);
    }
    assert_apart(SUMS, sums[0], sums[1], "reads of two layers");
    if (_i < 2)
        assert_apart(WEIGHTS, weights[0], weights[1], "devices of two layers");
    array_close(&bench);
}

/* Four tiles of the same targets: programming alone, then frozen noise alone. */
TEST_LOOP(tiles_are_apart, 0, 2)
{
    float weights[WEIGHTS], tile[4][WEIGHTS / 4];
    MhoError error = {0};
    ArrayBench bench;
    array_open(&bench, "nor_flash", "ideal");
    if (_i == 1) {
        bench.config.cell = &law_cell;
        bench.config.cell_params = &cell_noise;
        bench.config.chip.read = MHO_READ_CHOICE_FROZEN;
    }
    bench.config.chip.rows = ROWS / 2;
    bench.config.chip.cols = COLS / 2;
    array_shape(&bench, 1, ROWS, COLS, 1);
    bench.matrix.n_weight = 7;
    for (size_t i = 0; i < WEIGHTS; i++)
        bench.codes[i] = 5;
    array_make(&bench, 0, 3600.0);
    ck_assert_int_eq(inspect_weights(bench.state, 0, 0, WEIGHTS, weights, &error), MHO_OK);
    for (size_t i = 0; i < WEIGHTS; i++) {
        const size_t r = i / COLS, j = i % COLS, t = r / (ROWS / 2) * 2 + j / (COLS / 2);
        tile[t][r % (ROWS / 2) * (COLS / 2) + j % (COLS / 2)] = weights[i];
    }
    for (size_t t = 1; t < 4; t++)
        assert_apart(WEIGHTS / 4, tile[0], tile[t], "devices of two tiles");
    array_close(&bench);
}

/* Two devices asked for 0 are both clipped a quarter of the time: a weight of exactly 0. */
TEST(frozen_noise_is_clipped_at_zero)
{
    const LawParams law = {.square = 1e-2};
    float weights[WEIGHTS];
    size_t zeros = 0;
    MhoError error = {0};
    ArrayBench bench;
    open_law(&bench, &law, 1, false);
    bench.config.chip.read = MHO_READ_CHOICE_FROZEN;
    memset(bench.codes, 0, WEIGHTS * sizeof *bench.codes);
    array_make(&bench, 0, 0.0);
    ck_assert_int_eq(inspect_weights(bench.state, 0, 0, WEIGHTS, weights, &error), MHO_OK);
    for (size_t i = 0; i < WEIGHTS; i++)
        zeros += weights[i] == 0.0F;
    ck_assert_msg(zeros > WEIGHTS / 4 - 60 && zeros < WEIGHTS / 4 + 60, "%zu of %d weights are 0", zeros,
                  WEIGHTS); /* 5 sigma */
    array_close(&bench);
}

/* A cut slower than every fluctuation freezes nothing; one faster than every read leaves nothing fresh. */
TEST_LOOP(split_ends_in_the_other_modes, 0, 2)
{
    const int wanted = _i == 0 ? MHO_READ_CHOICE_PER_READ : MHO_READ_CHOICE_FROZEN;
    float split[WEIGHTS], pure[WEIGHTS];
    double variance[COLS];
    MhoError error = {0};
    ArrayBench bench;
    array_open(&bench, "pcm", "ideal");
    array_shape(&bench, 1, ROWS, COLS, 1);
    array_fill(&bench, 9, 127, 127, false, 0);
    bench.config.chip.read = MHO_READ_CHOICE_SPLIT;
    bench.config.chip.t_observe = _i == 0 ? 1e9 : 1e-9;
    array_make(&bench, 0, 3600.0);
    ck_assert_int_eq(inspect_weights(bench.state, 0, 0, WEIGHTS, split, &error), MHO_OK);
    ck_assert_int_eq(inspect_variance(bench.state, 0, 0, bench.input, variance, &error), MHO_OK);
    ck_assert_msg((variance[0] > 0.0) == (_i == 0), "variance of a read is %g", variance[0]);
    bench.config.chip.read = wanted;
    array_plan(&bench);
    array_make(&bench, 0, 3600.0);
    ck_assert_int_eq(inspect_weights(bench.state, 0, 0, WEIGHTS, pure, &error), MHO_OK);
    ck_assert(memcmp(split, pure, sizeof split) == 0);
    array_close(&bench);
}

/* Both reads of compensation use the state's own step and temperature: without drift the factor stays 1. */
TEST(compensation_compares_like_with_like)
{
    float sums[SUMS];
    MhoRangeObserver *probe;
    MhoError error = {0};
    ArrayBench bench;
    array_open(&bench, "nor_flash", "uniform");
    array_adc(&bench, "bits", 6);
    bench.config.chip.noise = 0.0;
    bench.config.chip.temperature = 358.15;
    bench.config.chip.compensation = MHO_COMPENSATE_GLOBAL;
    bench.config.chip.range = MHO_RANGE_CALIBRATED;
    bench.config.chip.calibrate = MHO_CALIBRATE_STATE;
    array_shape(&bench, 1, ROWS, COLS, POSITIONS);
    array_fill(&bench, 9, 127, 127, false, 0);
    array_make(&bench, 0, 0.0);
    ck_assert_int_eq(mho_range_observer_create(1, &probe, &error), MHO_OK);
    array_read(&bench, 0, sums, NULL, probe);
    ck_assert_int_eq(mho_chip_state_calibrate(bench.state, probe, &error), MHO_OK);
    ck_assert_int_eq(mho_chip_state_compensate(bench.state, bench.work, &error), MHO_OK);
    ck_assert_msg(mho_chip_state_compensation(bench.state, 0) == 1.0, "factor %g",
                  mho_chip_state_compensation(bench.state, 0));
    mho_range_observer_destroy(probe);
    array_close(&bench);
}
