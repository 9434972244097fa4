/* chip.c - a fabricated and programmed chip: every device and converter, from (seed, chip number) alone. */
#include <stdlib.h>
#include <string.h>

#include "crossbar/crossbar_internal.h"

static MhoStream chip_stream(const MhoChip *chip, size_t l, const Tile *tile, uint32_t slice)
{
    return (MhoStream){.seed = chip->plan->config.seed,
                       .place = mho_place((uint32_t)l, tile->number, slice),
                       .chip = chip->number,
                       .noise = (float)chip->plan->config.chip.noise};
}

static void carve(MhoChip *chip)
{
    const MhoPlan *plan = chip->plan;
    const size_t n_state = chip->ideal ? 0 : plan->config.cell->n_state, n_adc = plan->config.adc->n_state;
    ChipTile spare;

    chip->steps = mho_arena_take(&chip->arena, plan->n, sizeof *chip->steps);
    chip->tiles = mho_arena_take(&chip->arena, plan->n_tiles, sizeof *chip->tiles);
    for (size_t i = 0; i < plan->n_tiles; i++) {
        ChipTile *t = chip->tiles ? &chip->tiles[i] : &spare;

        for (int q = 0; q < MHO_POLARITIES; q++) {
            t->g[q] = mho_arena_take(&chip->arena, plan->tiles[i].cells[q], sizeof(float));
            for (size_t s = 0; s < n_state; s++) {
                t->state[q][s] = mho_arena_take(&chip->arena, plan->tiles[i].cells[q], sizeof(float));
            }
        }
        t->adc = n_adc > 0 ? mho_arena_take(&chip->arena, plan->tiles[i].columns * n_adc, sizeof(float)) : NULL;
    }
}

/* Converters of a tile; those of padding columns stay 0. */
static void fabricate(const MhoChip *chip, size_t l, const Tile *tile, ChipTile *made)
{
    const MhoChipConfig *c = &chip->plan->config;

    if (!c->adc->fabricate || !made->adc || chip->ideal) {
        return;
    }
    c->adc->fabricate(chip->plan->layers[l].adc_params, tile->columns, chip_stream(chip, l, tile, 0), made->adc);
    for (size_t j = 0; j < tile->columns; j++) {
        const size_t second = tile->converters - tile->cols;

        if (!(j < tile->cols || (j >= tile->width && j < tile->width + second))) {
            memset(made->adc + j * c->adc->n_state, 0, c->adc->n_state * sizeof(float));
        }
    }
}

static MhoStatus program(void *context, size_t l, const Tile *tile, size_t i, TileScratch *scratch, MhoError *error)
{
    MhoChip *chip = context;
    const MhoChipConfig *c = &chip->plan->config;
    ChipTile *made = &chip->tiles[i];

    (void)error;
    mho_tile_targets(chip->plan, l, tile, scratch->target);
    for (int q = 0; q < MHO_POLARITIES; q++) {
        MhoCells cells = {.n = tile->cells[q], .g_target = scratch->target[q], .g = made->g[q]};

        memcpy(cells.state, made->state[q], sizeof cells.state);
        if (chip->ideal) {
            memcpy(made->g[q], scratch->target[q], tile->cells[q] * sizeof(float));
        } else {
            c->cell->program(c->cell_params, &cells, chip_stream(chip, l, tile, (uint32_t)q));
        }
    }
    fabricate(chip, l, tile, made);
    return MHO_OK;
}

static MhoStatus create(const MhoPlan *plan, uint32_t number, bool ideal, MhoChip **chip, MhoError *error)
{
    MhoChip *c = calloc(1, sizeof *c);
    MhoStatus status;

    *chip = NULL;
    if (!c) {
        return mho_fail(error, MHO_MEMORY, "out of memory: chip %u", number);
    }
    c->plan = plan;
    c->number = number;
    c->ideal = ideal;
    carve(c);
    status = mho_arena_create(&c->arena, error);
    if (status == MHO_OK) {
        carve(c);
        status = mho_crossbar_each_tile(plan, program, c, error);
    }
    if (status != MHO_OK) {
        mho_chip_destroy(c);
        return status;
    }
    *chip = c;
    return MHO_OK;
}

MhoStatus mho_chip_create(const MhoPlan *plan, uint32_t number, MhoChip **chip, MhoError *error)
{
    return create(plan, number, false, chip, error);
}

MhoStatus mho_chip_create_ideal(const MhoPlan *plan, MhoChip **chip, MhoError *error)
{
    return create(plan, 0, true, chip, error);
}

void mho_chip_destroy(MhoChip *chip)
{
    if (chip) {
        mho_arena_destroy(&chip->arena);
        free(chip);
    }
}
