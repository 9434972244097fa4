/* formats_internal.h - whole files in memory, the two binary formats, and what every format fills in a set.
 *
 * Every size is checked against the bytes in the file before memory is allocated for it. `path` is for messages.
 */
#ifndef MHO_DATA_FORMATS_INTERNAL_H
#define MHO_DATA_FORMATS_INTERNAL_H

#include "data/data_files.h"

enum { MHO_IDX_MAX_RANK = 4, MHO_MAX_CLASSES = 256 };

typedef struct MhoBytes {
    uint8_t *data; /* owned */
    size_t n;
} MhoBytes;

void mho_bytes_free(MhoBytes *bytes);

/* Whether a format accepts content of `size` bytes that starts with the given head: all of it, or MHO_HEAD bytes. */
enum { MHO_HEAD = 64 };
typedef MhoStatus MhoHeadCheck(const uint8_t *head, size_t size, const char *path, MhoError *error);

/* Read a regular file below 4 GiB; a gzip file (RFC 1952, one member) is unpacked and its checksum verified. Before
 * memory for the unpacked content is taken, check sees its head and the size that the gzip trailer gives; no more than
 * this size is ever unpacked. Content that is not packed is not checked here. */
MhoStatus mho_bytes_read(const char *path, MhoHeadCheck *check, MhoBytes *bytes, MhoError *error) MHO_CHECKED;

/* The same for n bytes in memory; what is not gzip is copied. */
MhoStatus mho_bytes_unpack(const uint8_t *packed, size_t n, MhoHeadCheck *check, const char *path, MhoBytes *bytes,
                           MhoError *error) MHO_CHECKED;

/* A file of a set: of one given by path, or of a registered one. */
typedef struct MhoSource {
    const char *path;
    const MhoDataFile *known; /* NULL: given by path */
    const char *set;          /* the registered name */
} MhoSource;

/* mho_bytes_read, and INPUT with the remedies when the content is not that of a known file. A file that was right once
 * and has the same size and times is not computed again. */
MhoStatus mho_source_read(const MhoSource *from, MhoHeadCheck *check, MhoBytes *bytes, MhoError *error) MHO_CHECKED;

/* The files of one split of a registered set, which lie in folder; their paths go to path (max). */
MhoStatus mho_data_sources(const MhoDatasetDescriptor *descriptor, const char *folder, MhoSplit split, size_t max,
                           char path[][MHO_PATH_MAX], MhoSource *sources, size_t *n, MhoError *error) MHO_CHECKED;

/* An IDX file of unsigned bytes (type 0x08). data points into bytes. */
typedef struct MhoIdx {
    size_t rank, shape[MHO_IDX_MAX_RANK];
    const uint8_t *data; /* (product of shape) */
    MhoBytes bytes;
} MhoIdx;

/* Take bytes (freed on failure) as an IDX array. Refused: a dimension of 0, missing or extra bytes. */
MhoStatus mho_idx_parse(MhoBytes *bytes, const char *path, MhoIdx *idx, MhoError *error) MHO_CHECKED;
MhoStatus mho_idx_check(const uint8_t *head, size_t size, const char *path, MhoError *error) MHO_CHECKED;
void mho_idx_free(MhoIdx *idx);

/* A set from an image file and a label file; n_classes is the largest label + 1. */
MhoStatus mho_idx_load_pair(const MhoSource *images, const MhoSource *labels, MhoDataset *set,
                            MhoError *error) MHO_CHECKED;

/* A set from n files of CIFAR-10 binary records: 1 label, below n_classes, and 3072 pixels (3, 32, 32), which
 * become (32, 32, 3). */
MhoStatus mho_cifar_load_files(const MhoSource *sources, size_t n, int n_classes, MhoDataset *set,
                               MhoError *error) MHO_CHECKED;
/* Records of one file in memory to images (n, 32, 32, 3) and labels (n). */
MhoStatus mho_cifar_parse(const MhoBytes *bytes, const char *path, int n_classes, uint8_t *images, uint8_t *labels,
                          MhoError *error) MHO_CHECKED;
MhoStatus mho_cifar_check(const uint8_t *head, size_t size, const char *path, MhoError *error) MHO_CHECKED;
size_t mho_cifar_records(size_t n_bytes); /* 0 when n_bytes is not a whole number of records */

/* The load callbacks of registered sets. */
MhoStatus mho_idx_load(const MhoDatasetDescriptor *descriptor, const char *folder, MhoSplit split, MhoDataset *set,
                       MhoError *error);
MhoStatus mho_cifar_load(const MhoDatasetDescriptor *descriptor, const char *folder, MhoSplit split, MhoDataset *set,
                         MhoError *error);

enum { MHO_WANT_TRAIN = 1 << MHO_SPLIT_TRAIN, MHO_WANT_TEST = 1 << MHO_SPLIT_TEST };
/* mho_dataset_locate for the files of the wanted splits only (bits MHO_WANT_*). */
MhoStatus mho_dataset_locate_splits(const MhoDatasetDescriptor *descriptor, const char *data_option, unsigned want,
                                    char *folder, size_t size, MhoError *error) MHO_CHECKED;

/* Allocate the images and labels of a set whose n, h, w, c are filled in. */
MhoStatus mho_dataset_allocate(MhoDataset *set, const char *path, MhoError *error) MHO_CHECKED;
/* INPUT, with path and image, when a label is not below n_classes. */
MhoStatus mho_labels_check(const uint8_t *labels, size_t n, int n_classes, const char *path,
                           MhoError *error) MHO_CHECKED;
int mho_labels_classes(const uint8_t *labels, size_t n); /* the largest label + 1 */
/* Copy the names of the classes 0 .. n - 1; n may exceed n_classes, which it then replaces. */
MhoStatus mho_dataset_set_class_names(MhoDataset *set, const char *const *names, size_t n, const char *path,
                                      MhoError *error) MHO_CHECKED;
void mho_dataset_limit(MhoDataset *set, size_t limit); /* keep the first `limit` images; 0: all */

#endif
