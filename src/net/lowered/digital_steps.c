/* digital_steps.c - the digital steps between arrays: pooling, addition and requantization of whole codes.
 *
 *   maximum   code = max over the window
 *   sums      total = sum over the window, or of two codes, or the code itself; code = clip(round(fma(total, a, b)))
 * Outside the image is code 0. Codes are u8, or s8 where a step's low is negative.
 */
#include <omp.h>
#include <string.h>

#include "kernels/clones.h"
#include "net/lowered/executor_internal.h"

size_t mho_step_totals(const MhoLoweredNet *program)
{
    size_t widest = 0;

    for (size_t s = 0; s < program->n_steps; s++) {
        const size_t c = mho_pad((size_t)program->steps[s].shape.c, MHO_LANES);

        widest = c > widest ? c : widest;
    }
    return MHO_STEP_BLOCK * widest;
}

const uint8_t *mho_step_input(const MhoImageRun *walk, const MhoStep *step, int k, bool *is_signed)
{
    const int from = step->inputs[k];

    *is_signed = from >= 0 && walk->program->steps[from].low < 0;
    return from < 0 ? walk->image : walk->codes + walk->program->codes_offset[from];
}

uint8_t *mho_step_output(const MhoImageRun *walk, size_t s)
{
    return walk->program->steps[s].is_logits ? NULL : walk->codes + walk->program->codes_offset[s];
}

int mho_image_threads(int threads, size_t n_images)
{
    const int wanted = threads > 0 ? threads : omp_get_max_threads();

    return n_images < (size_t)wanted ? (n_images > 0 ? (int)n_images : 1) : wanted;
}

MhoStatus mho_lowered_net_check(const MhoLoweredNet *program, const uint8_t *images, size_t n, MhoError *error)
{
    if (!program || program->n_steps == 0 || (!images && n > 0))
        return mho_fail(error, MHO_USAGE, "a network cannot run without steps and images");
    return MHO_OK;
}

bool mho_step_reads_matrix_first(const MhoLoweredNet *program, size_t s)
{
    for (size_t before = 0; before < s; before++)
        if (program->steps[before].kind == MHO_STEP_MATRIX && program->steps[before].matrix == program->steps[s].matrix)
            return false;
    return true;
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
static void sum_codes(const MhoImageRun *walk, const MhoStep *step, uint8_t *out)
{
    const size_t c = (size_t)step->shape.c, positions = (size_t)step->shape.h * (size_t)step->shape.w;

    for (size_t first = 0; first < positions; first += MHO_STEP_BLOCK) {
        const size_t P = positions - first < MHO_STEP_BLOCK ? positions - first : MHO_STEP_BLOCK;

        memset(walk->totals, 0, P * c * sizeof *walk->totals);
        for (int k = 0; k < step->n_inputs; k++) {
            bool is_signed;
            const uint8_t *codes = mho_step_input(walk, step, k, &is_signed);

            add_codes(P * c, codes + first * c, is_signed, walk->totals);
        }
        mho_kernels()->requantize(P, c, walk->totals, step->a, step->b, step->low, step->high, out + first * c);
        mho_step_look_up(step, P * c, out + first * c);
    }
}

void mho_run_digital_step(const MhoImageRun *walk, size_t s)
{
    const MhoStep *step = &walk->program->steps[s];
    uint8_t *out = mho_step_output(walk, s);
    bool is_signed;
    const uint8_t *codes = mho_step_input(walk, step, 0, &is_signed);

    if (step->kind == MHO_STEP_MAX_POOL)
        pool_maximum(step, codes, is_signed, out);
    else if (step->kind == MHO_STEP_SUM_POOL)
        pool_sum(step, codes, is_signed, walk->totals, out);
    else
        sum_codes(walk, step, out);
}
