/* arena.c - one planned, aligned, zeroed block per object. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of n elements rounded up to the alignment; SIZE_MAX when that overflows. */
static size_t padded_bytes(size_t n, size_t size)
{
    size_t bytes, padded;
    if (__builtin_mul_overflow(n, size, &bytes))
        return SIZE_MAX;
    if (__builtin_add_overflow(bytes, (size_t)MHO_ALIGN - 1, &padded))
        return SIZE_MAX;
    return padded & ~((size_t)MHO_ALIGN - 1);
}

void *mho_arena_take(MhoArena *arena, size_t n, size_t size)
{
    size_t bytes = padded_bytes(n, size), used;
    if (__builtin_add_overflow(arena->used, bytes, &used))
        used = SIZE_MAX;
    if (!arena->base) {
        arena->used = used;
        return NULL;
    }
    if (used > arena->size)
        return NULL;
    void *start = arena->base + arena->used;
    arena->used = used;
    return start;
}

MhoStatus mho_arena_create(MhoArena *arena, MhoError *error)
{
    if (arena->base)
        return mho_fail(error, MHO_FAILED, "the arena already holds a block; destroy it first");
    if (arena->used == SIZE_MAX)
        return mho_fail(error, MHO_MEMORY, "out of memory: the planned size does not fit the address space");
    size_t size = arena->used ? arena->used : (size_t)MHO_ALIGN;
    unsigned char *base = aligned_alloc(MHO_ALIGN, size);
    if (!base)
        return mho_fail(error, MHO_MEMORY, "out of memory: %zu bytes wanted in one block", size);
    memset(base, 0, size);
    *arena = (MhoArena){.base = base, .size = size, .used = 0};
    return MHO_OK;
}

void mho_arena_destroy(MhoArena *arena)
{
    if (!arena)
        return;
    free(arena->base);
    *arena = (MhoArena){0};
}

MhoStatus mho_arena_build(MhoArena *arena, void (*carve)(void *object), void *object, MhoError *error)
{
    *arena = (MhoArena){0};
    carve(object);
    const MhoStatus status = mho_arena_create(arena, error);
    if (status == MHO_OK)
        carve(object);
    else
        *arena = (MhoArena){0};
    return status;
}
