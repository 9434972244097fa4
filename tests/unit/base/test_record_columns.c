/* test_record_columns.c - arrays of structs as arrays of a record, and back. */
#include <stddef.h>
#include <string.h>

#include "base/record_columns.h"
#include "harness.h"
#include "must.h"

typedef struct Row {
    char name[MHO_NAME_MAX];
    int32_t whole;
    double real;
    uint8_t *wide;
} Row;

static const char *const axes[] = {"row", "place"};
static const MhoColumn list[] = {
    {"name", "", "a name", MHO_STRING, offsetof(Row, name), false},
    {"whole", "V", "a whole number", MHO_I32, offsetof(Row, whole), false},
    {"real", "", "a number", MHO_F64, offsetof(Row, real), false},
    {"wide", "", "three numbers", MHO_U8, offsetof(Row, wide), true},
};
static const MhoColumns columns = {list, sizeof list / sizeof *list, sizeof(Row), axes};
enum { ROWS = 2, WIDTH = 3 };

static MhoRecord *record_of(void)
{
    uint8_t wide[ROWS][WIDTH] = {{1, 2, 3}, {4, 5, 6}};
    const Row rows[ROWS] = {{"first", -7, 0.5, wide[0]}, {"", 8, -1e300, wide[1]}};
    MhoRecord *record, *group;
    MhoError error = {0};
    must(mho_record_create(&record, &error), &error);
    must(mho_record_child(record, "group", &group, &error), &error);
    must(mho_columns_write(&columns, rows, ROWS, WIDTH, group, &error), &error);
    must(mho_record_add_numbers(group, "row", "row", ROWS, "rows, from 1", &error), &error);
    return record;
}

/* Every member comes back as it was written, and arrays have the unit and axes of the table. */
TEST(columns_round_trip)
{
    uint8_t wide[ROWS][WIDTH];
    Row rows[ROWS] = {{.wide = wide[0]}, {.wide = wide[1]}};
    MhoRecord *record = record_of();
    MhoError error = {0};
    must(mho_columns_read(&columns, rows, ROWS, WIDTH, record, "f.h5", "group", &error), &error);
    ck_assert_str_eq(rows[0].name, "first");
    ck_assert_str_eq(rows[1].name, "");
    ck_assert(rows[0].whole == -7 && rows[1].whole == 8 && rows[0].real == 0.5 && rows[1].real == -1e300);
    ck_assert(wide[0][2] == 3 && wide[1][0] == 4);
    const MhoArray *array = mho_record_array(record, "group/wide");
    ck_assert_uint_eq(array->rank, 2);
    ck_assert_str_eq(array->axis[1], "place");
    ck_assert_str_eq(mho_record_array(record, "group/whole")->unit, "V");
    ck_assert_int_eq(((const int32_t *)mho_record_array(record, "group/row")->data)[1], 2);
    mho_record_destroy(record);
}

/* A missing array, another type and another length are refused with the file and the array. */
TEST(bad_columns_are_refused)
{
    uint8_t wide[ROWS + 1][WIDTH + 1];
    Row rows[ROWS + 1] = {{.wide = wide[0]}, {.wide = wide[1]}, {.wide = wide[2]}};
    MhoRecord *record = record_of();
    MhoError error = {0};
    must_refuse(mho_columns_read(&columns, rows, ROWS + 1, WIDTH, record, "f.h5", "group", &error), &error, MHO_INPUT,
                "f.h5: 'group/name'");
    must_refuse(mho_columns_read(&columns, rows, ROWS, WIDTH + 1, record, "f.h5", "group", &error), &error, MHO_INPUT,
                "'group/wide'");
    must_refuse(mho_columns_read(&columns, rows, ROWS, WIDTH, record, "f.h5", "", &error), &error, MHO_INPUT, "name");
    ((MhoArray *)mho_record_array(record, "group/real"))->type = MHO_I64;
    must_refuse(mho_columns_read(&columns, rows, ROWS, WIDTH, record, "f.h5", "group", &error), &error, MHO_INPUT,
                "group/real");
    mho_record_destroy(record);
}
