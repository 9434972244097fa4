/* report_command.c - mho report: runs results/report.py on a result. */
#include <stdlib.h>

#include "base/record.h"
#include "cli/command.h"
#include "cli/python_script.h"
#include "study/models/record_file.h"

static MhoStatus run_report(MhoOptions *options, MhoError *error)
{
    const char *arguments[COMMAND_SCRIPT_ARGUMENTS], *file = options->arguments[0];
    char *output = NULL, *title = NULL;
    char digest[65];
    size_t n = 0;
    MhoRecord *record = NULL;
    MhoStatus status = mho_file_read(file, false, &record, error);
    if (status == MHO_OK)
        status = mho_record_digest(record, digest, error);
    mho_record_destroy(record);
    if (status == MHO_OK && options->output) {
        status = command_script_option("--output", options->output, &output, error);
        arguments[n++] = output;
    }
    if (status == MHO_OK && options->title) {
        status = command_script_option("--title", options->title, &title, error);
        arguments[n++] = title;
    }
    arguments[n++] = "--digest";
    arguments[n++] = digest;
    arguments[n++] = "--";
    arguments[n++] = file;
    if (status == MHO_OK)
        status = command_run_script("report.py", arguments, n, error);
    free(output);
    free(title);
    return status;
}

const Command command_report = {
    .name = "report",
    .usage = "RESULT.h5 [-o REPORT.html]",
    .summary = "write a result as one page: figures, tables, study, provenance",
    .help = "  mho report results/quickstart.h5 -o report.html\n"
            "One HTML file that needs no other file and no network: figures, a table of all points with mean and 95 % "
            "interval, every\n"
            "key of the study, versions, hosts, times and digests. Default: RESULT.html. A file that is there is "
            "replaced only if it is\n"
            "a report of the same result; MHO_PYTHON names the Python to use, as for mho plot.",
    .options = MHO_OPTION_OUTPUT | MHO_OPTION_TITLE,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_report,
};
