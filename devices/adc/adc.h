/* adc.h - the interface of an analog-to-digital converter.
 *
 * A converter turns the analog sum of one column into an integer code, in units of its step (LSB). The step comes from
 * the range: calibrated on training images, fixed, the largest possible sum, or one accumulator unit. Signed converters
 * are mid-tread with 2^b - 1 codes, so zero is exact; unsigned ones have 2^b codes from 0.
 */
#ifndef MHO_DEVICES_ADC_H
#define MHO_DEVICES_ADC_H

#include "base/descriptor.h"
#include "kernels/random.h"

enum { MHO_ADC_MAX_BITS = 32 };

/* The codes that a converter can return: low..high. */
typedef struct MhoAdcCodes {
    float low, high;
} MhoAdcCodes;

typedef struct MhoAdcModel {
    MhoDescriptor descriptor;
    size_t n_state; /* floats per column that are fixed for the life of a converter: offsets, mismatch */

    /* The resolution. */
    int (*bits)(const void *params);

    /* Change the bits in a copy of the parameters, for a layer with its own bits. NULL: they cannot be changed. */
    void (*set_bits)(void *params, int bits);

    /* The code range, for a signed or unsigned input. */
    MhoAdcCodes (*codes)(const void *params, bool is_signed);

    /* Fill state (n_columns, n_state), once per chip. NULL: all converters are equal. */
    void (*fabricate)(const void *params, size_t n_columns, MhoStream stream, float *state);

    /* code (P, C) of y (P, C), both row-major; y is in the array's units, inverse_lsb is the reciprocal step.
     * Returns the number of clipped conversions. */
    uint64_t (*convert)(const void *params, const float *state, bool is_signed, size_t P, size_t C, const float *y,
                        float inverse_lsb, int32_t *code);
} MhoAdcModel;

extern const MhoRegistry mho_adc_registry;

#endif
