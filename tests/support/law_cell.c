/* law_cell.c - see law_cell.h. */
#include "law_cell.h"

static void law_program(const void *params, MhoCells *cells, MhoStream stream)
{
    (void)params;
    (void)stream;
    for (size_t i = 0; i < cells->n; i++)
        cells->g[i] = cells->g_target[i];
}

static void law_read_noise(const void *params, const MhoCells *cells, MhoCondition at, MhoBand band, const float *g,
                           MhoReadNoise *noise)
{
    const LawParams *p = params;
    (void)band;
    for (size_t i = 0; i < cells->n; i++) {
        noise->linear[i] = (float)(p->linear * (0.1 + (double)g[i]));
        noise->square[i] = (float)(p->square * (0.2 + (double)g[i] * (double)g[i]) * (1.0 + at.t));
    }
    noise->row_linear = p->row_linear;
    noise->row_square = p->row_square;
}

const MhoCellModel law_cell = {
    .descriptor = {.name = "law", .summary = "a test's own noise law", .reference = "by definition"},
    .default_read = MHO_READ_PER_READ,
    .ohmic = true,
    .noise_scales = "",
    .program = law_program,
    .read_noise = law_read_noise,
};
