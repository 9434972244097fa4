/* trial_time.c - counts the trials of a study and times some of them. */
#include "app/trial_time.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/slurm.h"
#include "base/memory.h"
#include "study/keys/points.h"
#include "study/sweep/stop_rule.h"

/* A network of the same shape takes as long as the trained one. */
static const int stand_in_images = 256, stand_in_validation = 64, stand_in_batch = 32;

/* Long enough for the scheduler, short enough to be lost. */
static const double task_seconds = 1200.0;

enum { MEASURED_MAX = 8 };

typedef struct Timing {
    const MhoStudy *study;
    MhoModelOptions options;
    MhoPointList points;
    MhoTrialCache *cache, *stand_ins; /* of the study's models, which it never trains; of networks in folder, or NULL */
    bool *has_model;                  /* (points.n_points) */
    char folder[64];                  /* a temporary one; "": not made yet */
    MhoSettings *settings[MEASURED_MAX]; /* (n_settings) of points with a stand-in; its cache borrows from them */
    size_t n_settings;
    MhoTrialTime *time;
} Timing;

/* Whether the model of every point is there; without a train: section it must be. */
static MhoStatus find_models(Timing *timing, MhoError *error)
{
    char path[4096];
    MhoStatus status = MHO_OK;
    for (size_t p = 0; p < timing->points.n_points && status == MHO_OK; p++) {
        const MhoSettings *settings = timing->points.points[p].settings;
        timing->has_model[p] = true;
        if (!timing->study->has_train)
            continue;
        status = mho_model_path(settings, path, sizeof path, error);
        const bool is_there = status == MHO_OK && access(path, R_OK) == 0;
        timing->has_model[p] = is_there && !timing->options.retrain;
    }
    return status;
}

/* "float:12 4/8:8 allocate" -> "float:1 4/8:1": the same network after next to no training. */
static MhoStatus shorten_stages(const char *text, char *shorter, size_t size, MhoError *error)
{
    MhoStages stages;
    MhoStatus status = mho_stages_parse(text, &stages, error);
    size_t used = 0;
    shorter[0] = '\0';
    for (size_t i = 0; i < stages.n && status == MHO_OK && used < size; i++)
        if (stages.stages[i].kind != MHO_STAGE_ALLOCATE)
            used += (size_t)snprintf(shorter + used, size - used, "%s%s:1", used ? " " : "", stages.stages[i].name);
    return status;
}

/* Where stand-ins go: the value of a key is short, so their paths must be. */
static MhoStatus make_folder(Timing *timing, MhoError *error)
{
    if (timing->folder[0] != '\0')
        return MHO_OK;
    snprintf(timing->folder, sizeof timing->folder, "/tmp/mho-time-XXXXXX");
    if (!mkdtemp(timing->folder)) {
        timing->folder[0] = '\0';
        return mho_fail(error, MHO_IO, "/tmp: cannot make a folder: %s", strerror(errno));
    }
    MhoModelOptions options = timing->options;
    options.may_train = true;
    options.retrain = false;
    options.resume = MHO_RESUME_NONE;
    options.checkpoints = timing->folder;
    return mho_trial_cache_create(&options, &timing->stand_ins, error);
}

/* With all stand-ins, and the checkpoint of one that was stopped. */
static void remove_folder(const Timing *timing)
{
    DIR *list = timing->folder[0] != '\0' ? opendir(timing->folder) : NULL;
    if (!list)
        return;
    for (struct dirent *entry; (entry = readdir(list));)
        (void)unlinkat(dirfd(list), entry->d_name, 0);
    closedir(list);
    (void)rmdir(timing->folder);
}

/* The settings of a point with a model that takes a moment to train. Points of one recipe share it. */
static MhoStatus stand_in_for(const Timing *timing, const MhoSettings *settings, MhoSettings **made, MhoError *error)
{
    char stages[MHO_TEXT_MAX], numbers[3][16], recipe[65], path[96];
    MhoStatus status = mho_recipe_digest(settings, recipe, error);
    if (status == MHO_OK)
        status = mho_settings_copy(settings, made, error);
    if (status == MHO_OK)
        snprintf(path, sizeof path, "%s/%.12s.h5", timing->folder, recipe);
    if (status == MHO_OK)
        status = shorten_stages(mho_settings_train(settings)->stages, stages, sizeof stages, error);
    const int values[] = {stand_in_images, stand_in_validation, stand_in_batch};
    for (size_t i = 0; i < 3; i++)
        snprintf(numbers[i], sizeof numbers[i], "%d", values[i]);
    const struct {
        const char *key, *value;
    } sets[] = {{"model", path},
                {"train.stages", stages},
                {"train.limit", numbers[0]},
                {"train.validation", numbers[1]},
                {"train.batch", numbers[2]}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets && status == MHO_OK; i++)
        status = mho_settings_set(*made, sets[i].key, sets[i].value, NULL, error);
    return status == MHO_OK ? mho_study_identify(*made, timing->options.data, error) : status;
}

/* Ready: as mho_trial_cache_prepare. A point with a stand-in is prepared once. */
static MhoStatus prepare(Timing *timing, size_t p, bool ready, MhoPointSetup *setup, MhoError *error)
{
    const MhoPoint *point = &timing->points.points[p];
    if (timing->has_model[p])
        return mho_trial_cache_prepare(timing->cache, point->settings, point->text, ready, setup, error);
    MhoSettings **settings = &timing->settings[timing->n_settings++];
    MhoStatus status = make_folder(timing, error);
    if (status == MHO_OK)
        status = stand_in_for(timing, point->settings, settings, error);
    if (status == MHO_OK)
        status = mho_trial_cache_prepare(timing->stand_ins, *settings, point->text, ready, setup, error);
    return status;
}

/* Chips of every point. Points with a missing model count with their repeats: whether anything is random there is known
 * once it is trained. */
static MhoStatus count(Timing *timing, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t p = 0; p < timing->points.n_points && status == MHO_OK; p++) {
        const MhoSettings *settings = timing->points.points[p].settings;
        MhoPointSetup setup = {0};
        if (timing->has_model[p]) {
            status = prepare(timing, p, false, &setup, error);
            timing->time->n_trials += setup.n_chips;
            mho_point_setup_clear(&setup);
        } else {
            timing->time->n_trials += (size_t)mho_settings_study(settings)->repeat;
            timing->time->misses_models = true;
        }
        if (status == MHO_OK && mho_stop_requested())
            status = mho_fail(error, MHO_STOPPED, "stopped");
    }
    const MhoStopRule rule = mho_stop_rule(timing->study->settings);
    timing->time->stops_early = mho_stop_is_on(&rule);
    timing->time->n_shares = timing->time->stops_early ? timing->points.n_points : timing->time->n_trials;
    return status;
}

/* One trial of a point. */
static MhoStatus run_one(Timing *timing, size_t p, double *setup_seconds, double *seconds, MhoError *error)
{
    MhoPointSetup setup = {0};
    MhoTrial *trial = mho_calloc(1, sizeof *trial, error, "a trial");
    const double started = mho_clock();
    MhoStatus status = trial ? prepare(timing, p, true, &setup, error) : MHO_MEMORY;
    const double ready = mho_clock();
    if (status == MHO_OK)
        status = mho_trial_run(&setup, 0, NULL, trial, error);
    *setup_seconds = ready - started;
    *seconds = mho_clock() - ready;
    mho_point_setup_clear(&setup);
    free(trial);
    return status;
}

static MhoStatus measure_some(Timing *timing, double budget, MhoError *error)
{
    const size_t n = timing->points.n_points, wanted = n < MEASURED_MAX ? n : MEASURED_MAX;
    const double started = mho_clock();
    double sum = 0.0;
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < wanted && status == MHO_OK; i++) {
        double setup, seconds;
        if (i > 0 && mho_clock() - started > budget)
            break;
        status = run_one(timing, i * n / wanted, &setup, &seconds, error);
        if (status != MHO_OK)
            break;
        sum += seconds;
        if (timing->has_model[i * n / wanted] && setup > timing->time->setup)
            timing->time->setup = setup;
        timing->time->seconds = sum / (double)++timing->time->n_measured;
    }
    return status;
}

MhoStatus mho_trial_time(const MhoStudy *study, const MhoModelOptions *options, bool measure, double budget,
                         MhoTrialTime *time, MhoError *error)
{
    Timing timing = {.study = study, .options = *options, .time = time};
    MhoModelOptions present = *options; /* of the models that are there */
    present.may_train = present.retrain = false;
    *time = (MhoTrialTime){0};
    MhoStatus status = mho_points_create(study, &timing.points, error);
    if (status == MHO_OK && study->has_train)
        status = mho_sweep_identify_data(&timing.points, options->data, error);
    if (status == MHO_OK && study->has_train)
        status = mho_sweep_check_models(&timing.points, options, error);
    if (status == MHO_OK)
        status = mho_trial_cache_create(&present, &timing.cache, error);
    timing.has_model =
        status == MHO_OK ? mho_calloc(timing.points.n_points, sizeof *timing.has_model, error, "a study") : NULL;
    if (status == MHO_OK)
        status = timing.has_model ? find_models(&timing, error) : MHO_MEMORY;
    if (status == MHO_OK)
        status = count(&timing, error);
    if (status == MHO_OK && measure)
        status = measure_some(&timing, budget, error);
    mho_trial_cache_destroy(timing.cache);
    mho_trial_cache_destroy(timing.stand_ins);
    for (size_t i = 0; i < timing.n_settings; i++)
        mho_settings_destroy(timing.settings[i]);
    remove_folder(&timing);
    free(timing.has_model);
    mho_points_destroy(&timing.points);
    return status;
}

int mho_trial_time_tasks(const MhoTrialTime *time, const MhoClusterParams *cluster)
{
    const double limit = mho_slurm_seconds(cluster->time);
    double target = limit > 0.0 && limit / 2.0 < task_seconds ? limit / 2.0 : task_seconds;
    target = target > 2.0 * time->setup ? target - time->setup : target / 2.0;
    const double wanted = ceil((double)time->n_trials * time->seconds / target);
    const double most = fmin((double)time->n_shares, (double)MHO_MAX_ARRAY_TASKS);
    return (int)fmax(1.0, fmin(cluster->tasks > 0 ? cluster->tasks : wanted, most));
}
