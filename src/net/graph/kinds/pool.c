/* pool.c - maximum, average and global average over windows. */
#include <stddef.h>

#include "net/graph/graph_internal.h"

static MhoStatus pool_shape(const void *settings, const MhoShape *inputs, MhoShape *output, MhoError *error)
{
    const MhoPoolSettings *s = settings;
    const MhoShape in = inputs[0];
    if (s->kind == MHO_POOL_GLOBAL) {
        *output = (MhoShape){1, 1, in.c};
        return MHO_OK;
    }
    if (in.h + 2 * s->pad < s->window || in.w + 2 * s->pad < s->window)
        return mho_fail(error, MHO_USAGE, "a window of %d does not fit an input of %d x %d", s->window, in.h, in.w);
    *output = (MhoShape){(in.h + 2 * s->pad - s->window) / s->stride + 1,
                         (in.w + 2 * s->pad - s->window) / s->stride + 1, in.c};
    return MHO_OK;
}

static MhoStatus pool_check(const void *settings, MhoError *error)
{
    const MhoPoolSettings *s = settings;
    if (s->kind == MHO_POOL_GLOBAL)
        return MHO_OK;
    if (s->window < 1 || s->stride < 1)
        return mho_fail(error, MHO_USAGE, "window and stride must be at least 1");
    if (s->pad >= s->window)
        return mho_fail(error, MHO_USAGE, "a pad of %d with a window of %d adds windows that see no pixel", s->pad,
                        s->window);
    return MHO_OK;
}

static const MhoParam pool_params[] = {
    {"kind", MHO_CHOICE, offsetof(MhoPoolSettings, kind), MHO_POOL_MAX, 0, 2, "", "what a window gives",
     "max average global", NULL, "pooling"},
    {"window", MHO_INT, offsetof(MhoPoolSettings, window), 2, 0, 4096, "pixels",
     "height and width of the window (not for global)", NULL, NULL, "window size"},
    {"stride", MHO_INT, offsetof(MhoPoolSettings, stride), 2, 0, 4096, "pixels", "step of the window (not for global)",
     NULL, NULL, "stride"},
    {"pad", MHO_INT, offsetof(MhoPoolSettings, pad), 0, 0, 4095, "pixels",
     "rows and columns around the image (not for global)", NULL, NULL, "padding"},
};

const MhoLayer mho_layer_pool = {
    .descriptor = {.name = "pool",
                   .summary = "maximum, average or global average over windows",
                   .reference = "by definition; 1 / N of an average of codes goes into the next multiplier",
                   MHO_PARAM_TABLE(MhoPoolSettings, pool_params),
                   .check = pool_check},
    .n_inputs = 1,
    .shape = pool_shape,
};
