/* trial_time.h - how many trials a study has and how long one takes here, for cutting it into tasks. */
#ifndef MHO_APP_TRIAL_TIME_H
#define MHO_APP_TRIAL_TIME_H

#include "study/sweep/sweep.h"

typedef struct MhoTrialTime {
    size_t n_trials;    /* at most so many where models are missing or points stop early */
    size_t n_shares;    /* what is dealt out to tasks: trials, or points where they stop early */
    bool misses_models; /* `train:` has yet to make some, or makes them again */
    bool stops_early;   /* the study has a stop rule */
    double setup;       /* s until the first trial of a task: images, model, chip */
    double seconds;     /* of one trial, the mean of those that were run; 0: none was */
    size_t n_measured;
} MhoTrialTime;

/* Count the trials of a study and, if `measure`, run some that lie spread over it, for about `budget` seconds at most
 * beyond the first. Where a model is missing, a network that is trained for a few steps takes its place, in a temporary
 * folder; no model of the study is trained. */
MhoStatus mho_trial_time(const MhoStudy *study, const MhoModelOptions *options, bool measure, double budget,
                         MhoTrialTime *time, MhoError *error) MHO_CHECKED;

/* The tasks that cluster.tasks names, or as many as take about 20 min each, or half of cluster.time when that is less;
 * at least 1 trial a task, or 1 point where points stop early, and at most MHO_MAX_ARRAY_TASKS tasks. */
int mho_trial_time_tasks(const MhoTrialTime *time, const MhoClusterParams *cluster);

#endif
