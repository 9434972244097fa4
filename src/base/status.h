/* status.h - status codes and the text of an error.
 *
 * Every function that can fail returns MhoStatus and writes one line (place, cause, remedy) into an MhoError of the
 * caller. The library never prints, exits or aborts.
 */
#ifndef MHO_BASE_STATUS_H
#define MHO_BASE_STATUS_H

/* name, process exit code, meaning */
#define MHO_STATUS_LIST(X)                                                      \
    X(OK, 0, "done")                                                            \
    X(USAGE, 2, "a command line, key or value that mho cannot act on")          \
    X(INPUT, 2, "a file that is missing, damaged or of another kind")           \
    X(IO, 1, "a file that could not be written")                                \
    X(MEMORY, 1, "out of memory")                                               \
    X(FAILED, 1, "the work itself failed: training diverged, merge incomplete") \
    X(STOPPED, 75, "stopped early by a signal and worth running again")

typedef enum MhoStatus {
#define X(name, exit_code, meaning) MHO_##name,
    MHO_STATUS_LIST(X)
#undef X
        MHO_N_STATUS
} MhoStatus;

enum { MHO_ERROR_TEXT_MAX = 1024 };

/* Caller-owned. text is "" until something fails. */
typedef struct MhoError {
    MhoStatus status;
    char text[MHO_ERROR_TEXT_MAX];
} MhoError;

#define MHO_CHECKED                    __attribute__((warn_unused_result))
#define MHO_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

/* Fill error (may be NULL) with status and a formatted line. Returns status, for `return mho_fail(...)`. */
MhoStatus mho_fail(MhoError *error, MhoStatus status, const char *format, ...) MHO_PRINTF(3, 4);

/* Put "PREFIX: " before the text of an error. Returns its status; FAILED when error is NULL. */
MhoStatus mho_fail_context(MhoError *error, const char *format, ...) MHO_PRINTF(2, 3);

const char *mho_status_name(MhoStatus status);
const char *mho_status_meaning(MhoStatus status);
int mho_status_exit_code(MhoStatus status);

#endif
