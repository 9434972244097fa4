/* trial_fields.c - what a trial leaves behind. */
#include "study/sweep/trial_fields.h"

#include <math.h>
#include <string.h>

#define OF_TRIAL(group, name, type, axes, member, required, unit, help)                       \
    {                                                                                         \
        group, name, type, MHO_FIELD_##axes, offsetof(MhoTrial, member), required, unit, help \
    }
#define OF_LAYER(name, type, axes, member, required, unit, help)                                \
    {                                                                                           \
        "", name, type, MHO_FIELD_##axes, offsetof(MhoTrialLayer, member), required, unit, help \
    }

const MhoTrialField mho_trial_fields[] = {
    OF_TRIAL("", "accuracy", MHO_F64, POINT_CHIP, accuracy, true, "1", "top-1 accuracy"),
    OF_TRIAL("", "loss", MHO_F64, POINT_CHIP, loss, true, "nat", "mean cross entropy"),
    OF_TRIAL("", "logits_digest", MHO_U64, POINT_CHIP, logits, true, "",
             "first 64 bits of SHA-256 over all logits; 0 where no trial was run"),
    OF_TRIAL("baseline", "accuracy_integer", MHO_F64, POINT, integer_accuracy, false, "1",
             "top-1 accuracy of the integer network on the same images: no chip, no noise"),
    OF_TRIAL("summary", "accuracy_float", MHO_F64, POINT, float_accuracy, false, "1",
             "top-1 accuracy of the float network on the same images, where the model file is float; else NaN"),
    OF_TRIAL("provenance", "seconds", MHO_F64, POINT_CHIP, seconds, false, "s", "wall time of a trial"),
    OF_LAYER("signal", MHO_F64, POINT_CHIP_LAYER, meter.signal, true, "accumulator_unit2",
             "sum of squares of a layer's integer sums over the measured images"),
    OF_LAYER("noise", MHO_F64, POINT_CHIP_LAYER, meter.noise, true, "accumulator_unit2",
             "sum of squares of the chip's difference to them"),
    OF_LAYER("conversions", MHO_I64, POINT_CHIP_LAYER, meter.conversions, true, "1", "ADC conversions of all images"),
    OF_LAYER("clipped", MHO_I64, POINT_CHIP_LAYER, meter.clipped, true, "1",
             "conversions that met the end of the converter's range"),
    OF_LAYER("adc_step", MHO_F64, POINT_CHIP_LAYER, adc_step, false, "accumulator_unit",
             "step of a layer's converters; NaN where there are none"),
    OF_LAYER("adc_range", MHO_F64, POINT_CHIP_LAYER, adc_range, false, "accumulator_unit",
             "largest sum that a layer's converters return; infinite for ideal converters, NaN where there are none"),
    OF_LAYER("tiles", MHO_I64, POINT_LAYER, tiles, false, "1", "tiles of a layer"),
    OF_LAYER("weights", MHO_I64, POINT_LAYER, weights, false, "1", "number of a layer's weights"),
    OF_LAYER("weight_bits", MHO_I64, POINT_LAYER, weight_bits, false, "bit", "bits of a layer's weights"),
    OF_LAYER("activation_bits", MHO_I64, POINT_LAYER, activation_bits, false, "bit",
             "bits of the codes that a layer reads"),
    OF_LAYER("adc_bits", MHO_I64, POINT_LAYER, adc_bits, false, "bit",
             "bits of a layer's converters; 0 where they are ideal or there are none"),
    {"summary", "bops", MHO_F64, MHO_FIELD_POINT_LAYER, offsetof(MhoTrialLayer, bops), false, "1",
     "bit operations of a layer for one image"},
};

const size_t mho_n_trial_fields = sizeof mho_trial_fields / sizeof *mho_trial_fields;

bool mho_field_is_of_layer(const MhoTrialField *field)
{
    return field->axes == MHO_FIELD_POINT_CHIP_LAYER || field->axes == MHO_FIELD_POINT_LAYER;
}

uint64_t mho_field_none(const MhoTrialField *field)
{
    const double none = NAN;
    uint64_t bits = 0;
    if (field->type == MHO_F64)
        memcpy(&bits, &none, sizeof bits);
    return bits;
}

uint64_t mho_field_get(const MhoTrialField *field, const MhoTrial *trial, size_t l)
{
    const unsigned char *at =
        mho_field_is_of_layer(field) ? (const unsigned char *)&trial->layers[l] : (const unsigned char *)trial;
    uint64_t value;
    memcpy(&value, at + field->offset, sizeof value);
    return value;
}

void mho_field_set(const MhoTrialField *field, MhoTrial *trial, size_t l, uint64_t value)
{
    unsigned char *at = mho_field_is_of_layer(field) ? (unsigned char *)&trial->layers[l] : (unsigned char *)trial;
    memcpy(at + field->offset, &value, sizeof value);
}
