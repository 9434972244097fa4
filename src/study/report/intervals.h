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

/* The same of paired differences a - b; pairs with a NaN are left out. */
MhoInterval mho_student_paired(const double *a, const double *b, size_t n, double confidence);

#endif
