/* code_noise_executor.c - the network with Gaussian noise on its codes: weights, activations and sums, in LSB of each.
 *
 *   x' = x + sigma_x z      codes of the image and of every quantizer, once an image: all readers see the same x'
 *   w' = w + sigma_w z      weight codes, once a chip or once an image
 *   code = clip(round(fma(shift + sum_r w'_r x'_r, a, b) + sigma_s z)),  logits = fma(sum + sigma_s z, a, b)
 * Every sum that becomes codes takes noise, pools and additions too, as in training (net/fakequant/fakequant.h). One
 * LSB of a weight is one step of its codes; non-uniform levels are on a 16-bit grid. Sums are float, each in one
 * fixed order: exact without noise up to 2^24. Source: Verhoef et al., FQ-Conv, arXiv:1912.09356, for the three places;
 * that sums count LSB of the output is ours.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/clones.h"
#include "kernels/math.h"
#include "net/lowered/float_ops_internal.h"
#include "net/lowered/code_noise.h"
#include "net/lowered/executor_internal.h"

enum { IMAGE_LAYER = 0, FIRST_STEP_LAYER = 1 }; /* layer numbers of the streams: the image, then the steps */

static const double largest_sigma = 1e6; /* LSB */

static const char draw_choices[] = "chip image";

#define NOISE_REAL(key, help, label)                                                                   \
    {                                                                                                  \
#key, MHO_REAL, offsetof(MhoNoiseParams, key), 0.0, 0.0, 100.0, "LSB", help, NULL, NULL, label \
    }

static const MhoParam noise_params[] = {
    NOISE_REAL(weight, "Gaussian noise on weight codes in a trial (uniq, kmeans: steps of their 16-bit grid)",
               "weight noise"),
    NOISE_REAL(activation, "Gaussian noise on the codes of the image and of every quantizer", "activation noise"),
    NOISE_REAL(sum, "Gaussian noise on sums before rounding, in steps of the output's codes", "sum noise"),
    {"draw", MHO_CHOICE, offsetof(MhoNoiseParams, draw), MHO_CODE_NOISE_PER_CHIP, 0, 1, "",
     "weight noise: one draw that a chip keeps, or a fresh one for every image", draw_choices, NULL,
     "weight noise draw"},
};

const MhoDescriptor mho_noise_descriptor = {
    .name = "noise",
    .summary = "noise on codes instead of a chip",
    .reference = "Verhoef et al., FQ-Conv, arXiv:1912.09356",
    .params_size = sizeof(MhoNoiseParams),
    .params = noise_params,
    .n_params = sizeof noise_params / sizeof *noise_params,
};

const char *mho_code_noise_key(const MhoNoiseParams *noise)
{
    return noise->weight > 0.0 ? "weight" : noise->activation > 0.0 ? "activation" : noise->sum > 0.0 ? "sum" : NULL;
}

/* One matrix as floats; columns is padded. */
typedef struct NoisyMatrix {
    const MhoMatrix *matrix;
    size_t rows, columns; /* rows of all groups */
    float *weights;       /* (rows, columns) with the chip's noise */
} NoisyMatrix;

typedef struct NoisyNet {
    const MhoLoweredNet *net;
    MhoCodeNoise noise;
    NoisyMatrix *matrices;
    size_t n_gathered, n_sums, n_weights, n_outputs, n_normals; /* largest of all layers */
    size_t pixels;
    float *normals; /* (n_normals) for the noise of a chip */
    MhoArena arena;
} NoisyNet;

/* What a thread owns. */
typedef struct Worker {
    const NoisyNet *net;
    float *values;   /* (pixels + codes_size) the image, then the codes of every step */
    float *gathered; /* (block, rows) */
    float *sums;     /* (block, columns) */
    float *totals;   /* (outputs) of a step without a matrix */
    float *weights;  /* (rows, columns) of one matrix with an image's noise */
    float *normals;
    MhoArena arena;
} Worker;

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t shape_size(MhoShape shape)
{
    return (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
}

static MhoStream noise_stream(const MhoCodeNoise *noise, size_t layer, double sigma, uint32_t image)
{
    return (MhoStream){.seed = noise->seed,
                       .place = mho_place((uint32_t)layer, 0, 0),
                       .chip = noise->chip,
                       .image = image,
                       .noise = (float)sigma};
}

MHO_CLONES static void add(size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

/* noisy (rows, columns) += the noise of matrix l; normals (rows, cols) is scratch. */
static void add_weight_noise(const NoisyNet *net, size_t l, uint32_t image, float *normals, float *noisy)
{
    const NoisyMatrix *m = &net->matrices[l];
    const size_t cols = m->matrix->cols;
    mho_normal_fill(noise_stream(&net->noise, l, net->noise.weight, image), MHO_DRAW_CODE_WEIGHT, m->rows * cols,
                    normals);
    for (size_t r = 0; r < m->rows; r++)
        add(cols, normals + r * cols, noisy + r * m->columns);
}

static void carve_net(void *object)
{
    NoisyNet *net = object;
    const MhoLoweredNet *lowered = net->net;
    net->matrices = mho_arena_take(&net->arena, lowered->n_matrices, sizeof *net->matrices);
    net->n_normals = net->pixels = shape_size(lowered->input);
    for (size_t l = 0; l < lowered->n_matrices; l++) {
        const MhoMatrix *m = &lowered->matrices[l];
        NoisyMatrix made = {.matrix = m, .rows = m->groups * m->rows, .columns = mho_pad(m->cols, MHO_LANES)};
        const size_t n = made.rows * made.columns;
        made.weights = mho_arena_take(&net->arena, n, sizeof *made.weights);
        net->n_gathered = largest(net->n_gathered, MHO_STEP_BLOCK * m->rows);
        net->n_sums = largest(net->n_sums, MHO_STEP_BLOCK * made.columns);
        net->n_weights = largest(net->n_weights, n);
        net->n_normals = largest(net->n_normals, n);
        if (net->matrices)
            net->matrices[l] = made;
    }
    for (size_t s = 0; s < lowered->n_steps; s++)
        net->n_outputs = largest(net->n_outputs, shape_size(lowered->steps[s].shape));
    net->n_normals = largest(net->n_normals, net->n_outputs);
    net->normals = mho_arena_take(&net->arena, net->n_normals, sizeof *net->normals);
}

/* Weights of every matrix, with the noise of the chip where a chip keeps its draw. */
static void fill_weights(NoisyNet *net)
{
    for (size_t l = 0; l < net->net->n_matrices; l++) {
        const NoisyMatrix *m = &net->matrices[l];
        for (size_t r = 0; r < m->rows; r++)
            for (size_t j = 0; j < m->matrix->cols; j++)
                m->weights[r * m->columns + j] = m->matrix->codes[r * m->matrix->cols + j];
        if (net->noise.weight > 0.0 && !net->noise.weight_per_image)
            add_weight_noise(net, l, 0, net->normals, m->weights);
    }
}

static void carve_worker(void *object)
{
    Worker *worker = object;
    const NoisyNet *net = worker->net;
    const bool own_weights = net->noise.weight > 0.0 && net->noise.weight_per_image;
    MhoArena *arena = &worker->arena;
    worker->values = mho_arena_take(arena, net->pixels + net->net->codes_size, sizeof *worker->values);
    worker->gathered = mho_arena_take(arena, net->n_gathered, sizeof *worker->gathered);
    worker->sums = mho_arena_take(arena, net->n_sums, sizeof *worker->sums);
    worker->totals = mho_arena_take(arena, net->n_outputs, sizeof *worker->totals);
    worker->weights = mho_arena_take(arena, own_weights ? net->n_weights : 0, sizeof *worker->weights);
    worker->normals = mho_arena_take(arena, net->n_normals, sizeof *worker->normals);
}

static MhoStatus worker_create(const void *context, void *object, MhoError *error)
{
    Worker *worker = object;
    worker->net = context;
    return mho_arena_build(&worker->arena, carve_worker, worker, error);
}

static void worker_destroy(void *object)
{
    mho_arena_destroy(&((Worker *)object)->arena);
}

/* One image that runs through the steps. */
typedef struct ImageJob {
    const NoisyNet *net;
    Worker *worker;
    uint32_t image;
    float *logits;
} ImageJob;

static float *output_of(const ImageJob *job, int s)
{
    const NoisyNet *net = job->net;
    return s < 0 ? job->worker->values : job->worker->values + net->pixels + net->net->codes_offset[s];
}

/* Codes that every reader of this layer sees. */
static void add_activation_noise(const ImageJob *job, size_t layer, size_t n, float *codes)
{
    const MhoCodeNoise *noise = &job->net->noise;
    if (noise->activation == 0.0)
        return;
    mho_normal_fill(noise_stream(noise, layer, noise->activation, job->image), MHO_DRAW_CODE_ACTIVATION, n,
                    job->worker->normals);
    add(n, job->worker->normals, codes);
}

/* Noise of a step's sums, (positions, channels), or NULL. */
static const float *sum_noise(const ImageJob *job, size_t s)
{
    const MhoCodeNoise *noise = &job->net->noise;
    if (noise->sum == 0.0)
        return NULL;
    mho_normal_fill(noise_stream(noise, FIRST_STEP_LAYER + s, noise->sum, job->image), MHO_DRAW_CODE_SUM,
                    shape_size(job->net->net->steps[s].shape), job->worker->normals);
    return job->worker->normals;
}

/* n channels of one position. */
MHO_CLONES static void requantize(size_t n, const float *restrict sum, const float *restrict a, const float *restrict b,
                                  const float *restrict noise, float low, float high, float *restrict out)
{
    if (!noise) {
        for (size_t k = 0; k < n; k++)
            out[k] = mho_clampf(mho_round(__builtin_fmaf(sum[k], a[k], b[k])), low, high);
        return;
    }
    for (size_t k = 0; k < n; k++)
        out[k] = mho_clampf(mho_round(__builtin_fmaf(sum[k], a[k], b[k]) + noise[k]), low, high);
}

/* What leaves P positions of a step from sums (P, stride): channels k0 .. k0 + n - 1. noise as sum_noise(). */
static void write_out(const ImageJob *job, size_t s, size_t first, size_t P, size_t k0, size_t n, const float *sums,
                      size_t stride, const float *noise)
{
    const MhoStep *step = &job->net->net->steps[s];
    for (size_t p = 0; p < P; p++, sums += stride) {
        const size_t at = (first + p) * (size_t)step->shape.c + k0;
        if (!step->is_logits)
            requantize(n, sums, step->a + k0, step->b + k0, noise ? noise + at : NULL, (float)step->low,
                       (float)step->high, output_of(job, (int)s) + at);
        for (size_t k = 0; k < n && step->table; k++)
            output_of(job, (int)s)[at + k] = mho_table_code(step->table, output_of(job, (int)s)[at + k]);
        for (size_t k = 0; k < n && step->is_logits; k++)
            job->logits[at + k] =
                __builtin_fmaf(noise ? sums[k] + noise[at + k] : sums[k], step->a[k0 + k], step->b[k0 + k]);
    }
}

/* The weights of matrix l for this image. */
static const float *weights_of(const ImageJob *job, size_t l)
{
    const NoisyNet *net = job->net;
    const NoisyMatrix *m = &net->matrices[l];
    if (net->noise.weight == 0.0 || !net->noise.weight_per_image)
        return m->weights;
    memcpy(job->worker->weights, m->weights, m->rows * m->columns * sizeof *m->weights);
    add_weight_noise(net, l, job->image, job->worker->normals, job->worker->weights);
    return job->worker->weights;
}

/* sums (P, columns) of a group before any product: 0 or the shift. */
static void start_sums(size_t P, const NoisyMatrix *noisy, size_t group, float *sums)
{
    const MhoMatrix *m = noisy->matrix;
    memset(sums, 0, P * noisy->columns * sizeof *sums);
    for (size_t p = 0; p < P && m->shift; p++)
        for (size_t j = 0; j < m->cols; j++)
            sums[p * noisy->columns + j] = (float)m->shift[group * m->cols + j];
}

static void run_matrix(const ImageJob *job, size_t s)
{
    const MhoStep *step = &job->net->net->steps[s];
    const NoisyMatrix *noisy = &job->net->matrices[step->matrix];
    const MhoMatrix *m = noisy->matrix;
    const float *weights = weights_of(job, step->matrix), *noise = sum_noise(job, s);
    float *sums = job->worker->sums;
    MhoGather geometry = step->gather;
    for (size_t g = 0; g < m->groups; g++, geometry.c_first += geometry.c_count)
        for (size_t first = 0; first < m->positions; first += MHO_STEP_BLOCK) {
            const size_t left = m->positions - first, P = left < MHO_STEP_BLOCK ? left : MHO_STEP_BLOCK;
            start_sums(P, noisy, g, sums);
            mho_float_products(&geometry, output_of(job, step->inputs[0]), first, P,
                               weights + g * m->rows * noisy->columns, m->rows, noisy->columns, job->worker->gathered,
                               sums);
            write_out(job, s, first, P, g * m->cols, m->cols, sums, noisy->columns, noise);
        }
}

/* Sums of windows or of two tensors, position by position. */
static void run_digital(const ImageJob *job, size_t s)
{
    const MhoStep *step = &job->net->net->steps[s];
    const size_t c = (size_t)step->shape.c, n = shape_size(step->shape);
    float *totals = job->worker->totals;
    if (step->kind == MHO_STEP_SUM_POOL) {
        mho_float_pool(&step->gather, false, output_of(job, step->inputs[0]), totals);
    } else {
        memcpy(totals, output_of(job, step->inputs[0]), n * sizeof *totals);
        for (int k = 1; k < step->n_inputs; k++)
            add(n, output_of(job, step->inputs[k]), totals);
    }
    write_out(job, s, 0, n / c, 0, c, totals, c, sum_noise(job, s));
}

static void run_step(const ImageJob *job, size_t s)
{
    const MhoStep *step = &job->net->net->steps[s];
    if (step->kind == MHO_STEP_MAX_POOL) { /* of codes that have their noise already */
        mho_float_pool(&step->gather, true, output_of(job, step->inputs[0]), output_of(job, (int)s));
        return;
    }
    if (step->kind == MHO_STEP_MATRIX)
        run_matrix(job, s);
    else
        run_digital(job, s);
    if (!step->is_logits)
        add_activation_noise(job, FIRST_STEP_LAYER + s, shape_size(step->shape), output_of(job, (int)s));
}

static void run_image(void *context, void *object, const MhoImageBatch *batch, size_t n, size_t slot)
{
    const NoisyNet *net = context;
    Worker *worker = object;
    const ImageJob job = {.net = net,
                          .worker = worker,
                          .image = batch->image0 + (uint32_t)n,
                          .logits = batch->logits + n * (size_t)net->net->n_classes};
    (void)slot;
    for (size_t i = 0; i < net->pixels; i++)
        worker->values[i] = batch->images[n * net->pixels + i];
    add_activation_noise(&job, IMAGE_LAYER, net->pixels, worker->values);
    for (size_t s = 0; s < net->net->n_steps; s++)
        run_step(&job, s);
}

static void net_destroy(void *context)
{
    NoisyNet *net = context;
    mho_arena_destroy(&net->arena);
    free(net);
}

static const MhoExecutorKind kind = {.worker_size = sizeof(Worker),
                                     .worker_create = worker_create,
                                     .worker_destroy = worker_destroy,
                                     .run_image = run_image,
                                     .destroy = net_destroy};

static MhoStatus check(const MhoLoweredNet *net, const MhoCodeNoise *noise, MhoError *error)
{
    const double sigma[] = {noise->weight, noise->activation, noise->sum};
    const MhoStatus status = mho_lowered_net_check(net, error);
    if (status != MHO_OK)
        return status;
    for (size_t i = 0; i < sizeof sigma / sizeof *sigma; i++)
        if (!(sigma[i] >= 0.0 && sigma[i] <= largest_sigma))
            return mho_fail(error, MHO_USAGE, "noise on codes of %g LSB is outside 0 to %g", sigma[i], largest_sigma);
    if (net->n_steps >= 1U << MHO_LAYER_BITS)
        return mho_fail(error, MHO_USAGE, "the network has %zu steps; noise on codes has streams for %u at most",
                        net->n_steps, (1U << MHO_LAYER_BITS) - 1);
    return MHO_OK;
}

MhoStatus mho_code_noise_executor_create(const MhoLoweredNet *lowered, const MhoCodeNoise *noise, int threads,
                                         MhoExecutor **executor, MhoError *error)
{
    MhoStatus status = check(lowered, noise, error);
    *executor = NULL;
    if (status != MHO_OK)
        return status;
    if (noise->weight == 0.0 && noise->activation == 0.0 && noise->sum == 0.0)
        return mho_integer_executor_create(lowered, threads, executor, error);
    NoisyNet *net = mho_calloc(1, sizeof *net, error, "an executor with noise on codes");
    if (!net)
        return MHO_MEMORY;
    *net = (NoisyNet){.net = lowered, .noise = *noise};
    status = mho_arena_build(&net->arena, carve_net, net, error);
    if (status != MHO_OK) {
        net_destroy(net);
        return status;
    }
    fill_weights(net);
    return mho_executor_create(&kind, net, threads, executor, error);
}

void mho_code_noise_executor_set_chip(MhoExecutor *executor, uint32_t chip)
{
    NoisyNet *net = mho_executor_context(executor, &kind);
    if (!net || net->noise.chip == chip) /* the integer executor has no noise */
        return;
    net->noise.chip = chip;
    fill_weights(net);
}
