/* axes_internal.h - which group of a netCDF-4 file defines the dimension of an axis. No HDF5 calls. */
#ifndef MHO_STORE_AXES_INTERNAL_H
#define MHO_STORE_AXES_INTERNAL_H

#include <stdint.h>

#include "base/record.h"

/* One dimension scale. */
typedef struct MhoDimension {
    const char *axis;           /* the name in the record; NULL: the array does not name this axis */
    const MhoArray *coordinate; /* the array that is this axis' coordinate; NULL: none */
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

/* Define the dimensions of one group: its coordinates; in the root, every axis that has one length in the whole file;
 * and every axis of its arrays that no parent defines with that length. A name that the group already has gets the
 * length appended. Fails with MEMORY only. The caller releases the scope after a failure too. */
MhoStatus mho_scope_create(MhoScope *scope, const MhoScope *parent, const MhoRecord *group,
                           MhoError *error) MHO_CHECKED;
void mho_scope_release(MhoScope *scope);

/* The dimension of axis i of an array of the scope's group; never NULL after a successful create. */
const MhoDimension *mho_scope_find(const MhoScope *scope, const MhoArray *array, size_t i);

#endif
