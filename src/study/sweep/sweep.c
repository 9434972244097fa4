/* sweep.c - runs the missing trials of a study, slice by slice, and writes the result. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "study/sweep/sweep_internal.h"

/* Adds a line to a list of lines unless it is there. Takes over line, which ends with a line end. */
static MhoStatus note_line(char **lines, char *line, MhoError *error)
{
    char *joined = NULL;
    if (*lines && strstr(*lines, line)) {
        free(line);
        return MHO_OK;
    }
    const int made = asprintf(&joined, "%s%s", *lines ? *lines : "", line);
    free(line);
    if (made < 0)
        return mho_fail(error, MHO_MEMORY, "out of memory for a sweep");
    free(*lines);
    *lines = joined;
    return MHO_OK;
}

/* "use name digest": the images that a point is tested on, and those that calibrate it. */
static MhoStatus note_data(Sweep *sweep, const MhoPointSetup *setup, MhoError *error)
{
    const struct {
        const char *use;
        const MhoDataset *set;
    } sets[] = {{"test", setup->images}, {"calibration", setup->calibration}};
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < 2 && status == MHO_OK; i++) {
        char *line;
        if (asprintf(&line, "%s %s %s\n", sets[i].use, sets[i].set->name, sets[i].set->digest) < 0)
            return mho_fail(error, MHO_MEMORY, "out of memory for a sweep");
        status = note_line(&sweep->data, line, error);
    }
    return status;
}

/* Adds the line "path digest" of a point's model unless it is there. */
static MhoStatus note_model(Sweep *sweep, const MhoSettings *settings, const char *digest, MhoError *error)
{
    char path[4096], *line = NULL;
    MhoStatus status = mho_model_path(settings, path, sizeof path, error);
    if (status != MHO_OK)
        return status;
    if (asprintf(&line, "%s %s\n", path, digest) < 0)
        return mho_fail(error, MHO_MEMORY, "out of memory for a sweep");
    return note_line(&sweep->models, line, error);
}

/* Takes the layer names of the first point; drops them when a later point has others. */
static MhoStatus note_layers(Sweep *sweep, size_t p, const MhoLoweredNet *lowered, MhoError *error)
{
    bool same = p == 0 || (sweep->layers && sweep->n_layers == lowered->n_matrices);
    if (p == 0) {
        sweep->n_layers = lowered->n_matrices;
        sweep->layers = mho_calloc(lowered->n_matrices, sizeof *sweep->layers, error, "the names of the layers");
        if (!sweep->layers)
            return MHO_MEMORY;
        for (size_t l = 0; l < lowered->n_matrices; l++)
            snprintf(sweep->layers[l], sizeof sweep->layers[l], "%s", lowered->matrices[l].name);
    }
    for (size_t l = 0; same && l < lowered->n_matrices; l++)
        same = strcmp(sweep->layers[l], lowered->matrices[l].name) == 0;
    if (!same) {
        free(sweep->layers);
        sweep->layers = NULL;
    }
    return MHO_OK;
}

typedef struct ModelFile {
    char path[4096], recipe[65];
} ModelFile;

/* Adds a point's model file to the list. USAGE when another recipe has the same file. */
static MhoStatus add_model(const MhoSettings *settings, ModelFile **list, size_t *n, MhoError *error)
{
    ModelFile model;
    MhoStatus status = mho_model_path(settings, model.path, sizeof model.path, error);
    if (status == MHO_OK)
        status = mho_recipe_digest(settings, model.recipe, error);
    for (size_t i = 0; i < *n && status == MHO_OK; i++) {
        if (strcmp((*list)[i].path, model.path) != 0)
            continue;
        if (strcmp((*list)[i].recipe, model.recipe) == 0)
            return MHO_OK;
        return mho_fail(error, MHO_USAGE,
                        "model: %s is one file and the sweep needs a model for each of several recipes; "
                        "write {recipe} in its name, as models/name_{recipe}.h5",
                        model.path);
    }
    ModelFile *grown = status == MHO_OK ? mho_list_grow(*list, *n, sizeof *grown, error) : NULL;
    if (!grown)
        return status == MHO_OK ? MHO_MEMORY : status;
    *list = grown;
    grown[(*n)++] = model;
    return MHO_OK;
}

/* A model file holds one model, so points with different models need different paths, where no other file lies. */
static MhoStatus check_models(const Sweep *sweep, MhoError *error)
{
    const MhoPointList *grid = &sweep->grid;
    ModelFile *list = NULL;
    size_t n = 0;
    MhoStatus status = MHO_OK;
    for (size_t p = 0; p < grid->n_points && status == MHO_OK; p++) {
        const size_t before = n;
        status = add_model(grid->points[p].settings, &list, &n, error);
        if (status == MHO_OK && n > before && sweep->options->model.may_train)
            status = mho_model_check(grid->points[p].settings, &sweep->options->model, list[before].path, error);
    }
    free(list);
    return status;
}

/* The training images of every point's recipe; a set is read once for points in a row that share it. */
MhoStatus mho_sweep_identify_data(MhoPointList *grid, const char *data_option, MhoError *error)
{
    char last[3 * MHO_TEXT_MAX] = "", found[65] = "";
    MhoStatus status = MHO_OK;
    for (size_t p = 0; p < grid->n_points && status == MHO_OK; p++) {
        MhoSettings *settings = grid->points[p].settings;
        const MhoStudyParams *study = mho_settings_study(settings);
        char keys[sizeof last];
        snprintf(keys, sizeof keys, "%s\n%s\n%d", study->data_name, study->data_train,
                 mho_settings_train(settings)->limit);
        if (strcmp(keys, last) == 0) {
            mho_settings_set_training_digest(settings, found);
            continue;
        }
        status = mho_study_identify(settings, data_option, error);
        snprintf(last, sizeof last, "%s", keys);
        snprintf(found, sizeof found, "%s", mho_settings_training_digest(settings));
    }
    return status;
}

/* Keys, chips and models of every point; trains what is missing. */
static MhoStatus survey(Sweep *sweep, MhoError *error)
{
    const size_t n_points = sweep->grid.n_points;
    sweep->points = mho_calloc(n_points, sizeof *sweep->points, error, "a sweep");
    sweep->sharing = sweep->points ? mho_calloc(n_points, sizeof *sweep->sharing, error, "a sweep") : NULL;
    MhoStatus status = sweep->sharing ? MHO_OK : MHO_MEMORY;
    for (size_t p = 0; p < sweep->grid.n_points && status == MHO_OK; p++) {
        const MhoPoint *point = &sweep->grid.points[p];
        MhoPointSetup setup = {0};
        status = mho_trial_cache_prepare(sweep->cache, point->settings, point->text, false, &setup, error);
        if (status == MHO_OK)
            status = note_model(sweep, point->settings, setup.model_digest, error);
        if (status == MHO_OK)
            status = note_data(sweep, &setup, error);
        sweep->points[p] = (MhoPointInfo){.key = setup.point, .n_chips = setup.n_chips};
        sweep->sharing[p] = (Sharing){.devices = setup.devices, .configuration = setup.configuration};
        if (status == MHO_OK)
            status = note_layers(sweep, p, setup.lowered, error);
        mho_point_setup_clear(&setup);
    }
    char *text = status == MHO_OK ? mho_study_text(sweep->study) : NULL, *all = NULL;
    if (status == MHO_OK && (!text || asprintf(&all, "%s\n%s\n%s", text, sweep->models, sweep->data) < 0))
        status = mho_fail(error, MHO_MEMORY, "out of memory for the digest of a study");
    if (status == MHO_OK)
        mho_sha256(all, strlen(all), sweep->digest);
    free(text);
    free(all);
    return status;
}

static bool is_mine(const Sweep *sweep, size_t trial)
{
    int n = sweep->options->n_shards;
    return n <= 1 || trial % (size_t)n == (size_t)(sweep->options->shard - 1);
}

/* Chips of point p that this process still has to run. first: number of the point's first trial in the whole study. */
static size_t count_missing(const Sweep *sweep, size_t p, size_t first)
{
    size_t missing = 0;
    for (uint32_t chip = 0; chip < sweep->points[p].n_chips; chip++)
        missing += is_mine(sweep, first + chip) && !mho_trials_find(&sweep->trials, sweep->points[p].key, chip);
    return missing;
}

/* Points whose chips have the same devices, so that each chip is programmed once for all of them. */
typedef struct Slice {
    size_t *points; /* (n) */
    MhoPointSetup *setups;
    size_t n, n_configurations;
    uint64_t configurations[MHO_TRIAL_CACHE_CHIPS];
} Slice;

/* Whether a configuration fits the slice, which holds no more of them than the trial cache. */
static bool slice_takes(Slice *slice, uint64_t configuration)
{
    for (size_t i = 0; i < slice->n_configurations; i++)
        if (slice->configurations[i] == configuration)
            return true;
    if (slice->n_configurations == MHO_TRIAL_CACHE_CHIPS)
        return false;
    slice->configurations[slice->n_configurations++] = configuration;
    return true;
}

/* Point p and all later ones that share its devices and still have trials to run. */
static void fill_slice(const Sweep *sweep, const size_t *first, size_t p, bool *done, Slice *slice)
{
    const uint64_t devices = sweep->sharing[p].devices;
    slice->n = slice->n_configurations = 0;
    for (size_t q = p; q < sweep->grid.n_points && (q == p || devices != 0); q++) {
        if (done[q] || sweep->sharing[q].devices != devices || count_missing(sweep, q, first[q]) == 0 ||
            !slice_takes(slice, sweep->sharing[q].configuration))
            continue;
        done[q] = true;
        slice->points[slice->n++] = q;
    }
}

static void tell(const Sweep *sweep, MhoSweepEvent event)
{
    if (!sweep->options->event)
        return;
    event.result = sweep->path;
    event.n_points = sweep->grid.n_points;
    sweep->options->event(sweep->options->event_context, &event);
}

/* p: number of the point. */
static MhoStatus run_trial(Sweep *sweep, const MhoPointSetup *setup, size_t p, uint32_t chip, MhoJournal *journal,
                           MhoProgress *progress, MhoTrial *trial, MhoError *error)
{
    char note[64];
    MhoStatus status = mho_trial_run(setup, chip, NULL, trial, error);
    if (status == MHO_OK)
        status = mho_trials_host(&sweep->trials, journal->host, &trial->host, error);
    if (status == MHO_OK)
        status = mho_journal_append(journal, trial, error);
    if (status == MHO_OK)
        status = mho_trials_add(&sweep->trials, trial, error);
    if (status != MHO_OK)
        return status;
    snprintf(note, sizeof note, "accuracy %.2f %%", 100.0 * trial->accuracy);
    mho_progress_step(progress, progress->done + 1, note);
    tell(sweep,
         (MhoSweepEvent){
             .kind = MHO_SWEEP_TRIAL, .point = p, .trial = trial, .trials = progress->total, .done = progress->done});
    return MHO_OK;
}

/* The outer loop is over chips, the inner one over points, so that each chip is programmed once. */
static MhoStatus run_slice(Sweep *sweep, const size_t *first, Slice *slice, MhoJournal *journal, MhoProgress *progress,
                           MhoError *error)
{
    uint32_t n_chips = 0;
    MhoStatus status = MHO_OK;
    MhoTrial *trial = mho_calloc(1, sizeof *trial, error, "a trial");
    if (!trial)
        return MHO_MEMORY;
    memset(slice->setups, 0, slice->n * sizeof *slice->setups);
    for (size_t i = 0; i < slice->n && status == MHO_OK; i++) {
        const MhoPoint *point = &sweep->grid.points[slice->points[i]];
        const uint32_t chips = sweep->points[slice->points[i]].n_chips;
        n_chips = chips > n_chips ? chips : n_chips;
        status = mho_trial_cache_prepare(sweep->cache, point->settings, point->text, true, &slice->setups[i], error);
    }
    for (uint32_t chip = 0; chip < n_chips; chip++)
        for (size_t i = 0; i < slice->n && status == MHO_OK; i++) {
            const size_t p = slice->points[i];
            if (chip < sweep->points[p].n_chips && is_mine(sweep, first[p] + chip) &&
                !mho_trials_find(&sweep->trials, sweep->points[p].key, chip))
                status = run_trial(sweep, &slice->setups[i], p, chip, journal, progress, trial, error);
        }
    for (size_t i = 0; i < slice->n; i++)
        mho_point_setup_clear(&slice->setups[i]);
    free(trial);
    return status;
}

/* Run all missing trials of this part. first (n_points): number of each point's first trial in the whole study. */
static MhoStatus run_slices(Sweep *sweep, const size_t *first, MhoJournal *journal, MhoProgress *progress,
                            MhoError *error)
{
    const size_t n = sweep->grid.n_points;
    bool *done = mho_calloc(n, sizeof *done, error, "a sweep");
    Slice slice = {.points = done ? mho_calloc(n, sizeof *slice.points, error, "a sweep") : NULL};
    slice.setups = slice.points ? mho_calloc(n, sizeof *slice.setups, error, "a sweep") : NULL;
    MhoStatus status = slice.setups ? MHO_OK : MHO_MEMORY;
    for (size_t p = 0; p < n && status == MHO_OK; p++) {
        fill_slice(sweep, first, p, done, &slice);
        if (slice.n > 0)
            status = run_slice(sweep, first, &slice, journal, progress, error);
    }
    free(slice.setups);
    free(slice.points);
    free(done);
    return status;
}

/* What this process means to do, for those who watch. */
static MhoStatus write_plan(const Sweep *sweep, size_t trials, MhoError *error)
{
    char text[256], shard[32];
    mho_sweep_shard_name(sweep->options, shard, sizeof shard);
    snprintf(text, sizeof text, "trials %zu\nshard %s\nstudy_digest %s\n", trials, *shard ? shard : "1/1",
             sweep->digest);
    return mho_journal_write_plan(sweep->path, text, error);
}

static MhoStatus run_missing(Sweep *sweep, MhoError *error)
{
    size_t total = 0, missing = 0, number = 0;
    size_t *first = mho_calloc(sweep->grid.n_points, sizeof *first, error, "a sweep");
    if (!first)
        return MHO_MEMORY;
    for (size_t p = 0; p < sweep->grid.n_points; p++) {
        first[p] = number;
        for (uint32_t chip = 0; chip < sweep->points[p].n_chips; chip++)
            total += is_mine(sweep, number + chip);
        missing += count_missing(sweep, p, number);
        number += sweep->points[p].n_chips;
    }
    tell(sweep, (MhoSweepEvent){.kind = MHO_SWEEP_STARTED, .trials = total, .done = total - missing});
    MhoStatus status = MHO_OK;
    if (missing > 0) {
        MhoJournal journal;
        MhoProgress progress;
        status = mho_journal_open(sweep->path, &journal, error);
        if (status == MHO_OK)
            status = write_plan(sweep, total, error);
        mho_progress_start(&progress, sweep->options->model.log, "sweep", "trials", total, total - missing);
        if (status == MHO_OK)
            status = run_slices(sweep, first, &journal, &progress, error);
        mho_journal_close(&journal);
    }
    free(first);
    return status;
}

/* What is done already: in the journals of this result, and in the file that is extended. */
static MhoStatus gather_finished(Sweep *sweep, MhoError *error)
{
    const size_t others = mho_journal_other_builds(sweep->path);
    if (others > 0)
        mho_log(sweep->options->model.log, MHO_LOG_WARNING,
                "%zu journals of %s are of another build of mho; their trials run again", others, sweep->path);
    const MhoStatus status = mho_journal_read(sweep->path, &sweep->trials, error);
    return status == MHO_OK && sweep->options->extend ? mho_sweep_read_extended(sweep, error) : status;
}

/* The grid with its data; keys without effect and models of one name are refused before anything else. */
static MhoStatus open_grid(Sweep *sweep, MhoError *error)
{
    MhoStatus status = mho_points_create(sweep->study, &sweep->grid, error);
    if (status == MHO_OK)
        mho_points_warn(&sweep->grid, sweep->options->model.log);
    if (status == MHO_OK && sweep->study->has_train)
        status = mho_sweep_identify_data(&sweep->grid, sweep->options->model.data, error);
    if (status == MHO_OK && sweep->study->has_train)
        status = check_models(sweep, error);
    return status;
}

static void clear(Sweep *sweep)
{
    mho_trials_clear(&sweep->trials);
    free(sweep->points);
    free(sweep->sharing);
    free(sweep->layers);
    free(sweep->models);
    free(sweep->data);
    mho_trial_cache_destroy(sweep->cache);
    mho_points_destroy(&sweep->grid);
    mho_sweep_close_output(sweep);
}

MhoStatus mho_sweep(const MhoStudy *study, const MhoSweepOptions *options, char *path, size_t size, MhoError *error)
{
    Sweep sweep = {.study = study, .options = options, .path = path, .claim = {.file = -1}};
    const double started = mho_clock();
    bool finished = false;
    MhoStatus status = mho_result_path(study, options, path, size, error);
    if (status == MHO_OK)
        status = open_grid(&sweep, error);
    if (status == MHO_OK)
        status = mho_make_folders(path, error);
    if (status == MHO_OK)
        status = mho_sweep_open_output(&sweep, error);
    if (status == MHO_OK)
        status = mho_trial_cache_create(&options->model, &sweep.cache, error);
    if (status == MHO_OK)
        status = survey(&sweep, error);
    if (status == MHO_OK)
        status = mho_sweep_check_output(&sweep, &finished, error);
    if (status == MHO_OK && finished) {
        mho_log(options->model.log, MHO_LOG_INFO, "%s is the finished result of this study; nothing to do", path);
        mho_sweep_remove_journals(&sweep); /* of a process that was killed just after it wrote the result */
    } else if (status == MHO_OK) {
        status = gather_finished(&sweep, error);
        if (status == MHO_OK)
            status = run_missing(&sweep, error);
        if (status == MHO_OK)
            status = mho_sweep_write_output(&sweep, started, error);
    }
    if (status == MHO_OK)
        tell(&sweep, (MhoSweepEvent){.kind = MHO_SWEEP_FINISHED});
    clear(&sweep);
    return status;
}
