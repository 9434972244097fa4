/* test_store_hostile.c - damaged, garbage and malicious files: one line that names the file, never a crash.
 *
 * Every read runs in a child process, so that a crash inside HDF5 is counted and shown.
 */
#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "store/store.h"
#include "support/store_sample.h"

enum { TRAILER = 76, CHILD_READ = 10, CHILD_REFUSED = 11, CHILD_BAD_LINE = 12, CHILD_SECONDS = 20 };

typedef struct Bytes {
    unsigned char *data;
    size_t n;
} Bytes;

static Bytes load(const char *path)
{
    FILE *file = fopen(path, "rb");
    Bytes bytes = {0};
    struct stat info;
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(stat(path, &info), 0);
    bytes.n = (size_t)info.st_size;
    bytes.data = malloc(bytes.n);
    ck_assert_ptr_nonnull(bytes.data);
    ck_assert_uint_eq(fread(bytes.data, 1, bytes.n, file), bytes.n);
    fclose(file);
    return bytes;
}

static void save(const char *path, const void *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, n, file), n);
    ck_assert_int_eq(fclose(file), 0);
}

/* Read path here; a refusal must be one line that contains the path. */
static int try_read(const char *path, bool require_format)
{
    MhoError error = {0};
    MhoRecord *record = NULL;
    const MhoStatus status = mho_store_read(path, require_format, &record, &error);
    if (status == MHO_OK) {
        mho_record_destroy(record);
        return CHILD_READ;
    }
    if (status != MHO_INPUT || record != NULL || strstr(error.text, path) == NULL || strchr(error.text, '\n') != NULL) {
        fprintf(stderr, "bad line (status %d): %s\n", (int)status, error.text);
        return CHILD_BAD_LINE;
    }
    return CHILD_REFUSED;
}

/* The same in a child process: CHILD_..., or minus the signal that ended it. */
static int read_apart(const char *path, bool require_format)
{
    const pid_t child = fork();
    int status = 0;
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)alarm(CHILD_SECONDS);
        _exit(try_read(path, require_format));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void refused(const char *path, const char *cause)
{
    MhoError error = {0};
    MhoRecord *record = NULL;
    ck_assert_int_eq(read_apart(path, false), CHILD_REFUSED);
    ck_assert_int_eq(mho_store_read(path, false, &record, &error), MHO_INPUT);
    ck_assert_msg(strstr(error.text, cause) != NULL, "'%s' is not in '%s'", cause, error.text);
}

/* splitmix64 (Steele et al., OOPSLA 2014): places and values of the damage. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static Bytes sample_bytes(const char *folder)
{
    const char *path = store_path(folder, "good.h5");
    MhoRecord *record = store_sample();
    MhoError error = {0};
    ck_assert_msg(mho_store_write(path, record, &error) == MHO_OK, "%s", error.text);
    mho_record_destroy(record);
    return load(path);
}

/* A file cut at any length is refused without a crash. */
TEST(test_truncated)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "short.h5");
    Bytes good = sample_bytes(folder);

    /* Without its trailer a file is whole for HDF5, so lengths stop there. */
    for (size_t n = 1; n < good.n - TRAILER; n += n < 600 ? 7 : good.n / 60) {
        save(path, good.data, n);
        ck_assert_msg(read_apart(path, true) == CHILD_REFUSED, "cut to %zu of %zu bytes", n, good.n);
    }
    save(path, good.data, good.n);
    ck_assert_int_eq(read_apart(path, true), CHILD_READ);
    free(good.data);
    store_remove_folder(folder);
}

/* Any single damaged byte is found by the SHA-256 after the data. */
TEST(test_flipped_bytes_are_found)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "flipped.h5");
    Bytes good = sample_bytes(folder);
    uint64_t random = 1;
    for (int i = 0; i < 150; i++) {
        const size_t at = next_random(&random) % (good.n - TRAILER);
        const unsigned char change = (unsigned char)(1 + next_random(&random) % 255);
        good.data[at] ^= change;
        save(path, good.data, good.n);
        ck_assert_msg(read_apart(path, true) == CHILD_REFUSED, "byte %zu", at);
        good.data[at] ^= change;
    }
    free(good.data);
    store_remove_folder(folder);
}

/* The same without the trailer, as after a change by another program: only the checks of HDF5 and the limits of mho are
 * left. */
TEST(test_flipped_bytes_without_trailer)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "flipped.h5");
    Bytes good = sample_bytes(folder);
    uint64_t random = 2;
    int n_refused = 0;
    for (int i = 0; i < 400; i++) {
        const int n = 1 + i % 3;
        size_t at[3];
        unsigned char change[3];
        int result;
        for (int k = 0; k < n; k++) {
            at[k] = next_random(&random) % (good.n - TRAILER);
            change[k] = (unsigned char)(1 + next_random(&random) % 255);
            good.data[at[k]] ^= change[k];
        }
        save(path, good.data, good.n - TRAILER);
        result = read_apart(path, false);
        ck_assert_msg(result == CHILD_READ || result == CHILD_REFUSED, "round %d, byte %zu: %d", i, at[0], result);
        n_refused += result == CHILD_REFUSED;
        for (int k = n; k-- > 0;)
            good.data[at[k]] ^= change[k];
    }
    ck_assert_int_gt(n_refused, 50); /* metadata carry checksums */
    free(good.data);
    store_remove_folder(folder);
}

/* A string's descriptor is length u32, heap address u64, index u32, and has no checksum: each field is damaged. */
TEST(test_strings_led_astray)
{
    static const size_t fields[] = {0, 4, 11, 12, 15};
    const char *folder = store_folder();
    const char *path = store_path(folder, "astray.h5");
    Bytes good = sample_bytes(folder);
    const hid_t file = H5Fopen(store_path(folder, "good.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t set = H5Dopen2(file, "words", H5P_DEFAULT);
    const haddr_t words = H5Dget_offset(set);
    ck_assert(words != HADDR_UNDEF && words + 48 < good.n);
    ck_assert_int_eq(good.data[words], 3); /* the length of "pcm" */
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        unsigned char *const byte = &good.data[words + fields[i]];
        const unsigned char old = *byte;
        *byte = fields[i] == 0 ? 1 : 0x7f;
        save(path, good.data, good.n - TRAILER);
        refused(path, "strings that point to nowhere");
        *byte = old;
    }
    H5Dclose(set);
    H5Fclose(file);
    free(good.data);
    store_remove_folder(folder);
}

static hid_t new_file(const char *path)
{
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(file >= 0);
    return file;
}

static void put_dataset(hid_t file, const char *name, hid_t type, int rank, const hsize_t *shape, hid_t list)
{
    const hid_t space = H5Screate_simple(rank, shape, NULL);
    const hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    ck_assert(set >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

typedef enum Words { IN_ONE_BLOCK, IN_CHUNKS, IN_PACKED_CHUNKS, IN_THE_HEADER } Words;

static void put_words(hid_t file, Words storage)
{
    static const char *const words[] = {"alpha", "beta", "gamma", "delta"};
    const hsize_t n = 4, chunk = 3;
    const hid_t text = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &n, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
    H5Tset_size(text, H5T_VARIABLE);
    if (storage == IN_CHUNKS || storage == IN_PACKED_CHUNKS)
        H5Pset_chunk(list, 1, &chunk);
    if (storage == IN_PACKED_CHUNKS)
        H5Pset_deflate(list, 4);
    if (storage == IN_THE_HEADER)
        H5Pset_layout(list, H5D_COMPACT);
    const hid_t set = H5Dcreate2(file, "words", text, space, H5P_DEFAULT, list, H5P_DEFAULT);
    const hid_t names = H5Acreate2(file, "class_names", text, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(H5Dwrite(set, text, H5S_ALL, H5S_ALL, H5P_DEFAULT, words) >= 0 && H5Awrite(names, text, words) >= 0);
    const hid_t scalar = H5Screate(H5S_SCALAR);
    const hid_t unit = H5Acreate2(set, "units", text, scalar, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(H5Awrite(unit, text, words) >= 0);
    H5Aclose(unit);
    H5Aclose(names);
    H5Dclose(set);
    H5Pclose(list);
    H5Sclose(scalar);
    H5Sclose(space);
    H5Tclose(text);
}

/* The same in a file of another program: strings in one block and in attributes of object headers without checksum.
 * Descriptors are found by the address of the heap that they name. */
TEST(test_foreign_strings_led_astray)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "foreign.h5");
    const hid_t file = new_file(path);
    size_t heap, n_descriptors = 0;
    put_words(file, IN_ONE_BLOCK);
    H5Fclose(file);
    ck_assert_int_eq(read_apart(path, false), CHILD_READ);
    Bytes good = load(path);
    heap = (size_t)((unsigned char *)memmem(good.data, good.n, "GCOL", 4) - good.data);
    for (size_t at = 4; at + 12 <= good.n; at++) {
        uint64_t address;
        memcpy(&address, good.data + at, sizeof address);
        if (address != heap)
            continue;
        n_descriptors++;
        for (size_t k = 8; k < 12; k++) { /* the index: HDF5 would look far outside of its table */
            const unsigned char old = good.data[at + k];
            good.data[at + k] = 0x7f;
            save(path, good.data, good.n);
            const int result = read_apart(path, false);
            ck_assert_msg(result == CHILD_REFUSED, "byte %zu: %d", at + k, result);
            good.data[at + k] = old;
        }
    }
    ck_assert_uint_eq(n_descriptors, 9); /* four words, four class names, a unit */
    free(good.data);
    store_remove_folder(folder);
}

/* HDF5 finds chunks through a B-tree without checksum and hangs or crashes on a damaged one, so a file of another
 * program must not have strings there; the line says what to do instead. */
TEST(test_chunked_strings)
{
    static const Words refusals[] = {IN_CHUNKS, IN_PACKED_CHUNKS, IN_THE_HEADER};
    const char *folder = store_folder();
    const char *path = store_path(folder, "chunks.h5");
    MhoError error = {0};
    MhoRecord *record = NULL;
    hid_t file;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        file = new_file(path);
        put_words(file, refusals[i]);
        H5Fclose(file);
        refused(path, "/words: strings in chunks");
        refused(path, "contiguous (h5py: without chunks, maxshape and compression)");
    }
    file = new_file(path);
    put_words(file, IN_ONE_BLOCK);
    H5Fclose(file);
    ck_assert_msg(mho_store_read(path, false, &record, &error) == MHO_OK, "%s", error.text);
    const MhoArray *words = mho_record_array(record, "words");
    ck_assert_ptr_nonnull(words);
    ck_assert_str_eq(((char *const *)words->data)[3], "delta");
    ck_assert_str_eq(words->unit, "alpha");
    mho_record_destroy(record);
    store_remove_folder(folder);
}

/* A unit or help text that cannot be read is an error, not a missing one; a unit that is a number is ignored
 * in a file of another program. */
TEST(test_damaged_unit)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "unit.h5");
    hid_t file = new_file(path);
    const hsize_t n = 4;
    const int number = 7;
    put_dataset(file, "x", H5T_NATIVE_DOUBLE, 1, &n, H5P_DEFAULT);
    const hid_t set = H5Dopen2(file, "x", H5P_DEFAULT), scalar = H5Screate(H5S_SCALAR);
    const hid_t unit = H5Acreate2(set, "units", H5T_NATIVE_INT, scalar, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(H5Awrite(unit, H5T_NATIVE_INT, &number) >= 0);
    H5Aclose(unit);
    H5Dclose(set);
    H5Sclose(scalar);
    H5Fclose(file);
    ck_assert_int_eq(read_apart(path, false), CHILD_READ);
    file = new_file(path);
    put_words(file, IN_ONE_BLOCK);
    H5Fclose(file);
    Bytes good = load(path);
    unsigned char *const name = memmem(good.data, good.n, "units", 6);
    unsigned char *const heap = memmem(good.data, good.n, "GCOL", 4);
    const uint64_t address = (uint64_t)(heap - good.data);
    ck_assert(name != NULL && heap != NULL);
    unsigned char *const descriptor = memmem(name, 64, &address, sizeof address);
    ck_assert_ptr_nonnull(descriptor);
    descriptor[8] = 0x7f; /* the index in the heap */
    save(path, good.data, good.n);
    refused(path, "/words@units: strings that point to nowhere");
    free(good.data);
    store_remove_folder(folder);
}

/* Missing, empty, foreign and special files are refused with the reason. */
TEST(test_no_hdf5)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "odd.h5");
    unsigned char garbage[5000];
    uint64_t random = 3;
    refused(path, "no such file");
    refused(folder, "folder");
    save(path, "", 0);
    refused(path, "empty");
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (unsigned char)next_random(&random);
    save(path, garbage, sizeof garbage);
    refused(path, "not an HDF5 file");
    memcpy(garbage, "\x89HDF\r\n\x1a\n", 8); /* the signature and then noise */
    save(path, garbage, sizeof garbage);
    ck_assert_int_eq(read_apart(path, false), CHILD_REFUSED);
    save(path, "\x89HDF\r\n\x1a\n", 8);
    ck_assert_int_eq(read_apart(path, false), CHILD_REFUSED);
    ck_assert_int_eq(remove(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    refused(path, "not a regular file"); /* opening it would wait for ever */
    store_remove_folder(folder);
}

/* A small file that claims more values than it stores is refused before memory is allocated. */
TEST(test_huge_claims)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "huge.h5");
    const hsize_t chunk[2] = {1000, 1000};
    const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    hid_t file = new_file(path);
    put_dataset(file, "x", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){(hsize_t)1 << 40}, H5P_DEFAULT);
    H5Fclose(file);
    refused(path, "claims more values");
    file = new_file(path);
    H5Pset_chunk(list, 2, chunk);
    put_dataset(file, "x", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){(hsize_t)1 << 31, (hsize_t)1 << 31}, list);
    H5Fclose(file);
    refused(path, "/x");
    file = new_file(path); /* each small enough, together above the limit */
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        put_dataset(file, name, H5T_NATIVE_UINT8, 1, (hsize_t[]){1000000}, H5P_DEFAULT);
    }
    H5Fclose(file);
    H5Pclose(list);
    refused(path, "claims more values");
    store_remove_folder(folder);
}

/* A block shorter than its dataset: HDF5 would copy the bytes after it. The layout message (version 3) is 3, 1 for
 * contiguous, address u64, size u64. */
TEST(test_short_block)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "block.h5");
    const double values[8] = {0.0};
    const hsize_t n = 8;
    const hid_t file = new_file(path);
    unsigned char message[18] = {3, 1};
    put_dataset(file, "x", H5T_NATIVE_DOUBLE, 1, &n, H5P_DEFAULT);
    const hid_t set = H5Dopen2(file, "x", H5P_DEFAULT);
    ck_assert(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    const haddr_t offset = H5Dget_offset(set);
    H5Dclose(set);
    H5Fclose(file);
    memcpy(message + 2, &offset, 8);
    memcpy(message + 10, &(uint64_t){sizeof values}, 8);
    Bytes good = load(path);
    unsigned char *const layout = memmem(good.data, good.n, message, sizeof message);
    ck_assert_ptr_nonnull(layout);
    layout[10] = 8; /* one value */
    save(path, good.data, good.n);
    refused(path, "/x: a dataset that claims more values than it stores");
    free(good.data);
    store_remove_folder(folder);
}

/* Groups that contain themselves or are nested too deep are refused. */
TEST(test_cycles_and_depth)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "cycle.h5");
    hid_t file = new_file(path);
    hid_t group = H5Gcreate2(file, "a", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(H5Lcreate_hard(group, ".", group, "again", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Gclose(group);
    H5Fclose(file);
    refused(path, "linked more than once");
    file = new_file(path);
    ck_assert(H5Lcreate_hard(file, "/", file, "root", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Fclose(file);
    ck_assert_int_eq(read_apart(path, false), CHILD_REFUSED);
    file = new_file(path);
    group = file;
    for (int i = 0; i < 60; i++) {
        const hid_t inner = H5Gcreate2(group, "in", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        if (group != file)
            H5Gclose(group);
        group = inner;
    }
    H5Gclose(group);
    H5Fclose(file);
    refused(path, "nested");
    store_remove_folder(folder);
}

static void mark_as_mho(hid_t file)
{
    const int format = MHO_FORMAT;
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(file, "mho_format", H5T_NATIVE_INT, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(H5Awrite(attribute, H5T_NATIVE_INT, &format) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
}

/* In a file with mho_format, values in another file are refused and never read. */
TEST(test_values_outside)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "outside.h5");
    const hsize_t shape[1] = {8};
    const hid_t space = H5Screate_simple(1, shape, NULL);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    hid_t file = new_file(path);
    mark_as_mho(file);
    ck_assert(H5Pset_external(list, "/etc/passwd", 0, 64) >= 0);
    put_dataset(file, "x", H5T_NATIVE_UINT64, 1, shape, list);
    H5Pclose(list);
    H5Fclose(file);
    refused(path, "another file");
    file = new_file(path);
    mark_as_mho(file);
    list = H5Pcreate(H5P_DATASET_CREATE);
    ck_assert(H5Pset_virtual(list, space, "other.h5", "x", space) >= 0);
    put_dataset(file, "x", H5T_NATIVE_UINT64, 1, shape, list);
    H5Pclose(list);
    H5Fclose(file);
    refused(path, "virtual");
    file = new_file(path);
    mark_as_mho(file);
    ck_assert(H5Lcreate_external("other.h5", "/x", file, "x", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Fclose(file);
    H5Sclose(space);
    refused(path, "link");
    store_remove_folder(folder);
}

/* Control characters in a name do not reach the message. */
TEST(test_names_cannot_break_the_line)
{
    const char *folder = store_folder();
    const char *path = store_path(folder, "names.h5");
    const hid_t file = new_file(path);
    mark_as_mho(file);
    ck_assert(H5Lcreate_soft("/x", file, "a\nb\033[31m", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Fclose(file);
    refused(path, "/a?b?[31m");
    store_remove_folder(folder);
}
