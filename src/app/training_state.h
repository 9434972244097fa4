/* training_state.h - which models of a study are being trained now, or were stopped, from locks and checkpoints. */
#ifndef MHO_APP_TRAINING_STATE_H
#define MHO_APP_TRAINING_STATE_H

#include "study/keys/study.h"
#include "study/models/claim.h"

typedef struct MhoTrainingRun {
    char *model;      /* file */
    char *checkpoint; /* nobody trains it, and this file keeps what was done; NULL: a living process trains it */
    MhoClaimOwner owner;
} MhoTrainingRun;

typedef struct MhoTrainingState {
    MhoTrainingRun *list;
    size_t n, n_running; /* all; those that are being trained now */
} MhoTrainingState;

/* Every model of a study's points that a living process trains, and every missing one with a checkpoint
 * in results/checkpoints. Models named by their recipe are looked for and checkpoints, only where
 * the study's data can be read. */
MhoStatus mho_training_state_read(const MhoStudy *study, const char *data_option, MhoTrainingState *state,
                                  MhoError *error) MHO_CHECKED;
void mho_training_state_clear(MhoTrainingState *state);

#endif
