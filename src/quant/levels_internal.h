/* levels_internal.h - non-uniform levels on the 16-bit grid, shared by the policies that place them by the tensor. */
#ifndef MHO_QUANT_LEVELS_INTERNAL_H
#define MHO_QUANT_LEVELS_INTERNAL_H

#include "quant/quantizer.h"

/* Largest code of two signed bytes, 256 high + low. */
enum { MHO_LEVELS_GRID = 256 * 127 + 127, MHO_LEVELS_MAX_BITS = 8, MHO_LEVELS_MAX = 1 << MHO_LEVELS_MAX_BITS };

/* k = 2^bits ascending levels; threshold[i] parts level i from level i + 1 and belongs to the upper one. */
typedef struct MhoLevels {
    int k;
    double level[MHO_LEVELS_MAX], threshold[MHO_LEVELS_MAX - 1];
} MhoLevels;

/* Mean and unbiased standard deviation; sd 0: all values are alike. */
typedef struct MhoGaussian {
    double mean, sd;
} MhoGaussian;

/* Of (n) values, n >= 1, added in their order. */
MhoGaussian mho_gaussian_fit(size_t n, const float *x);

/* Quantiles of the standard normal: thresholds at i / k, levels at (i - 1/2) / k. */
void mho_levels_standard(int bits, MhoLevels *standard);

/* The standard levels on a Gaussian; all equal where sd is 0. */
void mho_levels_scale(const MhoLevels *standard, MhoGaussian gaussian, MhoLevels *levels);

/* Index of the level of x. */
static inline int mho_levels_index(const MhoLevels *levels, double x)
{
    int i = 0;
    for (int step = levels->k / 2; step > 0; step /= 2)
        i += x >= levels->threshold[i + step - 1] ? step : 0;
    return i;
}

/* ln of the largest |level|; 0 when all levels are 0. */
float mho_levels_log_scale(const MhoLevels *levels);

/* Codes (n) of x + noise e^s / n on the grid of log_scale; noise NULL: none. Levels beyond e^s get the largest code. */
void mho_levels_encode(const MhoLevels *levels, size_t n, const float *x, float log_scale, const float *noise,
                       float *codes);

/* full_scale() of every such policy. */
int mho_levels_full_scale(const void *params, int bits, bool is_signed);

#endif
