/* status.h - status codes, the text of an error, and log lines: what every function of mho shares.
 *
 * Every function that can fail returns MhoStatus and writes one line (place, cause, remedy) into an MhoError of the
 * caller. The library never prints, exits or aborts.
 */
#ifndef MHO_STATUS_H
#define MHO_STATUS_H

/* Marks the functions that libmho.so exports; all others are hidden. */
#define MHO_API __attribute__((visibility("default")))

#define MHO_CHECKED __attribute__((warn_unused_result))

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

/* Owned by the caller. text is "" until something fails. */
typedef struct MhoError {
    MhoStatus status;
    char text[MHO_ERROR_TEXT_MAX];
} MhoError;

typedef enum MhoLogLevel { MHO_LOG_INFO, MHO_LOG_WARNING, MHO_LOG_PROGRESS } MhoLogLevel;

/* text has no newline. A terminal shows a MHO_LOG_PROGRESS line in place of the one before. */
typedef void (*MhoLogFunction)(void *context, MhoLogLevel level, const char *text);

#endif
