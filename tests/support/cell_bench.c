/* cell_bench.c - see cell_bench.h. */
#include "cell_bench.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float *floats_new(size_t n)
{
    float *x = calloc(n > 0 ? n : 1, sizeof *x);
    ck_assert_ptr_nonnull(x);
    return x;
}

const char *param_text(const MhoParam *param, double value, char *text)
{
    if (param->type == MHO_BOOL)
        snprintf(text, MHO_TEXT_MAX, "%s", value > 0.5 ? "true" : "false");
    else if (param->type == MHO_CHOICE)
        ck_assert_ptr_nonnull(mho_choice_name(param->choices, (int)value, text));
    else
        snprintf(text, MHO_TEXT_MAX, "%.17g", value);
    return text;
}

void param_put(const MhoDescriptor *model, void *params, const char *key, double value)
{
    const MhoParam *param = mho_params_find(model->params, model->n_params, key);
    char text[MHO_TEXT_MAX];
    MhoError error = {0};
    ck_assert_msg(param != NULL, "%s has no parameter %s", model->name, key);
    ck_assert_msg(mho_param_set(param, params, param_text(param, value, text), "test", &error) == MHO_OK, "%s",
                  error.text);
}

void *params_new(const MhoDescriptor *model)
{
    void *params = calloc(1, model->params_size > 0 ? model->params_size : 1);
    ck_assert_ptr_nonnull(params);
    mho_params_default(model->params, model->n_params, params);
    return params;
}

void bench_open(Bench *bench, const char *name, size_t n)
{
    MhoError error = {0};
    const MhoDescriptor *model = mho_registry_find(&mho_cell_registry, name, &error);
    ck_assert_msg(model != NULL, "%s", error.text);
    *bench = (Bench){.model = (const MhoCellModel *)model, .params = params_new(model)};
    bench->target = floats_new(n);
    bench->g = floats_new(n);
    bench->noise.linear = floats_new(n);
    bench->noise.square = floats_new(n);
    bench->cells = (MhoCells){.n = n, .g_target = bench->target, .g = floats_new(n)};
    for (size_t s = 0; s < bench->model->n_state; s++)
        bench->cells.state[s] = floats_new(n);
}

void bench_close(Bench *bench)
{
    for (size_t s = 0; s < bench->model->n_state; s++)
        free(bench->cells.state[s]);
    free(bench->cells.g);
    free(bench->noise.square);
    free(bench->noise.linear);
    free(bench->g);
    free(bench->target);
    free(bench->params);
}

void bench_set(Bench *bench, const char *key, double value)
{
    param_put(&bench->model->descriptor, bench->params, key, value);
}

void bench_target(Bench *bench, float x)
{
    for (size_t i = 0; i < bench->cells.n; i++)
        bench->target[i] = x;
}

MhoStream bench_stream(uint32_t chip, float noise)
{
    return (MhoStream){.seed = 20240229, .place = mho_place(3, 5, 0), .chip = chip, .noise = noise};
}

void bench_program(Bench *bench, float noise)
{
    bench->model->program(bench->params, &bench->cells, bench_stream(1, noise));
}

void bench_age(Bench *bench, double t, double temperature)
{
    if (bench->model->age == NULL) {
        memcpy(bench->g, bench->cells.g, bench->cells.n * sizeof *bench->g);
        return;
    }
    bench->model->age(bench->params, &bench->cells, (MhoCondition){.t = t, .temperature = temperature}, bench->g);
}

void bench_read(Bench *bench, double t, double from, double to)
{
    memset(bench->noise.linear, 0, bench->cells.n * sizeof *bench->noise.linear);
    memset(bench->noise.square, 0, bench->cells.n * sizeof *bench->noise.square);
    bench->noise.row_linear = 0.0;
    bench->noise.row_square = 0.0;
    if (bench->model->read_noise != NULL) {
        bench->model->read_noise(bench->params, &bench->cells, (MhoCondition){.t = t, .temperature = 298.15},
                                 (MhoBand){.from = from, .to = to}, bench->g, &bench->noise);
    }
}

void bench_mean(Bench *bench, float x, double t, double temperature)
{
    bench_target(bench, x);
    bench_program(bench, 0.0F);
    bench_age(bench, t, temperature);
    bench_read(bench, t, 0.0, INFINITY);
}
