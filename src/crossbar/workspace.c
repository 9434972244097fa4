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

static void carve(MhoWorkspace *run, const Needs *n)
{
    MhoArena *a = &run->arena;
    const size_t inputs = MHO_BLOCK * n->stride, outputs = MHO_BLOCK * n->columns;

    for (int q = 0; q < 2; q++) {
        run->codes[q] = mho_arena_take(a, inputs, 1);
        run->sliced[q] = mho_arena_take(a, inputs, 1);
    }
    run->magnitude = mho_arena_take(a, inputs, 1);
    run->square_high = mho_arena_take(a, inputs, 1);
    run->square_low = mho_arena_take(a, inputs, 1);
    run->high = mho_arena_take(a, outputs, sizeof(int32_t));
    run->low = mho_arena_take(a, outputs, sizeof(int32_t));
    run->converted = mho_arena_take(a, outputs, sizeof(int32_t));
    run->y = mho_arena_take(a, outputs, sizeof(float));
    run->variance = mho_arena_take(a, outputs, sizeof(float));
    run->linear = mho_arena_take(a, outputs, sizeof(float));
    run->normals = mho_arena_take(a, outputs, sizeof(float));
    run->row_noise = mho_arena_take(a, MHO_BLOCK * n->rows, sizeof(float));
    run->cell_normals = mho_arena_take(a, n->cells, sizeof(float));
    run->total = mho_arena_take(a, MHO_BLOCK * n->total, sizeof(int64_t));
    run->ideal = mho_arena_take(a, MHO_BLOCK * n->total, sizeof(int64_t));
    run->lost = mho_arena_take(a, MHO_BLOCK * n->total, sizeof(int64_t));
    run->limits = mho_arena_take(a, MHO_BLOCK * n->total, sizeof(int64_t));
    run->out = mho_arena_take(a, MHO_BLOCK * n->width, 1);
    run->a = mho_arena_take(a, n->width, sizeof(float));
    run->b = mho_arena_take(a, n->width, sizeof(float));
}

MhoStatus mho_workspace_create(const MhoPlan *plan, MhoWorkspace **run, MhoError *error)
{
    const Needs needs = find_needs(plan);
    MhoWorkspace *r = calloc(1, sizeof *r);
    MhoStatus status;

    *run = NULL;
    if (!r) {
        return mho_fail(error, MHO_MEMORY, "out of memory: a thread's scratch");
    }
    r->plan = plan;
    carve(r, &needs);
    status = mho_arena_create(&r->arena, error);
    if (status != MHO_OK) {
        free(r);
        return status;
    }
    carve(r, &needs);
    *run = r;
    return MHO_OK;
}

void mho_workspace_destroy(MhoWorkspace *run)
{
    if (run) {
        mho_arena_destroy(&run->arena);
        free(run);
    }
}
