/* intervals.h - intervals over chips. Everything here goes to the group "summary", outside the payload digest. */
#ifndef MHO_STUDY_REPORT_INTERVALS_H
#define MHO_STUDY_REPORT_INTERVALS_H

#include <stddef.h>

/* Mean of (n) values and its two-sided Student interval at `confidence`. NaN values are left out; with fewer than two
 * the interval is the mean. */
typedef struct MhoInterval {
    size_t n;
    double mean, low, high;
} MhoInterval;

MhoInterval mho_student_interval(const double *values, size_t n, double confidence);

/* The same mean of accuracies in 0..1, with an interval that holds it and stays within 0..1 without being cut: the
 * means p for which Student's t of the sample does not exceed its quantile when the standard error at p is taken as
 * s sqrt(p (1 - p) / (m (1 - m))), s that at the sample's mean m. This is Wilson's score interval with the binomial
 * variance replaced by the measured one; far from 0 and 1 it is Student's. */
MhoInterval mho_accuracy_interval(const double *values, size_t n, double confidence);

/* The same of paired differences a - b; pairs with a NaN are left out. */
MhoInterval mho_student_paired(const double *a, const double *b, size_t n, double confidence);

#endif
