/* result.h - a finished sweep as a record, and back: what a result file holds.
 *
 * Payload axes are point and chip (then layer); /accuracy is the main dataset. Every swept key is a variable over
 * point, and group grid repeats accuracy with one axis per key. Intervals are in group summary, times and versions in
 * provenance.
 */
#ifndef MHO_STUDY_SWEEP_RESULT_H
#define MHO_STUDY_SWEEP_RESULT_H

#include "study/keys/points.h"
#include "study/sweep/journal.h"

/* Key and number of chips of a point. */
typedef struct MhoPointInfo {
    uint64_t key;
    uint32_t n_chips;
} MhoPointInfo;

typedef struct MhoResultInput {
    const MhoStudy *study;
    const MhoPointList *grid;
    const MhoPointInfo *points; /* (grid->n_points) */
    const MhoTrials *trials;
    const char *const *layers; /* (n_layers) names of the analog layers; NULL when points have different networks */
    size_t n_layers;
    const char *digest; /* of the study and its models */
    const char *models; /* one line "path digest" each */
    const char *data;   /* one line "use name digest" each; NULL: not known */
    const char *shard;  /* "i/n"; NULL: whole */
    double seconds;
} MhoResultInput;

/* Trials that are missing are NaN in accuracy; only a shard may miss any. */
MhoStatus mho_result_create(const MhoResultInput *input, MhoRecord **result, MhoError *error) MHO_CHECKED;

/* The trials of a result record (all that were run), for merging. */
MhoStatus mho_result_trials(const MhoRecord *result, const char *file, MhoTrials *trials, MhoError *error) MHO_CHECKED;

/* Keys and numbers of chips of a result's points, (*n) of them, in a block that the caller frees. */
MhoStatus mho_result_points(const MhoRecord *result, const char *file, MhoPointInfo **points, size_t *n,
                            MhoError *error) MHO_CHECKED;

#endif
