/* numbers.h - how close two numbers must be. */
#ifndef MHO_TESTS_NUMBERS_H
#define MHO_TESTS_NUMBERS_H

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* |value - exact| <= relative |exact|; for exact = 0, |value| <= relative. */
static inline bool is_close(double value, double exact, double relative)
{
    const double scale = exact == 0.0 ? 1.0 : fabs(exact);
    return fabs(value - exact) <= relative * scale;
}

#define assert_close(value, exact, relative, what) \
    ck_assert_msg(is_close(value, exact, relative), "%s: %.9g, not %.9g", what, (double)(value), (double)(exact))

/* True when value rounds to a number as printed in a table, e.g. ".0908": within half a unit of its last digit. */
static inline bool matches_printed(double value, const char *printed)
{
    const char *point = strchr(printed, '.');
    const int decimals = point == NULL ? 0 : (int)strspn(point + 1, "0123456789");
    return fabs(value - strtod(printed, NULL)) <= 0.5 * pow(10.0, -decimals);
}

#define assert_printed(value, printed, what) \
    ck_assert_msg(matches_printed(value, printed), "%s: %.9g, not %s", what, (double)(value), printed)

/* True when a sample has this mean and standard deviation, each within 5 standard errors (of the sample's own 4th
 * moment for the variance, so that the law need not be Gaussian). */
static inline bool moments_agree(size_t n, const double *x, double mean, double sigma)
{
    const double count = (double)n;
    double m1 = 0.0, m2 = 0.0, m4 = 0.0;
    for (size_t i = 0; i < n; i++)
        m1 += x[i] / count;
    for (size_t i = 0; i < n; i++) {
        const double d = x[i] - m1;
        m2 += d * d / count;
        m4 += d * d * d * d / count;
    }
    return fabs(m1 - mean) <= 5.0 * sqrt(m2 / count) && fabs(m2 - sigma * sigma) <= 5.0 * sqrt((m4 - m2 * m2) / count);
}

/* The sample agrees with the law, and the same test fails for a standard deviation that is wrong by 2 %. */
#define assert_moments(n, x, mean, sigma)                      \
    do {                                                       \
        ck_assert(moments_agree(n, x, mean, sigma));           \
        ck_assert(!moments_agree(n, x, mean, 1.02 * (sigma))); \
        ck_assert(!moments_agree(n, x, mean, 0.98 * (sigma))); \
    } while (0)

#endif
