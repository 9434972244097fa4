/* rerun.h - one trial of a result again, to the same digest. */
#ifndef MHO_STUDY_SWEEP_RERUN_H
#define MHO_STUDY_SWEEP_RERUN_H

#include "study/models/model_file.h"
#include "study/sweep/trial.h"

typedef struct MhoRerun {
    size_t point; /* number of the point in the result */
    uint32_t chip;
    double accuracy, loss, seconds; /* as the result holds them */
    uint64_t logits;
    double accuracy_now, loss_now, seconds_now; /* of this run */
    uint64_t logits_now;
    char *settings; /* "key=value, ..." of the swept keys at this point; the caller frees it */
} MhoRerun;

/* Run trial number `trial` of a result: trials are counted from 0 in the order of points, then of chips. The model
 * comes from the file that the study names and is never trained. INPUT when there is no such trial, or when model,
 * images or version differ from those of the result, named; FAILED when the logits differ although all of these are the
 * same. In the last case *rerun is filled in. */
MhoStatus mho_rerun(const char *result, size_t trial, const MhoModelOptions *options, MhoRerun *rerun,
                    MhoError *error) MHO_CHECKED;

#endif
