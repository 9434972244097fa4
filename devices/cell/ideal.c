/* ideal.c - a cell that holds its target exactly.
 *
 *   g(t, T) = g_target
 * The reference for every other cell: no error, no drift, no noise. Valid for every target.
 */
#include <string.h>

#include "cell/cell.h"

static void ideal_program(const void *params, MhoCells *cells, MhoStream stream)
{
    (void)params;
    (void)stream;
    if (cells->n > 0)
        memcpy(cells->g, cells->g_target, cells->n * sizeof *cells->g);
}

extern const MhoCellModel mho_cell_ideal;
const MhoCellModel mho_cell_ideal = {
    .descriptor =
        {
            .name = "ideal",
            .summary = "a cell without error, drift or noise",
            .reference = "by definition: g = g_target",
            .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE,
        },
    .default_read = MHO_READ_PER_READ,
    .ohmic = true,
    .noise_scales = "",
    .program = ideal_program,
};
