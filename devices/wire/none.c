/* none.c - wires without resistance: every cell sees the full input.
 *
 *   g_effective = g
 */
#include "wire/wire.h"

extern const MhoWireModel mho_wire_none;
const MhoWireModel mho_wire_none = {
    .descriptor =
        {
            .name = "none",
            .summary = "ideal wires",
            .reference = "by definition: g_effective = g",
            .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE,
        },
};
