/* wire.h - what an array asks of its wires: the effective weight of each cell where its lines have resistance. */
#ifndef MHO_DEVICES_WIRE_H
#define MHO_DEVICES_WIRE_H

#include "base/descriptor.h"

typedef struct MhoWireModel {
    MhoDescriptor descriptor;
    /* Effective conductance (rows, cols) of cells behind the wires, from their own conductance. NULL: ideal wires. */
    MhoStatus (*effective)(const void *params, size_t rows, size_t cols, const float *g, float *g_effective,
                           MhoError *error);
} MhoWireModel;

extern const MhoRegistry mho_wire_registry;

#endif
