/* quantizer.h - the interface of a quantization policy.
 *
 * A quantized tensor is integer codes and a scale: value = e^s * code / n, with n = full_scale(bits, is_signed).
 * Codes are -n .. n for signed tensors (weights, branches of residual sums), 0 .. n for unsigned ones (activations with
 * built-in ReLU). Arrays are (channels, per_channel), contiguous; log_scale is (channels), natural logarithm. Codes are
 * whole numbers stored as float, so that products of codes are exact.
 */
#ifndef MHO_QUANT_QUANTIZER_H
#define MHO_QUANT_QUANTIZER_H

#include "base/descriptor.h"
#include "kernels/random.h"

enum {
    MHO_TABLE_SIZE = 256,      /* steps of the grid of codes that are not evenly spaced */
    MHO_POLICY_PARAMS_MAX = 64 /* bytes of a policy's parameters */
};

typedef struct MhoQuantShape {
    int bits;
    bool is_signed; /* codes -n .. n; false: 0 .. n */
    size_t channels, per_channel;
    void *scratch; /* (per_channel * the quantizer's scratch bytes), 8-byte aligned; NULL where it needs none */
} MhoQuantShape;

/* How the range e^s of activations is found, from counts of the values other than 0 that a fake_quant node reads (those
 * above 0 where codes are unsigned). */
typedef enum MhoRangeRule {
    MHO_FIT_MSE,        /* range of least squared error */
    MHO_FIT_PERCENTILE, /* smallest range that holds this share of the values; 1: the largest value */
    MHO_FIT_SIGMA       /* so many times the root of the mean square */
} MhoRangeRule;
typedef struct MhoRangeFit {
    MhoRangeRule rule;
    double value;
} MhoRangeFit;

typedef struct MhoQuantizer {
    MhoDescriptor descriptor;
    int min_bits, max_bits;

    /* Codes of a signed tensor depend on its largest element. So only weights, of which the whole tensor is known, can
     * be signed, and batch norm cannot move into their scale. */
    bool normalizes_signed;

    /* The tensor itself places the levels of weights: fit() sets the scale at every training step instead of a
     * gradient. Its activations (unsigned) have a table; without one the policy is for weights only. */
    bool nonuniform;

    /* Bytes of MhoQuantShape.scratch for each of per_channel values. Unsigned activations need it in fit() only. */
    size_t scratch;

    /* Largest code n. Signed: 2^(bits-1) - 1 (bits = 2 is ternary), or 2^bits - 1 where only odd codes occur; unsigned:
     * 2^bits - 1; non-uniform: 32639, the 16-bit grid; with a table 255. */
    int (*full_scale)(const void *params, int bits, bool is_signed);

    /* Starting scales from the tensor itself. */
    void (*fit)(const void *params, MhoQuantShape shape, const float *x, float *log_scale);

    /* How calibration, which has counts of values instead of the tensor, finds the range. NULL: least squared error. */
    MhoRangeFit (*range)(const void *params, int bits);

    /* Codes of x. noise (NULL: none) is added in units of one step, from level to level, before rounding: an error of
     * the sum. */
    void (*encode)(const void *params, MhoQuantShape shape, const float *x, const float *log_scale, const float *noise,
                   float *codes);

    /* Straight-through gradients: from dL/dvalue to dL/dx (overwritten) and dL/d log_scale (added; untouched where the
     * scale is not learned), which is divided by sqrt(per_channel n). The declared surrogate is documented in the
     * policy's file. */
    void (*gradient)(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                     const float *d_value, float *d_x, float *d_log_scale);

    /* Staged training: the values with a random error in place of that of quantization, of the law that the policy's
     * file declares. noisy (may be x) and slope d noisy / dx (NULL: not
     * wanted) as gradient() declares it: 1, or the chain. The draws are items 0.. of the stream. NULL: the policy
     * trains through encode(). */
    void (*inject)(const void *params, MhoQuantShape shape, const float *x, const float *log_scale, MhoStream stream,
                   float *noisy, float *slope);

    /* Unsigned codes that are not evenly spaced, on an even grid of 8 bits: table[step] (256) is the code of a value
     * that rounds to this step, itself a step of the grid. Executors round to the grid first, so all agree. NULL: codes
     * are the steps. */
    void (*table)(const void *params, int bits, uint8_t *table);
} MhoQuantizer;

/* The code of a whole step 0 .. 255; other values (NaN) are returned as they are. */
static inline float mho_table_code(const uint8_t *table, float step)
{
    return step >= 0.0F && step <= 255.0F ? (float)table[(int)step] : step;
}

extern const MhoRegistry mho_quantizer_registry;

/* A quantizer with its parameters. */
typedef struct MhoPolicy {
    const MhoQuantizer *quantizer;
    _Alignas(8) unsigned char params[MHO_POLICY_PARAMS_MAX];
} MhoPolicy;

/* The policy of a text as layers store it: a name, then key=value for parameters that differ from their defaults
 * ("fqconv gradient=straight"). USAGE names the nearest policy or the key. */
MhoStatus mho_policy_open(const char *text, MhoPolicy *policy, MhoError *error) MHO_CHECKED;

#endif
