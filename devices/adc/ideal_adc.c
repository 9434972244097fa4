/* ideal_adc.c - a converter that only rounds: 32-bit codes, for a step of one accumulator unit.
 *
 *   code = round(y / LSB)
 * Sums of the array stay far below 2^31 units, so nothing is clipped. Valid for |y / LSB| <= 2^31 - 128.
 */
#include "adc/adc.h"
#include "kernels/kernels.h"

static const float ideal_largest = 2147483520.0F; /* 2^31 - 128, the largest float that is a 32-bit code */

static int ideal_bits(const void *params)
{
    (void)params;
    return MHO_ADC_MAX_BITS;
}

static MhoAdcCodes ideal_codes(const void *params, bool is_signed)
{
    (void)params;
    (void)is_signed;
    return (MhoAdcCodes){.low = -ideal_largest, .high = ideal_largest};
}

static uint64_t ideal_convert(const void *params, const float *state, bool is_signed, size_t P, size_t C,
                              const float *y, float inverse_lsb, int32_t *code)
{
    (void)params;
    (void)state;
    (void)is_signed;
    return mho_kernels()->convert(P * C, y, inverse_lsb, -ideal_largest, ideal_largest, code);
}

extern const MhoAdcModel mho_adc_ideal;
const MhoAdcModel mho_adc_ideal = {
    .descriptor =
        {
            .name = "ideal",
            .summary = "rounds to the nearest code and never clips",
            .reference = "by definition: code = round(y / LSB)",
            .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE,
        },
    .bits = ideal_bits,
    .codes = ideal_codes,
    .convert = ideal_convert,
};
