/* pact.c - activations clipped to a learned alpha = e^s; weights as DoReFa.
 *
 *   activations  y = clip(x, 0, alpha),  q = round(n y / alpha) alpha / n,  n = 2^bits - 1
 *   surrogate    dq/dx = 1 for 0 < x < alpha, else 0;  dq/dalpha = 1 for x >= alpha, else 0, so dq/ds = alpha there,
 *                divided by sqrt(N n) as the trainer wants it
 *   weights      tanh_weights_internal.h, on the fixed range of the largest weight at the start
 * alpha starts from the calibrated range instead of the paper's 10, and has no L2 penalty: weight decay spares
 * scales. Source: Choi et al., PACT, arXiv:1805.06085, equations 1 to 3. Valid for 2 to 8 bits; signed activations have
 * no PACT form.
 */
#include <stddef.h>

#include "kernels/math.h"
#include "quant/grid_internal.h"
#include "quant/tanh_weights_internal.h"

static void pact_fit(const void *params, MhoQuantShape shape, const float *x, float *log_scale)
{
    (void)params;
    mho_grid_fit(shape, x, shape.is_signed, log_scale);
}

static void pact_gradient(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                          const float *d_value, float *d_x, float *d_log_scale)
{
    if (shape.is_signed) {
        mho_tanh_gradient(shape, x, log_scale, d_value, d_x);
        return;
    }
    const double n = mho_tanh_full_scale(params, shape.bits, shape.is_signed);
    const double weight = 1.0 / __builtin_sqrt((double)shape.per_channel * n);
    mho_grid_gradient(shape, x, log_scale, false, d_value, d_x, NULL);
    for (size_t k = 0; k < shape.channels; k++) {
        const double alpha = mho_exp((double)log_scale[k]);
        double sum = 0.0;
        for (size_t i = k * shape.per_channel; i < (k + 1) * shape.per_channel; i++)
            sum += (double)x[i] >= alpha ? (double)d_value[i] : 0.0;
        d_log_scale[k] += (float)(weight * alpha * sum);
    }
}

extern const MhoQuantizer mho_quantizer_pact;
const MhoQuantizer mho_quantizer_pact = {
    .descriptor = {.name = "pact",
                   .summary = "activations clipped to a learned range, weights through tanh to levels without zero",
                   .reference = "Choi et al., PACT, arXiv:1805.06085 (2018)",
                   .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE},
    .min_bits = 2,
    .max_bits = 8,
    .normalizes_signed = true,
    .full_scale = mho_tanh_full_scale,
    .fit = pact_fit,
    .encode = mho_tanh_encode,
    .gradient = pact_gradient,
};
