/* result.c - trials and grid into the record of a result file. */
#include "study/sweep/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "study/models/provenance.h"
#include "study/report/intervals.h"
#include "study/sweep/stop_rule.h"
#include "study/sweep/trial_fields.h"

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

/* Any trial of a point: what is the same on every chip is read from it. NULL: none was run. */
static const MhoTrial *any_trial(const Assembly *at, size_t p)
{
    for (size_t chip = 0; chip < at->n_chips; chip++)
        if (at->trial[p * at->n_chips + chip])
            return at->trial[p * at->n_chips + chip];
    return NULL;
}

/* The trial and layer of element i of a field's array. */
static const MhoTrial *trial_of(const Assembly *at, MhoFieldAxes axes, size_t i, size_t *l)
{
    const bool has_layer = axes == MHO_FIELD_POINT_CHIP_LAYER || axes == MHO_FIELD_POINT_LAYER;
    const size_t row = has_layer ? i / at->n_layers : i;
    const MhoTrial *trial =
        axes == MHO_FIELD_POINT || axes == MHO_FIELD_POINT_LAYER ? any_trial(at, row) : at->trial[row];
    *l = has_layer ? i % at->n_layers : 0;
    return trial && (!has_layer || *l < trial->n_layers) ? trial : NULL;
}

/* An array of zeros over the axes of a field. */
static MhoStatus add_array(const Assembly *at, const MhoTrialField *like, const char *name, const char *unit,
                           const char *help, MhoArray **array, MhoError *error)
{
    const size_t n_points = at->n_points, n_chips = at->n_chips, n_layers = at->n_layers;
    const struct {
        size_t rank, shape[3];
        const char *axes[3];
    } forms[] = {
        [MHO_FIELD_POINT_CHIP] = {2, {n_points, n_chips}, {"point", "chip"}},
        [MHO_FIELD_POINT] = {1, {n_points}, {"point"}},
        [MHO_FIELD_POINT_CHIP_LAYER] = {3, {n_points, n_chips, n_layers}, {"point", "chip", "layer"}},
        [MHO_FIELD_POINT_LAYER] = {2, {n_points, n_layers}, {"point", "layer"}},
    };
    MhoRecord *group = at->record;
    MhoStatus status = *like->group ? mho_record_child(at->record, like->group, &group, error) : MHO_OK;
    return status == MHO_OK ? mho_record_add(group, name, like->type, forms[like->axes].rank, forms[like->axes].shape,
                                             forms[like->axes].axes, unit, help, NULL, array, error)
                            : status;
}

static MhoStatus add_field(const Assembly *at, const MhoTrialField *field, MhoError *error)
{
    MhoArray *array;
    const MhoStatus status = add_array(at, field, field->name, field->unit, field->help, &array, error);
    if (status != MHO_OK)
        return status;
    uint64_t *values = array->data;
    const size_t n = mho_array_count(array);
    for (size_t i = 0; i < n; i++) {
        size_t l;
        const MhoTrial *trial = trial_of(at, field->axes, i, &l);
        values[i] = trial ? mho_field_get(field, trial, l) : mho_field_none(field);
    }
    return MHO_OK;
}

static MhoStatus add_fields(const Assembly *at, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t f = 0; f < mho_n_trial_fields && status == MHO_OK; f++)
        status = add_field(at, &mho_trial_fields[f], error);
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

/* An array (point, chip, layer) that is computed from a meter. */
typedef struct LayerRatio {
    const char *name;
    double (*ratio)(const MhoLayerMeter *);
    const char *help;
} LayerRatio;

static const LayerRatio layer_ratios[] = {
    {"snr", layer_snr,
     "signal-to-noise power ratio of a layer's sums against the integer sums of the same input codes, over the first "
     "data.measured images"},
    {"clip_rate", layer_clip_rate, "part of the conversions that met the end of the converter's range"},
};

static MhoStatus add_ratio(const Assembly *at, const LayerRatio *wanted, MhoError *error)
{
    static const MhoTrialField like = {.group = "", .type = MHO_F64, .axes = MHO_FIELD_POINT_CHIP_LAYER};
    MhoArray *array;
    const MhoStatus status = add_array(at, &like, wanted->name, "1", wanted->help, &array, error);
    if (status != MHO_OK)
        return status;
    const size_t n = mho_array_count(array);
    for (size_t i = 0; i < n; i++) {
        size_t l;
        const MhoTrial *trial = trial_of(at, like.axes, i, &l);
        ((double *)array->data)[i] = trial ? wanted->ratio(&trial->layers[l].meter) : NAN;
    }
    return MHO_OK;
}

static MhoStatus add_layers(const Assembly *at, MhoError *error)
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
    for (size_t i = 0; i < sizeof layer_ratios / sizeof *layer_ratios && status == MHO_OK; i++)
        status = add_ratio(at, &layer_ratios[i], error);
    return status;
}

/* Where each trial ran: numbers into a list of names. */
static MhoStatus add_hosts(const Assembly *at, MhoError *error)
{
    static const char *const axes[] = {"point", "chip"}, *const host_axis = "host_name";
    const size_t shape[] = {at->n_points, at->n_chips};
    const MhoTrials *trials = at->input->trials;
    MhoRecord *provenance;
    MhoArray *numbers = NULL;
    MhoStatus status = mho_record_child(at->record, "provenance", &provenance, error);
    if (status == MHO_OK && trials->n_hosts > 0)
        status = mho_record_add(provenance, "host_name", MHO_STRING, 1, &trials->n_hosts, &host_axis, "",
                                "machines that ran trials", trials->hosts, NULL, error);
    if (status == MHO_OK)
        status = mho_record_add(provenance, "host", MHO_I32, 2, shape, axes, "",
                                "number of a trial's machine in host_name; -1 where no trial was run", NULL, &numbers,
                                error);
    for (size_t i = 0; status == MHO_OK && i < at->n_points * at->n_chips; i++)
        ((int32_t *)numbers->data)[i] = at->trial[i] ? (int32_t)at->trial[i]->host : -1;
    return status;
}

/* "1" for a number without dimension, as the netCDF conventions have it. */
static const char *unit_of(const MhoParam *param)
{
    return *param->unit || (param->type != MHO_REAL && param->type != MHO_INT) ? param->unit : "1";
}

static MhoStatus add_label(MhoArray *array, const MhoSettings *settings, const char *key, MhoError *error)
{
    char label[MHO_LABEL_MAX];
    mho_settings_label(settings, key, label);
    return mho_attribute_text(&array->attributes, "label", label, error);
}

/* A swept key over point: numbers as f64 with NaN where not applicable, words as strings with "". */
static MhoStatus add_variable(Assembly *at, size_t i, MhoError *error)
{
    static const char *const axis = "point";
    const MhoPointList *grid = at->input->grid;
    const MhoAxis *swept = &grid->axes[i];
    const MhoParam *param = mho_settings_find(grid->study->settings, swept->key, NULL);
    bool number = param->type == MHO_REAL || param->type == MHO_INT;
    MhoArray *array;
    MhoStatus status = mho_record_add(at->record, swept->key, number ? MHO_F64 : MHO_STRING, 1, &at->n_points, &axis,
                                      unit_of(param), param->help, NULL, &array, error);
    if (status == MHO_OK)
        status = add_label(array, grid->study->settings, swept->key, error);
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
        status = mho_record_add(at->record, "n_chips", MHO_I32, 1, &at->n_points, &axis, "1",
                                "chips of a point; one where nothing is random", NULL, &chips, error);
    for (size_t p = 0; p < at->n_points && status == MHO_OK; p++) {
        ((uint64_t *)keys->data)[p] = at->input->points[p].key;
        ((int32_t *)chips->data)[p] = (int32_t)at->input->points[p].n_chips;
    }
    for (size_t i = 0; i < at->input->grid->n_axes && status == MHO_OK; i++)
        status = add_variable(at, i, error);
    return status;
}

/* The values of one key along an axis of the grid view. */
static MhoStatus add_grid_key(MhoRecord *view, const MhoStudy *study, const MhoAxis *swept, const char *axis,
                              MhoError *error)
{
    const MhoParam *param = mho_settings_find(study->settings, swept->key, NULL);
    const bool number = param->type == MHO_REAL || param->type == MHO_INT;
    MhoArray *array;
    MhoStatus status = mho_record_add(view, swept->key, number ? MHO_F64 : MHO_STRING, 1, &swept->n, &axis,
                                      unit_of(param), param->help, number ? NULL : swept->values, &array, error);
    if (status == MHO_OK)
        status = add_label(array, study->settings, swept->key, error);
    for (size_t v = 0; v < swept->n && status == MHO_OK && number; v++)
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
    if (!grid->is_grid || rank == 1 || rank > MHO_MAX_RANK)
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
        status = mho_record_add(view, "accuracy", MHO_F64, rank, shape, axes, "1",
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
    static const char *const ends[] = {"", "lower", "upper"};
    const MhoStopRule rule = mho_stop_rule(at->input->study->settings);
    const double confidence = mho_stop_confidence(&rule);
    MhoRecord *summary;
    MhoArray *arrays[3];
    MhoStatus status = mho_record_child(at->record, "summary", &summary, error);
    for (size_t i = 0; i < 3 && status == MHO_OK; i++) {
        char help[128] = "mean over chips";
        if (i > 0)
            snprintf(help, sizeof help, "%s end of the %.4g %% Student interval of the mean over chips, within 0..1",
                     ends[i], 100.0 * confidence);
        status =
            mho_record_add(summary, names[i], MHO_F64, 1, &at->n_points, &axis, "1", help, NULL, &arrays[i], error);
        if (status == MHO_OK && i > 0)
            status = mho_attribute_real(&arrays[i]->attributes, "confidence", confidence, error);
    }
    double *values = status == MHO_OK ? mho_calloc(at->n_chips, sizeof *values, error, "the values of a point") : NULL;
    if (status == MHO_OK && !values)
        status = MHO_MEMORY;
    for (size_t p = 0; p < at->n_points && status == MHO_OK; p++) {
        for (size_t chip = 0; chip < at->n_chips; chip++)
            values[chip] = at->trial[p * at->n_chips + chip] ? at->trial[p * at->n_chips + chip]->accuracy : NAN;
        MhoInterval interval = mho_accuracy_interval(values, at->n_chips, confidence);
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
    if (status == MHO_OK && input->data)
        status = mho_attribute_text(attributes, "data", input->data, error);
    if (status == MHO_OK && input->shard)
        status = mho_attribute_text(attributes, "shard", input->shard, error);
    return status;
}

/* Every key with its value as provenance: another version may have other defaults. */
static MhoStatus add_settings(const Assembly *at, MhoError *error)
{
    char *text = mho_study_full_text(at->input->study);
    MhoRecord *provenance;
    if (!text)
        return mho_fail(error, MHO_MEMORY, "out of memory for the text of a study");
    MhoStatus status = mho_record_child(at->record, "provenance", &provenance, error);
    if (status == MHO_OK)
        status = mho_attribute_text(&provenance->attributes, "settings", text, error);
    free(text);
    return status;
}

static MhoStatus assemble(Assembly *at, const char *study_text, MhoError *error)
{
    MhoStatus status = add_attributes(at, study_text, error);
    if (status == MHO_OK)
        status = add_points(at, error);
    if (status == MHO_OK)
        status = add_fields(at, error);
    if (status == MHO_OK)
        status = add_hosts(at, error);
    if (status == MHO_OK)
        status = add_layers(at, error);
    if (status == MHO_OK)
        status = add_grid(at, error);
    if (status == MHO_OK)
        status = add_summary(at, error);
    if (status == MHO_OK)
        status = mho_provenance_add(at->record, study_text, at->input->seconds, error);
    return status == MHO_OK ? add_settings(at, error) : status;
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
    if (status == MHO_OK && input->layers && at.n_layers > input->n_layers)
        status = mho_fail(error, MHO_INPUT,
                          "a trial has %zu layers and the networks of the study have %zu: a journal or a result that "
                          "was taken over is damaged",
                          at.n_layers, input->n_layers);
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
