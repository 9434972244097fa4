/* input_layer.c - the image: 8-bit pixel codes, value = code / divisor. Padding of a first convolution is code 0. */
#include "kernels/clones.h"
#include "net/fakequant/fakequant_internal.h"

static MhoStatus input_plan(MhoFakeQuant *fq, int node, MhoError *error)
{
    MhoFakeQuantNode *self = &fq->nodes[node];
    (void)error;
    self->coded = true;
    self->largest = 255.0;
    return MHO_OK;
}

static MhoStatus input_prepare(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoInputSettings *s = mho_fakequant_settings(fq, node);
    (void)error;
    mho_fakequant_set_scale(&fq->nodes[node], 1.0 / s->divisor);
    return MHO_OK;
}

MHO_CLONES static void convert(size_t n, const uint8_t *pixels, float *codes)
{
    for (size_t i = 0; i < n; i++)
        codes[i] = (float)pixels[i];
}

static MhoStatus input_forward(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoFakeQuantNode *self = &fq->nodes[node];
    const size_t n_tiles = (self->n + MHO_TILE_VALUES - 1) / MHO_TILE_VALUES;
    (void)error;
#pragma omp parallel for schedule(static) num_threads(fq->threads)
    for (size_t i = 0; i < n_tiles; i++) {
        float buffer[MHO_TILE_VALUES];
        const size_t first = i * MHO_TILE_VALUES;
        const size_t n = self->n - first < MHO_TILE_VALUES ? self->n - first : MHO_TILE_VALUES;
        convert(n, fq->images + first, self->stored + first);
        mho_fakequant_activation_noise(fq, node, first, n, self->stored + first, buffer);
    }
    return MHO_OK;
}

const MhoFakeQuantLayer mho_fakequant_layer_input = {
    .part = MHO_PART_TENSOR, .plan = input_plan, .prepare = input_prepare, .forward = input_forward};
