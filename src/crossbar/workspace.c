/* workspace.c - a thread's scratch: buffers of one block, as large as the layer that needs most. */
#include <stdlib.h>

#include "base/memory.h"
#include "crossbar/crossbar_internal.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Takes every buffer as large as the layer or tile that needs most. */
static void carve_workspace(void *object)
{
    MhoWorkspace *work = object;
    const MhoPlan *plan = work->plan;
    MhoArena *a = &work->arena;
    size_t inputs = 0, totals = 0, rows = 0, outputs = 0, width = 0, cells = 0;
    for (size_t l = 0; l < plan->n; l++) {
        inputs = larger(inputs, MHO_BLOCK * plan->layers[l].stride);
        totals = larger(totals, MHO_BLOCK * plan->layers[l].total_width);
    }
    for (size_t i = 0; i < plan->n_tiles; i++) {
        const Tile *t = &plan->tiles[i];
        rows = larger(rows, t->rows);
        outputs = larger(outputs, MHO_BLOCK * t->noise_columns);
        width = larger(width, t->width);
        cells = larger(cells, larger(t->cells[0], t->cells[1]));
    }
    for (int q = 0; q < 2; q++) {
        work->codes[q] = mho_arena_take(a, inputs, 1);
        work->sliced[q] = mho_arena_take(a, inputs, 1);
    }
    work->magnitude = mho_arena_take(a, inputs, 1);
    work->square_high = mho_arena_take(a, inputs, 1);
    work->square_low = mho_arena_take(a, inputs, 1);
    work->high = mho_arena_take(a, outputs, sizeof(int32_t));
    work->low = mho_arena_take(a, outputs, sizeof(int32_t));
    work->converted = mho_arena_take(a, outputs, sizeof(int32_t));
    work->y = mho_arena_take(a, outputs, sizeof(float));
    work->variance = mho_arena_take(a, outputs, sizeof(float));
    work->linear = mho_arena_take(a, outputs, sizeof(float));
    work->normals = mho_arena_take(a, outputs, sizeof(float));
    work->row_noise = mho_arena_take(a, MHO_BLOCK * rows, sizeof(float));
    work->cell_normals =
        mho_arena_take(a, plan->config.chip.draw == MHO_NOISE_FORM_PER_CELL ? cells : 0, sizeof(float));
    work->total = mho_arena_take(a, totals, sizeof(int64_t));
    work->ideal = mho_arena_take(a, totals, sizeof(int64_t));
    work->clipped_weights = mho_arena_take(a, totals, sizeof(int64_t));
    work->clipped_codes = mho_arena_take(a, totals, sizeof(int64_t));
    work->out = mho_arena_take(a, MHO_BLOCK * width, 1);
    work->a = mho_arena_take(a, width, sizeof(float));
    work->b = mho_arena_take(a, width, sizeof(float));
}

MhoStatus mho_workspace_create(const MhoPlan *plan, MhoWorkspace **work, MhoError *error)
{
    MhoWorkspace *made = mho_calloc(1, sizeof *made, error, "the scratch buffers of a thread");
    *work = NULL;
    if (!made)
        return MHO_MEMORY;
    made->plan = plan;
    const MhoStatus status = mho_arena_build(&made->arena, carve_workspace, made, error);
    if (status != MHO_OK) {
        free(made);
        return status;
    }
    *work = made;
    return MHO_OK;
}

void mho_workspace_destroy(MhoWorkspace *work)
{
    if (work) {
        mho_arena_destroy(&work->arena);
        free(work);
    }
}
