/* uniq.h - the noise that stands for UNIQ's quantizer in training. */
#ifndef MHO_QUANT_UNIQ_H
#define MHO_QUANT_UNIQ_H

#include "quant/quantizer.h"

/* Weights as if quantized: noisy = F^-1(clip(F(x) + e, 1e-5, 1 - 1e-5)), F the Gaussian CDF fitted to each channel, e
 * uniform within +- half_width / 2^bits (published: 0.5, half a bin). Arrays (channels, per_channel), owned by the
 * caller; noisy may be x. slope (may be NULL): d noisy / dx = f(x) / f(noisy) with the fit held constant. The draws are
 * items 0.. of the stream. Finite x, bits as the quantizer's; a channel of equal values stays.
 * Baskin et al., UNIQ, arXiv:1804.10969. */
void mho_uniq_noise(MhoQuantShape shape, double half_width, const float *x, MhoStream stream, float *noisy,
                    float *slope);

#endif
