/* intervals.c - Student intervals (W. S. Gosset, Biometrika 6 (1908) 1), quantiles by GSL. */
#include "study/report/intervals.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static MhoInterval interval(const double *a, const double *b, size_t n, double confidence)
{
    MhoInterval out = {.mean = NAN, .low = NAN, .high = NAN};
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        double value = b ? a[i] - b[i] : a[i];
        if (isnan(value))
            continue;
        sum += value;
        out.n++;
    }
    if (out.n == 0)
        return out;
    out.mean = sum / (double)out.n;
    for (size_t i = 0; i < n; i++) {
        double value = (b ? a[i] - b[i] : a[i]) - out.mean;
        if (!isnan(value))
            squares += value * value;
    }
    double half = 0.0;
    if (out.n > 1) {
        double freedom = (double)(out.n - 1);
        half = gsl_cdf_tdist_Pinv(0.5 + confidence / 2.0, freedom) * sqrt(squares / freedom / (double)out.n);
    }
    out.low = out.mean - half;
    out.high = out.mean + half;
    return out;
}

MhoInterval mho_student_interval(const double *values, size_t n, double confidence)
{
    return interval(values, NULL, n, confidence);
}

MhoInterval mho_accuracy_interval(const double *values, size_t n, double confidence)
{
    MhoInterval out = interval(values, NULL, n, confidence);
    double half = out.high - out.mean;
    if (!(half > 0.0) || !(out.mean > 0.0) || !(out.mean < 1.0))
        return out;
    out.low = out.mean * exp(-half / out.mean);
    out.high = 1.0 - (1.0 - out.mean) * exp(-half / (1.0 - out.mean));
    return out;
}

MhoInterval mho_student_paired(const double *a, const double *b, size_t n, double confidence)
{
    return interval(a, b, n, confidence);
}
