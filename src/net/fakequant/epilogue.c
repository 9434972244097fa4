/* epilogue.c - batch norm, ReLU and fake_quant after a stored tensor, in one crossing of memory per direction.
 *
 * A tensor is processed in tiles that stay in the first-level cache; coefficients per channel are repeated to rows of
 * at least MHO_ROW_VALUES values, so that loops are long for any number of channels. Sums over the batch are taken per
 * chunk of tiles and added in chunk order: the same bytes for any number of threads.
 */
#include <omp.h>
#include <string.h>

#include "kernels/clones.h"
#include "net/fakequant/fakequant_internal.h"

/* y = a x + b, coefficients repeating every width values. */
MHO_CLONES static void affine_tile(size_t n, size_t width, const float *a, const float *b, const float *x, float *y)
{
    for (size_t i = 0; i < n; i += width) {
        const size_t m = n - i < width ? n - i : width;
        for (size_t j = 0; j < m; j++)
            y[i + j] = __builtin_fmaf(x[i + j], a[j], b[j]);
    }
}

/* d = a d + p x + q */
MHO_CLONES static void combine_tile(size_t n, size_t width, const float *a, const float *p, const float *q,
                                    const float *x, float *d)
{
    for (size_t i = 0; i < n; i += width) {
        const size_t m = n - i < width ? n - i : width;
        for (size_t j = 0; j < m; j++)
            d[i + j] = __builtin_fmaf(a[j], d[i + j], __builtin_fmaf(p[j], x[i + j], q[j]));
    }
}

MHO_CLONES static void scale_tile(size_t n, size_t width, const float *a, const float *d, float *out)
{
    for (size_t i = 0; i < n; i += width) {
        const size_t m = n - i < width ? n - i : width;
        for (size_t j = 0; j < m; j++)
            out[i + j] = a[j] * d[i + j];
    }
}

void mho_epilogue_plan(MhoFakeQuant *fq, MhoEpilogue *e, MhoArena *arena)
{
    const size_t c = fq->nodes[e->source].c, n = fq->nodes[e->source].n;
    const size_t repeat = c < MHO_ROW_VALUES ? (MHO_ROW_VALUES + c - 1) / c : 1;
    e->width = c * repeat;
    e->tile = e->width < MHO_TILE_VALUES ? MHO_TILE_VALUES / e->width * e->width : e->width;
    e->n_tiles = (n + e->tile - 1) / e->tile;
    e->n_chunks = e->n_tiles < MHO_MAX_CHUNKS ? e->n_tiles : MHO_MAX_CHUNKS;
    e->a = mho_arena_take(arena, e->width, sizeof *e->a);
    e->b = mho_arena_take(arena, e->width, sizeof *e->b);
    e->p = mho_arena_take(arena, e->width, sizeof *e->p);
    e->q = mho_arena_take(arena, e->width, sizeof *e->q);
    e->partial = mho_arena_take(arena, e->n_chunks * (2 * e->width + 1), sizeof *e->partial);
    fq->tile_max = e->tile > fq->tile_max ? e->tile : fq->tile_max;
}

/* Repeat the first c values of a coefficient row. */
static void repeat_row(size_t c, size_t width, float *row)
{
    for (size_t j = c; j < width; j++)
        row[j] = row[j - c];
}

/* Chunks' sums (2, width) added in chunk order and over the repeats into the first 2 c doubles of partial. */
static void fold_sums(const MhoEpilogue *e, size_t c)
{
    const size_t stride = 2 * e->width + 1;
    double *total = e->partial;
    for (size_t chunk = 1; chunk < e->n_chunks; chunk++)
        for (size_t j = 0; j < stride; j++)
            total[j] += e->partial[chunk * stride + j];
    for (size_t s = 0; s < 2; s++)
        for (size_t j = 0; j < e->width; j++) {
            const double value = total[s * e->width + j];
            if (j < c)
                total[s * c + j] = value;
            else
                total[s * c + j % c] += value;
        }
}

/* Elements of tile i. */
static inline size_t tile_size(const MhoEpilogue *e, size_t n, size_t i)
{
    return n - i * e->tile < e->tile ? n - i * e->tile : e->tile;
}

static inline float *thread_buffers(const MhoFakeQuant *fq)
{
    return fq->tiles + (size_t)omp_get_thread_num() * MHO_TILE_BUFFERS * fq->tile_max;
}

static void gather_statistics(const MhoFakeQuant *fq, const MhoEpilogue *e)
{
    const MhoFakeQuantNode *source = &fq->nodes[e->source];
    const size_t stride = 2 * e->width + 1;
#pragma omp parallel for schedule(static) num_threads(fq->threads)
    for (size_t chunk = 0; chunk < e->n_chunks; chunk++) {
        const size_t first = chunk * e->n_tiles / e->n_chunks * e->tile,
                     last = (chunk + 1) * e->n_tiles / e->n_chunks * e->tile;
        const size_t end = last < source->n ? last : source->n;
        double *sums = e->partial + chunk * stride;
        memset(sums, 0, stride * sizeof *sums);
        mho_batchnorm_statistics(end - first, e->width, source->stored + first, sums);
    }
    fold_sums(e, source->c);
}

/* One tile of values (a stored + b, rectified) to what the end node stores. */
static void forward_tile(const MhoFakeQuant *fq, const MhoEpilogue *e, const float *stored, size_t first, size_t n,
                         float *out)
{
    float *value = thread_buffers(fq), *buffer = value + fq->tile_max;
    const bool folded = e->quantizer >= 0 && ((const MhoFakeQuantizer *)fq->nodes[e->quantizer].state)->folded;
    float *to = e->quantizer >= 0 ? value : out;
    affine_tile(n, e->width, e->a, e->b, stored, to);
    if (folded) {
        mho_fake_quantizer_folded_tile(fq, e->quantizer, first, n, value, buffer, out);
        return;
    }
    if (e->relu >= 0)
        mho_relu_forward(n, to);
    if (e->quantizer >= 0)
        mho_fake_quantizer_tile(fq, e->quantizer, first, n, value, buffer, out);
}

/* Coefficients a, b of this forward pass; *from is the node whose stored values they apply to. */
static void forward_coefficients(MhoFakeQuant *fq, MhoEpilogue *e, int *from)
{
    const MhoFakeQuantNode *source = &fq->nodes[e->source];
    const MhoFakeQuantizer *q = e->quantizer >= 0 ? fq->nodes[e->quantizer].state : NULL;
    const float *a = source->scale, *b = source->offset;
    *from = e->source;
    if (e->batchnorm >= 0) {
        if (fq->batch_statistics)
            gather_statistics(fq, e);
        mho_batchnorm_coefficients(fq, e->batchnorm, source, e->partial, e->a, e->b);
        a = e->a;
        b = e->b;
    }
    if (q && q->folded) {
        a = q->a;
        b = q->b;
        *from = q->requant_source;
    }
    memmove(e->a, a, source->c * sizeof *a);
    memmove(e->b, b, source->c * sizeof *b);
    repeat_row(source->c, e->width, e->a);
    repeat_row(source->c, e->width, e->b);
}

MhoStatus mho_epilogue_forward(MhoFakeQuant *fq, MhoEpilogue *e, MhoError *error)
{
    int from;
    forward_coefficients(fq, e, &from);
    const float *stored = fq->nodes[from].stored;
    float *out = fq->nodes[e->end].stored;
    const size_t n = fq->nodes[e->end].n;
    if (!stored)
        return mho_fail(error, MHO_FAILED, "node '%s': the sums of '%s' are not kept", fq->net->nodes[e->end].name,
                        fq->net->nodes[from].name);
#pragma omp parallel for schedule(static) num_threads(fq->threads)
    for (size_t i = 0; i < e->n_tiles; i++)
        forward_tile(fq, e, stored + i * e->tile, i * e->tile, tile_size(e, n, i), out + i * e->tile);
    return MHO_OK;
}

/* Gradient of one tile down to what batch norm (or the bare affine) gave, into d; returns this tile's part of the
 * gradient of the log-scale. */
static double backward_tile(const MhoFakeQuant *fq, const MhoEpilogue *e, size_t first, size_t n, const float *d_end,
                            float *d)
{
    float *value = thread_buffers(fq), *work = value + fq->tile_max, *buffer = work + fq->tile_max;
    double d_log_scale = 0.0;
    if (e->relu >= 0 || e->quantizer >= 0)
        affine_tile(n, e->width, e->a, e->b, fq->nodes[e->source].stored + first, value);
    if (e->quantizer >= 0) {
        float *rectified = e->relu >= 0 ? memcpy(work, value, n * sizeof *work) : value;
        if (e->relu >= 0)
            mho_relu_forward(n, rectified);
        d_log_scale = mho_fake_quantizer_tile_gradient(fq, e->quantizer, first, n, rectified, buffer, d_end, d);
    } else {
        memcpy(d, d_end, n * sizeof *d);
    }
    if (e->relu >= 0)
        mho_relu_backward(n, value, d);
    return d_log_scale;
}

/* First sweep: gradients before batch norm's own, its two sums, the log-scale's gradient. Without batch norm d is
 * final. */
static void backward_reduce(const MhoFakeQuant *fq, const MhoEpilogue *e, float *d_source)
{
    const MhoFakeQuantNode *source = &fq->nodes[e->source], *end = &fq->nodes[e->end];
    const size_t stride = 2 * e->width + 1;
#pragma omp parallel for schedule(static) num_threads(fq->threads)
    for (size_t chunk = 0; chunk < e->n_chunks; chunk++) {
        double *sums = e->partial + chunk * stride;
        memset(sums, 0, stride * sizeof *sums);
        for (size_t i = chunk * e->n_tiles / e->n_chunks; i < (chunk + 1) * e->n_tiles / e->n_chunks; i++) {
            const size_t first = i * e->tile, n = tile_size(e, source->n, i);
            float *d = thread_buffers(fq) + 3 * fq->tile_max; /* apart from d_stored, so that loops vectorize */
            sums[2 * e->width] += backward_tile(fq, e, first, n, end->d_stored + first, d);
            if (e->batchnorm >= 0)
                mho_batchnorm_reduce(n, e->width, source->stored + first, d, d_source + first, sums);
            else if (d_source)
                scale_tile(n, e->width, e->p, d, d_source + first);
        }
    }
}

/* Second sweep: d_source = a d + p stored + q. */
static void backward_combine(const MhoFakeQuant *fq, const MhoEpilogue *e, float *d_source)
{
    const MhoFakeQuantNode *source = &fq->nodes[e->source];
#pragma omp parallel for schedule(static) num_threads(fq->threads)
    for (size_t i = 0; i < e->n_tiles; i++) {
        const size_t first = i * e->tile;
        combine_tile(tile_size(e, source->n, i), e->width, e->a, e->p, e->q, source->stored + first, d_source + first);
    }
}

/* a, b as in the unfolded forward pass, whose values the surrogate gradient is taken at. */
static void backward_coefficients(MhoFakeQuant *fq, MhoEpilogue *e, double unit)
{
    const MhoFakeQuantNode *source = &fq->nodes[e->source];
    const MhoFakeQuantizer *q = e->quantizer >= 0 ? fq->nodes[e->quantizer].state : NULL;
    if (q && q->folded) {
        memcpy(e->a, source->scale, source->c * sizeof *e->a);
        memcpy(e->b, source->offset, source->c * sizeof *e->b);
        if (e->batchnorm >= 0)
            mho_batchnorm_coefficients(fq, e->batchnorm, source, NULL, e->a, e->b);
        repeat_row(source->c, e->width, e->a);
        repeat_row(source->c, e->width, e->b);
    }
    for (size_t k = 0; k < source->c; k++)
        e->p[k] = (float)((double)source->scale[k] * unit);
    repeat_row(source->c, e->width, e->p);
}

void mho_epilogue_backward(MhoFakeQuant *fq, MhoEpilogue *e)
{
    const MhoFakeQuantNode *source = &fq->nodes[e->source];
    const MhoFakeQuantizer *q = e->quantizer >= 0 ? fq->nodes[e->quantizer].state : NULL;
    const double unit = q ? 1.0 / q->step : 1.0; /* d of codes counts value * step */
    float *d_source = mho_fakequant_gradient_begin(fq, e->source);
    if (e->batchnorm >= 0 && !d_source)
        d_source = fq->spare; /* the sums of gamma and beta need the gradient all the same */
    backward_coefficients(fq, e, unit);
    backward_reduce(fq, e, d_source);
    fold_sums(e, source->c);
    if (q)
        *mho_fakequant_gradient_of(fq, q->owner, MHO_ARRAY_LOG_SCALE) += (float)(unit * e->partial[2 * e->width]);
    if (e->batchnorm >= 0) {
        mho_batchnorm_gradient(fq, e->batchnorm, source, e->partial, unit, e->a, e->p, e->q);
        repeat_row(source->c, e->width, e->a);
        repeat_row(source->c, e->width, e->p);
        repeat_row(source->c, e->width, e->q);
        backward_combine(fq, e, d_source);
    }
    if (source->differentiable)
        mho_fakequant_gradient_end(fq, e->source);
}
