/* uniform.c - evenly spaced levels on a fixed scale, fitted from the tensor and not learned.
 *
 *   q(x) = e^s Q(x / e^s),  Q(u) = round(n clip(u, b, 1)) / n,  b = -1 (signed) or 0
 * Range: of least squared error, the largest size, or the size that a percentile of the sizes other than 0 stays within
 * (99.9 % by default: ours; UNIQ clips 8-bit activations at a running percentile that is not stated). Measured once.
 * Surrogate, u = x / e^s: dq/dx = 1 for b < u < 1, else 0 (the slope of e^s clip(u, b, 1)); dq/ds = 0.
 * Source: Jacob et al., CVPR 2018, section 3 (symmetric form); range of least squared error: Banner et al., NeurIPS
 * 2019, arXiv:1810.05723; percentile: Baskin et al., UNIQ, ACM Trans. Comput. Syst. 37 (2021). Valid for 2 to 8 bits.
 */
#include <stddef.h>

#include "kernels/math.h"
#include "quant/empirical_internal.h"
#include "quant/grid_internal.h"

typedef enum RangeForm { RANGE_MSE, RANGE_MAXIMUM, RANGE_PERCENTILE } RangeForm;

typedef struct UniformParams {
    int range; /* RangeForm */
    double percentile;
} UniformParams;

static MhoRangeFit uniform_range(const void *params, int bits)
{
    const UniformParams *p = params;
    (void)bits;
    return (MhoRangeFit){.rule = p->range == RANGE_MSE ? MHO_FIT_MSE : MHO_FIT_PERCENTILE,
                         .value = p->range == RANGE_PERCENTILE ? p->percentile / 100.0 : 1.0};
}

/* The smallest size that holds a share of the sizes other than 0; 0 when there are none. scratch (3, n). */
static double size_of_share(size_t n, const float *x, double share, float *scratch)
{
    float *sizes = scratch, *sorted = scratch + n;
    for (size_t i = 0; i < n; i++)
        sizes[i] = __builtin_fabsf(x[i]);
    mho_sort_values(n, sizes, sorted, scratch + 2 * n);
    const size_t zeros = mho_sorted_find(n, sorted, 0.0, true);
    const double wanted = __builtin_ceil(share * (double)(n - zeros));
    return zeros < n ? (double)sorted[zeros + (wanted > 1.0 ? (size_t)wanted : 1) - 1] : 0.0;
}

static void uniform_fit(const void *params, MhoQuantShape shape, const float *x, float *log_scale)
{
    const UniformParams *p = params;
    if (p->range != RANGE_PERCENTILE) {
        mho_grid_fit(shape, x, p->range == RANGE_MAXIMUM, log_scale);
        return;
    }
    for (size_t k = 0; k < shape.channels; k++) {
        const double range =
            size_of_share(shape.per_channel, x + k * shape.per_channel, p->percentile / 100.0, shape.scratch);
        log_scale[k] = range > 0.0 ? (float)mho_ln(range) : 0.0F; /* any range encodes zeros */
    }
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
     "fixed range: least squared error, the largest value, or a percentile", "mse maximum percentile", NULL,
     "range rule"},
    {"percentile", MHO_REAL, offsetof(UniformParams, percentile), 99.9, 50.0, 100.0, "%",
     "share of the sizes other than 0 within the range, for range = percentile", NULL, NULL, "range percentile"},
};

extern const MhoQuantizer mho_quantizer_uniform;
const MhoQuantizer mho_quantizer_uniform = {
    .descriptor = {.name = "uniform",
                   .summary = "uniform levels on a fixed scale fitted from the tensor",
                   .reference = "Jacob et al., CVPR 2018, section 3; Banner et al., arXiv:1810.05723 (2019)",
                   MHO_PARAM_TABLE(UniformParams, uniform_params),
                   .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE},
    .min_bits = 2,
    .max_bits = 8,
    .scratch = 3 * sizeof(float),
    .full_scale = mho_grid_full_scale,
    .fit = uniform_fit,
    .range = uniform_range,
    .encode = mho_grid_encode,
    .gradient = uniform_gradient,
};
