/* journal.h - finished trials, safe against kill -9 at any moment.
 *
 * Each process appends to its own file in RESULT.parts/: one checksummed record a trial, written with a single append.
 * A killed process loses none. A record is put on disk at once when its trial took more than 0.5 s; those of shorter
 * trials by the first append that comes a second after the last time, so a machine that fails loses at most the trials
 * of one second. A torn tail is dropped on reading. Trials are pure functions of their key, so a trial found twice is
 * the same trial.
 */
#ifndef MHO_STUDY_SWEEP_JOURNAL_H
#define MHO_STUDY_SWEEP_JOURNAL_H

#include "study/sweep/trials.h"

typedef struct MhoJournal {
    int file;
    double synced; /* when the file was last put on disk: mho_clock() */
    char path[4096], host[64];
} MhoJournal;

MhoStatus mho_journal_open(const char *result, MhoJournal *journal, MhoError *error) MHO_CHECKED;
/* The host of the record is this machine. */
MhoStatus mho_journal_append(MhoJournal *journal, const MhoTrial *trial, MhoError *error) MHO_CHECKED;
/* 0, or not when the last trials could not be put on disk. */
int mho_journal_close(MhoJournal *journal);

/* How many journals of a result were written by another build of mho: mho_journal_read leaves them out. */
size_t mho_journal_other_builds(const char *result);

/* All whole records of all journals of a result, each key once. A missing folder gives none. Two different results
 * under one key are an INPUT error that names the files. */
MhoStatus mho_journal_read(const char *result, MhoTrials *trials, MhoError *error) MHO_CHECKED;

/* Leave a text beside the journals that says how many trials this process means to run, for those who watch. */
MhoStatus mho_journal_write_plan(const char *result, const char *text, MhoError *error) MHO_CHECKED;

/* Once the result file is written: delete the journals whose every trial it holds, and their folder when it is empty. A
 * journal that a living process writes to stays, and so does one with trials of another study. */
typedef bool (*MhoJournalIsWritten)(const void *context, uint64_t point, uint32_t chip);
void mho_journal_remove(const char *result, MhoJournalIsWritten is_written, const void *context);

#endif
