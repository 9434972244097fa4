/* test_store_disk.c - a full disk, a read-only one, a file size limit: one line with path, cause and remedy, no
 * temporary file left, and the old file still whole. Each test runs in its own process and may change its namespace.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "store/store.h"
#include "support/store_sample.h"

/* About 2 MiB that gzip cannot make smaller. */
static MhoRecord *large_record(void)
{
    enum { N = 1 << 18 };
    MhoRecord *record = store_result();
    MhoArray *array = store_add(record, "large", MHO_U64, 1, (size_t[]){N}, (const char *[]){"sample"}, "", NULL);
    uint64_t x = 88172645463325252u; /* xorshift64 (Marsaglia, J. Stat. Softw. 8, 2003) */
    for (size_t i = 0; i < N; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        ((uint64_t *)array->data)[i] = x;
    }
    return record;
}

static bool write_text_file(const char *path, const char *text)
{
    const int file = open(path, O_WRONLY);
    const bool good = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
    if (file >= 0)
        close(file);
    return good;
}

/* Enter a new mount namespace as root. false when the kernel does not allow it. */
static bool own_mounts(void)
{
    char map[64];
    const unsigned user = getuid();
    const unsigned group = getgid();
    if (unshare(CLONE_NEWNS | CLONE_NEWUSER) != 0)
        return false;
    (void)write_text_file("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", user);
    if (!write_text_file("/proc/self/uid_map", map))
        return false;
    snprintf(map, sizeof map, "0 %u 1", group);
    return write_text_file("/proc/self/gid_map", map) && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void write_fails(const char *path, const MhoRecord *record, const char *cause)
{
    MhoError error = {0};
    ck_assert_int_eq(mho_store_write(path, record, &error), MHO_IO);
    ck_assert_msg(strstr(error.text, path) != NULL, "%s", error.text);
    ck_assert_msg(strstr(error.text, cause) != NULL, "%s", error.text);
    ck_assert_msg(strstr(error.text, "-o") != NULL, "%s", error.text);
    ck_assert_ptr_null(strchr(error.text, '\n'));
}

static void still_readable(const char *path)
{
    MhoError error = {0};
    MhoRecord *back = NULL;
    ck_assert_msg(mho_store_read(path, true, &back, &error) == MHO_OK, "%s", error.text);
    ck_assert_ptr_null(mho_record_array(back, "large"));
    mho_record_destroy(back);
}

/* On a full disk the old file stays readable and no temporary file is left. */
TEST(test_full_disk)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "q.h5");
    MhoRecord *small = store_result();
    MhoRecord *large = large_record();
    if (!own_mounts() || mount("tmpfs", folder, "tmpfs", 0, "size=1m") != 0) {
        store_remove_folder(folder);
        TEST_SKIP("needs a mount namespace");
        return;
    }
    ck_assert_int_eq(mho_store_write(path, small, NULL), MHO_OK);
    write_fails(path, large, "no space left on device");
    ck_assert_int_eq(store_count_files(folder), 1);
    still_readable(path);
    ck_assert_int_eq(mho_store_write(path, small, NULL), MHO_OK); /* the failure leaves nothing on the disk */
    ck_assert_int_eq(umount(folder), 0);
    store_remove_folder(folder);
    mho_record_destroy(small);
    mho_record_destroy(large);
}

/* A read-only folder is an error with its cause. */
TEST(test_read_only_folder)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "q.h5");
    MhoRecord *record = store_result();
    if (!own_mounts() || mount("tmpfs", folder, "tmpfs", MS_RDONLY, "size=1m") != 0) {
        store_remove_folder(folder);
        TEST_SKIP("needs a mount namespace");
        return;
    }
    write_fails(path, record, "read-only file system");
    ck_assert_int_eq(store_count_files(folder), 0);
    ck_assert_int_eq(umount(folder), 0);
    store_remove_folder(folder);
    mho_record_destroy(record);
}

/* A limit of file size fails like a full disk, and needs no namespace. */
TEST(test_file_size_limit)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "q.h5");
    MhoRecord *small = store_result();
    MhoRecord *large = large_record();
    const struct rlimit limit = {1 << 20, RLIM_INFINITY};
    ck_assert_ptr_ne(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(mho_store_write(path, small, NULL), MHO_OK);
    write_fails(path, large, "ulimit");
    ck_assert_int_eq(store_count_files(folder), 1);
    still_readable(path);
    mho_record_destroy(small);
    mho_record_destroy(large);
    store_remove_folder(folder);
}

/* Folders, devices, empty and too long names are refused before anything is written. */
TEST(test_impossible_paths)
{
    const char *folder = store_folder();
    MhoRecord *record = store_result();
    char long_name[600];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    write_fails(folder, record, "is a folder");
    write_fails("/dev/null", record, "not a regular file");
    write_fails(store_path(folder, "missing/q.h5"), record, "its folder does not exist");
    write_fails(store_path(folder, long_name), record, "too long");
    write_fails("", record, "empty");
    ck_assert_int_eq(store_count_files(folder), 0);
    mho_record_destroy(record);
    store_remove_folder(folder);
}
