/* range.c - the converter's range: largest possible sums, and the steps that need no calibration.
 *
 *   unit: 1    maximum: max(1, largest / largest code)    fixed: full_scale largest / largest code
 *   learned: max(1, range of the layer / largest code)
 * A step below one accumulator unit would resolve only noise, so a maximum (and a learned or calibrated) step stays
 * at 1 there and codes are exact.
 */
#include <string.h>

#include "crossbar/crossbar_internal.h"
#include "kernels/clones.h"

void mho_pattern_words(size_t l, size_t row0, size_t rows, uint32_t *words)
{
    const MhoStream stream = {.place = mho_place((uint32_t)l, 0, 0)};
    mho_random_words(stream, MHO_DRAW_PATTERN, 2 * row0, 2 * rows, words);
}

/* Positive and negative weights of a row (columns) into the sums of each. */
MHO_CLONES static void add_signs(size_t columns, const double *restrict row, double *restrict plus,
                                 double *restrict minus)
{
    for (size_t j = 0; j < columns; j++) {
        plus[j] += row[j] > 0.0 ? row[j] : 0.0;
        minus[j] -= row[j] < 0.0 ? row[j] : 0.0;
    }
}

MHO_CLONES static void add_row(size_t columns, const double *restrict row, double *restrict sum)
{
    for (size_t j = 0; j < columns; j++)
        sum[j] += row[j];
}

static double largest_size(size_t n, const double *values, double least)
{
    double largest = least;
    for (size_t j = 0; j < n; j++) {
        const double size = values[j] < 0.0 ? -values[j] : values[j];
        largest = size > largest ? size : largest;
    }
    return largest;
}

/* Largest possible |sum| of a conversion column: inputs 0..full, or -full..full when bipolar. */
static double largest_sum(const LayerPlan *layer, const Tile *tile, const TileScratch *scratch)
{
    double *plus = scratch->sums[0], *minus = scratch->sums[1];
    int full = 0;
    for (int s = 0; s < layer->slices.n; s++)
        full = layer->slices.full[s] > full ? layer->slices.full[s] : full;
    memset(plus, 0, tile->columns * sizeof *plus);
    memset(minus, 0, tile->columns * sizeof *minus);
    for (size_t r = 0; r < tile->rows; r++)
        add_signs(tile->columns, scratch->weights + r * tile->columns, plus, minus);
    if (layer->bipolar)
        add_row(tile->columns, minus, plus);
    return largest_size(tile->columns, minus, largest_size(tile->columns, plus, 0.0)) * full;
}

/* Largest |sum| of a reference pattern at input code 1. */
static double largest_pattern(const Tile *tile, const TileScratch *scratch)
{
    uint32_t *words = (uint32_t *)(void *)scratch->narrow;
    double largest = 0.0;
    mho_pattern_words(tile->layer, tile->row0, tile->rows, words);
    for (unsigned p = 0; p < MHO_PATTERNS; p++) {
        memset(scratch->sums[0], 0, tile->columns * sizeof(double));
        for (size_t r = 0; r < tile->rows; r++)
            if (mho_pattern_bit(&words[2 * r], p))
                add_row(tile->columns, scratch->weights + r * tile->columns, scratch->sums[0]);
        largest = largest_size(tile->columns, scratch->sums[0], largest);
    }
    return largest;
}

void mho_tile_ranges(const MhoPlan *plan, Tile *tile, const TileScratch *scratch)
{
    mho_tile_targets(plan, tile, scratch->target);
    mho_tile_weights(plan, tile, scratch->target, scratch->weights);
    tile->largest_sum = largest_sum(&plan->layers[tile->layer], tile, scratch);
    if (plan->config.chip.compensation != MHO_COMPENSATE_NONE)
        tile->largest_pattern = largest_pattern(tile, scratch);
}

static double at_least_one(double step)
{
    return step > 1.0 ? step : 1.0;
}

static float step_of(const MhoChipParams *chip, double largest, double learned, double code)
{
    switch ((MhoRange)chip->range) {
    case MHO_RANGE_UNIT: return 1.0F;
    case MHO_RANGE_MAXIMUM: return (float)at_least_one(largest / code);
    case MHO_RANGE_FIXED: return largest > 0.0 ? (float)(chip->full_scale * largest / code) : 1.0F;
    case MHO_RANGE_LEARNED: return (float)at_least_one(learned / code);
    case MHO_RANGE_CALIBRATED: break;
    }
    return 0.0F;
}

static MhoStatus check_learned(const MhoPlan *plan, const MhoMatrix *m, MhoError *error)
{
    if (plan->config.chip.range == MHO_RANGE_LEARNED && !(m->adc_range > 0.0 && m->adc_range < 1e30)) {
        return mho_fail(error, MHO_USAGE,
                        "layer %s has no learned converter range: train the model with a chip stage, or set "
                        "chip.adc.range=calibrated",
                        m->name);
    }
    return MHO_OK;
}

MhoStatus mho_plan_ranges(MhoPlan *plan, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t l = 0; l < plan->n && status == MHO_OK; l++) {
        LayerPlan *layer = &plan->layers[l];
        status = check_learned(plan, &layer->matrix, error);
        for (size_t i = 0; i < layer->n_tiles; i++) {
            const Tile *t = &layer->tiles[i];
            layer->largest_sum = t->largest_sum > layer->largest_sum ? t->largest_sum : layer->largest_sum;
            layer->largest_pattern =
                t->largest_pattern > layer->largest_pattern ? t->largest_pattern : layer->largest_pattern;
        }
        plan->steps[l] = step_of(&plan->config.chip, layer->largest_sum, layer->matrix.adc_range,
                                 mho_crossbar_largest_code(plan, layer));
    }
    return status;
}
