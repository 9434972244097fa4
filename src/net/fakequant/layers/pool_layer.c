/* pool_layer.c - maximum, average and global average over windows.
 *
 * Maximum acts on stored values as they are; outside the image is code 0 for codes and nothing for values. Averages of
 * codes store the whole-number sum and put 1 / N into the scale; averages of values store the mean. N is the window's
 * size, positions outside the image counting as 0. The gradient of a maximum goes to the first of equal values.
 */
#include <string.h>

#include "kernels/clones.h"
#include "net/fakequant/fakequant_internal.h"

/* Windows of one image. */
typedef struct Windows {
    int h, w, out_h, out_w, window_h, window_w, stride, pad;
    size_t c;
} Windows;

static Windows windows_of(const MhoPoolSettings *s, MhoShape in, MhoShape out)
{
    const bool global = s->kind == MHO_POOL_GLOBAL;

    return (Windows){.h = in.h,
                     .w = in.w,
                     .out_h = out.h,
                     .out_w = out.w,
                     .window_h = global ? in.h : s->window,
                     .window_w = global ? in.w : s->window,
                     .stride = global ? 1 : s->stride,
                     .pad = global ? 0 : s->pad,
                     .c = (size_t)in.c};
}

static Windows node_windows(const MhoFakeQuant *fq, int node)
{
    const MhoNode *self = &fq->net->nodes[node];

    return windows_of(mho_fakequant_settings(fq, node), fq->net->nodes[self->inputs[0]].shape, self->shape);
}

static double pool_size(const MhoFakeQuant *fq, int node)
{
    const Windows w = node_windows(fq, node);

    return (double)w.window_h * w.window_w;
}

static MhoStatus pool_plan(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoPoolSettings *s = mho_fakequant_settings(fq, node);
    const MhoFakeQuantNode *x = mho_fakequant_input(fq, node, 0);
    MhoFakeQuantNode *self = &fq->nodes[node];
    const bool maximum = s->kind == MHO_POOL_MAX;

    self->coded = x->coded;
    self->largest = maximum ? x->largest : x->largest * pool_size(fq, node);
    self->scale_owner = maximum ? x->scale_owner : -1;
    self->per_channel = x->per_channel;
    self->has_offset = x->has_offset;
    if (x->has_offset && !maximum && s->pad > 0)
        return mho_fail(error, MHO_USAGE, "node '%s': an average with padding over sums with a bias",
                        fq->net->nodes[node].name);
    return MHO_OK;
}

static MhoStatus pool_prepare(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoPoolSettings *s = mho_fakequant_settings(fq, node);
    const MhoFakeQuantNode *x = mho_fakequant_input(fq, node, 0);
    MhoFakeQuantNode *self = &fq->nodes[node];
    const double divisor = s->kind != MHO_POOL_MAX && x->coded ? pool_size(fq, node) : 1.0;

    (void)error;
    for (size_t k = 0; k < self->c; k++) {
        self->scale[k] = (float)((double)x->scale[k] / divisor);
        self->offset[k] = x->offset[k];
    }
    return MHO_OK;
}

/* Part of a window that lies inside the image. */
typedef struct Inside {
    int y0, y1, x0, x1;
} Inside;

static inline Inside inside(const Windows *w, int oy, int ox)
{
    const int y = oy * w->stride - w->pad, x = ox * w->stride - w->pad;

    return (Inside){y > 0 ? y : 0, y + w->window_h < w->h ? y + w->window_h : w->h, x > 0 ? x : 0,
                    x + w->window_w < w->w ? x + w->window_w : w->w};
}

MHO_CLONES static void maximum_image(const Windows *w, bool zero_outside, const float *image, float *out)
{
    for (int oy = 0; oy < w->out_h; oy++)
        for (int ox = 0; ox < w->out_w; ox++, out += w->c) {
            const Inside in = inside(w, oy, ox);

            if (zero_outside && (in.y1 - in.y0) * (in.x1 - in.x0) < w->window_h * w->window_w)
                memset(out, 0, w->c * sizeof *out);
            else
                memcpy(out, image + (size_t)(in.y0 * w->w + in.x0) * w->c, w->c * sizeof *out);
            for (int y = in.y0; y < in.y1; y++)
                for (int x = in.x0; x < in.x1; x++) {
                    const float *at = image + (size_t)(y * w->w + x) * w->c;

                    for (size_t k = 0; k < w->c; k++)
                        out[k] = at[k] > out[k] ? at[k] : out[k];
                }
        }
}

MHO_CLONES static void average_image(const Windows *w, float divisor, const float *image, float *out)
{
    for (int oy = 0; oy < w->out_h; oy++)
        for (int ox = 0; ox < w->out_w; ox++, out += w->c) {
            const Inside in = inside(w, oy, ox);

            memset(out, 0, w->c * sizeof *out);
            for (int y = in.y0; y < in.y1; y++)
                for (int x = in.x0; x < in.x1; x++) {
                    const float *at = image + (size_t)(y * w->w + x) * w->c;

                    for (size_t k = 0; k < w->c; k++)
                        out[k] += at[k];
                }
            for (size_t k = 0; k < w->c; k++)
                out[k] /= divisor;
        }
}

static float stored_divisor(const MhoFakeQuant *fq, int node)
{
    return mho_fakequant_input(fq, node, 0)->coded ? 1.0F : (float)pool_size(fq, node);
}

static MhoStatus pool_forward(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoPoolSettings *s = mho_fakequant_settings(fq, node);
    const MhoFakeQuantNode *x = mho_fakequant_input(fq, node, 0), *self = &fq->nodes[node];
    const Windows w = node_windows(fq, node);
    const size_t in = x->n / fq->batch, out = self->n / fq->batch;
    const float divisor = stored_divisor(fq, node);

    (void)error;
#pragma omp parallel for schedule(static) num_threads(fq->threads)
    for (size_t n = 0; n < fq->batch; n++) {
        if (s->kind == MHO_POOL_MAX)
            maximum_image(&w, x->coded, x->stored + n * in, self->stored + n * out);
        else
            average_image(&w, divisor, x->stored + n * in, self->stored + n * out);
    }
    return MHO_OK;
}

/* One position's gradient to the first input of its window that equals the maximum. */
static inline void maximum_position(const Windows *w, Inside in, const float *image, const float *out,
                                    const float *d_out, size_t k, float *d_image)
{
    for (int y = in.y0; y < in.y1; y++)
        for (int x = in.x0; x < in.x1; x++) {
            const size_t at = (size_t)(y * w->w + x) * w->c + k;

            if (image[at] == out[k]) {
                d_image[at] += d_out[k];
                return;
            }
        }
}

static void maximum_image_gradient(const Windows *w, const float *image, const float *out, const float *d_out,
                                   float *d_image)
{
    memset(d_image, 0, (size_t)w->h * (size_t)w->w * w->c * sizeof *d_image);
    for (int oy = 0; oy < w->out_h; oy++)
        for (int ox = 0; ox < w->out_w; ox++, out += w->c, d_out += w->c)
            for (size_t k = 0; k < w->c; k++)
                maximum_position(w, inside(w, oy, ox), image, out, d_out, k, d_image);
}

MHO_CLONES static void average_image_gradient(const Windows *w, float divisor, const float *d_out, float *d_image)
{
    memset(d_image, 0, (size_t)w->h * (size_t)w->w * w->c * sizeof *d_image);
    for (int oy = 0; oy < w->out_h; oy++)
        for (int ox = 0; ox < w->out_w; ox++, d_out += w->c) {
            const Inside in = inside(w, oy, ox);

            for (int y = in.y0; y < in.y1; y++)
                for (int x = in.x0; x < in.x1; x++) {
                    float *at = d_image + (size_t)(y * w->w + x) * w->c;

                    for (size_t k = 0; k < w->c; k++)
                        at[k] += d_out[k] / divisor;
                }
        }
}

static MhoStatus pool_backward(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoPoolSettings *s = mho_fakequant_settings(fq, node);
    const MhoFakeQuantNode *x = mho_fakequant_input(fq, node, 0), *self = &fq->nodes[node];
    const Windows w = node_windows(fq, node);
    const size_t in = x->n / fq->batch, out = self->n / fq->batch;
    const float divisor = stored_divisor(fq, node);
    float *d_x = mho_fakequant_gradient_begin(fq, fq->net->nodes[node].inputs[0]);

    (void)error;
    if (!d_x)
        return MHO_OK;
#pragma omp parallel for schedule(static) num_threads(fq->threads)
    for (size_t n = 0; n < fq->batch; n++) {
        if (s->kind == MHO_POOL_MAX)
            maximum_image_gradient(&w, x->stored + n * in, self->stored + n * out, self->d_stored + n * out,
                                   d_x + n * in);
        else
            average_image_gradient(&w, divisor, self->d_stored + n * out, d_x + n * in);
    }
    mho_fakequant_gradient_end(fq, fq->net->nodes[node].inputs[0]);
    return MHO_OK;
}

extern const MhoFakeQuantLayer mho_fakequant_layer_pool;
const MhoFakeQuantLayer mho_fakequant_layer_pool = {.part = MHO_PART_TENSOR,
                                                    .plan = pool_plan,
                                                    .prepare = pool_prepare,
                                                    .forward = pool_forward,
                                                    .backward = pool_backward};
