/* result.c - trials and grid into the record of a result file. */
#include "study/sweep/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "study/models/provenance.h"
#include "study/report/intervals.h"

static const double confidence = 0.95;

/* What is being assembled, so that each part stays a short function. */
typedef struct Assembly {
    const MhoResultInput *input;
    MhoRecord *record;
    size_t n_points, n_chips, n_layers;
    const MhoTrial **trial; /* (n_points, n_chips), NULL where none */
} Assembly;

static MhoStatus add_axis(MhoRecord *record, const char *name, size_t n, const char *help, MhoError *error)
{
    int32_t *index = mho_calloc(n, sizeof *index, error, "an axis of %zu values", n);
    if (!index)
        return MHO_MEMORY;
    for (size_t i = 0; i < n; i++)
        index[i] = (int32_t)i;
    MhoStatus status = mho_record_add(record, name, MHO_I32, 1, &n, &name, "", help, index, NULL, error);
    free(index);
    return status;
}

static void put(MhoArray *array, size_t i, const void *value)
{
    memcpy((unsigned char *)array->data + i * sizeof(uint64_t), value, sizeof(uint64_t));
}

/* A field of 8 bytes of every trial (point, chip). Where no trial was run: NaN, or 0 for a digest. */
static MhoStatus add_trial_field(Assembly *at, const char *name, MhoType type, const char *help, size_t field,
                                 MhoError *error)
{
    const size_t shape[] = {at->n_points, at->n_chips};
    const char *const axes[] = {"point", "chip"};
    const double none = NAN;
    MhoArray *array;
    MhoStatus status = mho_record_add(at->record, name, type, 2, shape, axes, "", help, NULL, &array, error);
    for (size_t i = 0; status == MHO_OK && i < at->n_points * at->n_chips; i++)
        if (at->trial[i])
            put(array, i, (const unsigned char *)at->trial[i] + field);
        else if (type == MHO_F64)
            put(array, i, &none);
    return status;
}

static double layer_snr(const MhoLayerMeter *meter)
{
    return meter->noise > 0.0 ? meter->signal / meter->noise : meter->signal > 0.0 ? INFINITY : NAN;
}

static double layer_clip_rate(const MhoLayerMeter *meter)
{
    return meter->conversions ? (double)meter->clipped / (double)meter->conversions : NAN;
}

/* An array (point, chip, layer): a ratio of a meter's fields, or one of its fields of 8 bytes. */
typedef struct LayerArray {
    const char *name;
    MhoType type;
    double (*ratio)(const MhoLayerMeter *); /* NULL: the field */
    size_t field;
    const char *help;
} LayerArray;

static const LayerArray layer_arrays[] = {
    {"snr", MHO_F64, layer_snr, 0,
     "signal-to-noise power ratio of a layer's sums against the integer sums of the same input codes, over the first "
     "data.measured images"},
    {"clip_rate", MHO_F64, layer_clip_rate, 0, "part of the conversions that met the end of the converter's range"},
    {"signal", MHO_F64, NULL, offsetof(MhoLayerMeter, signal),
     "sum of squares of a layer's integer sums over the measured images, accumulator units"},
    {"noise", MHO_F64, NULL, offsetof(MhoLayerMeter, noise), "sum of squares of the chip's difference to them"},
    {"conversions", MHO_I64, NULL, offsetof(MhoLayerMeter, conversions), "ADC conversions of all images"},
    {"clipped", MHO_I64, NULL, offsetof(MhoLayerMeter, clipped),
     "conversions that met the end of the converter's range"},
};

/* Where no trial was run: NaN, or 0 for a count. */
static MhoStatus add_layer_array(Assembly *at, const LayerArray *wanted, MhoError *error)
{
    const size_t shape[] = {at->n_points, at->n_chips, at->n_layers};
    const char *const axes[] = {"point", "chip", "layer"};
    MhoArray *array;
    MhoStatus status =
        mho_record_add(at->record, wanted->name, wanted->type, 3, shape, axes, "", wanted->help, NULL, &array, error);
    for (size_t i = 0; status == MHO_OK && i < at->n_points * at->n_chips * at->n_layers; i++) {
        const MhoTrial *trial = at->trial[i / at->n_layers];
        const size_t l = i % at->n_layers;
        const MhoLayerMeter *meter = trial && l < trial->n_layers ? &trial->layers[l] : NULL;
        const double ratio = meter && wanted->ratio ? wanted->ratio(meter) : NAN;
        if (meter && !wanted->ratio)
            put(array, i, (const unsigned char *)meter + wanted->field);
        else if (wanted->type == MHO_F64)
            put(array, i, &ratio);
    }
    return status;
}

static MhoStatus add_layers(Assembly *at, MhoError *error)
{
    static const char *const axis = "layer";
    MhoArray *names = NULL;
    MhoStatus status =
        mho_record_add(at->record, axis, MHO_STRING, 1, &at->n_layers, &axis, "", "analog layer", NULL, &names, error);
    for (size_t l = 0; l < at->n_layers && status == MHO_OK; l++) {
        char *name = NULL, **place = (char **)names->data + l;
        int made = at->input->layers ? asprintf(&name, "%s", at->input->layers[l]) : asprintf(&name, "%zu", l);
        if (made < 0)
            return mho_fail(error, MHO_MEMORY, "out of memory for the names of the layers");
        free(*place);
        *place = name;
    }
    for (size_t i = 0; i < sizeof layer_arrays / sizeof *layer_arrays && status == MHO_OK; i++)
        status = add_layer_array(at, &layer_arrays[i], error);
    return status;
}

/* A swept key over point: numbers as f64 with NaN where not applicable, words as strings with "". */
static MhoStatus add_variable(Assembly *at, size_t i, MhoError *error)
{
    static const char *const axis = "point";
    const MhoPointList *grid = at->input->grid;
    const MhoAxis *swept = &grid->study->axes[i];
    const MhoParam *param = mho_settings_find(grid->study->settings, swept->key, NULL);
    bool number = param->type == MHO_REAL || param->type == MHO_INT;
    MhoArray *array;
    MhoStatus status = mho_record_add(at->record, swept->key, number ? MHO_F64 : MHO_STRING, 1, &at->n_points, &axis,
                                      param->unit, param->help, NULL, &array, error);
    for (size_t p = 0; p < at->n_points && status == MHO_OK; p++) {
        const MhoPoint *point = &grid->points[p];
        const char *text = point->applies[i] ? swept->values[point->value[i]] : "";
        if (number) {
            ((double *)array->data)[p] = point->applies[i] ? strtod(text, NULL) : NAN;
        } else {
            char *copy = mho_strdup(text, error), **at_string = (char **)array->data + p;
            if (!copy)
                return MHO_MEMORY;
            free(*at_string);
            *at_string = copy;
        }
    }
    return status;
}

static MhoStatus add_points(Assembly *at, MhoError *error)
{
    static const char *const axis = "point";
    MhoArray *keys = NULL, *chips = NULL;
    MhoStatus status = add_axis(at->record, "point", at->n_points, "point of the sweep", error);
    if (status == MHO_OK)
        status = add_axis(at->record, "chip", at->n_chips,
                          "chip number: the same number is the same silicon at every point", error);
    if (status == MHO_OK)
        status = mho_record_add(at->record, "point_key", MHO_U64, 1, &at->n_points, &axis, "",
                                "digest of a point and its model", NULL, &keys, error);
    if (status == MHO_OK)
        status = mho_record_add(at->record, "n_chips", MHO_I32, 1, &at->n_points, &axis, "",
                                "chips of a point; one where nothing is random", NULL, &chips, error);
    for (size_t p = 0; p < at->n_points && status == MHO_OK; p++) {
        ((uint64_t *)keys->data)[p] = at->input->points[p].key;
        ((int32_t *)chips->data)[p] = (int32_t)at->input->points[p].n_chips;
    }
    for (size_t i = 0; i < at->input->study->n_axes && status == MHO_OK; i++)
        status = add_variable(at, i, error);
    return status;
}

/* The values of one key along an axis of the grid view. */
static MhoStatus add_grid_key(MhoRecord *view, const MhoStudy *study, const MhoAxis *swept, const char *axis,
                              MhoError *error)
{
    const MhoParam *param = mho_settings_find(study->settings, swept->key, NULL);
    if (param->type != MHO_REAL && param->type != MHO_INT)
        return mho_record_add(view, swept->key, MHO_STRING, 1, &swept->n, &axis, "", param->help, swept->values, NULL,
                              error);
    MhoArray *array;
    MhoStatus status =
        mho_record_add(view, swept->key, MHO_F64, 1, &swept->n, &axis, param->unit, param->help, NULL, &array, error);
    for (size_t v = 0; v < swept->n && status == MHO_OK; v++)
        ((double *)array->data)[v] = strtod(swept->values[v], NULL);
    return status;
}

/* One axis of the grid view: a key with its values; or the numbers of the rows of keys that move together, called
 * "a+b+c", with the values of each. */
static MhoStatus add_grid_axis(MhoRecord *view, const MhoStudy *study, size_t first, char *name, size_t size,
                               MhoError *error)
{
    size_t n = mho_axes_together(study, first), length = 0;
    for (size_t i = first; i < first + n; i++)
        length += (size_t)snprintf(name + length, size - length, "%s%s", i > first ? "+" : "", study->axes[i].key);
    MhoStatus status =
        n == 1 ? MHO_OK : add_axis(view, name, study->axes[first].n, "row of keys that move together", error);
    for (size_t i = first; i < first + n && status == MHO_OK; i++)
        status = add_grid_key(view, study, &study->axes[i], name, error);
    return status;
}

/* accuracy again with one axis per swept key. A merged point is at each of its combinations. */
static MhoStatus add_grid(Assembly *at, MhoError *error)
{
    const MhoPointList *grid = at->input->grid;
    const MhoStudy *study = grid->study;
    size_t shape[MHO_MAX_RANK], rank = 1;
    const char *axes[MHO_MAX_RANK];
    char names[MHO_MAX_AXES][MHO_MAX_AXES * MHO_KEY_MAX];
    for (size_t i = 0; i < study->n_axes; i += mho_axes_together(study, i))
        rank++;
    if (rank == 1 || rank > MHO_MAX_RANK)
        return MHO_OK;
    MhoRecord *view;
    MhoStatus status = mho_record_child(at->record, "grid", &view, error);
    for (size_t i = 0, d = 0; i < study->n_axes && status == MHO_OK; i += mho_axes_together(study, i), d++) {
        shape[d] = study->axes[i].n;
        axes[d] = names[d];
        status = add_grid_axis(view, study, i, names[d], sizeof names[d], error);
    }
    shape[rank - 1] = at->n_chips;
    axes[rank - 1] = "chip";
    MhoArray *array;
    if (status == MHO_OK)
        status = mho_record_add(view, "accuracy", MHO_F64, rank, shape, axes, "",
                                "top-1 accuracy, one axis per swept key", NULL, &array, error);
    for (size_t c = 0; c < grid->n_combinations && status == MHO_OK; c++)
        for (size_t chip = 0; chip < at->n_chips; chip++) {
            const MhoTrial *trial = at->trial[grid->point_of[c] * at->n_chips + chip];
            ((double *)array->data)[c * at->n_chips + chip] = trial ? trial->accuracy : NAN;
        }
    return status;
}

static MhoStatus add_summary(Assembly *at, MhoError *error)
{
    static const char *const axis = "point", *const names[] = {"accuracy_mean", "accuracy_low", "accuracy_high"};
    static const char *const help[] = {"mean over chips", "lower end of the 95 % Student interval over chips",
                                       "upper end of the 95 % Student interval over chips"};
    MhoRecord *summary;
    MhoArray *arrays[3];
    MhoStatus status = mho_record_child(at->record, "summary", &summary, error);
    for (size_t i = 0; i < 3 && status == MHO_OK; i++)
        status =
            mho_record_add(summary, names[i], MHO_F64, 1, &at->n_points, &axis, "", help[i], NULL, &arrays[i], error);
    double *values = status == MHO_OK ? mho_calloc(at->n_chips, sizeof *values, error, "the values of a point") : NULL;
    if (status == MHO_OK && !values)
        status = MHO_MEMORY;
    for (size_t p = 0; p < at->n_points && status == MHO_OK; p++) {
        for (size_t chip = 0; chip < at->n_chips; chip++)
            values[chip] = at->trial[p * at->n_chips + chip] ? at->trial[p * at->n_chips + chip]->accuracy : NAN;
        MhoInterval interval = mho_student_interval(values, at->n_chips, confidence);
        ((double *)arrays[0]->data)[p] = interval.mean;
        ((double *)arrays[1]->data)[p] = interval.low;
        ((double *)arrays[2]->data)[p] = interval.high;
    }
    free(values);
    return status;
}

static MhoStatus add_attributes(Assembly *at, const char *study_text, MhoError *error)
{
    const MhoResultInput *input = at->input;
    MhoAttributes *attributes = &at->record->attributes;
    MhoStatus status = mho_attribute_text(attributes, "kind", "result", error);
    if (status == MHO_OK)
        status = mho_attribute_text(attributes, "title", mho_settings_study(input->study->settings)->title, error);
    if (status == MHO_OK)
        status = mho_attribute_text(attributes, "study", study_text, error);
    if (status == MHO_OK)
        status = mho_attribute_text(attributes, "study_digest", input->digest, error);
    if (status == MHO_OK)
        status = mho_attribute_text(attributes, "models", input->models, error);
    if (status == MHO_OK && input->shard)
        status = mho_attribute_text(attributes, "shard", input->shard, error);
    return status;
}

static MhoStatus assemble(Assembly *at, const char *study_text, MhoError *error)
{
    MhoStatus status = add_attributes(at, study_text, error);
    if (status == MHO_OK)
        status = add_points(at, error);
    if (status == MHO_OK)
        status = add_trial_field(at, "accuracy", MHO_F64, "top-1 accuracy", offsetof(MhoTrial, accuracy), error);
    if (status == MHO_OK)
        status = add_trial_field(at, "loss", MHO_F64, "mean cross entropy", offsetof(MhoTrial, loss), error);
    if (status == MHO_OK)
        status = add_trial_field(at, "logits_digest", MHO_U64,
                                 "first 64 bits of SHA-256 over all logits; 0 where no trial was run",
                                 offsetof(MhoTrial, logits), error);
    if (status == MHO_OK)
        status = add_layers(at, error);
    if (status == MHO_OK)
        status = add_grid(at, error);
    if (status == MHO_OK)
        status = add_summary(at, error);
    if (status == MHO_OK)
        status = mho_provenance_add(at->record, study_text, at->input->seconds, error);
    return status;
}

MhoStatus mho_result_create(const MhoResultInput *input, MhoRecord **result, MhoError *error)
{
    Assembly at = {.input = input, .n_points = input->grid->n_points, .n_chips = 1};
    for (size_t p = 0; p < at.n_points; p++)
        at.n_chips = input->points[p].n_chips > at.n_chips ? input->points[p].n_chips : at.n_chips;
    at.trial = mho_calloc(at.n_points * at.n_chips, sizeof *at.trial, error, "the trials of a result");
    if (!at.trial)
        return MHO_MEMORY;
    char *text = mho_study_text(input->study);
    MhoStatus status = text ? mho_record_create(&at.record, error)
                            : mho_fail(error, MHO_MEMORY, "out of memory for the text of a study");
    for (size_t p = 0; p < at.n_points && status == MHO_OK; p++)
        for (uint32_t chip = 0; chip < input->points[p].n_chips; chip++) {
            const MhoTrial *trial = mho_trials_find(input->trials, input->points[p].key, chip);
            at.trial[p * at.n_chips + chip] = trial;
            if (trial && trial->n_layers > at.n_layers)
                at.n_layers = trial->n_layers;
        }
    if (status == MHO_OK)
        status = assemble(&at, text, error);
    free(at.trial);
    free(text);
    if (status == MHO_OK)
        *result = at.record;
    else
        mho_record_destroy(at.record);
    return status;
}
