/* cifar_binary.c - the binary version of CIFAR-10.
 *
 * A file is records of 1 label (0..9) and 3072 pixels: 1024 red, 1024 green, 1024 blue, each 32 x 32 in row-major
 * order. Source: A. Krizhevsky, "The CIFAR-10 dataset", section Binary version.
 */
#include "data/formats_internal.h"

#include <stdlib.h>

#include "base/memory.h"

enum { SIDE = 32, CHANNELS = 3, PLANE = SIDE * SIDE, PIXELS = CHANNELS * PLANE, RECORD = 1 + PIXELS };

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

static MhoStatus read_records(const char *path, MhoBytes *bytes, MhoError *error)
{
    MhoStatus status = mho_bytes_read(path, bytes, error);
    if (status != MHO_OK || mho_cifar_records(bytes->n) > 0)
        return status;
    size_t n = bytes->n;
    mho_bytes_free(bytes);
    return mho_fail(error, MHO_INPUT,
                    "%s: %zu bytes are not a whole number of CIFAR records of %d bytes; the last record lacks %zu",
                    path, n, RECORD, RECORD - n % RECORD);
}

static MhoStatus fill(const char *const *paths, const MhoBytes *files, size_t n_paths, int n_classes, MhoDataset *set,
                      MhoError *error)
{
    for (size_t i = 0; i < n_paths; i++)
        set->n += mho_cifar_records(files[i].n);
    set->h = set->w = SIDE;
    set->c = CHANNELS;
    set->n_classes = n_classes;
    MhoStatus status = mho_dataset_allocate(set, paths[0], error);
    for (size_t i = 0, n = 0; i < n_paths && status == MHO_OK; n += mho_cifar_records(files[i++].n))
        status = mho_cifar_parse(&files[i], paths[i], n_classes, set->images + n * PIXELS, set->labels + n, error);
    if (status != MHO_OK)
        mho_dataset_destroy(set);
    return status;
}

MhoStatus mho_cifar_load_files(const char *const *paths, size_t n_paths, int n_classes, MhoDataset *set,
                               MhoError *error)
{
    *set = (MhoDataset){0};
    MhoBytes *files = mho_calloc(n_paths, sizeof *files, error, "a list of %zu CIFAR files", n_paths);
    if (!files)
        return MHO_MEMORY;
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < n_paths && status == MHO_OK; i++)
        status = read_records(paths[i], &files[i], error);
    if (status == MHO_OK)
        status = fill(paths, files, n_paths, n_classes, set, error);
    for (size_t i = 0; i < n_paths; i++)
        mho_bytes_free(&files[i]);
    free(files);
    return status;
}

MhoStatus mho_cifar_load(const MhoDatasetDescriptor *descriptor, const char *folder, MhoSplit split, MhoDataset *set,
                         MhoError *error)
{
    enum { MAX_FILES = 8 };
    char path[MAX_FILES][MHO_PATH_MAX];
    const char *paths[MAX_FILES];
    size_t found = 0;
    for (size_t i = 0; i < descriptor->n_files && found < MAX_FILES; i++) {
        if (descriptor->files[i].split != split)
            continue;
        if (!mho_data_file_path(folder, descriptor->files[i].name, path[found]))
            return mho_fail(error, MHO_INPUT, "%s: the file %s is missing", folder, descriptor->files[i].name);
        paths[found] = path[found];
        found++;
    }
    return mho_cifar_load_files(paths, found, descriptor->n_classes, set, error);
}
