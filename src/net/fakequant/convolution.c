/* convolution.c - one convolution with its gradients on oneDNN: f32, NHWC, direct algorithm only.
 *
 * Products of codes are whole numbers, so direct convolution adds them exactly below 2^24; Winograd would not.
 * Activations stay NHWC (measured as fast as blocked layouts on AVX-512); weights are reordered once a step.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "net/fakequant/fakequant_internal.h"

struct MhoConvolution {
    dnnl_primitive_t forward, backward_data, backward_weights;
    dnnl_primitive_t order_forward, order_backward, order_gradient;
    dnnl_memory_t source, destination, d_source, d_destination, offset, d_offset;
    dnnl_memory_t plain, d_plain;                       /* (k, kernel, kernel, c / groups) */
    dnnl_memory_t weights, weights_backward, d_weights; /* in the primitives' own order */
    dnnl_memory_t scratch[3];
    bool has_offset;
};

typedef struct Descriptors {
    dnnl_memory_desc_t source, destination, weights, plain, offset;
    dnnl_dims_t strides, padding, padding_end;
} Descriptors;

static MhoStatus check(dnnl_status_t status, const char *what, MhoError *error)
{
    if (status == dnnl_success)
        return MHO_OK;
    if (status == dnnl_out_of_memory)
        return mho_fail(error, MHO_MEMORY, "out of memory in oneDNN: %s", what);
    return mho_fail(error, MHO_FAILED, "oneDNN refused: %s (status %d)", what, (int)status);
}

static MhoStatus describe(const MhoConvGeometry *g, Descriptors *d, MhoError *error)
{
    const dnnl_dims_t source = {g->batch, g->c, g->h, g->w}, destination = {g->batch, g->k, g->out_h, g->out_w};
    const dnnl_dims_t weights = {g->k, g->c, g->kernel, g->kernel}, offset = {g->k};
    const dnnl_dims_t grouped = {g->groups, g->k / g->groups, g->c / g->groups, g->kernel, g->kernel};
    const bool groups = g->groups > 1;
    const int rank = groups ? 5 : 4;
    dnnl_status_t status = dnnl_memory_desc_init_by_tag(&d->source, 4, source, dnnl_f32, dnnl_nhwc);
    if (status == dnnl_success)
        status = dnnl_memory_desc_init_by_tag(&d->destination, 4, destination, dnnl_f32, dnnl_nhwc);
    if (status == dnnl_success)
        status =
            dnnl_memory_desc_init_by_tag(&d->weights, rank, groups ? grouped : weights, dnnl_f32, dnnl_format_tag_any);
    if (status == dnnl_success)
        status = dnnl_memory_desc_init_by_tag(&d->plain, rank, groups ? grouped : weights, dnnl_f32,
                                              groups ? dnnl_gohwi : dnnl_ohwi);
    if (status == dnnl_success)
        status = dnnl_memory_desc_init_by_tag(&d->offset, 1, offset, dnnl_f32, dnnl_x);
    const int reach_h = (g->out_h - 1) * g->stride + g->kernel - g->h - g->pad;
    const int reach_w = (g->out_w - 1) * g->stride + g->kernel - g->w - g->pad;
    for (int i = 0; i < 2; i++) {
        d->strides[i] = g->stride;
        d->padding[i] = g->pad;
        d->padding_end[i] = i == 0 ? reach_h : reach_w; /* may be negative: rows that no window reaches */
    }
    return check(status, "shape of a convolution", error);
}

/* Make the primitive of an operation; makes its scratch memory and raises the executor's scratchpad size. */
static MhoStatus make_primitive(MhoFakeQuant *fq, const void *operation, dnnl_primitive_desc_t hint,
                                dnnl_primitive_t *primitive, dnnl_primitive_desc_t *kept, dnnl_memory_t *scratch,
                                MhoError *error)
{
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&description, operation, attributes, fq->engine, hint);
    if (status == dnnl_success)
        status = dnnl_primitive_create(primitive, description);
    if (status == dnnl_success) {
        const dnnl_memory_desc_t *need = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
        const size_t bytes = dnnl_memory_desc_get_size(need);
        fq->scratchpad_bytes = bytes > fq->scratchpad_bytes ? bytes : fq->scratchpad_bytes;
        status = dnnl_memory_create(scratch, need, fq->engine, DNNL_MEMORY_NONE);
    }
    dnnl_primitive_attr_destroy(attributes);
    *kept = description;
    return check(status, "a convolution", error);
}

static MhoStatus make_memory(MhoFakeQuant *fq, const dnnl_memory_desc_t *descriptor, void *data, dnnl_memory_t *memory,
                             MhoError *error)
{
    return check(dnnl_memory_create(memory, descriptor, fq->engine, data ? data : DNNL_MEMORY_ALLOCATE), "a buffer",
                 error);
}

/* Primitive that copies between two orders of the same array. */
static MhoStatus make_reorder(MhoFakeQuant *fq, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to,
                              dnnl_primitive_t *reorder, MhoError *error)
{
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = dnnl_reorder_primitive_desc_create(&description, from, fq->engine, to, fq->engine, NULL);
    if (status == dnnl_success)
        status = dnnl_primitive_create(reorder, description);
    dnnl_primitive_desc_destroy(description);
    return check(status, "a reorder of weights", error);
}

static MhoStatus create_forward(MhoFakeQuant *fq, MhoConvolution *c, const MhoConvGeometry *g, const Descriptors *d,
                                dnnl_primitive_desc_t *kept, MhoError *error)
{
    dnnl_convolution_desc_t operation;
    const dnnl_status_t made = dnnl_convolution_forward_desc_init(
        &operation, g->training ? dnnl_forward_training : dnnl_forward_inference, dnnl_convolution_direct, &d->source,
        &d->weights, g->bias ? &d->offset : NULL, &d->destination, d->strides, d->padding, d->padding_end);
    MhoStatus status = check(made, "a convolution", error);
    if (status == MHO_OK)
        status = make_primitive(fq, &operation, NULL, &c->forward, kept, &c->scratch[0], error);
    if (status != MHO_OK)
        return status;
    const dnnl_memory_desc_t *order = dnnl_primitive_desc_query_md(*kept, dnnl_query_weights_md, 0);
    status = make_memory(fq, order, NULL, &c->weights, error);
    return status == MHO_OK ? make_reorder(fq, &d->plain, order, &c->order_forward, error) : status;
}

static MhoStatus create_backward_data(MhoFakeQuant *fq, MhoConvolution *c, const Descriptors *d,
                                      dnnl_primitive_desc_t hint, MhoError *error)
{
    dnnl_convolution_desc_t operation;
    dnnl_primitive_desc_t kept = NULL;
    MhoStatus status =
        check(dnnl_convolution_backward_data_desc_init(&operation, dnnl_convolution_direct, &d->source, &d->weights,
                                                       &d->destination, d->strides, d->padding, d->padding_end),
              "the gradient of a convolution", error);
    if (status == MHO_OK)
        status = make_primitive(fq, &operation, hint, &c->backward_data, &kept, &c->scratch[1], error);
    if (status == MHO_OK) {
        const dnnl_memory_desc_t *order = dnnl_primitive_desc_query_md(kept, dnnl_query_weights_md, 0);
        status = make_memory(fq, order, NULL, &c->weights_backward, error);
        if (status == MHO_OK)
            status = make_reorder(fq, &d->plain, order, &c->order_backward, error);
    }
    dnnl_primitive_desc_destroy(kept);
    return status;
}

static MhoStatus create_backward_weights(MhoFakeQuant *fq, MhoConvolution *c, const MhoConvGeometry *g,
                                         const Descriptors *d, dnnl_primitive_desc_t hint, MhoError *error)
{
    dnnl_convolution_desc_t operation;
    dnnl_primitive_desc_t kept = NULL;
    MhoStatus status = check(dnnl_convolution_backward_weights_desc_init(
                                 &operation, dnnl_convolution_direct, &d->source, &d->weights,
                                 g->bias ? &d->offset : NULL, &d->destination, d->strides, d->padding, d->padding_end),
                             "the weight gradient of a convolution", error);
    if (status == MHO_OK)
        status = make_primitive(fq, &operation, hint, &c->backward_weights, &kept, &c->scratch[2], error);
    if (status == MHO_OK) {
        const dnnl_memory_desc_t *order = dnnl_primitive_desc_query_md(kept, dnnl_query_diff_weights_md, 0);
        status = make_memory(fq, order, NULL, &c->d_weights, error);
        if (status == MHO_OK)
            status = make_reorder(fq, order, &d->plain, &c->order_gradient, error);
    }
    dnnl_primitive_desc_destroy(kept);
    return status;
}

static MhoStatus create_buffers(MhoFakeQuant *fq, MhoConvolution *c, const MhoConvGeometry *g, const Descriptors *d,
                                MhoError *error)
{
    const struct {
        bool wanted;
        const dnnl_memory_desc_t *shape;
        void *data;
        dnnl_memory_t *memory;
    } buffers[] = {{true, &d->source, g->source, &c->source},
                   {true, &d->destination, g->destination, &c->destination},
                   {true, &d->plain, g->weights, &c->plain},
                   {g->bias, &d->offset, g->offset, &c->offset},
                   {g->training && g->needs_d_source, &d->source, g->d_source, &c->d_source},
                   {g->training, &d->destination, g->d_destination, &c->d_destination},
                   {g->training, &d->plain, g->d_weights, &c->d_plain},
                   {g->training && g->bias, &d->offset, g->d_offset, &c->d_offset}};
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers && status == MHO_OK; i++)
        if (buffers[i].wanted)
            status = make_memory(fq, buffers[i].shape, buffers[i].data, buffers[i].memory, error);
    return status;
}

MhoStatus mho_convolution_create(MhoFakeQuant *fq, const MhoConvGeometry *geometry, MhoConvolution **made,
                                 MhoError *error)
{
    Descriptors d;
    dnnl_primitive_desc_t forward = NULL;
    MhoConvolution *c = mho_calloc(1, sizeof *c, error, "a convolution");
    *made = c;
    if (!c)
        return MHO_MEMORY;
    c->has_offset = geometry->bias;
    MhoStatus status = describe(geometry, &d, error);
    if (status == MHO_OK)
        status = create_forward(fq, c, geometry, &d, &forward, error);
    if (status == MHO_OK)
        status = create_buffers(fq, c, geometry, &d, error);
    if (status == MHO_OK && geometry->training && geometry->needs_d_source)
        status = create_backward_data(fq, c, &d, forward, error);
    if (status == MHO_OK && geometry->training)
        status = create_backward_weights(fq, c, geometry, &d, forward, error);
    dnnl_primitive_desc_destroy(forward);
    return status;
}

void mho_convolution_destroy(MhoConvolution *c)
{
    if (!c)
        return;
    const dnnl_primitive_t primitives[] = {c->forward,       c->backward_data,  c->backward_weights,
                                           c->order_forward, c->order_backward, c->order_gradient};
    const dnnl_memory_t memories[] = {
        c->source,  c->destination, c->d_source,         c->d_destination, c->offset,     c->d_offset,   c->plain,
        c->d_plain, c->weights,     c->weights_backward, c->d_weights,     c->scratch[0], c->scratch[1], c->scratch[2]};

    for (size_t i = 0; i < sizeof primitives / sizeof *primitives; i++)
        if (primitives[i])
            dnnl_primitive_destroy(primitives[i]);
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    free(c);
}

static MhoStatus reorder(MhoFakeQuant *fq, dnnl_primitive_t primitive, dnnl_memory_t from, dnnl_memory_t to,
                         MhoError *error)
{
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    return check(dnnl_primitive_execute(primitive, fq->stream, 2, arguments), "a reorder of weights", error);
}

/* Execute with the executor's scratchpad as the last argument. */
static MhoStatus execute(MhoFakeQuant *fq, dnnl_primitive_t primitive, dnnl_memory_t scratch, int n,
                         dnnl_exec_arg_t *arguments, MhoError *error)
{
    dnnl_status_t status = dnnl_memory_set_data_handle(scratch, fq->scratchpad);
    arguments[n] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, scratch};
    if (status == dnnl_success)
        status = dnnl_primitive_execute(primitive, fq->stream, n + 1, arguments);
    if (status == dnnl_success)
        status = dnnl_stream_wait(fq->stream);
    return check(status, "a convolution", error);
}

MhoStatus mho_convolution_forward(MhoFakeQuant *fq, MhoConvolution *c, const float *source, float *destination,
                                  MhoError *error)
{
    dnnl_exec_arg_t arguments[5] = {{DNNL_ARG_SRC, c->source},
                                    {DNNL_ARG_WEIGHTS, c->weights},
                                    {DNNL_ARG_DST, c->destination},
                                    {DNNL_ARG_BIAS, c->offset}};
    dnnl_status_t set = dnnl_memory_set_data_handle(c->source, (void *)(uintptr_t)source); /* read only */
    if (set == dnnl_success)
        set = dnnl_memory_set_data_handle(c->destination, destination);
    MhoStatus status = check(set, "a buffer", error);
    if (status == MHO_OK)
        status = reorder(fq, c->order_forward, c->plain, c->weights, error);
    return status == MHO_OK ? execute(fq, c->forward, c->scratch[0], c->has_offset ? 4 : 3, arguments, error) : status;
}

MhoStatus mho_convolution_backward(MhoFakeQuant *fq, MhoConvolution *c, float *d_source, MhoError *error)
{
    dnnl_exec_arg_t weights[5] = {{DNNL_ARG_SRC, c->source},
                                  {DNNL_ARG_DIFF_DST, c->d_destination},
                                  {DNNL_ARG_DIFF_WEIGHTS, c->d_weights},
                                  {DNNL_ARG_DIFF_BIAS, c->d_offset}};
    dnnl_exec_arg_t data[4] = {{DNNL_ARG_DIFF_DST, c->d_destination},
                               {DNNL_ARG_WEIGHTS, c->weights_backward},
                               {DNNL_ARG_DIFF_SRC, c->d_source}};
    MhoStatus status = execute(fq, c->backward_weights, c->scratch[2], c->has_offset ? 4 : 3, weights, error);
    if (status == MHO_OK)
        status = reorder(fq, c->order_gradient, c->d_weights, c->d_plain, error);
    if (status != MHO_OK || !d_source)
        return status;
    status = check(dnnl_memory_set_data_handle(c->d_source, d_source), "a buffer", error);
    if (status == MHO_OK)
        status = reorder(fq, c->order_backward, c->plain, c->weights_backward, error);
    return status == MHO_OK ? execute(fq, c->backward_data, c->scratch[1], 3, data, error) : status;
}
