/* lanes_internal.h - log, exp and the normal quantile of one element, without branches, so that loops vectorize.
 *
 * Compiled once per instruction set; every operation is exactly rounded and written in one order, so all of them
 * return the same bits. log and exp: range reduction and minimax polynomials (fit_polynomials.py). Normal quantile:
 * z = x P(w), w = -log(1 - x^2), after Giles, GPU Computing Gems 2 (2011) chapter 10, with mho's own coefficients.
 */
#ifndef MHO_KERNELS_LANES_INTERNAL_H
#define MHO_KERNELS_LANES_INTERNAL_H

#include <float.h>
#include <stdint.h>

#include "kernels/polynomials_internal.h"

#ifdef __FAST_MATH__
#error "-ffast-math changes the bits of results"
#endif
_Static_assert(FLT_EVAL_METHOD == 0, "excess precision (x87) changes the bits of results: build with -mfpmath=sse");

static inline uint32_t float_bits(float x)
{
    union {
        float f;
        uint32_t u;
    } pun = {.f = x};

    return pun.u;
}

static inline float float_of_bits(uint32_t u)
{
    union {
        uint32_t u;
        float f;
    } pun = {.u = u};

    return pun.f;
}

/* log x of a positive normal x = 2^e (1 + f), 1 + f in sqrt(1/2) .. sqrt(2). */
static inline float lane_log(float x)
{
    const uint32_t root_half = 0x3f3504f3U; /* sqrt(1/2) */
    const uint32_t shifted = float_bits(x) - root_half;
    const float e = (float)((int32_t)shifted >> 23);
    const float f = float_of_bits((shifted & 0x7fffffU) + root_half) - 1.0F;
    const float y = __builtin_fmaf(f * f, log_polynomial(f), f);
    return __builtin_fmaf(e, 0x1.62e43p-1F, y); /* log 2 */
}

/* e^x, clamped to -87 .. 88 with 0 below; NaN counts as below. */
static inline float lane_exp(float x)
{
    const float above = x > -87.0F ? x : -87.0F;
    const float a = above < 88.0F ? above : 88.0F;
    const float n = __builtin_rintf(a * 0x1.715476p+0F); /* 1 / log 2 */
    const float r = __builtin_fmaf(n, 0x1.05c61p-29F, __builtin_fmaf(n, -0x1.62e43p-1F, a));
    const float y = __builtin_fmaf(r * r, exp_polynomial(r), r) + 1.0F;
    const float power = float_of_bits((uint32_t)((int32_t)n + 127) << 23);
    return x >= -87.0F ? y * power : 0.0F;
}

/* Normal quantile of (word + 1/2) / 2^32: the top bit is the sign, the other 31 bits the magnitude, so both tails keep
 * the full resolution of the word. */
static inline float lane_normal(uint32_t word)
{
    const uint32_t magnitude = (word ^ (uint32_t)((int32_t)word >> 31)) & 0x7fffffffU;
    const float tail = (float)(int32_t)magnitude + 0.5F;                   /* 2^32 p, p = tail probability */
    const float centre = (float)(int32_t)(0x7fffffffU - magnitude) + 0.5F; /* 2^31 x, x = 1 - 2 p */
    const float x = centre * 0x1p-31F;
    const float w = -lane_log((tail * 0x1p-30F) * __builtin_fmaf(tail, -0x1p-32F, 1.0F)); /* -log(4 p (1 - p)) */
    const float near = normal_centre_polynomial(w - 0.5F * MHO_NORMAL_SPLIT);
    const float far = normal_tail_polynomial(__builtin_sqrtf(w > 0.0F ? w : 0.0F) - MHO_NORMAL_TAIL_SHIFT);
    const float z = x * (w < MHO_NORMAL_SPLIT ? near : far);
    return float_of_bits(float_bits(z) | (~word & 0x80000000U));
}

#endif
