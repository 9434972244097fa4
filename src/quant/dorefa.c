/* dorefa.c - weights through tanh to levels without zero, activations clipped to a fixed scale.
 *
 *   weights      tanh_weights_internal.h: odd codes of n = 2^bits - 1, surrogate dq/dw = (1 - t^2) / m with the largest
 *                |t| = m held constant (the paper's autograd differentiates it too, for one weight per channel)
 *   activations  q(x) = e^s Q(x / e^s), Q(u) = round(n clip(u, 0, 1)) / n; surrogate dq/dx = 1 for 0 < u < 1, else 0
 * No scale is learned: dq/ds = 0. The paper has e^s = 1 (range=unit for weights); activations are calibrated instead.
 * Source: Zhou et al., DoReFa-Net, arXiv:1606.06160, equations 5, 9 and 11. Valid for 2 to 8 bits; signed activations
 * have no DoReFa form.
 */
#include <stddef.h>

#include "quant/grid_internal.h"
#include "quant/tanh_weights_internal.h"

typedef enum RangeForm { RANGE_MAXIMUM, RANGE_UNIT } RangeForm;

typedef struct DorefaParams {
    int range; /* RangeForm */
} DorefaParams;

static void dorefa_fit(const void *params, MhoQuantShape shape, const float *x, float *log_scale)
{
    const DorefaParams *p = params;
    if (!shape.is_signed || p->range == RANGE_MAXIMUM)
        mho_grid_fit(shape, x, shape.is_signed, log_scale);
    else
        for (size_t k = 0; k < shape.channels; k++)
            log_scale[k] = 0.0F;
}

static void dorefa_gradient(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                            const float *d_value, float *d_x, float *d_log_scale)
{
    (void)params;
    (void)d_log_scale; /* no scale is learned */
    if (shape.is_signed)
        mho_tanh_gradient(shape, x, log_scale, d_value, d_x);
    else
        mho_grid_gradient(shape, x, log_scale, false, d_value, d_x, NULL);
}

static const MhoParam dorefa_params[] = {
    {"range", MHO_CHOICE, offsetof(DorefaParams, range), RANGE_MAXIMUM, 0, 1, "",
     "fixed range of weights: the largest of the tensor or channel at the start, or 1", "maximum unit", NULL,
     "range rule"},
};

extern const MhoQuantizer mho_quantizer_dorefa;
const MhoQuantizer mho_quantizer_dorefa = {
    .descriptor = {.name = "dorefa",
                   .summary = "weights through tanh to levels without zero, activations clipped to a fixed range",
                   .reference = "Zhou et al., DoReFa-Net, arXiv:1606.06160 (2016)",
                   MHO_PARAM_TABLE(DorefaParams, dorefa_params),
                   .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE},
    .min_bits = 2,
    .max_bits = 8,
    .normalizes_signed = true,
    .full_scale = mho_tanh_full_scale,
    .fit = dorefa_fit,
    .encode = mho_tanh_encode,
    .gradient = dorefa_gradient,
};
