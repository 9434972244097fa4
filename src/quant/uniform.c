/* uniform.c - evenly spaced levels on a fixed scale, fitted from the tensor and not learned.
 *
 *   q(x) = e^s Q(x / e^s),  Q(u) = round(n clip(u, b, 1)) / n,  b = -1 (signed) or 0
 * Surrogate, u = x / e^s: dq/dx = 1 for b < u < 1, else 0 (the slope of e^s clip(u, b, 1)); dq/ds = 0.
 * Source: Jacob et al., CVPR 2018, section 3 (symmetric form); range of least squared error: Banner et al., NeurIPS
 * 2019, arXiv:1810.05723. Valid for 2 to 8 bits.
 */
#include <stddef.h>

#include "quant/grid_internal.h"

typedef enum RangeForm { RANGE_MSE, RANGE_MAXIMUM } RangeForm;

typedef struct UniformParams {
    int range; /* RangeForm */
} UniformParams;

static bool uniform_fits_largest(const void *params)
{
    const UniformParams *p = params;

    return p->range == RANGE_MAXIMUM;
}

static void uniform_fit(const void *params, MhoQuantShape shape, const float *x, float *log_scale)
{
    mho_grid_fit(shape, x, uniform_fits_largest(params), log_scale);
}

static void uniform_gradient(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                             const float *d_value, float *d_x, float *d_log_scale)
{
    (void)params;
    (void)d_log_scale; /* the scale is not learned */
    mho_grid_gradient(shape, x, log_scale, false, d_value, d_x, NULL);
}

static const MhoParam uniform_params[] = {
    {"range", MHO_CHOICE, offsetof(UniformParams, range), RANGE_MSE, 0, 1, "",
     "fixed range: least squared error, or the largest value", "mse maximum", NULL},
};

extern const MhoQuantizer mho_quantizer_uniform;
const MhoQuantizer mho_quantizer_uniform = {
    .model =
        {
            .name = "uniform",
            .summary = "uniform levels on a fixed scale fitted from the tensor",
            .reference = "Jacob et al., CVPR 2018, section 3; Banner et al., arXiv:1810.05723 (2019)",
            .params_size = sizeof(UniformParams),
            .params = uniform_params,
            .n_params = sizeof uniform_params / sizeof *uniform_params,
            .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE,
        },
    .min_bits = 2,
    .max_bits = 8,
    .full_scale = mho_grid_full_scale,
    .fit = uniform_fit,
    .fits_largest = uniform_fits_largest,
    .encode = mho_grid_encode,
    .gradient = uniform_gradient,
};
