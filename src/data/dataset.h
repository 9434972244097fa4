/* dataset.h - images with labels, in the official formats: IDX (plain or .gz), CIFAR binary, or a record (HDF5 set).
 *
 * The two halves of a set are loaded apart: training, calibration and quantization never open the test files.
 */
#ifndef MHO_DATA_DATASET_H
#define MHO_DATA_DATASET_H

#include <stdint.h>

#include "base/log.h"
#include "base/descriptor.h"
#include "base/record.h"

typedef enum MhoSplit { MHO_SPLIT_TRAIN, MHO_SPLIT_TEST } MhoSplit;

typedef struct MhoDataset {
    char name[MHO_NAME_MAX];
    size_t n;
    int h, w, c;
    int n_classes;
    uint8_t *images;    /* (n, h, w, c) raw codes 0..255 */
    uint8_t *labels;    /* (n) */
    char **class_names; /* (n_classes) or NULL */
} MhoDataset;

/* One file of a set. The digest is of the unpacked content, because several gzip packings of the same bytes are
 * official. */
typedef struct MhoDataFile {
    const char *name;   /* "train-images-idx3-ubyte"; the same name with ".gz" is as good */
    const char *sha256; /* of the content without gzip */
    MhoSplit split;
} MhoDataFile;

/* A dataset known by name. Its files lie in a folder of that name below one of the data folders. */
typedef struct MhoDatasetDescriptor MhoDatasetDescriptor;
struct MhoDatasetDescriptor {
    MhoDescriptor descriptor; /* no parameters */
    const MhoDataFile *files; /* IDX: images before labels in each split */
    size_t n_files;
    const char *address; /* official address: a folder ("/" at the end) of name.gz files, or one tar.gz; NULL: none */
    const char *debian_package;     /* NULL: none */
    const char *npm_package;        /* "name@version"; NULL: none */
    const char *const *class_names; /* (n_classes) */
    int n_classes, h, w, c;
    /* Read one split from the folder that holds the files; name and class names are filled in by the caller. */
    MhoStatus (*load)(const MhoDatasetDescriptor *model, const char *folder, MhoSplit split, MhoDataset *set,
                      MhoError *error);
};

extern const MhoRegistry mho_dataset_registry;

/* The registered set called name, or NULL with an error that names the nearest one. */
const MhoDatasetDescriptor *mho_dataset_find(const char *name, MhoError *error) MHO_CHECKED;

/* Load one split of a set, first `limit` images (0: all).
 *
 * name is a registered name, looked for in data_option (--data; NULL: not given), $MHO_DATA, ~/.local/share/mho,
 * /usr/share/datasets; or "idx:IMAGES,LABELS" (two IDX files, plain or gz, images (n, h, w) or (n, h, w, c)); or
 * "cifar:FILE[,FILE...]" (CIFAR-10 binary records). A further path that ends in .txt holds class names, one a line. For
 * sets given by path `split` does not choose a file: the study says which paths it trains and tests on. A missing set
 * is an INPUT error that says where was looked and names `mho data fetch NAME`. The caller destroys set. */
MhoStatus mho_dataset_load(const char *name, const char *data_option, MhoSplit split, size_t limit, MhoDataset *set,
                           MhoError *error) MHO_CHECKED;

/* From a record with arrays x (n, h, w, c) u8 and y (n) integer; class names from the root's optional
 * attribute class_names (a list of strings). limit: first n images, 0 = all. `file` is for messages. The caller
 * destroys set. */
MhoStatus mho_dataset_from_record(const MhoRecord *record, const char *file, size_t limit, MhoDataset *set,
                                  MhoError *error) MHO_CHECKED;

/* Free what a set owns and zero it. */
void mho_dataset_destroy(MhoDataset *set);

/* Validation split by seed: `n_validation` images (fewer than n; 0 allowed) of a seeded shuffle go to `validation`, the
 * rest to `training`, both in the order of the set. The two own copies. */
MhoStatus mho_dataset_split(const MhoDataset *set, size_t n_validation, uint64_t seed, MhoDataset *training,
                            MhoDataset *validation, MhoError *error) MHO_CHECKED;

/* The folder (into size bytes) that holds every file of the set, by name; search order as mho_dataset_load. INPUT when
 * none. */
MhoStatus mho_dataset_locate(const MhoDatasetDescriptor *model, const char *data_option, char *folder, size_t size,
                             MhoError *error) MHO_CHECKED;

/* Verify the SHA-256 of every file of an installed set and load both splits. folder (size bytes) says where it was
 * found. */
MhoStatus mho_dataset_check(const MhoDatasetDescriptor *model, const char *data_option, char *folder, size_t size,
                            MhoError *error) MHO_CHECKED;

#endif
