/* chip_inspect.h - what a chip's state holds, for tests: effective weights, and the variance of a read. */
#ifndef MHO_TESTS_SUPPORT_CHIP_INSPECT_H
#define MHO_TESTS_SUPPORT_CHIP_INSPECT_H

#include "crossbar/crossbar.h"

/* Effective weights (rows incl. always-on rows, cols) of one group in weight codes, as the packed planes hold them.
 */
MhoStatus inspect_weights(const MhoChipState *state, size_t l, size_t group, size_t n, float *weights,
                          MhoError *error) MHO_CHECKED;
/* Variance (cols) in accumulator units^2 of the per-read noise of one group for one input row vector (codes). */
MhoStatus inspect_variance(const MhoChipState *state, size_t l, size_t group, const uint8_t *codes, double *variance,
                           MhoError *error) MHO_CHECKED;

#endif
