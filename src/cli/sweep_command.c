/* sweep_command.c - mho sweep and mho merge. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app/dry_run.h"
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
    if (options->dry_run) {
        status = mho_dry_run(&study, options, error);
        mho_study_destroy(&study);
        return status;
    }
    if (options->json)
        sweep.event = print_event;
    if (options->models_only)
        status = mho_sweep_models(&study, &sweep.model, error);
    else
        status = mho_sweep(&study, &sweep, path, sizeof path, error);
    if (options->json && status != MHO_OK)
        print_end(status, error);
    else if (!options->json && !options->models_only && status == MHO_OK)
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
            "A file of another study is never overwritten. --extend OLD.h5 takes the trials of an older result over: a "
            "study that\n"
            "grew computes only what is new. stop.half_width=0.002 ends a point once the 95 % interval of its accuracy "
            "is that\n"
            "narrow (`mho describe study`). --dry-run tells points, trials and the time they take.\n"
            "--json prints one object per line: started, trial (for each), then finished, stopped or failed.",
    .options = MHO_OPTIONS_SWEEP | MHO_OPTION_JSON | MHO_OPTION_MODELS_ONLY,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_sweep,
};

/* The name of a merged result: that of the first shard without ".shard-i-of-n", beside a folder for a folder. */
static MhoStatus merged_name(const char *first, char *name, size_t size, MhoError *error)
{
    struct stat what;
    const bool is_folder = stat(first, &what) == 0 && S_ISDIR(what.st_mode);
    const char *base = strrchr(first, '/'), *mark = strstr(base ? base : first, ".shard-");
    size_t length = strlen(first);
    while (is_folder && length > 1 && first[length - 1] == '/')
        length--;
    if (!is_folder)
        length = mark ? (size_t)(mark - first) : 0;
    const char last = length > 0 ? first[length - 1] : '/';
    if (last == '/' || last == '.')
        return mho_fail(error, MHO_USAGE, "merge needs a name for the result: -o RESULT.h5");
    const int n = snprintf(name, size, "%.*s.h5", (int)length, first);
    return n >= 0 && (size_t)n < size ? MHO_OK : mho_fail(error, MHO_USAGE, "%s: the path is too long", first);
}

static MhoStatus run_merge(MhoOptions *options, MhoError *error)
{
    char name[4096];
    const MhoMergeOptions merge = {
        .partial = options->partial, .accept_edited = options->accept_edited, .log = &options->log};
    MhoStatus status = options->output ? MHO_OK : merged_name(options->arguments[0], name, sizeof name, error);
    const char *output = options->output ? options->output : name;
    if (status == MHO_OK)
        status = mho_merge(options->arguments, options->n_arguments, output, &merge, error);
    if (status == MHO_OK)
        printf("%s\n", output);
    return status;
}

const Command command_merge = {
    .name = "merge",
    .usage = "FOLDER | SHARD.h5 ... [-o RESULT.h5]",
    .summary = "join the shards of a sweep into one result",
    .help = "  mho merge shards/ -o whole.h5\n"
            "  mho merge part1.h5 part2.h5 part3.h5 -o whole.h5\n"
            "The result holds each trial exactly once, and its digest equals that of the sweep run without shards. Of "
            "a folder,\n"
            "all shards are taken. When trials are missing the command fails and names them; with --partial it writes "
            "what is\n"
            "there, which may be merged again with the rest. Shards of other data, models, studies or versions are "
            "refused, with\n"
            "the difference. Without -o: FOLDER.h5, or the shards' name without .shard-i-of-n.",
    .options = MHO_OPTION_OUTPUT | MHO_OPTION_MERGE | MHO_OPTION_QUIET,
    .min_arguments = 1,
    .max_arguments = MHO_MAX_ARGUMENTS,
    .run = run_merge,
};
