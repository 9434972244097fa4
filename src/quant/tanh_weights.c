/* tanh_weights.c - encoding and gradient of weights on levels without zero; equations in the header. */
#include "quant/tanh_weights_internal.h"

#include <stddef.h>

#include "kernels/clones.h"
#include "kernels/math.h"
#include "quant/grid_internal.h"

int mho_tanh_full_scale(const void *params, int bits, bool is_signed)
{
    (void)params;
    (void)is_signed;
    return (1 << bits) - 1;
}

/* t of one channel; returns 1 / m, or 0 where every weight is 0. */
static float normalize(size_t n, const float *x, float log_scale, float *t)
{
    float most = 0.0F;
    mho_tanh_fill(n, x, (float)mho_exp(-(double)log_scale), t);
    for (size_t i = 0; i < n; i++) {
        const float size = t[i] < 0.0F ? -t[i] : t[i];
        most = size > most ? size : most;
    }
    return most > 0.0F ? 1.0F / most : 0.0F;
}

/* The odd code within n that is nearest to v; NaN stays NaN. */
static inline float odd_code(float v, float n)
{
    const float half = 0.5F * mho_clampf(v < 0.0F ? -v : v, 0.0F, n), rounded = mho_round(half);
    const float below = rounded > half ? rounded - 1.0F : rounded;
    const float code = mho_clampf(2.0F * below + 1.0F, 1.0F, n);
    return v < 0.0F ? -code : code;
}

/* From t to codes, in place. */
MHO_CLONES static void round_odd(size_t count, float factor, float n, const float *noise, float *codes)
{
    if (!noise) {
        for (size_t i = 0; i < count; i++)
            codes[i] = odd_code(codes[i] * factor, n);
        return;
    }
    for (size_t i = 0; i < count; i++)
        codes[i] = odd_code(__builtin_fmaf(codes[i], factor, 2.0F * noise[i]), n);
}

void mho_tanh_encode(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                     const float *noise, float *codes)
{
    const float n = (float)mho_tanh_full_scale(NULL, shape.bits, shape.is_signed);
    if (!shape.is_signed) {
        mho_grid_encode(params, shape, x, log_scale, noise, codes);
        return;
    }
    for (size_t k = 0; k < shape.channels; k++) {
        const size_t first = k * shape.per_channel;
        const float inverse = normalize(shape.per_channel, x + first, log_scale[k], codes + first);
        round_odd(shape.per_channel, n * inverse, n, noise ? noise + first : NULL, codes + first);
    }
}

void mho_tanh_gradient(MhoQuantShape shape, const float *x, const float *log_scale, const float *d_value, float *d_x)
{
    for (size_t k = 0; k < shape.channels; k++) {
        const size_t first = k * shape.per_channel, end = first + shape.per_channel;
        const float inverse = normalize(shape.per_channel, x + first, log_scale[k], d_x + first);
        for (size_t i = first; i < end; i++)
            d_x[i] = d_value[i] * (1.0F - d_x[i] * d_x[i]) * inverse;
    }
}
