/* experiment_main.c - the program of every experiment: its study as a sweep, then the analysis that answers its
 * question. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/dry_run.h"
#include "app/man_page.h"
#include "app/shared_files.h"
#include "base/console.h"
#include "experiments/experiment.h"
#include "study/models/record_file.h"

/* For the build: the manual page of this experiment. */
static void print_manual(void)
{
    char name[64], help[512];
    snprintf(name, sizeof name, "mho-%s", mho_experiment.name);
    snprintf(help, sizeof help,
             "Runs the study (default: experiments/%s of mho), writes the result file and prints what was found.\n"
             "Stopped or killed, it continues when it is started again.",
             mho_experiment.study);
    man_command(stdout, &(ManPage){.name = name,
                                   .command = name,
                                   .usage = "[STUDY.yaml]",
                                   .summary = mho_experiment.question,
                                   .help = help,
                                   .options = MHO_OPTIONS_SWEEP});
}

static void print_help(void)
{
    char *options = mho_options_help(MHO_OPTIONS_SWEEP);
    printf("mho-%s [STUDY.yaml]\n%s\n\n"
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

/* Whether a shell takes the word as it is. */
static bool is_plain(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:@%,~";
    return *word && word[strspn(word, plain)] == '\0';
}

/* Whether `mho eval` needs the key to run the study's chips on the study's images. */
static bool is_of_test(const char *key)
{
    static const char *const prefixes[] = {"data.", "chip.", "seed", "repeat"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* Append " --set KEY=VALUE" of every such key that is neither swept nor at its default; false: not all fit or are plain
 * words. */
static bool append_sets(const MhoStudy *study, char *text, size_t size)
{
    const MhoSettings *settings = study->settings;
    MhoSettingsKey key = {0};
    size_t used = 0;
    text[0] = '\0';
    while (mho_settings_next(settings, &key)) {
        char value[MHO_TEXT_MAX];
        if (!is_of_test(key.name) || mho_is_axis(study, key.name) || mho_settings_is_default(settings, &key))
            continue;
        mho_settings_format(settings, key.name, value, sizeof value);
        const int n = snprintf(text + used, size - used, " --set %s=%s", key.name, value);
        if (!is_plain(value) || n < 0 || (size_t)n >= size - used)
            return false;
        used += (size_t)n;
    }
    return true;
}

/* Whether the study sweeps what its model is made from, so that there are several. */
static bool has_several_models(const MhoStudy *study)
{
    for (size_t i = 0; i < study->n_axes; i++)
        if (strcmp(study->axes[i].key, "model") == 0 || mho_settings_through_model(study->axes[i].key))
            return true;
    return strchr(mho_settings_study(study->settings)->model, '{') != NULL;
}

/* Suggest what to run next, as the user can type it. */
static void print_next(const MhoStudy *study, const char *result)
{
    char sets[2048], *text = NULL;
    size_t size;
    const MhoExperimentRun run = {
        .study = study->path, .model = mho_settings_study(study->settings)->model, .result = result, .sets = sets};
    if (!append_sets(study, sets, sizeof sets) || has_several_models(study) || !is_plain(run.study) ||
        !is_plain(run.model) || !is_plain(run.result))
        return;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    mho_experiment.next(&run, out);
    if (fclose(out) == 0)
        mho_console_print(stdout, text);
    free(text);
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
    if (status == MHO_OK && options->dry_run) {
        status = mho_dry_run(&study, options, error);
        mho_study_destroy(&study);
        return status;
    }
    if (status == MHO_OK)
        status = mho_sweep(&study, &sweep, path, sizeof path, error);
    if (status == MHO_OK && options->n_shards == 1)
        status = analyse(path, error);
    if (status == MHO_OK && options->n_shards == 1 && mho_experiment.next && options->n_sets == 0)
        print_next(&study, path);
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
    if (argc == 2 && strcmp(argv[1], "--man") == 0) {
        print_manual();
        return 0;
    }
    MhoStatus status = mho_options_parse(argc, argv, 1, MHO_OPTIONS_SWEEP, &options, &error);
    if (status == MHO_OK && options.help)
        print_help();
    else if (status == MHO_OK)
        status = run(&options, &error);
    mho_options_clear(&options);
    if (status == MHO_OK && fflush(stdout) != 0)
        status = mho_fail(&error, MHO_IO, "standard output cannot be written: %s", strerror(errno));
    if (status != MHO_OK) {
        char program[64];
        snprintf(program, sizeof program, "mho-%s", mho_experiment.name);
        mho_console_error(program, error.text);
    }
    return mho_status_exit_code(status);
}
