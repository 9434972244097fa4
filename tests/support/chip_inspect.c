/* chip_inspect.c - what a state holds, in weight codes and accumulator units. */
#include "chip_inspect.h"

#include <string.h>

#include "crossbar/crossbar_internal.h"

static MhoStatus check_group(const MhoChipState *state, size_t l, size_t group, MhoError *error)
{
    const MhoPlan *plan = state->chip->plan;
    if (l >= plan->n || group >= plan->layers[l].matrix.groups)
        return mho_fail(error, MHO_USAGE, "there is no group %zu of layer %zu", group, l);
    return MHO_OK;
}

/* Weight of row r and column j of a tile after subtraction. */
static double weight_of(const MhoChipState *state, const Tile *tile, size_t r, size_t j)
{
    const Planes *planes = &state->tiles[mho_tile_index(state->chip->plan, tile)].weights;
    double w = mho_planes_weight(planes, tile->rows, r, j);
    if (tile->columns > tile->width)
        w -= mho_planes_weight(planes, tile->rows, r, tile->width + (tile->cell_cols[1] == tile->cols ? j : 0));
    return w;
}

MhoStatus inspect_weights(const MhoChipState *state, size_t l, size_t group, size_t n, float *weights, MhoError *error)
{
    const MhoStatus status = check_group(state, l, group, error);
    const LayerPlan *layer = &state->chip->plan->layers[l];
    if (status != MHO_OK)
        return status;
    if (n != layer->rows * layer->matrix.cols) {
        return mho_fail(error, MHO_USAGE, "layer %s has %zu x %zu weights in a group, not %zu", layer->matrix.name,
                        layer->rows, layer->matrix.cols, n);
    }
    for (size_t i = 0; i < layer->row_tiles * layer->col_tiles; i++) {
        const Tile *t = mho_crossbar_tile(layer, group, i / layer->col_tiles, i % layer->col_tiles);
        for (size_t r = 0; r < t->rows; r++)
            for (size_t j = 0; j < t->cols; j++)
                weights[(t->row0 + r) * layer->matrix.cols + t->col0 + j] = (float)weight_of(state, t, r, j);
    }
    return MHO_OK;
}

/* Variance (cols) of one tile's read, added to variance with the square of the slice's digital weight. */
static void tile_variance(const ReadPhase *read_phase, const Tile *tile, double *variance)
{
    const MhoChipState *state = read_phase->read->state;
    const LayerPlan *layer = &state->chip->plan->layers[read_phase->read->l];
    const double weight = layer->slices.weight[read_phase->slice], full = layer->slices.full[read_phase->slice];
    const bool cells = state->noisy && mho_noise_variance(read_phase, tile);
    const float *v = read_phase->read->work->variance;
    for (size_t j = 0; j < tile->cols; j++) {
        double sum = cells ? (double)v[j] : 0.0;
        if (cells && tile->noise_columns > tile->width)
            sum += (double)v[tile->width + (tile->cell_cols[1] == tile->cols ? j : 0)];
        for (size_t r = 0; r < tile->rows && state->row_noisy; r++) {
            const double x = read_phase->magnitude[tile->row0 + r], w = weight_of(state, tile, r, j);
            sum += w * w * (state->row_linear * full * x + state->row_square * x * x);
        }
        variance[tile->col0 + j] += weight * weight * sum;
    }
}

MhoStatus inspect_variance(const MhoChipState *state, size_t l, size_t group, const uint8_t *codes, double *variance,
                           MhoError *error)
{
    MhoStatus status = check_group(state, l, group, error);
    const LayerPlan *layer = &state->chip->plan->layers[l];
    MhoWorkspace *work;
    if (status != MHO_OK)
        return status;
    status = mho_workspace_create(state->chip->plan, &work, error);
    if (status != MHO_OK)
        return status;
    memcpy(work->codes[0], codes, layer->matrix.rows);
    mho_crossbar_fill_tail(layer, work, 1);
    memset(variance, 0, layer->matrix.cols * sizeof *variance);
    for (int s = 0; s < layer->slices.n; s++) {
        const GroupRead read = {.state = state, .work = work, .l = l, .group = group, .P = 1};
        ReadPhase read_phase = {.read = &read, .slice = s};
        mho_crossbar_drive(&read, &read_phase);
        for (size_t i = 0; i < layer->row_tiles * layer->col_tiles; i++) {
            tile_variance(&read_phase, mho_crossbar_tile(layer, group, i / layer->col_tiles, i % layer->col_tiles),
                          variance);
        }
    }
    mho_workspace_destroy(work);
    return MHO_OK;
}
