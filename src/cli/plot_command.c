/* plot_command.c - mho plot: runs results/plot.py on a file. */
#include <stdlib.h>

#include "cli/command.h"
#include "cli/python_script.h"

static MhoStatus run_plot(MhoOptions *options, MhoError *error)
{
    const char *const pairs[][2] = {{"--output", options->output}, {"--x", options->x},
                                    {"--lines", options->lines},   {"--panels", options->panels},
                                    {"--title", options->title},   {"--format", options->format}};
    char *joined[sizeof pairs / sizeof *pairs] = {0}; /* "--x=KEY": a value may begin with '-' */
    const char *arguments[COMMAND_SCRIPT_ARGUMENTS];
    size_t n = 0;
    MhoStatus status = command_check_file(options->arguments[0], error);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs && status == MHO_OK; i++) {
        if (!pairs[i][1])
            continue;
        status = command_script_option(pairs[i][0], pairs[i][1], &joined[i], error);
        arguments[n++] = joined[i];
    }
    arguments[n++] = "--";
    arguments[n++] = options->arguments[0];
    if (status == MHO_OK)
        status = command_run_script("plot.py", arguments, n, error);
    for (size_t i = 0; i < sizeof joined / sizeof *joined; i++)
        free(joined[i]);
    return status;
}

const Command command_plot = {
    .name = "plot",
    .usage = "FILE.h5 [-o STEM]",
    .summary = "draw the figures of a result or model file",
    .help = "  mho plot results/quickstart.h5             writes results/quickstart.svg, .png and .pdf\n"
            "  mho plot models/quickstart.h5 -o curves    learning curves to curves.svg, ...\n"
            "  mho plot results/quickstart.h5 --x chip.adc.uniform.bits --lines chip.noise --format pdf\n"
            "The swept keys decide the figure: curves with 95 % intervals, a heat map, rows of words or one panel per "
            "key; --x,\n"
            "--lines and --panels choose otherwise, seeds are averaged unless one of them names seed. Also STEM_drift: "
            "accuracy over\n"
            "time; STEM_layers: errors and bits of every layer; STEM_pareto: accuracy over size, bit operations or "
            "tiles. A result that\n"
            "compares variants also gives STEM_difference; a model with allocated bits gives STEM_allocation.\n"
            "Figures that it drew before are replaced, other files of these names never are.\n"
            "MHO_PYTHON names the Python to use; without it the first python3 on PATH that has h5py and matplotlib.",
    .options =
        MHO_OPTION_OUTPUT | MHO_OPTION_X | MHO_OPTION_LINES | MHO_OPTION_PANELS | MHO_OPTION_TITLE | MHO_OPTION_FORMAT,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_plot,
};
