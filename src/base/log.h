/* log.h - log lines and progress, through a callback that main() sets. The library itself never prints. */
#ifndef MHO_BASE_LOG_H
#define MHO_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct MhoLog {
    MhoLogFunction write; /* NULL: silent */
    void *context;
} MhoLog;

void mho_log(const MhoLog *log, MhoLogLevel level, const char *format, ...) MHO_PRINTF(3, 4); /* log may be NULL */

/* A rate-limited progress line: "sweep  37/208 trials  4.1/s  42 s left  accuracy 88.1 %". */
typedef struct MhoProgress {
    const MhoLog *log;
    const char *what, *unit;
    size_t total, done, resumed; /* resumed: done before this process started, not counted in the rate */
    double started, last;        /* s, monotonic clock */
    double interval;             /* s between lines */
} MhoProgress;

void mho_progress_start(MhoProgress *progress, const MhoLog *log, const char *what, const char *unit, size_t total,
                        size_t resumed);
/* note may be "" ; always prints when done reaches total */
void mho_progress_step(MhoProgress *progress, size_t done, const char *note);
double mho_clock(void); /* s, monotonic */

/* Ready-made sink for main(): stderr, "\r" and rate limit 0.2 s on a terminal, a line every 5 s else. context: NULL. */
void mho_log_stderr(void *context, MhoLogLevel level, const char *text);

/* Stop requests: SIGINT/SIGTERM handlers set by main(); long loops poll mho_stop_requested() and return MHO_STOPPED. */
void mho_stop_install(void); /* a second Ctrl-C ends at once */
bool mho_stop_requested(void);

#endif
