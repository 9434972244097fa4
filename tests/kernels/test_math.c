/* test_math.c - log, exp, pow and the normal quantile against the C library in double and long double.
 *
 * Bounds are those of kernels/math.h. The errors must not be zero everywhere, so a comparison of a function with itself
 * fails.
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "harness.h"
#include "kernels/kernels.h"
#include "kernels/math.h"
#include "kernels/random.h"

#define EXPECTED_BITS 0xceeb4dbc2239133dULL /* of test_bits */

/* All binades, 4001 mantissas each, and the neighbourhood of 1 and of the splits. */
TEST(test_logf)
{
    double worst = 0.0;
    for (int e = -126; e < 128; e++) {
        for (int i = 0; i < 4001; i++) {
            const float x = ldexpf(1.0F + (float)i / 4001.0F, e);
            const double exact = log((double)x);
            if (x != 1.0F)
                worst = fmax(worst, fabs((double)mho_logf(x) - exact) / fabs(exact));
        }
    }
    for (int i = -2000; i <= 2000; i++) {
        const float x = 1.0F + (float)i * (i < 0 ? 0x1p-24F : 0x1p-23F);
        const double exact = log((double)x);
        if (i)
            worst = fmax(worst, fabs((double)mho_logf(x) - exact) / fabs(exact));
    }
    ck_assert_msg(worst < 2e-7 && worst > 1e-8, "relative error %g", worst);
    ck_assert(mho_logf(1.0F) == 0.0F);
}

/* Tails keep their relative error; the upper tail is that of 1. */
TEST(test_normal_cdf)
{
    double worst = 0.0, absolute = 0.0;
    for (int i = -370000; i <= 80000; i++) {
        const double z = (double)i * 1e-4, exact = 0.5 * erfc(-z * sqrt(0.5)), p = mho_normal_cdf(z);
        worst = fmax(worst, fabs(p / exact - 1.0));
        if (z > -8.0) {
            absolute = fmax(absolute, fabs(p - exact));
            ck_assert_double_eq_tol(p, 1.0 - mho_normal_cdf(-z), 2e-16);
        }
    }
    ck_assert_msg(worst < 1e-12 && worst > 0.0 && absolute < 1e-15, "errors %g relative, %g absolute", worst, absolute);
    ck_assert(mho_normal_cdf(0.0) == 0.5 && mho_normal_cdf(40.0) == 1.0 && mho_normal_cdf(-40.0) == 0.0);
}

/* The quantile of a double has its stated error and is antisymmetric. */
TEST(test_normal_quantile)
{
    double worst = 0.0;
    for (int i = 1; i < 100000; i++) {
        const double p = i < 50000 ? 1e-9 * exp((double)i * 4e-4) : (double)(i - 50000) / 50000.0;
        if (p <= 0.0 || p > 1.0 - 1e-9)
            continue;
        const double z = mho_normal_quantile(p), density = exp(-0.5 * z * z) / sqrt(2.0 * acos(-1.0));
        worst = fmax(worst, fabs(0.5 * erfc(-z * sqrt(0.5)) - p) / density);
        if (1.0 - (1.0 - p) == p)
            ck_assert(mho_normal_quantile(1.0 - p) == -z);
    }
    ck_assert_msg(worst < 1e-12 && worst > 0.0, "error %g", worst);
    ck_assert(mho_normal_quantile(0.5) == 0.0);
    ck_assert_double_eq_tol(mho_normal_quantile(0.75), 0.67448975019608174, 1e-15);
}

/* The float exponential has its stated relative error and limits. */
TEST(test_expf)
{
    double worst = 0.0;
    for (int i = -870000; i <= 880000; i++) {
        const float x = (float)i * 1e-4F;
        if (x >= -87.0F && x <= 88.0F)
            worst = fmax(worst, fabs((double)mho_expf(x) / exp((double)x) - 1.0));
    }
    ck_assert_msg(worst < 2e-7 && worst > 1e-8, "relative error %g", worst);
    ck_assert(mho_expf(0.0F) == 1.0F && mho_expf(-0.0F) == 1.0F);
    ck_assert(mho_expf(-87.1F) == 0.0F && mho_expf(-INFINITY) == 0.0F && mho_expf(NAN) == 0.0F);
    ck_assert(mho_expf(89.0F) == mho_expf(88.0F) && mho_expf(INFINITY) == mho_expf(88.0F) && mho_expf(88.0F) < FLT_MAX);
}

/* The array forms are the scalar functions. */
TEST(test_arrays)
{
    enum { N = 1000 };
    float x[N], y[N];
    for (int i = 0; i < N; i++)
        x[i] = 0.01F * (float)(i + 1);
    mho_kernels()->log(N, x, y);
    for (int i = 0; i < N; i++)
        ck_assert(y[i] == mho_logf(x[i]));
    mho_kernels()->exp(N, x, y);
    for (int i = 0; i < N; i++)
        ck_assert(y[i] == mho_expf(x[i]));
}

/* The power has its stated relative error over the range of floats. */
TEST(test_powf)
{
    double worst = 0.0;
    int tested = 0;
    for (int i = 0; i < 1500; i++) {
        const float x = (float)exp(-80.0 + 160.0 * i / 1499.0);
        for (int k = 0; k < 601; k++) {
            const float y = (float)(-30.0 + 0.1 * k);
            const double exact = pow((double)x, (double)y);
            if (exact > 1e-30 && exact < 1e30) {
                worst = fmax(worst, fabs((double)mho_powf(x, y) / exact - 1.0));
                tested++;
            }
        }
    }
    ck_assert_int_gt(tested, 100000);
    ck_assert_msg(worst < 2e-6 && worst > 1e-8, "relative error %g", worst);
    ck_assert(mho_powf(0.0F, 0.65F) == 0.0F && mho_powf(0.0F, 1e-30F) == 0.0F);
    ck_assert(mho_powf(3.0F, 0.0F) == 1.0F && mho_powf(0.0F, 0.0F) == 1.0F && mho_powf(1.0F, 1e30F) == 1.0F);
    ck_assert(mho_powf(2.0F, 10.0F) == 1024.0F && mho_powf(2.0F, -3.0F) == 0.125F);
    ck_assert(mho_powf(10.0F, -60.0F) == 0.0F && isfinite(mho_powf(10.0F, 60.0F)) && mho_powf(10.0F, 60.0F) > 1e38F);
}

/* Logarithm and exponential in double have their stated relative error. */
TEST(test_double)
{
    double worst_log = 0.0, worst_exp = 0.0;
    for (int i = 0; i < 400000; i++) {
        const double x = exp(-700.0 + 1400.0 * i / 399999.0);
        const double near = 1.0 + (i - 200000) * 1.1e-6;
        const double power = -708.0 + 1417.0 * i / 400000.0;
        worst_log = fmax(worst_log, (double)fabsl(((long double)mho_ln(x) - logl(x)) / logl(x)));
        if (i != 200000)
            worst_log = fmax(worst_log, (double)fabsl(((long double)mho_ln(near) - logl(near)) / logl(near)));
        worst_exp = fmax(worst_exp, (double)fabsl((long double)mho_exp(power) / expl(power) - 1.0L));
    }
    ck_assert_msg(worst_log < 1e-14 && worst_log > 1e-17, "log: relative error %g", worst_log);
    ck_assert_msg(worst_exp < 1e-14 && worst_exp > 1e-17, "exp: relative error %g", worst_exp);
    ck_assert(mho_ln(1.0) == 0.0 && mho_exp(0.0) == 1.0 && mho_exp(-1000.0) == 0.0 && isfinite(mho_exp(1000.0)));
}

/* Quantile of the upper tail p <= 1/2 by Newton steps on erfc, from mho's own value. */
static double quantile(double p, double start)
{
    double z = start;
    for (int i = 0; i < 4; i++)
        z += (0.5 * erfc(z * sqrt(0.5)) - p) / (exp(-0.5 * z * z) / sqrt(2.0 * M_PI));
    return z;
}

static double normal_error(uint32_t word)
{
    const double p = ((double)word + 0.5) / 4294967296.0;
    const double z = -(double)mho_normal_of_word(word);
    return fabs(z / quantile(p, z) - 1.0);
}

/* The normal of a word has its stated error, is monotonic and antisymmetric. */
TEST(test_normal)
{
    double worst = 0.0;
    float last = -INFINITY;
    int wrong = 0; /* counted, because an assertion is far slower than a draw */
    for (uint32_t i = 0; i < 400000; i++) {
        const uint32_t linear = i * 5368U; /* up to the last words below 2^31 */
        const uint32_t logarithmic = (uint32_t)exp2(31.0 * i / 400000.0);
        worst = fmax(worst, normal_error(logarithmic));
        if (linear < 2147400000U)
            worst = fmax(worst, normal_error(linear)); /* erfc itself loses the digits of z near 0 */
        wrong += mho_normal_of_word(~linear) != -mho_normal_of_word(linear);
    }
    ck_assert_msg(worst < 1e-6 && worst > 1e-8, "relative error %g", worst);
    /* near 0: z = (word + 1/2 - 2^31) / 2^32 sqrt(2 pi) */
    for (uint32_t i = 0; i < 70000; i++) {
        const double exact = ((double)i + 0.5) * 0x1p-32 * sqrt(2.0 * M_PI);
        wrong += fabs((double)mho_normal_of_word(0x80000000U + i) / exact - 1.0) >= 1e-6;
    }
    ck_assert(fabs(mho_normal_of_word(0) + 6.338F) < 0.001F);
    for (uint32_t i = 0; i < 4000000; i++) {
        const float z = mho_normal_of_word(i * 1073U);
        wrong += z < last - 1e-6F * fabsf(z);
        last = z;
    }
    ck_assert_int_eq(wrong, 0);
}

static uint64_t add_bits(uint64_t hash, const void *value, size_t size)
{
    const uint8_t *bytes = value;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3U; /* FNV-1a */
    return hash;
}

/* The bits are those of record: no compiler, table or change of a coefficient may alter them. */
TEST(test_bits)
{
    const MhoKernels *tables[8];
    const size_t n_tables = mho_kernels_available(tables, 8);
    for (size_t t = 0; t < n_tables; t++) {
        uint64_t hash = 0xcbf29ce484222325U;
        ck_assert_int_eq(mho_kernels_force(tables[t]->name, NULL), MHO_OK);
        for (int i = 1; i <= 20000; i++) {
            const float x = (float)i * 0.37F;
            const float floats[] = {mho_logf(x), mho_expf(0.01F * x - 40.0F), mho_powf(x, -0.065F),
                                    mho_normal_of_word((uint32_t)i * 214013U)};
            const double doubles[] = {mho_ln((double)x), mho_exp(0.1 * (double)x - 300.0)};
            hash = add_bits(add_bits(hash, floats, sizeof floats), doubles, sizeof doubles);
        }
        ck_assert_msg(hash == EXPECTED_BITS, "%s: 0x%016llx", tables[t]->name, (unsigned long long)hash);
    }
}

/* The array form gives the bits of the single one: zeros, ones, tiny and huge results, ragged lengths. */
TEST(test_pow_fill)
{
    enum { N = 501 };
    static const float exponents[] = {0.65F, 0.9F, 1.0F, 0.0F, -2.0F, 30.0F, -50.0F};
    float x[N], power[N + 1];
    for (int i = 0; i < N; i++)
        x[i] = i % 50 == 0 ? 0.0F : 0.01F * (float)(i % 300);
    for (size_t k = 0; k < sizeof exponents / sizeof *exponents; k++) {
        for (size_t n = 1; n <= N; n += n < 40 ? 1 : 461) {
            power[n] = -7.0F;
            mho_pow_fill(n, x, exponents[k], power);
            ck_assert(power[n] == -7.0F);
            for (size_t i = 0; i < n; i++) {
                const float one = mho_powf(x[i], exponents[k]);
                ck_assert_msg(memcmp(&power[i], &one, sizeof one) == 0, "%g to the %g", (double)x[i],
                              (double)exponents[k]);
            }
        }
    }
}

/* All sizes from the smallest normal number to saturation, both signs. */
TEST(test_tanh)
{
    double worst = 0.0;
    for (int i = 0; i < 200000; i++) {
        const float size = (float)exp(-85.0 + 89.0 * i / 199999.0), x[2] = {size, -size};
        float y[3] = {0.0F, 0.0F, -7.0F};
        mho_tanh_fill(2, x, 0.5F, y);
        worst = fmax(worst, fabs((double)y[0] / tanh(0.5 * (double)x[0]) - 1.0));
        ck_assert(y[1] == -y[0] && y[2] == -7.0F && y[0] <= 1.0F);
    }
    ck_assert_msg(worst < 2e-7 && worst > 1e-9, "relative error %g", worst);
    const float special[4] = {0.0F, 30.0F, -INFINITY, NAN};
    float y[4];
    mho_tanh_fill(4, special, 1.0F, y);
    ck_assert(y[0] == 0.0F && y[1] == 1.0F && y[2] == -1.0F && isnan(y[3]));
}
