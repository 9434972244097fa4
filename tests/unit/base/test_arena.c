/* test_arena.c - planning and carving agree; overflow is refused, never wrapped. */
#include <stdint.h>

#include "base/arena.h"
#include "harness.h"

static void take_all(MhoArena *arena, unsigned char **bytes, double **reals, void **last)
{
    *bytes = mho_arena_take(arena, 3, 1);
    *reals = mho_arena_take(arena, 100, sizeof(double));
    *last = mho_arena_take(arena, 0, 8);
}

/* The same takes first count the bytes of a block and then carve aligned, zeroed parts of it. */
TEST(test_plan_then_carve)
{
    MhoArena arena = {0};
    MhoError error = {0};
    unsigned char *bytes;
    double *reals;
    void *last;
    take_all(&arena, &bytes, &reals, &last);
    ck_assert_ptr_null(bytes);
    ck_assert_uint_eq(arena.used, 64 + 832); /* 3 and 800 bytes rounded up to the alignment */
    ck_assert_int_eq(mho_arena_create(&arena, &error), MHO_OK);
    ck_assert_uint_eq(arena.size, 64 + 832);
    ck_assert_uint_eq(arena.used, 0);
    take_all(&arena, &bytes, &reals, &last);
    ck_assert_ptr_eq(bytes, arena.base);
    ck_assert_ptr_eq((unsigned char *)reals, arena.base + 64);
    ck_assert_uint_eq((uintptr_t)reals % MHO_ALIGN, 0);
    ck_assert_ptr_nonnull(last);
    for (size_t i = 0; i < arena.size; i++)
        ck_assert_uint_eq(arena.base[i], 0);
    ck_assert_ptr_null(mho_arena_take(&arena, 1, 1)); /* more than planned */
    mho_arena_destroy(&arena);
    ck_assert_ptr_null(arena.base);
    mho_arena_destroy(&arena);
    mho_arena_destroy(NULL);
}

/* An arena without a take still creates a block, and only one. */
TEST(test_empty_plan_is_a_block)
{
    MhoArena arena = {0};
    ck_assert_int_eq(mho_arena_create(&arena, NULL), MHO_OK);
    ck_assert_ptr_nonnull(arena.base);
    ck_assert_int_eq(mho_arena_create(&arena, NULL), MHO_FAILED); /* would leak the first block */
    mho_arena_destroy(&arena);
}

static void refused(size_t n, size_t size)
{
    MhoArena arena = {0};
    MhoError error = {0};
    (void)mho_arena_take(&arena, 1000, 1);
    ck_assert_ptr_null(mho_arena_take(&arena, n, size));
    (void)mho_arena_take(&arena, 1000, 1); /* saturated stays saturated */
    ck_assert_uint_eq(arena.used, SIZE_MAX);
    ck_assert_int_eq(mho_arena_create(&arena, &error), MHO_MEMORY);
    ck_assert_ptr_null(arena.base);
    ck_assert_str_ne(error.text, "");
}

/* A plan whose size overflows is refused as out of memory. */
TEST(test_overflow_is_refused)
{
    refused(SIZE_MAX, 1);         /* rounding up overflows */
    refused(SIZE_MAX / 2, 3);     /* the product overflows */
    refused(SIZE_MAX / 8 + 2, 8); /* the product wraps to a small number */
    refused(SIZE_MAX - 1000, 1);  /* the sum overflows */
}

/* A take larger than the block returns NULL and leaves the arena usable. */
TEST(test_overflow_while_carving)
{
    MhoArena arena = {0};
    (void)mho_arena_take(&arena, 1000, 1);
    ck_assert_int_eq(mho_arena_create(&arena, NULL), MHO_OK);
    ck_assert_ptr_null(mho_arena_take(&arena, SIZE_MAX / 8 + 2, 8));
    ck_assert_ptr_nonnull(mho_arena_take(&arena, 1000, 1));
    mho_arena_destroy(&arena);
}

/* A block that the machine cannot give is a MEMORY error, not a crash. */
TEST(test_more_than_the_machine_has)
{
    MhoArena arena = {0};
    MhoError error = {0};
    (void)mho_arena_take(&arena, (size_t)1 << 60, 1);
    ck_assert_int_eq(mho_arena_create(&arena, &error), MHO_MEMORY);
    ck_assert_ptr_null(arena.base);
}
