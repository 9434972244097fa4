/* test_record.c - the tree of arrays, and a digest that depends on every part and on no order. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/record.h"
#include "harness.h"

static MhoError error;

static void ok(MhoStatus status)
{
    ck_assert_msg(status == MHO_OK, "%s", error.text);
}

static MhoRecord *new_record(void)
{
    MhoRecord *record = NULL;
    ok(mho_record_create(&record, &error));
    return record;
}

static MhoRecord *child_of(MhoRecord *record, const char *name)
{
    MhoRecord *child = NULL;
    ok(mho_record_child(record, name, &child, &error));
    return child;
}

static void check_same(const MhoRecord *a, const MhoRecord *b, int same)
{
    char hex_a[65], hex_b[65];
    ok(mho_record_digest(a, hex_a, &error));
    ok(mho_record_digest(b, hex_b, &error));
    ck_assert_uint_eq(strlen(hex_a), 64);
    ck_assert_int_eq(strcmp(hex_a, hex_b) == 0, same);
}

/* What the digest test varies; the first row of the table below is the reference. */
typedef struct Ingredients {
    const char *group, *array, *attribute, *unit, *axis, *help, *text;
    MhoType type;
    size_t rank, shape[2];
    float value;
    int64_t number;
} Ingredients;

static MhoRecord *build(const Ingredients *in)
{
    const float values[6] = {in->value, 1.0f, 2.0f, 3.0f, 4.0f, 5.0f};
    const char *axes[2] = {in->axis, "chip"};
    MhoRecord *root = new_record(), *group = child_of(root, in->group);
    MhoArray *array;
    ok(mho_record_add(group, in->array, in->type, in->rank, in->shape, axes, in->unit, in->help, values, &array,
                      &error));
    ok(mho_attribute_text(&array->attributes, in->attribute, in->text, &error));
    ok(mho_attribute_int(&root->attributes, "mho_format", in->number, &error));
    return root;
}

/* A change of any name, unit, type, shape or value changes the digest; a change of the help does not. */
TEST(test_digest_sees_every_ingredient)
{
    const Ingredients base = {.group = "grid",
                              .array = "accuracy",
                              .attribute = "law",
                              .unit = "%",
                              .axis = "point",
                              .help = "top-1",
                              .text = "normal",
                              .type = MHO_F32,
                              .rank = 2,
                              .shape = {3, 2},
                              .value = 0.5f,
                              .number = 1};
    Ingredients other[12];
    for (int i = 0; i < 12; i++)
        other[i] = base;
    other[0].group = "grip";
    other[1].array = "accuracies";
    other[2].attribute = "laws";
    other[3].unit = "";
    other[4].axis = "trial";
    other[5].text = "lognormal";
    other[6].type = MHO_I32; /* the same bytes, another type */
    other[7].shape[0] = 2;
    other[7].shape[1] = 3;
    other[8].rank = 1;
    other[9].value = 0.50000006f; /* one bit */
    other[10].number = 2;
    other[11].value = -0.5f;
    MhoRecord *reference = build(&base), *again = build(&base);
    check_same(reference, again, 1);
    for (int i = 0; i < 12; i++) {
        MhoRecord *changed = build(&other[i]);
        check_same(reference, changed, 0);
        mho_record_destroy(changed);
    }
    Ingredients explained = base;
    explained.help = "a better explanation is not another result";
    MhoRecord *same = build(&explained);
    check_same(reference, same, 1);
    mho_record_destroy(same);
    mho_record_destroy(reference);
    mho_record_destroy(again);
}

/* Two groups, three arrays, two attributes, in an order given by the bits of `order`. */
static MhoRecord *build_in_order(int order)
{
    static const char *const names[] = {"a", "b", "ab"};
    MhoRecord *root = new_record();
    if (order & 1)
        child_of(root, "z");
    MhoRecord *group = child_of(root, "y");
    child_of(root, "z");
    for (int i = 0; i < 3; i++) {
        int which = order & 2 ? 2 - i : i;
        double value = which;
        ok(mho_record_add(group, names[which], MHO_F64, 0, NULL, NULL, "S", "", &value, NULL, &error));
    }
    if (order & 4)
        ok(mho_attribute_real(&root->attributes, "first", 9.0, &error));
    ok(mho_attribute_text(&root->attributes, "second", "two", &error));
    ok(mho_attribute_real(&root->attributes, "first", 1.0, &error)); /* replaces the 9 */
    return root;
}

/* The order in which entries are added does not change the digest. */
TEST(test_digest_ignores_insertion_order)
{
    MhoRecord *reference = build_in_order(0);
    for (int order = 1; order < 8; order++) {
        MhoRecord *other = build_in_order(order);
        check_same(reference, other, 1);
        mho_record_destroy(other);
    }
    mho_record_destroy(reference);
}

/* Provenance, summary and history at the root are not part of the digest. */
TEST(test_digest_leaves_out_provenance_summary_history)
{
    MhoRecord *plain = build_in_order(0), *dressed = build_in_order(0);
    double seconds = 3.5;
    ok(mho_record_add(child_of(dressed, "provenance"), "seconds", MHO_F64, 0, NULL, NULL, "s", "", &seconds, NULL,
                      &error));
    ok(mho_record_add(child_of(dressed, "summary"), "mean", MHO_F64, 0, NULL, NULL, "", "", &seconds, NULL, &error));
    ok(mho_attribute_text(&dressed->attributes, "history", "today", &error));
    check_same(plain, dressed, 1);
    /* Only at the root: below it these are ordinary names. */
    child_of(child_of(dressed, "y"), "summary");
    check_same(plain, dressed, 0);
    mho_record_destroy(plain);
    mho_record_destroy(dressed);
    plain = build_in_order(0);
    dressed = build_in_order(0);
    ok(mho_attribute_text(&child_of(dressed, "y")->attributes, "history", "today", &error));
    check_same(plain, dressed, 0);
    mho_record_destroy(plain);
    mho_record_destroy(dressed);
}

static MhoRecord *with_strings(const char *first, const char *second)
{
    MhoRecord *record = new_record();
    const char *words[2] = {first, second};
    size_t shape = 2;
    ok(mho_record_add(record, "words", MHO_STRING, 1, &shape, NULL, "", "", words, NULL, &error));
    return record;
}

/* Fields that join to the same text or shape give different digests. */
TEST(test_digest_frames_its_fields)
{
    MhoRecord *a = with_strings("ab", "c"), *b = with_strings("a", "bc");
    check_same(a, b, 0);
    mho_record_destroy(a);
    mho_record_destroy(b);
    /* An array in a group is not the same as two groups. */
    a = new_record();
    b = new_record();
    child_of(child_of(a, "g"), "h");
    child_of(b, "g");
    child_of(b, "h");
    check_same(a, b, 0);
    mho_record_destroy(a);
    mho_record_destroy(b);
}

/* All NaNs have one digest; the two zeros have two. */
TEST(test_digest_has_one_nan_and_two_zeros)
{
    const double values[4] = {NAN, -NAN, 0.0, -0.0};
    MhoRecord *records[4];
    for (int i = 0; i < 4; i++) {
        records[i] = new_record();
        ok(mho_record_add(records[i], "x", MHO_F64, 0, NULL, NULL, "", "", &values[i], NULL, &error));
    }
    check_same(records[0], records[1], 1);
    check_same(records[2], records[3], 0);
    check_same(records[0], records[2], 0);
    for (int i = 0; i < 4; i++)
        mho_record_destroy(records[i]);
}

/* Bytes written out by hand from the layout of record_digest.c, hashed by coreutils' sha256sum: pins the format. */
TEST(test_digest_known_answer)
{
    MhoRecord *record = new_record();
    char hex[65];
    int16_t value = 0x0102;
    ok(mho_record_add(record, "x", MHO_I16, 0, NULL, NULL, "S", "", &value, NULL, &error));
    ok(mho_record_digest(record, hex, &error));
    ck_assert_str_eq(hex, "587beea31f5b41ecbc850cc6d085695e9094ffd7fb4030fa371441a09026a2d3");
    mho_record_destroy(record);
}

/* The last element of a long array changes the digest. */
TEST(test_long_arrays_are_seen_to_the_end)
{
    static float values[10001];
    size_t shape = 10001;
    MhoRecord *a = new_record(), *b = new_record();
    ok(mho_record_add(a, "x", MHO_F32, 1, &shape, NULL, "", "", values, NULL, &error));
    values[10000] = 1.0f;
    ok(mho_record_add(b, "x", MHO_F32, 1, &shape, NULL, "", "", values, NULL, &error));
    check_same(a, b, 0);
    mho_record_destroy(a);
    mho_record_destroy(b);
}

/* A name is used once in a group and is refused when it is empty or contains a slash. */
TEST(test_names_are_unique_and_plain)
{
    MhoRecord *record = new_record(), *child;
    size_t shape = 2;
    int32_t values[2] = {7, 8};
    MhoArray *array;
    ok(mho_record_add(record, "x", MHO_I32, 1, &shape, NULL, "", "", values, &array, &error));
    values[0] = 0; /* the record has a copy */
    ck_assert_int_eq(((int32_t *)array->data)[0], 7);
    ck_assert_int_eq(mho_record_add(record, "x", MHO_I32, 1, &shape, NULL, "", "", values, &array, &error), MHO_FAILED);
    ck_assert_ptr_null(array);
    ck_assert_int_eq(mho_record_child(record, "x", &child, &error), MHO_FAILED);
    child = child_of(record, "g");
    ck_assert_ptr_eq(child_of(record, "g"), child); /* made once */
    ck_assert_int_eq(mho_record_add(record, "g", MHO_I32, 1, &shape, NULL, "", "", NULL, NULL, &error), MHO_FAILED);
    static const char *const bad[] = {"", "a/b", "/", ".", ".."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_ne(mho_record_add(record, bad[i], MHO_I32, 1, &shape, NULL, "", "", NULL, NULL, &error), MHO_OK);
        ck_assert_int_ne(mho_record_child(record, bad[i], &child, &error), MHO_OK);
    }
    ck_assert_uint_eq(record->n_arrays, 1);
    ck_assert_uint_eq(record->n_children, 1);
    mho_record_destroy(record);
}

/* Lists of groups, arrays and attributes grow and keep every entry. */
TEST(test_many_of_everything)
{
    MhoRecord *record = new_record();
    char name[32];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "g%d", i);
        ok(mho_attribute_int(&child_of(record, name)->attributes, "i", i, &error));
        snprintf(name, sizeof name, "x%d", i);
        ok(mho_record_add(record, name, MHO_I32, 0, NULL, NULL, "", "", &i, NULL, &error));
        ok(mho_attribute_int(&record->attributes, name, i, &error));
    }
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "g%d", i);
        const MhoRecord *child = mho_record_find(record, name);
        ck_assert_ptr_nonnull(child);
        ck_assert_int_eq(*(int64_t *)mho_attribute_find(&child->attributes, "i")->data, i);
        snprintf(name, sizeof name, "x%d", i);
        ck_assert_int_eq(*(int32_t *)mho_record_array(record, name)->data, i);
        ck_assert_int_eq(*(int64_t *)mho_attribute_find(&record->attributes, name)->data, i);
    }
    mho_record_destroy(record);
}

/* A shape that overflows, a rank above the limit and an unknown type are refused. */
TEST(test_sizes_are_checked)
{
    MhoRecord *record = new_record();
    const size_t wraps[2] = {SIZE_MAX / 2 + 1, 2}, large[1] = {SIZE_MAX / 4}, nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    ck_assert_int_eq(mho_record_add(record, "a", MHO_U8, 2, wraps, NULL, "", "", NULL, NULL, &error), MHO_MEMORY);
    ck_assert_int_eq(mho_record_add(record, "b", MHO_F64, 1, large, NULL, "", "", NULL, NULL, &error), MHO_MEMORY);
    ck_assert_int_eq(mho_record_add(record, "c", MHO_U8, 9, nine, NULL, "", "", NULL, NULL, &error), MHO_FAILED);
    ck_assert_int_eq(mho_record_add(record, "d", (MhoType)42, 0, NULL, NULL, "", "", NULL, NULL, &error), MHO_FAILED);
    ck_assert_int_eq(mho_attribute_set(&record->attributes, "e", MHO_F64, SIZE_MAX / 4, NULL, &error), MHO_MEMORY);
    ck_assert_uint_eq(record->n_arrays, 0);
    ck_assert_uint_eq(record->attributes.n, 0);
    mho_record_destroy(record);
}

/* Without data an array holds zeros or empty strings; an axis may have length 0. */
TEST(test_zeros_and_empty_arrays)
{
    MhoRecord *record = new_record();
    MhoArray *zeros, *words, *empty, *scalar;
    const size_t three = 3, none[2] = {0, 5};
    ok(mho_record_add(record, "zeros", MHO_F64, 1, &three, NULL, NULL, NULL, NULL, &zeros, &error));
    ok(mho_record_add(record, "words", MHO_STRING, 1, &three, NULL, "", "", NULL, &words, &error));
    ok(mho_record_add(record, "empty", MHO_F64, 2, none, NULL, "", "", NULL, &empty, &error));
    ok(mho_record_add(record, "scalar", MHO_U8, 0, NULL, NULL, "", "", NULL, &scalar, &error));
    for (size_t i = 0; i < 3; i++) {
        ck_assert(((double *)zeros->data)[i] == 0.0);
        ck_assert_str_eq(((char **)words->data)[i], "");
    }
    ck_assert_str_eq(zeros->unit, "");
    ck_assert_uint_eq(mho_array_count(zeros), 3);
    ck_assert_uint_eq(mho_array_count(empty), 0);
    ck_assert_uint_eq(mho_array_count(scalar), 1);
    char hex[65];
    ok(mho_record_digest(record, hex, &error));
    mho_record_destroy(record);
    mho_record_destroy(NULL);
}

/* Paths find groups and arrays, and a required array must have its type and rank. */
TEST(test_look_ups)
{
    MhoRecord *record = new_record(), *layers = child_of(record, "layers"), *conv = child_of(layers, "conv1");
    const size_t shape[2] = {2, 3};
    const char *const axes[2] = {"k", NULL};
    MhoArray *weight;
    const MhoArray *found;
    ok(mho_record_add(conv, "weight", MHO_I8, 2, shape, axes, "", "", NULL, &weight, &error));
    ck_assert_str_eq(weight->axis[0], "k");
    ck_assert_ptr_null(weight->axis[1]);
    ck_assert_ptr_eq(mho_record_find(record, "layers/conv1"), conv);
    ck_assert_ptr_eq(mho_record_find(record, "layers/conv1/"), conv);
    ck_assert_ptr_eq(mho_record_find(record, ""), record);
    ck_assert_ptr_eq(mho_record_array(record, "layers/conv1/weight"), weight);
    static const char *const absent[] = {"layers/conv", "layers/conv12", "layer/conv1", "layers/conv1/weights",
                                         "weight"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        ck_assert_ptr_null(mho_record_find(record, absent[i]));
        ck_assert_ptr_null(mho_record_array(record, absent[i]));
    }
    ok(mho_record_require(record, "m.h5", "layers/conv1/weight", MHO_I8, 2, &found, &error));
    ck_assert_ptr_eq(found, weight);
    ck_assert_int_eq(mho_record_require(record, "m.h5", "layers/conv1/weight", MHO_F32, 2, &found, &error), MHO_INPUT);
    ck_assert_str_eq(error.text, "m.h5: the array 'layers/conv1/weight' is i8 of rank 2; f32 of rank 2 is needed");
    ck_assert_ptr_null(found);
    ck_assert_int_eq(mho_record_require(record, "m.h5", "layers/conv1/weight", MHO_I8, 1, &found, &error), MHO_INPUT);
    ck_assert_int_eq(mho_record_require(record, "m.h5", "scale", MHO_F32, 0, &found, &error), MHO_INPUT);
    ck_assert_str_eq(error.text, "m.h5: the array 'scale' is missing");
    mho_record_destroy(record);
}

/* Attributes of every kind are set, replaced and found. */
TEST(test_attributes)
{
    MhoRecord *record = new_record();
    MhoAttributes *attributes = &record->attributes;
    const double range[2] = {1.0, 2.0};
    ok(mho_attribute_set(attributes, "range", MHO_F64, 2, range, &error));
    ok(mho_attribute_text(attributes, "name", "pcm", &error));
    ok(mho_attribute_int(attributes, "seed", -3, &error));
    ck_assert_str_eq(mho_attribute_string(attributes, "name"), "pcm");
    ck_assert_ptr_null(mho_attribute_string(attributes, "seed"));
    ck_assert_ptr_null(mho_attribute_string(attributes, "names"));
    ck_assert_int_eq(*(int64_t *)mho_attribute_find(attributes, "seed")->data, -3);
    ok(mho_attribute_text(attributes, "range", "wide", &error)); /* another type under the same name */
    ck_assert_str_eq(mho_attribute_string(attributes, "range"), "wide");
    ck_assert_uint_eq(attributes->n, 3);
    mho_record_destroy(record);
}

/* Each type has its size and name. */
TEST(test_types)
{
    static const size_t sizes[] = {1, 1, 2, 4, 8, 8, 4, 8, sizeof(char *)};
    static const char *const names[] = {"u8", "i8", "i16", "i32", "i64", "u64", "f32", "f64", "string"};
    for (int type = MHO_U8; type <= MHO_STRING; type++) {
        ck_assert_uint_eq(mho_type_size((MhoType)type), sizes[type]);
        ck_assert_str_eq(mho_type_name((MhoType)type), names[type]);
    }
}
