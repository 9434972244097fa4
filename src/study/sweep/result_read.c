/* result_read.c - points and trials back out of a result record, which may come from a hostile file. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "study/sweep/result.h"
#include "study/sweep/trial_fields.h"

enum { MAX_FIELDS = 32 };

/* The arrays of a result that trials are read from. */
typedef struct StoredArrays {
    const MhoArray *fields[MAX_FIELDS]; /* of mho_trial_fields; NULL: not there, and not required */
    const MhoArray *keys, *chips, *hosts, *host_names;
    size_t n_points, n_chips, n_layers;
} StoredArrays;

static MhoStatus check_shape(const StoredArrays *at, const MhoArray *array, MhoFieldAxes axes, const char *file,
                             const char *path, MhoError *error)
{
    const size_t expected[][3] = {
        [MHO_FIELD_POINT_CHIP] = {at->n_points, at->n_chips, 0},
        [MHO_FIELD_POINT] = {at->n_points, 0, 0},
        [MHO_FIELD_POINT_CHIP_LAYER] = {at->n_points, at->n_chips, at->n_layers},
        [MHO_FIELD_POINT_LAYER] = {at->n_points, at->n_layers, 0},
    };
    for (size_t d = 0; d < array->rank; d++)
        if (array->shape[d] != expected[axes][d])
            return mho_fail(error, MHO_INPUT, "%s: %s has another shape than accuracy; not a whole result", file, path);
    return MHO_OK;
}

/* The array of a field, when it is there; its shape is checked. */
static MhoStatus find_field(const MhoRecord *result, const char *file, const MhoTrialField *field,
                            const StoredArrays *at, const MhoArray **array, MhoError *error)
{
    static const size_t ranks[] = {[MHO_FIELD_POINT_CHIP] = 2,
                                   [MHO_FIELD_POINT] = 1,
                                   [MHO_FIELD_POINT_CHIP_LAYER] = 3,
                                   [MHO_FIELD_POINT_LAYER] = 2};
    char path[2 * MHO_NAME_MAX];
    *array = NULL;
    snprintf(path, sizeof path, "%s%s%s", field->group, *field->group ? "/" : "", field->name);
    if (!field->required && !mho_record_array(result, path))
        return MHO_OK;
    const MhoStatus status = mho_record_require(result, file, path, field->type, ranks[field->axes], array, error);
    return status == MHO_OK ? check_shape(at, *array, field->axes, file, path, error) : status;
}

static MhoStatus find_hosts(const MhoRecord *result, const char *file, StoredArrays *at, MhoError *error)
{
    at->hosts = at->host_names = NULL;
    if (!mho_record_array(result, "provenance/host") || !mho_record_array(result, "provenance/host_name"))
        return MHO_OK;
    MhoStatus status = mho_record_require(result, file, "provenance/host", MHO_I32, 2, &at->hosts, error);
    if (status == MHO_OK)
        status = mho_record_require(result, file, "provenance/host_name", MHO_STRING, 1, &at->host_names, error);
    return status == MHO_OK ? check_shape(at, at->hosts, MHO_FIELD_POINT_CHIP, file, "provenance/host", error) : status;
}

static MhoStatus require_arrays(const MhoRecord *result, const char *file, StoredArrays *at, MhoError *error)
{
    const MhoArray *accuracy, *signal;
    MhoStatus status = mho_record_require(result, file, "accuracy", MHO_F64, 2, &accuracy, error);
    if (status == MHO_OK)
        status = mho_record_require(result, file, "signal", MHO_F64, 3, &signal, error);
    if (status == MHO_OK)
        status = mho_record_require(result, file, "point_key", MHO_U64, 1, &at->keys, error);
    if (status == MHO_OK)
        status = mho_record_require(result, file, "n_chips", MHO_I32, 1, &at->chips, error);
    if (status != MHO_OK)
        return status;
    at->n_points = accuracy->shape[0];
    at->n_chips = accuracy->shape[1];
    at->n_layers = signal->shape[2];
    if (at->n_layers > MHO_TRIAL_MAX_LAYERS)
        return mho_fail(error, MHO_INPUT, "%s: %zu layers; at most %d", file, at->n_layers, MHO_TRIAL_MAX_LAYERS);
    status = check_shape(at, at->keys, MHO_FIELD_POINT, file, "point_key", error);
    if (status == MHO_OK)
        status = check_shape(at, at->chips, MHO_FIELD_POINT, file, "n_chips", error);
    for (size_t f = 0; f < mho_n_trial_fields && status == MHO_OK; f++)
        status = find_field(result, file, &mho_trial_fields[f], at, &at->fields[f], error);
    return status == MHO_OK ? find_hosts(result, file, at, error) : status;
}

MhoStatus mho_result_points(const MhoRecord *result, const char *file, MhoPointInfo **points, size_t *n,
                            MhoError *error)
{
    StoredArrays at;
    MhoStatus status = require_arrays(result, file, &at, error);
    if (status != MHO_OK)
        return status;
    *n = at.keys->shape[0];
    *points = mho_calloc(*n, sizeof **points, error, "the points of a result");
    if (!*points)
        return MHO_MEMORY;
    for (size_t p = 0; p < *n; p++) {
        int32_t chips = ((const int32_t *)at.chips->data)[p];
        (*points)[p] =
            (MhoPointInfo){.key = ((const uint64_t *)at.keys->data)[p], .n_chips = chips > 0 ? (uint32_t)chips : 0};
        if (chips < 1 || (size_t)chips > at.n_chips) {
            free(*points);
            *points = NULL;
            return mho_fail(error, MHO_INPUT, "%s: n_chips of point %zu is %d and accuracy has %zu chips", file, p,
                            chips, at.n_chips);
        }
    }
    return MHO_OK;
}

/* Number i of a field's array: NULL gives what stands where nothing is known. */
static uint64_t stored(const MhoTrialField *field, const MhoArray *array, size_t i)
{
    return array ? ((const uint64_t *)array->data)[i] : mho_field_none(field);
}

/* Layers that the trial's network has: those with a signal. */
static uint32_t count_layers(const StoredArrays *at, size_t row)
{
    uint32_t n = 0;
    for (size_t f = 0; f < mho_n_trial_fields; f++)
        if (strcmp(mho_trial_fields[f].name, "signal") == 0)
            while (n < at->n_layers && !isnan(((const double *)at->fields[f]->data)[row * at->n_layers + n]))
                n++;
    return n;
}

static void fill_trial(const StoredArrays *at, size_t p, size_t chip, MhoTrial *trial)
{
    const size_t row = p * at->n_chips + chip;
    memset(trial, 0, offsetof(MhoTrial, layers)); /* the fields set all of each layer that is there */
    trial->point = ((const uint64_t *)at->keys->data)[p];
    trial->chip = (uint32_t)chip;
    trial->n_layers = count_layers(at, row);
    for (size_t f = 0; f < mho_n_trial_fields; f++) {
        const MhoTrialField *field = &mho_trial_fields[f];
        const bool of_layer = mho_field_is_of_layer(field);
        const size_t first = field->axes == MHO_FIELD_POINT || field->axes == MHO_FIELD_POINT_LAYER ? p : row;
        for (size_t l = 0; l < (of_layer ? trial->n_layers : 1); l++)
            mho_field_set(field, trial, l, stored(field, at->fields[f], of_layer ? first * at->n_layers + l : first));
    }
}

/* The number in trials->hosts of the machine of a trial. */
static MhoStatus find_host(const StoredArrays *at, size_t row, MhoTrials *trials, uint32_t *number, MhoError *error)
{
    const int32_t host = at->hosts ? ((const int32_t *)at->hosts->data)[row] : -1;
    const bool known = host >= 0 && (size_t)host < at->host_names->shape[0];
    return mho_trials_host(trials, known ? ((char *const *)at->host_names->data)[host] : "unknown", number, error);
}

MhoStatus mho_result_trials(const MhoRecord *result, const char *file, MhoTrials *trials, MhoError *error)
{
    StoredArrays at;
    MhoStatus status = require_arrays(result, file, &at, error);
    MhoTrial *trial = status == MHO_OK ? mho_calloc(1, sizeof *trial, error, "a trial") : NULL;
    if (status == MHO_OK && !trial)
        status = MHO_MEMORY;
    const double *accuracy = status == MHO_OK ? mho_record_array(result, "accuracy")->data : NULL;
    for (size_t row = 0; status == MHO_OK && row < at.n_points * at.n_chips; row++) {
        if (isnan(accuracy[row]))
            continue;
        fill_trial(&at, row / at.n_chips, row % at.n_chips, trial);
        status = find_host(&at, row, trials, &trial->host, error);
        if (status == MHO_OK)
            status = mho_trials_add(trials, trial, error);
        if (status != MHO_OK)
            status = mho_fail_context(error, "%s", file);
    }
    free(trial);
    return status;
}
