/* sweep_state.h - how far the parts of a sweep are, read from their files alone: results, journals, plans, locks. */
#ifndef MHO_APP_SWEEP_STATE_H
#define MHO_APP_SWEEP_STATE_H

#include "study/models/claim.h"

typedef enum MhoPartState {
    MHO_PART_DONE,    /* its file is there */
    MHO_PART_RUNNING, /* a living process holds its lock */
    MHO_PART_LOST,    /* the process that held its lock is gone */
    MHO_PART_STOPPED, /* trials are kept, and nobody runs it */
    MHO_PART_WAITING, /* not started */
    MHO_N_PART_STATES
} MhoPartState;

extern const char *const mho_part_state_names[MHO_N_PART_STATES]; /* "done", ... */

typedef struct MhoPart {
    int number; /* from 1 */
    MhoPartState state;
    size_t n_trials, n_done; /* n_trials 0: not known; else n_done is not larger */
    size_t n_other;          /* trials in its journals beyond n_trials: of another study */
    bool stops_early;        /* it may need fewer trials */
    double seconds;          /* of a trial on average; 0: none is finished or the file was not read */
    MhoClaimOwner owner;
} MhoPart;

typedef struct MhoSweepState {
    MhoPart *parts; /* (n_parts) */
    int n_parts;
    size_t n_trials, n_done;         /* of all parts; n_trials 0: not known; else n_done is not larger */
    size_t n_other;                  /* of all parts */
    size_t n_foreign;                /* files of parts that are of another study */
    bool stops_early;                /* n_trials of parts and of all are at most */
    size_t count[MHO_N_PART_STATES]; /* parts in each state */
    double rate;                     /* trials/s of all that run now; 0: not known */
    char pattern[4096];              /* where the parts are */
} MhoSweepState;

/* What was planned, where no part tells. */
typedef struct MhoSweepPlan {
    int n_parts;            /* in RESULT.cluster; 0: none */
    size_t n_trials;        /* 0: not known */
    bool stops_early;       /* the study has a stop rule: its parts have whole points, which may take fewer trials */
    const char *study_text; /* files of other studies do not count; NULL: those of any study do */
} MhoSweepPlan;

/* Whether the file at path is a result, or a part of one, of the study with this text (NULL: of any study). A file that
 * cannot be read counts: others say what is wrong with it. */
bool mho_result_is_of(const char *path, const char *study_text);

/* The parts of a sweep whose whole result would be at `result`: its own journals, the parts in RESULT.cluster, or
 * shards beside it. n_parts is 0 when there is no trace of any. */
MhoStatus mho_sweep_state_read(const char *result, const MhoSweepPlan *plan, MhoSweepState *state,
                               MhoError *error) MHO_CHECKED;
void mho_sweep_state_clear(MhoSweepState *state);

#endif
