/* journal.h - finished trials, safe against kill -9 at any moment.
 *
 * Each process appends to its own file in RESULT.parts/: one checksummed record a trial, written with a single
 * append and fdatasync. A torn tail is dropped on reading. Trials are pure functions of their key, so a trial found
 * twice is the same trial.
 */
#ifndef MHO_STUDY_SWEEP_JOURNAL_H
#define MHO_STUDY_SWEEP_JOURNAL_H

#include "study/sweep/trial.h"

typedef struct MhoJournal {
    int file;
    char path[4096];
} MhoJournal;

/* Trials by key (point, chip). Zeroed: none. */
typedef struct MhoTrials {
    MhoTrial **list; /* (n) in the order of adding; each holds its n_layers layers and no more */
    size_t n, capacity;
    size_t *slots;  /* (n_slots) open addressing: index + 1 into list, 0: free */
    size_t n_slots; /* power of two, at least twice n */
} MhoTrials;

MhoStatus mho_journal_open(const char *result, MhoJournal *journal, MhoError *error) MHO_CHECKED;
MhoStatus mho_journal_append(MhoJournal *journal, const MhoTrial *trial, MhoError *error) MHO_CHECKED;
void mho_journal_close(MhoJournal *journal);

/* How many journals of a result were written by another build of mho: mho_journal_read leaves them out. */
size_t mho_journal_other_builds(const char *result);

/* All whole records of all journals of a result, each key once. A missing folder gives none. Two different results
 * under one key are an INPUT error that names the files. */
MhoStatus mho_journal_read(const char *result, MhoTrials *trials, MhoError *error) MHO_CHECKED;

/* Delete the journals and their folder, once the result file is written. */
void mho_journal_remove(const char *result);

MhoStatus mho_trials_add(MhoTrials *trials, const MhoTrial *trial, MhoError *error) MHO_CHECKED;
const MhoTrial *mho_trials_find(const MhoTrials *trials, uint64_t point, uint32_t chip);
void mho_trials_clear(MhoTrials *trials);

#endif
