/* bit_trajectory.c - read the logs of bit allocation from models and write them as arrays over the points. */
#include "experiments/bit_trajectory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The arrays of a log that a trajectory needs. */
typedef struct Log {
    size_t n_moves, n; /* moves; candidates, converters included */
    char *const *candidate, *const *winner;
    const unsigned char *converter;
    const int32_t *winner_converter, *bits_from, *bits_to, *undone;
    const double *size, *after, *feedback, *share;
} Log;

static const void *need(const MhoRecord *log, const char *name, MhoType type, size_t first, size_t second,
                        MhoStatus *status, MhoError *error)
{
    const MhoArray *array;
    if (*status != MHO_OK)
        return NULL;
    *status = mho_record_require(log, "a model of this result", name, type, second ? 2 : 1, &array, error);
    if (*status == MHO_OK && (array->shape[0] != first || (second && array->shape[1] != second)))
        *status = mho_fail(error, MHO_INPUT, "a model of this result: allocation/%s has a wrong length", name);
    return *status == MHO_OK ? array->data : NULL;
}

static MhoStatus read_log(const MhoRecord *group, Log *at, MhoError *error)
{
    const MhoArray *size = mho_record_array(group, "size"), *names = mho_record_array(group, "candidate");
    MhoStatus status = MHO_OK;
    *at = (Log){.n_moves = size ? size->shape[0] : 0, .n = names ? names->shape[0] : 0};
    at->candidate = need(group, "candidate", MHO_STRING, at->n, 0, &status, error);
    at->converter = need(group, "converter", MHO_U8, at->n, 0, &status, error);
    at->winner = need(group, "winner", MHO_STRING, at->n_moves, 0, &status, error);
    at->winner_converter = need(group, "winner_converter", MHO_I32, at->n_moves, 0, &status, error);
    at->bits_from = need(group, "bits_from", MHO_I32, at->n_moves, 0, &status, error);
    at->bits_to = need(group, "bits_to", MHO_I32, at->n_moves, 0, &status, error);
    at->undone = need(group, "undone", MHO_I32, at->n_moves, 0, &status, error);
    at->size = need(group, "size", MHO_F64, at->n_moves, 0, &status, error);
    at->after = need(group, "accuracy_after", MHO_F64, at->n_moves, 0, &status, error);
    at->feedback = need(group, "feedback", MHO_F64, at->n_moves, at->n, &status, error);
    at->share = need(group, "share", MHO_F64, at->n_moves, at->n, &status, error);
    return status;
}

/* Largest and smallest value of row (n) above floor, NaN left out; false: there is none. */
static bool extremes(const double *row, size_t n, double floor, double *largest, double *smallest)
{
    *largest = -INFINITY;
    *smallest = INFINITY;
    for (size_t m = 0; m < n; m++) {
        if (!(row[m] > floor))
            continue;
        *largest = row[m] > *largest ? row[m] : *largest;
        *smallest = row[m] < *smallest ? row[m] : *smallest;
    }
    return *largest >= *smallest;
}

static void summarize(const Log *at, BitTrajectory *trajectory)
{
    double ranges = 0.0, logs = 0.0, largest, smallest;
    size_t n_ranges = 0, n_logs = 0;
    for (size_t i = 0; i < at->n_moves; i++) {
        if (extremes(at->feedback + i * at->n, at->n, -1.0, &largest, &smallest)) {
            ranges += largest - smallest;
            n_ranges++;
        }
        if (extremes(at->share + i * at->n, at->n, 0.0, &largest, &smallest)) {
            logs += log(largest / smallest);
            n_logs++;
        }
    }
    trajectory->feedback_range = n_ranges ? ranges / (double)n_ranges : NAN;
    trajectory->probability_ratio = n_logs ? exp(logs / (double)n_logs) : NAN;
}

/* Bits of the layers at the end: after their last move, or the start's bits where a layer never moved. */
static void final_bits(const Log *at, BitTrajectory *trajectory)
{
    double start = 0.0;
    for (size_t i = 0; i < at->n_moves; i++)
        if (!at->winner_converter[i] && at->bits_from[i] > start)
            start = at->bits_from[i];
    for (size_t l = 0; l < trajectory->n_layers; l++) {
        trajectory->bits[l] = start;
        for (size_t i = 0; i < at->n_moves; i++)
            if (!at->undone[i] && !at->winner_converter[i] && strcmp(at->winner[i], trajectory->layers[l]) == 0)
                trajectory->bits[l] = at->bits_to[i];
    }
}

void bit_trajectory_clear(BitTrajectory *trajectory)
{
    free(trajectory->size);
    free(trajectory->accuracy);
    free(trajectory->bits);
    for (size_t l = 0; trajectory->layers && l < trajectory->n_layers; l++)
        free(trajectory->layers[l]);
    free(trajectory->layers);
    *trajectory = (BitTrajectory){0};
}

static MhoStatus fill(const Log *at, BitTrajectory *trajectory, MhoError *error)
{
    static const char what[] = "a bit trajectory";
    trajectory->size = mho_calloc(at->n_moves, sizeof *trajectory->size, error, what);
    if (trajectory->size)
        trajectory->accuracy = mho_calloc(at->n_moves, sizeof *trajectory->accuracy, error, what);
    if (trajectory->accuracy)
        trajectory->bits = mho_calloc(at->n, sizeof *trajectory->bits, error, what);
    if (trajectory->bits)
        trajectory->layers = mho_calloc(at->n, sizeof *trajectory->layers, error, what);
    if (!trajectory->layers)
        return MHO_MEMORY;
    for (size_t m = 0; m < at->n; m++) {
        if (at->converter[m])
            continue;
        if (!(trajectory->layers[trajectory->n_layers] = strdup(at->candidate[m])))
            return mho_fail(error, MHO_MEMORY, "out of memory for %s", what);
        trajectory->n_layers++;
    }
    trajectory->size_reached = NAN;
    for (size_t i = 0; i < at->n_moves; i++) {
        if (at->undone[i])
            continue;
        trajectory->size_reached = trajectory->size[trajectory->n] = at->size[i];
        trajectory->accuracy[trajectory->n++] = at->after[i];
    }
    final_bits(at, trajectory);
    summarize(at, trajectory);
    return MHO_OK;
}

MhoStatus bit_trajectory_read(const MhoRecord *model, BitTrajectory *trajectory, MhoError *error)
{
    const MhoRecord *group = mho_record_find(model, "allocation");
    Log at;
    *trajectory = (BitTrajectory){.size_reached = NAN, .feedback_range = NAN, .probability_ratio = NAN};
    if (!group || !mho_record_array(group, "size"))
        return MHO_OK;
    MhoStatus status = read_log(group, &at, error);
    if (status == MHO_OK)
        status = fill(&at, trajectory, error);
    if (status != MHO_OK)
        bit_trajectory_clear(trajectory);
    return status;
}

static const char *const point_axes[] = {"point", "move"}, *const layer_axes[] = {"point", "layer"};

/* An array of NaN. */
static MhoStatus add_nan(MhoRecord *group, const char *name, size_t rank, const size_t *shape, const char *const *axes,
                         const char *unit, const char *help, double **values, MhoError *error)
{
    MhoArray *array;
    MhoStatus status = mho_record_add(group, name, MHO_F64, rank, shape, axes, unit, help, NULL, &array, error);
    for (size_t i = 0; status == MHO_OK && i < mho_array_count(array); i++)
        ((double *)array->data)[i] = NAN;
    *values = status == MHO_OK ? array->data : NULL;
    return status;
}

/* The values of a point as a whole. */
static MhoStatus add_numbers(size_t n, const BitTrajectory *trajectories, MhoRecord *group, MhoError *error)
{
    const struct {
        const char *name, *unit, *help;
        size_t offset;
    } numbers[] = {
        {"size_reached", "bit", "mean bits of a weight at the end", offsetof(BitTrajectory, size_reached)},
        {"feedback_range", "", "largest minus smallest accuracy of a move's trial moves, mean over moves",
         offsetof(BitTrajectory, feedback_range)},
        {"probability_ratio", "", "largest over smallest probability of a candidate, geometric mean over moves",
         offsetof(BitTrajectory, probability_ratio)},
    };
    MhoStatus status = MHO_OK;
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers && status == MHO_OK; k++) {
        double *values;
        status = add_nan(group, numbers[k].name, 1, &n, point_axes, numbers[k].unit, numbers[k].help, &values, error);
        for (size_t p = 0; p < n && status == MHO_OK; p++)
            if (trajectories[p].n_layers > 0)
                memcpy(&values[p], (const unsigned char *)&trajectories[p] + numbers[k].offset, sizeof *values);
    }
    return status;
}

static MhoStatus add_moves(size_t n, size_t n_moves, const BitTrajectory *trajectories, MhoRecord *group,
                           MhoError *error)
{
    const size_t shape[] = {n, n_moves};
    double *size, *accuracy;
    MhoStatus status =
        add_nan(group, "size", 2, shape, point_axes, "bit", "mean bits of a weight after a move", &size, error);
    if (status == MHO_OK)
        status = add_nan(group, "validation_accuracy", 2, shape, point_axes, "",
                         "top-1 of validation images after recovery", &accuracy, error);
    for (size_t p = 0; p < n && status == MHO_OK; p++)
        for (size_t i = 0; i < trajectories[p].n; i++) {
            size[p * n_moves + i] = trajectories[p].size[i];
            accuracy[p * n_moves + i] = trajectories[p].accuracy[i];
        }
    return status;
}

/* first: a trajectory that has layers. */
static MhoStatus add_bits(size_t n, const BitTrajectory *trajectories, const BitTrajectory *first, MhoRecord *group,
                          MhoError *error)
{
    const size_t shape[] = {n, first->n_layers};
    double *bits;
    MhoStatus status = mho_record_add(group, "layer", MHO_STRING, 1, &first->n_layers, &layer_axes[1], "",
                                      "layers in the order of the graph", first->layers, NULL, error);
    if (status == MHO_OK)
        status =
            add_nan(group, "bits", 2, shape, layer_axes, "bit", "bits of a layer's weights at the end", &bits, error);
    for (size_t p = 0; p < n && status == MHO_OK; p++) {
        if (trajectories[p].n_layers != 0 && trajectories[p].n_layers != first->n_layers)
            return mho_fail(error, MHO_INPUT,
                            "the models of this result have different layers; they cannot share one table");
        memcpy(bits + p * first->n_layers, trajectories[p].bits ? trajectories[p].bits : bits + p * first->n_layers,
               trajectories[p].n_layers * sizeof *bits);
    }
    return status;
}

MhoStatus bit_trajectories_add(const MhoResultPoints *points, const BitTrajectory *trajectories,
                               MhoVariantName *variant, MhoRecord *analysis, MhoError *error)
{
    const BitTrajectory *first = NULL;
    MhoRecord *group;
    size_t n_moves = 0;
    for (size_t p = 0; p < points->n; p++) {
        n_moves = trajectories[p].n > n_moves ? trajectories[p].n : n_moves;
        first = !first && trajectories[p].n_layers > 0 ? &trajectories[p] : first;
    }
    if (!first)
        return MHO_OK;
    MhoStatus status = mho_record_child(analysis, "trajectories", &group, error);
    if (status == MHO_OK)
        status = mho_variant_names_add(points, variant, NULL, points->n, point_axes[0], group, error);
    if (status == MHO_OK)
        status = add_numbers(points->n, trajectories, group, error);
    if (status == MHO_OK && n_moves > 0)
        status = add_moves(points->n, n_moves, trajectories, group, error);
    return status == MHO_OK ? add_bits(points->n, trajectories, first, group, error) : status;
}
