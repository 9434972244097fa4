/* math.h - log, exp, pow, tanh, normal CDF and rounding with the same bits on every machine and compiler.
 *
 * No libm: log, exp and pow are polynomials evaluated with fma in one fixed order; fma, sqrt and rint are exactly
 * rounded by IEEE 754. The array forms of kernels.h return the same bits and are far faster than calls in a loop.
 */
#ifndef MHO_KERNELS_MATH_H
#define MHO_KERNELS_MATH_H

#include <stddef.h>
#include <stdint.h>

/* Natural logarithm of a normal x > 0 (other x give an unspecified result); relative error below 2e-7. */
float mho_logf(float x);

/* e^x; 0 below -87 and for NaN, saturates above 88; relative error below 2e-7. */
float mho_expf(float x);

/* x^y for x >= 0; 0^y = 0 for y > 0, x^0 = 1. exp(y log x) in double; relative error below 2e-6 for results within
 * 1e-30 .. 1e30; below 1e-37 it is 0, above 3e38 it saturates. */
float mho_powf(float x, float y);

/* power (n) = mho_powf(x[i], y), the same bits and many times faster; x and power do not overlap. */
void mho_pow_fill(size_t n, const float *x, float y, float *power);

/* tanh (n) = tanh(factor x[i]); relative error below 2e-7; +-1 beyond 20, NaN stays NaN. x and tanh do not overlap. */
void mho_tanh_fill(size_t n, const float *x, float factor, float *tanh);

/* Natural logarithm and exponential in double (relative error below 1e-14), for parameters computed once. */
double mho_ln(double x);
double mho_exp(double x);

/* Probability that a standard normal is below z: absolute error below 1e-15, relative error below 1e-12 for z > -37,
 * 0 below -38. */
double mho_normal_cdf(double z);
/* The inverse, for p within 1e-9 .. 1 - 1e-9: error below 1e-12; p and 1 - p give opposite values
 * where 1 - p is exact. */
double mho_normal_quantile(double p);

static inline float mho_clampf(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

/* Round half to even, the only rounding of quantizers and converters. */
static inline float mho_round(float x)
{
    return __builtin_rintf(x);
}

#endif
