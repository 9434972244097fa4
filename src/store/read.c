/* read.c - an HDF5 file to a record: opening, limits, groups and axes.
 *
 * Every file is taken for hostile. The SHA-256 behind a file of mho's is checked before HDF5 sees a byte; links that
 * leave the file are not followed; depth, objects and bytes are bounded before anything is allocated.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "store/heap_internal.h"
#include "store/read_internal.h"
#include "store/store.h"

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
                    "%s: %s: %s; mho writes no such thing: the file was changed by another program", reader->path,
                    mho_store_printable(place, clean, sizeof clean), what);
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
        return mho_reader_damaged(reader, place, "the file claims to hold more than 8 GiB of values");
    reader->bytes += n;
    return MHO_OK;
}

static MhoStatus read_group(MhoReader *reader, hid_t group, const char *place, MhoRecord *record, int depth);

static MhoStatus read_child(MhoReader *reader, hid_t group, const char *place, const char *name, MhoRecord *record,
                            int depth)
{
    MhoRecord *child = NULL;
    hid_t handle;
    MhoStatus status;

    if (depth >= MHO_STORE_MAX_DEPTH)
        return mho_reader_damaged(reader, place, "groups are nested deeper than 32, or a group contains itself");
    handle = H5Gopen2(group, name, H5P_DEFAULT);
    if (handle < 0)
        return mho_reader_fail(reader, place);
    status = mho_record_child(record, name, &child, reader->error);
    if (status == MHO_OK)
        status = read_group(reader, handle, place, child, depth);
    (void)H5Gclose(handle);
    return status;
}

static MhoStatus read_link(MhoReader *reader, hid_t group, const char *place, const char *name, MhoRecord *record,
                           int depth)
{
    char inner[MHO_STORE_PLACE];
    H5L_info_t link;
    H5O_info_t object;
    MhoStatus status;

    (void)snprintf(inner, sizeof inner, "%s/%s", place, name);
    status = mho_reader_object(reader, inner);
    if (status != MHO_OK)
        return status;
    if (H5Lget_info(group, name, &link, H5P_DEFAULT) < 0)
        return mho_reader_fail(reader, inner);
    if (link.type != H5L_TYPE_HARD)
        return mho_reader_unsupported(reader, inner, "a soft or external link");
    if (H5Oget_info_by_name2(group, name, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
        return mho_reader_fail(reader, inner);
    switch (object.type) {
    case H5O_TYPE_GROUP:
        if (object.rc > 1)
            return mho_reader_damaged(reader, inner, "a group that is linked more than once");
        return read_child(reader, group, inner, name, record, depth + 1);
    case H5O_TYPE_DATASET: return mho_reader_dataset(reader, group, inner, name, record);
    default: return mho_reader_unsupported(reader, inner, "neither a group nor a dataset");
    }
}

/* Links in the order of their creation where the file kept it, else by name. */
static H5_index_t group_order(hid_t group)
{
    const hid_t list = H5Gget_create_plist(group);
    unsigned flags = 0;

    if (list >= 0) {
        (void)H5Pget_link_creation_order(list, &flags);
        (void)H5Pclose(list);
    }
    return (flags & H5P_CRT_ORDER_INDEXED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
}

/* The name of link i, allocated; NULL on failure. */
static char *link_name(hid_t group, H5_index_t order, hsize_t i)
{
    const ssize_t length = H5Lget_name_by_idx(group, ".", order, H5_ITER_INC, i, NULL, 0, H5P_DEFAULT);
    char *name = length > 0 && length < 4096 ? malloc((size_t)length + 1) : NULL;

    if (name &&
        H5Lget_name_by_idx(group, ".", order, H5_ITER_INC, i, name, (size_t)length + 1, H5P_DEFAULT) != length) {
        free(name);
        return NULL;
    }
    return name;
}

static MhoStatus read_group(MhoReader *reader, hid_t group, const char *place, MhoRecord *record, int depth)
{
    const H5_index_t order = group_order(group);
    H5G_info_t info;
    MhoStatus status = mho_reader_attributes(reader, group, place, &record->attributes);

    if (status != MHO_OK)
        return status;
    if (H5Gget_info(group, &info) < 0)
        return mho_reader_fail(reader, place);
    for (hsize_t i = 0; i < info.nlinks && status == MHO_OK; i++) {
        char *name = link_name(group, order, i);
        status = name ? read_link(reader, group, place, name, record, depth) : mho_reader_fail(reader, place);
        free(name);
    }
    return status;
}

static int by_address(const void *a, const void *b)
{
    const haddr_t left = ((const MhoScale *)a)->address;
    const haddr_t right = ((const MhoScale *)b)->address;

    return left < right ? -1 : left > right;
}

/* Give every array its axis names, now that all scales are known. */
static MhoStatus resolve_axes(MhoReader *reader)
{
    if (reader->n_scales == 0)
        return MHO_OK;
    qsort(reader->scales, reader->n_scales, sizeof *reader->scales, by_address);
    for (size_t i = 0; i < reader->n_links; i++) {
        const MhoAxisLink *link = &reader->links[i];
        const MhoScale key = {.address = link->address};
        const MhoScale *scale = bsearch(&key, reader->scales, reader->n_scales, sizeof *reader->scales, by_address);
        if (!scale || !scale->axis || link->array->axis[link->index])
            continue;
        link->array->axis[link->index] = strdup(scale->axis);
        if (!link->array->axis[link->index])
            return mho_fail(reader->error, MHO_MEMORY, "%s: out of memory", reader->path);
    }
    return MHO_OK;
}

/* Refuse a newer format, and with require_format a file without one. Sets reader->foreign. */
static MhoStatus check_format(MhoReader *reader, hid_t root, bool require_format)
{
    int format = 0;
    hid_t attribute;
    bool good;

    reader->foreign = H5Aexists(root, "mho_format") <= 0;
    if (reader->foreign) {
        return require_format
                   ? mho_fail(reader->error, MHO_INPUT,
                              "%s: an HDF5 file, but not one of mho's: it has no attribute mho_format", reader->path)
                   : MHO_OK;
    }
    attribute = H5Aopen(root, "mho_format", H5P_DEFAULT);
    if (attribute < 0)
        return mho_reader_fail(reader, "");
    const hid_t space = H5Aget_space(attribute);
    good = H5Sget_simple_extent_npoints(space) == 1 && H5Aread(attribute, H5T_NATIVE_INT, &format) >= 0;
    (void)H5Sclose(space);
    (void)H5Aclose(attribute);
    if (!good || format < 1)
        return mho_reader_damaged(reader, "", "the attribute mho_format is no positive number");
    if (format > MHO_FORMAT) {
        return mho_fail(reader->error, MHO_INPUT,
                        "%s: written in format %d by a newer mho; this one reads up to %d: update it", reader->path,
                        format, (int)MHO_FORMAT);
    }
    return MHO_OK;
}

static MhoStatus read_file(MhoReader *reader, hid_t file, bool require_format, MhoRecord *record)
{
    const hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
    MhoStatus status;

    if (root < 0)
        return mho_reader_fail(reader, "");
    status = check_format(reader, root, require_format);
    if (status == MHO_OK)
        status = read_group(reader, root, "", record, 0);
    (void)H5Gclose(root);
    return status == MHO_OK ? resolve_axes(reader) : status;
}

/* The SHA-256 in the trailer against the bytes before it. A file without one was written or changed by another program:
 * HDF5's own checks remain, and ours of what they leave out. */
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

    reader->data = malloc(n);
    if (!reader->data)
        return mho_fail(reader->error, MHO_MEMORY, "%s: out of memory for a file of %zu bytes", reader->path, n);
    if (fread(reader->data, 1, n, file) != n)
        return mho_reader_damaged(reader, "", "the file cannot be read to its end");
    return check_content(reader, reader->data, n);
}

/* All that can be said of a file before HDF5 sees it. */
static MhoStatus check_bytes(MhoReader *reader)
{
    struct stat info;
    FILE *file;
    MhoStatus status;

    if (stat(reader->path, &info) != 0) {
        return mho_fail(reader->error, MHO_INPUT, "%s: %s", reader->path,
                        errno == ENOENT ? "no such file" : strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return mho_fail(reader->error, MHO_INPUT, "%s: %s", reader->path,
                        S_ISDIR(info.st_mode) ? "is a folder, not a file" : "is not a regular file");
    }
    if (info.st_size == 0)
        return mho_reader_damaged(reader, "", "the file is empty");
    reader->size = (hsize_t)info.st_size;
    if (reader->size > max_bytes)
        return mho_fail(reader->error, MHO_INPUT, "%s: larger than 8 GiB", reader->path);
    file = fopen(reader->path, "rb");
    if (!file)
        return mho_fail(reader->error, MHO_INPUT, "%s: cannot be opened: %s", reader->path, strerror(errno));
    status = load_and_check(reader, file);
    (void)fclose(file);
    return status;
}

static hsize_t base_address(hid_t file)
{
    const hid_t list = H5Fget_create_plist(file);
    hsize_t base = 0;

    if (list >= 0) {
        (void)H5Pget_userblock(list, &base);
        (void)H5Pclose(list);
    }
    return base;
}

static MhoStatus open_and_read(MhoReader *reader, bool require_format, MhoRecord *record)
{
    const htri_t is_hdf5 = H5Fis_hdf5(reader->path);
    hid_t access;
    hid_t file;
    MhoStatus status;

    if (is_hdf5 <= 0) {
        (void)H5Eclear2(H5E_DEFAULT);
        return mho_fail(reader->error, MHO_INPUT, "%s: not an HDF5 file, or the start of one is damaged", reader->path);
    }
    access = H5Pcreate(H5P_FILE_ACCESS);
    (void)H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    (void)H5Pset_file_locking(access, false, true);
    file = H5Fopen(reader->path, H5F_ACC_RDONLY, access);
    (void)H5Pclose(access);
    if (file < 0)
        return mho_reader_fail(reader, "");
    reader->base = base_address(file);
    status = read_file(reader, file, require_format, record);
    (void)H5Fclose(file);
    return status;
}

MhoStatus mho_store_read(const char *path, bool require_format, MhoRecord **record, MhoError *error)
{
    MhoReader reader = {.path = path, .error = error};
    MhoStoreQuiet quiet;
    MhoStatus status;

    *record = NULL;
    status = check_bytes(&reader);
    if (status == MHO_OK)
        status = mho_record_create(record, error);
    if (status == MHO_OK) {
        mho_store_quiet(&quiet);
        status = open_and_read(&reader, require_format, *record);
        (void)H5Eclear2(H5E_DEFAULT);
        mho_store_restore(&quiet);
    }
    for (size_t i = 0; i < reader.n_scales; i++)
        free(reader.scales[i].axis);
    for (size_t i = 0; i < reader.n_sound; i++)
        free(reader.sound[i]);
    free(reader.sound);
    free(reader.scales);
    free(reader.links);
    free(reader.data);
    if (status != MHO_OK) {
        mho_record_destroy(*record);
        *record = NULL;
    }
    return status;
}
