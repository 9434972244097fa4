/* trial_time.h - how many trials a study has and how long one takes here, for cutting it into tasks. */
#ifndef MHO_APP_TRIAL_TIME_H
#define MHO_APP_TRIAL_TIME_H

#include "study/sweep/sweep.h"

typedef struct MhoTrialTime {
    size_t n_trials;
    size_t n_missing_models; /* models that `train:` has yet to make */
    double setup;            /* s until the first trial of a task: images, model, chip */
    double seconds;          /* of one trial, the mean of those that were run; 0: none was */
    size_t n_measured;
} MhoTrialTime;

/* Count the trials of a study and, if `measure`, run some that lie spread over it, for about `budget` seconds at most
 * beyond the first. Where a model is missing, a network that is trained for a few steps takes its place. */
MhoStatus mho_trial_time(const MhoStudy *study, const MhoModelOptions *options, bool measure, double budget,
                         MhoTrialTime *time, MhoError *error) MHO_CHECKED;

/* The tasks that cluster.tasks names, or as many as take about 20 min each, or half of cluster.time when that is less;
 * at least 1 trial a task, and at most MHO_MAX_ARRAY_TASKS tasks. */
int mho_trial_time_tasks(const MhoTrialTime *time, const MhoClusterParams *cluster);

#endif
