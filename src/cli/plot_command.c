/* plot_command.c - mho plot: runs results/plot.py on a file. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/process.h"
#include "app/shared_files.h"
#include "cli/command.h"
#include "study/models/record_file.h"

/* Debian's Python has the packages; another python3 earlier on PATH may not. */
static MhoStatus find_python(const char **python, MhoError *error)
{
    static const char debian[] = "/usr/bin/python3";
    *python = access(debian, X_OK) == 0 ? debian : "python3";
    if (*python == debian || mho_process_on_path(*python))
        return MHO_OK;
    return mho_fail(
        error, MHO_FAILED,
        "plotting needs Python 3 with h5py and matplotlib: apt-get install python3-h5py python3-matplotlib");
}

/* A damaged file gets mho's one line, not Python's many. */
static MhoStatus check_file(const char *file, MhoError *error)
{
    MhoRecord *record = NULL;
    MhoStatus status = mho_file_read(file, false, &record, error);
    mho_record_destroy(record);
    return status;
}

static MhoStatus run_plot(MhoOptions *options, MhoError *error)
{
    const char *file = options->arguments[0], *stem = options->output;
    char script[MHO_SHARED_PATH_MAX];
    const char *python;
    MhoStatus status = check_file(file, error);
    if (status == MHO_OK)
        status = find_python(&python, error);
    if (status == MHO_OK)
        status = mho_shared_file("results", "plot.py", script, error);
    if (status != MHO_OK)
        return status;
    const char *const arguments[] = {python, script, file, stem ? "--output" : NULL, stem, NULL};
    status = mho_process_run(NULL, arguments, error);
    if (status != MHO_OK && status != MHO_STOPPED)
        return mho_fail(error, status, "plot.py could not draw %s; its message is above", file);
    return status;
}

const Command command_plot = {
    .name = "plot",
    .usage = "FILE.h5 [-o STEM]",
    .summary = "draw the figures of a result or model file",
    .help =
        "  mho plot results/quickstart.h5             writes results/quickstart.svg and .png\n"
        "  mho plot models/quickstart.h5 -o curves    learning curves to curves.svg and curves.png\n"
        "The swept keys decide the figure: curves with 95 % intervals, a heat map, or one panel per cell. A result\n"
        "that compares variants also gives STEM_difference; a model with allocated bits gives STEM_allocation.",
    .options = MHO_OPTION_OUTPUT,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_plot,
};
