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
    .help = "The section sweep: maps keys to lists or ranges; every combination is a point, run on `repeat` chips.\n"
            "  mho sweep study.yaml --set chip.noise=0,0.5,1 --set chip.adc.uniform.bits=4:8:2\n"
            "Keys that move together stand under one name, with rows of values:\n"
            "  --set \"noise.weight,noise.sum=[[0, 0], [0.2, 1]]\"\n"
            "Finished trials are kept in RESULT.h5.parts/, epochs of models that it trains in results/checkpoints/:\n"
            "stop it, kill it, start it again.\n"
            "--shard i/n runs one part of n, mho merge joins them.\n"
            "A finished result of the same study is left as it is; one of another study is never overwritten.",
    .options = MHO_OPTIONS_SWEEP,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_sweep,
};

static MhoStatus run_merge(MhoOptions *options, MhoError *error)
{
    if (!options->output)
        return mho_fail(error, MHO_USAGE, "merge: say where the result goes, -o RESULT.h5");
    return mho_merge(options->arguments, options->n_arguments, options->output, &options->log, error);
}

const Command command_merge = {
    .name = "merge",
    .usage = "SHARD.h5 ... -o RESULT.h5",
    .summary = "join the shards of a sweep",
    .help = "The result is complete, each trial exactly once, or the command fails and names what is missing.\n"
            "Its digest equals that of the same sweep run whole.",
    .options = MHO_OPTION_OUTPUT | MHO_OPTION_QUIET,
    .min_arguments = 1,
    .max_arguments = MHO_MAX_ARGUMENTS,
    .run = run_merge,
};
