/* chip_sums.c - hardware-aware training: the sums of a forward pass come from a chip, gradients are straight-through.
 *
 * Every forward pass programs chip number `step` with the present weight codes; images 0 .. batch - 1 are read as the
 * analog executor reads them. Backward, with d the gradient of a sum:
 *   d' = d (1 - clip fraction of the sum's conversions), then through the clean codes as without a chip
 *   d/d ln range = sum over outputs of d * (sum of what their clipped conversions returned) / sqrt(N n)
 * N outputs of the batch, n the converter's largest code. A converter whose step is at its least, one unit, does not
 * change with a smaller range, so its range gets only gradients that make it grow.
 * Sources: Joshi et al., Nat. Commun. 11 (2020) 2473 (devices in the forward pass); Choi et al., PACT, arXiv:1805.06085
 * (the range's gradient); Esser et al., ICLR 2020 (sqrt(N n)).
 */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/clones.h"
#include "net/graph/graph_internal.h"
#include "net/fakequant/fakequant_internal.h"
#include "net/lowered/net_on_chip.h"

/* One layer on the chip. */
typedef struct ChipLayer {
    int node;
    bool used;                          /* by the last forward pass */
    int16_t *order, *codes;             /* (weights) as the net orders them, as the array does */
    int32_t *shift;                     /* (k) */
    float *clip_fraction, *d_log_range; /* (batch, positions, k) of MhoOutput; training passes only */
    uint64_t *clipped;                  /* (batch) conversions */
} ChipLayer;

struct MhoChipSums {
    MhoChipConfig config; /* of the plan */
    bool learns;          /* ranges have gradients */
    size_t n;
    ChipLayer *layers;   /* (n) in node order */
    MhoMatrix *matrices; /* (n) */
    int *layer_of;       /* (n_nodes) -1: none */
    size_t input_max, k_max;
    uint8_t *inputs;       /* (threads, input_max) */
    float *ones, *zeros;   /* (k_max) */
    double *partial;       /* (batch) */
    MhoLoweredNet lowered; /* matrices alone: fakequant runs the rest of the graph */
    MhoNetOnChip *on_chip; /* of the last forward pass; NULL: none */
    MhoArena arena;
};

MhoChipConfig mho_chip_sums_config(const MhoChipConfig *config)
{
    MhoChipConfig used = *config;
    if (used.chip.range == MHO_RANGE_CALIBRATED) {
        used.chip.range = MHO_RANGE_LEARNED;
        used.chip.calibrate = MHO_CALIBRATE_IDEAL;
    }
    return used;
}

void mho_fakequant_set_chip(MhoFakeQuant *fq, const MhoChipConfig *config, MhoCondition at, uint32_t step)
{
    fq->chip_config = config;
    fq->chip_at = at;
    fq->chip_step = step;
}

static void carve_layer(const MhoFakeQuant *fq, MhoChipSums *c, int node)
{
    const MhoFakeQuantNode *self = &fq->nodes[node], *x = mho_fakequant_input(fq, node, 0);
    const size_t n_weights = mho_node_array(&fq->net->nodes[node], MHO_ARRAY_WEIGHT)->n;
    ChipLayer spare, *layer = c->layers ? &c->layers[c->n] : &spare;
    layer->node = node;
    layer->order = mho_arena_take(&c->arena, n_weights, sizeof *layer->order);
    layer->codes = mho_arena_take(&c->arena, n_weights, sizeof *layer->codes);
    layer->shift = mho_arena_take(&c->arena, self->c, sizeof *layer->shift);
    layer->clip_fraction = fq->training ? mho_arena_take(&c->arena, self->n, sizeof *layer->clip_fraction) : NULL;
    layer->d_log_range = fq->training ? mho_arena_take(&c->arena, self->n, sizeof *layer->d_log_range) : NULL;
    layer->clipped = mho_arena_take(&c->arena, fq->batch, sizeof *layer->clipped);
    if (c->layer_of)
        c->layer_of[node] = (int)c->n;
    c->n++;
    c->input_max = x->n / fq->batch > c->input_max ? x->n / fq->batch : c->input_max;
    c->k_max = self->c > c->k_max ? self->c : c->k_max;
}

static void carve(void *object)
{
    const MhoFakeQuant *fq = object;
    MhoChipSums *c = fq->chip;
    const size_t n_nodes = fq->net->n_nodes, threads = (size_t)fq->threads;
    c->n = 0;
    c->layers = mho_arena_take(&c->arena, n_nodes, sizeof *c->layers);
    c->matrices = mho_arena_take(&c->arena, n_nodes, sizeof *c->matrices);
    c->layer_of = mho_arena_take(&c->arena, n_nodes, sizeof *c->layer_of);
    c->partial = mho_arena_take(&c->arena, fq->batch, sizeof *c->partial);
    for (int i = 0; i < (int)n_nodes; i++) {
        if (c->layer_of)
            c->layer_of[i] = -1;
        if (mho_node_conv(&fq->net->nodes[i]) && fq->nodes[i].coded) /* coded layers have weight bits */
            carve_layer(fq, c, i);
    }
    c->inputs = mho_arena_take(&c->arena, threads * c->input_max, 1);
    c->ones = mho_arena_take(&c->arena, c->k_max, sizeof *c->ones);
    c->zeros = mho_arena_take(&c->arena, c->k_max, sizeof *c->zeros);
}

static MhoStatus chip_create(MhoFakeQuant *fq, MhoError *error)
{
    MhoChipSums *c = mho_calloc(1, sizeof *c, error, "training on a chip");
    fq->chip = c;
    if (!c)
        return MHO_MEMORY;
    const MhoStatus status = mho_arena_build(&c->arena, carve, fq, error);
    if (status != MHO_OK) {
        free(c);
        fq->chip = NULL;
        return status;
    }
    for (size_t k = 0; k < c->k_max; k++)
        c->ones[k] = 1.0F;
    return MHO_OK;
}

/* Forget the chip of the last forward pass. */
static void forget_chip(MhoChipSums *c)
{
    mho_net_on_chip_destroy(c->on_chip);
    c->on_chip = NULL;
    for (size_t m = 0; m < c->n; m++)
        c->layers[m].used = false;
}

void mho_chip_sums_destroy(MhoFakeQuant *fq)
{
    if (!fq->chip)
        return;
    forget_chip(fq->chip);
    mho_arena_destroy(&fq->chip->arena);
    free(fq->chip);
}

/* The matrices of this forward pass. */
static MhoStatus fill_matrices(MhoFakeQuant *fq, MhoChipSums *c, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t m = 0; m < c->n && status == MHO_OK; m++) {
        ChipLayer *layer = &c->layers[m];
        const MhoNode *node = &fq->net->nodes[layer->node];
        mho_weighted_refit_scale(fq, layer->node);
        memset(&c->matrices[m], 0, sizeof c->matrices[m]);
        status = mho_net_matrix(fq->net, layer->node, layer->order, layer->codes, layer->shift, &c->matrices[m], error);
        if (status == MHO_OK && c->config.chip.range == MHO_RANGE_LEARNED && !mho_node_conv(node)->adc_range)
            status = mho_fail(
                error, MHO_USAGE,
                "node '%s' has no converter range to train with: mho_net_calibrate_adc_ranges makes one, or set "
                "chip.adc.range to unit, maximum or fixed",
                node->name);
    }
    return status;
}

MhoStatus mho_chip_sums_program(MhoFakeQuant *fq, MhoError *error)
{
    MhoStatus status = MHO_OK;
    if (fq->chip)
        forget_chip(fq->chip);
    if (!fq->chip_config || !fq->batch_statistics)
        return MHO_OK;
    if (!fq->chip)
        status = chip_create(fq, error);
    if (status == MHO_OK && fq->noisy && (fq->noise.weight != 0.0 || fq->noise.activation != 0.0))
        status = mho_fail(error, MHO_USAGE,
                          "a chip adds noise itself and takes whole codes only: set train.noise.weight=0 and "
                          "train.noise.activation=0");
    if (status != MHO_OK || fq->chip->n == 0)
        return status;
    MhoChipSums *c = fq->chip;
    c->config = mho_chip_sums_config(fq->chip_config);
    c->learns = fq->chip_config->chip.range == MHO_RANGE_LEARNED;
    status = fill_matrices(fq, c, error);
    c->lowered = (MhoLoweredNet){.matrices = c->matrices, .n_matrices = c->n};
    const MhoNetOnChipInput input = {.net = &c->lowered, .config = &c->config, .threads = fq->threads};
    if (status == MHO_OK)
        status = mho_net_on_chip_create(&input, &c->on_chip, error);
    return status == MHO_OK ? mho_net_on_chip_set(c->on_chip, fq->chip_step, fq->chip_at, NULL, error) : status;
}

bool mho_fakequant_on_chip(const MhoFakeQuant *fq, int node)
{
    const int source = mho_net_code_source(fq->net, fq->net->nodes[node].inputs[0]);
    if (!fq->chip || !fq->chip->on_chip || fq->chip->layer_of[node] < 0 || source < 0)
        return false;
    const MhoFakeQuantizer *quantizer = mho_node_fake_quant(&fq->net->nodes[source]) ? fq->nodes[source].state : NULL;
    return !quantizer || quantizer->mode == MHO_MODE_CODES;
}

/* Codes as bytes; the byte of a negative code is that of an int8_t. */
MHO_CLONES static void narrow(size_t n, const float *x, uint8_t *codes)
{
    for (size_t i = 0; i < n; i++)
        codes[i] = (uint8_t)(int)x[i];
}

/* Image n of the batch through layer m. */
static void read_image(const MhoFakeQuant *fq, size_t m, const MhoGather *gather, size_t n, int thread)
{
    const MhoChipSums *c = fq->chip;
    ChipLayer *layer = &c->layers[m];
    const MhoFakeQuantNode *x = mho_fakequant_input(fq, layer->node, 0), *self = &fq->nodes[layer->node];
    const size_t in = x->n / fq->batch, out = self->n / fq->batch;
    uint8_t *codes = c->inputs + (size_t)thread * c->input_max;
    MhoLayerMeter meter = {0};
    const MhoLayerCall call = {.layer = m,
                               .gather = gather,
                               .codes = codes,
                               .image = (uint32_t)n,
                               .output = {.a = c->ones,
                                          .b = c->zeros,
                                          .logits = self->stored + n * out,
                                          .clip_fraction = layer->clip_fraction ? layer->clip_fraction + n * out : NULL,
                                          .d_log_range = layer->clip_fraction ? layer->d_log_range + n * out : NULL},
                               .meter = &meter};
    narrow(in, x->stored + n * in, codes);
    mho_net_on_chip_read_layer(c->on_chip, thread, &call);
    layer->clipped[n] = meter.clipped;
}

void mho_chip_sums_forward(MhoFakeQuant *fq, int node)
{
    const MhoGather gather = mho_node_gather(fq->net, &fq->net->nodes[node]);
    const size_t m = (size_t)fq->chip->layer_of[node];
    fq->chip->layers[m].used = true;
#pragma omp parallel for schedule(dynamic) num_threads(fq->threads)
    for (size_t n = 0; n < fq->batch; n++)
        read_image(fq, m, &gather, n, omp_get_thread_num());
}

/* d (n) is masked; returns the gradient of ln range. */
static double mask(size_t n, const float *clip_fraction, const float *d_log_range, float *d)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)d[i] * (double)d_log_range[i];
        d[i] *= 1.0F - clip_fraction[i];
    }
    return sum;
}

void mho_chip_sums_backward(MhoFakeQuant *fq, int node)
{
    MhoChipSums *c = fq->chip;
    const MhoFakeQuantNode *self = &fq->nodes[node];
    const size_t n_out = self->n / fq->batch;
    float *gradient = mho_fakequant_gradient_of(fq, node, MHO_ARRAY_ADC_LOG_RANGE);
    double sum = 0.0;
    if (!c || c->layer_of[node] < 0 || !c->layers[c->layer_of[node]].used)
        return;
    const size_t m = (size_t)c->layer_of[node];
    const ChipLayer *layer = &c->layers[m];
    const MhoLayerPlan plan = mho_plan_layer(mho_net_on_chip_plan(c->on_chip), m);
#pragma omp parallel for schedule(static) num_threads(fq->threads)
    for (size_t n = 0; n < fq->batch; n++)
        c->partial[n] = layer->clipped[n] == 0 ? 0.0
                                               : mask(n_out, layer->clip_fraction + n * n_out,
                                                      layer->d_log_range + n * n_out, self->d_stored + n * n_out);
    for (size_t n = 0; n < fq->batch; n++)
        sum += c->partial[n];
    const bool at_least = c->matrices[m].adc_range < plan.largest_code; /* a step of one unit */
    if (gradient && c->learns && !(at_least && sum > 0.0))
        gradient[0] = (float)(sum / sqrt((double)self->n * plan.largest_code));
}
