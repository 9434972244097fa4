/* trials.h - finished trials in memory, found by their key. */
#ifndef MHO_STUDY_SWEEP_TRIALS_H
#define MHO_STUDY_SWEEP_TRIALS_H

#include "study/sweep/trial.h"

/* Trials by key (point, chip). Zeroed: none. */
typedef struct MhoTrials {
    MhoTrial **list; /* (n) in the order of adding; each holds its n_layers layers and no more */
    size_t n, capacity;
    size_t *slots;  /* (n_slots) open addressing: index + 1 into list, 0: free */
    size_t n_slots; /* power of two, at least twice n */
    char **hosts;   /* (n_hosts) where trials ran */
    size_t n_hosts;
} MhoTrials;

/* Add a trial whose `host` is a number in trials->hosts. A trial that is there already is left out; one of the same key
 * with another result is an INPUT error. */
MhoStatus mho_trials_add(MhoTrials *trials, const MhoTrial *trial, MhoError *error) MHO_CHECKED;
/* The number of a host's name, which is added when it is new. */
MhoStatus mho_trials_host(MhoTrials *trials, const char *name, uint32_t *number, MhoError *error) MHO_CHECKED;
const MhoTrial *mho_trials_find(const MhoTrials *trials, uint64_t point, uint32_t chip);
void mho_trials_clear(MhoTrials *trials);

#endif
