/* data_files.h - small datasets and temporary folders for tests. Every failure ends the test. */
#ifndef MHO_TESTS_DATA_FILES_H
#define MHO_TESTS_DATA_FILES_H

#include <check.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

typedef struct Buffer {
    uint8_t data[1 << 16];
    size_t n;
} Buffer;

static inline int remove_entry(const char *path, const struct stat *about, int type, struct FTW *place)
{
    (void)about, (void)type, (void)place;
    return remove(path);
}

static inline void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* A path inside a folder, in one of a few static buffers. */
static inline const char *in(const char *folder, const char *name)
{
    static char path[8][4096];
    static int next;
    next = (next + 1) % 8;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

static inline void write_bytes(const char *path, const void *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, n, file), n);
    ck_assert_int_eq(fclose(file), 0);
}

static inline void write_gz(const char *path, const void *data, size_t n)
{
    gzFile file = gzopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(gzwrite(file, data, (unsigned)n), (int)n);
    ck_assert_int_eq(gzclose(file), Z_OK);
}

/* Append an IDX header and data 0, step, 2 step ... modulo `modulo`. */
static inline void make_idx(Buffer *idx, size_t rank, const uint32_t *shape, unsigned step, unsigned modulo)
{
    size_t count = 1;
    *idx = (Buffer){.data = {0, 0, 8, (uint8_t)rank}, .n = 4};
    for (size_t i = 0; i < rank; i++) {
        for (int shift = 24; shift >= 0; shift -= 8)
            idx->data[idx->n++] = (uint8_t)(shape[i] >> shift);
        count *= shape[i];
    }
    if (idx->n + count > sizeof idx->data)
        abort();
    for (size_t i = 0; i < count; i++)
        idx->data[idx->n++] = (uint8_t)(i * step % modulo);
}

#endif
