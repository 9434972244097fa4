/* run_devices.c - one small run of a cell, an ADC, a DAC and a wire model. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adc/adc.h"
#include "cell_bench.h"
#include "dac/dac.h"
#include "runs.h"
#include "wire/wire.h"

enum { N_CELLS = 33, N_ROWS = 3, N_COLS = 11 };

void trace_add(Trace *trace, double value)
{
    ck_assert(isfinite(value));
    ck_assert_uint_lt(trace->n, TRACE_MAX);
    trace->value[trace->n++] = value;
}

void trace_add_floats(Trace *trace, size_t n, const float *value)
{
    for (size_t i = 0; i < n; i++) {
        trace_add(trace, (double)value[i]);
    }
}

static void read_cells(Bench *bench, double t, double from, double to, Trace *trace)
{
    bench_read(bench, t, from, to);
    for (size_t i = 0; i < bench->cells.n; i++) {
        ck_assert(bench->noise.linear[i] >= 0.0F && bench->noise.square[i] >= 0.0F);
    }
    trace_add_floats(trace, bench->cells.n, bench->noise.linear);
    trace_add_floats(trace, bench->cells.n, bench->noise.square);
    trace_add(trace, bench->noise.row_linear);
    trace_add(trace, bench->noise.row_square);
}

void run_cell(const MhoDescriptor *model, const void *params, Trace *trace)
{
    static const double times[] = {0.0, 1.0, 3e7}, temperatures[] = {250.0, 298.15, 400.0};
    const MhoCellModel *cell = (const MhoCellModel *)model;
    Bench bench;
    ck_assert_uint_le(cell->n_state, MHO_CELL_MAX_STATE);
    ck_assert_ptr_nonnull(cell->program);
    ck_assert_ptr_nonnull(cell->noise_scales);
    ck_assert((cell->age == NULL) ==
              ((model->ignores & MHO_IGNORES_TIME) && (model->ignores & MHO_IGNORES_TEMPERATURE)));
    bench_open(&bench, model->name, N_CELLS);
    if (model->params_size > 0) {
        memcpy(bench.params, params, model->params_size);
    }
    for (size_t i = 0; i < N_CELLS; i++) {
        bench.target[i] = (float)i / (float)(N_CELLS - 1); /* both ends: 0 and 1 */
    }
    if (cell->g_min != NULL) {
        trace_add(trace, cell->g_min(params));
    }
    bench_program(&bench, 1.0F);
    trace_add_floats(trace, N_CELLS, bench.cells.g);
    for (size_t s = 0; s < cell->n_state; s++) {
        trace_add_floats(trace, N_CELLS, bench.cells.state[s]);
    }
    for (size_t k = 0; k < 3; k++) {
        bench_age(&bench, times[k], temperatures[k]);
        trace_add_floats(trace, N_CELLS, bench.g);
        read_cells(&bench, times[k], 0.0, INFINITY, trace);
        read_cells(&bench, times[k], 1e-3, INFINITY, trace);
    }
    bench_close(&bench);
}

void run_adc(const MhoDescriptor *model, const void *params, Trace *trace)
{
    const MhoAdcModel *adc = (const MhoAdcModel *)model;
    const MhoStream stream = bench_stream(1, 1.0F);
    float y[N_ROWS * N_COLS], *state = calloc(N_COLS * adc->n_state + 1, sizeof *state);
    int32_t code[N_ROWS * N_COLS];
    ck_assert_ptr_nonnull(state);
    ck_assert_int_ge(adc->bits(params), 1);
    ck_assert_int_le(adc->bits(params), MHO_ADC_MAX_BITS);
    if (adc->fabricate != NULL) {
        adc->fabricate(params, N_COLS, stream, state);
        trace_add_floats(trace, N_COLS * adc->n_state, state);
    }
    mho_normal_fill(stream, MHO_DRAW_TEST, N_ROWS * N_COLS, y);
    y[0] = 1e30F;
    y[1] = -1e30F;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        const MhoAdcCodes codes = adc->codes(params, is_signed != 0);
        trace_add(trace, (double)adc->convert(params, state, is_signed != 0, N_ROWS, N_COLS, y, 30.0F, code));
        for (size_t i = 0; i < N_ROWS * N_COLS; i++) {
            ck_assert((double)code[i] >= (double)codes.low && (double)code[i] <= (double)codes.high);
            trace_add(trace, (double)code[i]);
        }
        ck_assert_int_eq(code[0], (int32_t)codes.high);
        ck_assert_int_eq(code[1], (int32_t)codes.low);
    }
    free(state);
}

/* The slices of every code add up to the code again, or the model refuses with a reason. */
void run_dac(const MhoDescriptor *model, const void *params, Trace *trace)
{
    static const int full_inputs[] = {1, 3, 15, 255};
    const MhoDacModel *dac = (const MhoDacModel *)model;
    int n_planned = 0;
    trace_add(trace, dac->bipolar != NULL && dac->bipolar(params));
    for (size_t k = 0; k < 4; k++) {
        MhoDacSlices slices = {0};
        MhoError error = {0};
        uint8_t codes[256], part[256];
        int sum[256] = {0};
        const size_t n = (size_t)full_inputs[k] + 1;
        if (dac->plan(params, full_inputs[k], &slices, &error) != MHO_OK) {
            ck_assert(error.status == MHO_USAGE && error.text[0] != '\0');
            continue;
        }
        n_planned++;
        ck_assert(slices.n >= 1 && slices.n <= MHO_DAC_MAX_SLICES);
        for (size_t i = 0; i < n; i++) {
            codes[i] = (uint8_t)i;
        }
        for (int s = 0; s < slices.n; s++) {
            dac->slice(params, &slices, s, n, codes, part);
            for (size_t i = 0; i < n; i++) {
                ck_assert_int_le(part[i], slices.full[s]);
                sum[i] += slices.weight[s] * part[i];
            }
        }
        for (size_t i = 0; i < n; i++) {
            ck_assert_int_eq(sum[i], (int)i);
        }
        trace_add(trace, slices.n);
    }
    ck_assert_int_ge(n_planned, 1); /* two codes are within reach of every converter */
}

void run_wire(const MhoDescriptor *model, const void *params, Trace *trace)
{
    const MhoWireModel *wire = (const MhoWireModel *)model;
    float g[N_ROWS * N_COLS], effective[N_ROWS * N_COLS];
    MhoError error = {0};
    mho_uniform_fill(bench_stream(1, 1.0F), MHO_DRAW_TEST, N_ROWS * N_COLS, g);
    if (wire->effective != NULL) {
        ck_assert_msg(wire->effective(params, N_ROWS, N_COLS, g, effective, &error) == MHO_OK, "%s", error.text);
        trace_add_floats(trace, N_ROWS * N_COLS, effective);
    }
}
