/* experiment.h - one question, one study, one analysis: what a binary under experiments/ is made of.
 *
 * An experiment's binary links its descriptor with experiments/main.c: a sweep plus the analysis that answers the
 * question, with the same options as `mho sweep`.
 */
#ifndef MHO_STUDY_REPORT_EXPERIMENT_H
#define MHO_STUDY_REPORT_EXPERIMENT_H

#include "base/record.h"

typedef struct MhoExperiment {
    const char *name, *question;
    const char *study; /* default study file: "quickstart.yaml", beside the others in experiments/ */
    const char *axis;  /* key that a study of this question must sweep; NULL: none */

    /* Fill the group "analysis" of summary (outside the payload digest) from a finished result. NULL: none. */
    MhoStatus (*analyse)(const MhoRecord *result, MhoRecord *summary, MhoError *error);

    /* What was found and what to try next, as lines; the caller frees it. NULL is returned when out of memory. */
    char *(*finding)(const MhoRecord *result);
} MhoExperiment;

extern const MhoExperiment mho_experiment; /* the one of this binary */

#endif
