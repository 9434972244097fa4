/* noise_sweep.c - what do device noise and converter resolution cost, cell by cell?
 *
 * For a sweep of chip.cell.name, chip.adc.uniform.bits and chip.noise: the cost against the ideal cell at the same
 * resolution, and the fewest converter bits and the largest noise whose cost is at most half a point, that is, whose 95
 * % interval of the cost ends there.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/experiment.h"

static const double small_cost = 0.005; /* half a point of accuracy */

/* The points of a result that the question is about. */
typedef struct Columns {
    MhoResultPoints points;
    size_t n;
    char *const *cell;
    const double *bits, *noise;
} Columns;

static const MhoArray *column(const MhoRecord *result, const char *path, MhoType type, size_t n)
{
    const MhoArray *array = mho_record_array(result, path);
    return array && array->type == type && array->rank == 1 && array->shape[0] == n ? array : NULL;
}

static bool read_columns(const MhoRecord *result, Columns *at)
{
    MhoError ignored = {0};
    *at = (Columns){0};
    if (mho_result_points_read(result, &at->points, &ignored) != MHO_OK)
        return false;
    at->n = at->points.n;
    const MhoArray *cell = column(result, "chip.cell.name", MHO_STRING, at->n),
                   *bits = column(result, "chip.adc.uniform.bits", MHO_F64, at->n),
                   *noise = column(result, "chip.noise", MHO_F64, at->n);
    if (!cell || !bits || !noise)
        return false;
    at->cell = cell->data;
    at->bits = bits->data;
    at->noise = noise->data;
    return true;
}

static MhoInterval accuracy_at(const Columns *at, size_t p)
{
    MhoInterval interval = {.mean = NAN, .low = NAN, .high = NAN};
    MhoError ignored = {0};
    if (p < at->n && mho_result_points_interval(&at->points, p, NULL, &interval, &ignored) != MHO_OK)
        interval.mean = interval.low = interval.high = NAN;
    return interval;
}

/* Accuracy at p minus accuracy at q, chip by chip. A point without a random term has one chip, which stands for all. */
static MhoInterval difference(const Columns *at, size_t p, size_t q)
{
    MhoInterval at_p = accuracy_at(at, p), at_q = accuracy_at(at, q), paired;
    MhoError ignored = {0};
    if (at_p.n > 1 && at_q.n > 1 && mho_result_points_difference(&at->points, p, q, NULL, &paired, &ignored) == MHO_OK)
        return paired;
    return (MhoInterval){.n = at_p.n > at_q.n ? at_p.n : at_q.n,
                         .mean = at_p.mean - at_q.mean,
                         .low = at_p.low - at_q.high,
                         .high = at_p.high - at_q.low};
}

/* The point of a cell at a resolution and noise factor, or n. NaN noise: whatever the point has. */
static size_t find_point(const Columns *at, const char *cell, double bits, double noise)
{
    for (size_t p = 0; p < at->n; p++)
        if (strcmp(at->cell[p], cell) == 0 && at->bits[p] == bits && (isnan(noise) || at->noise[p] == noise))
            return p;
    return at->n;
}

static double most_bits(const Columns *at)
{
    double most = 0.0;
    for (size_t p = 0; p < at->n; p++)
        most = at->bits[p] > most ? at->bits[p] : most;
    return most;
}

/* Fewest bits at which the cell (at noise) loses at most half a point of what it has with the most bits. */
static double fewest_bits(const Columns *at, const char *cell, double noise)
{
    const size_t best = find_point(at, cell, most_bits(at), noise);
    double fewest = NAN;
    for (size_t p = 0; best < at->n && p < at->n; p++)
        if (strcmp(at->cell[p], cell) == 0 && at->noise[p] == noise && !(at->bits[p] >= fewest) &&
            (p == best || difference(at, p, best).low >= -small_cost))
            fewest = at->bits[p];
    return fewest;
}

/* Largest noise factor up to which the cell loses at most half a point against the ideal cell, at the most bits. */
static double tolerated_noise(const Columns *at, const char *cell)
{
    const double most = most_bits(at);
    const size_t ideal = find_point(at, "ideal", most, NAN);
    double largest = NAN, too_much = INFINITY;
    for (int pass = 0; pass < 2; pass++) /* the least noise that costs more, then the largest below it */
        for (size_t p = 0; p < at->n; p++) {
            if (strcmp(at->cell[p], cell) != 0 || at->bits[p] != most)
                continue;
            const bool is_small = difference(at, p, ideal).low >= -small_cost;
            if (pass == 0 && !is_small && at->noise[p] < too_much)
                too_much = at->noise[p];
            if (pass == 1 && at->noise[p] < too_much && !(at->noise[p] <= largest))
                largest = at->noise[p];
        }
    return largest;
}

static void describe_cell(FILE *out, const Columns *at, const char *cell)
{
    const double most = most_bits(at);
    const size_t p = find_point(at, cell, most, 1.0);
    if (p < at->n) {
        const MhoInterval own = accuracy_at(at, p), cost = difference(at, p, find_point(at, "ideal", most, NAN));
        fprintf(out, "  %-10s %.2f %% (%.2f to %.2f) at %g ADC bits and the cell's own noise", cell, 100.0 * own.mean,
                100.0 * own.low, 100.0 * own.high, most);
        if (!isnan(cost.mean))
            fprintf(out, ": %+.2f points (%+.2f to %+.2f) against the ideal cell", 100.0 * cost.mean, 100.0 * cost.low,
                    100.0 * cost.high);
        fprintf(out, "\n");
    }
    const double bits = fewest_bits(at, cell, 1.0), noise = tolerated_noise(at, cell);
    if (bits < most)
        fprintf(out, "             %g ADC bits are enough: they cost at most half a point against %g\n", bits, most);
    else if (bits == most)
        fprintf(out, "             fewer than %g ADC bits may cost more than half a point\n", most);
    if (!isnan(noise))
        fprintf(out, "             noise up to %g times the cell's own costs at most half a point\n", noise);
    else
        fprintf(out, "             every noise level of this sweep may cost more than half a point\n");
}

static bool is_first_of_cell(const Columns *at, size_t p)
{
    for (size_t q = 0; q < p; q++)
        if (strcmp(at->cell[p], at->cell[q]) == 0)
            return false;
    return true;
}

static void print_cells(const MhoRecord *result, FILE *out)
{
    Columns at;
    if (!read_columns(result, &at)) {
        fprintf(out, "  The result does not sweep chip.cell.name, chip.adc.uniform.bits and chip.noise together;\n"
                     "  `mho show` prints its points.");
        return;
    }
    const double most = most_bits(&at);
    const size_t ideal = find_point(&at, "ideal", most, NAN);
    if (ideal < at.n)
        fprintf(out, "  %-10s %.2f %% at %g ADC bits: the network without device errors\n", "ideal",
                100.0 * accuracy_at(&at, ideal).mean, most);
    for (size_t p = 0; p < at.n; p++)
        if (strcmp(at.cell[p], "ideal") != 0 && is_first_of_cell(&at, p))
            describe_cell(out, &at, at.cell[p]);
    fprintf(out, "  In brackets: 95 %% intervals over chips. \"At most half a point\" holds for the whole interval.");
}

/* The stem of a path: "results/quickstart" of "results/quickstart.h5". */
static int stem_length(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    return (int)(dot && dot > (slash ? slash + 1 : path) ? (size_t)(dot - path) : strlen(path));
}

/* Commands that write new files only, on this study and this model. */
static void print_next(const MhoExperimentRun *run, FILE *out)
{
    const char *study = run->study, *model = run->model, *result = run->result;
    fprintf(out,
            "\nWhat to try next\n"
            "signal-to-noise ratio of each layer on PCM:\n"
            "  mho eval %s%s --set chip.cell.name=pcm --layers\n",
            model, run->sets);
    fprintf(out,
            "the same chips from a second to a year after programming:\n"
            "  mho sweep %s --set \"chip.cell.name=[pcm, nor_flash]\" --set chip.adc.uniform.bits=8 --set chip.noise=1 "
            "--set chip.time=1,3600,86400,31536000 -o %.*s_drift.h5\n"
            "  mho plot %.*s_drift.h5\n",
            study, stem_length(result), result, stem_length(result), result);
    fprintf(out,
            "another model, trained with noise on its weights (it takes as long as the first):\n"
            "  mho sweep %s --set train.noise.weight=0.3 --set model=%.*s_noise.h5 -o %.*s_noise.h5\n",
            study, stem_length(model), model, stem_length(result), result);
}

const MhoExperiment mho_experiment = {
    .name = "noise_sweep",
    .question = "What do device noise and converter resolution cost, cell by cell?",
    .study = "quickstart.yaml",
    .headline = "What was found",
    .print = print_cells,
    .next = print_next,
};
