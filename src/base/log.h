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

/* log may be NULL. Control bytes in the line are escaped. */
void mho_log(const MhoLog *log, MhoLogLevel level, const char *format, ...) MHO_PRINTF(3, 4);

/* Progress lines: "sweep  37/208 trials  4.1/s  42 s left  accuracy 88.1 %". */
typedef struct MhoProgress {
    const MhoLog *log;
    const char *what, *unit;
    size_t total, done, resumed; /* resumed: done by an earlier process, not counted in the rate */
    double started, last;        /* s, monotonic clock */
    double interval;             /* shortest time between lines, s */
} MhoProgress;

void mho_progress_start(MhoProgress *progress, const MhoLog *log, const char *what, const char *unit, size_t total,
                        size_t resumed);
/* Log a line when the last one is older than interval, and once when done reaches total. note may be "". */
void mho_progress_step(MhoProgress *progress, size_t done, const char *note);
double mho_clock(void); /* s, monotonic */
/* "42 s", "12 min", "3.5 h" */
/* Things per second: "1770/s", "0.0213/s"; no exponent up to 99999. */
void mho_rate_text(double rate, char *text, size_t size);
void mho_time_text(double seconds, char *text, size_t size);

/* Stop requests. main() installs handlers of SIGINT, SIGTERM, SIGHUP and SIGUSR1; long loops ask mho_stop_requested()
 * and return MHO_STOPPED. A second signal ends the process at once. */
void mho_stop_install(void);
bool mho_stop_requested(void);

#endif
