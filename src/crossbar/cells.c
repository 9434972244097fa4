/* cells.c - one tile's two arrays of cells: their targets, and what their conductances mean in weight codes.
 *
 *   differential: g+ = max(code, 0) / n_weight, g- = max(-code, 0) / n_weight     weight = n_weight (g+ - g-)
 *   offset:       g = (code / n_weight + 1) / 2, reference column g = 1/2         weight = 2 n_weight (g - g_reference)
 * Source: Xiao et al., Appl. Phys. Rev. 7 (2020) 031301.
 */
#include <string.h>

#include "crossbar/crossbar_internal.h"
#include "kernels/clones.h"

static bool is_offset(const MhoPlan *plan)
{
    return plan->config.chip.mapping == MHO_MAP_OFFSET;
}

double mho_tile_unit(const MhoPlan *plan, const Tile *tile)
{
    return (is_offset(plan) ? 2.0 : 1.0) * plan->layers[tile->layer].matrix.n_weight;
}

MHO_CLONES static void differential_row(size_t n, float n_weight, const int16_t *restrict codes, float *restrict plus,
                                        float *restrict minus)
{
    for (size_t j = 0; j < n; j++) {
        const float g = (float)codes[j] / n_weight;
        plus[j] = g > 0.0F ? g : 0.0F;
        minus[j] = g < 0.0F ? -g : 0.0F;
    }
}

void mho_tile_targets(const MhoPlan *plan, const Tile *tile, float *const g[MHO_POLARITIES])
{
    const LayerPlan *layer = &plan->layers[tile->layer];
    const float n_weight = (float)layer->matrix.n_weight;
    for (size_t r = 0; r < tile->rows; r++) {
        const int16_t *codes = mho_crossbar_row(layer, tile->group, tile->row0 + r) + tile->col0;
        const size_t at = r * tile->cols;
        if (!is_offset(plan)) {
            differential_row(tile->cols, n_weight, codes, g[0] + at, g[1] + at);
            continue;
        }
        for (size_t j = 0; j < tile->cols; j++)
            g[0][at + j] = 0.5F * ((float)codes[j] / n_weight + 1.0F);
        g[1][r] = 0.5F;
    }
}

void mho_tile_weights(const MhoPlan *plan, const Tile *tile, float *const g[MHO_POLARITIES], double *weights)
{
    const bool digital = plan->config.chip.subtract == MHO_SUBTRACT_DIGITAL;
    const double unit = mho_tile_unit(plan, tile);
    memset(weights, 0, tile->rows * tile->columns * sizeof *weights);
    for (size_t r = 0; r < tile->rows; r++) {
        double *row = weights + r * tile->columns;
        for (size_t j = 0; j < tile->cols; j++)
            row[j] = unit * (double)g[0][r * tile->cols + j];
        for (size_t j = 0; j < tile->cell_cols[1] && digital; j++)
            row[tile->width + j] = unit * (double)g[1][r * tile->cell_cols[1] + j];
        for (size_t j = 0; j < tile->cols && !digital; j++)
            row[j] -= unit * (double)g[1][is_offset(plan) ? r : r * tile->cols + j];
    }
}

void mho_tile_variances(const MhoPlan *plan, const Tile *tile, float *const v[MHO_POLARITIES], float *variance)
{
    const bool own_columns = tile->noise_columns > tile->width; /* the second array draws for itself */
    const double unit = mho_tile_unit(plan, tile);
    const float square = (float)(unit * unit);
    memset(variance, 0, tile->rows * tile->noise_columns * sizeof *variance);
    for (size_t r = 0; r < tile->rows; r++) {
        float *row = variance + r * tile->noise_columns;
        for (size_t j = 0; j < tile->cols; j++)
            row[j] = square * v[0][r * tile->cols + j];
        for (size_t j = 0; j < tile->cell_cols[1]; j++) {
            float *into = &row[own_columns ? tile->width + j : j];
            *into += square * v[1][r * tile->cell_cols[1] + j];
        }
    }
}

static void carve_scratch(void *object)
{
    TileScratch *scratch = object;
    const MhoPlan *plan = scratch->plan;
    MhoArena *arena = &scratch->arena;
    size_t cells = 0, weights = 0, columns = 0;
    for (size_t i = 0; i < plan->n_tiles; i++) {
        const Tile *tile = &plan->tiles[i];
        cells = tile->cells[0] > cells ? tile->cells[0] : cells;
        weights = tile->rows * tile->noise_columns > weights ? tile->rows * tile->noise_columns : weights;
        columns = tile->columns > columns ? tile->columns : columns;
    }
    for (int q = 0; q < MHO_POLARITIES; q++) {
        scratch->target[q] = mho_arena_take(arena, cells, sizeof(float));
        scratch->g[q] = mho_arena_take(arena, cells, sizeof(float));
        scratch->linear[q] = mho_arena_take(arena, cells, sizeof(float));
        scratch->square[q] = mho_arena_take(arena, cells, sizeof(float));
        scratch->sums[q] = mho_arena_take(arena, columns, sizeof(double));
    }
    scratch->spare = mho_arena_take(arena, cells, sizeof(float));
    scratch->weights = mho_arena_take(arena, weights, sizeof(double));
    scratch->variance = mho_arena_take(arena, weights, sizeof(float));
    scratch->narrow = mho_arena_take(arena, 2 * weights, 1);
}

MhoStatus mho_crossbar_each_tile(const MhoPlan *plan, TileJob job, void *context, MhoError *error)
{
    MhoStatus outcome = MHO_OK;
    size_t devices = 0;
    for (size_t l = 0; l < plan->n; l++)
        devices += plan->layers[l].devices;
#pragma omp parallel if (devices >= MHO_PARALLEL_DEVICES)
    {
        TileScratch scratch = {.plan = plan};
        MhoError mine = {MHO_OK, ""};
        MhoStatus status = mho_arena_build(&scratch.arena, carve_scratch, &scratch, &mine);
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < plan->n_tiles; i++)
            if (status == MHO_OK)
                status = job(context, &plan->tiles[i], &scratch, &mine);
        mho_arena_destroy(&scratch.arena);
        if (status != MHO_OK) {
#pragma omp critical(mho_crossbar_outcome)
            outcome = mho_fail(error, status, "%s", mine.text);
        }
    }
    return outcome;
}
