/* claim.c - lock files: flock tells whether the owner lives, the text tells who it is.
 *
 * Without flock the file itself is the lock: whoever creates it (O_EXCL) owns it. A dead owner's file is removed by
 * whoever creates FILE.lock.takeover, so never by two, and then created anew.
 */
#include "study/models/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 1024, LOOKS_UNTIL_TOLD = 20 };

/* What an attempt to lock came to. */
typedef enum Attempt { ATTEMPT_TAKEN, ATTEMPT_HELD, ATTEMPT_AGAIN, ATTEMPT_FAILED } Attempt;

static void utc_text(time_t at, char text[32])
{
    struct tm utc;
    gmtime_r(&at, &utc);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* The start of a process of this host in clock ticks since the machine's; 0: there is none. A number is used again
 * after some time, the start tells processes apart. */
static unsigned long long started_at(long process)
{
    char path[64], text[TEXT_MAX];
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    const char *at = strrchr(text, ')'); /* the program's name may hold anything */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

/* The value of line "name value" of a lock's text, or "". */
static void read_line(const char *text, const char *name, char *value, size_t size)
{
    const size_t length = strlen(name);
    value[0] = '\0';
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncmp(line, name, length) == 0 && line[length] == ' ')
            snprintf(value, size, "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
}

static void own_host(char host[128])
{
    memset(host, 0, 128);
    if (gethostname(host, 127) != 0)
        snprintf(host, 128, "unknown");
}

/* Whether the process that a lock's text names may still run. On another host it may, and so may one that has not
 * written its text yet. */
static bool may_live(const char *text)
{
    char host[128], theirs[128], process[32], ticks[32];
    own_host(host);
    read_line(text, "host", theirs, sizeof theirs);
    read_line(text, "process", process, sizeof process);
    read_line(text, "ticks", ticks, sizeof ticks);
    if (strcmp(host, theirs) != 0 || ticks[0] == '\0')
        return true;
    const unsigned long long started = started_at(strtol(process, NULL, 10));
    return started != 0 && started == strtoull(ticks, NULL, 10);
}

static void read_text(int file, char text[TEXT_MAX])
{
    const ssize_t n = pread(file, text, TEXT_MAX - 1, 0);
    text[n > 0 ? n : 0] = '\0';
}

static bool write_text(int file, const char *work)
{
    char host[128], when[32], *text;
    own_host(host);
    utc_text(time(NULL), when);
    const int n = asprintf(&text, "work %s\nhost %s\nprocess %ld\nsince %s\nticks %llu\n", work, host, (long)getpid(),
                           when, started_at(getpid()));
    if (n < 0)
        return false;
    const bool good = ftruncate(file, 0) == 0 && pwrite(file, text, (size_t)n, 0) == n;
    free(text);
    return good;
}

static bool is_without_flock(int code)
{
    return code == ENOLCK || code == ENOSYS || code == EOPNOTSUPP;
}

/* Open the lock, which is made where there is none: *is_made. -1 with errno; ENOENT and EEXIST when others were in the
 * way, or the folder is missing. */
static int open_lock(const char *path, bool *is_made)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
    *is_made = false;
    int file = open(path, flags);
    if (file >= 0 || errno != ENOENT)
        return file;
    file = open(path, flags | O_CREAT | O_EXCL, 0666);
    *is_made = file >= 0;
    return file;
}

/* Whether the open file is the one that lies at path. */
static bool lies_at(int file, const char *path)
{
    struct stat mine, there;
    return fstat(file, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino;
}

/* Without flock: remove the lock of an owner that is dead, if it still lies there. HELD while another process does. */
static Attempt remove_dead(const char *path, int lock)
{
    char takeover[4200];
    snprintf(takeover, sizeof takeover, "%s.takeover", path);
    const int file = open(takeover, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return errno == EEXIST ? ATTEMPT_HELD : ATTEMPT_FAILED;
    if (lies_at(lock, path))
        (void)unlink(path);
    (void)unlink(takeover);
    close(file);
    return ATTEMPT_AGAIN;
}

/* What a failed flock on a lock that was opened, or made, means. */
static Attempt without_lock(const char *path, int file, bool is_made)
{
    char text[TEXT_MAX];
    if (!is_without_flock(errno))
        return errno == EWOULDBLOCK ? ATTEMPT_HELD : errno == EINTR ? ATTEMPT_AGAIN : ATTEMPT_FAILED;
    if (is_made)
        return ATTEMPT_TAKEN;
    read_text(file, text);
    return may_live(text) ? ATTEMPT_HELD : remove_dead(path, file);
}

/* Open and lock path once. TAKEN: *file is locked and still lies at path. */
static Attempt attempt(const char *path, int *file)
{
    bool is_made;
    *file = open_lock(path, &is_made);
    if (*file < 0)
        return errno == EEXIST ? ATTEMPT_AGAIN : ATTEMPT_FAILED;
    Attempt outcome = flock(*file, LOCK_EX | LOCK_NB) == 0 ? ATTEMPT_TAKEN : without_lock(path, *file, is_made);
    /* the owner before may have removed the file between open and flock: then this lock is of nothing */
    if (outcome == ATTEMPT_TAKEN && !lies_at(*file, path))
        outcome = ATTEMPT_AGAIN;
    if (outcome != ATTEMPT_TAKEN) {
        const int code = errno;
        close(*file);
        *file = -1;
        errno = code;
    }
    return outcome;
}

static void read_owner(const char *lock, MhoClaimOwner *owner)
{
    char text[TEXT_MAX], process[32];
    const int file = open(lock, O_RDONLY | O_CLOEXEC);
    *owner = (MhoClaimOwner){.is_there = file >= 0};
    if (file < 0)
        return;
    read_text(file, text);
    read_line(text, "host", owner->host, sizeof owner->host);
    read_line(text, "since", owner->since, sizeof owner->since);
    read_line(text, "work", owner->work, sizeof owner->work);
    read_line(text, "process", process, sizeof process);
    owner->process = strtol(process, NULL, 10);
    if (flock(file, LOCK_SH | LOCK_NB) == 0)
        owner->is_alive = false; /* closing the file gives the lock back */
    else
        owner->is_alive = is_without_flock(errno) ? may_live(text) : true;
    close(file);
}

static MhoStatus lock_path(const char *path, char *lock, size_t size, MhoError *error)
{
    const int n = snprintf(lock, size, "%s.lock", path);
    return n >= 0 && (size_t)n < size ? MHO_OK : mho_fail(error, MHO_USAGE, "%s: the path is too long", path);
}

/* What a waiting process knows: the owner that it saw last, how often it looked, and whether it has said so. */
typedef struct Waiting {
    MhoClaimOwner seen;
    int looks;
    bool is_told;
} Waiting;

static bool same_owner(const MhoClaimOwner *a, const MhoClaimOwner *b)
{
    return a->process == b->process && strcmp(a->host, b->host) == 0 && strcmp(a->since, b->since) == 0 &&
           strcmp(a->work, b->work) == 0;
}

/* Another process holds the lock: wait a while, or refuse. A text is believed when it is there twice: a new owner locks
 * first and writes then. */
static MhoStatus wait_for(const char *path, const char *lock, const char *work, const MhoLog *log, Waiting *waiting,
                          MhoError *error)
{
    MhoClaimOwner owner;
    read_owner(lock, &owner);
    const bool is_known = owner.is_alive && owner.work[0] != '\0' && same_owner(&owner, &waiting->seen);
    waiting->seen = owner;
    if (is_known && strcmp(owner.work, work) != 0)
        return mho_fail(error, MHO_USAGE,
                        "%s is being made by process %ld on %s since %s, for another study, part or recipe; name "
                        "another file with -o, or remove %s if that process is gone",
                        path, owner.process, owner.host, owner.since, lock);
    if (is_known && !waiting->is_told) {
        mho_log(log, MHO_LOG_INFO,
                "%s is being made by process %ld on %s since %s; waiting for it; remove %s if that process is gone",
                path, owner.process, owner.host, owner.since, lock);
        waiting->is_told = true;
    } else if (++waiting->looks == LOOKS_UNTIL_TOLD && !waiting->is_told) {
        mho_log(log, MHO_LOG_INFO,
                "%s is claimed by a process that does not say who it is; waiting for it; remove %s and %s.takeover if "
                "nothing makes that file",
                path, lock, lock);
        waiting->is_told = true;
    }
    if (mho_stop_requested())
        return mho_fail(error, MHO_STOPPED, "stopped while waiting for %s; run the same command again", path);
    nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    return MHO_OK;
}

MhoStatus mho_claim_take(const char *path, const char *work, const MhoLog *log, MhoClaim *claim, bool *waited,
                         MhoError *error)
{
    Waiting waiting = {0};
    claim->file = -1;
    MhoStatus status = lock_path(path, claim->path, sizeof claim->path, error);
    while (status == MHO_OK) {
        const Attempt outcome = attempt(claim->path, &claim->file);
        if (outcome == ATTEMPT_TAKEN)
            break;
        if (outcome == ATTEMPT_FAILED)
            return mho_fail(error, MHO_IO, "%s: cannot lock: %s; choose another place with -o", claim->path,
                            strerror(errno));
        if (outcome == ATTEMPT_HELD)
            status = wait_for(path, claim->path, work, log, &waiting, error);
    }
    if (waited)
        *waited = waiting.is_told;
    if (status == MHO_OK && !write_text(claim->file, work)) {
        status = mho_fail(error, MHO_IO, "%s: cannot write: %s", claim->path, strerror(errno));
        mho_claim_release(claim);
    }
    return status;
}

void mho_claim_release(MhoClaim *claim)
{
    if (claim->file < 0)
        return;
    if (lies_at(claim->file, claim->path))
        (void)unlink(claim->path); /* while it is locked: whoever has it open tries again */
    close(claim->file);
    claim->file = -1;
}

MhoStatus mho_claim_owner(const char *path, MhoClaimOwner *owner, MhoError *error)
{
    char lock[4096];
    const MhoStatus status = lock_path(path, lock, sizeof lock, error);
    if (status == MHO_OK)
        read_owner(lock, owner);
    return status;
}
