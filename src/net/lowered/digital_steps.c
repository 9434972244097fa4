/* digital_steps.c - the digital steps between arrays: pooling, addition and requantization of whole codes.
 *
 *   maximum   code = max over the window
 *   sums      total = sum over the window, or of two codes, or the code itself; code = clip(round(fma(total, a, b)))
 * Outside the image is code 0. Codes are u8, or s8 where a step's low is negative.
 */
#include <string.h>

#include "kernels/clones.h"
#include "net/lowered/executor_internal.h"

/* Elements of MhoImageRun.totals: a block of positions of the widest step. */
static size_t count_totals(const MhoLoweredNet *net)
{
    size_t widest = 0;
    for (size_t s = 0; s < net->n_steps; s++) {
        const size_t c = mho_pad((size_t)net->steps[s].shape.c, MHO_LANES);
        widest = c > widest ? c : widest;
    }
    return MHO_STEP_BLOCK * widest;
}

const uint8_t *mho_step_input(const MhoImageRun *run, const MhoStep *step, int k, bool *is_signed)
{
    const int from = step->inputs[k];
    *is_signed = from >= 0 && run->net->steps[from].low < 0;
    return from < 0 ? run->image : run->codes + run->net->codes_offset[from];
}

uint8_t *mho_step_output(const MhoImageRun *run, size_t s)
{
    return run->net->steps[s].is_logits ? NULL : run->codes + run->net->codes_offset[s];
}

void mho_image_buffers_carve(const MhoLoweredNet *net, MhoArena *arena, MhoImageBuffers *buffers)
{
    buffers->totals = mho_arena_take(arena, count_totals(net), sizeof *buffers->totals);
    buffers->codes = mho_arena_take(arena, net->codes_size, 1);
}

MhoImageRun mho_image_run(const MhoLoweredNet *net, const MhoImageBatch *batch, size_t n,
                          const MhoImageBuffers *buffers)
{
    const size_t pixels = (size_t)net->input.h * (size_t)net->input.w * (size_t)net->input.c;
    return (MhoImageRun){.net = net,
                         .image = batch->images + n * pixels,
                         .codes = batch->codes ? batch->codes + n * net->codes_size : buffers->codes,
                         .logits = batch->logits + n * (size_t)net->n_classes,
                         .totals = buffers->totals};
}

void mho_step_look_up(const MhoStep *step, size_t n, uint8_t *codes)
{
    for (size_t i = 0; i < n && step->table; i++)
        codes[i] = step->table[codes[i]];
}

MHO_CLONES static void add_codes(size_t n, const uint8_t *codes, bool is_signed, int64_t *totals)
{
    if (is_signed)
        for (size_t i = 0; i < n; i++)
            totals[i] += (int8_t)codes[i];
    else
        for (size_t i = 0; i < n; i++)
            totals[i] += codes[i];
}

MHO_CLONES static void keep_largest(size_t n, const uint8_t *codes, bool is_signed, uint8_t *largest)
{
    if (is_signed)
        for (size_t i = 0; i < n; i++)
            largest[i] = (int8_t)codes[i] > (int8_t)largest[i] ? codes[i] : largest[i];
    else
        for (size_t i = 0; i < n; i++)
            largest[i] = codes[i] > largest[i] ? codes[i] : largest[i];
}

static void pool_maximum(const MhoStep *step, const uint8_t *codes, bool is_signed, uint8_t *out)
{
    const MhoGather *g = &step->gather;
    const size_t c = (size_t)g->c, positions = (size_t)g->out_h * (size_t)g->out_w;
    for (size_t p = 0; p < positions; p++, out += c) {
        const MhoWindow in = mho_gather_window(g, (int)p / g->out_w, (int)p % g->out_w);
        memset(out, is_signed ? -INT8_MAX : 0, c);
        for (int y = in.y0; y < in.y1; y++)
            for (int x = in.x0; x < in.x1; x++)
                keep_largest(c, codes + (size_t)(y * g->w + x) * c, is_signed, out);
    }
}

static void pool_sum(const MhoStep *step, const uint8_t *codes, bool is_signed, int64_t *totals, uint8_t *out)
{
    const MhoGather *g = &step->gather;
    const size_t c = (size_t)g->c, positions = (size_t)g->out_h * (size_t)g->out_w;
    for (size_t p = 0; p < positions; p++) {
        const MhoWindow in = mho_gather_window(g, (int)p / g->out_w, (int)p % g->out_w);
        memset(totals, 0, c * sizeof *totals);
        for (int y = in.y0; y < in.y1; y++)
            for (int x = in.x0; x < in.x1; x++)
                add_codes(c, codes + (size_t)(y * g->w + x) * c, is_signed, totals);
        mho_kernels()->requantize(1, c, totals, step->a, step->b, step->low, step->high, out + p * c);
        mho_step_look_up(step, c, out + p * c);
    }
}

/* Sum of one or two tensors of codes, position by position. */
static void sum_codes(const MhoImageRun *run, const MhoStep *step, uint8_t *out)
{
    const size_t c = (size_t)step->shape.c, positions = (size_t)step->shape.h * (size_t)step->shape.w;
    for (size_t first = 0; first < positions; first += MHO_STEP_BLOCK) {
        const size_t P = positions - first < MHO_STEP_BLOCK ? positions - first : MHO_STEP_BLOCK;
        memset(run->totals, 0, P * c * sizeof *run->totals);
        for (int k = 0; k < step->n_inputs; k++) {
            bool is_signed;
            const uint8_t *codes = mho_step_input(run, step, k, &is_signed);
            add_codes(P * c, codes + first * c, is_signed, run->totals);
        }
        mho_kernels()->requantize(P, c, run->totals, step->a, step->b, step->low, step->high, out + first * c);
        mho_step_look_up(step, P * c, out + first * c);
    }
}

void mho_run_digital_step(const MhoImageRun *run, size_t s)
{
    const MhoStep *step = &run->net->steps[s];
    uint8_t *out = mho_step_output(run, s);
    bool is_signed;
    const uint8_t *codes = mho_step_input(run, step, 0, &is_signed);
    switch (step->kind) {
    case MHO_STEP_MAX_POOL: pool_maximum(step, codes, is_signed, out); break;
    case MHO_STEP_SUM_POOL: pool_sum(step, codes, is_signed, run->totals, out); break;
    case MHO_STEP_ADD:
    case MHO_STEP_REQUANTIZE: sum_codes(run, step, out); break;
    case MHO_STEP_MATRIX: break; /* the executor's own */
    }
}
