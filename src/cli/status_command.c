/* status_command.c - mho status: how far a sweep is, on this machine or a cluster. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cluster_folder.h"
#include "app/sweep_state.h"
#include "app/training_state.h"
#include "base/json.h"
#include "base/log.h"
#include "base/words.h"
#include "cli/command.h"
#include "study/models/record_file.h"
#include "study/sweep/stop_rule.h"

typedef struct Status {
    char result[4096], folder[4096];
    char *study_text; /* of the study that is named; NULL: a result is */
    bool is_whole;    /* the result is there */
    bool is_foreign;  /* what is there is the result of another study */
    int64_t missing;  /* trials that it lacks: a partial merge */
    MhoClusterPlan plan;
    MhoSweepState state;
    MhoTrainingState training; /* of the study, where one is named */
    bool stops_early;          /* the same */
    bool has_queue;
    size_t running, waiting; /* tasks in the queue */
} Status;

/* The result of a study, or the result that is named. */
static MhoStatus find_result(const MhoOptions *options, Status *status, MhoError *error)
{
    const char *name = options->arguments[0];
    if (mho_ends_with(name, ".h5") && !options->output) {
        const int n = snprintf(status->result, sizeof status->result, "%s", name);
        return n >= 0 && (size_t)n < sizeof status->result ? MHO_OK
                                                           : mho_fail(error, MHO_USAGE, "the path is too long");
    }
    MhoStudy study;
    MhoStatus result = mho_options_study(options, name, &study, error);
    if (result != MHO_OK)
        return result;
    const MhoSweepOptions sweep = mho_options_sweep(options, false);
    const MhoStopRule rule = mho_stop_rule(study.settings);
    status->stops_early = mho_stop_is_on(&rule);
    status->study_text = mho_study_text(&study);
    result = status->study_text ? mho_result_path(&study, &sweep, status->result, sizeof status->result, error)
                                : mho_fail(error, MHO_MEMORY, "out of memory for a study");
    if (result == MHO_OK)
        result = mho_training_state_read(&study, options->data, &status->training, error);
    mho_study_destroy(&study);
    return result;
}

/* What a result that is there says of itself. */
static MhoStatus read_result(Status *status, MhoError *error)
{
    MhoRecord *record = NULL;
    status->is_whole = access(status->result, F_OK) == 0;
    if (!status->is_whole)
        return MHO_OK;
    const MhoStatus result = mho_file_read(status->result, true, &record, error);
    const char *kind = record ? mho_attribute_string(&record->attributes, "kind") : NULL;
    const MhoAttribute *missing = record ? mho_attribute_find(&record->attributes, "missing") : NULL;
    if (missing)
        (void)mho_integer_at(missing->type, missing->data, 0, &status->missing);
    const bool is_result = kind && strcmp(kind, "result") == 0;
    const char *study = record ? mho_attribute_string(&record->attributes, "study") : NULL;
    if (is_result && status->study_text && (!study || strcmp(study, status->study_text) != 0)) {
        status->is_foreign = true;
        status->is_whole = false;
        status->missing = 0;
    }
    mho_record_destroy(record);
    return result != MHO_OK || is_result ? result
                                         : mho_fail(error, MHO_INPUT, "%s is not a result of a sweep", status->result);
}

/* A partial result without the trials that it says are missing. INPUT when it cannot be so many. */
static MhoStatus take_missing(Status *status, MhoError *error)
{
    MhoSweepState *state = &status->state;
    if (status->missing < 0 || (status->missing > 0 && (size_t)status->missing > state->n_trials))
        return mho_fail(error, MHO_INPUT, "%s: attribute missing is %lld, and its points have %zu trials",
                        status->result, (long long)status->missing, state->n_trials);
    if (status->plan.n_tasks == 0) /* the only part is the result itself */
        state->n_done = state->n_trials > 0 ? state->n_trials - (size_t)status->missing : 0;
    return MHO_OK;
}

static MhoStatus gather(const MhoOptions *options, Status *status, MhoError *error)
{
    MhoStatus result = find_result(options, status, error);
    if (result == MHO_OK)
        result = read_result(status, error);
    if (result == MHO_OK)
        result = mho_cluster_folder(status->result, status->folder, sizeof status->folder, error);
    if (result == MHO_OK)
        result =
            mho_cluster_plan_read(status->folder, status->is_whole ? NULL : status->study_text, &status->plan, error);
    const bool use_plan = !status->is_whole || status->missing != 0;
    const MhoSweepPlan plan = {.n_parts = use_plan ? status->plan.n_tasks : 0,
                               .n_trials = status->plan.n_trials,
                               .stops_early = status->stops_early || status->plan.stops_early,
                               .study_text = status->study_text};
    if (result == MHO_OK)
        result = mho_sweep_state_read(status->result, &plan, &status->state, error);
    if (result == MHO_OK && status->missing != 0)
        result = take_missing(status, error);
    if (result == MHO_OK && status->plan.n_tasks > 0)
        status->has_queue = mho_slurm_queue(status->plan.jobs, MHO_N_JOBS, &status->running, &status->waiting);
    return result;
}

/* Time left with as many tasks as run now; < 0: not known. */
static double seconds_left(const MhoSweepState *state)
{
    return state->n_trials > 0 && state->rate > 0.0 ? (double)(state->n_trials - state->n_done) / state->rate : -1.0;
}

static void print_sums(const MhoSweepState *state)
{
    char left[32], rate[32];
    printf("parts   ");
    for (size_t s = 0, n = 0; s < MHO_N_PART_STATES; s++)
        if (state->count[s] > 0)
            printf("%s%zu %s", n++ ? ", " : "", state->count[s], mho_part_state_names[s]);
    printf("  (of %d)\ntrials  %zu", state->n_parts, state->n_done);
    if (state->n_trials > 0)
        printf(state->stops_early ? " of at most %zu  at least %.1f %%" : "/%zu  %.1f %%", state->n_trials,
               100.0 * (double)state->n_done / (double)state->n_trials);
    if (state->rate > 0.0) {
        mho_rate_text(state->rate, rate, sizeof rate);
        printf("  %s", rate);
    }
    if (seconds_left(state) >= 0.0) {
        mho_time_text(seconds_left(state), left, sizeof left);
        printf("  %s%s left", state->stops_early ? "at most " : "", left);
    }
    putchar('\n');
    if (state->n_foreign > 0)
        printf("        %zu of the files of parts are of another study and do not count\n", state->n_foreign);
    if (state->n_other > 0)
        printf("        %zu more lie in the journals: of another study, or of this one with other keys\n",
               state->n_other);
}

static void print_training(const MhoTrainingState *training)
{
    for (size_t i = 0; i < training->n; i++) {
        const MhoClaimOwner *owner = &training->list[i].owner;
        if (training->list[i].checkpoint) {
            printf("training of %s was stopped; %s keeps what is done, and the same command goes on with it\n",
                   training->list[i].model, training->list[i].checkpoint);
            continue;
        }
        printf("training %s by %s process %ld since %s\n", training->list[i].model, owner->host, owner->process,
               owner->since);
    }
}

/* One line for each part that has begun and is not done. */
static void print_parts(const MhoSweepState *state)
{
    for (int i = 0; i < state->n_parts; i++) {
        const MhoPart *part = &state->parts[i];
        char trials[64];
        if (part->state == MHO_PART_DONE || part->state == MHO_PART_WAITING)
            continue;
        if (part->n_trials > 0)
            snprintf(trials, sizeof trials, "%zu/%zu", part->n_done, part->n_trials);
        else
            snprintf(trials, sizeof trials, "%zu", part->n_done);
        printf("  part %d/%d  %-8s %s trials", part->number, state->n_parts, mho_part_state_names[part->state], trials);
        if (part->seconds > 0.0)
            printf("  %.3g s each", part->seconds);
        if (part->owner.is_there)
            printf("  process %ld on %s since %s", part->owner.process, part->owner.host, part->owner.since);
        putchar('\n');
    }
}

static void print_text(const Status *status)
{
    const MhoSweepState *state = &status->state;
    if (status->is_whole && status->missing == 0) {
        printf("%s is done: %zu trials\n", status->result, state->n_done);
        return;
    }
    if (status->is_whole)
        printf("%s is partial: %lld trials are missing\n", status->result, (long long)status->missing);
    else if (status->is_foreign)
        printf("%s is the result of another study; move it away or name another with -o\n", status->result);
    else
        printf("%s is not there yet\n", status->result);
    print_training(&status->training);
    if (state->n_parts > 0 && (!status->is_whole || status->plan.n_tasks > 0)) {
        print_sums(state);
        print_parts(state);
    }
    if (status->has_queue)
        printf("queue   %zu running, %zu waiting (jobs %ld, %ld, %ld)\n", status->running, status->waiting,
               status->plan.jobs[0], status->plan.jobs[1], status->plan.jobs[2]);
    const bool idle = !status->is_whole && state->count[MHO_PART_RUNNING] == 0 &&
                      status->running + status->waiting + status->training.n_running == 0;
    if (idle && state->n_parts > 0 && state->count[MHO_PART_DONE] == (size_t)state->n_parts)
        printf("every part is done: mho merge joins them\n");
    else if (idle && state->n_parts > 0)
        printf("nothing runs: the same command as before goes on where it stopped\n");
}

static void json_parts(MhoJson *json, const MhoSweepState *state)
{
    mho_json_array(json, "parts");
    for (int i = 0; i < state->n_parts; i++) {
        const MhoPart *part = &state->parts[i];
        mho_json_object(json, NULL);
        mho_json_int(json, "part", part->number);
        mho_json_text(json, "state", mho_part_state_names[part->state]);
        mho_json_int(json, "trials", (int64_t)part->n_trials);
        mho_json_int(json, "trials_done", (int64_t)part->n_done);
        if (part->owner.is_there) {
            mho_json_text(json, "host", part->owner.host);
            mho_json_int(json, "process", part->owner.process);
            mho_json_text(json, "since", part->owner.since);
        }
        mho_json_end(json);
    }
    mho_json_end(json);
}

static void json_training(MhoJson *json, const MhoTrainingState *training)
{
    mho_json_array(json, "training");
    for (size_t i = 0; i < training->n; i++) {
        const MhoTrainingRun *run = &training->list[i];
        if (run->checkpoint)
            continue;
        mho_json_object(json, NULL);
        mho_json_text(json, "model", run->model);
        mho_json_text(json, "host", run->owner.host);
        mho_json_int(json, "process", run->owner.process);
        mho_json_text(json, "since", run->owner.since);
        mho_json_end(json);
    }
    mho_json_end(json);
}

static void json_checkpoints(MhoJson *json, const MhoTrainingState *training)
{
    mho_json_array(json, "checkpoints");
    for (size_t i = 0; i < training->n; i++) {
        const MhoTrainingRun *run = &training->list[i];
        if (!run->checkpoint)
            continue;
        mho_json_object(json, NULL);
        mho_json_text(json, "model", run->model);
        mho_json_text(json, "checkpoint", run->checkpoint);
        mho_json_end(json);
    }
    mho_json_end(json);
}

static void print_json(const Status *status)
{
    const MhoSweepState *state = &status->state;
    MhoJson json;
    mho_json_start(&json, stdout);
    mho_json_object(&json, NULL);
    mho_json_text(&json, "result", status->result);
    mho_json_bool(&json, "done", status->is_whole && status->missing == 0);
    mho_json_bool(&json, "of_another_study", status->is_foreign);
    mho_json_int(&json, "missing", status->missing);
    mho_json_int(&json, "trials", (int64_t)state->n_trials);
    mho_json_int(&json, "trials_done", (int64_t)state->n_done);
    mho_json_bool(&json, "trials_at_most", state->stops_early);
    mho_json_int(&json, "trials_other", (int64_t)state->n_other);
    mho_json_real(&json, "rate", state->rate);
    if (seconds_left(state) >= 0.0)
        mho_json_real(&json, "seconds_left", seconds_left(state));
    else
        mho_json_null(&json, "seconds_left");
    json_parts(&json, state);
    json_training(&json, &status->training);
    json_checkpoints(&json, &status->training);
    if (status->has_queue) {
        mho_json_int(&json, "queue_running", (int64_t)status->running);
        mho_json_int(&json, "queue_waiting", (int64_t)status->waiting);
    }
    mho_json_end(&json);
}

static MhoStatus run_status(MhoOptions *options, MhoError *error)
{
    Status *status = calloc(1, sizeof *status);
    if (!status)
        return mho_fail(error, MHO_MEMORY, "out of memory for a status");
    MhoStatus result = gather(options, status, error);
    if (result == MHO_OK && !status->is_whole && status->state.n_parts == 0 && status->training.n == 0)
        result =
            status->is_foreign
                ? mho_fail(error, MHO_INPUT, "%s is the result of another study; move it away or name another with -o",
                           status->result)
                : mho_fail(
                      error, MHO_INPUT,
                      "%s: there is no result, no part of one and no journal; `mho sweep` or `mho submit` start it",
                      status->result);
    if (result == MHO_OK && options->json)
        print_json(status);
    else if (result == MHO_OK)
        print_text(status);
    mho_sweep_state_clear(&status->state);
    mho_training_state_clear(&status->training);
    free(status->study_text);
    free(status);
    return result;
}

const Command command_status = {
    .name = "status",
    .usage = "STUDY.yaml | RESULT.h5",
    .summary = "tell how far a sweep is: done, running, lost, rate, time left",
    .help =
        "  mho status study.yaml\n"
        "  mho status results/study.h5\n"
        "Reads the files of a sweep: parts that are finished, journals of those that run, and the locks that tell "
        "whether their\n"
        "processes live, also those that train the study's models. It asks squeue too where there is one. A part is "
        "lost when its process has ended without "
        "a word:\n"
        "the same `mho sweep --shard` or `mho submit` goes on with it. The time left holds for as many tasks as run "
        "now.",
    .options = MHO_OPTION_OUTPUT | MHO_OPTION_SET | MHO_OPTION_DATA | MHO_OPTION_JSON | MHO_OPTION_QUIET,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_status,
};
