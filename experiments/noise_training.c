/* noise_training.c - does training with noise pay on noisy chips?
 *
 * The study sweeps train.noise.weight (0 and more: each value is a model of its own) and conditions of the chip. Models
 * are compared on the same chips, so differences are paired: mean and 95 % Student interval of (noise-trained - plain)
 * at every condition.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "study/experiment.h"
#include "study/statistics.h"

static const char key[] = "train.noise.weight";

typedef struct Result {
    const MhoRecord *record;
    const MhoArray *accuracy; /* (point, chip) */
    const double *level;      /* (point) train.noise.weight */
    size_t n_points, n_chips;
} Result;

static bool read_result(const MhoRecord *record, Result *at)
{
    const MhoArray *accuracy = mho_record_array(record, "accuracy"), *level = mho_record_array(record, key);
    if (!accuracy || !level || accuracy->rank != 2 || accuracy->type != MHO_F64 || level->type != MHO_F64 ||
        level->rank != 1 || level->shape[0] != accuracy->shape[0])
        return false;
    *at = (Result){record, accuracy, level->data, accuracy->shape[0], accuracy->shape[1]};
    return true;
}

/* Do two points have the same condition: every swept value but the training noise? */
static bool same_condition(const Result *at, size_t p, size_t q)
{
    for (size_t i = 0; i < at->record->n_arrays; i++) {
        const MhoArray *array = at->record->arrays[i];
        if (array->rank != 1 || array->shape[0] != at->n_points || strcmp(array->name, key) == 0 || !array->axis[0] ||
            strcmp(array->axis[0], "point") != 0)
            continue;
        if (array->type == MHO_STRING && strcmp(((char *const *)array->data)[p], ((char *const *)array->data)[q]) != 0)
            return false;
        if (array->type == MHO_F64) {
            double a = ((const double *)array->data)[p], b = ((const double *)array->data)[q];
            if (a != b && !(isnan(a) && isnan(b)))
                return false;
        }
    }
    return true;
}

/* The plain model's point under the same condition as p, or n_points. */
static size_t plain_point(const Result *at, size_t p)
{
    for (size_t q = 0; q < at->n_points; q++)
        if (at->level[q] == 0.0 && same_condition(at, p, q))
            return q;
    return at->n_points;
}

static MhoInterval difference(const Result *at, size_t p)
{
    size_t q = plain_point(at, p);
    const double *values = at->accuracy->data;
    if (q == at->n_points)
        return (MhoInterval){.mean = NAN, .low = NAN, .high = NAN};
    return mho_student_paired(values + p * at->n_chips, values + q * at->n_chips, at->n_chips, 0.95);
}

static MhoStatus analyse(const MhoRecord *result, MhoRecord *analysis, MhoError *error)
{
    static const char *const axis = "point", *const names[] = {"difference_mean", "difference_low", "difference_high"};
    static const char *const help[] = {"noise-trained minus plain accuracy on the same chips, mean",
                                       "lower end of its 95 % Student interval",
                                       "upper end of its 95 % Student interval"};
    Result at;
    MhoArray *arrays[3];
    if (!read_result(result, &at))
        return mho_fail(error, MHO_USAGE, "the study does not sweep %s, so there is nothing to compare", key);
    MhoStatus status = mho_attribute_text(&analysis->attributes, "compares", key, error);
    for (size_t i = 0; i < 3 && status == MHO_OK; i++)
        status =
            mho_record_add(analysis, names[i], MHO_F64, 1, &at.n_points, &axis, "", help[i], NULL, &arrays[i], error);
    for (size_t p = 0; p < at.n_points && status == MHO_OK; p++) {
        MhoInterval interval = difference(&at, p);
        ((double *)arrays[0]->data)[p] = interval.mean;
        ((double *)arrays[1]->data)[p] = interval.low;
        ((double *)arrays[2]->data)[p] = interval.high;
    }
    return status;
}

static char *finding(const MhoRecord *result)
{
    char *text = NULL;
    size_t size = 0;
    Result at;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    const MhoArray *cell = mho_record_array(result, "chip.cell.name"), *noise = mho_record_array(result, "chip.noise");
    fprintf(out, "Noise-trained minus plain, paired over the same chips\n");
    for (size_t p = 0; read_result(result, &at) && p < at.n_points; p++) {
        MhoInterval interval = difference(&at, p);
        if (at.level[p] == 0.0 || isnan(interval.mean))
            continue;
        fprintf(out, "  trained at %g LSB", at.level[p]);
        if (cell && cell->type == MHO_STRING)
            fprintf(out, ", %s", ((char *const *)cell->data)[p]);
        if (noise && noise->type == MHO_F64)
            fprintf(out, ", noise %g", ((const double *)noise->data)[p]);
        fprintf(out, ": %+.2f points, 95 %% interval %+.2f to %+.2f%s\n", 100.0 * interval.mean, 100.0 * interval.low,
                100.0 * interval.high,
                interval.low <= 0.0 && interval.high >= 0.0 ? " (contains 0: no difference shown)" : "");
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

const MhoExperiment mho_experiment = {
    .name = "noise_training",
    .question = "Does training with weight noise pay on noisy chips?",
    .study = "noise_training.yaml",
    .axis = key,
    .analyse = analyse,
    .finding = finding,
};
