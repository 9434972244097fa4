/* state.c - a chip at a time and a temperature: the same devices, drifted, with frozen read noise, attenuated by
 * wires, packed.
 *
 *   frozen noise: g' = max(0, g (1 + e_row) + sigma N),  sigma^2 = linear + square at full input, N fixed per device
 * frozen: all time scales; split: those slower than t_observe, the rest fresh at every read; per_read: none.
 * Wires attenuate a cell's noise as they attenuate its current.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "crossbar/crossbar_internal.h"

static const double forever = 1e300; /* s: no upper limit of a band */

/* Whether read noise is drawn and the reads have another mode than `unless`. */
static bool draws_noise(const MhoChip *chip, MhoReadMode unless)
{
    const MhoPlan *plan = chip->plan;
    return !chip->ideal && plan->config.cell->read_noise && plan->config.chip.noise > 0.0 && plan->read != unless;
}

static MhoBand frozen_band(const MhoPlan *plan)
{
    return (MhoBand){.from = plan->read == MHO_READ_SPLIT ? plan->config.chip.t_observe : 0.0, .to = forever};
}

static MhoBand read_band(const MhoPlan *plan)
{
    return (MhoBand){.from = 0.0, .to = plan->read == MHO_READ_SPLIT ? plan->config.chip.t_observe : forever};
}

static void carve_state(void *object)
{
    MhoChipState *state = object;
    const MhoPlan *plan = state->chip->plan;
    const bool per_cell = plan->config.chip.draw == MHO_NOISE_FORM_PER_CELL;
    StateTile spare;
    state->steps = mho_arena_take(&state->arena, plan->n, sizeof *state->steps);
    state->compensation = mho_arena_take(&state->arena, plan->n, sizeof *state->compensation);
    state->tiles = mho_arena_take(&state->arena, plan->n_tiles, sizeof *state->tiles);
    for (size_t i = 0; i < plan->n_tiles; i++) {
        const Tile *tile = &plan->tiles[i];
        StateTile *t = state->tiles ? &state->tiles[i] : &spare;
        t->weights.high = mho_arena_take(&state->arena, mho_packed_size(tile->rows, tile->columns), 1);
        t->weights.low = mho_arena_take(&state->arena, mho_packed_size(tile->rows, tile->columns), 1);
        if (state->noisy) {
            t->linear.values = mho_arena_take(&state->arena, mho_packed_size(tile->rows, tile->noise_columns), 1);
            t->square.values = mho_arena_take(&state->arena, mho_packed_size(tile->rows, tile->noise_columns), 1);
        }
        if (state->row_noisy)
            t->row_weights = mho_arena_take(&state->arena, tile->rows * tile->columns, sizeof(float));
        for (int q = 0; q < MHO_POLARITIES && state->noisy && per_cell; q++) {
            t->cell_linear[q] = mho_arena_take(&state->arena, tile->cells[q], sizeof(float));
            t->cell_square[q] = mho_arena_take(&state->arena, tile->cells[q], sizeof(float));
        }
    }
}

/* The read noise of cells over a band; linear and square are zeroed first. */
static void read_noise(const MhoChipState *state, const MhoCells *cells, MhoBand band, const float *g,
                       MhoReadNoise *noise)
{
    const MhoChipConfig *c = &state->chip->plan->config;
    if (cells->n > 0) {
        memset(noise->linear, 0, cells->n * sizeof(float));
        memset(noise->square, 0, cells->n * sizeof(float));
    }
    noise->row_linear = 0.0;
    noise->row_square = 0.0;
    c->cell->read_noise(c->cell_params, cells, state->at, band, g, noise);
}

/* Frozen noise into g: a draw that a device keeps for life times sigma of this condition. Row draws belong to the row
 * tile, so all its arrays share them. */
static void freeze(const MhoChipState *state, const Tile *tile, int q, const MhoCells *cells, TileScratch *scratch)
{
    const MhoPlan *plan = state->chip->plan;
    const size_t row_tile = tile->group * plan->layers[tile->layer].row_tiles + tile->row_tile;
    MhoReadNoise noise = {.linear = scratch->linear[q], .square = scratch->square[q]};
    MhoStream stream = {.seed = plan->config.seed,
                        .place = mho_place((uint32_t)tile->layer, tile->number, (uint32_t)q),
                        .chip = state->chip->number,
                        .noise = (float)plan->config.chip.noise};
    float *g = scratch->g[q];
    read_noise(state, cells, frozen_band(plan), g, &noise);
    mho_normal_fill(stream, MHO_DRAW_FROZEN_READ, cells->n, scratch->spare);
    for (size_t i = 0; i < cells->n; i++)
        scratch->spare[i] *= __builtin_sqrtf(noise.linear[i] + noise.square[i]);
    if (noise.row_linear + noise.row_square > 0.0) {
        const float sigma = (float)__builtin_sqrt(noise.row_linear + noise.row_square);
        stream.place = mho_place((uint32_t)tile->layer, (uint32_t)row_tile, MHO_ROW_SLICE);
        mho_normal_fill(stream, MHO_DRAW_FROZEN_READ, tile->rows, scratch->linear[q]);
        for (size_t i = 0; i < cells->n; i++)
            scratch->spare[i] += g[i] * sigma * scratch->linear[q][i / tile->cell_cols[q]];
    }
    for (size_t i = 0; i < cells->n; i++) {
        const float noisy = g[i] + scratch->spare[i];
        g[i] = noisy > 0.0F ? noisy : 0.0F;
    }
}

/* Effective conductance through the wires; variances go with the square of the attenuation. */
static MhoStatus attenuate(const MhoPlan *plan, const Tile *tile, int q, bool noisy, TileScratch *scratch,
                           MhoError *error)
{
    const MhoStatus status = plan->config.wire->effective(plan->config.wire_params, tile->rows, tile->cell_cols[q],
                                                          scratch->g[q], scratch->spare, error);
    if (status != MHO_OK)
        return status;
    for (size_t i = 0; i < tile->cells[q] && noisy; i++) {
        const float ratio = scratch->g[q][i] > 0.0F ? scratch->spare[i] / scratch->g[q][i] : 1.0F;
        scratch->linear[q][i] *= ratio * ratio;
        scratch->square[q][i] *= ratio * ratio;
    }
    memcpy(scratch->g[q], scratch->spare, tile->cells[q] * sizeof(float));
    return MHO_OK;
}

/* One array of a tile under the condition: conductances and read noise into scratch. */
static MhoStatus age_array(const MhoChipState *state, const Tile *tile, int q, TileScratch *scratch, MhoError *error)
{
    const MhoChip *chip = state->chip;
    const MhoChipConfig *c = &chip->plan->config;
    const ChipTile *made = &chip->devices->tiles[mho_tile_index(chip->plan, tile)];
    MhoCells cells = {.n = tile->cells[q], .g_target = scratch->target[q], .g = made->g[q]};
    memcpy(cells.state, made->state[q], sizeof cells.state);
    if (!chip->ideal && c->cell->age)
        c->cell->age(c->cell_params, &cells, state->at, scratch->g[q]);
    else
        memcpy(scratch->g[q], made->g[q], cells.n * sizeof(float));
    if (draws_noise(chip, MHO_READ_PER_READ))
        freeze(state, tile, q, &cells, scratch);
    if (state->noisy) {
        MhoReadNoise noise = {.linear = scratch->linear[q], .square = scratch->square[q]};
        read_noise(state, &cells, read_band(chip->plan), scratch->g[q], &noise);
    }
    return c->wire->effective ? attenuate(chip->plan, tile, q, state->noisy, scratch, error) : MHO_OK;
}

static void pack_noise(const MhoChipState *state, const Tile *tile, StateTile *packed, TileScratch *scratch)
{
    const MhoPlan *plan = state->chip->plan;
    const double unit = mho_tile_unit(plan, tile);
    const float square = (float)(unit * unit);
    mho_tile_variances(plan, tile, scratch->linear, scratch->variance);
    mho_variance_pack(tile->rows, tile->noise_columns, scratch->variance, scratch->narrow, &packed->linear);
    mho_tile_variances(plan, tile, scratch->square, scratch->variance);
    mho_variance_pack(tile->rows, tile->noise_columns, scratch->variance, scratch->narrow, &packed->square);
    for (int q = 0; q < MHO_POLARITIES && packed->cell_linear[0]; q++) {
        for (size_t i = 0; i < tile->cells[q]; i++) {
            packed->cell_linear[q][i] = square * scratch->linear[q][i];
            packed->cell_square[q][i] = square * scratch->square[q][i];
        }
    }
}

static MhoStatus age_tile(void *context, const Tile *tile, TileScratch *scratch, MhoError *error)
{
    MhoChipState *state = context;
    const MhoPlan *plan = state->chip->plan;
    const double tolerance = mho_tile_unit(plan, tile) * 0x1p-22; /* of a float conductance */
    StateTile *packed = &state->tiles[mho_tile_index(plan, tile)];
    mho_tile_targets(plan, tile, scratch->target);
    for (int q = 0; q < MHO_POLARITIES; q++) {
        const MhoStatus status = age_array(state, tile, q, scratch, error);
        if (status != MHO_OK)
            return status;
    }
    mho_tile_weights(plan, tile, scratch->g, scratch->weights);
    mho_planes_pack(tile->rows, tile->columns, tolerance, scratch->weights, scratch->narrow, &packed->weights);
    for (size_t k = 0; packed->row_weights && k < tile->rows * tile->columns; k++)
        packed->row_weights[k] = (float)scratch->weights[k];
    if (state->noisy)
        pack_noise(state, tile, packed, scratch);
    return MHO_OK;
}

/* Which noise a read draws. Row branches are the same for every cell, so an array without cells gives their variance.
 */
static void find_noise(MhoChipState *state)
{
    const MhoCells none = {0};
    MhoReadNoise noise = {0};
    state->noisy = draws_noise(state->chip, MHO_READ_FROZEN);
    if (state->noisy)
        read_noise(state, &none, read_band(state->chip->plan), NULL, &noise);
    state->row_linear = noise.row_linear;
    state->row_square = noise.row_square;
    state->row_noisy = noise.row_linear > 0.0 || noise.row_square > 0.0;
}

MhoStatus mho_chip_state_create(const MhoChip *chip, MhoCondition at, MhoChipState **state, MhoError *error)
{
    *state = NULL;
    if (!(at.t >= 0.0 && at.t < forever) || !(at.temperature > 0.0 && at.temperature < forever))
        return mho_fail(error, MHO_USAGE, "a chip is read at a time >= 0 s and a temperature > 0 K, not %g s and %g K",
                        at.t, at.temperature);
    MhoChipState *s = mho_calloc(1, sizeof *s, error, "a state of chip %u", chip->number);
    if (!s)
        return MHO_MEMORY;
    s->chip = chip;
    s->at = at;
    find_noise(s);
    MhoStatus status = mho_arena_build(&s->arena, carve_state, s, error);
    for (size_t l = 0; l < chip->plan->n && status == MHO_OK; l++)
        s->compensation[l] = 1.0;
    if (status == MHO_OK)
        status = mho_crossbar_each_tile(chip->plan, age_tile, s, error);
    if (status != MHO_OK) {
        mho_chip_state_destroy(s);
        return status;
    }
    *state = s;
    return MHO_OK;
}

void mho_chip_state_destroy(MhoChipState *state)
{
    if (state) {
        mho_arena_destroy(&state->arena);
        free(state);
    }
}

const MhoPlan *mho_chip_state_plan(const MhoChipState *state)
{
    return state->chip->plan;
}

double mho_chip_state_compensation(const MhoChipState *state, size_t l)
{
    return state->compensation[l];
}
