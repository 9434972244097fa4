/* cifar_binary.c - the binary version of CIFAR-10.
 *
 * A file is records of 1 label (0..9) and 3072 pixels: 1024 red, 1024 green, 1024 blue, each 32 x 32 in row-major
 * order. Source: A. Krizhevsky, "The CIFAR-10 dataset", section Binary version.
 */
#include "data/formats_internal.h"

#include <stdlib.h>

#include "base/memory.h"

enum { SIDE = 32, CHANNELS = 3, PLANE = SIDE * SIDE, PIXELS = CHANNELS * PLANE, RECORD = 1 + PIXELS };

MhoStatus mho_cifar_check(const uint8_t *head, size_t size, const char *path, MhoError *error)
{
    (void)head;
    if (mho_cifar_records(size) > 0)
        return MHO_OK;
    return mho_fail(error, MHO_INPUT,
                    "%s: %zu bytes are not a whole number of CIFAR records of %d bytes; the last record lacks %zu",
                    path, size, RECORD, RECORD - size % RECORD);
}

size_t mho_cifar_records(size_t n_bytes)
{
    return n_bytes % RECORD == 0 ? n_bytes / RECORD : 0;
}

MhoStatus mho_cifar_parse(const MhoBytes *bytes, const char *path, int n_classes, uint8_t *images, uint8_t *labels,
                          MhoError *error)
{
    size_t count = bytes->n / RECORD;
    for (size_t n = 0; n < count; n++) {
        const uint8_t *record = bytes->data + n * RECORD;
        uint8_t *image = images + n * PIXELS;
        labels[n] = record[0];
        for (size_t c = 0; c < CHANNELS; c++)
            for (size_t i = 0; i < PLANE; i++)
                image[i * CHANNELS + c] = record[1 + c * PLANE + i];
    }
    return mho_labels_check(labels, count, n_classes, path, error);
}

static MhoStatus read_records(const MhoSource *from, MhoBytes *bytes, MhoError *error)
{
    MhoStatus status = mho_source_read(from, mho_cifar_check, bytes, error);
    if (status == MHO_OK)
        status = mho_cifar_check(bytes->data, bytes->n, from->path, error);
    if (status != MHO_OK)
        mho_bytes_free(bytes);
    return status;
}

static MhoStatus fill(const MhoSource *sources, const MhoBytes *files, size_t n_files, int n_classes, MhoDataset *set,
                      MhoError *error)
{
    for (size_t i = 0; i < n_files; i++)
        set->n += mho_cifar_records(files[i].n);
    set->h = set->w = SIDE;
    set->c = CHANNELS;
    set->n_classes = n_classes;
    MhoStatus status = mho_dataset_allocate(set, sources[0].path, error);
    for (size_t i = 0, n = 0; i < n_files && status == MHO_OK; n += mho_cifar_records(files[i++].n))
        status =
            mho_cifar_parse(&files[i], sources[i].path, n_classes, set->images + n * PIXELS, set->labels + n, error);
    if (status != MHO_OK)
        mho_dataset_destroy(set);
    return status;
}

MhoStatus mho_cifar_load_files(const MhoSource *sources, size_t n, int n_classes, MhoDataset *set, MhoError *error)
{
    *set = (MhoDataset){0};
    MhoBytes *files = mho_calloc(n, sizeof *files, error, "a list of %zu CIFAR files", n);
    if (!files)
        return MHO_MEMORY;
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < n && status == MHO_OK; i++)
        status = read_records(&sources[i], &files[i], error);
    if (status == MHO_OK)
        status = fill(sources, files, n, n_classes, set, error);
    for (size_t i = 0; i < n; i++)
        mho_bytes_free(&files[i]);
    free(files);
    return status;
}

MhoStatus mho_cifar_load(const MhoDatasetDescriptor *descriptor, const char *folder, MhoSplit split, MhoDataset *set,
                         MhoError *error)
{
    enum { MAX_FILES = 8 };
    char path[MAX_FILES][MHO_PATH_MAX];
    MhoSource sources[MAX_FILES];
    size_t n = 0;
    MhoStatus status = mho_data_sources(descriptor, folder, split, MAX_FILES, path, sources, &n, error);
    return status == MHO_OK ? mho_cifar_load_files(sources, n, descriptor->n_classes, set, error) : status;
}
