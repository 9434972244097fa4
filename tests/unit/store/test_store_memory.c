/* test_store_memory.c - every allocation of src/store and of the records in it fails once, in turn. */
#include <string.h>

#include "failing_memory.h"
#include "must.h"
#include "store/store.h"
#include "support/store_sample.h"

enum { IN_HDF5 = 8 }; /* allocations of the file image, whose failure HDF5 reports as its own: IO */

/* Whichever allocation of a write fails, no file appears; a later write succeeds. */
TEST(test_each_allocation_of_a_write_fails_in_turn)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "sample.h5");
    MhoRecord *record = store_sample();
    int n = 0, in_hdf5 = 0;
    for (;; n++) {
        MhoError error = {0};
        memory_fail_after(n);
        const MhoStatus status = mho_store_write(path, record, &error);
        if (!memory_has_failed()) {
            ck_assert_msg(status == MHO_OK, "%s", error.text);
            break;
        }
        in_hdf5 += status == MHO_IO;
        ck_assert_msg(status == MHO_MEMORY || status == MHO_IO, "allocation %d failed unnoticed: %s", n, error.text);
        ck_assert_msg(status == MHO_IO || strstr(error.text, "out of memory"), "%s", error.text);
        ck_assert_int_eq(store_count_files(folder), 0);
    }
    ck_assert_int_ge(n, 50);
    ck_assert_int_le(in_hdf5, IN_HDF5);
    mho_record_destroy(record);
    store_remove_folder(folder);
}

/* Whichever allocation of a read fails, the read returns MEMORY and no record. */
TEST(test_each_allocation_of_a_read_fails_in_turn)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "sample.h5");
    MhoRecord *record = store_sample(), *back;
    MhoError error = {0};
    int n = 0;
    must(mho_store_write(path, record, &error), &error);
    for (;; n++) {
        memory_fail_after(n);
        const MhoStatus status = mho_store_read(path, true, &back, &error);
        if (!memory_has_failed()) {
            ck_assert_msg(status == MHO_OK, "%s", error.text);
            break;
        }
        ck_assert_msg(status == MHO_MEMORY, "allocation %d: status %d, %s", n, (int)status, error.text);
        ck_assert_ptr_nonnull(strstr(error.text, "out of memory"));
        ck_assert_ptr_null(back);
    }
    ck_assert_int_ge(n, 100);
    mho_record_destroy(back);
    mho_record_destroy(record);
    store_remove_folder(folder);
}
