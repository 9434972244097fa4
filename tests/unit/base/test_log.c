/* test_log.c - lines reach the log function, progress counts only new work, a signal is a stop request. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "harness.h"

typedef struct Sink {
    int n;
    MhoLogLevel level;
    char text[2048];
} Sink;

static void keep(void *context, MhoLogLevel level, const char *text)
{
    Sink *sink = context;
    sink->n++;
    sink->level = level;
    snprintf(sink->text, sizeof sink->text, "%s", text);
}

/* A formatted line reaches the log function, long lines are cut, control bytes are escaped, and a silent log prints
 * nothing. */
TEST(test_lines)
{
    Sink sink = {0};
    MhoLog log = {keep, &sink}, silent = {NULL, NULL};
    mho_log(&log, MHO_LOG_WARNING, "%d of %s", 3, "pcm");
    ck_assert_int_eq(sink.n, 1);
    ck_assert_int_eq(sink.level, MHO_LOG_WARNING);
    ck_assert_str_eq(sink.text, "3 of pcm");
    mho_log(NULL, MHO_LOG_INFO, "silent");
    mho_log(&silent, MHO_LOG_INFO, "silent");
    mho_log(&log, MHO_LOG_INFO, "%4000d", 1);
    ck_assert_uint_eq(strlen(sink.text), 1023);
    mho_log(&log, MHO_LOG_INFO, "%s", "a name\x1b[31m\nof a file");
    ck_assert_str_eq(sink.text, "a name\\x1b[31m\\nof a file");
}

/* A progress line holds count, rate, time left and note, and is limited in rate. */
TEST(test_progress_lines)
{
    Sink sink = {0};
    MhoLog log = {keep, &sink};
    MhoProgress progress;
    mho_progress_start(&progress, &log, "sweep", "trials", 208, 0);
    progress.started = mho_clock() - 10.0; /* as if 10 s had passed */
    mho_progress_step(&progress, 50, "accuracy 88.1 %");
    ck_assert_int_eq(sink.level, MHO_LOG_PROGRESS);
    ck_assert_ptr_eq(strstr(sink.text, "sweep  50/208 trials  "), sink.text);
    ck_assert_ptr_nonnull(strstr(sink.text, " s left  accuracy 88.1 %"));
    progress.interval = 1e9;
    mho_progress_step(&progress, 51, "");
    ck_assert_int_eq(sink.n, 1); /* within the interval */
    mho_progress_step(&progress, 208, "");
    ck_assert_int_eq(sink.n, 2); /* the last one always */
    ck_assert_int_eq(sink.level, MHO_LOG_INFO);
    ck_assert_ptr_eq(strstr(sink.text, "sweep  208/208 trials  "), sink.text);
    mho_progress_step(&progress, 208, "");
    ck_assert_int_eq(sink.n, 2);
}

static double shown_rate(size_t resumed, size_t done)
{
    Sink sink = {0};
    MhoLog log = {keep, &sink};
    MhoProgress progress;
    double rate = 0.0;
    mho_progress_start(&progress, &log, "sweep", "trials", 1000, resumed);
    progress.started = mho_clock() - 1000.0;
    mho_progress_step(&progress, done, "");
    const char *at = strstr(sink.text, "trials  ");
    if (at)
        ck_assert_int_eq(sscanf(at, "trials  %lf/s", &rate), 1);
    return rate;
}

/* Trials of an earlier process do not count in the rate. */
TEST(test_rate_counts_fresh_work_only)
{
    ck_assert_double_eq_tol(shown_rate(0, 500), 0.5, 0.01);
    ck_assert_double_eq_tol(shown_rate(400, 500), 0.1, 0.01);
    ck_assert(shown_rate(400, 400) == 0.0); /* no rate to show yet */
}

/* Progress over no work at all logs one complete line. */
TEST(test_nothing_to_do)
{
    Sink sink = {0};
    MhoLog log = {keep, &sink};
    MhoProgress progress;
    mho_progress_start(&progress, &log, "sweep", "trials", 0, 0);
    mho_progress_step(&progress, 0, NULL);
    ck_assert_ptr_eq(strstr(sink.text, "sweep  0/0 trials"), sink.text);
}

/* The clock is monotonic. */
TEST(test_clock_never_goes_back)
{
    double before = mho_clock();
    for (int i = 0; i < 1000; i++) {
        double now = mho_clock();
        ck_assert(now >= before);
        before = now;
    }
    ck_assert(before > 0.0);
}

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
enum { N_STOP_SIGNALS = sizeof stop_signals / sizeof *stop_signals };

/* Each signal of a terminal, of kill and of Slurm becomes a stop request. */
TEST_LOOP(test_stop_request, 0, N_STOP_SIGNALS)
{
    mho_stop_install();
    ck_assert(!mho_stop_requested());
    raise(stop_signals[_i]);
    ck_assert(mho_stop_requested());
}

/* What nohup starts goes on when the terminal closes. */
TEST(test_nohup)
{
    signal(SIGHUP, SIG_IGN);
    mho_stop_install();
    raise(SIGHUP);
    ck_assert(!mho_stop_requested());
}

/* A second signal ends the process. */
TEST(test_second_signal_ends)
{
    pid_t child = fork();
    if (child == 0) {
        mho_stop_install();
        raise(SIGINT);
        raise(SIGINT);
        _exit(0); /* not reached */
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}
