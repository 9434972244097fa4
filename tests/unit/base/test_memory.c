/* test_memory.c - every allocation of base fails once, in turn; each time the caller gets MHO_MEMORY and nothing leaks
 * (the sanitizer build watches).
 */
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/record.h"
#include "base/yaml.h"
#include "failing_memory.h"
#include "harness.h"

static MhoStatus use_arena(MhoError *error)
{
    MhoArena arena = {0};
    (void)mho_arena_take(&arena, 10, 10);
    MhoStatus status = mho_arena_create(&arena, error);
    mho_arena_destroy(&arena);
    return status;
}

static MhoStatus fill(MhoRecord *root, MhoError *error)
{
    static const char *const words[] = {"a", "b"}, *const axes[] = {"point", "chip"};
    static const size_t shape[] = {2, 3};
    MhoRecord *child;
    MhoArray *array;
    char hex[65];
    MhoStatus status = mho_record_child(root, "layers", &child, error);
    if (status == MHO_OK)
        status = mho_record_add(child, "x", MHO_F32, 2, shape, axes, "S", "help", NULL, &array, error);
    if (status == MHO_OK)
        status = mho_attribute_set(&array->attributes, "words", MHO_STRING, 2, words, error);
    if (status == MHO_OK)
        status = mho_attribute_set(&array->attributes, "words", MHO_STRING, 2, words, error);
    if (status == MHO_OK)
        status = mho_record_add(child, "names", MHO_STRING, 1, shape, NULL, "", "", words, NULL, error);
    if (status == MHO_OK)
        status = mho_record_child(root, "grid", &child, error);
    return status == MHO_OK ? mho_record_digest(root, hex, error) : status;
}

static MhoStatus use_record(MhoError *error)
{
    MhoRecord *root;
    MhoStatus status = mho_record_create(&root, error);
    if (status == MHO_OK)
        status = fill(root, error);
    mho_record_destroy(root);
    return status;
}

static MhoStatus use_yaml(MhoError *error)
{
    static const char text[] = "a: 1\nb: [1, {x: 2}]\nc: {d: 4, e.f: 5}\n";
    MhoYaml *root;
    MhoStatus status = mho_yaml_parse(text, sizeof text - 1, "s.yaml", &root, error);
    /* No assertion here: Check allocates too. */
    bool consistent = (status == MHO_OK) == (root != NULL);
    mho_yaml_destroy(root);
    return consistent ? status : MHO_FAILED;
}

static MhoStatus use_yaml_file(MhoError *error)
{
    MhoYaml *root;
    MhoStatus status = mho_yaml_read("/dev/null", &root, error);
    mho_yaml_destroy(root);
    return status;
}

static const struct {
    MhoStatus (*use)(MhoError *error);
    int at_least; /* allocations, so that a wrapper that is never called is noticed */
} users[] = {{use_arena, 1}, {use_record, 20}, {use_yaml, 20}, {use_yaml_file, 2}};

/* Whichever allocation fails, the call returns MEMORY with its words and leaks nothing. */
TEST_LOOP(test_each_allocation_fails_in_turn, 0, sizeof users / sizeof *users)
{
    int n = 0;
    for (;; n++) {
        MhoError error = {0};
        memory_fail_after(n);
        MhoStatus status = users[_i].use(&error);
        if (!memory_has_failed()) {
            ck_assert_msg(status == MHO_OK, "%s", error.text);
            break;
        }
        ck_assert_msg(status == MHO_MEMORY, "allocation %d failed unnoticed: status %d", n, (int)status);
        ck_assert_ptr_nonnull(strstr(error.text, "out of memory"));
    }
    ck_assert_int_ge(n, users[_i].at_least);
}
