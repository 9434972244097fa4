/* array_bench.c - see array_bench.h. */
#include "array_bench.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cell_bench.h"

static void *room(size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size);
    ck_assert_ptr_nonnull(p);
    return p;
}

static const MhoDescriptor *model_called(const MhoRegistry *registry, const char *name)
{
    MhoError error = {0};
    const MhoDescriptor *model = mho_registry_find(registry, name, &error);
    ck_assert_msg(model != NULL, "%s", error.text);
    return model;
}

static void assert_done(MhoStatus status, const MhoError *error)
{
    ck_assert_msg(status == MHO_OK, "%s", error->text);
}

int random_int(uint32_t seed, uint64_t item, int low, int high)
{
    const MhoStream stream = {.seed = seed};
    return low + (int)mho_random_below(stream, MHO_DRAW_TEST, item, (uint32_t)(high - low + 1));
}

void array_open(ArrayBench *bench, const char *cell, const char *adc)
{
    MhoChipConfig *c = &bench->config;
    memset(bench, 0, sizeof *bench);
    c->cell = (const MhoCellModel *)model_called(&mho_cell_registry, cell);
    c->adc = (const MhoAdcModel *)model_called(&mho_adc_registry, adc);
    c->dac = (const MhoDacModel *)model_called(&mho_dac_registry, "amplitude");
    c->wire = (const MhoWireModel *)model_called(&mho_wire_registry, "none");
    c->cell_params = bench->params[0] = params_new(&c->cell->descriptor);
    c->adc_params = bench->params[1] = params_new(&c->adc->descriptor);
    c->dac_params = bench->params[2] = params_new(&c->dac->descriptor);
    c->wire_params = bench->params[3] = params_new(&c->wire->descriptor);
    c->seed = 20;
    mho_params_default(mho_chip_descriptor.params, mho_chip_descriptor.n_params, &c->chip);
    c->chip.range = MHO_RANGE_UNIT;
}

static void close_chip(ArrayBench *bench)
{
    mho_chip_state_destroy(bench->state);
    mho_chip_destroy(bench->chip);
    mho_workspace_destroy(bench->work);
    mho_plan_destroy(bench->plan);
    bench->state = NULL;
    bench->chip = NULL;
    bench->work = NULL;
    bench->plan = NULL;
}

static void close_matrix(ArrayBench *bench)
{
    close_chip(bench);
    free(bench->codes);
    free(bench->shift);
    free(bench->input);
    free(bench->a);
    free(bench->b);
}

void array_close(ArrayBench *bench)
{
    close_matrix(bench);
    for (int i = 0; i < 4; i++)
        free(bench->params[i]);
}

void array_cell(ArrayBench *bench, const char *key, double value)
{
    param_put(&bench->config.cell->descriptor, bench->params[0], key, value);
}

void array_adc(ArrayBench *bench, const char *key, double value)
{
    param_put(&bench->config.adc->descriptor, bench->params[1], key, value);
}

void array_dac(ArrayBench *bench, const char *key, double value)
{
    param_put(&bench->config.dac->descriptor, bench->params[2], key, value);
}

void array_shape(ArrayBench *bench, size_t groups, size_t rows, size_t cols, size_t positions)
{
    close_matrix(bench);
    bench->channels = groups * cols;
    bench->codes = room(groups * rows * cols, sizeof *bench->codes);
    bench->shift = room(bench->channels, sizeof *bench->shift);
    bench->input = room(positions * groups * rows, 1);
    bench->a = room(bench->channels, sizeof *bench->a);
    bench->b = room(bench->channels, sizeof *bench->b);
    for (size_t k = 0; k < bench->channels; k++)
        bench->a[k] = 1.0F;
    bench->matrix = (MhoMatrix){.name = "layer",
                                .groups = groups,
                                .rows = rows,
                                .cols = cols,
                                .codes = bench->codes,
                                .n_weight = 1,
                                .n_input = 1,
                                .positions = positions};
}

void array_fill(ArrayBench *bench, uint32_t seed, int n_weight, int n_input, bool is_signed, int shift)
{
    MhoMatrix *m = &bench->matrix;
    const size_t weights = m->groups * m->rows * m->cols, inputs = m->positions * m->groups * m->rows;
    uint64_t item = 0;
    m->n_weight = n_weight;
    m->n_input = n_input;
    m->signed_input = is_signed;
    m->shift = shift > 0 ? bench->shift : NULL;
    for (size_t i = 0; i < weights; i++)
        bench->codes[i] = (int16_t)random_int(seed, item++, -n_weight, n_weight);
    for (size_t i = 0; i < inputs; i++)
        bench->input[i] = (uint8_t)random_int(seed, item++, is_signed ? -n_input : 0, n_input);
    for (size_t k = 0; k < bench->channels; k++)
        bench->shift[k] = random_int(seed, item++, -shift, shift);
}

MhoStatus array_try_plan(ArrayBench *bench, MhoError *error)
{
    close_chip(bench);
    return mho_plan_create(&bench->config, &bench->matrix, 1, &bench->plan, error);
}

void array_plan(ArrayBench *bench)
{
    MhoError error = {0};
    assert_done(array_try_plan(bench, &error), &error);
    assert_done(mho_workspace_create(bench->plan, &bench->work, &error), &error);
}

void array_chip(ArrayBench *bench, uint32_t number)
{
    MhoError error = {0};
    mho_chip_state_destroy(bench->state);
    bench->state = NULL;
    mho_chip_destroy(bench->chip);
    assert_done(mho_chip_create(bench->plan, number, &bench->chip, &error), &error);
}

void array_state(ArrayBench *bench, double t)
{
    const MhoCondition at = {.t = t, .temperature = bench->config.chip.temperature};
    MhoError error = {0};
    mho_chip_state_destroy(bench->state);
    assert_done(mho_chip_state_create(bench->chip, at, &bench->state, &error), &error);
}

void array_make(ArrayBench *bench, uint32_t number, double t)
{
    if (!bench->plan)
        array_plan(bench);
    array_chip(bench, number);
    array_state(bench, t);
}

void array_read(ArrayBench *bench, uint32_t image, float *logits, MhoLayerMeter *meter, MhoRangeObserver *probe)
{
    const MhoMatrix *m = &bench->matrix;
    const int positions = (int)m->positions, rows = (int)m->rows;
    const MhoGather gather = {.h = positions,
                              .w = 1,
                              .c = (int)m->groups * rows,
                              .c_count = rows,
                              .kernel_h = 1,
                              .kernel_w = 1,
                              .stride = 1,
                              .out_h = positions,
                              .out_w = 1};
    const MhoLayerCall call = {.gather = &gather,
                               .codes = bench->input,
                               .image = image,
                               .measure = meter != NULL,
                               .output = {.a = bench->a, .b = bench->b, .logits = logits},
                               .observer = probe,
                               .meter = meter};
    mho_chip_state_forward(bench->state, bench->work, &call);
}

int64_t array_exact(const ArrayBench *bench, size_t p, size_t k)
{
    const MhoMatrix *m = &bench->matrix;
    const size_t group = k / m->cols, j = k % m->cols;
    const uint8_t *x = bench->input + (p * m->groups + group) * m->rows;
    int64_t sum = m->shift ? bench->shift[k] : 0;
    for (size_t r = 0; r < m->rows; r++) {
        const int code = m->signed_input ? (int8_t)x[r] : x[r];
        sum += code * bench->codes[(group * m->rows + r) * m->cols + j];
    }
    return sum;
}
