/* uniform_adc.c - a converter with equal steps and a whole number of bits.
 *
 *   code = clip(round(y / LSB), low, high)
 *   signed:   -(2^(b-1) - 1) .. 2^(b-1) - 1, 2^b - 1 codes, mid-tread: zero is exact (one bit leaves only zero)
 *   unsigned: 0 .. 2^b - 1
 * Limits are floats and codes 32 bits: above 24 bits the limit is the largest float below the exact one, and never
 * above 2^31 - 128. Source: Bennett, Bell Syst. Tech. J. 27 (1948) 446; mid-tread form as IEEE Std 1241-2010.
 */
#include "adc/adc.h"
#include "kernels/kernels.h"

typedef struct UniformParams {
    int bits;
} UniformParams;

enum { UNIFORM_FLOAT_BITS = 24 }; /* significand of a float */

static void uniform_set_bits(void *params, int bits)
{
    UniformParams *p = params;
    p->bits = bits;
}

/* 2^b - 1, or the largest float below it. */
static float uniform_largest(int b)
{
    const int below = b > UNIFORM_FLOAT_BITS ? b - UNIFORM_FLOAT_BITS : 0;
    return (float)((INT64_C(1) << b) - (INT64_C(1) << below));
}

static int uniform_bits(const void *params)
{
    const UniformParams *p = params;
    return p->bits;
}

static MhoAdcCodes uniform_codes(const void *params, bool is_signed)
{
    const int b = uniform_bits(params);
    const float high = uniform_largest(is_signed || b == MHO_ADC_MAX_BITS ? b - 1 : b);
    return (MhoAdcCodes){.low = is_signed ? -high : 0.0F, .high = high};
}

static uint64_t uniform_convert(const void *params, const float *state, bool is_signed, size_t P, size_t C,
                                const float *y, float inverse_lsb, int32_t *code)
{
    const MhoAdcCodes codes = uniform_codes(params, is_signed);
    (void)state;
    return mho_kernels()->convert(P * C, y, inverse_lsb, codes.low, codes.high, code);
}

static const MhoParam uniform_params[] = {
    {"bits", MHO_INT, offsetof(UniformParams, bits), 8.0, 1.0, MHO_ADC_MAX_BITS, "bit", "resolution", NULL, NULL,
     "ADC resolution"},
};

extern const MhoAdcModel mho_adc_uniform;
const MhoAdcModel mho_adc_uniform = {
    .descriptor =
        {
            .name = "uniform",
            .summary = "equal steps, clipping at both ends of the range",
            .reference = "Bennett, Bell Syst. Tech. J. 27 (1948) 446; IEEE Std 1241-2010 (mid-tread)",
            .params_size = sizeof(UniformParams),
            .params = uniform_params,
            .n_params = sizeof uniform_params / sizeof *uniform_params,
            .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE,
        },
    .bits = uniform_bits,
    .set_bits = uniform_set_bits,
    .codes = uniform_codes,
    .convert = uniform_convert,
};
