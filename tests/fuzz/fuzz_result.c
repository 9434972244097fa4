/* fuzz_result.c - damaged result records give back trials and points, or are refused with a reason.
 *
 * The input is a script for a sound record: each five bytes are one edit (what, array, two of place, value).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"
#include "study/sweep/result.h"
#include "study/sweep/trial_fields.h"

enum { EDIT = 5, MAX_EDITS = 24, N_EDITS = 6, N_POINTS = 3, N_CHIPS = 4, N_LAYERS = 2, MAX_ARRAYS = 64 };

static const double numbers[] = {0.0, 1.0, -1.0, 4.0, 5.0, 255.0, 4096.0, 2147483648.0, 1e300, 0.5, NAN, INFINITY};
static const char *const words[] = {"", "accuracy", "signal", "point_key", "n_chips", "host", "provenance", "a/b"};
#define COUNT(list) (sizeof(list) / sizeof *(list))

static MhoArray *add(MhoRecord *record, const char *name, MhoType type, size_t rank, const size_t *shape)
{
    static const char *const host_names[] = {"here", "there"};
    MhoArray *array = NULL;
    require(mho_record_add(record, name, type, rank, shape, NULL, "", "",
                           type == MHO_STRING ? (const void *)host_names : NULL, &array, NULL) == MHO_OK);
    return array;
}

static MhoRecord *sound_record(void)
{
    static const size_t shapes[][3] = {[MHO_FIELD_POINT_CHIP] = {N_POINTS, N_CHIPS},
                                       [MHO_FIELD_POINT] = {N_POINTS},
                                       [MHO_FIELD_POINT_CHIP_LAYER] = {N_POINTS, N_CHIPS, N_LAYERS},
                                       [MHO_FIELD_POINT_LAYER] = {N_POINTS, N_LAYERS}};
    static const size_t ranks[] = {[MHO_FIELD_POINT_CHIP] = 2,
                                   [MHO_FIELD_POINT] = 1,
                                   [MHO_FIELD_POINT_CHIP_LAYER] = 3,
                                   [MHO_FIELD_POINT_LAYER] = 2};
    MhoRecord *record = NULL, *provenance = NULL;
    require(mho_record_create(&record, NULL) == MHO_OK);
    require(mho_record_child(record, "provenance", &provenance, NULL) == MHO_OK);
    for (size_t f = 0; f < mho_n_trial_fields; f++) {
        const MhoTrialField *field = &mho_trial_fields[f];
        MhoRecord *group = record;
        if (*field->group)
            require(mho_record_child(record, field->group, &group, NULL) == MHO_OK);
        (void)add(group, field->name, field->type, ranks[field->axes], shapes[field->axes]);
    }
    uint64_t *keys = add(record, "point_key", MHO_U64, 1, shapes[MHO_FIELD_POINT])->data;
    int32_t *chips = add(record, "n_chips", MHO_I32, 1, shapes[MHO_FIELD_POINT])->data;
    int32_t *hosts = add(provenance, "host", MHO_I32, 2, shapes[MHO_FIELD_POINT_CHIP])->data;
    (void)add(provenance, "host_name", MHO_STRING, 1, (size_t[]){2});
    for (size_t p = 0; p < N_POINTS; p++) {
        keys[p] = p + 1;
        chips[p] = N_CHIPS;
        hosts[p * N_CHIPS] = 1;
    }
    return record;
}

/* All arrays of the record and of its groups. */
static size_t list_arrays(const MhoRecord *record, MhoArray **list, size_t n)
{
    for (size_t i = 0; i < record->n_arrays && n < MAX_ARRAYS; i++)
        list[n++] = record->arrays[i];
    for (size_t i = 0; i < record->n_children; i++)
        n = list_arrays(record->children[i], list, n);
    return n;
}

/* Never more values than there are. */
static void edit_shape(MhoArray *array, unsigned place, unsigned value)
{
    const size_t axis = array->rank > 0 ? place % array->rank : 0, first = array->shape[0];
    if (array->type == MHO_STRING || array->rank == 0)
        return;
    switch (value % 5) {
    case 0: array->shape[axis] -= array->shape[axis] > 0; break;
    case 1: array->shape[axis] = 0; break;
    case 2:
        array->shape[0] = array->shape[axis];
        array->shape[axis] = first;
        break;
    case 3:
        if (array->rank < MHO_MAX_RANK)
            array->shape[array->rank++] = 1;
        break;
    default: array->rank -= array->shape[array->rank - 1] == 1; break;
    }
}

static void edit_value(MhoArray *array, unsigned place, unsigned value)
{
    const size_t n = mho_array_count(array);
    const double number = numbers[value % COUNT(numbers)];
    const bool small = fabs(number) < 4e9;
    if (n == 0 || array->type == MHO_STRING)
        return;
    switch (mho_type_size(array->type)) {
    case 8:
        if (array->type == MHO_F64)
            ((double *)array->data)[place % n] = number;
        else
            ((uint64_t *)array->data)[place % n] = small ? (uint64_t)(int64_t)number : UINT64_MAX;
        break;
    case 4: ((int32_t *)array->data)[place % n] = fabs(number) < 2e9 ? (int32_t)number : INT32_MIN; break;
    default: ((uint8_t *)array->data)[place % n] = (uint8_t)value;
    }
}

static void edit(MhoRecord *record, const uint8_t *script)
{
    MhoArray *list[MAX_ARRAYS];
    const size_t n = list_arrays(record, list, 0);
    MhoArray *array = list[script[1] % n];
    const unsigned place = (unsigned)script[2] << 8 | script[3], value = script[4];
    switch (script[0] % N_EDITS) {
    case 0: edit_shape(array, place, value); break;
    case 1:
    case 2: edit_value(array, place, value); break;
    case 3:
        free(array->name);
        array->name = strdup(words[value % COUNT(words)]);
        require(array->name != NULL);
        break;
    case 4:
        if (mho_type_size(array->type) == 8 && array->type != MHO_STRING)
            array->type = value % 3 == 0 ? MHO_F64 : value % 3 == 1 ? MHO_U64 : MHO_I64;
        break;
    default:
        if (mho_type_size(array->type) == 4)
            array->type = value % 2 == 0 ? MHO_I32 : MHO_F32;
    }
}

static void check_trials(const MhoTrials *trials)
{
    for (size_t i = 0; i < trials->n; i++) {
        const MhoTrial *trial = trials->list[i];
        require(trial->n_layers <= N_LAYERS * N_POINTS * N_CHIPS && trial->host < trials->n_hosts);
        require(!isnan(trial->accuracy) && mho_trials_find(trials, trial->point, trial->chip) == trial);
        for (size_t l = 0; l < trial->n_layers; l++)
            require(!isnan(trial->layers[l].meter.signal));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    MhoRecord *record = sound_record();
    MhoTrials trials = {0};
    MhoPointInfo *points = NULL;
    size_t n_points = 0;
    MhoError error = {.text = ""};
    for (size_t at = 0; at + EDIT <= n && at < EDIT * MAX_EDITS; at += EDIT)
        edit(record, data + at);
    if (mho_result_points(record, "fuzz.h5", &points, &n_points, &error) == MHO_OK) {
        for (size_t p = 0; p < n_points; p++)
            require(points[p].n_chips >= 1);
    } else {
        require(points == NULL);
        require_reason(&error, MHO_INPUT, "fuzz.h5");
    }
    if (mho_result_trials(record, "fuzz.h5", &trials, &error) == MHO_OK) {
        check_trials(&trials);
        count_taken();
    } else {
        require_reason(&error, MHO_INPUT, "fuzz.h5");
    }
    mho_trials_clear(&trials);
    free(points);
    mho_record_destroy(record);
    return 0;
}

#ifndef MHO_LIBFUZZER
int main(int argc, char **argv)
{
    uint8_t script[EDIT] = {0};
    const char extremes[] = {0, 1, 2, 3, 4, 5, 10, 11, (char)0x80, (char)0xff};
    const Damage damage = {.extremes = extremes, .n_extremes = sizeof extremes};
    replay(script, 0, damage, 0); /* the sound record */
    for (unsigned kind = 0; kind < N_EDITS; kind++)
        for (unsigned array = 0; array < MAX_ARRAYS; array++) {
            script[0] = (uint8_t)kind;
            script[1] = (uint8_t)array;
            script[3] = (uint8_t)(array * 5);
            script[4] = (uint8_t)(array + kind);
            replay(script, sizeof script, damage, 8);
        }
    replay_corpus(argc > 1 ? argv[1] : NULL);
    return replay_done();
}
#endif
