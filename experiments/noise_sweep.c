/* noise_sweep.c - what do device noise and converter resolution cost, cell by cell?
 *
 * For a sweep of chip.cell.name, chip.adc.uniform.bits and chip.noise: the cost against the ideal cell at the same
 * resolution, and the fewest converter bits and the largest noise that cost at most half a point.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/experiment.h"

static const double near_reference = 0.005; /* half a point of accuracy counts as no loss */

/* The arrays of a result that the question is about; NULL where a study did not sweep a key. */
typedef struct Columns {
    size_t n;
    char *const *cell;
    const double *bits, *noise, *mean, *low, *high;
} Columns;

static const MhoArray *column(const MhoRecord *result, const char *path, MhoType type, size_t n)
{
    const MhoArray *array = mho_record_array(result, path);
    return array && array->type == type && array->rank == 1 && array->shape[0] == n ? array : NULL;
}

static bool read_columns(const MhoRecord *result, Columns *at)
{
    const MhoArray *mean = mho_record_array(result, "summary/accuracy_mean");
    if (!mean || mean->rank != 1 || mean->type != MHO_F64)
        return false;
    *at = (Columns){.n = mean->shape[0], .mean = mean->data};
    const MhoArray *cell = column(result, "chip.cell.name", MHO_STRING, at->n),
                   *bits = column(result, "chip.adc.uniform.bits", MHO_F64, at->n);
    const MhoArray *noise = column(result, "chip.noise", MHO_F64, at->n),
                   *low = column(result, "summary/accuracy_low", MHO_F64, at->n);
    const MhoArray *high = column(result, "summary/accuracy_high", MHO_F64, at->n);
    if (!cell || !bits || !noise || !low || !high)
        return false;
    at->cell = cell->data;
    at->bits = bits->data;
    at->noise = noise->data;
    at->low = low->data;
    at->high = high->data;
    return true;
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

/* Accuracy of the ideal cell at a resolution, or NaN. */
static double reference(const Columns *at, double bits)
{
    size_t p = find_point(at, "ideal", bits, NAN);
    return p < at->n ? at->mean[p] : NAN;
}

/* Fewest bits at which the cell's own accuracy (at noise) is within half a point of what it has with the most bits. */
static double fewest_bits(const Columns *at, const char *cell, double noise)
{
    size_t best = find_point(at, cell, most_bits(at), noise);
    double fewest = NAN;
    for (size_t p = 0; best < at->n && p < at->n; p++)
        if (strcmp(at->cell[p], cell) == 0 && at->noise[p] == noise && at->mean[p] >= at->mean[best] - near_reference &&
            !(at->bits[p] >= fewest))
            fewest = at->bits[p];
    return fewest;
}

/* Largest noise factor whose mean is within half a point of the ideal cell, at the most bits. */
static double tolerated_noise(const Columns *at, const char *cell)
{
    double most = most_bits(at), largest = NAN;
    for (size_t p = 0; p < at->n; p++)
        if (strcmp(at->cell[p], cell) == 0 && at->bits[p] == most &&
            at->mean[p] >= reference(at, most) - near_reference && !(at->noise[p] <= largest))
            largest = at->noise[p];
    return largest;
}

static void describe_cell(FILE *out, const Columns *at, const char *cell)
{
    double most = most_bits(at);
    size_t p = find_point(at, cell, most, 1.0);
    if (p < at->n)
        fprintf(out,
                "  %-10s %.2f %% (95 %% interval %.2f to %.2f) at %g ADC bits and the cell's own noise, %+.2f points "
                "against the ideal cell\n",
                cell, 100.0 * at->mean[p], 100.0 * at->low[p], 100.0 * at->high[p], most,
                100.0 * (at->mean[p] - reference(at, most)));
    double bits = fewest_bits(at, cell, 1.0), noise = tolerated_noise(at, cell);
    if (!isnan(bits))
        fprintf(out, "             %g ADC bits are enough to stay within half a point of this accuracy\n", bits);
    if (!isnan(noise))
        fprintf(out, "             noise up to %g times the cell's own stays within half a point of the ideal cell\n",
                noise);
    else
        fprintf(out, "             no noise level of this sweep stays within half a point of the ideal cell\n");
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
    if (!isnan(reference(&at, most)))
        fprintf(out, "  %-10s %.2f %% at %g ADC bits: the network without device errors\n", "ideal",
                100.0 * reference(&at, most), most);
    for (size_t p = 0; p < at.n; p++)
        if (strcmp(at.cell[p], "ideal") != 0 && is_first_of_cell(&at, p))
            describe_cell(out, &at, at.cell[p]);
    fprintf(
        out,
        "What to try next\n"
        "  mho eval models/quickstart.h5 --set chip.cell.name=pcm --layers     signal-to-noise ratio of each layer\n"
        "  --set train.noise.weight=0.3 --retrain -o OTHER.h5                  train with noise and compare\n"
        "  --set chip.time=1,3600,86400,31536000 -o drift.h5                   the same chips, up to a year old");
}

const MhoExperiment mho_experiment = {
    .name = "noise_sweep",
    .question = "What do device noise and converter resolution cost, cell by cell?",
    .study = "quickstart.yaml",
    .headline = "What was found",
    .print = print_cells,
};
