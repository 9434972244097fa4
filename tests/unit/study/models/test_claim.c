/* test_claim.c - locks of files that are being made. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "must.h"
#include "study/models/claim.h"

static char folder[] = "/tmp/mho-claim-XXXXXX", path[64], lock[80];

static void open_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/r.h5", folder);
    snprintf(lock, sizeof lock, "%s.lock", path);
}

static void close_folder(void)
{
    char takeover[100];
    snprintf(takeover, sizeof takeover, "%s.takeover", lock);
    unlink(takeover);
    unlink(lock);
    rmdir(folder);
}

TEST_FIXTURE(open_folder, close_folder);
TEST_TIMEOUT(30);

/* A child that claims path for `work` and sleeps until it is killed; returns once the claim is taken. */
static pid_t start_owner(const char *work)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        MhoClaim claim;
        MhoError error = {0};
        if (mho_claim_take(path, work, NULL, &claim, NULL, &error) != MHO_OK || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void end_owner(pid_t child)
{
    int outcome;
    kill(child, SIGKILL);
    waitpid(child, &outcome, 0);
}

/* A claim makes FILE.lock, which says who holds it, and takes it away. */
TEST(a_claim_is_taken_and_released)
{
    MhoClaim claim;
    MhoClaimOwner owner;
    MhoError error = {0};
    bool waited = true;
    must(mho_claim_take(path, "study 1", NULL, &claim, &waited, &error), &error);
    must(mho_claim_owner(path, &owner, &error), &error);
    ck_assert(!waited && owner.is_there && owner.is_alive);
    ck_assert_int_eq(owner.process, getpid());
    ck_assert_str_eq(owner.work, "study 1");
    ck_assert_uint_eq(strlen(owner.since), strlen("2026-01-31T12:00:00Z"));
    mho_claim_release(&claim);
    ck_assert_int_ne(access(lock, F_OK), 0);
    must(mho_claim_owner(path, &owner, &error), &error);
    ck_assert(!owner.is_there);
}

/* Other work on a file that a living process makes is refused, and the message names that process. */
TEST(other_work_is_refused)
{
    const pid_t child = start_owner("study 1 shard 1/8");
    MhoClaim claim;
    MhoError error = {0};
    char process[32];
    snprintf(process, sizeof process, "process %ld", (long)child);
    ck_assert_int_eq(mho_claim_take(path, "study 1 shard 2/8", NULL, &claim, NULL, &error), MHO_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, path));
    ck_assert_ptr_nonnull(strstr(error.text, process));
    ck_assert_ptr_nonnull(strstr(error.text, "-o"));
    ck_assert_int_eq(claim.file, -1);
    end_owner(child);
}

/* The lock of a process that was killed is taken over at once, whatever it worked on. */
TEST(a_dead_owner_is_followed)
{
    MhoClaim claim;
    MhoClaimOwner owner;
    MhoError error = {0};
    end_owner(start_owner("study 1"));
    must(mho_claim_owner(path, &owner, &error), &error);
    ck_assert(owner.is_there && !owner.is_alive);
    must(mho_claim_take(path, "study 2", NULL, &claim, NULL, &error), &error);
    must(mho_claim_owner(path, &owner, &error), &error);
    ck_assert_str_eq(owner.work, "study 2");
    mho_claim_release(&claim);
}

static void count_lines(void *context, MhoLogLevel level, const char *text)
{
    int *n = context;
    *n += level == MHO_LOG_INFO && strstr(text, "waiting for it") != NULL;
}

/* The same work waits, after one line, until the other process has ended. */
TEST(the_same_work_waits)
{
    const pid_t child = start_owner("study 1");
    const pid_t killer = fork();
    if (killer == 0) {
        usleep(600 * 1000);
        kill(child, SIGKILL);
        _exit(0);
    }
    int lines = 0, outcome;
    bool waited = false;
    MhoClaim claim;
    MhoError error = {0};
    const MhoLog log = {.write = count_lines, .context = &lines};
    must(mho_claim_take(path, "study 1", &log, &claim, &waited, &error), &error);
    ck_assert(waited);
    ck_assert_int_eq(lines, 1);
    mho_claim_release(&claim);
    waitpid(killer, &outcome, 0);
    waitpid(child, &outcome, 0);
}

/* A stop signal ends the wait with the status of a command that is worth running again. */
TEST(a_stop_signal_ends_the_wait)
{
    const pid_t child = start_owner("study 1");
    MhoClaim claim;
    MhoError error = {0};
    mho_stop_install();
    raise(SIGTERM);
    ck_assert_int_eq(mho_claim_take(path, "study 1", NULL, &claim, NULL, &error), MHO_STOPPED);
    end_owner(child);
}

/* A folder that cannot be written to is one clear line. */
TEST(a_folder_that_is_missing)
{
    MhoClaim claim;
    MhoError error = {0};
    ck_assert_int_eq(mho_claim_take("/nowhere/r.h5", "study 1", NULL, &claim, NULL, &error), MHO_IO);
    ck_assert_ptr_nonnull(strstr(error.text, "/nowhere/r.h5.lock"));
}

static bool has_flock = true;

/* Linked in place of flock: a file system that has none. */
int __real_flock(int file, int operation); /* NOLINT: the linker's name */
int __wrap_flock(int file, int operation); /* NOLINT */
int __wrap_flock(int file, int operation)
{
    if (has_flock)
        return __real_flock(file, operation);
    errno = ENOLCK;
    return -1;
}

static void write_lock(const char *text)
{
    FILE *file = fopen(lock, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

/* Without flock the text decides: a process that is gone, or another with its number, is dead; one on another host may
 * live. */
TEST(without_flock_the_text_decides)
{
    MhoClaim claim;
    MhoError error = {0};
    char host[128] = "", text[400];
    gethostname(host, sizeof host - 1);
    has_flock = false;
    snprintf(text, sizeof text, "work a\nhost %s\nprocess %ld\nsince x\nticks 1\n", host, (long)getpid());
    write_lock(text);
    must(mho_claim_take(path, "b", NULL, &claim, NULL, &error), &error);
    mho_claim_release(&claim);
    write_lock("work a\nhost elsewhere\nprocess 1\nsince x\nticks 1\n");
    ck_assert_int_eq(mho_claim_take(path, "b", NULL, &claim, NULL, &error), MHO_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "elsewhere"));
}

static void stop_at_line(void *context, MhoLogLevel level, const char *text)
{
    if (level != MHO_LOG_INFO)
        return;
    snprintf(context, 600, "%s", text);
    raise(SIGTERM);
}

/* Without flock, whoever waits for an owner that may live on another host, or that has not said yet who it is, says so
 * in a line with the lock and what to do when that process is gone. */
TEST_LOOP(without_flock_nobody_waits_in_silence, 0, 2)
{
    static const char *const texts[] = {"work a\nhost elsewhere\nprocess 1\nsince x\nticks 1\n", ""};
    char line[600] = "", remedy[128];
    MhoClaim claim;
    MhoError error = {0};
    const MhoLog log = {.write = stop_at_line, .context = line};
    has_flock = false;
    snprintf(remedy, sizeof remedy, "remove %s ", lock);
    mho_stop_install();
    write_lock(texts[_i]);
    ck_assert_int_eq(mho_claim_take(path, "a", &log, &claim, NULL, &error), MHO_STOPPED);
    ck_assert_msg(strstr(line, remedy) != NULL, "no remedy in: %s", line);
}

/* One process of many that claim the same file. 1: two have it at a time. */
static int claim_once(const char *busy)
{
    MhoClaim claim;
    MhoError error = {0};
    if (mho_claim_take(path, "a", NULL, &claim, NULL, &error) != MHO_OK)
        return 2;
    const int file = open(busy, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (file < 0)
        return 1;
    usleep(20 * 1000);
    close(file);
    unlink(busy);
    mho_claim_release(&claim);
    return 0;
}

/* Without flock, processes that start together have the file one after another, a dead owner's lock or none before
 * them. */
TEST_LOOP(without_flock_one_at_a_time, 0, 4)
{
    enum { N = 6 };
    pid_t children[N];
    char busy[80], host[128] = "", text[300];
    int outcome;
    has_flock = false;
    gethostname(host, sizeof host - 1);
    snprintf(busy, sizeof busy, "%s.busy", path);
    snprintf(text, sizeof text, "work a\nhost %s\nprocess %ld\nsince x\nticks 1\n", host, (long)getpid());
    if (_i % 2 == 0)
        write_lock(text);
    for (int i = 0; i < N; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(claim_once(busy));
    }
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(waitpid(children[i], &outcome, 0), children[i]);
        ck_assert_int_eq(outcome, 0);
    }
}
