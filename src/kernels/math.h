/* math.h - the arithmetic that reaches a payload: same bits on every machine, compiler and thread count.
 *
 * No libm: log, exp and pow are polynomials evaluated with fma in one fixed order; fma, sqrt and rint are exactly
 * rounded by IEEE 754. Scalar functions here are the specification; array forms live in kernels.h.
 */
#ifndef MHO_KERNELS_MATH_H
#define MHO_KERNELS_MATH_H

#include <stdint.h>

/* Natural logarithm, x > 0 and normal; relative error below 2e-7 (absolute near 1). */
float mho_logf(float x);

/* e^x; 0 below -87, saturates above 88; relative error below 2e-7. */
float mho_expf(float x);

/* x^y for x >= 0; 0^y = 0 for y > 0. exp(y log x) with the product carried in two floats; relative error below 2e-6 for
 * results within 1e-30 .. 1e30. */
float mho_powf(float x, float y);

/* Natural logarithm and exponential in double (relative error below 1e-14), for parameters computed once. */
double mho_ln(double x);
double mho_exp(double x);

static inline float mho_clampf(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

/* Round half to even: the only rounding of quantizers and converters. |x| < 2^22: adding and subtracting 1.5 2^23 is
 * exact in the default rounding mode; compilers turn __builtin_rintf into one instruction where there is one. */
static inline float mho_round(float x)
{
    return __builtin_rintf(x);
}

#endif
