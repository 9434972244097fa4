/* fqconv.c - the learned uniform quantizer of fully quantized convolution.
 *
 *   q(x) = e^s Q(x / e^s),  Q(u) = round(n clip(u, b, 1)) / n,  b = -1 (signed) or 0 (ReLU built in)
 * Surrogate gradients, u = x / e^s, before the division of d/ds by sqrt(N n):
 *   clipped   dq/dx = 1 for b < u < 1, else 0;   dq/ds = e^s (Q(u) - u) inside, q outside
 *   straight  dq/dx = 1 and dq/ds = e^s (Q(u) - u) everywhere; signed tensors only, unsigned ones stay clipped
 * Source: Verhoef et al., FQ-Conv, arXiv:1912.09356; the division by sqrt(N n) is that of LSQ, Esser et al., ICLR 2020.
 * Valid for 2 to 8 bits.
 */
#include <stddef.h>

#include "quant/grid_internal.h"

typedef enum GradientForm { GRADIENT_CLIPPED, GRADIENT_STRAIGHT } GradientForm;
typedef enum FitForm { FIT_MSE, FIT_MAXIMUM } FitForm;

typedef struct FqconvParams {
    int gradient; /* GradientForm */
    int fit;      /* FitForm */
} FqconvParams;

static void fqconv_gradient(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                            const float *d_value, float *d_x, float *d_log_scale)
{
    const FqconvParams *p = params;
    mho_grid_gradient(shape, x, log_scale, p->gradient == GRADIENT_STRAIGHT && shape.is_signed, d_value, d_x,
                      d_log_scale);
}

static void fqconv_fit(const void *params, MhoQuantShape shape, const float *x, float *log_scale)
{
    const FqconvParams *p = params;
    mho_grid_fit(shape, x, p->fit == FIT_MAXIMUM, log_scale);
}

static MhoRangeFit fqconv_range(const void *params, int bits)
{
    const FqconvParams *p = params;
    (void)bits;
    return (MhoRangeFit){.rule = p->fit == FIT_MAXIMUM ? MHO_FIT_PERCENTILE : MHO_FIT_MSE, .value = 1.0};
}

static const MhoParam fqconv_params[] = {
    {"gradient", MHO_CHOICE, offsetof(FqconvParams, gradient), GRADIENT_CLIPPED, 0, 1, "",
     "gradient of clipped values: none, or passed straight through (signed tensors)", "clipped straight", NULL,
     "clipped gradient"},
    {"fit", MHO_CHOICE, offsetof(FqconvParams, fit), FIT_MSE, 0, 1, "",
     "starting range: least squared error, or the largest value", "mse maximum", NULL, "starting range"},
};

extern const MhoQuantizer mho_quantizer_fqconv;
const MhoQuantizer mho_quantizer_fqconv = {
    .descriptor = {.name = "fqconv",
                   .summary = "uniform levels with one learned scale per tensor or channel",
                   .reference = "Verhoef et al., FQ-Conv, arXiv:1912.09356 (2019)",
                   MHO_PARAM_TABLE(FqconvParams, fqconv_params),
                   .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE},
    .min_bits = 2,
    .max_bits = 8,
    .full_scale = mho_grid_full_scale,
    .fit = fqconv_fit,
    .range = fqconv_range,
    .encode = mho_grid_encode,
    .gradient = fqconv_gradient,
};
