/* test_normals.c - the normals of mho are standard normals, and independent across every field of their stream.
 *
 * Each criterion is a deviation in units of its standard error, and must be below 5. The same criteria applied to
 * normals 2 % too wide, shifted by 0.02 or correlated by 0.02 must exceed 5. Reference law: GSL.
 */
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "harness.h"
#include "kernels/random.h"

enum { PIECE = 1 << 14, N_PIECES = 256, TAIL_PIECES = 4096, BINS = 256 };

#define LIMIT 5.0

static const MhoStream base_stream = {.seed = 1, .chip = 3, .image = 5, .noise = 1.0F};

typedef enum Criterion { MEAN, VARIANCE, SKEWNESS, KURTOSIS, CHI_SQUARE, N_MOMENT_CRITERIA } Criterion;

/* Deviations of 4 M normals from the standard law; factor and shift distort them. */
static void moment_deviations(float factor, float shift, double deviation[N_MOMENT_CRITERIA])
{
    static float z[PIECE];
    double sum[5] = {0}; /* of powers 0..4 */
    double count[BINS] = {0};
    MhoStream stream = base_stream;
    stream.noise = factor;
    for (uint64_t piece = 0; piece < N_PIECES; piece++) {
        mho_normal_fill_at(stream, MHO_DRAW_TEST, piece * PIECE, PIECE, z);
        for (int i = 0; i < PIECE; i++) {
            const double x = (double)(z[i] + shift);
            const int bin = (int)(BINS * gsl_cdf_ugaussian_P(x));
            sum[0] += 1.0;
            sum[1] += x;
            sum[2] += x * x;
            sum[3] += x * x * x;
            sum[4] += x * x * x * x;
            count[bin < BINS ? bin : BINS - 1] += 1.0;
        }
    }
    const double n = sum[0];
    double chi_square = 0.0;

    for (int bin = 0; bin < BINS; bin++)
        chi_square += (count[bin] - n / BINS) * (count[bin] - n / BINS) / (n / BINS);
    /* variances of x, x^2, x^3, x^4 of a standard normal: 1, 2, 15, 96 */
    deviation[MEAN] = sum[1] / n / sqrt(1.0 / n);
    deviation[VARIANCE] = (sum[2] / n - 1.0) / sqrt(2.0 / n);
    deviation[SKEWNESS] = sum[3] / n / sqrt(15.0 / n);
    deviation[KURTOSIS] = (sum[4] / n - 3.0) / sqrt(96.0 / n);
    deviation[CHI_SQUARE] = (chi_square - (BINS - 1)) / sqrt(2.0 * (BINS - 1));
}

/* The moments and the histogram of the normals are those of the law. */
TEST(test_moments)
{
    static const char *const names[] = {"mean", "variance", "skewness", "kurtosis", "chi-square"};
    double deviation[N_MOMENT_CRITERIA];
    moment_deviations(1.0F, 0.0F, deviation);
    for (int i = 0; i < N_MOMENT_CRITERIA; i++)
        ck_assert_msg(fabs(deviation[i]) < LIMIT, "%s is %.2f sigma off", names[i], deviation[i]);
}

/* The same criteria fail for a spread or a mean that is wrong by 2 %. */
TEST(test_moments_see_errors)
{
    double wide[N_MOMENT_CRITERIA], shifted[N_MOMENT_CRITERIA];
    moment_deviations(1.02F, 0.0F, wide);
    ck_assert(fabs(wide[VARIANCE]) > LIMIT && fabs(wide[KURTOSIS]) > LIMIT && fabs(wide[CHI_SQUARE]) > LIMIT);
    ck_assert(fabs(wide[MEAN]) < LIMIT);
    moment_deviations(1.0F, 0.02F, shifted);
    ck_assert(fabs(shifted[MEAN]) > LIMIT && fabs(shifted[SKEWNESS]) > LIMIT && fabs(shifted[CHI_SQUARE]) > LIMIT);
}

/* Deviations of the counts beyond +4, -4 and +-5 among 67 M normals. */
static void tail_deviations(float factor, double deviation[3])
{
    static float z[PIECE];
    double count[3] = {0};
    const double n = (double)PIECE * TAIL_PIECES;
    const double expected[3] = {n * gsl_cdf_ugaussian_Q(4.0), n * gsl_cdf_ugaussian_Q(4.0),
                                2.0 * n * gsl_cdf_ugaussian_Q(5.0)};
    MhoStream stream = base_stream;
    stream.noise = factor;
    for (uint64_t piece = 0; piece < TAIL_PIECES; piece++) {
        int above = 0, below = 0, beyond = 0;
        mho_normal_fill_at(stream, MHO_DRAW_TEST, piece * PIECE, PIECE, z);
        for (int i = 0; i < PIECE; i++) {
            above += z[i] > 4.0F;
            below += z[i] < -4.0F;
            beyond += z[i] > 5.0F || z[i] < -5.0F;
        }
        count[0] += above;
        count[1] += below;
        count[2] += beyond;
    }
    for (int i = 0; i < 3; i++)
        deviation[i] = (count[i] - expected[i]) / sqrt(expected[i]);
}

/* The tails have their probabilities, and a spread wrong by 2 % is seen. */
TEST(test_tails)
{
    double deviation[3];
    tail_deviations(1.0F, deviation);
    for (int i = 0; i < 3; i++)
        ck_assert_msg(fabs(deviation[i]) < LIMIT, "tail %d is %.2f sigma off", i, deviation[i]);
    tail_deviations(1.02F, deviation);
    ck_assert(deviation[0] > LIMIT && deviation[1] > LIMIT);
}

/* One draw: a stream, a purpose and the first item. */
typedef struct Draw {
    MhoStream stream;
    MhoDraw purpose;
    uint64_t first;
} Draw;

/* Correlation of two draws of 1 M normals, and of their squares, in standard errors; mix adds that much of the first to
 * the second. */
static void correlation_deviations(Draw a, Draw b, float mix, double *linear, double *square)
{
    static float u[PIECE], v[PIECE];
    double product = 0.0, product_of_squares = 0.0;
    const int pieces = 64;
    const double n = (double)PIECE * pieces;
    for (int piece = 0; piece < pieces; piece++) {
        const uint64_t at = (uint64_t)piece * PIECE;
        mho_normal_fill_at(a.stream, a.purpose, a.first + at, PIECE, u);
        mho_normal_fill_at(b.stream, b.purpose, b.first + at, PIECE, v);
        for (int i = 0; i < PIECE; i++) {
            const double x = (double)u[i];
            const double y = (double)(v[i] + mix * u[i]);
            product += x * y;
            product_of_squares += (x * x - 1.0) * (y * y - 1.0);
        }
    }
    *linear = product / sqrt(n);
    *square = product_of_squares / (2.0 * sqrt(n));
}

/* The k-th neighbour of the base draw; false after the last. */
static bool neighbour(int k, Draw *b)
{
    MhoStream *s = &b->stream;
    *b = (Draw){base_stream, MHO_DRAW_TEST, 0};
    if (k < 8) {
        b->first = (uint64_t)k + 1; /* the next items: the same block and the next two */
        return true;
    }
    switch (k - 8) {
    case 0: s->chip++; break;
    case 1: s->chip ^= 0x80000000U; break;
    case 2: s->image++; break;
    case 3: s->image ^= 0x10000U; break;
    case 4: s->place = mho_place(1, 0, 0); break;
    case 5: s->place = mho_place(0, 1, 0); break;
    case 6: s->place = mho_place(0, 0, 1); break;
    case 7: b->purpose = MHO_DRAW_READ; break;
    case 8: s->step++; break;
    case 9: s->seed++; break;
    case 10: s->seed ^= (uint64_t)1 << 63; break;
    case 11: *s = (MhoStream){.seed = 1, .chip = 5, .image = 3, .noise = 1.0F}; break; /* chip and image exchanged */
    default: return false;
    }
    return true;
}

/* Neighbouring streams are not correlated, and a correlation of 0.02 is seen. */
TEST(test_independence)
{
    const Draw a = {base_stream, MHO_DRAW_TEST, 0};
    Draw b;
    double linear, square;
    int tested = 0;
    for (; neighbour(tested, &b); tested++) {
        correlation_deviations(a, b, 0.0F, &linear, &square);
        ck_assert_msg(fabs(linear) < LIMIT, "neighbour %d: correlation of %.2f sigma", tested, linear);
        ck_assert_msg(fabs(square) < LIMIT, "neighbour %d: squares correlated by %.2f sigma", tested, square);
    }
    ck_assert_int_eq(tested, 20);
    neighbour(0, &b);
    correlation_deviations(a, b, 0.02F, &linear, &square);
    ck_assert_msg(linear > LIMIT, "a correlation of 0.02 is seen as %.2f sigma only", linear);
}

/* noise scales the draw and nothing else; noise = 0 gives zeros. */
TEST(test_noise_factor)
{
    float one[1000], two[1000], zero[1000];
    MhoStream stream = base_stream;
    mho_normal_fill(stream, MHO_DRAW_TEST, 1000, one);
    stream.noise = 2.0F;
    mho_normal_fill(stream, MHO_DRAW_TEST, 1000, two);
    stream.noise = 0.0F;
    mho_normal_fill(stream, MHO_DRAW_TEST, 1000, zero);
    for (int i = 0; i < 1000; i++)
        ck_assert(two[i] == 2.0F * one[i] && zero[i] == 0.0F && one[i] != 0.0F);
}
