/* workspace.c - a thread's scratch: buffers of one block, as large as the layer that needs most. */
#include <stdlib.h>

#include "crossbar/crossbar_internal.h"

typedef struct Needs {
    size_t stride, rows, columns, width, total, cells;
} Needs;

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static Needs find_needs(const MhoPlan *plan)
{
    Needs n = {0};

    for (size_t l = 0; l < plan->n; l++) {
        n.stride = larger(n.stride, plan->layers[l].stride);
        n.total = larger(n.total, plan->layers[l].total_width);
    }
    for (size_t i = 0; i < plan->n_tiles; i++) {
        const Tile *t = &plan->tiles[i];

        n.rows = larger(n.rows, t->rows);
        n.columns = larger(n.columns, t->noise_columns);
        n.width = larger(n.width, t->width);
        n.cells = larger(n.cells, larger(t->cells[0], t->cells[1]));
    }
    n.cells = plan->config.chip.draw == MHO_NOISE_FORM_PER_CELL ? n.cells : 0;
    return n;
}

static void carve(MhoWorkspace *work, const Needs *n)
{
    MhoArena *a = &work->arena;
    const size_t inputs = MHO_BLOCK * n->stride, outputs = MHO_BLOCK * n->columns;

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
    work->row_noise = mho_arena_take(a, MHO_BLOCK * n->rows, sizeof(float));
    work->cell_normals = mho_arena_take(a, n->cells, sizeof(float));
    work->total = mho_arena_take(a, MHO_BLOCK * n->total, sizeof(int64_t));
    work->ideal = mho_arena_take(a, MHO_BLOCK * n->total, sizeof(int64_t));
    work->clipped_weights = mho_arena_take(a, MHO_BLOCK * n->total, sizeof(int64_t));
    work->clipped_codes = mho_arena_take(a, MHO_BLOCK * n->total, sizeof(int64_t));
    work->out = mho_arena_take(a, MHO_BLOCK * n->width, 1);
    work->a = mho_arena_take(a, n->width, sizeof(float));
    work->b = mho_arena_take(a, n->width, sizeof(float));
}

MhoStatus mho_workspace_create(const MhoPlan *plan, MhoWorkspace **work, MhoError *error)
{
    const Needs needs = find_needs(plan);
    MhoWorkspace *r = calloc(1, sizeof *r);
    MhoStatus status;

    *work = NULL;
    if (!r)
        return mho_fail(error, MHO_MEMORY, "out of memory: a thread's scratch");
    r->plan = plan;
    carve(r, &needs);
    status = mho_arena_create(&r->arena, error);
    if (status != MHO_OK) {
        free(r);
        return status;
    }
    carve(r, &needs);
    *work = r;
    return MHO_OK;
}

void mho_workspace_destroy(MhoWorkspace *work)
{
    if (work) {
        mho_arena_destroy(&work->arena);
        free(work);
    }
}
