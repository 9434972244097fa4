/* pool_layer.c - maximum, average and global average over windows.
 *
 * Maximum acts on stored values as they are; outside the image is code 0 for codes and nothing for values. Averages of
 * codes store the whole-number sum and put 1 / N into the scale; averages of values store the mean. N is the window's
 * size, positions outside the image counting as 0. The gradient of a maximum goes to the first of equal values.
 */
#include <string.h>

#include "kernels/clones.h"
#include "net/fakequant/fakequant_internal.h"
#include "net/graph/graph_internal.h"

static MhoStatus pool_plan(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoPoolSettings *s = mho_fakequant_settings(fq, node);
    const MhoFakeQuantNode *x = mho_fakequant_input(fq, node, 0);
    MhoFakeQuantNode *self = &fq->nodes[node];
    const bool maximum = s->kind == MHO_POOL_MAX;
    self->coded = x->coded;
    self->largest = maximum ? x->largest : x->largest * mho_node_window(fq->net, &fq->net->nodes[node]);
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
    const double divisor = s->kind != MHO_POOL_MAX && x->coded ? mho_node_window(fq->net, &fq->net->nodes[node]) : 1.0;
    (void)error;
    for (size_t k = 0; k < self->c; k++) {
        self->scale[k] = (float)((double)x->scale[k] / divisor);
        self->offset[k] = x->offset[k];
    }
    return MHO_OK;
}

MHO_CLONES static void maximum_image(const MhoGather *g, bool zero_outside, const float *image, float *out)
{
    const size_t c = (size_t)g->c;
    for (int oy = 0; oy < g->out_h; oy++)
        for (int ox = 0; ox < g->out_w; ox++, out += c) {
            const MhoWindow in = mho_gather_window(g, oy, ox);
            if (zero_outside && (in.y1 - in.y0) * (in.x1 - in.x0) < g->kernel_h * g->kernel_w)
                memset(out, 0, c * sizeof *out);
            else
                memcpy(out, image + (size_t)(in.y0 * g->w + in.x0) * c, c * sizeof *out);
            for (int y = in.y0; y < in.y1; y++)
                for (int x = in.x0; x < in.x1; x++) {
                    const float *at = image + (size_t)(y * g->w + x) * c;
                    for (size_t k = 0; k < c; k++)
                        out[k] = at[k] > out[k] ? at[k] : out[k];
                }
        }
}

MHO_CLONES static void average_image(const MhoGather *g, float divisor, const float *image, float *out)
{
    const size_t c = (size_t)g->c;
    for (int oy = 0; oy < g->out_h; oy++)
        for (int ox = 0; ox < g->out_w; ox++, out += c) {
            const MhoWindow in = mho_gather_window(g, oy, ox);
            memset(out, 0, c * sizeof *out);
            for (int y = in.y0; y < in.y1; y++)
                for (int x = in.x0; x < in.x1; x++) {
                    const float *at = image + (size_t)(y * g->w + x) * c;
                    for (size_t k = 0; k < c; k++)
                        out[k] += at[k];
                }
            for (size_t k = 0; k < c; k++)
                out[k] /= divisor;
        }
}

static float stored_divisor(const MhoFakeQuant *fq, int node)
{
    return mho_fakequant_input(fq, node, 0)->coded ? 1.0F : (float)mho_node_window(fq->net, &fq->net->nodes[node]);
}

static MhoStatus pool_forward(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoPoolSettings *s = mho_fakequant_settings(fq, node);
    const MhoFakeQuantNode *x = mho_fakequant_input(fq, node, 0), *self = &fq->nodes[node];
    const MhoGather g = mho_node_gather(fq->net, &fq->net->nodes[node]);
    const size_t in = x->n / fq->batch, out = self->n / fq->batch;
    const float divisor = stored_divisor(fq, node);
    (void)error;
#pragma omp parallel for schedule(static) num_threads(fq->threads)
    for (size_t n = 0; n < fq->batch; n++) {
        if (s->kind == MHO_POOL_MAX)
            maximum_image(&g, x->coded, x->stored + n * in, self->stored + n * out);
        else
            average_image(&g, divisor, x->stored + n * in, self->stored + n * out);
    }
    return MHO_OK;
}

/* One position's gradient to the first input of its window that equals the maximum. */
static inline void maximum_position(const MhoGather *g, MhoWindow in, const float *image, const float *out,
                                    const float *d_out, size_t k, float *d_image)
{
    const size_t c = (size_t)g->c;
    for (int y = in.y0; y < in.y1; y++)
        for (int x = in.x0; x < in.x1; x++) {
            const size_t at = (size_t)(y * g->w + x) * c + k;
            if (image[at] == out[k]) {
                d_image[at] += d_out[k];
                return;
            }
        }
}

static void maximum_image_gradient(const MhoGather *g, const float *image, const float *out, const float *d_out,
                                   float *d_image)
{
    const size_t c = (size_t)g->c;
    memset(d_image, 0, (size_t)g->h * (size_t)g->w * c * sizeof *d_image);
    for (int oy = 0; oy < g->out_h; oy++)
        for (int ox = 0; ox < g->out_w; ox++, out += c, d_out += c)
            for (size_t k = 0; k < c; k++)
                maximum_position(g, mho_gather_window(g, oy, ox), image, out, d_out, k, d_image);
}

MHO_CLONES static void average_image_gradient(const MhoGather *g, float divisor, const float *d_out, float *d_image)
{
    const size_t c = (size_t)g->c;
    memset(d_image, 0, (size_t)g->h * (size_t)g->w * c * sizeof *d_image);
    for (int oy = 0; oy < g->out_h; oy++)
        for (int ox = 0; ox < g->out_w; ox++, d_out += c) {
            const MhoWindow in = mho_gather_window(g, oy, ox);
            for (int y = in.y0; y < in.y1; y++)
                for (int x = in.x0; x < in.x1; x++) {
                    float *at = d_image + (size_t)(y * g->w + x) * c;
                    for (size_t k = 0; k < c; k++)
                        at[k] += d_out[k] / divisor;
                }
        }
}

static MhoStatus pool_backward(MhoFakeQuant *fq, int node, MhoError *error)
{
    const MhoPoolSettings *s = mho_fakequant_settings(fq, node);
    const MhoFakeQuantNode *x = mho_fakequant_input(fq, node, 0), *self = &fq->nodes[node];
    const MhoGather g = mho_node_gather(fq->net, &fq->net->nodes[node]);
    const size_t in = x->n / fq->batch, out = self->n / fq->batch;
    const float divisor = stored_divisor(fq, node);
    float *d_x = mho_fakequant_gradient_begin(fq, fq->net->nodes[node].inputs[0]);
    (void)error;
    if (!d_x)
        return MHO_OK;
#pragma omp parallel for schedule(static) num_threads(fq->threads)
    for (size_t n = 0; n < fq->batch; n++) {
        if (s->kind == MHO_POOL_MAX)
            maximum_image_gradient(&g, x->stored + n * in, self->stored + n * out, self->d_stored + n * out,
                                   d_x + n * in);
        else
            average_image_gradient(&g, divisor, self->d_stored + n * out, d_x + n * in);
    }
    mho_fakequant_gradient_end(fq, fq->net->nodes[node].inputs[0]);
    return MHO_OK;
}

const MhoFakeQuantLayer mho_fakequant_layer_pool = {.part = MHO_PART_TENSOR,
                                                    .plan = pool_plan,
                                                    .prepare = pool_prepare,
                                                    .forward = pool_forward,
                                                    .backward = pool_backward};
