/* amplitude.c - one analog level per input code, the whole code in one slice.
 *
 *   input = code / n_input of full input,  n_input <= 2^bits - 1
 * Needs a cell whose current is proportional to its input: ohmic cells by voltage, gate-coupled flash by current.
 * Source: Xiao et al., Appl. Phys. Rev. 7 (2020) 031301 (input coding of analog arrays). Valid for n_input <= 255.
 */
#include <string.h>

#include "dac/dac.h"

enum { AMPLITUDE_TWO_PHASE, AMPLITUDE_BIPOLAR };

typedef struct AmplitudeParams {
    int bits, sign;
} AmplitudeParams;

static MhoStatus amplitude_plan(const void *params, int n_input, MhoDacSlices *slices, MhoError *error)
{
    const AmplitudeParams *p = params;
    const int largest = (1 << p->bits) - 1;
    if (n_input < 1) {
        return mho_fail(error, MHO_USAGE, "amplitude: a converter needs at least input codes 0 and 1, not 0..%d",
                        n_input);
    }
    if (n_input > largest) {
        return mho_fail(error, MHO_USAGE,
                        "amplitude: a %d-bit converter has codes 0..%d, the layer's inputs are 0..%d: raise "
                        "amplitude.bits or lower the activation bits",
                        p->bits, largest, n_input);
    }
    *slices = (MhoDacSlices){.n = 1, .full = {n_input}, .weight = {1}};
    return MHO_OK;
}

static void amplitude_slice(const void *params, const MhoDacSlices *slices, int s, size_t n, const uint8_t *codes,
                            uint8_t *slice_codes)
{
    (void)params;
    (void)slices;
    (void)s;
    if (n > 0 && slice_codes != codes)
        memcpy(slice_codes, codes, n);
}

static bool amplitude_bipolar(const void *params)
{
    const AmplitudeParams *p = params;
    return p->sign == AMPLITUDE_BIPOLAR;
}

static const MhoParam amplitude_params[] = {
    {"bits", MHO_INT, offsetof(AmplitudeParams, bits), 8.0, 1.0, 8.0, "bit",
     "resolution; input codes that need more are refused", NULL, NULL, "DAC resolution"},
    {"signed", MHO_CHOICE, offsetof(AmplitudeParams, sign), AMPLITUDE_TWO_PHASE, AMPLITUDE_TWO_PHASE, AMPLITUDE_BIPOLAR,
     "", "signed inputs: positive and negative part one after the other, or both polarities at once (ohmic cells only)",
     "two_phase bipolar", NULL, "signed inputs"},
};

extern const MhoDacModel mho_dac_amplitude;
const MhoDacModel mho_dac_amplitude = {
    .descriptor =
        {
            .name = "amplitude",
            .summary = "one analog level per input code, one slice",
            .reference = "Xiao et al., Appl. Phys. Rev. 7 (2020) 031301",
            .params_size = sizeof(AmplitudeParams),
            .params = amplitude_params,
            .n_params = sizeof amplitude_params / sizeof *amplitude_params,
            .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE,
        },
    .plan = amplitude_plan,
    .slice = amplitude_slice,
    .bipolar = amplitude_bipolar,
};
