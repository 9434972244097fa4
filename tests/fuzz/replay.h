/* replay.h - what the fuzz targets share: damaged copies of seeds in a fixed order, as a normal test.
 *
 * A target defines LLVMFuzzerTestOneInput, which is libFuzzer's (clang -fsanitize=fuzzer,address -DMHO_LIBFUZZER), and
 * without MHO_LIBFUZZER a main() that calls replay() with its seeds and replay_done() at the end.
 */
#ifndef MHO_TESTS_REPLAY_H
#define MHO_TESTS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Abort when the condition is false; libFuzzer then saves the input. */
void require(bool condition);

/* A refusal has this status and is one line that starts with the file's name. */
void require_reason(const MhoError *error, MhoStatus status, const char *file);

/* Count an accepted input. */
void count_taken(void);

typedef struct Damage {
    size_t head;          /* first bytes, which take three quarters of the damage; 0: it falls anywhere */
    const char *extremes; /* bytes that mean something to the format, n_extremes of them */
    size_t n_extremes;
} Damage;

/* Run the target on the seed and on n_mutants damaged copies, each on the heap in its exact size, so that a sanitizer
 * sees the first byte too far. */
void replay(const uint8_t *seed, size_t n, Damage damage, int n_mutants);

/* Run the target on every file of a folder, which are inputs that once failed; no folder is no inputs. They do not
 * count as taken or refused. */
void replay_corpus(const char *folder);

/* TAP: one test that passed, with the numbers of inputs. At least 1 % must be accepted and 1 % refused,
 * or the replay tested nothing. Returns main's exit code. */
int replay_done(void);

#endif
