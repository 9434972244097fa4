/* tanh_weights_internal.h - signed weights through tanh to levels without zero, for DoReFa and PACT.
 *
 *   u = t / m,  t = tanh(w / e^s),  m = max |t| over a channel;  value = e^s v / n,  n = 2^bits - 1
 *   v = the nearest of the odd codes -n, -n + 2 .. n to n u (between two of them the one farther from 0; 0 becomes 1)
 * Surrogate, m held constant: dq/dw = (1 - t^2) / m, dq/ds = 0: the scale is fixed, not learned.
 * Source: Zhou et al., DoReFa-Net, arXiv:1606.06160, equation 9, which is this with e^s = 1.
 */
#ifndef MHO_QUANT_TANH_WEIGHTS_INTERNAL_H
#define MHO_QUANT_TANH_WEIGHTS_INTERNAL_H

#include "quant/quantizer.h"

/* n = 2^bits - 1 for either sign; params is not read. */
int mho_tanh_full_scale(const void *params, int bits, bool is_signed);

/* Forms as in quantizer.h; noise is in steps of two codes. Unsigned tensors are encoded on the even grid. */
void mho_tanh_encode(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                     const float *noise, float *codes);
void mho_tanh_gradient(MhoQuantShape shape, const float *x, const float *log_scale, const float *d_value, float *d_x);

#endif
