/* empirical_internal.h - values in order, and the distribution that they are a sample of.
 *
 *   F(y_i) = (i + 1/2) / N at the ascending values y_i, equal ones at the mean of theirs, linear in between;
 *   F^-1(u) linear between the y_i at u N - 1/2; y_0 and y_(N-1) beyond them
 * Plotting positions: Hazen, Trans. ASCE 77 (1914) 1539. Valid for finite values.
 */
#ifndef MHO_QUANT_EMPIRICAL_INTERNAL_H
#define MHO_QUANT_EMPIRICAL_INTERNAL_H

#include "quant/levels_internal.h"

/* sorted (n) = x ascending; spare (n) is scratch. Neither overlaps x. */
void mho_sort_values(size_t n, const float *x, float *sorted, float *spare);

/* First of the sorted values that is not below (above: that is beyond) x; n when there is none. */
size_t mho_sorted_find(size_t n, const float *sorted, double x, bool above);

typedef struct MhoEmpirical {
    size_t n; /* at least 1 */
    const float *sorted;
} MhoEmpirical;

double mho_empirical_cdf(const MhoEmpirical *sample, double x);
double mho_empirical_quantile(const MhoEmpirical *sample, double u);

/* Levels F^-1((i - 1/2) / k), k = 2^bits. A value goes to the bin of its F: thresholds are F^-1(i / k), or just above
 * where it equals values whose F is below i / k. */
void mho_empirical_levels(const MhoEmpirical *sample, int bits, MhoLevels *levels);

#endif
