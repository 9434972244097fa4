/* rerun.c - `mho rerun`: a trial is a pure function of model, images, study, point and chip, so it can be repeated. */
#include "study/sweep/rerun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/store.h"
#include "study/models/provenance.h"
#include "study/sweep/sweep.h"

typedef struct Rerun {
    const char *file, *data; /* data: --data, or NULL */
    MhoRecord *result;
    MhoStudy study;
    MhoPointList grid;
    MhoPointInfo *points; /* (n_points) of the result */
    size_t n_points;
    MhoTrials trials;
    const MhoTrial *stored; /* the trial in the result */
    size_t point;
} Rerun;

static const char *root_text(const Rerun *at, const char *name)
{
    const char *text = mho_attribute_string(&at->result->attributes, name);
    return text ? text : "";
}

static MhoStatus open_result(Rerun *at, MhoError *error)
{
    MhoStatus status = mho_store_read(at->file, true, &at->result, error);
    if (status == MHO_OK && strcmp(root_text(at, "kind"), "result") != 0)
        status = mho_fail(error, MHO_INPUT, "%s: is not the result of a sweep", at->file);
    if (status == MHO_OK)
        status = mho_study_from_text(root_text(at, "study"), at->file, &at->study, error);
    if (status == MHO_OK)
        status = mho_points_create(&at->study, &at->grid, error);
    if (status == MHO_OK && at->study.has_train && strstr(mho_settings_study(at->study.settings)->model, "{recipe}"))
        status = mho_sweep_identify_data(&at->grid, at->data, error); /* part of the recipe, and so of the name */
    if (status == MHO_OK)
        status = mho_result_points(at->result, at->file, &at->points, &at->n_points, error);
    if (status == MHO_OK && at->n_points != at->grid.n_points)
        status =
            mho_fail(error, MHO_INPUT, "%s: holds %zu points and its study has %zu: made by another version of mho",
                     at->file, at->n_points, at->grid.n_points);
    return status == MHO_OK ? mho_result_trials(at->result, at->file, &at->trials, error) : status;
}

static MhoStatus find_trial(Rerun *at, size_t trial, MhoError *error)
{
    size_t n = 0;
    for (size_t p = 0; p < at->n_points; p++)
        for (uint32_t chip = 0; chip < at->points[p].n_chips; chip++, n++) {
            if (n != trial)
                continue;
            at->point = p;
            at->stored = mho_trials_find(&at->trials, at->points[p].key, chip);
            if (at->stored)
                return MHO_OK;
            return mho_fail(error, MHO_INPUT, "%s: trial %zu (point %zu, chip %u) belongs to another part", at->file,
                            trial, p, chip);
        }
    return mho_fail(error, MHO_INPUT, "%s: has trials 0 to %zu; --trial %zu is not one of them", at->file, n - 1,
                    trial);
}

/* Why the trial of this setup is not the one that the result holds. */
static MhoStatus explain(const Rerun *at, const MhoPointSetup *setup, MhoError *error)
{
    char model[4096] = "";
    const MhoRecord *provenance = mho_record_find(at->result, "provenance");
    const char *version = provenance ? mho_attribute_string(&provenance->attributes, "mho_version") : NULL;
    MhoStatus status = mho_model_path(at->grid.points[at->point].settings, model, sizeof model, error);
    if (status != MHO_OK)
        return status;
    if (!strstr(root_text(at, "models"), setup->model_digest))
        return mho_fail(error, MHO_INPUT, "%s: was made with another model than the one in %s now", at->file, model);
    if (*root_text(at, "data") && !strstr(root_text(at, "data"), setup->images->digest))
        return mho_fail(error, MHO_INPUT, "%s: was made with other images than those of %s now", at->file,
                        setup->images->name);
    if (*root_text(at, "data") && !strstr(root_text(at, "data"), setup->calibration->digest))
        return mho_fail(error, MHO_INPUT, "%s: was made with other training images than those of %s now", at->file,
                        setup->calibration->name);
    if (version && strcmp(version, mho_version()) == 0)
        return mho_fail(error, MHO_INPUT,
                        "%s: its point %zu has other settings in this build of mho than in the one that made it, as a "
                        "default that changed",
                        at->file, at->point);
    return mho_fail(error, MHO_INPUT, "%s: was made by version %s of mho and this is %s", at->file,
                    version ? version : "unknown", mho_version());
}

/* The swept keys of the point; NULL: out of memory. */
static char *settings_text(const Rerun *at)
{
    const MhoPoint *point = &at->grid.points[at->point];
    char *text = NULL;
    size_t size = 0, n = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < at->grid.n_axes; i++) {
        char value[MHO_TEXT_MAX];
        if (!point->applies[i])
            continue;
        mho_settings_format(point->settings, at->grid.axes[i].key, value, sizeof value);
        fprintf(out, "%s%s=%s", n++ ? ", " : "", at->grid.axes[i].key, value);
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static MhoStatus run(Rerun *at, const MhoModelOptions *options, MhoRerun *rerun, MhoError *error)
{
    const MhoPoint *point = &at->grid.points[at->point];
    MhoTrialCache *cache = NULL;
    MhoPointSetup setup = {0};
    MhoTrial *now = mho_calloc(1, sizeof *now, error, "a trial");
    MhoStatus status = now ? mho_trial_cache_create(options, &cache, error) : MHO_MEMORY;
    if (status == MHO_OK)
        status = mho_trial_cache_prepare(cache, point->settings, point->text, true, &setup, error);
    if (status == MHO_OK && setup.point != at->stored->point)
        status = explain(at, &setup, error);
    if (status == MHO_OK)
        status = mho_trial_run(&setup, at->stored->chip, NULL, now, error);
    if (status == MHO_OK) {
        *rerun = (MhoRerun){.point = at->point,
                            .chip = at->stored->chip,
                            .accuracy = at->stored->accuracy,
                            .loss = at->stored->loss,
                            .seconds = at->stored->seconds,
                            .logits = at->stored->logits,
                            .accuracy_now = now->accuracy,
                            .loss_now = now->loss,
                            .seconds_now = now->seconds,
                            .logits_now = now->logits,
                            .settings = settings_text(at)};
        if (now->logits != at->stored->logits)
            status =
                mho_fail(error, MHO_FAILED, "%s: the logits differ from those of the result: %016llx, then %016llx",
                         at->file, (unsigned long long)now->logits, (unsigned long long)at->stored->logits);
    }
    mho_point_setup_clear(&setup);
    mho_trial_cache_destroy(cache);
    free(now);
    return status;
}

MhoStatus mho_rerun(const char *result, size_t trial, const MhoModelOptions *options, MhoRerun *rerun, MhoError *error)
{
    Rerun at = {.file = result, .data = options->data};
    MhoModelOptions no_training = *options;
    no_training.may_train = false;
    *rerun = (MhoRerun){0};
    MhoStatus status = open_result(&at, error);
    if (status == MHO_OK)
        status = find_trial(&at, trial, error);
    if (status == MHO_OK)
        status = run(&at, &no_training, rerun, error);
    mho_trials_clear(&at.trials);
    free(at.points);
    mho_points_destroy(&at.grid);
    mho_study_destroy(&at.study);
    mho_record_destroy(at.result);
    return status;
}
