/* quantizer.h - what a network asks of a quantization policy.
 *
 * A quantized tensor is integer codes and a scale: value = e^s * code / n, with n = full_scale(bits, lower) and codes
 * in lower n .. n for lower = -1 (weights, signed tensors) or 0 (activations with built-in ReLU). Arrays are (channels,
 * per_channel), contiguous; log_scale is (channels), natural logarithm. Codes are whole numbers stored as float, so
 * that products of codes are exact.
 */
#ifndef MHO_QUANT_QUANTIZER_H
#define MHO_QUANT_QUANTIZER_H

#include "base/model.h"
#include "kernels/random.h"

typedef struct MhoQuantShape {
    int bits, lower; /* lower: -1 or 0 */
    size_t channels, per_channel;
} MhoQuantShape;

typedef struct MhoQuantizer {
    MhoModel model;
    int min_bits, max_bits;

    /* Codes of a signed tensor depend on its largest element. So only weights, which stand whole, can be signed, and
     * batch norm cannot move into their scale. */
    bool normalizes_signed;

    /* Levels are placed by the tensor itself: weights only (lower = -1), and fit() gives the scale anew at every
     * training pass instead of a learned one. */
    bool nonuniform;

    /* Largest code n. Signed: 2^(bits-1) - 1 (bits = 2 is ternary), or 2^bits - 1 where only odd codes occur; unsigned:
     * 2^bits - 1; non-uniform: 32639, the 16-bit grid. */
    int (*full_scale)(const void *params, int bits, int lower);

    /* Starting scales from the tensor itself. */
    void (*fit)(const void *params, MhoQuantShape shape, const float *x, float *log_scale);

    /* Whether fit() takes the largest value, for calibration, which has counts of values instead of the tensor. NULL:
     * the range of least squared error. */
    bool (*fits_largest)(const void *params);

    /* Codes of x. noise (NULL: none) is added in units of one step, from level to level, before rounding: an error of
     * the sum. */
    void (*encode)(const void *params, MhoQuantShape shape, const float *x, const float *log_scale, const float *noise,
                   float *codes);

    /* Straight-through gradients: from dL/dvalue to dL/dx (overwritten) and dL/d log_scale (added; untouched where the
     * scale is not learned), which is divided by sqrt(per_channel n). The declared surrogate is documented in the
     * policy's file. */
    void (*gradient)(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                     const float *d_value, float *d_x, float *d_log_scale);

    /* Staged training: what stands for a tensor while its layer learns, the values with the error of quantization as a
     * random draw, of the law that the policy's file declares. noisy (may be x) and slope d noisy / dx (NULL: not
     * wanted) as gradient() declares it: 1, or the chain. The draws are items 0.. of the stream. NULL: the policy trains
     * through encode(). */
    void (*inject)(const void *params, MhoQuantShape shape, const float *x, const float *log_scale, MhoStream stream,
                   float *noisy, float *slope);

    /* Unsigned codes that are not evenly spaced, on an even grid of 8 bits: table[step] (256) is the code of a value
     * that rounds to this step, itself a step of the grid. Executors round to the grid first, so all agree. NULL: codes
     * are the steps. */
    void (*table)(const void *params, int bits, uint8_t *table);
} MhoQuantizer;

extern const MhoRegistry mho_quantizer_registry;

/* The policy of a text as layers store it: a name, then key=value for parameters that differ from their defaults
 * ("fqconv gradient=straight"). params: params_size bytes, 8-byte aligned, filled. USAGE names the nearest policy or
 * the key. */
MhoStatus mho_quantizer_open(const char *policy, const MhoQuantizer **quantizer, void *params, size_t params_size,
                             MhoError *error) MHO_CHECKED;

#endif
