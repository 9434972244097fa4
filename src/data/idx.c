/* idx.c - the IDX format of MNIST and its relatives, plain or gzip.
 *
 * Magic 0 0 type rank, then rank dimensions as big-endian 32-bit numbers, then the data in row-major order. Only type
 * 0x08 (unsigned byte) is read: images of rank 3 (n, h, w) or 4 (n, h, w, c), labels of rank 1. Source: Y. LeCun, C.
 * Cortes, C. Burges, "The MNIST database", section FILE FORMATS.
 */
#include "data/formats_internal.h"

#include <string.h>

enum { HEADER = 4, UNSIGNED_BYTE = 0x08, MAX_SIDE = 65535 };

static size_t big_endian(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

static MhoStatus parse_header(const uint8_t *data, size_t size, const char *path, MhoIdx *idx, MhoError *error)
{
    if (size < HEADER)
        return mho_fail(error, MHO_INPUT, "%s: truncated IDX header: %zu bytes, expected at least %d", path, size,
                        HEADER);
    if (data[0] != 0 || data[1] != 0)
        return mho_fail(error, MHO_INPUT, "%s: not an IDX file: it starts with %02x %02x, expected 00 00", path,
                        data[0], data[1]);
    if (data[2] != UNSIGNED_BYTE)
        return mho_fail(error, MHO_INPUT, "%s: IDX type 0x%02x at byte 2, only 0x08 (unsigned byte) is read", path,
                        data[2]);
    idx->rank = data[3];
    if (idx->rank < 1 || idx->rank > MHO_IDX_MAX_RANK)
        return mho_fail(error, MHO_INPUT, "%s: IDX rank %zu at byte 3, expected 1 to %d", path, idx->rank,
                        MHO_IDX_MAX_RANK);
    if (size < HEADER + 4 * idx->rank)
        return mho_fail(error, MHO_INPUT, "%s: truncated IDX header: %zu bytes, rank %zu needs %zu", path, size,
                        idx->rank, HEADER + 4 * idx->rank);
    return MHO_OK;
}

static MhoStatus parse_shape(const uint8_t *data, size_t size, const char *path, MhoIdx *idx, MhoError *error)
{
    size_t header = HEADER + 4 * idx->rank;
    size_t room = size - header;
    size_t count = 1;
    for (size_t i = 0; i < idx->rank; i++) {
        size_t extent = big_endian(data + HEADER + 4 * i);
        if (extent == 0)
            return mho_fail(error, MHO_INPUT, "%s: IDX dimension %zu at byte %zu is 0", path, i, HEADER + 4 * i);
        if (extent > room / count) /* count * extent > room, without overflow */
            return mho_fail(error, MHO_INPUT,
                            "%s: truncated: IDX dimension %zu (%zu) needs more than the %zu bytes after the header",
                            path, i, extent, room);
        count *= extent;
        idx->shape[i] = extent;
    }
    if (count < room)
        return mho_fail(error, MHO_INPUT, "%s: %zu trailing bytes after the IDX data at byte %zu", path, room - count,
                        header + count);
    idx->data = data + header;
    return MHO_OK;
}

MhoStatus mho_idx_check(const uint8_t *head, size_t size, const char *path, MhoError *error)
{
    MhoIdx idx = {0};
    MhoStatus status = parse_header(head, size, path, &idx, error);
    return status == MHO_OK ? parse_shape(head, size, path, &idx, error) : status;
}

MhoStatus mho_idx_parse(MhoBytes *bytes, const char *path, MhoIdx *idx, MhoError *error)
{
    *idx = (MhoIdx){0};
    MhoStatus status = parse_header(bytes->data, bytes->n, path, idx, error);
    if (status == MHO_OK)
        status = parse_shape(bytes->data, bytes->n, path, idx, error);
    if (status != MHO_OK) {
        mho_bytes_free(bytes);
        return status;
    }
    idx->bytes = *bytes;
    *bytes = (MhoBytes){0};
    return MHO_OK;
}

void mho_idx_free(MhoIdx *idx)
{
    mho_bytes_free(&idx->bytes);
    *idx = (MhoIdx){0};
}

static MhoStatus read_idx(const MhoSource *from, MhoIdx *idx, MhoError *error)
{
    *idx = (MhoIdx){0};
    MhoBytes bytes;
    MhoStatus status = mho_source_read(from, mho_idx_check, &bytes, error);
    return status == MHO_OK ? mho_idx_parse(&bytes, from->path, idx, error) : status;
}

static MhoStatus check_pair(const MhoIdx *x, const MhoIdx *y, const char *images, const char *labels, MhoError *error)
{
    if (x->rank < 3)
        return mho_fail(error, MHO_INPUT, "%s: IDX rank %zu, images need 3 (n, h, w) or 4 (n, h, w, c)", images,
                        x->rank);
    if (y->rank != 1)
        return mho_fail(error, MHO_INPUT, "%s: IDX rank %zu, labels need 1", labels, y->rank);
    for (size_t i = 1; i < x->rank; i++)
        if (x->shape[i] > MAX_SIDE)
            return mho_fail(error, MHO_INPUT, "%s: IDX dimension %zu is %zu, images have at most %d", images, i,
                            x->shape[i], MAX_SIDE);
    if (x->shape[0] != y->shape[0])
        return mho_fail(error, MHO_INPUT, "%s holds %zu labels, but %s holds %zu images", labels, y->shape[0], images,
                        x->shape[0]);
    return MHO_OK;
}

static MhoStatus fill(const MhoIdx *x, const MhoIdx *y, const char *images, MhoDataset *set, MhoError *error)
{
    set->n = x->shape[0];
    set->h = (int)x->shape[1];
    set->w = (int)x->shape[2];
    set->c = x->rank == 4 ? (int)x->shape[3] : 1;
    MhoStatus status = mho_dataset_allocate(set, images, error);
    if (status != MHO_OK)
        return status;
    memcpy(set->images, x->data, set->n * (size_t)set->h * (size_t)set->w * (size_t)set->c);
    memcpy(set->labels, y->data, set->n);
    set->n_classes = mho_labels_classes(set->labels, set->n);
    return MHO_OK;
}

MhoStatus mho_idx_load_pair(const MhoSource *images, const MhoSource *labels, MhoDataset *set, MhoError *error)
{
    *set = (MhoDataset){0};
    MhoIdx x, y = {0};
    MhoStatus status = read_idx(images, &x, error);
    if (status == MHO_OK)
        status = read_idx(labels, &y, error);
    if (status == MHO_OK)
        status = check_pair(&x, &y, images->path, labels->path, error);
    if (status == MHO_OK)
        status = fill(&x, &y, images->path, set, error);
    mho_idx_free(&x);
    mho_idx_free(&y);
    return status;
}

MhoStatus mho_idx_load(const MhoDatasetDescriptor *descriptor, const char *folder, MhoSplit split, MhoDataset *set,
                       MhoError *error)
{
    char path[2][MHO_PATH_MAX] = {"", ""}; /* images, labels */
    MhoSource sources[2];
    size_t found = 0;
    MhoStatus status = mho_data_sources(descriptor, folder, split, 2, path, sources, &found, error);
    if (status == MHO_OK)
        status = mho_idx_load_pair(&sources[0], &sources[1], set, error);
    if (status != MHO_OK)
        return status;
    if (set->h != descriptor->h || set->w != descriptor->w || set->c != descriptor->c)
        status =
            mho_fail(error, MHO_INPUT, "%s: its images are (%d, %d, %d), those of %s are (%d, %d, %d)", path[0], set->h,
                     set->w, set->c, descriptor->descriptor.name, descriptor->h, descriptor->w, descriptor->c);
    else
        status = mho_labels_check(set->labels, set->n, descriptor->n_classes, path[1], error);
    if (status != MHO_OK)
        mho_dataset_destroy(set);
    return status;
}
