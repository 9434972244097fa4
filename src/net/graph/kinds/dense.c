/* dense.c - a fully connected layer: a convolution whose window is the whole input, giving one position.
 *
 *   sum[k] = sum over (y, x, c) of weight[k, y, x, c] x[y, x, c]
 * Weights are (k, h, w, c). As the last node of a net it gives the logits.
 */
#include "net/graph/graph_internal.h"

static MhoStatus dense_shape(const void *settings, const MhoShape *inputs, MhoShape *output, MhoError *error)
{
    const MhoConvSettings *s = settings;
    (void)inputs;
    (void)error;
    *output = (MhoShape){1, 1, s->channels};
    return MHO_OK;
}

static size_t dense_arrays(const void *settings, const MhoShape *inputs, MhoNodeArray *arrays)
{
    const MhoConvSettings *s = settings;
    const size_t shape[4] = {(size_t)s->channels, (size_t)inputs[0].h, (size_t)inputs[0].w, (size_t)inputs[0].c};
    return mho_weighted_arrays(s, shape, arrays);
}

const MhoLayer mho_layer_dense = {
    .descriptor = {.name = "dense",
                   .summary = "fully connected layer",
                   .reference = "by definition: a convolution whose window is the whole input",
                   .params_size = sizeof(MhoConvSettings),
                   .params = mho_weighted_params + (MHO_CONV_PARAMS - MHO_DENSE_PARAMS),
                   .n_params = MHO_DENSE_PARAMS,
                   .check = mho_weighted_check},
    .n_inputs = 1,
    .shape = dense_shape,
    .arrays = dense_arrays,
};
