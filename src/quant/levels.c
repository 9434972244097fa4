/* levels.c - see levels_internal.h. */
#include "quant/levels_internal.h"

#include "kernels/math.h"

MhoGaussian mho_gaussian_fit(size_t n, const float *x)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    const double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    return (MhoGaussian){.mean = mean, .sd = n > 1 ? __builtin_sqrt(squares / (double)(n - 1)) : 0.0};
}

void mho_levels_standard(int bits, MhoLevels *standard)
{
    const int k = 1 << bits;
    standard->k = k;
    for (int i = 0; i < k / 2; i++) { /* the upper half mirrors the lower one exactly */
        const double level = mho_normal_quantile((i + 0.5) / k), threshold = mho_normal_quantile((i + 1.0) / k);
        standard->level[i] = level;
        standard->level[k - 1 - i] = -level;
        standard->threshold[i] = threshold;
        standard->threshold[k - 2 - i] = -threshold;
    }
    standard->threshold[k / 2 - 1] = 0.0;
}

void mho_levels_scale(const MhoLevels *standard, MhoGaussian gaussian, MhoLevels *levels)
{
    levels->k = standard->k;
    for (int i = 0; i < standard->k; i++)
        levels->level[i] = gaussian.mean + gaussian.sd * standard->level[i];
    for (int i = 0; i + 1 < standard->k; i++)
        levels->threshold[i] = gaussian.mean + gaussian.sd * standard->threshold[i];
}

float mho_levels_log_scale(const MhoLevels *levels)
{
    double largest = 0.0;
    for (int i = 0; i < levels->k; i++) {
        const double size = __builtin_fabs(levels->level[i]);
        largest = size > largest ? size : largest;
    }
    return largest > 0.0 ? (float)mho_ln(largest) : 0.0F;
}

void mho_levels_encode(const MhoLevels *levels, size_t n, const float *x, float log_scale, const float *noise,
                       float *codes)
{
    const double range = mho_exp((double)log_scale), limit = MHO_LEVELS_GRID;
    float code[MHO_LEVELS_MAX];
    for (int i = 0; i < levels->k; i++) {
        const double steps = levels->level[i] / range * limit;
        code[i] = (float)__builtin_rint(steps < -limit ? -limit : steps > limit ? limit : steps);
    }
    for (size_t i = 0; i < n; i++) {
        const double shift = noise ? (double)noise[i] * range / limit : 0.0;
        codes[i] = code[mho_levels_index(levels, (double)x[i] + shift)];
    }
}

int mho_levels_full_scale(const void *params, int bits, bool is_signed)
{
    (void)params;
    (void)bits;
    (void)is_signed;
    return MHO_LEVELS_GRID;
}
