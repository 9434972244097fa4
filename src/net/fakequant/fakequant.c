/* fakequant.c - float and fake-quant executor: buffers, order of the nodes, noise streams, logits and gradients.
 *
 * Whole-tensor layers run one by one; the elementwise layers after them run as epilogues (epilogue.c). In training an
 * epilogue stores only its last output and backward computes the rest again; otherwise every output is stored.
 */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/clones.h"
#include "kernels/math.h"
#include "net/fakequant/fakequant_internal.h"

float *mho_fakequant_gradient_of(const MhoFakeQuant *fq, int node, MhoArrayRole role)
{
    MhoNode *self = &fq->net->nodes[node];
    const MhoNodeArray *array = mho_node_array(self, role);
    return array ? fq->nodes[node].gradient[array - self->arrays] : NULL;
}

void mho_fakequant_set_scale(MhoFakeQuantNode *node, double scale)
{
    for (size_t k = 0; k < node->c; k++) {
        node->scale[k] = (float)scale;
        node->offset[k] = 0.0F;
    }
}

float *mho_fakequant_gradient_begin(MhoFakeQuant *fq, int node)
{
    const MhoFakeQuantNode *self = &fq->nodes[node];
    if (!self->differentiable)
        return NULL;
    return self->d_written ? fq->spare : self->d_stored;
}

MHO_CLONES static void add_values(size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

void mho_fakequant_gradient_end(MhoFakeQuant *fq, int node)
{
    MhoFakeQuantNode *self = &fq->nodes[node];
    const size_t n = self->n / fq->batch;
    if (self->d_written) {
#pragma omp parallel for schedule(static) num_threads(fq->threads)
        for (size_t i = 0; i < fq->batch; i++)
            add_values(n, fq->spare + i * n, self->d_stored + i * n);
    }
    self->d_written = true;
}

MhoStream mho_fakequant_stream(const MhoFakeQuant *fq, int node, double sigma, uint32_t image)
{
    return (MhoStream){.seed = fq->noise.seed,
                       .step = fq->noise.step,
                       .place = mho_place((uint32_t)node, 0, 0),
                       .image = image,
                       .noise = (float)sigma};
}

MhoNodeMode mho_fakequant_mode(const MhoFakeQuant *fq, int node, const MhoQuantizer *quantizer)
{
    const MhoNodeMode mode = fq->modes && fq->batch_statistics ? (MhoNodeMode)fq->modes[node] : MHO_MODE_CODES;
    return mode == MHO_MODE_NOISE && !quantizer->inject ? MHO_MODE_CODES : mode;
}

MhoStream mho_fakequant_inject_stream(const MhoFakeQuant *fq, int node, uint32_t part)
{
    return (MhoStream){
        .seed = fq->modes_seed, .step = fq->modes_step, .place = mho_place((uint32_t)node, 0, 0), .image = part};
}

void mho_fakequant_activation_noise(const MhoFakeQuant *fq, int node, size_t first, size_t n, float *codes,
                                    float *buffer)
{
    if (!fq->noisy || fq->noise.activation == 0.0)
        return;
    mho_normal_fill_at(mho_fakequant_stream(fq, node, fq->noise.activation, 0), MHO_DRAW_TRAIN_ACTIVATION, first, n,
                       buffer);
    add_values(n, buffer, codes);
}

/* Flags and sizes of every node. */
static MhoStatus plan_nodes(MhoFakeQuant *fq, MhoError *error)
{
    for (int i = 0; i < (int)fq->net->n_nodes; i++) {
        const MhoNode *node = &fq->net->nodes[i];
        MhoFakeQuantNode *self = &fq->nodes[i];
        self->layer = mho_fakequant_layer(node->layer);
        self->positions = fq->batch * (size_t)node->shape.h * (size_t)node->shape.w;
        self->c = (size_t)node->shape.c;
        self->n = self->positions * self->c;
        self->scale_owner = -1;
        for (int k = 0; k < node->n_inputs; k++) {
            self->differentiable = self->differentiable || mho_fakequant_input(fq, i, k)->differentiable;
            mho_fakequant_input(fq, i, k)->n_users++;
        }
        for (size_t a = 0; a < node->n_arrays; a++)
            self->differentiable = self->differentiable || node->arrays[a].learned;
        const MhoStatus status = fq->nodes[i].layer->plan ? fq->nodes[i].layer->plan(fq, i, error) : MHO_OK;
        if (status != MHO_OK)
            return status;
    }
    return MHO_OK;
}

/* The member of an epilogue for a part. */
static int *epilogue_slot(MhoEpilogue *e, MhoFakeQuantPart part)
{
    return part == MHO_PART_BATCHNORM ? &e->batchnorm : part == MHO_PART_RELU ? &e->relu : &e->quantizer;
}

/* Group elementwise nodes: in training one joins the epilogue that ends right before it. */
static void find_epilogues(MhoFakeQuant *fq)
{
    for (int i = 0; i < (int)fq->net->n_nodes; i++) {
        const MhoFakeQuantPart part = fq->nodes[i].layer->part;
        fq->epilogue_of[i] = -1;
        if (part == MHO_PART_TENSOR)
            continue;
        const int input = fq->net->nodes[i].inputs[0], before = fq->epilogue_of[input];
        const bool joins =
            fq->training && before >= 0 && fq->nodes[input].n_users == 1 && fq->nodes[input].layer->part < part;
        if (joins)
            fq->epilogue_of[input] = -1;
        else
            fq->epilogues[fq->n_epilogues] =
                (MhoEpilogue){.source = input, .batchnorm = -1, .relu = -1, .quantizer = -1};
        const int at = joins ? before : (int)fq->n_epilogues++;
        *epilogue_slot(&fq->epilogues[at], part) = i;
        fq->epilogues[at].end = i;
        fq->epilogue_of[i] = at;
    }
}

static void take_node(MhoFakeQuant *fq, int i, MhoArena *arena)
{
    const MhoNode *node = &fq->net->nodes[i];
    MhoFakeQuantNode *self = &fq->nodes[i];
    const int e = fq->epilogue_of[i];
    const bool kept = fq->nodes[i].layer->part == MHO_PART_TENSOR || e >= 0;
    const MhoFakeQuantNode *source = e >= 0 ? &fq->nodes[fq->epilogues[e].source] : NULL;
    self->scale = mho_arena_take(arena, self->c, sizeof *self->scale);
    self->offset = mho_arena_take(arena, self->c, sizeof *self->offset);
    if (kept)
        self->stored = mho_arena_take(arena, self->n, sizeof *self->stored);
    if (!fq->training)
        return;
    for (size_t a = 0; a < node->n_arrays; a++)
        if (node->arrays[a].learned)
            self->gradient[a] = mho_arena_take(arena, node->arrays[a].n, sizeof(float));
    if (!kept || !self->differentiable)
        return;
    if (source && source->differentiable && source->n_users == 1)
        self->d_stored = source->d_stored; /* the epilogue turns one gradient into the other in place */
    else
        self->d_stored = mho_arena_take(arena, self->n, sizeof *self->d_stored);
}

static void carve(void *object)
{
    MhoFakeQuant *fq = object;
    size_t largest = 0;
    for (int i = 0; i < (int)fq->net->n_nodes; i++) {
        take_node(fq, i, &fq->arena);
        largest = fq->training && fq->nodes[i].n > largest ? fq->nodes[i].n : largest;
    }
    for (size_t e = 0; e < fq->n_epilogues; e++)
        mho_epilogue_plan(fq, &fq->epilogues[e], &fq->arena);
    fq->tiles = mho_arena_take(&fq->arena, (size_t)fq->threads * MHO_TILE_BUFFERS * fq->tile_max, sizeof *fq->tiles);
    fq->spare = mho_arena_take(&fq->arena, largest, sizeof *fq->spare);
}

static MhoStatus create_layers(MhoFakeQuant *fq, MhoError *error)
{
    if (dnnl_engine_create(&fq->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&fq->stream, fq->engine, dnnl_stream_default_flags) != dnnl_success)
        return mho_fail(error, MHO_FAILED, "oneDNN has no CPU engine here");
    for (int i = 0; i < (int)fq->net->n_nodes; i++) {
        const MhoStatus status = fq->nodes[i].layer->create ? fq->nodes[i].layer->create(fq, i, error) : MHO_OK;
        if (status != MHO_OK)
            return status;
    }
    fq->scratchpad = aligned_alloc(MHO_ALIGN, (fq->scratchpad_bytes / MHO_ALIGN + 1) * MHO_ALIGN);
    if (!fq->scratchpad)
        return mho_fail(error, MHO_MEMORY, "out of memory for oneDNN's scratchpad");
    return MHO_OK;
}

static MhoStatus check_request(const MhoNet *net, size_t batch, MhoError *error)
{
    if (!net || net->n_nodes == 0 || batch == 0 || batch > INT32_MAX)
        return mho_fail(error, MHO_USAGE, "training needs a network and a batch of at least one image");
    if (net->n_nodes > (size_t)1 << MHO_LAYER_BITS)
        return mho_fail(error, MHO_USAGE, "network '%s' has more than %d nodes, the most that noise streams tell apart",
                        net->name, 1 << MHO_LAYER_BITS);
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoShape s = net->nodes[i].shape;
        if (!mho_fakequant_layer(net->nodes[i].layer))
            return mho_fail(error, MHO_FAILED, "node '%s': training has no layer kind '%s'", net->nodes[i].name,
                            net->nodes[i].layer->descriptor.name);
        if ((double)batch * s.h * s.w * s.c > 1e12)
            return mho_fail(error, MHO_USAGE, "node '%s': a batch of %zu is too large", net->nodes[i].name, batch);
    }
    return MHO_OK;
}

MhoStatus mho_fakequant_create(MhoNet *net, size_t batch, bool training, MhoFakeQuant **made, MhoError *error)
{
    *made = NULL;
    MhoStatus status = check_request(net, batch, error);
    if (status != MHO_OK)
        return status;
    MhoFakeQuant *fq = mho_calloc(1, sizeof *fq, error, "a fake-quant executor");
    if (!fq)
        return MHO_MEMORY;
    *fq = (MhoFakeQuant){.net = net, .batch = batch, .training = training, .threads = omp_get_max_threads()};
    fq->nodes = mho_calloc(net->n_nodes, sizeof *fq->nodes, error, "a fake-quant executor");
    fq->epilogues = mho_calloc(net->n_nodes, sizeof *fq->epilogues, error, "a fake-quant executor");
    fq->epilogue_of = mho_calloc(net->n_nodes, sizeof *fq->epilogue_of, error, "a fake-quant executor");
    status = fq->nodes && fq->epilogues && fq->epilogue_of ? plan_nodes(fq, error) : MHO_MEMORY;
    if (status == MHO_OK) {
        find_epilogues(fq);
        status = mho_arena_build(&fq->arena, carve, fq, error);
    }
    if (status == MHO_OK)
        status = create_layers(fq, error);
    if (status == MHO_OK)
        *made = fq;
    else
        mho_fakequant_destroy(fq);
    return status;
}

void mho_fakequant_destroy(MhoFakeQuant *fq)
{
    if (!fq)
        return;
    for (int i = 0; fq->nodes && i < (int)fq->net->n_nodes; i++)
        if (fq->nodes[i].layer && fq->nodes[i].layer->destroy)
            fq->nodes[i].layer->destroy(fq, i);
    mho_chip_sums_destroy(fq);
    if (fq->stream)
        dnnl_stream_destroy(fq->stream);
    if (fq->engine)
        dnnl_engine_destroy(fq->engine);
    mho_arena_destroy(&fq->arena);
    free(fq->scratchpad);
    free(fq->nodes);
    free(fq->epilogues);
    free(fq->epilogue_of);
    free(fq);
}

void mho_fakequant_set_noise(MhoFakeQuant *fq, const MhoFakeQuantNoise *noise)
{
    fq->noise = noise ? *noise : (MhoFakeQuantNoise){0};
    fq->noisy = noise && (noise->weight != 0.0 || noise->activation != 0.0 || noise->sum != 0.0);
}

void mho_fakequant_set_modes(MhoFakeQuant *fq, const uint8_t *modes, uint64_t seed, uint32_t step)
{
    fq->modes = modes;
    fq->modes_seed = seed;
    fq->modes_step = step;
}

static MhoStatus check_noise(const MhoFakeQuant *fq, MhoError *error)
{
    const double sigma[3] = {fq->noise.weight, fq->noise.activation, fq->noise.sum};
    for (int i = 0; i < 3; i++)
        if (!(sigma[i] >= 0.0 && sigma[i] <= 1e6))
            return mho_fail(error, MHO_USAGE, "injected noise of %g LSB is outside 0 to 1e6", sigma[i]);
    if (fq->training && fq->noise.weight_per_image)
        return mho_fail(error, MHO_USAGE,
                        "weight noise per image is for evaluation: create the executor with training = false");
    return MHO_OK;
}

/* logits = value of the last node; the classifier of a quantized net in evaluation applies the constants of every
 * executor. */
static MhoStatus write_logits(const MhoFakeQuant *fq, float *logits, MhoError *error)
{
    const int last = (int)fq->net->n_nodes - 1;
    const MhoFakeQuantNode *self = &fq->nodes[last];
    float *a = self->scale, *b = self->offset;
    MhoRequant requant;
    if (!fq->batch_statistics && self->coded && mho_node_is(&fq->net->nodes[last], &mho_layer_dense)) {
        const MhoStatus status = mho_net_requant(fq->net, last, a, b, &requant, error);
        if (status != MHO_OK)
            return status;
    }
    for (size_t i = 0; i < self->positions; i++)
        for (size_t k = 0; k < self->c; k++)
            logits[i * self->c + k] = __builtin_fmaf(self->stored[i * self->c + k], a[k], b[k]);
    return MHO_OK;
}

MhoStatus mho_fakequant_forward(MhoFakeQuant *fq, const uint8_t *images, bool use_batch_statistics, float *logits,
                                MhoError *error)
{
    MhoStatus status = check_noise(fq, error);
    fq->images = images;
    fq->batch_statistics = use_batch_statistics;
    fq->forward_done = false;
    if (status == MHO_OK)
        status = mho_chip_sums_program(fq, error);
    for (int i = 0; i < (int)fq->net->n_nodes && status == MHO_OK; i++) {
        const MhoFakeQuantLayer *layer = fq->nodes[i].layer;
        mho_fakequant_set_scale(&fq->nodes[i], 1.0);
        if (layer->prepare)
            status = layer->prepare(fq, i, error);
        if (status == MHO_OK && layer->forward)
            status = layer->forward(fq, i, error);
        if (status == MHO_OK && fq->epilogue_of[i] >= 0)
            status = mho_epilogue_forward(fq, &fq->epilogues[fq->epilogue_of[i]], error);
    }
    fq->images = NULL;
    if (status == MHO_OK)
        status = write_logits(fq, logits, error);
    fq->forward_done = status == MHO_OK;
    return status;
}

/* Zero what is added to, and the gradient of the last node's stored output. */
static void start_backward(MhoFakeQuant *fq, const float *d_logits)
{
    MhoFakeQuantNode *last = &fq->nodes[fq->net->n_nodes - 1];
    for (size_t i = 0; i < fq->net->n_nodes; i++) {
        fq->nodes[i].d_written = false;
        for (size_t a = 0; a < fq->net->nodes[i].n_arrays; a++)
            if (fq->nodes[i].gradient[a])
                memset(fq->nodes[i].gradient[a], 0, fq->net->nodes[i].arrays[a].n * sizeof(float));
    }
    for (size_t i = 0; last->d_stored && i < last->positions; i++)
        for (size_t k = 0; k < last->c; k++)
            last->d_stored[i * last->c + k] = d_logits[i * last->c + k] * last->scale[k];
}

MhoStatus mho_fakequant_backward(MhoFakeQuant *fq, const float *d_logits, MhoError *error)
{
    MhoStatus status = MHO_OK;
    if (!fq->training || !fq->forward_done)
        return mho_fail(error, MHO_USAGE,
                        "gradients need an executor created for training and a forward pass before each backward pass");
    fq->forward_done = false;
    start_backward(fq, d_logits);
    for (int i = (int)fq->net->n_nodes - 1; i >= 0 && status == MHO_OK; i--) {
        if (!fq->nodes[i].differentiable)
            continue;
        if (fq->epilogue_of[i] >= 0)
            mho_epilogue_backward(fq, &fq->epilogues[fq->epilogue_of[i]]);
        else if (fq->nodes[i].layer->backward)
            status = fq->nodes[i].layer->backward(fq, i, error);
    }
    return status;
}

float *mho_fakequant_gradient(MhoFakeQuant *fq, size_t node, size_t array)
{
    if (node >= fq->net->n_nodes || array >= fq->net->nodes[node].n_arrays)
        return NULL;
    return fq->nodes[node].gradient[array];
}

const float *mho_fakequant_output(const MhoFakeQuant *fq, size_t node)
{
    return node < fq->net->n_nodes ? fq->nodes[node].stored : NULL;
}
