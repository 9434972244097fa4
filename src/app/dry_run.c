/* dry_run.c - `--dry-run` of a sweep. */
#include "app/dry_run.h"

#include <stdio.h>

#include "app/trial_time.h"
#include "study/keys/points.h"

static const double timing_seconds = 5.0; /* for measuring, beyond the first trial */

static void print_duration(double seconds)
{
    if (seconds < 120.0)
        printf("%.3g s", seconds);
    else if (seconds < 7200.0)
        printf("%.3g min", seconds / 60.0);
    else if (seconds < 172800.0)
        printf("%.3g h", seconds / 3600.0);
    else
        printf("%.3g days", seconds / 86400.0);
}

static void print_estimate(const MhoTrialTime *time, const MhoOptions *options)
{
    const size_t n = options->n_shards > 1 ? (size_t)options->n_shards : 1;
    const double trials = (double)time->n_trials / (double)n;
    const bool at_most = time->misses_models || time->stops_early;
    printf("%s%zu trials", at_most ? "at most " : "", time->n_trials);
    if (n > 1)
        printf(", %.0f in each of %zu parts", trials, n);
    printf(time->stops_early ? "\nat most about " : "\nabout ");
    print_duration(time->setup + trials * time->seconds);
    printf("%s on this machine: %.3g s a trial, measured on %zu; trials that are done already count, too\n",
           n > 1 ? " a part" : "", time->seconds, time->n_measured);
    if (time->misses_models)
        puts("models have to be trained first, which takes longer");
}

MhoStatus mho_dry_run(const MhoStudy *study, const MhoOptions *options, MhoError *error)
{
    MhoPointList points = {0};
    MhoTrialTime time;
    const MhoLog silent = {0};
    MhoModelOptions model = mho_options_model(options, study->has_train);
    model.log = &silent;
    MhoStatus status = mho_points_create(study, &points, error);
    if (status == MHO_OK) {
        mho_points_warn(&points, &options->log);
        mho_points_describe(&points, stdout);
        (void)fflush(stdout);
    }
    mho_points_destroy(&points);
    if (status == MHO_OK)
        status = mho_trial_time(study, &model, true, timing_seconds, &time, error);
    if (status == MHO_OK)
        print_estimate(&time, options);
    return status;
}
