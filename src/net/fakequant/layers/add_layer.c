/* add_layer.c - residual sum of two tensors of one shape.
 *
 * Codes on one shared scale are added as codes (whole numbers); anything else is added as values.
 */
#include <string.h>

#include "kernels/clones.h"
#include "net/fakequant/fakequant_internal.h"

static MhoStatus add_plan(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoFakeQuantNode *a = mho_fakequant_input(fq, node, 0), *b = mho_fakequant_input(fq, node, 1);
    MhoFakeQuantNode *self = &fq->nodes[node];
    (void)error;
    self->coded = a->coded && b->coded && a->scale_owner >= 0 && a->scale_owner == b->scale_owner;
    self->largest = a->largest + b->largest;
    self->scale_owner = self->coded ? a->scale_owner : -1;
    return MHO_OK;
}

static MhoStatus add_prepare(MhoFakeQuant *fq, int node, MhoError *error)
{
    MhoFakeQuantNode *self = &fq->nodes[node];
    (void)error;
    mho_fakequant_set_scale(self, self->coded ? (double)mho_fakequant_input(fq, node, 0)->scale[0] : 1.0);
    return MHO_OK;
}

MHO_CLONES static void add_rows(size_t rows, size_t c, const MhoFakeQuantNode *a, const MhoFakeQuantNode *b,
                                size_t first, float *out)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < c; k++) {
            const size_t at = (first + i) * c + k;
            out[i * c + k] = __builtin_fmaf(a->stored[at], a->scale[k], a->offset[k]) +
                             __builtin_fmaf(b->stored[at], b->scale[k], b->offset[k]);
        }
}

MHO_CLONES static void add_codes(size_t n, const float *a, const float *b, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] + b[i];
}

static MhoStatus add_forward(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoFakeQuantNode *a = mho_fakequant_input(fq, node, 0), *b = mho_fakequant_input(fq, node, 1),
                           *self = &fq->nodes[node];
    const size_t rows = self->positions / fq->batch;
    (void)error;
#pragma omp parallel for schedule(static) num_threads(fq->threads)
    for (size_t n = 0; n < fq->batch; n++) {
        const size_t first = n * rows;
        if (self->coded)
            add_codes(rows * self->c, a->stored + first * self->c, b->stored + first * self->c,
                      self->stored + first * self->c);
        else
            add_rows(rows, self->c, a, b, first, self->stored + first * self->c);
    }
    return MHO_OK;
}

MHO_CLONES static void scale_rows(size_t rows, size_t c, const float *d, const float *scale, float *out)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < c; k++)
            out[i * c + k] = d[i * c + k] * scale[k];
}

static MhoStatus add_backward(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoFakeQuantNode *self = &fq->nodes[node];
    const size_t rows = self->positions / fq->batch;
    (void)error;
    for (int i = 0; i < 2; i++) {
        const MhoFakeQuantNode *x = mho_fakequant_input(fq, node, i);
        float *d_x = mho_fakequant_gradient_begin(fq, fq->net->nodes[node].inputs[i]);
        if (!d_x)
            continue;
#pragma omp parallel for schedule(static) num_threads(fq->threads)
        for (size_t n = 0; n < fq->batch; n++) {
            const size_t at = n * rows * self->c;
            if (self->coded)
                memcpy(d_x + at, self->d_stored + at, rows * self->c * sizeof *d_x);
            else
                scale_rows(rows, self->c, self->d_stored + at, x->scale, d_x + at);
        }
        mho_fakequant_gradient_end(fq, fq->net->nodes[node].inputs[i]);
    }
    return MHO_OK;
}

const MhoFakeQuantLayer mho_fakequant_layer_add = {.part = MHO_PART_TENSOR,
                                                   .plan = add_plan,
                                                   .prepare = add_prepare,
                                                   .forward = add_forward,
                                                   .backward = add_backward};
