/* fake_quant_layer.c - values to whole codes on a learned scale; unsigned codes are the nonlinearity too.
 *
 * In training the policy encodes values, with noise of the sum (in output steps) before rounding and noise of the
 * activation after; or values stay clean, or get the policy's injected noise (MhoNodeMode). In evaluation, where the
 * stored inputs are whole numbers, codes = clip(round(fma(sum, a, b))) with the constants of net/graph/requant.h, and
 * the policy's table if it has one, so that every executor gives the same codes. The gradient is the policy's surrogate
 * at the value that was rounded (noise of the sum included, as a constant).
 */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernels/clones.h"
#include "kernels/math.h"
#include "net/fakequant/fakequant_internal.h"

static MhoStatus fake_quant_plan(MhoFakeQuant *fq, int node, MhoError *error)
{
    MhoFakeQuantNode *self = &fq->nodes[node];
    (void)error;
    self->coded = true;
    self->largest = (double)fq->net->nodes[node].largest_code;
    self->scale_owner = mho_net_scale_owner(fq->net, node);
    self->differentiable = true;
    return MHO_OK;
}

static MhoStatus fake_quant_create(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoFakeQuantSettings *s = mho_fakequant_settings(fq, node);
    MhoFakeQuantNode *self = &fq->nodes[node];
    const char *name = fq->net->nodes[node].name;
    MhoFakeQuantizer *q = mho_calloc(1, sizeof *q, error, "node '%s'", name);
    self->state = q;
    if (!q)
        return MHO_MEMORY;
    q->a = mho_calloc(2 * self->c, sizeof *q->a, error, "node '%s'", name);
    if (!q->a)
        return MHO_MEMORY;
    q->b = q->a + self->c;
    q->owner = self->scale_owner;
    q->n = (int)self->largest;
    q->shape = (MhoQuantShape){.bits = s->bits, .is_signed = s->is_signed, .channels = 1};
    q->policy = &fq->net->nodes[node].policy;
    q->has_table = mho_net_table(fq->net, node, q->table);
    return MHO_OK;
}

static void fake_quant_destroy(MhoFakeQuant *fq, int node)
{
    MhoFakeQuantizer *q = fq->nodes[node].state;
    if (!q)
        return;
    free(q->a);
    free(q);
}

/* Whether the node reads stored whole numbers, with only batch norm and ReLU in between. */
static bool reads_whole_numbers(const MhoFakeQuant *fq, int node)
{
    do
        node = fq->net->nodes[node].inputs[0];
    while (fq->nodes[node].layer->part == MHO_PART_BATCHNORM || fq->nodes[node].layer->part == MHO_PART_RELU);
    return fq->nodes[node].coded;
}

static MhoStatus fake_quant_prepare(MhoFakeQuant *fq, int node, MhoError *error)
{
    MhoFakeQuantizer *q = fq->nodes[node].state;
    MhoRequant requant;
    q->log_scale = *mho_node_values(&fq->net->nodes[q->owner], MHO_ARRAY_LOG_SCALE);
    if (!isfinite(q->log_scale))
        return mho_fail(error, MHO_USAGE, "node '%s': its scale is not set; calibrate or train the network first",
                        fq->net->nodes[node].name);
    q->step = mho_exp((double)q->log_scale) / q->n;
    mho_fakequant_set_scale(&fq->nodes[node], q->step);
    q->mode = mho_fakequant_mode(fq, node, q->policy->quantizer);
    q->folded = !fq->batch_statistics && reads_whole_numbers(fq, node);
    if (!q->folded)
        return MHO_OK;
    const MhoStatus status = mho_net_requant(fq->net, node, q->a, q->b, &requant, error);
    q->requant_source = requant.source;
    q->low = (float)requant.low;
    q->high = (float)requant.high;
    return status;
}

/* Noise of the sum for these elements into buffer, or NULL. */
static const float *sum_noise(const MhoFakeQuant *fq, int node, size_t first, size_t n, float *buffer)
{
    if (!fq->noisy || fq->noise.sum == 0.0)
        return NULL;
    mho_normal_fill_at(mho_fakequant_stream(fq, node, fq->noise.sum, 0), MHO_DRAW_TRAIN_SUM, first, n, buffer);
    return buffer;
}

MHO_CLONES static void add_steps(size_t n, float step, const float *noise, float *x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = __builtin_fmaf(noise[i], step, x[i]);
}

/* Values in units of one step, not rounded. */
MHO_CLONES static void divide(size_t n, float step, bool rectified, const float *x, float *codes)
{
    for (size_t i = 0; i < n; i++)
        codes[i] = rectified && x[i] < 0.0F ? 0.0F : x[i] / step;
}

/* Injected noise of the policy on these elements: noisy values in place of x, slope NULL or (n). */
static void inject_tile(const MhoFakeQuant *fq, int node, size_t first, size_t n, float *x, float *slope)
{
    const MhoFakeQuantizer *q = fq->nodes[node].state;
    MhoQuantShape shape = q->shape;
    shape.per_channel = n;
    /* a tile has MHO_ROW_VALUES values or more, so every tile has another number */
    q->policy->quantizer->inject(q->policy->params, shape, x, &q->log_scale,
                                 mho_fakequant_inject_stream(fq, node, (uint32_t)(first / MHO_ROW_VALUES)), x, slope);
}

MHO_CLONES static void round_codes(size_t n, const float *x, const float *noise, float low, float high, float *codes)
{
    if (!noise) {
        for (size_t i = 0; i < n; i++)
            codes[i] = mho_round(mho_clampf(x[i], low, high));
        return;
    }
    for (size_t i = 0; i < n; i++)
        codes[i] = mho_round(mho_clampf(x[i] + noise[i], low, high));
}

static void look_up(size_t n, const MhoFakeQuantizer *q, float *codes)
{
    for (size_t i = 0; i < n; i++)
        codes[i] = mho_table_code(q->table, codes[i]);
}

void mho_fake_quantizer_tile(const MhoFakeQuant *fq, int node, size_t first, size_t n, float *x, float *buffer,
                             float *codes)
{
    const MhoFakeQuantizer *q = fq->nodes[node].state;
    const float *noise = sum_noise(fq, node, first, n, buffer);
    MhoQuantShape shape = q->shape;
    shape.per_channel = n;
    if (q->mode == MHO_MODE_CODES && q->has_table) { /* encode() would make the table for every tile */
        divide(n, (float)q->step, false, x, codes);
        round_codes(n, codes, noise, 0.0F, (float)q->n, codes);
        look_up(n, q, codes);
    } else if (q->mode == MHO_MODE_CODES) {
        q->policy->quantizer->encode(q->policy->params, shape, x, &q->log_scale, noise, codes);
    } else {
        if (noise)
            add_steps(n, (float)q->step, noise, x);
        if (q->mode == MHO_MODE_NOISE)
            inject_tile(fq, node, first, n, x, NULL);
        divide(n, (float)q->step, q->mode == MHO_MODE_CLEAN && !shape.is_signed, x, codes);
    }
    mho_fakequant_activation_noise(fq, node, first, n, codes, buffer);
}

void mho_fake_quantizer_folded_tile(const MhoFakeQuant *fq, int node, size_t first, size_t n, float *x, float *buffer,
                                    float *codes)
{
    const MhoFakeQuantizer *q = fq->nodes[node].state;
    round_codes(n, x, sum_noise(fq, node, first, n, buffer), q->low, q->high, codes);
    if (q->has_table)
        look_up(n, q, codes);
    mho_fakequant_activation_noise(fq, node, first, n, codes, buffer);
}

/* Of values that are not rounded; their size does not depend on the scale. */
static void value_gradient(const MhoFakeQuant *fq, int node, size_t first, size_t n, float *x, float *slope,
                           const float *d_codes, float *d_x)
{
    const MhoFakeQuantizer *q = fq->nodes[node].state;
    if (q->mode == MHO_MODE_NOISE)
        inject_tile(fq, node, first, n, x, slope);
    for (size_t i = 0; i < n; i++)
        d_x[i] = q->mode == MHO_MODE_NOISE           ? d_codes[i] * slope[i]
                 : q->shape.is_signed || x[i] > 0.0F ? d_codes[i]
                                                     : 0.0F;
}

double mho_fake_quantizer_tile_gradient(const MhoFakeQuant *fq, int node, size_t first, size_t n, float *x,
                                        float *buffer, const float *d_codes, float *d_x)
{
    const MhoFakeQuantizer *q = fq->nodes[node].state;
    const float *noise = sum_noise(fq, node, first, n, buffer), step = (float)q->step;
    MhoQuantShape shape = q->shape;
    float d_log_scale = 0.0F;
    shape.per_channel = n;
    if (noise)
        add_steps(n, step, noise, x);
    if (q->mode != MHO_MODE_CODES) {
        value_gradient(fq, node, first, n, x, buffer, d_codes, d_x);
        return 0.0;
    }
    q->policy->quantizer->gradient(q->policy->params, shape, x, &q->log_scale, d_codes, d_x, &d_log_scale);
    /* the policy divided by sqrt(n q) of this tile; the gradient is that of the whole tensor */
    return (double)d_log_scale * __builtin_sqrt((double)n / (double)fq->nodes[node].n);
}

const MhoFakeQuantLayer mho_fakequant_layer_fake_quant = {.part = MHO_PART_FAKE_QUANT,
                                                          .plan = fake_quant_plan,
                                                          .create = fake_quant_create,
                                                          .destroy = fake_quant_destroy,
                                                          .prepare = fake_quant_prepare};
