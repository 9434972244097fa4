/* axes_internal.h - where the dimensions of a record's axes are defined in a netCDF-4 file. No HDF5 calls. */
#ifndef MHO_STORE_AXES_INTERNAL_H
#define MHO_STORE_AXES_INTERNAL_H

#include <stdint.h>

#include "base/record.h"

/* One dimension scale. */
typedef struct MhoDimension {
    const char *axis;           /* the record's name; NULL for the axis of an array that names none */
    const MhoArray *coordinate; /* the array that is this axis' coordinate; NULL: a dimension without variable */
    const MhoArray *owner;      /* the array of an unnamed axis; else NULL */
    size_t index;               /* which axis of owner */
    size_t length;
    char *name; /* in the file; owned */
    int64_t id; /* the writer's handle of the scale */
} MhoDimension;

/* The dimensions defined in one group. A group sees those of its parents. */
typedef struct MhoScope {
    const struct MhoScope *parent;
    const MhoRecord *group;
    MhoDimension *list;
    size_t n;
} MhoScope;

/* Define the dimensions of one group: its coordinates, in the root every axis that has one length in the whole file,
 * and every axis of its own arrays that no parent defines with that length. All lengths and names may occur; a name
 * that is taken in the group gets its length appended. MEMORY error only. The caller releases the scope either way. */
MhoStatus mho_scope_create(MhoScope *scope, const MhoScope *parent, const MhoRecord *group,
                           MhoError *error) MHO_CHECKED;
void mho_scope_release(MhoScope *scope);

/* The dimension of axis i of an array of the scope's group; never NULL after a successful create. */
const MhoDimension *mho_scope_find(const MhoScope *scope, const MhoArray *array, size_t i);

#endif
