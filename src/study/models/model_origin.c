/* model_origin.c - the provenance of a model: its recipe in full, data, dates, threads and parents. */
#include "study/models/model_origin.h"

#include <limits.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "study/models/model_recipe.h"
#include "study/models/provenance.h"
#include "store/store.h"

static const char images_key[] = "data.training_sha256=";

static const MhoAttribute *provenance_attribute(const MhoRecord *record, const char *name, MhoType type)
{
    const MhoRecord *group = record ? mho_record_find(record, "provenance") : NULL;
    const MhoAttribute *attribute = group ? mho_attribute_find(&group->attributes, name) : NULL;
    return attribute && attribute->type == type && attribute->n == 1 ? attribute : NULL;
}

/* Where relative paths of the study's data are looked up: the folder of the study file, or the current one. */
static void absolute_folder(const MhoSettings *settings, char folder[PATH_MAX + 2])
{
    const char *given = mho_settings_folder(settings);
    if (!realpath(*given ? given : ".", folder)) {
        folder[0] = '\0';
        return;
    }
    const size_t n = strlen(folder);
    memcpy(folder + n, folder[n - 1] == '/' ? "" : "/", folder[n - 1] == '/' ? 1 : 2);
}

static int used_threads(int threads)
{
    return threads > 0 ? threads : omp_get_max_threads();
}

void mho_model_origin_begin(MhoModelOrigin *origin, const MhoRecord *checkpoint)
{
    const MhoAttribute *seconds = provenance_attribute(checkpoint, "seconds", MHO_F64),
                       *processes = provenance_attribute(checkpoint, "processes", MHO_I64);
    const char *started = checkpoint ? mho_provenance_text(checkpoint, "started") : "";
    const time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(origin->started, sizeof origin->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (*started && strlen(started) < sizeof origin->started)
        snprintf(origin->started, sizeof origin->started, "%s", started);
    origin->clock = mho_clock();
    origin->seconds = seconds ? *(const double *)seconds->data : 0.0;
    origin->processes = 1 + (processes ? *(const int64_t *)processes->data : 0);
}

MhoStatus mho_model_origin_write(const MhoModelOrigin *origin, MhoRecord *record, MhoError *error)
{
    const MhoStudyParams *study = mho_settings_study(origin->settings);
    char *recipe = mho_settings_canonical(origin->settings, true), folder[PATH_MAX + 2];
    MhoRecord *group = NULL;
    absolute_folder(origin->settings, folder);
    if (!recipe)
        return mho_fail(error, MHO_MEMORY, "out of memory for the recipe");
    const struct {
        const char *name, *text;
    } texts[] = {{"recipe", recipe},
                 {"data", study->data_train[0] ? study->data_train : study->data_name},
                 {"data_digest", mho_settings_training_digest(origin->settings)},
                 {"folder", folder},
                 {"started", origin->started},
                 {"parents", origin->parents ? origin->parents : ""}};
    MhoStatus status = mho_provenance_add(record, NULL, origin->seconds + mho_clock() - origin->clock, error);
    if (status == MHO_OK)
        status = mho_record_child(record, "provenance", &group, error);
    for (size_t i = 0; i < sizeof texts / sizeof *texts && status == MHO_OK; i++)
        status = mho_attribute_text(&group->attributes, texts[i].name, texts[i].text, error);
    if (status == MHO_OK)
        status = mho_attribute_int(&group->attributes, "seed", study->seed, error);
    if (status == MHO_OK)
        status = mho_attribute_int(&group->attributes, "threads", used_threads(origin->threads), error);
    if (status == MHO_OK)
        status = mho_attribute_int(&group->attributes, "processes", origin->processes, error);
    free(recipe);
    return status;
}

void mho_model_origin_compare(const MhoRecord *record, int threads, const char *what, const MhoLog *log)
{
    MhoRecord *mine = NULL;
    MhoError ignored = {0};
    const MhoAttribute *theirs = provenance_attribute(record, "threads", MHO_I64);
    const long long before = theirs ? *(const int64_t *)theirs->data : 0;
    static const char *const names[] = {"git_commit", "processor", "kernels", "compiler", "dnnl"},
                             *const words[] = {"commit", "processor", "kernels", "compiler", "oneDNN"};
    if (before > 0 && before != used_threads(threads))
        mho_log(log, MHO_LOG_WARNING, "%s with %lld thread%s and this run has %d, so the bytes may differ: -j %lld",
                what, before, before == 1 ? "" : "s", used_threads(threads), before);
    MhoStatus status = mho_record_create(&mine, &ignored);
    if (status == MHO_OK)
        status = mho_provenance_add(mine, NULL, 0.0, &ignored);
    for (size_t i = 0; i < sizeof names / sizeof *names && status == MHO_OK; i++) {
        const char *there = mho_provenance_text(record, names[i]), *here = mho_provenance_text(mine, names[i]);
        if (*there && strcmp(there, here) != 0)
            mho_log(log, MHO_LOG_WARNING, "%s with %s %s and this run has %s, so the bytes may differ", what, words[i],
                    there, here);
    }
    mho_record_destroy(mine);
}

/* Lines "key=value" of a recipe into a study's settings. */
static MhoStatus assign_lines(const char *text, const char *path, MhoStudy *study, MhoError *error)
{
    char *copy = mho_strdup(text, error), *rest = copy, *line;
    MhoStatus status = copy ? MHO_OK : MHO_MEMORY;
    while (status == MHO_OK && (line = strsep(&rest, "\n")) != NULL) {
        char *equals = strchr(line, '=');
        if (!equals || strncmp(line, images_key, sizeof images_key - 1) == 0)
            continue;
        *equals = '\0';
        status = mho_settings_set(study->settings, line, equals + 1, NULL, error);
    }
    free(copy);
    return status == MHO_OK ? MHO_OK : mho_fail_context(error, "%s: its recipe", path);
}

MhoStatus mho_model_origin_study(const char *path, MhoStudy *study, MhoRecord **record, MhoError *error)
{
    MhoStatus status = mho_store_read(path, false, record, error);
    if (status != MHO_OK)
        return status;
    const char *recipe = mho_provenance_text(*record, "recipe");
    if (!*recipe) {
        status = mho_fail(error, MHO_INPUT,
                          "%s holds no recipe, so it cannot be repeated: it was not made by `mho "
                          "train`, or by an older one",
                          path);
    } else {
        status = mho_study_read(NULL, study, error);
        if (status == MHO_OK) {
            study->has_train = true;
            status = mho_settings_set_folder(study->settings, mho_provenance_text(*record, "folder"), error);
            if (status == MHO_OK)
                status = assign_lines(recipe, path, study, error);
            if (status != MHO_OK)
                mho_study_destroy(study);
        }
    }
    if (status != MHO_OK) {
        mho_record_destroy(*record);
        *record = NULL;
    }
    return status;
}

MhoStatus mho_model_origin_refuse(const MhoRecord *record, const MhoSettings *settings, const char *path,
                                  MhoError *error)
{
    char difference[MHO_RECIPE_WHY_MAX], *here = mho_settings_canonical(settings, true);
    if (!here)
        return mho_fail(error, MHO_MEMORY, "out of memory for the recipe");
    mho_recipe_difference(mho_provenance_text(record, "recipe"), here, difference, sizeof difference);
    free(here);
    return mho_fail(error, MHO_INPUT,
                    "%s cannot be repeated: %s; --data names another folder of data, and --set trains by a changed "
                    "recipe",
                    path, *difference ? difference : "its recipe is not the text that it holds");
}
