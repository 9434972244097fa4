/* dataset.h - images with labels, from IDX files (plain or .gz), CIFAR-10 binary files or a record (HDF5).
 *
 * The two splits of a set are loaded apart: training, calibration and quantization never open the test files.
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
    char digest[65];    /* of the images and labels above, by mho_dataset_identify; "": not computed */
} MhoDataset;

/* One file of a set. */
typedef struct MhoDataFile {
    const char *name;   /* "train-images-idx3-ubyte"; read with ".gz" too */
    const char *sha256; /* of the unpacked content: the official gzip files differ */
    MhoSplit split;
} MhoDataFile;

/* A registered set. Its files are in a folder of its name in one of the data folders. */
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
    /* Read one split from the folder that holds the files. The caller fills in name and class names. */
    MhoStatus (*load)(const MhoDatasetDescriptor *descriptor, const char *folder, MhoSplit split, MhoDataset *set,
                      MhoError *error);
};

extern const MhoRegistry mho_dataset_registry;

/* The registered set called name, or NULL with an error that names the nearest one. */
const MhoDatasetDescriptor *mho_dataset_find(const char *name, MhoError *error) MHO_CHECKED;

/* Load one split of a set, first `limit` images (0: all).
 *
 * name is one of
 *   a registered name: its folder is searched in data_option (--data), and only there; where this is NULL in $MHO_DATA,
 * ~/.local/share/mho and /usr/share/datasets. A missing set is an INPUT error that names these folders and `mho data
 * fetch NAME`; so is one whose files do not have the SHA-256 that the official ones have.
 *   "idx:IMAGES,LABELS": two IDX files, plain or gz, images (n, h, w) or (n, h, w, c).
 *   "cifar:FILE[,FILE...]": CIFAR-10 binary records.
 * A further path that ends in .txt holds class names, one per line. Sets given by path ignore `split`: the study names
 * the files that it trains and tests on. The caller destroys set. */
MhoStatus mho_dataset_load(const char *name, const char *data_option, MhoSplit split, size_t limit, MhoDataset *set,
                           MhoError *error) MHO_CHECKED;

/* The digest that mho_dataset_load would give, from an earlier load of the same unchanged files. false: not known. */
bool mho_dataset_recall(const char *name, const char *data_option, MhoSplit split, size_t limit, char digest[65]);

/* Copy a set from a record with arrays x (n, h, w, c) u8 and y (n) integer; its optional attribute class_names is a
 * list of strings. limit: first `limit` images, 0: all. `file` is for messages. The caller destroys set. */
MhoStatus mho_dataset_from_record(const MhoRecord *record, const char *file, size_t limit, MhoDataset *set,
                                  MhoError *error) MHO_CHECKED;

/* Write the SHA-256 (hex) of what set holds to set->digest: of the line "n h w c\n" in decimal, the images, the labels.
 * Every function here that fills a set calls it. */
void mho_dataset_identify(MhoDataset *set);

/* Free what a set owns and zero it. */
void mho_dataset_destroy(MhoDataset *set);

/* Copy the first `n_validation` images (0 .. n - 1) of a shuffle by seed to `validation` and the others to `training`,
 * each in the order of the set. training: NULL when only the validation images are wanted. */
MhoStatus mho_dataset_split(const MhoDataset *set, size_t n_validation, uint64_t seed, MhoDataset *training,
                            MhoDataset *validation, MhoError *error) MHO_CHECKED;

/* Write the folder (size bytes) that holds every file of the set; folders searched as by mho_dataset_load. INPUT when
 * there is none. */
MhoStatus mho_dataset_locate(const MhoDatasetDescriptor *descriptor, const char *data_option, char *folder, size_t size,
                             MhoError *error) MHO_CHECKED;

/* Verify the SHA-256 of every file of an installed set and load both splits. folder (size bytes) receives its folder.
 */
MhoStatus mho_dataset_check(const MhoDatasetDescriptor *descriptor, const char *data_option, char *folder, size_t size,
                            MhoError *error) MHO_CHECKED;

#endif
