/* math.c - log, exp, pow, tanh, normal CDF and quantile of one number, and the normal of one word.
 *
 * The double versions use no fma, so they are fast where there is none, and the same everywhere. log: 2 artanh(s) by
 * its series, s = f / (2 + f) (Abramowitz and Stegun 4.1.27). exp: Taylor series on |r| <= log(2) / 2 after a two-part
 * reduction (Cody and Waite, 1980). Normal CDF: 1/2 + f(z) (z + z^3 / 3 + z^5 / 15 ...) and, beyond 3, the continued
 * fraction of its tail (Abramowitz and Stegun 26.2.11 and 26.2.14).
 */
#include "kernels/math.h"

#include "kernels/clones.h"
#include "kernels/kernels.h"
#include "kernels/lanes_internal.h"
#include "kernels/random.h"

/* log 2 in two parts; the first has 20 trailing zero bits, so its product with an exponent is exact. */
static const double log2_high = 0x1.62e42fefp-1;
static const double log2_low = 0x1.473de6af278edp-34;

static uint64_t double_bits(double x)
{
    union {
        double d;
        uint64_t u;
    } pun = {.d = x};
    return pun.u;
}

static double double_of_bits(uint64_t u)
{
    union {
        uint64_t u;
        double d;
    } pun = {.u = u};
    return pun.d;
}

/* From the table in use: the same bits, and much faster than fmaf on a compiler target without its instruction. */
float mho_logf(float x)
{
    float y;
    mho_kernels()->log(1, &x, &y);
    return y;
}

float mho_expf(float x)
{
    float y;
    mho_kernels()->exp(1, &x, &y);
    return y;
}

float mho_normal_of_word(uint32_t word)
{
    return lane_normal(word);
}

static inline double lane_ln(double x)
{
    static const double inverse_odd[] = {
        1.0 / 3.0,  1.0 / 5.0,  1.0 / 7.0,  1.0 / 9.0,  1.0 / 11.0, 1.0 / 13.0,
        1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0, 1.0 / 21.0, 1.0 / 23.0,
    };
    const uint64_t root_half = 0x3fe6a09e667f3bcdU;
    const uint64_t shifted = double_bits(x) - root_half;
    const double e = (double)((int32_t)(uint32_t)(shifted >> 32) >> 20); /* from 32 bits, which vector units convert */
    const double f = double_of_bits((shifted & 0xfffffffffffffU) + root_half) - 1.0;
    const double s = f / (2.0 + f);
    const double s2 = s * s;
    double series = inverse_odd[10];
    for (int k = 9; k >= 0; k--)
        series = series * s2 + inverse_odd[k];
    /* 2 artanh(s) = f - s (f - 2 s^2 series) keeps f, which is exact, as the leading term */
    return e * log2_high + (f - (s * (f - 2.0 * s2 * series) - e * log2_low));
}

static inline double lane_exp_double(double x)
{
    static const double inverse_factorial[] = {
        1.0 / 2.0,     1.0 / 6.0,      1.0 / 24.0,      1.0 / 120.0,      1.0 / 720.0,       1.0 / 5040.0,
        1.0 / 40320.0, 1.0 / 362880.0, 1.0 / 3628800.0, 1.0 / 39916800.0, 1.0 / 479001600.0, 1.0 / 6227020800.0,
    };
    const double above = x > -708.0 ? x : -708.0;
    const double a = above < 709.0 ? above : 709.0;
    const double n = __builtin_rint(a * 0x1.71547652b82fep+0); /* 1 / log 2 */
    const double r = (a - n * log2_high) - n * log2_low;
    double series = inverse_factorial[11];
    for (int k = 10; k >= 0; k--)
        series = series * r + inverse_factorial[k];
    const double y = (1.0 + (r + r * r * series)) * double_of_bits((uint64_t)(uint32_t)((int32_t)n + 1023) << 52);
    return x >= -708.0 ? y : 0.0;
}

double mho_ln(double x)
{
    return lane_ln(x);
}

double mho_exp(double x)
{
    return lane_exp_double(x);
}

static double normal_density(double z)
{
    return 0.39894228040143267794 * lane_exp_double(-0.5 * z * z); /* 1 / sqrt(2 pi) */
}

double mho_normal_cdf(double z)
{
    const double a = __builtin_fabs(z);
    if (a < 3.0) {
        double term = a, sum = a;
        for (int k = 3; term > 1e-17 * sum; k += 2) {
            term *= a * a / k;
            sum += term;
        }
        const double centre = normal_density(a) * sum;
        return z < 0.0 ? 0.5 - centre : 0.5 + centre;
    }
    double fraction = a;
    for (int k = 60; k > 0; k--)
        fraction = a + k / fraction;
    const double tail = a < 38.0 ? normal_density(a) / fraction : 0.0;
    return z < 0.0 ? tail : 1.0 - tail;
}

/* Halley's iteration from the float quantile. */
double mho_normal_quantile(double p)
{
    const double tail = p < 0.5 ? p : 1.0 - p;
    double z = (double)lane_normal((uint32_t)(tail * 0x1p32));
    if (p == 0.5)
        return 0.0;
    for (int i = 0; i < 2; i++) {
        const double u = (mho_normal_cdf(z) - tail) / normal_density(z);
        z -= u / (1.0 + 0.5 * z * u);
    }
    return p < 0.5 ? z : -z;
}

/* The product is carried in double, so that its relative error does not become an absolute one of e^(y log x). */
static inline float lane_pow(float x, float y)
{
    const double low = -87.3, high = 88.7; /* results stay normal floats; 0 below, saturated above */
    const double product = (double)y * lane_ln(x > 0.0F ? (double)x : 1.0);
    const float power = product >= low ? (float)lane_exp_double(product < high ? product : high) : 0.0F;
    const float at_zero = y > 0.0F ? 0.0F : (float)lane_exp_double(high);
    return y == 0.0F || x == 1.0F ? 1.0F : x > 0.0F ? power : at_zero;
}

float mho_powf(float x, float y)
{
    return lane_pow(x, y);
}

MHO_CLONES void mho_pow_fill(size_t n, const float *restrict x, float y, float *restrict power)
{
    for (size_t i = 0; i < n; i++)
        power[i] = lane_pow(x[i], y);
}

/* (1 - e) / (1 + e), e = exp(-2 |x|), loses digits near 0, where x - x^3 / 3 has them. */
static inline float lane_tanh(float x)
{
    const double small = 0x1p-8, a = __builtin_fabs((double)x), e = lane_exp_double(-2.0 * a);
    const double size = a < small ? a - a * a * a / 3.0 : (1.0 - e) / (1.0 + e);
    return x != x ? x : (float)(x < 0.0F ? -size : size);
}

MHO_CLONES void mho_tanh_fill(size_t n, const float *restrict x, float factor, float *restrict tanh)
{
    for (size_t i = 0; i < n; i++)
        tanh[i] = lane_tanh(factor * x[i]);
}
