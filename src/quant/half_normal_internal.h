/* half_normal_internal.h - activations after a ReLU on quantiles of a half-normal, for UNIQ.
 *
 *   t = 2 Phi(z) - 1,  z = x / sigma,  n = 2^bits - 1:  zero and n levels, bins t in i / n .. (i + 1) / n, level
 *   z_i = Phi^-1(1/2 + (i + 1/2) / (2 n)) sigma;  e^s = the largest level
 * on an even grid of 255 steps: a value is rounded to a step, and a step becomes the step nearest to its bin's level
 * (which is in that bin, so codes are their own; above 6 bits levels near zero are closer than steps and merge).
 * Source: Baskin et al., UNIQ, arXiv:1804.10969v1, with the mean of the tensor before the ReLU at 0 (ours).
 */
#ifndef MHO_QUANT_HALF_NORMAL_INTERNAL_H
#define MHO_QUANT_HALF_NORMAL_INTERNAL_H

#include "quant/quantizer.h"

enum { MHO_HALF_NORMAL_STEPS = 255 };

/* Largest level of a unit sigma. */
double mho_half_normal_reach(int bits);
void mho_half_normal_table(int bits, uint8_t *table); /* (256) */

/* ln of sigmas times the reach times the root mean square of the values above 0, which for a half-normal is the sigma
 * before the ReLU; 0 for a channel without any. */
void mho_half_normal_fit(MhoQuantShape shape, const float *x, double sigmas, float *log_scale);

/* Forms as in quantizer.h. */
void mho_half_normal_encode(MhoQuantShape shape, const float *x, const float *log_scale, const float *noise,
                            float *codes);

/* Surrogate: dq/dx = 1 for x > 0, else 0; exact: the chain with sigma constant, f(x) / f(q), 0 where q is 0. */
void mho_half_normal_gradient(MhoQuantShape shape, const float *x, const float *log_scale, bool exact,
                              const float *d_value, float *d_x);

/* Noise e of `width` bins to either side: t -> t + e, kept within 0 .. 1 - 2e-5; values up to 0 become 0. Slope: as the
 * gradient, with 0 where exact and t is kept. */
void mho_half_normal_inject(MhoQuantShape shape, const float *x, const float *log_scale, double width, bool exact,
                            MhoStream stream, float *noisy, float *slope);

#endif
