/* chip_params.c - the common keys of a chip: its array, its reads, its converters' range, time and temperature. */
#include "crossbar/crossbar.h"

#define CHIP(key, type, member, value, min, max, unit, help, choices, label)                          \
    {                                                                                                 \
        key, type, offsetof(MhoChipParams, member), value, min, max, unit, help, choices, NULL, label \
    }

/* time: 1 Gs is 32 years. array.rows: 32768 rows of 8-bit codes and planes keep every sum below 2^31. */
static const MhoParam chip_params[] = {
    CHIP("time", MHO_REAL, time, 0.0, 0.0, 1e9, "s", "time between programming and reading", NULL,
         "time since programming"),
    CHIP("temperature", MHO_REAL, temperature, 298.15, 200.0, 450.0, "K", "temperature at reading", NULL,
         "temperature"),
    CHIP("noise", MHO_REAL, noise, 1.0, 0.0, 10.0, "", "multiplies every standard normal; 0: no randomness", NULL,
         "device noise"),
    CHIP("cell.read", MHO_CHOICE, read, MHO_READ_CHOICE_DEFAULT, MHO_READ_CHOICE_DEFAULT, MHO_READ_CHOICE_SPLIT, "",
         "read noise: fixed per device, fresh at every read, cut at t_observe into both, or as the cell model was "
         "published",
         "default frozen per_read split", "kind of read noise"),
    CHIP("cell.t_observe", MHO_REAL, t_observe, 1e-3, 1e-9, 1e9, "s",
         "read = split: noise slower than this is frozen, faster noise is fresh at every read", NULL,
         "observation time"),
    CHIP("cell.draw", MHO_CHOICE, draw, MHO_NOISE_FORM_PER_COLUMN, MHO_NOISE_FORM_PER_COLUMN, MHO_NOISE_FORM_PER_CELL,
         "", "fresh read noise: one draw per column (exact) or one per cell (the slow reference form)",
         "per_column per_cell", "read noise draw"),
    CHIP("adc.calibrate", MHO_CHOICE, calibrate, MHO_CALIBRATE_IDEAL, MHO_CALIBRATE_IDEAL, MHO_CALIBRATE_STATE, "",
         "where calibrated ranges come from: an ideal chip, each chip once, or each chip at each condition",
         "ideal chip state", "ADC calibration"),
    CHIP("adc.range", MHO_CHOICE, range, MHO_RANGE_CALIBRATED, MHO_RANGE_CALIBRATED, MHO_RANGE_LEARNED, "",
         "converter step: least error on training images, a fraction of the largest possible sum, that sum itself, one "
         "accumulator unit, or from the ranges that the model learned in training with a chip; but for fixed never "
         "below one unit",
         "calibrated fixed maximum unit learned", "ADC range"),
    CHIP("adc.full_scale", MHO_REAL, full_scale, 1.0, 1e-4, 1.0, "",
         "range = fixed: full scale over the largest possible sum", NULL, "ADC full scale"),
    CHIP("array.rows", MHO_INT, rows, 512.0, 1.0, 32768.0, "", "rows of one array; longer sums are split over arrays",
         NULL, "array rows"),
    CHIP("array.cols", MHO_INT, cols, 512.0, 1.0, 32768.0, "",
         "weight columns of one array (a differential pair counts once, a reference column not at all)", NULL,
         "array columns"),
    CHIP("array.mapping", MHO_CHOICE, mapping, MHO_MAP_DIFFERENTIAL, MHO_MAP_DIFFERENTIAL, MHO_MAP_OFFSET, "",
         "signed weights: a cell for each sign, or one cell around a reference column at half of g_max",
         "differential offset", "weight mapping"),
    CHIP("array.subtract", MHO_CHOICE, subtract, MHO_SUBTRACT_ANALOG, MHO_SUBTRACT_ANALOG, MHO_SUBTRACT_DIGITAL, "",
         "columns are subtracted as currents, before one conversion, or as codes, after a conversion each",
         "analog digital", "subtraction of columns"),
    CHIP("compensation", MHO_CHOICE, compensation, MHO_COMPENSATE_NONE, MHO_COMPENSATE_NONE, MHO_COMPENSATE_GLOBAL, "",
         "drift compensation: one factor per layer from reference reads now and just after programming", "none global",
         "drift compensation"),
};

static MhoStatus chip_check(const void *params, MhoError *error)
{
    const MhoChipParams *p = params;
    if (p->calibrate != MHO_CALIBRATE_IDEAL && p->range != MHO_RANGE_CALIBRATED) {
        return mho_fail(
            error, MHO_USAGE,
            "chip.adc.calibrate: only a calibrated range is measured on chips: set chip.adc.range=calibrated or "
            "chip.adc.calibrate=ideal");
    }
    if (p->draw == MHO_NOISE_FORM_PER_CELL && p->read == MHO_READ_CHOICE_FROZEN) {
        return mho_fail(
            error, MHO_USAGE,
            "chip.cell.draw: frozen read noise is never drawn at a read: set chip.cell.read=per_read or split, or "
            "chip.cell.draw=per_column");
    }
    return MHO_OK;
}

const MhoDescriptor mho_chip_descriptor = {
    .name = "chip",
    .summary = "common keys of a chip: array, reads, converter range, time and temperature",
    .reference =
        "differential and offset mapping: Xiao et al., Appl. Phys. Rev. 7 (2020) 031301; global drift compensation: "
        "Joshi et al., Nat. Commun. 11 (2020) 2473",
    .params_size = sizeof(MhoChipParams),
    .params = chip_params,
    .n_params = sizeof chip_params / sizeof *chip_params,
    .check = chip_check,
};
