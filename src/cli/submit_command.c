/* submit_command.c - mho submit: a study as jobs of Slurm. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/cluster_folder.h"
#include "app/process.h"
#include "app/trial_time.h"
#include "cli/command.h"
#include "study/models/record_file.h"

static const double timing_seconds = 30.0; /* for measuring, beyond the first trial */

typedef struct Submit {
    const MhoOptions *options;
    MhoStudy study;
    MhoClusterParams cluster;
    MhoTrialTime time;
    MhoClusterPlan plan;
    MhoJobs jobs;
    char *text; /* of the study */
    char program[PATH_MAX], study_path[PATH_MAX], here[PATH_MAX], folder[PATH_MAX], result[PATH_MAX];
    const char *words[2 * MHO_MAX_SETS + 8];
} Submit;

/* The study with the flags of the cluster. */
static MhoStatus read_study(Submit *submit, MhoError *error)
{
    const MhoOptions *options = submit->options;
    MhoStatus status = mho_options_study(options, options->arguments[0], &submit->study, error);
    for (size_t i = 0; i < options->n_cluster && status == MHO_OK; i++) {
        char key[MHO_KEY_MAX], where[MHO_KEY_MAX];
        snprintf(key, sizeof key, "cluster.%s", options->cluster[i].key);
        snprintf(where, sizeof where, "--%s", options->cluster[i].key);
        status = mho_settings_set(submit->study.settings, key, options->cluster[i].value, where, error);
    }
    if (status != MHO_OK)
        return status;
    submit->cluster = *mho_settings_cluster(submit->study.settings);
    submit->text = mho_study_text(&submit->study);
    if (!submit->text)
        return mho_fail(error, MHO_MEMORY, "out of memory for a study");
    return mho_jobs_check(&submit->cluster, error);
}

static MhoStatus absolute(const char *here, const char *path, char *out, MhoError *error)
{
    const int n = path[0] == '/' ? snprintf(out, PATH_MAX, "%s", path) : snprintf(out, PATH_MAX, "%s/%s", here, path);
    return n > 0 && n < PATH_MAX ? MHO_OK : mho_fail(error, MHO_USAGE, "%s: the path is too long", path);
}

static MhoStatus find_paths(Submit *submit, MhoError *error)
{
    char result[4096];
    const MhoSweepOptions sweep = mho_options_sweep(submit->options, submit->study.has_train);
    const ssize_t n = readlink("/proc/self/exe", submit->program, sizeof submit->program - 1);
    if (n <= 0 || !getcwd(submit->here, sizeof submit->here))
        return mho_fail(error, MHO_FAILED, "cannot tell the path of mho or of this folder: %s", strerror(errno));
    submit->program[n] = '\0';
    MhoStatus status = mho_result_path(&submit->study, &sweep, result, sizeof result, error);
    if (status == MHO_OK)
        status = absolute(submit->here, result, submit->result, error);
    if (status == MHO_OK)
        status = absolute(submit->here, submit->options->arguments[0], submit->study_path, error);
    if (status == MHO_OK)
        status = mho_cluster_folder(submit->result, submit->folder, sizeof submit->folder, error);
    return status;
}

/* A result that is there: this study's finished one needs no jobs, every other is refused. */
static MhoStatus look_at_result(const Submit *submit, bool *finished, MhoError *error)
{
    MhoRecord *record = NULL;
    *finished = false;
    if (access(submit->result, F_OK) != 0)
        return MHO_OK;
    MhoStatus status = mho_file_read(submit->result, true, &record, error);
    if (status != MHO_OK)
        return mho_fail_context(error, "the result exists but cannot be read; move it away or name another with -o");
    const char *study = mho_attribute_string(&record->attributes, "study");
    const bool same = study && strcmp(study, submit->text) == 0;
    const bool is_part = mho_attribute_find(&record->attributes, "missing") != NULL ||
                         mho_attribute_find(&record->attributes, "shard") != NULL;
    mho_record_destroy(record);
    *finished = same && !is_part;
    if (*finished)
        mho_log(&submit->options->log, MHO_LOG_INFO, "%s is the finished result of this study; nothing to do",
                submit->result);
    else
        status = mho_fail(error, MHO_USAGE, "%s is %s and is never overwritten; name another with -o or move it away",
                          submit->result, same ? "a part of this study's result" : "the result of another study");
    return status;
}

static MhoStatus require_sbatch(const Submit *submit, MhoError *error)
{
    if (submit->options->dry_run || mho_process_on_path("sbatch"))
        return MHO_OK;
    return mho_fail(error, MHO_FAILED,
                    "there is no sbatch on PATH: run this where Slurm is, or look at the scripts with --dry-run");
}

/* Options of this command line that every run of the study gets. */
static void keep_options(Submit *submit)
{
    const MhoOptions *options = submit->options;
    size_t n = 0;
    for (size_t i = 0; i < options->n_sets; i++) {
        submit->words[n++] = "--set";
        submit->words[n++] = options->sets[i];
    }
    if (options->data) {
        submit->words[n++] = "--data";
        submit->words[n++] = options->data;
    }
    if (options->cpu) {
        submit->words[n++] = "--cpu";
        submit->words[n++] = options->cpu;
    }
    submit->jobs = (MhoJobs){.program = submit->program,
                             .study = submit->study_path,
                             .here = submit->here,
                             .folder = submit->folder,
                             .result = submit->result,
                             .options = submit->words,
                             .n_options = n,
                             .cluster = &submit->cluster};
}

static void say_size(const Submit *submit)
{
    const MhoClusterPlan *plan = &submit->plan;
    const double trials = (double)plan->n_trials / plan->n_tasks, seconds = trials * plan->seconds;
    const double limit = mho_slurm_seconds(submit->cluster.time);
    if (plan->seconds > 0.0)
        mho_log(&submit->options->log, MHO_LOG_INFO,
                "%zu trials of %.3g s on %d CPUs: %d tasks of about %.3g trials, %.3g min each", plan->n_trials,
                plan->seconds, submit->cluster.cpus, plan->n_tasks, trials, seconds / 60.0);
    else
        mho_log(&submit->options->log, MHO_LOG_INFO, "%zu trials: %d tasks of about %.3g trials", plan->n_trials,
                plan->n_tasks, trials);
    if (limit > 0.0 && seconds > limit)
        mho_log(&submit->options->log, MHO_LOG_WARNING,
                "a task takes longer than its time limit and will be requeued; raise --time or --tasks");
}

/* Count and time the trials; an older plan of the same study keeps its parts. */
static MhoStatus make_plan(Submit *submit, MhoError *error)
{
    const int asked = submit->cluster.tasks;
    MhoClusterPlan *plan = &submit->plan;
    MhoStatus status = mho_cluster_plan_read(submit->folder, submit->text, plan, error);
    if (status != MHO_OK)
        return status;
    const bool is_new = plan->n_tasks == 0 || (asked > 0 && asked != plan->n_tasks);
    MhoModelOptions model = mho_options_model(submit->options, submit->study.has_train);
    const MhoLog silent = {0};
    model.threads = submit->cluster.cpus;
    model.log = &silent;
    if (is_new && asked == 0)
        mho_log(&submit->options->log, MHO_LOG_INFO, "measuring the time of a trial on this machine");
    status = mho_trial_time(&submit->study, &model, is_new && asked == 0, timing_seconds, &submit->time, error);
    if (status != MHO_OK)
        return status;
    if (is_new) {
        plan->seconds = submit->time.seconds;
        plan->n_tasks = mho_trial_time_tasks(&submit->time, &submit->cluster);
    }
    plan->n_trials = submit->time.n_trials;
    plan->stops_early = submit->time.stops_early;
    submit->jobs.n_tasks = plan->n_tasks;
    say_size(submit);
    return MHO_OK;
}

static MhoStatus refuse_running(const Submit *submit, MhoError *error)
{
    size_t running, waiting;
    const long *jobs = submit->plan.jobs;
    if (jobs[0] == 0 && jobs[1] == 0 && jobs[2] == 0)
        return MHO_OK;
    if (!mho_slurm_queue(jobs, MHO_N_JOBS, &running, &waiting))
        return mho_stop_requested()
                   ? mho_fail(error, MHO_STOPPED, "stopped")
                   : mho_fail(error, MHO_FAILED,
                              "squeue does not answer, so jobs %ld, %ld, %ld of this study may still run; nothing was "
                              "submitted; try again when it answers",
                              jobs[0], jobs[1], jobs[2]);
    if (running + waiting == 0)
        return MHO_OK;
    return mho_fail(error, MHO_USAGE,
                    "%zu jobs of this study are running and %zu wait (%ld, %ld, %ld); `mho status` follows them, "
                    "scancel ends them",
                    running, waiting, jobs[0], jobs[1], jobs[2]);
}

static MhoStatus make_folder(const char *path, const char *name, MhoError *error)
{
    char folder[PATH_MAX + 16];
    snprintf(folder, sizeof folder, "%s%s", path, name);
    MhoStatus status = mho_make_folders(folder, error);
    if (status == MHO_OK && mkdir(folder, 0777) != 0 && errno != EEXIST)
        status = mho_fail(error, MHO_IO, "%s: cannot make this folder: %s", folder, strerror(errno));
    return status;
}

/* Write, or on a dry run print, the script of one job, and hand it to sbatch. */
static MhoStatus submit_job(Submit *submit, MhoJobKind kind, const char *after, const char *array, MhoError *error)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s.sh", submit->folder, mho_job_names[kind]);
    char *script = mho_job_script(&submit->jobs, kind), *quoted = mho_shell_quote(path);
    MhoStatus status = MHO_OK;
    if (!script || !quoted)
        status = mho_fail(error, MHO_MEMORY, "out of memory for a script");
    else if (submit->options->dry_run)
        printf("# sbatch --parsable --kill-on-invalid-dep=yes%s%s%s%s %s\n%s\n", after ? " --dependency=" : "",
               after ? after : "", array ? " --array=" : "", array ? array : "", quoted, script);
    else
        status = mho_text_file_write(path, script, strlen(script), error);
    if (status == MHO_OK && !submit->options->dry_run)
        status = mho_slurm_submit(path, after, array, &submit->plan.jobs[kind], error);
    free(script);
    free(quoted);
    return status;
}

/* "afterok:12"; on a dry run, where jobs have no numbers, "afterok:JOB_train". */
static void name_after(const Submit *submit, const char *how, MhoJobKind job, char *text, size_t size)
{
    if (submit->options->dry_run)
        snprintf(text, size, "%s:JOB_%s", how, mho_job_names[job]);
    else
        snprintf(text, size, "%s:%ld", how, submit->plan.jobs[job]);
}

/* The jobs one after the other: each waits for the one before. */
static MhoStatus submit_jobs(Submit *submit, MhoError *error)
{
    char after[64], *parts;
    int n_missing = 0;
    const bool trains = submit->time.misses_models;
    MhoStatus status = MHO_OK;
    memset(submit->plan.jobs, 0, sizeof submit->plan.jobs);
    if (trains)
        status = submit_job(submit, MHO_JOB_TRAIN, NULL, NULL, error);
    if (status != MHO_OK)
        return status;
    parts = mho_parts_missing(submit->folder, submit->plan.n_tasks, &n_missing);
    if (!parts)
        return mho_fail(error, MHO_MEMORY, "out of memory for the parts of a study");
    if (n_missing > 0) {
        name_after(submit, "afterok", MHO_JOB_TRAIN, after, sizeof after);
        status = submit_job(submit, MHO_JOB_ARRAY, trains ? after : NULL, parts, error);
    }
    free(parts);
    if (status != MHO_OK)
        return status;
    name_after(submit, "afterany", MHO_JOB_ARRAY, after, sizeof after);
    return submit_job(submit, MHO_JOB_MERGE, n_missing > 0 ? after : NULL, NULL, error);
}

static MhoStatus submit_all(Submit *submit, MhoError *error)
{
    const bool dry = submit->options->dry_run;
    static const char *const folders[] = {"", "/logs", "/parts"};
    MhoStatus status = dry ? MHO_OK : refuse_running(submit, error);
    for (size_t i = 0; i < 3 && status == MHO_OK && !dry; i++)
        status = make_folder(submit->folder, folders[i], error);
    if (status == MHO_OK && !dry)
        status = mho_cluster_plan_write(submit->folder, submit->text, &submit->plan, error);
    if (status != MHO_OK)
        return status;
    status = submit_jobs(submit, error);
    if (dry)
        return status;
    /* the jobs that were submitted before a failure are in the plan too */
    MhoError later = {0};
    const MhoStatus written = mho_cluster_plan_write(submit->folder, submit->text, &submit->plan, &later);
    if (status == MHO_OK && written != MHO_OK)
        *error = later;
    for (size_t i = 0; i < MHO_N_JOBS; i++)
        if (submit->plan.jobs[i] > 0)
            printf("%s %ld\n", mho_job_names[i], submit->plan.jobs[i]);
    return status == MHO_OK ? written : status;
}

static MhoStatus run_submit(MhoOptions *options, MhoError *error)
{
    bool finished = false;
    Submit *submit = calloc(1, sizeof *submit);
    if (!submit)
        return mho_fail(error, MHO_MEMORY, "out of memory for a study");
    submit->options = options;
    MhoStatus status = read_study(submit, error);
    if (status == MHO_OK)
        status = find_paths(submit, error);
    if (status == MHO_OK)
        status = look_at_result(submit, &finished, error);
    if (status == MHO_OK && !finished)
        status = require_sbatch(submit, error);
    if (status == MHO_OK && !finished) {
        keep_options(submit);
        status = make_plan(submit, error);
    }
    if (status == MHO_OK && !finished)
        status = submit_all(submit, error);
    free(submit->text);
    mho_study_destroy(&submit->study);
    free(submit);
    return status;
}

const Command command_submit = {
    .name = "submit",
    .usage = "STUDY.yaml [-o RESULT.h5] [--dry-run]",
    .summary = "run a study on a Slurm cluster",
    .help = "  mho submit study.yaml --partition short --time 2:00:00 --cpus 4\n"
            "  mho submit study.yaml --dry-run       print the scripts and submit nothing\n"
            "Submits a job that trains the models that are missing, an array that runs the sweep in parts of about 20 "
            "minutes (at\n"
            "most 1,000), and a job that merges the parts and draws the figures. What the jobs ask of the cluster "
            "stands in "
            "the study\n"
            "(cluster: {partition: short, time: 2:00:00}) or in options, which win. Scripts, logs and parts are in "
            "RESULT.h5.cluster/.\n"
            "The same command again submits what is missing; `mho status study.yaml` tells how far it is.",
    .options = MHO_OPTION_SET | MHO_OPTION_DATA | MHO_OPTION_CPU | MHO_OPTION_QUIET | MHO_OPTION_OUTPUT |
               MHO_OPTION_CLUSTER | MHO_OPTION_DRY_RUN,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_submit,
};
