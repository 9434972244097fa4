/* add.c - the sum of two tensors of one shape. */
#include "net/graph/graph_internal.h"

static MhoStatus add_shape(const void *settings, const MhoShape *inputs, MhoShape *output, MhoError *error)
{
    const MhoShape a = inputs[0], b = inputs[1];
    (void)settings;
    if (a.h != b.h || a.w != b.w || a.c != b.c)
        return mho_fail(error, MHO_USAGE, "an addition of %d x %d x %d and %d x %d x %d", a.h, a.w, a.c, b.h, b.w, b.c);
    *output = a;
    return MHO_OK;
}

const MhoLayer mho_layer_add = {
    .descriptor = {.name = "add",
                   .summary = "sum of two tensors",
                   .reference = "He et al., CVPR 2016, equation 1 (residual sum)"},
    .n_inputs = 2,
    .shape = add_shape,
};
