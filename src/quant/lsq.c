/* lsq.c - learned step size.
 *
 *   q(x) = d round(clip(x / d, -Q_N, Q_P)),  d = e^s / Q_P;  Q_P = n;  Q_N = n signed (symmetric form), 0 unsigned
 *   surrogate   dq/dx = 1 for -Q_N < x / d < Q_P, else 0
 *               dq/dd = round(x / d) - x / d inside, -Q_N or Q_P outside;  dq/ds = d dq/dd, divided by sqrt(N Q_P)
 *   fit         d = 2 E|x| / sqrt(Q_P); activations are calibrated from counts, with the range of least squared error
 * The scale is kept as s = ln(d Q_P), so a step stays positive. Source: Esser et al., Learned Step Size Quantization,
 * ICLR 2020, arXiv:1902.08153, equations 1 to 5 and section 2.2. Valid for 2 to 8 bits.
 */
#include <stddef.h>

#include "kernels/math.h"
#include "quant/grid_internal.h"

static void lsq_fit(const void *params, MhoQuantShape shape, const float *x, float *log_scale)
{
    const double n = mho_grid_full_scale(params, shape.bits, shape.is_signed);
    for (size_t k = 0; k < shape.channels; k++) {
        const float *channel = x + k * shape.per_channel;
        double sum = 0.0;
        for (size_t i = 0; i < shape.per_channel; i++)
            sum += __builtin_fabs((double)channel[i]);
        /* n d = 2 sqrt(n) E|x|; any range encodes zeros */
        log_scale[k] = sum > 0.0 ? (float)mho_ln(2.0 * __builtin_sqrt(n) * sum / (double)shape.per_channel) : 0.0F;
    }
}

static void lsq_gradient(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                         const float *d_value, float *d_x, float *d_log_scale)
{
    (void)params;
    mho_grid_gradient(shape, x, log_scale, false, d_value, d_x, d_log_scale);
}

extern const MhoQuantizer mho_quantizer_lsq;
const MhoQuantizer mho_quantizer_lsq = {
    .descriptor = {.name = "lsq",
                   .summary = "uniform levels with a learned step that starts from the mean size",
                   .reference = "Esser et al., Learned Step Size Quantization, ICLR 2020, arXiv:1902.08153",
                   .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE},
    .min_bits = 2,
    .max_bits = 8,
    .full_scale = mho_grid_full_scale,
    .fit = lsq_fit,
    .encode = mho_grid_encode,
    .gradient = lsq_gradient,
};
