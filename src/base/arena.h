/* arena.h - one allocation per object.
 *
 * Sizes are planned first (mho_arena_plan adds up), then one block is taken and carved. A pass never allocates.
 */
#ifndef MHO_BASE_ARENA_H
#define MHO_BASE_ARENA_H

#include <stddef.h>

#include "base/status.h"

enum { MHO_ALIGN = 64 };

typedef struct MhoArena {
    unsigned char *base; /* NULL while planning: takes then only count */
    size_t size, used;
} MhoArena;

/* Carve n elements of `size` bytes, 64-byte aligned and zeroed. While planning (base NULL) returns NULL and counts. An
 * overflowing request saturates used, so that mho_arena_create refuses it. */
void *mho_arena_take(MhoArena *arena, size_t n, size_t size);

/* Turn a planned arena (base NULL, used = bytes wanted) into a zeroed block of that size with used = 0. */
MhoStatus mho_arena_create(MhoArena *arena, MhoError *error) MHO_CHECKED;
void mho_arena_destroy(MhoArena *arena);

#endif
