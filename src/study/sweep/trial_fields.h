/* trial_fields.h - the fields of a trial that journals and results hold: one table for writing and reading. */
#ifndef MHO_STUDY_SWEEP_TRIAL_FIELDS_H
#define MHO_STUDY_SWEEP_TRIAL_FIELDS_H

#include "base/record.h"
#include "study/sweep/trial.h"

/* The axes of a field's array in a result. Fields without the axis chip are the same on every chip of a point. */
typedef enum MhoFieldAxes {
    MHO_FIELD_POINT_CHIP,
    MHO_FIELD_POINT,
    MHO_FIELD_POINT_CHIP_LAYER,
    MHO_FIELD_POINT_LAYER
} MhoFieldAxes;

/* A member of 8 bytes of MhoTrial, or of MhoTrialLayer where the axes end with the layer. */
typedef struct MhoTrialField {
    const char *group, *name; /* group of a result: "" is the root; what stands elsewhere is not in the digest */
    MhoType type;             /* f64, i64 or u64 */
    MhoFieldAxes axes;
    size_t offset;
    bool required; /* results of the first versions hold it, too */
    const char *unit, *help;
} MhoTrialField;

extern const MhoTrialField mho_trial_fields[];
extern const size_t mho_n_trial_fields;

bool mho_field_is_of_layer(const MhoTrialField *field);
/* What stands where no trial was run: NaN, or 0 for whole numbers. */
uint64_t mho_field_none(const MhoTrialField *field);
/* The field of a trial, of its layer l; any 8 bytes. */
uint64_t mho_field_get(const MhoTrialField *field, const MhoTrial *trial, size_t l);
void mho_field_set(const MhoTrialField *field, MhoTrial *trial, size_t l, uint64_t value);

#endif
