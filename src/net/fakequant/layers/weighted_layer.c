/* weighted_layer.c - convolution and dense layers: weight codes, scales, forward and backward.
 *
 * A quantized layer multiplies stored codes by weight codes; sums are exact below 2^24 and
 *   value_k = m_k (sum + round(shift_k)) + bias_k,  m_k = scale_x e^(s_w,k) / n_w
 * where the shift is part of the stored sums (straight-through gradient) and m_k, bias_k go to the layer that reads
 * them. In training a layer may have clean or noisy values instead of codes (MhoNodeMode), in units of one step, or
 * sums of a chip (chip_sums.c). In evaluation, a layer whose sums may pass 2^24 multiplies planes, code =
 * sum_p step^p plane_p, added in double. Non-uniform levels: training fits e^(s_w) to the weights first. A float
 * layer stores values; the scale of its input is multiplied into its weights.
 * Source: Verhoef et al., FQ-Conv, arXiv:1912.09356. Injected weight noise: sigma in steps of the weight's own grid.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/clones.h"
#include "kernels/math.h"
#include "net/graph/graph_internal.h"
#include "net/fakequant/fakequant_internal.h"

static const double exact_limit = 16777216.0; /* 2^24: whole numbers below are exact in float */

/* Codes as whole numbers in base `step`, fewest planes first; digits are within -step / 2 .. step / 2. */
typedef struct Planes {
    int n, largest; /* planes; largest code */
    float step;
} Planes;
static const Planes plane_schemes[] = {{2, 127, 16.0F}, {2, 32639, 256.0F}, {4, 32639, 16.0F}};

typedef struct Weighted {
    MhoConvolution *whole, *single; /* the batch; one image (fresh weight noise per image) */
    MhoConvGeometry geometry;
    size_t n_weights, rows;
    size_t n_total;          /* sums of planes, 0: none */
    const MhoPolicy *policy; /* NULL: float weights */
    MhoQuantShape shape;     /* of the weights; channels 1: per tensor */
    int n_w;
    double *unit;     /* (k) e^s / n_w, or the input's scale for float weights */
    MhoNodeMode mode; /* of this forward pass */
    float *weights, *clean, *d_weights;
    float *slope;             /* (weights) of injected noise; NULL: the policy has none, or nothing is learned */
    float *residual;          /* (weights) codes without the digits that are taken; NULL where total is */
    float *shift;             /* (k) what is added to the stored sums: rounded shift, or the bias of a float layer */
    float *offset, *d_offset; /* (k) the primitive's own */
    double *total;            /* (batch, out_h, out_w, k) sums over planes; NULL where 2^24 is out of reach */
    const Planes *planes;     /* of this forward pass; NULL: codes as they are */
    MhoArena arena;
} Weighted;

static MhoStatus weighted_plan(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoConvSettings *s = mho_fakequant_settings(fq, node);
    const MhoFakeQuantNode *x = mho_fakequant_input(fq, node, 0);
    MhoFakeQuantNode *self = &fq->nodes[node];
    if (x->per_channel || x->has_offset)
        return mho_fail(error, MHO_USAGE,
                        "node '%s': its input has a scale per channel or a bias left to apply; put a relu, batchnorm "
                        "or quantizer in front",
                        fq->net->nodes[node].name);
    self->coded = s->bits && x->coded;
    self->per_channel = s->bits && s->scale == MHO_SCALE_PER_CHANNEL;
    self->has_offset = s->bits && s->bias;
    return MHO_OK;
}

static void geometry_of(const MhoFakeQuant *fq, int node, MhoConvGeometry *g)
{
    const MhoConvSettings *s = mho_fakequant_settings(fq, node);
    const MhoShape in = fq->net->nodes[fq->net->nodes[node].inputs[0]].shape, out = fq->net->nodes[node].shape;
    const bool dense = mho_node_is(&fq->net->nodes[node], &mho_layer_dense); /* one position that sees everything */
    *g = (MhoConvGeometry){.batch = (int)fq->batch,
                           .h = dense ? 1 : in.h,
                           .w = dense ? 1 : in.w,
                           .c = dense ? in.h * in.w * in.c : in.c,
                           .k = s->channels,
                           .kernel = dense ? 1 : s->kernel,
                           .stride = dense ? 1 : s->stride,
                           .pad = dense ? 0 : s->pad,
                           .groups = dense ? 1 : s->groups,
                           .out_h = out.h,
                           .out_w = out.w,
                           .bias = s->bias || s->shift,
                           .training = fq->training};
}

static void carve(void *object)
{
    Weighted *w = object;
    const size_t k = (size_t)w->geometry.k;
    const size_t scratch = w->policy ? w->policy->quantizer->scratch : 0;
    const bool injects = w->policy && w->policy->quantizer->inject;
    w->unit = mho_arena_take(&w->arena, k, sizeof *w->unit);
    w->weights = mho_arena_take(&w->arena, w->n_weights, sizeof *w->weights);
    w->clean = mho_arena_take(&w->arena, w->n_weights, sizeof *w->clean);
    w->shift = mho_arena_take(&w->arena, k, sizeof *w->shift);
    w->residual = w->n_total ? mho_arena_take(&w->arena, w->n_weights, sizeof *w->residual) : NULL;
    w->shape.scratch = scratch ? mho_arena_take(&w->arena, w->shape.per_channel, scratch) : NULL;
    w->slope = w->geometry.training && injects ? mho_arena_take(&w->arena, w->n_weights, sizeof *w->slope) : NULL;
    w->total = w->n_total ? mho_arena_take(&w->arena, w->n_total, sizeof *w->total) : NULL;
    w->offset = mho_arena_take(&w->arena, k, sizeof *w->offset);
    w->d_offset = mho_arena_take(&w->arena, k, sizeof *w->d_offset);
    w->d_weights = mho_arena_take(&w->arena, w->geometry.training ? w->n_weights : 1, sizeof *w->d_weights);
}

static void set_policy(Weighted *w, const MhoNode *node, const MhoConvSettings *s)
{
    w->policy = &node->policy;
    w->n_w = node->largest_code;
    w->shape = (MhoQuantShape){.bits = s->bits, .is_signed = true, .channels = 1, .per_channel = w->n_weights};
    if (s->scale == MHO_SCALE_PER_CHANNEL) {
        w->shape.channels = (size_t)s->channels;
        w->shape.per_channel = w->rows;
    }
}

static MhoStatus weighted_create(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoConvSettings *s = mho_fakequant_settings(fq, node);
    const MhoFakeQuantNode *x = mho_fakequant_input(fq, node, 0);
    MhoFakeQuantNode *self = &fq->nodes[node];
    Weighted *w = mho_calloc(1, sizeof *w, error, "node '%s'", fq->net->nodes[node].name);
    self->state = w;
    if (!w)
        return MHO_MEMORY;
    MhoConvGeometry *g = &w->geometry;
    geometry_of(fq, node, g);
    w->rows = (size_t)g->kernel * (size_t)g->kernel * (size_t)(g->c / g->groups);
    w->n_weights = w->rows * (size_t)g->k;
    if (s->bits)
        set_policy(w, &fq->net->nodes[node], s);
    const bool large = self->coded && (double)w->rows * w->n_w * x->largest >= exact_limit;
    w->n_total = large ? self->n : 0;
    MhoStatus status = mho_arena_build(&w->arena, carve, w, error);
    if (status != MHO_OK)
        return status;
    g->needs_d_source = x->differentiable;
    g->source = x->stored;
    g->d_source = x->d_stored;
    g->destination = self->stored;
    g->d_destination = self->d_stored;
    g->weights = w->weights;
    g->d_weights = w->d_weights;
    g->offset = w->offset;
    g->d_offset = w->d_offset;
    status = mho_convolution_create(fq, g, &w->whole, error);
    if (status != MHO_OK || fq->training)
        return status;
    MhoConvGeometry one = *g;
    one.batch = 1;
    return mho_convolution_create(fq, &one, &w->single, error);
}

static void weighted_destroy(MhoFakeQuant *fq, int node)
{
    Weighted *w = fq->nodes[node].state;
    if (!w)
        return;
    mho_convolution_destroy(w->whole);
    mho_convolution_destroy(w->single);
    mho_arena_destroy(&w->arena);
    free(w);
}

/* Largest sum |w_code| n_x + |shift| of a channel: below 2^24 float sums are exact in any order. */
static double largest_sum(const Weighted *w, const float *codes, double n_x)
{
    double largest = 0.0;
    for (size_t k = 0; k < (size_t)w->geometry.k; k++) {
        double sum = 0.0;
        for (size_t r = 0; r < w->rows; r++)
            sum += __builtin_fabs((double)codes[k * w->rows + r]);
        sum = sum * n_x + __builtin_fabs((double)w->shift[k]);
        largest = sum > largest ? sum : largest;
    }
    return largest;
}

/* Planes where sums of the codes would not be exact; USAGE where no planes can add them. */
static MhoStatus choose_planes(const MhoFakeQuant *fq, int node, Weighted *w, double n_x, MhoError *error)
{
    w->planes = NULL;
    if (largest_sum(w, w->clean, n_x) < exact_limit)
        return MHO_OK;
    for (size_t i = 0; i < sizeof plane_schemes / sizeof *plane_schemes && w->total; i++) {
        const double plane = (double)w->rows * (double)plane_schemes[i].step / 2.0 * n_x;
        if (w->n_w > plane_schemes[i].largest || !(plane < exact_limit))
            continue;
        w->planes = &plane_schemes[i];
        return MHO_OK;
    }
    return mho_fail(error, MHO_USAGE,
                    "node '%s': its sums can pass 2^24 and would not be exact; use fewer bits or a smaller window",
                    fq->net->nodes[node].name);
}

void mho_weighted_refit_scale(MhoFakeQuant *fq, int node)
{
    const Weighted *w = fq->nodes[node].state;
    MhoNode *self = &fq->net->nodes[node];
    if (!w->policy->quantizer->nonuniform)
        return;
    w->policy->quantizer->fit(w->policy->params, w->shape, mho_node_array(self, MHO_ARRAY_WEIGHT)->value,
                              mho_node_array(self, MHO_ARRAY_LOG_SCALE)->value);
}

/* w->clean: codes, or clean or noisy weights in units of one step. */
static void fill_codes(MhoFakeQuant *fq, int node, Weighted *w, const float *log_scale)
{
    const MhoQuantizer *quantizer = w->policy->quantizer;
    const float *weight = mho_node_values(&fq->net->nodes[node], MHO_ARRAY_WEIGHT);
    w->mode = mho_fakequant_mode(fq, node, quantizer);
    if (w->mode == MHO_MODE_CODES) {
        quantizer->encode(w->policy->params, w->shape, weight, log_scale, NULL, w->clean);
        return;
    }
    if (w->mode == MHO_MODE_NOISE)
        quantizer->inject(w->policy->params, w->shape, weight, log_scale, mho_fakequant_inject_stream(fq, node, 0),
                          w->clean, w->slope);
    else
        memcpy(w->clean, weight, w->n_weights * sizeof *w->clean);
    for (size_t k = 0; k < (size_t)w->geometry.k; k++)
        for (size_t r = k * w->rows; r < (k + 1) * w->rows; r++)
            w->clean[r] = (float)((double)w->clean[r] / w->unit[k]);
}

/* Codes, steps and stored offset of a quantized layer. */
static MhoStatus prepare_codes(MhoFakeQuant *fq, int node, Weighted *w, MhoError *error)
{
    const char *name = fq->net->nodes[node].name;
    const float *log_scale = mho_node_values(&fq->net->nodes[node], MHO_ARRAY_LOG_SCALE),
                *shift = mho_node_values(&fq->net->nodes[node], MHO_ARRAY_SHIFT);
    const float *bias = mho_node_values(&fq->net->nodes[node], MHO_ARRAY_BIAS);
    const MhoFakeQuantNode *x = mho_fakequant_input(fq, node, 0);
    MhoFakeQuantNode *self = &fq->nodes[node];
    const bool exact = self->coded && !fq->batch_statistics && !fq->noisy;
    if (fq->batch_statistics)
        mho_weighted_refit_scale(fq, node);
    for (size_t k = 0; k < w->shape.channels; k++)
        if (!isfinite(log_scale[k]))
            return mho_fail(error, MHO_USAGE, "node '%s': its weight scale is not set; fit the weights first", name);
    for (size_t k = 0; k < (size_t)w->geometry.k; k++) {
        w->unit[k] = mho_exp((double)log_scale[w->shape.channels > 1 ? k : 0]) / w->n_w;
        self->scale[k] = (float)((double)x->scale[0] * w->unit[k]);
        self->offset[k] = bias ? bias[k] : 0.0F;
        w->shift[k] = shift ? mho_round(shift[k]) : 0.0F;
    }
    fill_codes(fq, node, w, log_scale);
    w->planes = NULL;
    return exact ? choose_planes(fq, node, w, x->largest, error) : MHO_OK;
}

static void prepare_float(MhoFakeQuant *fq, int node, Weighted *w)
{
    const float *weight = mho_node_values(&fq->net->nodes[node], MHO_ARRAY_WEIGHT),
                *bias = mho_node_values(&fq->net->nodes[node], MHO_ARRAY_BIAS);
    const float scale = mho_fakequant_input(fq, node, 0)->scale[0];
    for (size_t i = 0; i < w->n_weights; i++)
        w->clean[i] = weight[i] * scale;
    for (size_t k = 0; k < (size_t)w->geometry.k; k++) {
        w->unit[k] = (double)scale;
        w->shift[k] = bias ? bias[k] : 0.0F;
    }
    mho_fakequant_set_scale(&fq->nodes[node], 1.0);
}

/* weights = clean codes plus this image's noise. */
static void add_weight_noise(MhoFakeQuant *fq, int node, Weighted *w, uint32_t image)
{
    const MhoConvSettings *s = mho_fakequant_settings(fq, node);
    if (!s->bits || !fq->noisy || fq->noise.weight == 0.0) {
        memcpy(w->weights, w->clean, w->n_weights * sizeof *w->weights);
        return;
    }
    mho_normal_fill(mho_fakequant_stream(fq, node, fq->noise.weight, image), MHO_DRAW_TRAIN_WEIGHT, w->n_weights,
                    w->weights);
    for (size_t i = 0; i < w->n_weights; i++)
        w->weights[i] += w->clean[i];
}

static MhoStatus weighted_prepare(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoConvSettings *s = mho_fakequant_settings(fq, node);
    Weighted *w = fq->nodes[node].state;
    if (s->bits)
        return prepare_codes(fq, node, w, error);
    prepare_float(fq, node, w);
    return MHO_OK;
}

/* total = step total + sum (first: sum). */
MHO_CLONES static void add_plane(size_t n, double step, bool first, const float *sum, double *total)
{
    for (size_t i = 0; i < n; i++)
        total[i] = (first ? 0.0 : step * total[i]) + (double)sum[i];
}

/* The whole number with its channel's shift, rounded to float once. */
MHO_CLONES static void round_totals(size_t positions, size_t k, const double *total, const float *shift, float *stored)
{
    for (size_t p = 0; p < positions; p++)
        for (size_t j = 0; j < k; j++)
            stored[p * k + j] = (float)(total[p * k + j] + (double)shift[j]);
}

/* weights = the digit of the residual at this place; the residual loses it. */
static void take_digit(size_t n, float place, float *residual, float *weights)
{
    for (size_t i = 0; i < n; i++) {
        weights[i] = mho_round(residual[i] / place);
        residual[i] -= place * weights[i];
    }
}

/* Sums beyond 2^24: (float) of the exact whole number, as the integer executor gives. */
static MhoStatus forward_planes(MhoFakeQuant *fq, int node, Weighted *w, MhoError *error)
{
    const float *x = mho_fakequant_input(fq, node, 0)->stored;
    float *stored = fq->nodes[node].stored, place = 1.0F;
    const size_t k = (size_t)w->geometry.k, n = fq->nodes[node].n / fq->batch;
    MhoStatus status = MHO_OK;
    for (int p = 1; p < w->planes->n; p++)
        place *= w->planes->step;
    memcpy(w->residual, w->clean, w->n_weights * sizeof *w->residual);
    memset(w->offset, 0, k * sizeof *w->offset);
    for (int p = 0; p < w->planes->n && status == MHO_OK; p++, place /= w->planes->step) {
        take_digit(w->n_weights, place, w->residual, w->weights);
        status = mho_convolution_forward(fq, w->whole, x, stored, error);
#pragma omp parallel for schedule(static) num_threads(fq->threads)
        for (size_t i = 0; i < fq->batch; i++)
            add_plane(n, (double)w->planes->step, p == 0, stored + i * n, w->total + i * n);
    }
#pragma omp parallel for schedule(static) num_threads(fq->threads)
    for (size_t i = 0; i < fq->batch; i++)
        round_totals(n / k, k, w->total + i * n, w->shift, stored + i * n);
    memcpy(w->weights, w->clean, w->n_weights * sizeof *w->weights); /* a backward pass reads them */
    return status;
}

/* One image at a time, each with other weight noise. */
static MhoStatus forward_per_image(MhoFakeQuant *fq, int node, Weighted *w, MhoError *error)
{
    const MhoFakeQuantNode *x = mho_fakequant_input(fq, node, 0);
    const MhoFakeQuantNode *self = &fq->nodes[node];
    const size_t in = x->n / fq->batch, out = self->n / fq->batch;
    MhoStatus status = MHO_OK;
    for (size_t n = 0; n < fq->batch && status == MHO_OK; n++) {
        add_weight_noise(fq, node, w, (uint32_t)n);
        status = mho_convolution_forward(fq, w->single, x->stored + n * in, self->stored + n * out, error);
    }
    return status;
}

static MhoStatus weighted_forward(MhoFakeQuant *fq, int node, MhoError *error)
{
    Weighted *w = fq->nodes[node].state;
    if (w->planes)
        return forward_planes(fq, node, w, error);
    memcpy(w->offset, w->shift, (size_t)w->geometry.k * sizeof *w->offset);
    if (fq->noisy && fq->noise.weight_per_image && fq->noise.weight != 0.0 && w->single)
        return forward_per_image(fq, node, w, error);
    add_weight_noise(fq, node, w, 0);
    if (w->mode == MHO_MODE_CODES && mho_fakequant_on_chip(fq, node)) {
        mho_chip_sums_forward(fq, node);
        return MHO_OK;
    }
    return mho_convolution_forward(fq, w->whole, mho_fakequant_input(fq, node, 0)->stored, fq->nodes[node].stored,
                                   error);
}

/* From the gradients of stored weights and stored offset to those of the arrays. */
static void distribute(MhoFakeQuant *fq, int node, Weighted *w)
{
    const MhoConvSettings *s = mho_fakequant_settings(fq, node);
    float *d_weight = mho_fakequant_gradient_of(fq, node, MHO_ARRAY_WEIGHT),
          *d_bias = mho_fakequant_gradient_of(fq, node, MHO_ARRAY_BIAS);
    float *d_shift = mho_fakequant_gradient_of(fq, node, MHO_ARRAY_SHIFT);
    const float *scale = fq->nodes[node].scale;
    for (size_t k = 0; k < (size_t)w->geometry.k; k++) {
        const float factor =
            (float)(s->bits ? 1.0 / w->unit[k] : w->unit[k]); /* stored = value / unit, or value * scale_x */
        float *row = w->d_weights + k * w->rows;
        for (size_t r = 0; r < w->rows; r++)
            row[r] *= factor;
        if (d_bias)
            d_bias[k] = s->bits ? w->d_offset[k] / scale[k] : w->d_offset[k];
        if (d_shift)
            d_shift[k] = w->d_offset[k];
    }
    if (s->bits && w->mode == MHO_MODE_CODES)
        w->policy->quantizer->gradient(w->policy->params, w->shape,
                                       mho_node_values(&fq->net->nodes[node], MHO_ARRAY_WEIGHT),
                                       mho_node_values(&fq->net->nodes[node], MHO_ARRAY_LOG_SCALE), w->d_weights,
                                       d_weight, mho_fakequant_gradient_of(fq, node, MHO_ARRAY_LOG_SCALE));
    else
        memcpy(d_weight, w->d_weights, w->n_weights * sizeof *d_weight);
    if (s->bits && w->mode == MHO_MODE_NOISE)
        for (size_t r = 0; r < w->n_weights; r++)
            d_weight[r] *= w->slope[r];
}

static MhoStatus weighted_backward(MhoFakeQuant *fq, int node, MhoError *error)
{
    const int source = fq->net->nodes[node].inputs[0];
    Weighted *w = fq->nodes[node].state;
    float *d_source = mho_fakequant_gradient_begin(fq, source);
    mho_chip_sums_backward(fq, node);
    const MhoStatus status = mho_convolution_backward(fq, w->whole, d_source, error);
    if (status != MHO_OK)
        return status;
    if (d_source)
        mho_fakequant_gradient_end(fq, source);
    distribute(fq, node, w);
    return MHO_OK;
}

#define WEIGHTED_LAYER                                                                                          \
    {                                                                                                           \
        .part = MHO_PART_TENSOR, .plan = weighted_plan, .create = weighted_create, .destroy = weighted_destroy, \
        .prepare = weighted_prepare, .forward = weighted_forward, .backward = weighted_backward                 \
    }
const MhoFakeQuantLayer mho_fakequant_layer_conv = WEIGHTED_LAYER, mho_fakequant_layer_dense = WEIGHTED_LAYER;
