/* read_checks.c - errors and limits of reading a hostile file, and the checks of its bytes before HDF5 sees them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/memory.h"
#include "store/heap_internal.h"
#include "store/read_internal.h"

enum { MAX_OBJECTS = 1 << 16 };

static const hsize_t max_bytes = (hsize_t)8 << 30; /* of all values of one file */

static const char remedy[] = "the file is damaged or not complete; make it again or take a copy";

MhoStatus mho_reader_fail(const MhoReader *reader, const char *place)
{
    return mho_store_fail(reader->error, MHO_INPUT, reader->path, place, remedy);
}

MhoStatus mho_reader_damaged(const MhoReader *reader, const char *place, const char *cause)
{
    char clean[MHO_STORE_PLACE];
    (void)H5Eclear2(H5E_DEFAULT);
    return mho_fail(reader->error, MHO_INPUT, "%s: %s%s%s; %s", reader->path,
                    mho_store_printable(place, clean, sizeof clean), *place != '\0' ? ": " : "", cause, remedy);
}

MhoStatus mho_reader_unsupported(const MhoReader *reader, const char *place, const char *what)
{
    char clean[MHO_STORE_PLACE];
    (void)H5Eclear2(H5E_DEFAULT);
    if (reader->foreign)
        return MHO_OK;
    return mho_fail(reader->error, MHO_INPUT,
                    "%s: %s: %s, which mho does not write; another program changed the file: take a copy from before",
                    reader->path, mho_store_printable(place, clean, sizeof clean), what);
}

MhoStatus mho_reader_object(MhoReader *reader, const char *place)
{
    if (++reader->objects > MAX_OBJECTS)
        return mho_reader_damaged(reader, place, "more than 65536 objects and attributes");
    return MHO_OK;
}

MhoStatus mho_reader_bytes(MhoReader *reader, const char *place, hsize_t n)
{
    if (n > max_bytes - reader->bytes)
        return mho_reader_damaged(reader, place, "the file claims more than 8 GiB of values");
    reader->bytes += n;
    return MHO_OK;
}

bool mho_reader_sound(MhoReader *reader, const char *name)
{
    if (reader->sealed)
        return true;
    for (size_t i = 0; i < reader->n_sound; i++)
        if (strcmp(reader->sound[i], name) == 0)
            return true;
    if (!mho_heap_attributes_sound(reader->data, (size_t)reader->size, reader->base, name))
        return false;
    char **grown = mho_list_grow(reader->sound, reader->n_sound, sizeof *grown, NULL);
    if (grown) {
        reader->sound = grown;
        grown[reader->n_sound] = mho_strdup(name, NULL); /* without room for the name it is checked again next time */
        reader->n_sound += grown[reader->n_sound] ? 1 : 0;
    }
    return true;
}

/* Compare the SHA-256 in the trailer with the bytes before it. A file without a trailer comes from another program; its
 * global heaps are checked, for which HDF5 has no checksum. */
static MhoStatus check_content(MhoReader *reader, const unsigned char *data, size_t n)
{
    const size_t word = strlen(MHO_STORE_TRAILER_WORD);
    const unsigned char *trailer = n > MHO_STORE_TRAILER ? data + n - MHO_STORE_TRAILER : NULL;
    char hex[65];
    if (!trailer || memcmp(trailer, MHO_STORE_TRAILER_WORD, word) != 0)
        return mho_heaps_sound(data, n) ? MHO_OK : mho_reader_damaged(reader, "", "a global heap of impossible sizes");
    mho_sha256(data, n - MHO_STORE_TRAILER, hex);
    if (memcmp(hex, trailer + word, 64) != 0)
        return mho_reader_damaged(reader, "", "its bytes do not match their SHA-256");
    reader->sealed = true;
    return MHO_OK;
}

static MhoStatus load_and_check(MhoReader *reader, FILE *file)
{
    const size_t n = (size_t)reader->size;
    reader->data = mho_calloc(n, 1, reader->error, "the %zu bytes of %s", n, reader->path);
    if (!reader->data)
        return MHO_MEMORY;
    if (fread(reader->data, 1, n, file) != n)
        return mho_reader_damaged(reader, "", "the file cannot be read to its end");
    return check_content(reader, reader->data, n);
}

MhoStatus mho_reader_load(MhoReader *reader)
{
    struct stat info;
    FILE *file;
    if (stat(reader->path, &info) != 0)
        return mho_fail(reader->error, MHO_INPUT, "%s: %s", reader->path,
                        errno == ENOENT ? "no such file" : strerror(errno));
    if (!S_ISREG(info.st_mode))
        return mho_fail(reader->error, MHO_INPUT, "%s: %s", reader->path,
                        S_ISDIR(info.st_mode) ? "is a folder, not a file" : "is not a regular file");
    if (info.st_size == 0)
        return mho_reader_damaged(reader, "", "the file is empty");
    reader->size = (hsize_t)info.st_size;
    if (reader->size > max_bytes)
        return mho_fail(reader->error, MHO_INPUT, "%s: larger than 8 GiB", reader->path);
    file = fopen(reader->path, "rb");
    if (!file)
        return mho_fail(reader->error, MHO_INPUT, "%s: cannot be opened: %s", reader->path, strerror(errno));
    MhoStatus status = load_and_check(reader, file);
    (void)fclose(file);
    return status;
}
