/* conv.c - two-dimensional convolution (cross-correlation) with groups, float or with quantized weights.
 *
 *   sum[y, x, k] = sum over (i, j, c) of weight[k, i, j, c] x[y stride + i - pad, x stride + j - pad, c]
 * Weights are (k, kernel, kernel, c / groups).
 */
#include <stddef.h>

#include "crossbar/crossbar.h"
#include "net/graph/graph_internal.h"

const MhoParam mho_weighted_params[] = {
    {"kernel", MHO_INT, offsetof(MhoConvSettings, kernel), 3, 1, 64, "pixels", "height and width of the window", NULL,
     NULL, "kernel size"},
    {"stride", MHO_INT, offsetof(MhoConvSettings, stride), 1, 1, 64, "pixels", "step of the window", NULL, NULL,
     "stride"},
    {"pad", MHO_INT, offsetof(MhoConvSettings, pad), 0, 0, 63, "pixels", "rows and columns of code 0 around the image",
     NULL, NULL, "padding"},
    {"groups", MHO_INT, offsetof(MhoConvSettings, groups), 1, 1, 65536, "", "independent groups of channels", NULL,
     NULL, "groups"},
    {"channels", MHO_INT, offsetof(MhoConvSettings, channels), 16, 1, 65536, "", "output channels", NULL, NULL,
     "output channels"},
    {"bias", MHO_BOOL, offsetof(MhoConvSettings, bias), 0, 0, 1, "", "a float bias per output channel", NULL, NULL,
     "bias"},
    {"bits", MHO_INT, offsetof(MhoConvSettings, bits), 0, 0, 16, "bit", "weight bits, 0: float", NULL, NULL,
     "weight precision"},
    {"scale", MHO_CHOICE, offsetof(MhoConvSettings, scale), MHO_SCALE_PER_CHANNEL, 0, 1, "",
     "one weight scale per tensor or per output channel", "per_tensor per_channel", NULL, "weight scale"},
    {"shift", MHO_BOOL, offsetof(MhoConvSettings, shift), 0, 0, 1, "",
     "a learned whole-number shift of each channel's sum", NULL, NULL, "channel shift"},
    {"policy", MHO_TEXT, offsetof(MhoConvSettings, policy), 0, 0, 0, "", "quantizer of the weights", NULL, "fqconv",
     "weight quantizer"},
    {"adc_bits", MHO_INT, offsetof(MhoConvSettings, adc_bits), 0, 0, MHO_ADC_MAX_BITS, "bit",
     "resolution of this layer's converters, 0: the chip's", NULL, NULL, "ADC resolution"},
    {"adc_range", MHO_BOOL, offsetof(MhoConvSettings, adc_range), 0, 0, 1, "",
     "a learned range of this layer's converters", NULL, NULL, "learned ADC range"},
};
_Static_assert(sizeof mho_weighted_params / sizeof *mho_weighted_params == MHO_CONV_PARAMS, "rows of the table");

MhoStatus mho_weighted_check(const void *settings, MhoError *error)
{
    const MhoConvSettings *s = settings;
    if (s->shift && !s->bits)
        return mho_fail(error, MHO_USAGE, "shift counts steps of quantized sums; it needs weight bits");
    if (s->adc_range && !s->bits)
        return mho_fail(error, MHO_USAGE, "adc_range counts units of quantized sums; it needs weight bits");
    return MHO_OK;
}

size_t mho_weighted_arrays(const MhoConvSettings *s, const size_t weight_shape[4], MhoNodeArray *arrays)
{
    const size_t one = 1, k = weight_shape[0];
    size_t n = 0;
    mho_layer_array(&arrays[n++], MHO_ARRAY_WEIGHT, 4, weight_shape);
    if (s->bias)
        mho_layer_array(&arrays[n++], MHO_ARRAY_BIAS, 1, &k);
    if (s->bits)
        mho_layer_array(&arrays[n++], MHO_ARRAY_LOG_SCALE, 1, s->scale == MHO_SCALE_PER_CHANNEL ? &k : &one);
    if (s->shift)
        mho_layer_array(&arrays[n++], MHO_ARRAY_SHIFT, 1, &k);
    if (s->adc_range)
        mho_layer_array(&arrays[n++], MHO_ARRAY_ADC_LOG_RANGE, 1, &one);
    return n;
}

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
};
