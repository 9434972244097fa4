/* points.c - the combinations of each grid of axes, merged where they are the same point. */
#include "study/keys/points_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "study/keys/sweep_axes_internal.h"

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
    for (size_t i = 0; i < list->n_axes; i++) {
        for (size_t v = 0; v < list->axes[i].n; v++)
            free(list->axes[i].values[v]);
        free(list->axes[i].values);
    }
    free(list->axes);
    free(list->points);
    free(list->point_of);
    *list = (MhoPointList){0};
}

/* Axes that move together, and the rows of values that they take: indices into the list's axes. */
typedef struct Group {
    size_t n_axes, axis[MHO_MAX_AXES];
    size_t n_rows, *value; /* (n_rows, n_axes) */
} Group;

/* One product of groups. Axes that it does not sweep have one value, the study's own. */
typedef struct Grid {
    Group groups[MHO_MAX_AXES];
    size_t n_groups, n_combinations;
    size_t own[MHO_MAX_AXES]; /* (axes of the list) index of the study's own value */
} Grid;

static void grids_destroy(Grid *grids, size_t n)
{
    for (size_t g = 0; grids && g < n; g++)
        for (size_t k = 0; k < grids[g].n_groups; k++)
            free(grids[g].groups[k].value);
    free(grids);
}

/* The index of a value on an axis of the list, which gets it if it is new. */
static MhoStatus index_of(MhoAxis *axis, const char *value, size_t *index, MhoError *error)
{
    for (*index = 0; *index < axis->n; (*index)++)
        if (strcmp(axis->values[*index], value) == 0)
            return MHO_OK;
    return mho_axis_add_value(axis, value, error);
}

/* The number of the list's axis for a key, which is added if it is new. The study has at most MHO_MAX_AXES keys. */
static size_t axis_of(MhoPointList *list, const MhoAxis *like)
{
    size_t i = 0;
    for (; i < list->n_axes; i++)
        if (strcmp(list->axes[i].key, like->key) == 0)
            return i;
    list->axes[i] = (MhoAxis){.zipped = like->zipped && list->study->n_grids == 1};
    memcpy(list->axes[i].key, like->key, sizeof like->key);
    list->n_axes++;
    return i;
}

static MhoStatus group_start(MhoPointList *list, const MhoAxis *axes, size_t n, size_t n_rows, Group *group,
                             MhoError *error)
{
    *group = (Group){.n_axes = n, .n_rows = n_rows};
    for (size_t k = 0; k < n; k++)
        group->axis[k] = axis_of(list, &axes[k]);
    group->value = mho_calloc(n_rows * n, sizeof *group->value, error, "%zu values of a sweep", n_rows * n);
    return group->value ? MHO_OK : MHO_MEMORY;
}

/* The rows of axes that move together, or the values of one. */
static MhoStatus add_listed(MhoPointList *list, const MhoAxis *axes, size_t n, Group *group, MhoError *error)
{
    MhoStatus status = group_start(list, axes, n, axes->n, group, error);
    for (size_t row = 0; row < axes->n && status == MHO_OK; row++)
        for (size_t k = 0; k < n && status == MHO_OK; k++)
            status = index_of(&list->axes[group->axis[k]], axes[k].values[row], &group->value[row * n + k], error);
    return status;
}

/* The axes of a grid that are drawn, as one group of sample.n rows. */
static MhoStatus add_drawn(MhoPointList *list, const MhoAxis *axes, size_t n, Group *group, MhoError *error)
{
    const MhoStudyParams *params = mho_settings_study(list->study->settings);
    const char *keys[MHO_MAX_AXES];
    double row[MHO_MAX_AXES];
    MhoSampler *sampler = NULL;
    MhoStatus status = group_start(list, axes, n, (size_t)params->sample_n, group, error);
    if (status == MHO_OK)
        status = mho_sampler_create(params, n, &sampler, error);
    for (size_t k = 0; k < n; k++)
        keys[k] = axes[k].key;
    for (size_t at = 0; at < group->n_rows && status == MHO_OK; at++) {
        mho_sampler_next(sampler, keys, row);
        for (size_t k = 0; k < n && status == MHO_OK; k++) {
            char value[MHO_TEXT_MAX];
            MhoAxis *axis = &list->axes[group->axis[k]];
            mho_sample_format(&axes[k], mho_settings_find(list->study->settings, keys[k], NULL), row[k], value);
            group->value[at * n + k] = axis->n;
            status = mho_axis_add_value(axis, value, error);
        }
    }
    mho_sampler_destroy(sampler);
    return status;
}

/* The groups of grid number g. */
static MhoStatus grid_make(MhoPointList *list, size_t g, Grid *grid, MhoError *error)
{
    const MhoStudy *study = list->study;
    MhoAxis drawn[MHO_MAX_AXES];
    size_t n_drawn = 0;
    MhoStatus status = MHO_OK;
    grid->n_combinations = 1;
    for (size_t i = 0, n; i < study->n_axes && status == MHO_OK; i += n) {
        n = mho_axes_together(study, i);
        if (study->axes[i].grid == g && study->axes[i].drawn)
            drawn[n_drawn++] = study->axes[i];
        else if (study->axes[i].grid == g)
            status = add_listed(list, &study->axes[i], n, &grid->groups[grid->n_groups++], error);
    }
    if (status == MHO_OK && n_drawn > 0)
        status = add_drawn(list, drawn, n_drawn, &grid->groups[grid->n_groups++], error);
    for (size_t k = 0; k < grid->n_groups && status == MHO_OK; k++) {
        if (grid->groups[k].n_rows > MAX_COMBINATIONS / grid->n_combinations)
            return mho_fail(error, MHO_USAGE, "sweep: more than %d combinations", MAX_COMBINATIONS);
        grid->n_combinations *= grid->groups[k].n_rows;
    }
    return status;
}

static bool sweeps(const Grid *grid, size_t axis)
{
    for (size_t k = 0; k < grid->n_groups; k++)
        for (size_t a = 0; a < grid->groups[k].n_axes; a++)
            if (grid->groups[k].axis[a] == axis)
                return true;
    return false;
}

/* All grids, and the list's axes with every value that a point may take. */
static MhoStatus grids_make(MhoPointList *list, Grid *grids, MhoError *error)
{
    const MhoStudy *study = list->study;
    MhoStatus status = MHO_OK;
    list->is_grid = study->n_grids == 1;
    for (size_t i = 0; i < study->n_axes; i++)
        list->is_grid = list->is_grid && !study->axes[i].drawn;
    for (size_t g = 0; g < study->n_grids && status == MHO_OK; g++) {
        status = grid_make(list, g, &grids[g], error);
        list->n_combinations += grids[g].n_combinations;
        if (status == MHO_OK && list->n_combinations > MAX_COMBINATIONS)
            status = mho_fail(error, MHO_USAGE, "sweep: more than %d combinations", MAX_COMBINATIONS);
    }
    for (size_t g = 0; g < study->n_grids && status == MHO_OK; g++)
        for (size_t i = 0; i < list->n_axes && status == MHO_OK; i++) {
            char own[MHO_TEXT_MAX];
            if (sweeps(&grids[g], i))
                continue;
            mho_settings_format(study->settings, list->axes[i].key, own, sizeof own);
            status = index_of(&list->axes[i], own, &grids[g].own[i], error);
        }
    return status;
}

/* Indices of combination number `at` of a grid (row-major: the last group runs fastest). */
static void place_values(const MhoPointList *list, const Grid *grid, size_t at, MhoPoint *point)
{
    memcpy(point->value, grid->own, list->n_axes * sizeof *point->value);
    for (size_t k = grid->n_groups; k-- > 0;) {
        const Group *group = &grid->groups[k];
        for (size_t a = 0; a < group->n_axes; a++)
            point->value[group->axis[a]] = group->value[(at % group->n_rows) * group->n_axes + a];
        at /= group->n_rows;
    }
}

/* Settings, indices and text of a combination. */
static MhoStatus point_make(const MhoPointList *list, const Grid *grid, size_t at, MhoPoint *point, MhoError *error)
{
    *point = (MhoPoint){0};
    MhoStatus status = mho_settings_copy(list->study->settings, &point->settings, error);
    place_values(list, grid, at, point);
    for (size_t i = 0; i < list->n_axes && status == MHO_OK; i++)
        status =
            mho_settings_set(point->settings, list->axes[i].key, list->axes[i].values[point->value[i]], NULL, error);
    if (status == MHO_OK)
        status = mho_settings_check(point->settings, error);
    for (size_t i = 0; i < list->n_axes && status == MHO_OK; i++)
        point->applies[i] = mho_settings_uses(point->settings, list->axes[i].key);
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

/* Every combination of every grid becomes a new point or is one that is there. */
static MhoStatus add_points(MhoPointList *list, const Grid *grids, MhoError *error)
{
    const size_t n = list->n_combinations;
    size_t n_slots = 2, combination = 0;
    while (n_slots < 2 * n)
        n_slots *= 2;
    size_t *slots = mho_calloc(n_slots, sizeof *slots, error, "%zu points", n);
    list->points = slots ? mho_calloc(n, sizeof *list->points, error, "%zu points", n) : NULL;
    list->point_of = list->points ? mho_calloc(n, sizeof *list->point_of, error, "%zu points", n) : NULL;
    MhoStatus status = list->point_of ? MHO_OK : MHO_MEMORY;
    for (size_t g = 0; g < list->study->n_grids; g++)
        for (size_t at = 0; at < grids[g].n_combinations && status == MHO_OK; at++) {
            MhoPoint point;
            status = point_make(list, &grids[g], at, &point, error);
            if (status != MHO_OK)
                break;
            size_t *slot = slot_of(list, slots, n_slots, &point);
            if (*slot) {
                point_clear(&point);
            } else {
                list->points[list->n_points++] = point;
                *slot = list->n_points;
            }
            list->point_of[combination++] = *slot - 1;
        }
    free(slots);
    return status;
}

MhoStatus mho_points_create(const MhoStudy *study, MhoPointList *list, MhoError *error)
{
    *list = (MhoPointList){.study = study};
    Grid *grids = mho_calloc(study->n_grids, sizeof *grids, error, "the grids of a sweep");
    list->axes = grids ? mho_calloc(MHO_MAX_AXES, sizeof *list->axes, error, "the axes of a sweep") : NULL;
    MhoStatus status = list->axes ? mho_points_check_drawn(study, error) : MHO_MEMORY;
    if (status == MHO_OK)
        status = grids_make(list, grids, error);
    if (status == MHO_OK)
        status = add_points(list, grids, error);
    if (status == MHO_OK)
        status = mho_points_check(list, error);
    grids_destroy(grids, study->n_grids);
    if (status == MHO_USAGE)
        status = mho_study_fail_place(study, error);
    if (status != MHO_OK)
        mho_points_destroy(list);
    return status;
}

/* The first values of an axis, and how many there are. */
static void describe_axis(const MhoPointList *list, const MhoAxis *axis, FILE *out)
{
    enum { SHOWN = 10 };
    const MhoParam *param = mho_settings_find(list->study->settings, axis->key, NULL);
    const size_t shown = axis->n <= SHOWN + 2 ? axis->n : SHOWN;
    fprintf(out, "  %-28s ", axis->key);
    for (size_t v = 0; v < shown; v++)
        fprintf(out, "%s%s", v ? ", " : "", axis->values[v]);
    if (shown < axis->n)
        fprintf(out, ", ... %s (%zu values)", axis->values[axis->n - 1], axis->n);
    fprintf(out, "%s%s\n", *param->unit ? " " : "", param->unit);
}

void mho_points_describe(const MhoPointList *list, FILE *out)
{
    fprintf(out, "%zu point%s", list->n_points, list->n_points == 1 ? "" : "s");
    if (list->study->n_grids > 1)
        fprintf(out, " of %zu grids", list->study->n_grids);
    if (list->n_points < list->n_combinations)
        fprintf(out, " (%zu combinations; those that differ only in keys that they do not use are one point)",
                list->n_combinations);
    fputc('\n', out);
    for (size_t i = 0; i < list->n_axes; i++)
        describe_axis(list, &list->axes[i], out);
}
