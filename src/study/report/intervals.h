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

/* The same for accuracies in 0..1, with ends that stay within 0..1 without being cut: each is Student's on a log scale
 * of the distance to its own bound, low = m exp(-h / m) and high = 1 - (1 - m) exp(-h / (1 - m)), m the mean, h
 * Student's half width. Far from 0 and 1 they are Student's, m - h and m + h, but for h^2 / 2m and h^2 / 2(1 - m). */
MhoInterval mho_accuracy_interval(const double *values, size_t n, double confidence);

/* The same of paired differences a - b; pairs with a NaN are left out. */
MhoInterval mho_student_paired(const double *a, const double *b, size_t n, double confidence);

#endif
