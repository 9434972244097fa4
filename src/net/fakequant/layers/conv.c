/* conv.c - two-dimensional convolution (cross-correlation) with groups, float or with quantized weights.
 *
 *   sum[y, x, k] = sum over (i, j, c) of weight[k, i, j, c] x[y stride + i - pad, x stride + j - pad, c]
 * Weights are (k, kernel, kernel, c / groups). Forward, backward and scales are those of every weighted layer
 * (pass_weighted.c).
 */
#include "net/fakequant/fakequant_internal.h"

static MhoStatus conv_shape(const void *settings, const MhoShape *inputs, MhoShape *output, MhoError *error)
{
    const MhoConvSettings *s = settings;
    const int h = inputs[0].h + 2 * s->pad, w = inputs[0].w + 2 * s->pad;

    if (h < s->kernel || w < s->kernel)
        return mho_fail(error, MHO_USAGE, "a window of %d does not fit an input of %d x %d with pad %d", s->kernel,
                        inputs[0].h, inputs[0].w, s->pad);
    if (inputs[0].c % s->groups != 0)
        return mho_fail(error, MHO_USAGE, "%d input channels do not divide into %d groups", inputs[0].c, s->groups);
    *output = (MhoShape){(h - s->kernel) / s->stride + 1, (w - s->kernel) / s->stride + 1, s->channels};
    return MHO_OK;
}

static size_t conv_arrays(const void *settings, const MhoShape *inputs, MhoNodeArray *arrays)
{
    const MhoConvSettings *s = settings;
    const size_t kernel = (size_t)s->kernel;
    const size_t shape[4] = {(size_t)s->channels, kernel, kernel, (size_t)(inputs[0].c / s->groups)};

    return mho_weighted_arrays(s, shape, arrays);
}

static MhoStatus conv_check(const void *settings, MhoError *error)
{
    const MhoConvSettings *s = settings;

    if (s->channels % s->groups != 0)
        return mho_fail(error, MHO_USAGE, "%d channels do not divide into %d groups", s->channels, s->groups);
    if (s->pad >= s->kernel)
        return mho_fail(error, MHO_USAGE, "a pad of %d with a window of %d adds windows that see no pixel", s->pad,
                        s->kernel);
    return mho_weighted_check(settings, error);
}

extern const MhoLayer mho_layer_conv;
const MhoLayer mho_layer_conv = {
    .descriptor = {.name = "conv",
                   .summary = "two-dimensional convolution",
                   .reference = "LeCun et al., Proc. IEEE 86 (1998) 2278",
                   .params_size = sizeof(MhoConvSettings),
                   .params = mho_weighted_params,
                   .n_params = MHO_CONV_PARAMS,
                   .check = conv_check},
    .n_inputs = 1,
    .shape = conv_shape,
    .arrays = conv_arrays,
    .pass = &mho_weighted_pass,
};
