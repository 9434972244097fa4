/* sweep_command.c - mho sweep and mho merge. */
#include <stdio.h>

#include "base/json.h"
#include "cli/command.h"

/* One object on one line per event. */
static void print_event(void *context, const MhoSweepEvent *event)
{
    static const char *const names[] = {"started", "trial", "finished"};
    MhoJson json;
    (void)context;
    mho_json_start(&json, stdout);
    mho_json_object(&json, NULL);
    mho_json_text(&json, "event", names[event->kind]);
    if (event->kind == MHO_SWEEP_TRIAL) {
        mho_json_int(&json, "point", (int64_t)event->point);
        mho_json_int(&json, "chip", event->trial->chip);
        mho_json_real(&json, "accuracy", event->trial->accuracy);
        mho_json_real(&json, "loss", event->trial->loss);
        mho_json_real(&json, "seconds", event->trial->seconds);
    } else {
        mho_json_text(&json, "result", event->result);
        mho_json_int(&json, "points", (int64_t)event->n_points);
    }
    if (event->kind != MHO_SWEEP_FINISHED) {
        mho_json_int(&json, "trials", (int64_t)event->trials);
        mho_json_int(&json, "done", (int64_t)event->done);
    }
    mho_json_end(&json);
    (void)fflush(stdout);
}

/* The last event of a sweep that did not end well. */
static void print_end(MhoStatus status, const MhoError *error)
{
    MhoJson json;
    mho_json_start(&json, stdout);
    mho_json_object(&json, NULL);
    mho_json_text(&json, "event", status == MHO_STOPPED ? "stopped" : "failed");
    mho_json_int(&json, "exit_code", mho_status_exit_code(status));
    mho_json_text(&json, "message", error->text);
    mho_json_end(&json);
}

static MhoStatus run_sweep(MhoOptions *options, MhoError *error)
{
    MhoStudy study;
    char path[4096];
    MhoStatus status = mho_options_study(options, options->arguments[0], &study, error);
    if (status != MHO_OK)
        return status;
    MhoSweepOptions sweep = mho_options_sweep(options, study.has_train);
    if (options->json)
        sweep.event = print_event;
    status = mho_sweep(&study, &sweep, path, sizeof path, error);
    if (options->json && status != MHO_OK)
        print_end(status, error);
    else if (!options->json && status == MHO_OK)
        printf("%s\n", path);
    mho_study_destroy(&study);
    return status;
}

const Command command_sweep = {
    .name = "sweep",
    .usage = "STUDY.yaml [-o RESULT.h5]",
    .summary = "run every point of a study on every chip",
    .help = "  mho sweep study.yaml --set chip.noise=0,0.5,1 --set chip.adc.uniform.bits=4:8:2\n"
            "The section sweep: of the study maps keys to lists or ranges. Each combination of values is a point, and "
            "each point\n"
            "runs on `repeat` chips. Here: 3 noise levels x 3 ADC resolutions (4, 6 and 8 bits) = 9 points.\n"
            "Values of a key: a list 0,0.5,1; a range first:last:step; log:first:last:count, as log:1:1e6:7, evenly in "
            "log.\n"
            "Seconds take units: 250ns, 30min, 1h, 1d, 1y. Keys with a comma between them move together, one row of "
            "values per\n"
            "point: --set \"noise.weight,noise.sum=[[0, 0], [0.2, 1]]\".\n"
            "sweep: may be a list of grids, for keys that go with some models only; the points are those of all "
            "grids:\n"
            "  sweep:\n"
            "    - {chip.cell.name: pcm, chip.time: [1h, 1d]}\n"
            "    - {chip.cell.name: nor_flash, chip.temperature: [300, 350]}\n"
            "Intervals are drawn from, sample.n points of all of them together: --set sample.n=256 --set "
            "chip.noise=0..2\n"
            "--set chip.time=log:1..1e6. More points later include these. sample.name is sobol (default) or random.\n"
            "A key may have a value in the study and be swept; the sweep then counts.\n"
            "Stop a sweep at any time and run the same command again: finished trials are in RESULT.h5.parts/, epochs "
            "of models\n"
            "in results/checkpoints/. --shard 3/16 runs part 3 of 16; `mho merge` joins the parts.\n"
            "A file of another study is never overwritten.\n"
            "--json prints one object per line: started, trial (for each), then finished, stopped or failed.",
    .options = MHO_OPTIONS_SWEEP | MHO_OPTION_JSON,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_sweep,
};

static MhoStatus run_merge(MhoOptions *options, MhoError *error)
{
    if (!options->output)
        return mho_fail(error, MHO_USAGE, "merge needs a result file: -o RESULT.h5");
    return mho_merge(options->arguments, options->n_arguments, options->output, &options->log, error);
}

const Command command_merge = {
    .name = "merge",
    .usage = "SHARD.h5 ... -o RESULT.h5",
    .summary = "join the shards of a sweep into one result",
    .help = "  mho merge part1.h5 part2.h5 part3.h5 -o whole.h5\n"
            "The result holds each trial exactly once, and its digest equals that of the sweep run without shards. "
            "When trials\n"
            "are missing the command fails and names them.",
    .options = MHO_OPTION_OUTPUT | MHO_OPTION_QUIET,
    .min_arguments = 1,
    .max_arguments = MHO_MAX_ARGUMENTS,
    .run = run_merge,
};
