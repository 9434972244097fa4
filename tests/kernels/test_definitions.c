/* test_definitions.c - the elementwise kernels against the formulas of kernels/kernels.h, written independently.
 *
 * test_tables.c shows that all tables agree; this file shows that their results are right.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "harness.h"
#include "kernels/kernels.h"
#include "kernels/math.h"

enum { N = 2000 };

static float ramp(int i)
{
    return (float)(i - N / 2) * 0.25F; /* quarters: every tie of rounding is among them */
}

/* Half to even by integer arithmetic on quarters. */
static int round_quarters(int quarters)
{
    const int low = (quarters >= 0 ? quarters : quarters - 3) / 4;
    const int rest = quarters - 4 * low;
    return rest > 2 || (rest == 2 && low % 2 != 0) ? low + 1 : low;
}

/* Rounding is half to even, and the clamp has both limits. */
TEST(test_round)
{
    for (int i = 0; i < N; i++)
        ck_assert(mho_round(ramp(i)) == (float)round_quarters(i - N / 2));
    ck_assert(mho_clampf(3.0F, 0.0F, 2.0F) == 2.0F && mho_clampf(-1.0F, 0.0F, 2.0F) == 0.0F);
    ck_assert(mho_clampf(1.0F, 0.0F, 2.0F) == 1.0F);
}

/* Conversion rounds, clips and counts as defined. */
TEST(test_convert)
{
    float y[N];
    int32_t code[N];
    uint64_t clipped = 0;
    for (int i = 0; i < N; i++)
        y[i] = 8.0F * ramp(i);
    const uint64_t found = mho_kernels()->convert(N, y, 0.125F, -127.0F, 127.0F, code);

    for (int i = 0; i < N; i++) {
        const int rounded = round_quarters(i - N / 2);
        clipped += rounded < -127 || rounded > 127;
        ck_assert_int_eq(code[i], rounded < -127 ? -127 : rounded > 127 ? 127 : rounded);
    }
    ck_assert_uint_eq(found, clipped);
    ck_assert_uint_gt(clipped, 0);

    const float extremes[] = {NAN, INFINITY, -INFINITY, 3e9F, -3e9F, 126.5F, 127.5F, -127.5F};
    const int expected[] = {-127, 127, -127, 127, -127, 126, 127, -127};
    ck_assert_uint_eq(mho_kernels()->convert(8, extremes, 1.0F, -127.0F, 127.0F, code), 7);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(code[i], expected[i]);
    const float wide[] = {3e9F, -3e9F, 2147483520.0F};
    ck_assert_uint_eq(mho_kernels()->convert(3, wide, 1.0F, -2147483520.0F, 2147483520.0F, code), 2);
    ck_assert(code[0] == 2147483520 && code[1] == -2147483520 && code[2] == 2147483520);
}

/* Clipped elements are counted over all pieces of an array that is longer than one piece of the 32-bit counter. */
TEST(test_convert_counts)
{
    enum { MANY = 200001 };
    static float y[MANY];
    static int32_t code[MANY];
    for (int i = 0; i < MANY; i++)
        y[i] = i % 3 ? 9.0F : 1.0F;
    ck_assert_uint_eq(mho_kernels()->convert(MANY, y, 1.0F, 0.0F, 7.0F, code), MANY / 3 * 2);
}

/* Planes combine with one rounding, and codes accumulate with their sign in 64 bits. */
TEST(test_planes_and_sums)
{
    int32_t high[N], low[N];
    int64_t total[N];
    float y[N];
    for (int i = 0; i < N; i++) {
        high[i] = (i - 1000) * 1000003;
        low[i] = (i * 7919 - 5000000) * 100;
        total[i] = (int64_t)i << 40;
    }
    mho_kernels()->combine_planes(N, high, low, 0.0078125, y);
    for (int i = 0; i < N; i++) {
        /* the scale is a power of two, so one rounding of an exact integer */
        ck_assert(y[i] == (float)((int64_t)high[i] * 256 + low[i]) * 0.0078125F);
    }
    mho_kernels()->combine_planes(N, NULL, low, 0.5, y);
    for (int i = 0; i < N; i++)
        ck_assert(y[i] == (float)low[i] * 0.5F);
    mho_kernels()->accumulate(N, low, 1, total);
    mho_kernels()->accumulate(N, high, -1, total);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(total[i], ((int64_t)i << 40) + low[i] - high[i]);
    low[0] = INT32_MIN;
    total[0] = 0;
    mho_kernels()->accumulate(1, low, -1, total);
    ck_assert_int_eq(total[0], 2147483648LL);
}

/* Noise is the root of the variance times the normal, and none for a negative variance. */
TEST(test_add_noise)
{
    float variance[N], normal[N], y[N];
    for (int i = 0; i < N; i++) {
        variance[i] = 0.01F * (float)(i - 100);
        normal[i] = sinf((float)i);
        y[i] = ramp(i);
    }
    mho_kernels()->add_noise(N, variance, normal, y);
    for (int i = 0; i < N; i++) {
        const double sigma = variance[i] > 0.0F ? sqrt((double)variance[i]) : 0.0;
        ck_assert(fabs((double)y[i] - ((double)ramp(i) + sigma * (double)normal[i])) <=
                  1e-5 * fabs((double)y[i]) + 1e-5);
        ck_assert(i > 100 || y[i] == ramp(i));
    }
}

/* Requantization is one fma, one rounding and one clip to u8 or s8. */
TEST(test_requantize)
{
    enum { P = 5, C = 48 };
    int64_t total[P * C];
    float a[C], b[C];
    uint8_t out[P * C];
    for (int c = 0; c < C; c++) {
        a[c] = 0.25F * (float)(c % 4 - 1); /* negative, zero and positive multipliers, exact ties */
        b[c] = (float)(c % 5) - 2.0F;
    }
    for (int i = 0; i < P * C; i++)
        total[i] = (i * 37) % 301 - 150;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        const int low = is_signed ? -7 : 0;
        const int high = is_signed ? 7 : 15;
        mho_kernels()->requantize(P, C, total, a, b, low, high, out);
        for (int i = 0; i < P * C; i++) {
            const int c = i % C;
            const int rounded = round_quarters((int)total[i] * (c % 4 - 1) + 4 * (c % 5 - 2));
            const int expected = rounded < low ? low : rounded > high ? high : rounded;
            ck_assert_int_eq(is_signed ? (int8_t)out[i] : out[i], expected);
        }
    }
    /* totals beyond 2^24 are rounded to float once */
    total[0] = ((int64_t)1 << 40) + ((int64_t)1 << 16) + 1;
    a[0] = 0x1p-36F;
    b[0] = -16.0F;
    mho_kernels()->requantize(1, 1, total, a, b, -128, 127, out);
    ck_assert_uint_eq(out[0], 0);
}

/* log and exp of every table accept one array as input and output, at sizes of whole pieces and with a rest. */
TEST(test_laws_in_place)
{
    const MhoKernels *tables[8];
    const size_t n_tables = mho_kernels_available(tables, 8);
    float x[N], apart[N], place[N];
    for (int i = 0; i < N; i++)
        x[i] = 0.01F * (float)(i + 1);
    for (size_t t = 0; t < n_tables; t++) {
        for (size_t n = 1; n <= N; n = 2 * n + 1) {
            tables[t]->log(n, x, apart);
            memcpy(place, x, sizeof place);
            tables[t]->log(n, place, place);
            ck_assert_mem_eq(place, apart, n * sizeof *x);
            ck_assert(n == N || place[n] == x[n]);
            tables[t]->exp(n, apart, place);
            tables[t]->exp(n, apart, apart);
            ck_assert_mem_eq(place, apart, n * sizeof *x);
            ck_assert(fabs((double)(place[n - 1] / x[n - 1]) - 1.0) < 2e-6);
        }
    }
}
