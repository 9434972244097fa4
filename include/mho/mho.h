/* mho.h - neural networks on analog in-memory-compute hardware: the whole public interface.
 *
 *     MhoStudy *study;
 *     MhoModel *model;
 *     MhoImages *images, *training;
 *     MhoOnChip *on_chip;
 *     mho_study_open("study.yaml", &study, &error);              keys of chip, data and model; NULL: their defaults
 *     mho_study_set_key(study, "chip.cell.name", "pcm", &error);
 *     mho_model_open("model.h5", &model, &error);
 *     mho_images_open(study, MHO_IMAGES_TEST, NULL, &images, &error);
 *     mho_images_open(study, MHO_IMAGES_CALIBRATION, NULL, &training, &error);
 *     mho_on_chip_create(model, study, training, NULL, &on_chip, &error);
 *     mho_on_chip_set(on_chip, 0, NULL, &error);                 programs chip number 0
 *     mho_on_chip_evaluate(on_chip, images, &metrics, &error);
 *
 * Keys are those of study files and of --set; `mho list` and `mho describe` explain them.
 *
 * Handles are opaque. The caller frees each one with its `_free` function, which accepts NULL; a function that fails
 * sets its handle to NULL. No handle refers to another one, so they may be freed in any order. Texts and arrays that a
 * handle returns belong to it and end with it. Plain structs are made by their `_defaults` function, so that later
 * members have a value.
 *
 * A NULL where a handle, an output or `error` is needed is a USAGE error. One handle serves one thread at a time. Files
 * are read and written by one thread at a time in a process.
 *
 * Accuracies, logits and result files do not depend on the number of threads or on how images are divided into calls.
 */
#ifndef MHO_MHO_H
#define MHO_MHO_H

#include <stddef.h>
#include <stdint.h>

#include "mho/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Keys and values: a chip, its data and its model, and in a study file also a recipe and axes to sweep. */
typedef struct MhoStudy MhoStudy;
/* A trained network, float or quantized. */
typedef struct MhoModel MhoModel;
/* Images with or without labels. Image i of a set has number i. */
typedef struct MhoImages MhoImages;
/* A model on one chip at a time. */
typedef struct MhoOnChip MhoOnChip;
/* A result file. */
typedef struct MhoResult MhoResult;

/* How to run; none of it changes a result. */
typedef struct MhoRunOptions {
    int threads;             /* 0: OpenMP's default */
    const char *data_folder; /* folder of data sets, searched before the usual ones; NULL: none */
    MhoLogFunction log;      /* NULL: silent */
    void *log_context;
} MhoRunOptions;
MHO_API MhoRunOptions mho_run_options_defaults(void);

/* ---- Studies ---- */

/* Read a study file; path NULL: every key has its default. USAGE errors name file, line, key and the nearest known key.
 */
MHO_API MhoStatus mho_study_open(const char *path, MhoStudy **study, MhoError *error) MHO_CHECKED;
/* Set a key: "chip.time" to "86400". A list ("[4, 6, 8]") or a range ("4:8:2") makes an axis of a sweep. USAGE for an
 * unknown key, with the nearest known one, and for a value out of range. */
MHO_API MhoStatus mho_study_set_key(MhoStudy *study, const char *key, const char *value, MhoError *error) MHO_CHECKED;
/* Write the value of a key into text (size bytes, ends with NUL). An axis gives the value that it replaces. USAGE for
 * an unknown key, and when the value is longer than size - 1. */
MHO_API MhoStatus mho_study_get_key(const MhoStudy *study, const char *key, char *text, size_t size,
                                    MhoError *error) MHO_CHECKED;
MHO_API void mho_study_free(MhoStudy *study);

/* Run every point of a study on every chip and write the result; finished trials of an interrupted run are kept. Trains
 * a missing model when the study file has a train: section. output: result file; NULL: results/NAME.h5 below the
 * current folder, NAME from the study file. A finished result of the same study is left as it is; one of another study
 * is a USAGE error. options NULL: defaults. path (size bytes): where the result is; NULL: not wanted. */
MHO_API MhoStatus mho_study_run(const MhoStudy *study, const MhoRunOptions *options, const char *output, char *path,
                                size_t size, MhoError *error) MHO_CHECKED;

/* ---- Images ---- */

typedef struct MhoImageShape {
    int h, w, c;
} MhoImageShape;

typedef enum MhoImagesPart {
    MHO_IMAGES_TEST,       /* data.split of data.name, the first data.limit images */
    MHO_IMAGES_CALIBRATION /* the first data.calibration training images */
} MhoImagesPart;

typedef struct MhoImagesInfo {
    size_t n;
    MhoImageShape shape;
    int n_classes;
    const uint8_t *pixels; /* (n, h, w, c), 0..255; borrowed */
    const uint8_t *labels; /* (n) true classes; borrowed; NULL: unknown */
} MhoImagesInfo;

/* Load the images that the data keys of a study name. data_folder: searched first; NULL: none. INPUT when a file is
 * missing or damaged; USAGE when a key that chooses images is an axis. */
MHO_API MhoStatus mho_images_open(const MhoStudy *study, MhoImagesPart part, const char *data_folder,
                                  MhoImages **images, MhoError *error) MHO_CHECKED;
/* Copy n > 0 images of one shape. pixels (n, h, w, c), 0..255; labels (n), below n_classes; NULL: unknown, and
 * n_classes is not used. USAGE for an empty shape and for a label out of range. */
MHO_API MhoStatus mho_images_copy(MhoImageShape shape, size_t n, const uint8_t *pixels, const uint8_t *labels,
                                  int n_classes, MhoImages **images, MhoError *error) MHO_CHECKED;
/* All zero for NULL. */
MHO_API MhoImagesInfo mho_images_info(const MhoImages *images);
MHO_API void mho_images_free(MhoImages *images);

/* ---- Models ---- */

typedef struct MhoModelInfo {
    const char *name, *digest; /* digest: SHA-256 of the file's content, 64 hex digits; borrowed */
    MhoImageShape shape;       /* of its images */
    int n_classes;
    size_t n_layers; /* layers with weights: each becomes matrices on a chip */
    int is_quantized;
} MhoModelInfo;

/* Load a model file, written by mho or by another program. INPUT when it is missing or damaged. */
MHO_API MhoStatus mho_model_open(const char *path, MhoModel **model, MhoError *error) MHO_CHECKED;
/* All zero for NULL. */
MHO_API MhoModelInfo mho_model_info(const MhoModel *model);
MHO_API void mho_model_free(MhoModel *model);

/* ---- A model on a chip ---- */

typedef struct MhoChipCondition {
    double time;        /* s since programming, the key chip.time */
    double temperature; /* K, the key chip.temperature */
} MhoChipCondition;
/* The condition that a study's keys describe; study NULL: the keys' defaults. */
MHO_API MhoChipCondition mho_chip_condition_defaults(const MhoStudy *study);

typedef struct MhoMetrics {
    size_t n;        /* images */
    double accuracy; /* 0..1, share of images whose largest logit is that of their label */
    double loss;     /* mean cross entropy, nats */
} MhoMetrics;

/* One analog layer. What images measure is of the last classify or evaluate. */
typedef struct MhoLayerMetrics {
    const char *name;                   /* borrowed from MhoOnChip */
    size_t rows, columns, groups;       /* of the weight matrix of one group */
    size_t tiles, devices;              /* arrays and programmed cells */
    uint64_t conversions;               /* ADC conversions of one image */
    double adc_step;                    /* accumulator units; 0 before the range is set */
    uint64_t measured_conversions;      /* of the images */
    uint64_t clipped;                   /* conversions out of the converter's range */
    double signal_energy, noise_energy; /* sums of squares over the first data.measured images of a set: ideal sums,
                                         * and their deviations; 0: not measured */
} MhoLayerMetrics;

/* Plan a chip by the keys of study and lower the model to it. A float model is quantized first by the keys quant.*.
 * calibration: training images, needed for calibrated converter ranges and for quantization; NULL: none. options NULL:
 * defaults. study, model and calibration are copied. USAGE: a study with axes or with noise on codes, a float model
 * without quant.weight.bits, images of another shape, a plan that breaks a limit. */
MHO_API MhoStatus mho_on_chip_create(const MhoModel *model, const MhoStudy *study, const MhoImages *calibration,
                                     const MhoRunOptions *options, MhoOnChip **on_chip, MhoError *error) MHO_CHECKED;
/* Take chip number `chip`, which is programmed unless it is the one in use, to a condition; NULL: that of the study.
 * The number and the key seed fix every device: coming back to a number gives the same devices. USAGE for a condition
 * out of range. After a failure no chip is set. */
MHO_API MhoStatus mho_on_chip_set(MhoOnChip *on_chip, uint32_t chip, const MhoChipCondition *condition,
                                  MhoError *error) MHO_CHECKED;
/* Classify images first .. first + n - 1. logits (n, n_classes) and classes (n); each may be NULL. USAGE before
 * mho_on_chip_set, for images of another shape than the model's and for images that the set does not have. */
MHO_API MhoStatus mho_on_chip_classify(MhoOnChip *on_chip, const MhoImages *images, size_t first, size_t n,
                                       float *logits, int32_t *classes, MhoError *error) MHO_CHECKED;
/* Classify all images of a labelled set. USAGE as above, and for images without labels or with more classes than the
 * model's. */
MHO_API MhoStatus mho_on_chip_evaluate(MhoOnChip *on_chip, const MhoImages *images, MhoMetrics *metrics,
                                       MhoError *error) MHO_CHECKED;
/* Layer 0 .. n_layers - 1 of the model, in order. USAGE beyond. */
MHO_API MhoStatus mho_on_chip_layer(const MhoOnChip *on_chip, size_t layer, MhoLayerMetrics *metrics,
                                    MhoError *error) MHO_CHECKED;
MHO_API void mho_on_chip_free(MhoOnChip *on_chip);

/* ---- Results ---- */

enum { MHO_RESULT_MAX_RANK = 8 };

typedef struct MhoResultShape {
    size_t rank, n;                   /* n: numbers, the product of size[0 .. rank - 1] */
    size_t size[MHO_RESULT_MAX_RANK]; /* accuracy: (points, chips) */
} MhoResultShape;

/* Read a result file. INPUT when it is missing, damaged or not a file of mho. */
MHO_API MhoStatus mho_result_open(const char *path, MhoResult **result, MhoError *error) MHO_CHECKED;
/* Shape of an array: "accuracy", "loss", a swept key over points ("chip.time"), "summary/..." and others of
 * results/README.md. INPUT when there is none. */
MHO_API MhoStatus mho_result_shape(const MhoResult *result, const char *name, MhoResultShape *shape,
                                   MhoError *error) MHO_CHECKED;
/* Copy the n numbers of an array as doubles, last axis fastest; trials that were not run are NaN. USAGE when n is not
 * the shape's or the array holds texts. */
MHO_API MhoStatus mho_result_numbers(const MhoResult *result, const char *name, double *values, size_t n,
                                     MhoError *error) MHO_CHECKED;
/* Text i of an array of texts ("chip.cell.name"); NULL when there is none. Borrowed. */
MHO_API const char *mho_result_text(const MhoResult *result, const char *name, size_t i);
MHO_API void mho_result_free(MhoResult *result);

#ifdef __cplusplus
}
#endif

#endif
