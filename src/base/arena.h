/* arena.h - one allocation per object.
 *
 * A carve function takes every array of an object. mho_arena_build runs it twice: first to count bytes, then to hand
 * out parts of one block of that size.
 */
#ifndef MHO_BASE_ARENA_H
#define MHO_BASE_ARENA_H

#include <stddef.h>

#include "base/status.h"

enum { MHO_ALIGN = 64 };

typedef struct MhoArena {
    unsigned char *base; /* NULL while planning */
    size_t size, used;
} MhoArena;

/* Take n elements of `size` bytes, 64-byte aligned and zeroed. While planning (base NULL), count them and return NULL;
 * after an overflow used is SIZE_MAX, which mho_arena_create refuses. */
void *mho_arena_take(MhoArena *arena, size_t n, size_t size);

/* Turn a planned arena (base NULL, used = bytes wanted) into a zeroed block of that size with used = 0. */
MhoStatus mho_arena_create(MhoArena *arena, MhoError *error) MHO_CHECKED;
void mho_arena_destroy(MhoArena *arena);

/* Plan, create and carve in one call. carve(object) must take the same arrays in the same order at both calls; pointers
 * that it stores are NULL after the first. MEMORY when there is no such block; arena is then empty. */
MhoStatus mho_arena_build(MhoArena *arena, void (*carve)(void *object), void *object, MhoError *error) MHO_CHECKED;

#endif
