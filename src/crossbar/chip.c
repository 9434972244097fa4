/* chip.c - a fabricated and programmed chip: every device and converter, from (seed, chip number) alone.
 *
 * Devices are counted references, because the same silicon may be read through several plans: a sweep over converter
 * settings programs each chip once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "crossbar/crossbar_internal.h"

static uint64_t n_programmed; /* of this process */

static MhoStream chip_stream(const MhoPlan *plan, uint32_t number, const Tile *tile, uint32_t slice)
{
    return (MhoStream){.seed = plan->config.seed,
                       .place = mho_place((uint32_t)tile->layer, tile->number, slice),
                       .chip = number,
                       .noise = (float)plan->config.chip.noise};
}

uint64_t mho_plan_devices_digest(const MhoPlan *plan)
{
    const MhoDescriptor *cell = &plan->config.cell->descriptor;
    const MhoChipParams *chip = &plan->config.chip;
    char *text = NULL, value[MHO_TEXT_MAX];
    size_t size = 0;
    uint64_t digest = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return 0;
    fprintf(out, "%llu %a %s %d %d\n", (unsigned long long)plan->config.seed, chip->noise, cell->name, chip->mapping,
            chip->subtract);
    for (size_t i = 0; i < cell->n_params; i++) {
        mho_param_format(&cell->params[i], plan->config.cell_params, value, sizeof value);
        fprintf(out, "%s=%s\n", cell->params[i].key, value);
    }
    for (size_t l = 0; l < plan->n; l++) {
        const LayerPlan *layer = &plan->layers[l];
        const MhoMatrix *m = &layer->matrix;
        fprintf(out, "%zu %zu %zu %d %zu %016llx %016llx\n", m->groups, m->rows, m->cols, m->n_weight,
                layer->shift_rows,
                (unsigned long long)mho_digest64(m->codes, m->groups * m->rows * m->cols * sizeof *m->codes),
                (unsigned long long)mho_digest64(layer->shift_codes,
                                                 m->groups * layer->shift_rows * m->cols * sizeof(int16_t)));
    }
    for (size_t i = 0; i < plan->n_tiles; i++) {
        const Tile *t = &plan->tiles[i];
        fprintf(out, "%zu %u %zu %zu %zu %zu %zu %zu\n", t->group, t->number, t->row0, t->rows, t->col0, t->cols,
                t->cells[0], t->cells[1]);
    }
    if (fclose(out) == 0)
        digest = mho_digest64(text, size);
    free(text);
    return digest;
}

uint64_t mho_chips_programmed(void)
{
    return __atomic_load_n(&n_programmed, __ATOMIC_RELAXED);
}

uint32_t mho_chip_number(const MhoChip *chip)
{
    return chip->number;
}

static void carve_devices(void *object)
{
    Devices *devices = object;
    const MhoPlan *plan = devices->plan;
    const size_t n_state = devices->ideal ? 0 : plan->config.cell->n_state;
    ChipTile spare;
    devices->tiles = mho_arena_take(&devices->arena, plan->n_tiles, sizeof *devices->tiles);
    for (size_t i = 0; i < plan->n_tiles; i++) {
        ChipTile *t = devices->tiles ? &devices->tiles[i] : &spare;
        for (int q = 0; q < MHO_POLARITIES; q++) {
            t->g[q] = mho_arena_take(&devices->arena, plan->tiles[i].cells[q], sizeof(float));
            for (size_t s = 0; s < n_state; s++)
                t->state[q][s] = mho_arena_take(&devices->arena, plan->tiles[i].cells[q], sizeof(float));
        }
    }
}

static MhoStatus program_tile(void *context, const Tile *tile, TileScratch *scratch, MhoError *error)
{
    Devices *devices = context;
    const MhoChipConfig *c = &devices->plan->config;
    ChipTile *made = &devices->tiles[mho_tile_index(devices->plan, tile)];
    (void)error;
    mho_tile_targets(devices->plan, tile, scratch->target);
    for (int q = 0; q < MHO_POLARITIES; q++) {
        MhoCells cells = {.n = tile->cells[q], .g_target = scratch->target[q], .g = made->g[q]};
        memcpy(cells.state, made->state[q], sizeof cells.state);
        if (devices->ideal)
            memcpy(made->g[q], scratch->target[q], tile->cells[q] * sizeof(float));
        else
            c->cell->program(c->cell_params, &cells, chip_stream(devices->plan, devices->number, tile, (uint32_t)q));
    }
    return MHO_OK;
}

static void devices_release(Devices *devices)
{
    if (!devices || --devices->owners > 0)
        return;
    mho_arena_destroy(&devices->arena);
    free(devices);
}

static MhoStatus devices_program(const MhoPlan *plan, uint32_t number, bool ideal, Devices **made, MhoError *error)
{
    Devices *devices = mho_calloc(1, sizeof *devices, error, "chip %u", number);
    *made = NULL;
    if (!devices)
        return MHO_MEMORY;
    *devices = (Devices){.owners = 1, .plan = plan, .number = number, .ideal = ideal};
    MhoStatus status = mho_arena_build(&devices->arena, carve_devices, devices, error);
    if (status == MHO_OK)
        status = mho_crossbar_each_tile(plan, program_tile, devices, error);
    if (status != MHO_OK) {
        devices_release(devices);
        return status;
    }
    if (!ideal)
        __atomic_fetch_add(&n_programmed, 1, __ATOMIC_RELAXED);
    devices->plan = NULL;
    *made = devices;
    return MHO_OK;
}

static void carve_chip(void *object)
{
    MhoChip *chip = object;
    const MhoPlan *plan = chip->plan;
    const size_t n_adc = plan->config.adc->n_state;
    chip->steps = mho_arena_take(&chip->arena, plan->n, sizeof *chip->steps);
    chip->adc = mho_arena_take(&chip->arena, plan->n_tiles, sizeof *chip->adc);
    for (size_t i = 0; i < plan->n_tiles && n_adc > 0; i++) {
        float *adc = mho_arena_take(&chip->arena, plan->tiles[i].columns * n_adc, sizeof *adc);
        if (chip->adc)
            chip->adc[i] = adc;
    }
}

/* Converters of a tile; those of padding columns stay 0. */
static void fabricate(const MhoChip *chip, const Tile *tile, float *adc)
{
    const MhoChipConfig *c = &chip->plan->config;
    const size_t second = tile->converters - tile->cols;
    if (!c->adc->fabricate || !adc || chip->ideal)
        return;
    c->adc->fabricate(chip->plan->layers[tile->layer].adc_params, tile->columns,
                      chip_stream(chip->plan, chip->number, tile, 0), adc);
    for (size_t j = 0; j < tile->columns; j++)
        if (!(j < tile->cols || (j >= tile->width && j < tile->width + second)))
            memset(adc + j * c->adc->n_state, 0, c->adc->n_state * sizeof(float));
}

/* A chip around devices, which it releases on failure too. */
static MhoStatus chip_around(const MhoPlan *plan, Devices *devices, MhoChip **chip, MhoError *error)
{
    MhoChip *c = mho_calloc(1, sizeof *c, error, "chip %u", devices->number);
    if (!c) {
        devices_release(devices);
        return MHO_MEMORY;
    }
    *c = (MhoChip){.plan = plan, .number = devices->number, .ideal = devices->ideal, .devices = devices};
    const MhoStatus status = mho_arena_build(&c->arena, carve_chip, c, error);
    if (status != MHO_OK) {
        mho_chip_destroy(c);
        return status;
    }
    for (size_t i = 0; i < plan->n_tiles; i++)
        fabricate(c, &plan->tiles[i], c->adc[i]);
    *chip = c;
    return MHO_OK;
}

static MhoStatus create(const MhoPlan *plan, uint32_t number, bool ideal, MhoChip **chip, MhoError *error)
{
    Devices *devices;
    const MhoStatus status = devices_program(plan, number, ideal, &devices, error);
    *chip = NULL;
    return status == MHO_OK ? chip_around(plan, devices, chip, error) : status;
}

MhoStatus mho_chip_create(const MhoPlan *plan, uint32_t number, MhoChip **chip, MhoError *error)
{
    return create(plan, number, false, chip, error);
}

/* Digests of both plans are taken only where sharing is possible at all: a chip of training has no twin. */
static bool shares_devices(const MhoPlan *plan, uint32_t number, const MhoChip *twin)
{
    if (!twin || twin->ideal || twin->number != number)
        return false;
    const uint64_t digest = mho_plan_devices_digest(plan);
    return digest != 0 && mho_plan_devices_digest(twin->plan) == digest;
}

MhoStatus mho_chip_create_twin(const MhoPlan *plan, uint32_t number, const MhoChip *twin, MhoChip **chip,
                               MhoError *error)
{
    *chip = NULL;
    if (!shares_devices(plan, number, twin))
        return create(plan, number, false, chip, error);
    twin->devices->owners++;
    return chip_around(plan, twin->devices, chip, error);
}

MhoStatus mho_chip_create_ideal(const MhoPlan *plan, MhoChip **chip, MhoError *error)
{
    return create(plan, 0, true, chip, error);
}

void mho_chip_destroy(MhoChip *chip)
{
    if (!chip)
        return;
    devices_release(chip->devices);
    mho_arena_destroy(&chip->arena);
    free(chip);
}
