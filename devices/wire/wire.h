/* wire.h - the interface of wires: the effective conductance of each cell in lines with resistance. */
#ifndef MHO_DEVICES_WIRE_H
#define MHO_DEVICES_WIRE_H

#include "base/descriptor.h"

typedef struct MhoWireModel {
    MhoDescriptor descriptor;
    /* The conductance (rows, cols) of each cell as seen through the wires, from its own conductance. NULL: ideal wires.
     */
    MhoStatus (*effective)(const void *params, size_t rows, size_t cols, const float *g, float *g_effective,
                           MhoError *error);
} MhoWireModel;

extern const MhoRegistry mho_wire_registry;

#endif
