/* experiment_main.c - the program of every experiment: its study as a sweep, then the analysis that answers its
 * question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/options.h"
#include "app/shared_files.h"
#include "base/console.h"
#include "experiments/experiment.h"
#include "study/models/record_file.h"

static void print_help(void)
{
    char *options = mho_options_help(MHO_OPTIONS_SWEEP);
    printf("%s [STUDY.yaml]\n%s\n\n"
           "Runs the study (default: experiments/%s), writes the result file and prints what was found.\n\n%s",
           mho_experiment.name, mho_experiment.question, mho_experiment.study, options ? options : "");
    free(options);
}

/* Add the group summary/analysis to a finished result, which does not change the payload digest, and print it. */
static MhoStatus analyse(const char *path, MhoError *error)
{
    MhoRecord *result = NULL, *summary = NULL;
    MhoStatus status = mho_file_read(path, true, &result, error);
    if (status == MHO_OK)
        status = mho_record_child(result, "summary", &summary, error);
    if (status == MHO_OK && (mho_experiment.comparison || mho_experiment.analyse) &&
        !mho_record_find(summary, "analysis")) {
        MhoRecord *analysis;
        status = mho_record_child(summary, "analysis", &analysis, error);
        if (status == MHO_OK)
            status = experiment_analyse(result, analysis, error);
        if (status == MHO_OK)
            status = mho_file_write(path, result, error);
    }
    if (status == MHO_OK) {
        char *finding = experiment_finding(result);
        printf("\n");
        mho_console_print(stdout, finding ? finding : "");
        printf("\n");
        free(finding);
    }
    mho_record_destroy(result);
    return status;
}

/* Refuse a study that cannot answer the question before anything is trained. */
static MhoStatus check_axis(const MhoStudy *study, MhoError *error)
{
    const char *axis = mho_experiment.axis;
    bool swept = axis == NULL;
    for (size_t i = 0; i < study->n_axes && !swept; i++)
        swept = strcmp(study->axes[i].key, axis) == 0;
    if (swept)
        return MHO_OK;
    return mho_fail(error, MHO_USAGE,
                    "%s: the study does not sweep %s, so there is nothing to compare; add it under sweep:", study->path,
                    axis);
}

static MhoStatus run(MhoOptions *options, MhoError *error)
{
    MhoStudy study;
    char path[4096], usual[MHO_SHARED_PATH_MAX];
    const char *file = options->n_arguments ? options->arguments[0] : usual;
    MhoStatus status = mho_options_start(options, error);
    if (status == MHO_OK && options->n_arguments > 1)
        status = mho_fail(error, MHO_USAGE, "give one study; --help explains");
    if (status == MHO_OK && options->n_arguments == 0)
        status = mho_shared_file("experiments", mho_experiment.study, usual, error);
    if (status == MHO_OK)
        status = mho_options_study(options, file, &study, error);
    if (status != MHO_OK)
        return status;
    MhoSweepOptions sweep = mho_options_sweep(options, study.has_train);
    status = check_axis(&study, error);
    if (status == MHO_OK)
        status = mho_sweep(&study, &sweep, path, sizeof path, error);
    if (status == MHO_OK && options->n_shards == 1)
        status = analyse(path, error);
    if (status == MHO_OK)
        printf("%s\n", path);
    mho_study_destroy(&study);
    return status;
}

int main(int argc, char **argv)
{
    MhoError error = {0};
    MhoOptions options;
    mho_console_start(argv[0]);
    MhoStatus status = mho_options_parse(argc, argv, 1, MHO_OPTIONS_SWEEP, &options, &error);
    if (status == MHO_OK && options.help)
        print_help();
    else if (status == MHO_OK)
        status = run(&options, &error);
    mho_options_clear(&options);
    if (status == MHO_OK && fflush(stdout) != 0)
        status = mho_fail(&error, MHO_IO, "cannot write the output");
    if (status != MHO_OK)
        mho_console_error(mho_experiment.name, error.text);
    return mho_status_exit_code(status);
}
