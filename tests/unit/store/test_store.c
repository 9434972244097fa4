/* test_store.c - a written record is read back the same, and the same record gives the same bytes. */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "harness.h"
#include "store/store.h"
#include "support/store_sample.h"

static void write_ok(const char *path, const MhoRecord *record)
{
    MhoError error = {0};
    ck_assert_msg(mho_store_write(path, record, &error) == MHO_OK, "%s", error.text);
}

static MhoRecord *read_ok(const char *path, bool require_format)
{
    MhoError error = {0};
    MhoRecord *record = NULL;
    ck_assert_msg(mho_store_read(path, require_format, &record, &error) == MHO_OK, "%s", error.text);
    return record;
}

static void same_digest(const MhoRecord *a, const MhoRecord *b)
{
    char left[65];
    char right[65];
    ck_assert_int_eq(mho_record_digest(a, left, NULL), MHO_OK);
    ck_assert_int_eq(mho_record_digest(b, right, NULL), MHO_OK);
    ck_assert_str_eq(left, right);
}

static void same_bytes(const char *a, const char *b)
{
    char left[65];
    char right[65];
    ck_assert_int_eq(mho_sha256_file(a, left, NULL), MHO_OK);
    ck_assert_int_eq(mho_sha256_file(b, right, NULL), MHO_OK);
    ck_assert_str_eq(left, right);
}

/* A record is read back equal in digest and order, and written again to the same bytes. */
TEST(test_round_trip)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "sample.h5");
    const char *again = store_path(folder, "again.h5");
    MhoRecord *record = store_sample();
    MhoRecord *back;
    write_ok(path, record);
    back = read_ok(path, true);
    same_digest(record, back);
    ck_assert_uint_eq(back->n_arrays, record->n_arrays);
    ck_assert_uint_eq(back->n_children, record->n_children);
    write_ok(again, back);
    same_bytes(path, again); /* order, help and unnamed axes came back too */
    mho_record_destroy(back);
    mho_record_destroy(record);
    store_remove_folder(folder);
}

/* The digest ignores some members and groups: these are compared one by one. */
TEST(test_members_come_back)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "sample.h5");
    MhoRecord *record = store_sample();
    MhoRecord *back;
    const MhoArray *array;
    const MhoAttribute *attribute;
    write_ok(path, record);
    back = read_ok(path, true);
    array = mho_record_array(back, "deep/deeper/large");
    ck_assert_ptr_nonnull(array);
    ck_assert_str_eq(array->unit, "S");
    ck_assert_str_eq(array->help, "what it is");
    ck_assert_str_eq(array->axis[0], "row");
    ck_assert(((float *)array->data)[5999] == (float)(5999 % 97) * 0.25f);
    array = mho_record_array(back, "square");
    ck_assert_str_eq(array->axis[0], "k");
    ck_assert_str_eq(array->axis[1], "k");
    ck_assert_str_eq(mho_record_array(back, "long")->axis[0], "k");
    ck_assert_str_eq(mho_record_array(back, "by_layer")->axis[0], "layer");
    ck_assert_str_eq(mho_record_array(back, "table")->axis[0], "table");
    ck_assert_ptr_null(mho_record_array(back, "unnamed")->axis[1]);
    array = mho_record_array(back, "words");
    ck_assert_str_eq(((char **)array->data)[2], "nor_flash");
    ck_assert_str_eq(((char **)array->data)[1], "");
    attribute = mho_attribute_find(&array->attributes, "texts");
    ck_assert_uint_eq(attribute->n, 3);
    ck_assert_str_eq(((char **)attribute->data)[2], "dr\xc3\xb6i");
    ck_assert_ptr_null(mho_attribute_find(&back->attributes, "mho_format"));
    ck_assert_str_eq(mho_attribute_string(&mho_record_find(back, "deep")->attributes, "title"), "a sample");
    mho_record_destroy(back);
    mho_record_destroy(record);
    store_remove_folder(folder);
}

/* Object times would differ by the second, uninitialised memory by the process. */
TEST(test_same_record_same_bytes)
{
    const char *folder = store_folder();
    const char *first = store_path(folder, "first.h5");
    const char *second = store_path(folder, "second.h5");
    MhoRecord *record = store_sample();
    void *dirt;
    write_ok(first, record);
    mho_record_destroy(record);
    for (size_t n = 8; n < 100000; n += n / 2) { /* leave dirt where the next allocations land */
        dirt = malloc(n);
        ck_assert_ptr_nonnull(dirt);
        memset(dirt, 0xa5, n);
        free(dirt);
    }
    (void)sleep(1); /* one tick of HDF5's object times */
    record = store_sample();
    write_ok(second, record);
    same_bytes(first, second);
    mho_record_destroy(record);
    store_remove_folder(folder);
}

/* An existing file is replaced, and a symbolic link stays while its target is replaced. */
TEST(test_replaces_and_follows_links)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "r.h5");
    const char *link = store_path(folder, "link.h5");
    MhoRecord *record = store_result();
    struct stat info;
    write_ok(path, record);
    ck_assert_int_eq(symlink("r.h5", link), 0);
    write_ok(link, record);
    ck_assert_int_eq(lstat(link, &info), 0);
    ck_assert(S_ISLNK(info.st_mode));
    ck_assert_int_eq(store_count_files(folder), 2);
    mho_record_destroy(read_ok(link, true));
    mho_record_destroy(record);
    store_remove_folder(folder);
}

/* A file of a newer format is refused with and without the demand for a format. */
TEST(test_newer_format_is_refused)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "r.h5");
    MhoRecord *record = store_result();
    MhoError error = {0};
    MhoRecord *back = NULL;
    const int format = MHO_FORMAT + 1;
    write_ok(path, record);
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t attribute = H5Aopen(file, "mho_format", H5P_DEFAULT);
    ck_assert(H5Awrite(attribute, H5T_NATIVE_INT, &format) >= 0);
    H5Aclose(attribute);
    H5Fclose(file);
    for (int require = 0; require < 2; require++) {
        ck_assert_int_eq(mho_store_read(path, require, &back, &error), MHO_INPUT);
        ck_assert_ptr_nonnull(strstr(error.text, "newer mho"));
        ck_assert_ptr_nonnull(strstr(error.text, path));
        ck_assert_ptr_null(back);
    }
    mho_record_destroy(record);
    store_remove_folder(folder);
}

/* What other programs write: no scales, 16-bit and boolean values, fixed strings, links and types that a record cannot
 * hold.
 */
static void write_foreign(const char *path)
{
    const hsize_t two = 2;
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t space = H5Screate_simple(1, &two, NULL);
    const hid_t text = H5Tcopy(H5T_C_S1);
    const hid_t logical = H5Tenum_create(H5T_NATIVE_INT8);
    const hid_t pair = H5Tcreate(H5T_COMPOUND, 8);
    const signed char no_yes[2] = {0, 1};
    const struct {
        const char *name;
        hid_t type;
        const void *data;
    } sets[] = {{"u16", H5T_NATIVE_UINT16, (uint16_t[]){65535, 1}},
                {"big_endian", H5T_STD_I32BE, "\x00\x00\x00\x05\xff\xff\xff\xff"},
                {"fixed", text, "abcdef\0\0"},
                {"bool", logical, no_yes},
                {"pair", pair, "12345678abcdefgh"}};

    H5Tset_size(text, 4);
    H5Tenum_insert(logical, "FALSE", &no_yes[0]);
    H5Tenum_insert(logical, "TRUE", &no_yes[1]);
    H5Tinsert(pair, "a", 0, H5T_NATIVE_INT);
    H5Tinsert(pair, "b", 4, H5T_NATIVE_INT);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const hid_t set = H5Dcreate2(file, sets[i].name, sets[i].type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        ck_assert(H5Dwrite(set, sets[i].type, H5S_ALL, H5S_ALL, H5P_DEFAULT, sets[i].data) >= 0);
        H5Dclose(set);
    }
    ck_assert(H5Lcreate_soft("/u16", file, "soft", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    ck_assert(H5Lcreate_external("/etc/passwd", "/", file, "external", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Tclose(pair);
    H5Tclose(logical);
    H5Tclose(text);
    H5Sclose(space);
    H5Fclose(file);
}

/* A file of another program is read without what a record cannot hold, and refused when a format is required. */
TEST(test_foreign_file)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "foreign.h5");
    MhoError error = {0};
    MhoRecord *record = NULL;
    write_foreign(path);
    ck_assert_int_eq(mho_store_read(path, true, &record, &error), MHO_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "mho_format"));
    record = read_ok(path, false);
    ck_assert_uint_eq(record->n_arrays, 4);
    ck_assert_int_eq(((int32_t *)mho_record_array(record, "u16")->data)[0], 65535);
    ck_assert_int_eq(((int32_t *)mho_record_array(record, "big_endian")->data)[0], 5);
    ck_assert_int_eq(((int32_t *)mho_record_array(record, "big_endian")->data)[1], -1);
    ck_assert_str_eq(((char **)mho_record_array(record, "fixed")->data)[0], "abcd");
    ck_assert_str_eq(((char **)mho_record_array(record, "fixed")->data)[1], "ef");
    ck_assert_int_eq(((int8_t *)mho_record_array(record, "bool")->data)[1], 1);
    ck_assert_ptr_null(mho_record_array(record, "u16")->axis[0]);
    mho_record_destroy(record);
    store_remove_folder(folder);
}

/* Reserved attribute names and too deep groups are refused, and no file is left. */
TEST(test_refused_records)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "r.h5");
    MhoError error = {0};
    MhoRecord *record = store_result();
    MhoRecord *deep = record;
    ck_assert_int_eq(mho_attribute_text(&record->attributes, "mho_format", "mine", NULL), MHO_OK);
    ck_assert_int_eq(mho_store_write(path, record, &error), MHO_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "mho_format"));
    mho_record_destroy(record);
    record = deep = store_result();
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(mho_record_child(deep, "in", &deep, NULL), MHO_OK);
    ck_assert_int_eq(mho_store_write(path, record, &error), MHO_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "nested"));
    ck_assert_int_eq(store_count_files(folder), 0);
    mho_record_destroy(record);
    store_remove_folder(folder);
}

/* The name of the library has its version. */
TEST(test_library_is_named)
{
    ck_assert_int_eq(strncmp(mho_store_library(), "HDF5 1.", 7), 0);
}

/* "test_store --write result|all FILE": the sample that test_netcdf.py opens with other programs. */
static int write_example(const char *path, const char *which)
{
    MhoError error = {0};
    MhoRecord *record = strcmp(which, "all") == 0 ? store_sample() : store_result();
    const MhoStatus status = mho_store_write(path, record, &error);
    mho_record_destroy(record);
    if (status != MHO_OK)
        fprintf(stderr, "%s\n", error.text);
    return mho_status_exit_code(status);
}

int test_main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--write") == 0)
        return write_example(argv[3], argv[2]);
    return test_run();
}
