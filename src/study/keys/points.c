/* points.c - combinations of the axes, merged where they are the same point. */
#include "study/keys/points.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"

enum { MAX_COMBINATIONS = 1000000 };

static void point_clear(MhoPoint *point)
{
    mho_settings_destroy(point->settings);
    free(point->text);
    *point = (MhoPoint){0};
}

void mho_points_destroy(MhoPointList *list)
{
    for (size_t i = 0; i < list->n_points; i++)
        point_clear(&list->points[i]);
    free(list->points);
    free(list->point_of);
    *list = (MhoPointList){0};
}

/* Refuse unknown models, parameters that do not fit each other and misspelt stages, before any point runs. */
static MhoStatus check_settings(const MhoSettings *settings, MhoError *error)
{
    MhoChipConfig config;
    MhoQuantParams quant;
    MhoStages stages;
    const MhoAllocator *allocator;
    const void *params;
    MhoStatus status = mho_settings_chip_config(settings, &config, error);
    if (status == MHO_OK)
        status = mho_settings_policies(settings, &quant, error);
    if (status == MHO_OK)
        status = mho_stages_parse(mho_settings_train(settings)->stages, &stages, error);
    if (status == MHO_OK && mho_settings_uses(settings, "train.chip.cell.name"))
        status = mho_settings_train_chip_config(settings, &config, error);
    if (status == MHO_OK && mho_settings_uses(settings, "allocate.name"))
        status = mho_settings_allocator(settings, &allocator, &params, error);
    return status;
}

/* Settings, indices and text of combination number `at` (row-major: the last axis runs fastest). */
static MhoStatus point_make(const MhoStudy *study, size_t at, MhoPoint *point, MhoError *error)
{
    *point = (MhoPoint){0};
    MhoStatus status = mho_settings_copy(study->settings, &point->settings, error);
    for (size_t i = study->n_axes; i-- > 0;) {
        const MhoAxis *axis = &study->axes[i];
        if (axis->zipped)
            continue;
        for (size_t k = 0; k < mho_axes_together(study, i); k++)
            point->value[i + k] = at % axis->n;
        at /= axis->n;
    }
    for (size_t i = 0; i < study->n_axes && status == MHO_OK; i++) {
        const MhoAxis *axis = &study->axes[i];
        status = mho_settings_set(point->settings, axis->key, axis->values[point->value[i]], NULL, error);
    }
    if (status == MHO_OK)
        status = check_settings(point->settings, error);
    for (size_t i = 0; i < study->n_axes && status == MHO_OK; i++)
        point->applies[i] = mho_settings_uses(point->settings, study->axes[i].key);
    if (status == MHO_OK) {
        char *results = mho_settings_canonical(point->settings, false);
        char *recipe = mho_settings_canonical(point->settings, true); /* another recipe makes another model */
        if (!results || !recipe || asprintf(&point->text, "%s\n%s", results, recipe) < 0) {
            point->text = NULL;
            status = mho_fail(error, MHO_MEMORY, "out of memory for the points of the sweep");
        }
        free(results);
        free(recipe);
    }
    if (status != MHO_OK)
        point_clear(point);
    return status;
}

static bool same_point(const MhoPoint *a, const MhoPoint *b)
{
    return strcmp(a->text, b->text) == 0 &&
           strcmp(mho_settings_study(a->settings)->model, mho_settings_study(b->settings)->model) == 0;
}

/* The slot of a point (open addressing: index + 1 into points, 0: free), or the free slot for it. */
static size_t *slot_of(const MhoPointList *list, size_t *slots, size_t n_slots, const MhoPoint *point)
{
    size_t at = mho_digest64(point->text, strlen(point->text)) & (n_slots - 1);
    while (slots[at] && !same_point(point, &list->points[slots[at] - 1]))
        at = (at + 1) & (n_slots - 1);
    return &slots[at];
}

static MhoStatus check_axes(const MhoPointList *list, MhoError *error)
{
    for (size_t i = 0; i < list->study->n_axes; i++) {
        const char *key = list->study->axes[i].key;
        if (mho_settings_through_model(key) && !list->study->has_train)
            return mho_fail(error, MHO_USAGE,
                            "sweep.%s: the study has no train: section, so no model is trained and "
                            "the sweep would change nothing",
                            key);
        bool used = false;
        for (size_t p = 0; p < list->n_points && !used; p++)
            used = list->points[p].applies[i];
        if (!used)
            return mho_fail(error, MHO_USAGE,
                            "sweep.%s: no point of this study uses it, so the sweep would change "
                            "nothing; choose a model that does or take the axis out",
                            key);
    }
    return MHO_OK;
}

static bool is_used(const MhoPointList *list, const char *key)
{
    for (size_t p = 0; p < list->n_points; p++)
        if (mho_settings_uses(list->points[p].settings, key))
            return true;
    return false;
}

/* What would use a key of training. */
static const char *user_of(const char *key)
{
    static const struct {
        const char *lead, *user;
    } users[] = {
        {"train.noise.", "a quantized stage"},
        {"train.gradual.layers", "a quantized stage with injected noise (quant.weight.name=uniq, train.gradual.noise)"},
        {"train.gradual.", "a quantized stage whose quantizer of weights injects noise (quant.weight.name=uniq)"},
        {"train.validation_chips", "a stage chip or a stage allocate with allocate.feedback=chip"},
        {"train.chip", "a stage chip or a stage allocate with allocate.feedback=chip"}, /* train.chip_curriculum too */
        {"allocate.trial_chips", "a stage allocate with allocate.feedback=chip"},
        {"allocate.recovery_", "a stage allocate"},
        {"allocate.recovery", "a stage allocate with allocate.feedback=chip"},
    };
    for (size_t i = 0; i < sizeof users / sizeof *users; i++)
        if (strncmp(key, users[i].lead, strlen(users[i].lead)) == 0)
            return users[i].user;
    bool own = strchr(key + strlen("allocate."), '.') != NULL;
    return own ? "a stage allocate by this allocator (allocate.name)" : "a stage allocate";
}

/* Refuse a key of training that no point uses and that is not at its default. */
static MhoStatus check_stages(const MhoPointList *list, MhoError *error)
{
    const MhoSettings *settings = list->study->settings;
    MhoSettingsKey key = {0};
    while (mho_settings_next(settings, &key)) {
        if (!mho_settings_needs_stage(key.name) || mho_settings_is_default(settings, &key) || is_used(list, key.name))
            continue;
        if (mho_settings_of_train_chip(key.name) && is_used(list, "train.chip.cell.name"))
            return mho_fail(error, MHO_USAGE,
                            "%s does nothing with the other keys train.chip.*; take it out or choose a model that "
                            "uses it",
                            key.name);
        return mho_fail(error, MHO_USAGE,
                        "%s: only %s uses it, and with train.stages = %s it would change nothing; add what is missing "
                        "or take the key out",
                        key.name, user_of(key.name), mho_settings_train(settings)->stages);
    }
    return MHO_OK;
}

MhoStatus mho_points_create(const MhoStudy *study, MhoPointList *list, MhoError *error)
{
    *list = (MhoPointList){.study = study, .n_combinations = 1};
    for (size_t i = 0; i < study->n_axes; i += mho_axes_together(study, i)) {
        if (study->axes[i].n > MAX_COMBINATIONS / list->n_combinations)
            return mho_fail(error, MHO_USAGE, "sweep: more than %d combinations", MAX_COMBINATIONS);
        list->n_combinations *= study->axes[i].n;
    }
    size_t n_slots = 2;
    while (n_slots < 2 * list->n_combinations)
        n_slots *= 2;
    const size_t n = list->n_combinations;
    size_t *slots = mho_calloc(n_slots, sizeof *slots, error, "%zu points", n);
    list->points = slots ? mho_calloc(n, sizeof *list->points, error, "%zu points", n) : NULL;
    list->point_of = list->points ? mho_calloc(n, sizeof *list->point_of, error, "%zu points", n) : NULL;
    MhoStatus status = list->point_of ? MHO_OK : MHO_MEMORY;
    for (size_t at = 0; at < list->n_combinations && status == MHO_OK; at++) {
        MhoPoint point;
        status = point_make(study, at, &point, error);
        if (status != MHO_OK)
            break;
        size_t *slot = slot_of(list, slots, n_slots, &point);
        if (*slot) {
            point_clear(&point);
        } else {
            list->points[list->n_points++] = point;
            *slot = list->n_points;
        }
        list->point_of[at] = *slot - 1;
    }
    free(slots);
    if (status == MHO_OK)
        status = check_axes(list, error);
    if (status == MHO_OK)
        status = check_stages(list, error);
    if (status != MHO_OK)
        mho_points_destroy(list);
    return status;
}
