/* sweep.c - from a study to its result: the grid, what each point needs, what is done already, what runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "study/sweep/sweep_internal.h"

static bool has_line(const char *lines, const char *line)
{
    const char *at = lines;
    while (at && (at = strstr(at, line)) != NULL && at != lines && at[-1] != '\n')
        at++;
    return at != NULL;
}

/* Adds a line to a list of lines unless it is there. Takes over line, which ends with a line end. */
static MhoStatus note_line(char **lines, char *line, MhoError *error)
{
    char *joined = NULL;
    if (has_line(*lines, line)) {
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
    MhoStatus status = mho_model_name(settings, path, sizeof path, error); /* the same in every current folder */
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
    const MhoSettings *settings; /* of the first point that uses it */
} ModelFile;

/* Adds a point's model file to the list. USAGE when another recipe has the same file. */
static MhoStatus add_model(const MhoSettings *settings, ModelFile **list, size_t *n, MhoError *error)
{
    ModelFile model = {.settings = settings};
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

MhoStatus mho_sweep_check_models(const MhoPointList *grid, const MhoModelOptions *options, MhoError *error)
{
    ModelFile *list = NULL;
    size_t n = 0;
    MhoStatus status = MHO_OK;
    for (size_t p = 0; p < grid->n_points && status == MHO_OK; p++)
        status = add_model(grid->points[p].settings, &list, &n, error);
    /* one file for two recipes is told first: what lies there would be another recipe's however it was made */
    for (size_t i = 0; i < n && status == MHO_OK && options->may_train; i++)
        status = mho_model_check(list[i].settings, options, list[i].path, error);
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

MhoStatus mho_sweep_survey(Sweep *sweep, MhoError *error)
{
    const size_t n_points = sweep->grid.n_points;
    sweep->points = mho_calloc(n_points, sizeof *sweep->points, error, "a sweep");
    sweep->sharing = sweep->points ? mho_calloc(n_points, sizeof *sweep->sharing, error, "a sweep") : NULL;
    sweep->first = sweep->sharing ? mho_calloc(n_points, sizeof *sweep->first, error, "a sweep") : NULL;
    MhoStatus status = sweep->first ? MHO_OK : MHO_MEMORY;
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
    for (size_t p = 1; p < n_points && status == MHO_OK; p++)
        sweep->first[p] = sweep->first[p - 1] + sweep->points[p - 1].n_chips;
    char *text = status == MHO_OK ? mho_study_text(sweep->study) : NULL, *all = NULL;
    if (status == MHO_OK && (!text || asprintf(&all, "%s\n%s\n%s", text, sweep->models, sweep->data) < 0))
        status = mho_fail(error, MHO_MEMORY, "out of memory for the digest of a study");
    if (status == MHO_OK)
        mho_sha256(all, strlen(all), sweep->digest);
    free(text);
    free(all);
    return status;
}

MhoStatus mho_sweep_gather(Sweep *sweep, MhoError *error)
{
    const size_t others = mho_journal_other_builds(sweep->path);
    if (others > 0)
        mho_log(sweep->options->model.log, MHO_LOG_WARNING,
                "%zu journals of %s are of another build of mho; their trials run again", others, sweep->path);
    const MhoStatus status = mho_journal_read(sweep->path, &sweep->trials, error);
    if (status == MHO_OK)
        mho_sweep_tell_others(sweep);
    return status == MHO_OK && sweep->options->extend ? mho_sweep_read_extended(sweep, error) : status;
}

MhoStatus mho_sweep_open_grid(Sweep *sweep, MhoError *error)
{
    MhoStatus status = mho_points_create(sweep->study, &sweep->grid, error);
    if (status == MHO_OK)
        mho_points_warn(&sweep->grid, sweep->options->model.log);
    sweep->stop = mho_stop_rule(sweep->study->settings);
    if (status == MHO_OK && sweep->study->has_train)
        status = mho_sweep_identify_data(&sweep->grid, sweep->options->model.data, error);
    if (status == MHO_OK && sweep->study->has_train)
        status = mho_sweep_check_models(&sweep->grid, &sweep->options->model, error);
    return status;
}

void mho_sweep_clear(Sweep *sweep)
{
    mho_trials_clear(&sweep->trials);
    free(sweep->points);
    free(sweep->first);
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
        status = mho_sweep_open_grid(&sweep, error);
    if (status == MHO_OK)
        status = mho_make_folders(path, error);
    if (status == MHO_OK)
        status = mho_sweep_open_output(&sweep, error);
    if (status == MHO_OK)
        status = mho_trial_cache_create(&options->model, &sweep.cache, error);
    if (status == MHO_OK)
        status = mho_sweep_survey(&sweep, error);
    if (status == MHO_OK)
        status = mho_sweep_check_output(&sweep, &finished, error);
    if (status == MHO_OK && finished) {
        mho_log(options->model.log, MHO_LOG_INFO, "%s is the finished result of this study; nothing to do", path);
        mho_sweep_remove_journals(&sweep); /* of a process that was killed just after it wrote the result */
    } else if (status == MHO_OK) {
        status = mho_sweep_gather(&sweep, error);
        if (status == MHO_OK)
            status = mho_sweep_run(&sweep, error);
        if (status == MHO_OK)
            status = mho_sweep_write_output(&sweep, started, error);
    }
    if (status == MHO_OK)
        mho_sweep_tell(&sweep, (MhoSweepEvent){.kind = MHO_SWEEP_FINISHED});
    mho_sweep_clear(&sweep);
    return status;
}
