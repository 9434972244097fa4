/* digest_command.c - mho digest and mho plot. */
#include <stdio.h>

#include "cli/command.h"
#include "study/models/record_file.h"

static MhoStatus run_digest(MhoOptions *options, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < options->n_arguments && status == MHO_OK; i++) {
        MhoRecord *record = NULL;
        char hex[65];
        status = mho_file_read(options->arguments[i], false, &record, error);
        if (status == MHO_OK)
            status = mho_record_digest(record, hex, error);
        if (status == MHO_OK)
            printf("%s  %s\n", hex, options->arguments[i]);
        mho_record_destroy(record);
    }
    return status;
}

const Command command_digest = {
    .name = "digest",
    .usage = "FILE.h5 ...",
    .summary = "payload digest: equal for equal results",
    .help = "SHA-256 over every dataset and attribute outside the groups provenance and summary. The same study of the "
            "same\n"
            "model gives the same digest whatever the threads, batch, shards, order, interruptions or instruction set.",
    .options = 0,
    .min_arguments = 1,
    .max_arguments = MHO_MAX_ARGUMENTS,
    .run = run_digest,
};

static MhoStatus run_plot(MhoOptions *options, MhoError *error)
{
    return mho_plot_file(options->arguments[0], options->output, error);
}

const Command command_plot = {
    .name = "plot",
    .usage = "FILE.h5 [-o STEM]",
    .summary = "figures from a result or model file",
    .help = "Writes STEM.svg and STEM.png (default: beside the file). The figure follows from the axes: curves with 95 "
            "% bands,\n"
            "a heat map, panels, or the learning curve of a model file.",
    .options = MHO_OPTION_OUTPUT,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_plot,
};
