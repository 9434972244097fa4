/* grid.c - evenly spaced codes: fit, encoding and gradients of rounding.
 *
 *   q(x) = e^s Q(x / e^s),  Q(u) = round(n clip(u, lower, 1)) / n
 * Straight-through rounding: Bengio et al., arXiv:1308.3432; the gradient of the range: Esser et al., LSQ, ICLR 2020.
 * Valid where mho_grid_full_scale is below 2^22.
 */
#include "quant/grid_internal.h"

#include <stddef.h>

#include "kernels/clones.h"
#include "kernels/math.h"

enum { LANES = 16, COARSE_STEPS = 48, FINE_STEPS = 7 };

/* Steps of one channel's grid. */
typedef struct Grid {
    float low, high;     /* codes */
    float step, inverse; /* value of one code; codes per value */
} Grid;

int mho_grid_full_scale(const void *params, int bits, bool is_signed)
{
    (void)params;
    return is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
}

static Grid grid_of_range(MhoQuantShape shape, double range)
{
    const double n = mho_grid_full_scale(NULL, shape.bits, shape.is_signed);
    return (Grid){.low = shape.is_signed ? (float)-n : 0.0F,
                  .high = (float)n,
                  .step = (float)(range / n),
                  .inverse = (float)(n / range)};
}

MHO_CLONES static void encode_channel(size_t n, const float *x, Grid grid, const float *noise, float *codes)
{
    if (!noise) {
        for (size_t i = 0; i < n; i++)
            codes[i] = mho_round(mho_clampf(x[i] * grid.inverse, grid.low, grid.high));
        return;
    }
    for (size_t i = 0; i < n; i++)
        codes[i] = mho_round(mho_clampf(__builtin_fmaf(x[i], grid.inverse, noise[i]), grid.low, grid.high));
}

void mho_grid_encode(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                     const float *noise, float *codes)
{
    (void)params;
    for (size_t k = 0; k < shape.channels; k++) {
        const size_t first = k * shape.per_channel;
        encode_channel(shape.per_channel, x + first, grid_of_range(shape, mho_exp((double)log_scale[k])),
                       noise ? noise + first : NULL, codes + first);
    }
}

/* dL/dx of one element, and its share of dL/ds / step: the error of the code inside the range, the code outside. */
static inline float gradient_element(float x, float d_value, Grid grid, bool straight, float *d_x)
{
    const float u = x * grid.inverse;
    const float code = mho_round(mho_clampf(u, grid.low, grid.high));
    const bool inside = straight || (u > grid.low && u < grid.high);
    *d_x = inside ? d_value : 0.0F;
    return d_value * (inside ? code - u : code);
}

/* Sum over one channel of d_value dq/ds, added in lanes of one fixed order. */
MHO_CLONES static double gradient_channel(size_t n, const float *x, const float *d_value, Grid grid, bool straight,
                                          float *d_x)
{
    const size_t whole = n - n % LANES;
    float lane[LANES] = {0};
    double sum = 0.0;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += gradient_element(x[i + j], d_value[i + j], grid, straight, &d_x[i + j]);
    for (size_t i = whole; i < n; i++)
        sum += (double)gradient_element(x[i], d_value[i], grid, straight, &d_x[i]);
    for (size_t j = 0; j < LANES; j++)
        sum += (double)lane[j];
    return sum * (double)grid.step;
}

void mho_grid_gradient(MhoQuantShape shape, const float *x, const float *log_scale, bool straight, const float *d_value,
                       float *d_x, float *d_log_scale)
{
    const double n = mho_grid_full_scale(NULL, shape.bits, shape.is_signed);
    const double weight = 1.0 / __builtin_sqrt((double)shape.per_channel * n);
    for (size_t k = 0; k < shape.channels; k++) {
        const size_t first = k * shape.per_channel;
        const Grid grid = grid_of_range(shape, mho_exp((double)log_scale[k]));
        const double sum = gradient_channel(shape.per_channel, x + first, d_value + first, grid, straight, d_x + first);
        if (d_log_scale)
            d_log_scale[k] += (float)(weight * sum);
    }
}

/* Largest value that the range must hold: of |x| for signed tensors. */
static float largest_value(size_t n, const float *x, bool is_signed)
{
    float most = 0.0F;
    for (size_t i = 0; i < n; i++) {
        const float a = is_signed && x[i] < 0.0F ? -x[i] : x[i];
        most = a > most ? a : most;
    }
    return most;
}

static inline double element_error(float x, Grid grid)
{
    const float code = mho_round(mho_clampf(x * grid.inverse, grid.low, grid.high));
    const double e = (double)x - (double)code * (double)grid.step;
    return e * e;
}

/* Sum of squared errors of one channel, added in lanes of one fixed order. */
MHO_CLONES static double squared_error(size_t n, const float *x, Grid grid)
{
    const size_t whole = n - n % LANES;
    double lane[LANES] = {0};
    double sum = 0.0;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += element_error(x[i + j], grid);
    for (size_t i = whole; i < n; i++)
        sum += element_error(x[i], grid);
    for (size_t j = 0; j < LANES; j++)
        sum += lane[j];
    return sum;
}

/* Makes this range the best one when its squared error is below the least. */
static void try_range(MhoQuantShape shape, const float *x, double range, double *best, double *least)
{
    const double e = squared_error(shape.per_channel, x, grid_of_range(shape, range));
    if (e < *least) {
        *least = e;
        *best = range;
    }
}

/* Range of least squared error: octave eighths below the largest value, then a finer search around the best. */
static double least_error_range(MhoQuantShape shape, const float *x, double most)
{
    const double eighth = 0.0866433975699931636771540151823; /* ln(2) / 8 */
    double best = most, least = squared_error(shape.per_channel, x, grid_of_range(shape, most));
    for (int i = 1; i <= COARSE_STEPS; i++)
        try_range(shape, x, most * mho_exp(-eighth * i), &best, &least);
    const double centre = best;
    for (int i = -FINE_STEPS; i <= FINE_STEPS; i++)
        try_range(shape, x, centre * mho_exp(eighth * i / (FINE_STEPS + 1)), &best, &least);
    return best;
}

void mho_grid_fit(MhoQuantShape shape, const float *x, bool largest, float *log_scale)
{
    for (size_t k = 0; k < shape.channels; k++) {
        const float *channel = x + k * shape.per_channel;
        const double most = (double)largest_value(shape.per_channel, channel, shape.is_signed);
        double range = most > 0.0 ? most : 1.0; /* any range encodes zeros */
        if (most > 0.0 && !largest)
            range = least_error_range(shape, channel, most);
        log_scale[k] = (float)mho_ln(range);
    }
}
