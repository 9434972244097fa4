/* test_journal_disk.c - journals on disks and file systems that are not as one hopes: when records are put on disk,
 * files that cannot be read, no flock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "must.h"
#include "study/models/provenance.h"
#include "study/sweep/journal.h"

static char folder[] = "/tmp/mho-journal-disk-XXXXXX", result[64];
static int n_syncs;
static bool has_flock = true;

static void open_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(result, sizeof result, "%s/r.h5", folder);
}

static void close_folder(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0); /* NOLINT: a folder of this test */
}

TEST_FIXTURE(open_folder, close_folder);

/* Linked in place of fdatasync and flock. */
int __real_fdatasync(int file);            /* NOLINT: the linker's name */
int __wrap_fdatasync(int file);            /* NOLINT */
int __real_flock(int file, int operation); /* NOLINT */
int __wrap_flock(int file, int operation); /* NOLINT */

int __wrap_fdatasync(int file)
{
    n_syncs++;
    return __real_fdatasync(file);
}

int __wrap_flock(int file, int operation)
{
    if (has_flock)
        return __real_flock(file, operation);
    errno = ENOLCK;
    return -1;
}

static void append(MhoJournal *journal, double seconds)
{
    MhoTrial trial = {.point = 1, .chip = 1, .accuracy = 0.5, .seconds = seconds};
    MhoError error = {0};
    must(mho_journal_append(journal, &trial, &error), &error);
}

/* A trial that took long is on disk before the next begins, however soon it follows another; short ones are not synced
 * one by one. */
TEST(a_long_trial_is_put_on_disk_at_once)
{
    MhoJournal journal;
    MhoError error = {0};
    must(mho_journal_open(result, &journal, &error), &error);
    append(&journal, 5.0);
    append(&journal, 5.0);
    append(&journal, 0.6);
    ck_assert_int_eq(n_syncs, 3);
    journal.synced = 1e300; /* as if the last time were no second ago */
    append(&journal, 0.001);
    ck_assert_int_eq(n_syncs, 3);
    journal.synced = -1e300;
    append(&journal, 0.001);
    ck_assert_int_eq(n_syncs, 4);
    ck_assert_int_eq(mho_journal_close(&journal), 0);
}

/* A journal that cannot be read is an error that names it, not a journal without trials. A folder gives EISDIR. */
TEST(a_journal_that_cannot_be_read)
{
    char path[300];
    MhoTrials trials = {0};
    MhoError error = {0};
    snprintf(path, sizeof path, "%s.parts", result);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s.parts/here.1.0.%.64s.journal", result, mho_commit());
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(mho_journal_read(result, &trials, &error), MHO_IO);
    ck_assert_ptr_nonnull(strstr(error.text, path));
    ck_assert_ptr_nonnull(strstr(error.text, strerror(EISDIR)));
    mho_trials_clear(&trials);
}

static bool any_point(const void *context, uint64_t point, uint32_t chip)
{
    (void)context;
    (void)point;
    (void)chip;
    return true;
}

/* Where nothing tells whether a writer lives, the journal of another process stays and one's own goes. */
TEST(without_flock_journals_of_others_stay)
{
    char other[300], own[4096];
    MhoJournal journal;
    MhoError error = {0};
    has_flock = false;
    must(mho_journal_open(result, &journal, &error), &error);
    append(&journal, 1.0);
    snprintf(own, sizeof own, "%s", journal.path);
    snprintf(other, sizeof other, "%s.parts/elsewhere.1.0.%.64s.journal", result, mho_commit());
    ck_assert_int_eq(mho_journal_close(&journal), 0);
    ck_assert_int_eq(link(own, other), 0);
    mho_journal_remove(result, any_point, NULL);
    ck_assert_int_eq(access(other, F_OK), 0);
    ck_assert_int_ne(access(own, F_OK), 0);
}
