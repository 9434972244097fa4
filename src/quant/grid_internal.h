/* grid_internal.h - what policies with evenly spaced codes -n .. n or 0 .. n share.
 *
 *   code = round(clip(n x / e^s, lower n, n)),  n = 2^(bits-1) - 1 signed, 2^bits - 1 unsigned
 * Forms of the functions are those of quantizer.h, which a policy's descriptor can point to where it has no parameter.
 */
#ifndef MHO_QUANT_GRID_INTERNAL_H
#define MHO_QUANT_GRID_INTERNAL_H

#include "quant/quantizer.h"

/* params of these is not read. */
int mho_grid_full_scale(const void *params, int bits, bool is_signed);
void mho_grid_encode(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                     const float *noise, float *codes);

/* Gradients of rounding to the grid, u = x / e^s: clipped, dq/dx = 1 for lower < u < 1, else 0, and dq/ds = e^s
 * (Q(u) - u) inside, q outside; straight, those of the inside everywhere. d_log_scale NULL: the scale is fixed. */
void mho_grid_gradient(MhoQuantShape shape, const float *x, const float *log_scale, bool straight, const float *d_value,
                       float *d_x, float *d_log_scale);

/* ln of the range of least squared error per channel, or of the largest value; 0 for a channel without any. */
void mho_grid_fit(MhoQuantShape shape, const float *x, bool largest, float *log_scale);

#endif
