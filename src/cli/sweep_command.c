/* sweep_command.c - mho sweep and mho merge. */
#include <stdio.h>

#include "cli/command.h"

static MhoStatus run_sweep(MhoOptions *options, MhoError *error)
{
    MhoStudy study;
    char path[4096];
    MhoStatus status = mho_options_study(options, options->arguments[0], &study, error);
    if (status != MHO_OK)
        return status;
    MhoSweepOptions sweep = mho_options_sweep(options, study.has_train);
    status = mho_sweep(&study, &sweep, path, sizeof path, error);
    if (status == MHO_OK)
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
            "Keys with a comma between them move together, one row of values per point:\n"
            "  --set \"noise.weight,noise.sum=[[0, 0], [0.2, 1]]\"\n"
            "Stop a sweep at any time and run the same command again: finished trials are in RESULT.h5.parts/, epochs "
            "of models\n"
            "in results/checkpoints/. --shard 3/16 runs part 3 of 16; `mho merge` joins the parts.\n"
            "A file of another study is never overwritten.",
    .options = MHO_OPTIONS_SWEEP,
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
