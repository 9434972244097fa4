/* test_store_create.c - a new file never takes the place of another, and a file tells whether its checksum stands. */
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "store/replace_internal.h"
#include "store/store.h"
#include "support/store_sample.h"

static const char content[] = "somebody's work\n";

static void make_file(const char *path)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(content, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void still_there(const char *path)
{
    char text[64] = "";
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    fclose(file);
    ck_assert_str_eq(text, content);
}

static void create_fails(const char *path, const MhoRecord *record)
{
    MhoError error = {0};
    ck_assert_int_eq(mho_store_create(path, record, &error), MHO_IO);
    ck_assert_int_eq(strncmp(error.text, path, strlen(path)), 0);
    ck_assert_msg(strstr(error.text, " exists ") != NULL && strstr(error.text, "-o") != NULL, "%s", error.text);
    ck_assert_ptr_null(strchr(error.text, '\n'));
}

/* A free name is taken; the same call again, a file of others, a folder and a broken link are left as they are. */
TEST(test_create_replaces_nothing)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "r.h5"), *other = store_path(folder, "notes.txt");
    const char *broken = store_path(folder, "link.h5");
    MhoRecord *record = store_result(), *back = NULL;
    ck_assert_int_eq(mho_store_create(path, record, NULL), MHO_OK);
    ck_assert_int_eq(mho_store_read(path, true, &back, NULL), MHO_OK);
    mho_record_destroy(back);
    create_fails(path, record);
    make_file(other);
    create_fails(other, record);
    still_there(other);
    ck_assert_int_eq(symlink("nowhere", broken), 0);
    create_fails(broken, record);
    create_fails(folder, record);
    ck_assert_int_eq(store_count_files(folder), 3); /* no temporary file */
    mho_record_destroy(record);
    store_remove_folder(folder);
}

/* Every way to take a name refuses one that is taken, keeps what has it and leaves the new file under its old name. */
TEST_LOOP(test_every_way_refuses, 0, 3)
{
    const char *folder = store_folder();
    const char *taken = store_path(folder, "taken"), *from = store_path(folder, "new"),
               *free_name = store_path(folder, "free");
    struct stat info;
    make_file(taken);
    make_file(from);
    ck_assert_int_eq(mho_file_put(from, taken, 1U << _i), -1);
    ck_assert_int_eq(errno, EEXIST);
    still_there(taken);
    still_there(from);
    ck_assert_int_eq(mho_file_put(from, free_name, 1U << _i), 0);
    still_there(free_name);
    ck_assert_int_ne(stat(from, &info), 0);
    ck_assert_int_eq(mho_file_put(from, store_path(folder, "x"), 1U << _i), -1); /* there is no such file */
    ck_assert_int_eq(store_count_files(folder), 2);
    store_remove_folder(folder);
}

/* Eight processes that write to one name at the same time: exactly one succeeds, and its file is whole. */
TEST(test_one_of_many_wins)
{
    enum { N = 8 };
    const char *folder = store_folder();
    const char *path = store_path(folder, "r.h5");
    MhoRecord *record = store_result(), *back = NULL;
    int start[2], won = 0;
    char byte;
    ck_assert_int_eq(pipe(start), 0);
    for (int i = 0; i < N; i++) {
        const pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            close(start[1]);
            _exit(read(start[0], &byte, 1) == 0 && mho_store_create(path, record, NULL) == MHO_OK ? 0 : 1);
        }
    }
    close(start[0]);
    close(start[1]); /* lets all of them go */
    for (int i = 0, status; i < N; i++) {
        ck_assert_int_gt(wait(&status), 0);
        won += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    ck_assert_int_eq(won, 1);
    ck_assert_int_eq(mho_store_read(path, true, &back, NULL), MHO_OK);
    ck_assert_int_eq(store_count_files(folder), 1);
    mho_record_destroy(back);
    mho_record_destroy(record);
    store_remove_folder(folder);
}

/* A file as written is signed; edited by another program it is not, and it is still read. */
TEST(test_signature_is_told)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "r.h5");
    MhoRecord *record = store_result(), *back = NULL;
    bool is_signed = false;
    ck_assert_int_eq(mho_store_write(path, record, NULL), MHO_OK);
    ck_assert_int_eq(mho_store_read_signed(path, true, &is_signed, &back, NULL), MHO_OK);
    ck_assert(is_signed);
    mho_record_destroy(back);
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t data = H5Dopen2(file, "n_chips", H5P_DEFAULT);
    const int changed[] = {9, 9, 9, 9, 9, 9};
    ck_assert_int_ge(H5Dwrite(data, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, changed), 0);
    H5Dclose(data);
    H5Fclose(file);
    MhoError error = {0};
    ck_assert_msg(mho_store_read_signed(path, true, &is_signed, &back, &error) == MHO_OK, "%s", error.text);
    ck_assert(!is_signed);
    ck_assert_int_eq(((const int32_t *)mho_record_array(back, "n_chips")->data)[0], 9);
    mho_record_destroy(back);
    is_signed = true;
    ck_assert_int_ne(mho_store_read_signed(store_path(folder, "none.h5"), true, &is_signed, &back, NULL), MHO_OK);
    ck_assert(!is_signed);
    mho_record_destroy(record);
    store_remove_folder(folder);
}
