/* test_data_digest.c - the digest of a set is that of the images and labels in use. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/memory.h"
#include "data/formats_internal.h"
#include "data/remember.h"
#include "harness.h"
#include "must.h"
#include "support/data_files.h"

enum { N = 12, H = 3, W = 4, PIXELS = H * W };

static char folder[] = "/tmp/mho-digest-XXXXXX";
static MhoError error;
static MhoDataset set;

static void set_up(void)
{
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("XDG_CACHE_HOME", in(folder, "cache"), 1);
}

static void tear_down(void)
{
    mho_dataset_destroy(&set);
    remove_tree(folder);
}

TEST_FIXTURE(set_up, tear_down);

/* Write two IDX files and load their first `limit` images. */
static void load(unsigned step, unsigned n_labels, size_t limit)
{
    Buffer x, y;
    char name[8300];
    make_idx(&x, 3, (uint32_t[]){N, H, W}, step, 251);
    make_idx(&y, 1, (uint32_t[]){N}, 1, n_labels);
    write_bytes(in(folder, "x"), x.data, x.n);
    write_bytes(in(folder, "y"), y.data, y.n);
    snprintf(name, sizeof name, "idx:%s,%s", in(folder, "x"), in(folder, "y"));
    mho_dataset_destroy(&set);
    must(mho_dataset_load(name, NULL, MHO_SPLIT_TEST, limit, &set, &error), &error);
}

/* The documented definition, written out: the line of the shape, the images, the labels. */
static void expect_digest(size_t n, unsigned step, unsigned n_labels)
{
    char text[32 + N * PIXELS + N], hex[65];
    size_t at = (size_t)snprintf(text, sizeof text, "%zu 3 4 1\n", n);
    for (size_t i = 0; i < n * PIXELS; i++)
        text[at++] = (char)(i * step % 251);
    for (size_t i = 0; i < n; i++)
        text[at++] = (char)(i % n_labels);
    mho_sha256(text, at, hex);
    ck_assert_str_eq(set.digest, hex);
}

/* The digest is the documented one, of the first images under a limit, and another when a label or pixel differs,
 * though size and name of the files stay. */
TEST(test_digest_of_what_is_in_use)
{
    load(7, 5, 0);
    expect_digest(N, 7, 5);
    load(7, 5, 4);
    expect_digest(4, 7, 5);
    load(7, 4, 0);
    expect_digest(N, 7, 4);
    load(9, 5, 0);
    expect_digest(N, 9, 5);
}

/* Both parts of a split have the digest of what they hold, and training images that nobody wants are not copied. */
TEST(test_digests_of_a_split)
{
    MhoDataset training, validation, alone;
    load(7, 5, 0);
    must(mho_dataset_split(&set, 5, 3, &training, &validation, &error), &error);
    must(mho_dataset_split(&set, 5, 3, NULL, &alone, &error), &error);
    MhoDataset *const parts[] = {&training, &validation};
    for (size_t i = 0; i < 2; i++) {
        char before[65];
        memcpy(before, parts[i]->digest, sizeof before);
        ck_assert_uint_eq(strlen(before), 64);
        mho_dataset_identify(parts[i]);
        ck_assert_str_eq(before, parts[i]->digest);
        ck_assert_str_ne(before, set.digest);
    }
    ck_assert_str_eq(alone.digest, validation.digest);
    mho_dataset_destroy(&training);
    mho_dataset_destroy(&validation);
    mho_dataset_destroy(&alone);
}

/* Images from a record have the digest of the same images from IDX files. */
TEST(test_digest_of_a_record)
{
    MhoRecord *record = NULL;
    MhoDataset copy;
    load(7, 5, 0);
    must(mho_record_create(&record, &error), &error);
    must(mho_record_add(record, "x", MHO_U8, 4, (size_t[]){N, H, W, 1}, NULL, NULL, NULL, set.images, NULL, &error),
         &error);
    must(mho_record_add(record, "y", MHO_U8, 1, (size_t[]){N}, NULL, NULL, NULL, set.labels, NULL, &error), &error);
    must(mho_dataset_from_record(record, "set.h5", 0, &copy, &error), &error);
    ck_assert_str_eq(copy.digest, set.digest);
    mho_dataset_destroy(&copy);
    mho_record_destroy(record);
}

/* ---- digests that are remembered ---- */

static const char what[] = "a test";

/* A digest is remembered for the same file and the same use of it, on disk, and not for a file that has just changed:
 * another change within the clock's step would not show. */
TEST(test_remembered_for_an_unchanged_file)
{
    char old_file[4096], digest[65], back[65] = "";
    MhoStamp stamp, other;
    snprintf(old_file, sizeof old_file, "%s/LICENSE", test_source_root());
    const char *const paths[] = {old_file};
    mho_sha256("x", 1, digest);
    ck_assert(mho_stamp_files(what, paths, 1, &stamp) && stamp.settled);
    ck_assert(!mho_stamp_recall(&stamp, back));
    mho_stamp_remember(&stamp, what, paths, 1, digest);
    ck_assert(mho_stamp_recall(&stamp, back));
    ck_assert_str_eq(back, digest);
    ck_assert(mho_stamp_files("another use", paths, 1, &other) && !mho_stamp_recall(&other, back));
    ck_assert(!mho_stamp_files(what, (const char *[]){in(folder, "none")}, 1, &other));
    char entry[256];
    snprintf(entry, sizeof entry, "cache/mho/%s.sha256", stamp.hex);
    ck_assert_int_eq(access(in(folder, entry), R_OK), 0);
    write_bytes(in(folder, "x"), "1", 1);
    const char *const young[] = {in(folder, "x")};
    ck_assert(mho_stamp_files(what, young, 1, &stamp) && !stamp.settled);
    mho_stamp_remember(&stamp, what, young, 1, digest);
    ck_assert(!mho_stamp_recall(&stamp, back));
}

/* Another size, another time of modification and another path give another stamp; the content alone would not. */
TEST(test_stamps_differ)
{
    MhoStamp stamps[4];
    write_bytes(in(folder, "x"), "1", 1);
    write_bytes(in(folder, "y"), "1", 1);
    const char *const x[] = {in(folder, "x")}, *const y[] = {in(folder, "y")};
    ck_assert(mho_stamp_files(what, x, 1, &stamps[0]) && mho_stamp_files(what, y, 1, &stamps[1]));
    ck_assert_int_eq(utimensat(AT_FDCWD, x[0], (const struct timespec[]){{1, 0}, {1, 1}}, 0), 0);
    ck_assert(mho_stamp_files(what, x, 1, &stamps[2]));
    write_bytes(x[0], "12", 2);
    ck_assert_int_eq(utimensat(AT_FDCWD, x[0], (const struct timespec[]){{1, 0}, {1, 1}}, 0), 0);
    ck_assert(mho_stamp_files(what, x, 1, &stamps[3]));
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(stamps[i].hex, stamps[j].hex);
}

/* Damaged entries are ignored; without a folder that can be written to, sets load as ever. */
TEST(test_damaged_and_missing_cache)
{
    static const char *const damaged[] = {"", "short\n",
                                          "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ\n"};
    char old_file[4096], entry[256], back[65], digest[65];
    MhoStamp stamp;
    mho_sha256("x", 1, digest);
    snprintf(old_file, sizeof old_file, "%s/LICENSE", test_source_root());
    ck_assert(mho_stamp_files(what, (const char *[]){old_file}, 1, &stamp));
    ck_assert_int_eq(mkdir(in(folder, "cache"), 0700), 0);
    ck_assert_int_eq(mkdir(in(folder, "cache/mho"), 0700), 0);
    snprintf(entry, sizeof entry, "cache/mho/%s.sha256", stamp.hex);
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        write_bytes(in(folder, entry), damaged[i], strlen(damaged[i]));
        ck_assert(!mho_stamp_recall(&stamp, back));
    }
    setenv("XDG_CACHE_HOME", "/proc/self/nowhere", 1);
    mho_stamp_remember(&stamp, what, (const char *[]){old_file}, 1, digest);
    load(7, 5, 0);
    expect_digest(N, 7, 5);
}
