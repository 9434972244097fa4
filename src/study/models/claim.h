/* claim.h - one process at a time makes a file: the lock beside a result or a model that is being made.
 *
 * The lock is FILE.lock. Its owner holds it with flock(2), which the kernel releases when the owner ends in any way, so
 * a dead owner's lock is free; its text says who holds it: work, host, process, time. Where the file system has no
 * flock, who creates the file owns it, and its text alone decides: a process of this host that is gone, or was started
 * later than the text says, is dead; one of another host may live, and the line of who waits for it names the lock, to
 * be removed by hand when that process is gone.
 */
#ifndef MHO_STUDY_MODELS_CLAIM_H
#define MHO_STUDY_MODELS_CLAIM_H

#include <stdbool.h>

#include "base/log.h"

enum { MHO_CLAIM_WORK_MAX = 200 };

typedef struct MhoClaim {
    int file; /* -1: nothing is claimed */
    char path[4096];
} MhoClaim;

/* Who holds the lock of a file. */
typedef struct MhoClaimOwner {
    bool is_there, is_alive; /* a lock is there; its owner still runs, as far as can be told from here */
    long process;
    char host[128], since[32], work[MHO_CLAIM_WORK_MAX]; /* since: UTC, 2026-01-31T12:00:00Z */
} MhoClaimOwner;

/* Claim the file at path, which need not be there, for `work`: one line that is the same for processes that would make
 * the same file ("study HEX shard 1/8"). Where a process with the same work holds it, this one waits, after a log line,
 * until that process has ended; *waited tells so (NULL: not wanted). USAGE, with the owner's name, when a process with
 * other work holds it; STOPPED on a stop request while waiting; IO when the folder cannot be written to. */
MhoStatus mho_claim_take(const char *path, const char *work, const MhoLog *log, MhoClaim *claim, bool *waited,
                         MhoError *error) MHO_CHECKED;

/* Remove the lock. Nothing happens for a claim that was not taken: {.file = -1}. */
void mho_claim_release(MhoClaim *claim);

/* Who holds the lock of the file at path. */
MhoStatus mho_claim_owner(const char *path, MhoClaimOwner *owner, MhoError *error) MHO_CHECKED;

#endif
