/* log.c - log lines, progress and stop requests. */
#include "base/log.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/printable.h"

enum { LINE_MAX_BYTES = 1024 };

void mho_log(const MhoLog *log, MhoLogLevel level, const char *format, ...)
{
    if (!log || !log->write)
        return;
    char text[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    char line[LINE_MAX_BYTES];
    mho_printable(text, line, sizeof line);
    log->write(log->context, level, line);
}

double mho_clock(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 0.0;
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void mho_progress_start(MhoProgress *progress, const MhoLog *log, const char *what, const char *unit, size_t total,
                        size_t resumed)
{
    *progress = (MhoProgress){.log = log,
                              .what = what,
                              .unit = unit,
                              .total = total,
                              .done = resumed,
                              .resumed = resumed,
                              .started = mho_clock(),
                              .last = -INFINITY,
                              .interval = 0.2};
}

void mho_time_text(double seconds, char *text, size_t size)
{
    if (seconds < 120.0)
        snprintf(text, size, "%.0f s", seconds);
    else if (seconds < 7200.0)
        snprintf(text, size, "%.0f min", seconds / 60.0);
    else
        snprintf(text, size, "%.1f h", seconds / 3600.0);
}

void mho_rate_text(double rate, char *text, size_t size)
{
    snprintf(text, size, rate >= 100.0 && rate < 99999.5 ? "%.0f/s" : "%.3g/s", rate);
}

void mho_progress_step(MhoProgress *progress, size_t done, const char *note)
{
    double now = mho_clock(), elapsed = now - progress->started;
    bool complete = done >= progress->total;
    progress->done = done;
    /* The last line is logged once, at level INFO, so that no log function drops it for its rate limit. */
    if (progress->last == INFINITY || (!complete && now - progress->last < progress->interval))
        return;
    progress->last = complete ? INFINITY : now;

    char pace[96] = "", left[32], speed[32];
    double fresh = done > progress->resumed ? (double)(done - progress->resumed) : 0.0;
    double rate = elapsed > 0.0 ? fresh / elapsed : 0.0;
    if (rate > 0.0) {
        mho_time_text(complete ? elapsed : (double)(progress->total - done) / rate, left, sizeof left);
        mho_rate_text(rate, speed, sizeof speed);
        snprintf(pace, sizeof pace, "  %s  %s%s", speed, left, complete ? "" : " left");
    }
    mho_log(progress->log, complete ? MHO_LOG_INFO : MHO_LOG_PROGRESS, "%s  %zu/%zu %s%s%s%s", progress->what, done,
            progress->total, progress->unit, pace, note && *note ? "  " : "", note ? note : "");
}

/* A terminal that closes sends SIGHUP; Slurm sends SIGUSR1 ahead of the time limit (--signal) and then SIGTERM. */
static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
static volatile sig_atomic_t stop_signal;

static void on_stop(int number)
{
    if (stop_signal) {
        signal(number, SIG_DFL);
        raise(number);
    }
    stop_signal = number;
}

void mho_stop_install(void)
{
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof stop_signals / sizeof *stop_signals; i++) {
        struct sigaction before;
        /* nohup ignores SIGHUP, and so does what it starts */
        if (stop_signals[i] == SIGHUP && sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
            continue;
        sigaction(stop_signals[i], &action, NULL);
    }
}

bool mho_stop_requested(void)
{
    return stop_signal != 0;
}
