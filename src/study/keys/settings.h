/* settings.h - every key of every parameter table, by its full name, with one value each.
 *
 * Sections join the tables: the study's own keys, "chip.", "noise.", "quant.", "train.", and one section per registered
 * model ("chip.cell.pcm.", "chip.adc.uniform.", "quant.weight.fqconv."). The tables of a chip occur twice: "chip." is
 * the chip of the tests, "train.chip." the chip that training sees. Settings are one block of bytes, so a point of a
 * sweep is a copy.
 */
#ifndef MHO_STUDY_KEYS_SETTINGS_H
#define MHO_STUDY_KEYS_SETTINGS_H

#include "allocate/allocate.h"
#include "base/descriptor.h"
#include "crossbar/crossbar.h"
#include "net/lowered/code_noise.h"
#include "train/stages.h"
#include "train/train.h"

enum { MHO_KEY_MAX = 128 };

typedef enum MhoDataSplit { MHO_DATA_TEST, MHO_DATA_VALIDATION, MHO_DATA_TRAIN } MhoDataSplit;

typedef enum MhoSampleName { MHO_SAMPLE_SOBOL, MHO_SAMPLE_RANDOM } MhoSampleName;

/* The study's own keys. */
typedef struct MhoStudyParams {
    char title[MHO_TEXT_MAX], model[MHO_TEXT_MAX];
    int seed, repeat;       /* repeat: chips a point */
    double stop_half_width; /* of the interval of accuracy at which a point stops; 0: never */
    int stop_first;         /* chips at the first look at a point */
    char data_name[MHO_TEXT_MAX];
    char data_train[MHO_TEXT_MAX]; /* training images of a set given by path; "": data_name */
    int split, limit;              /* MhoDataSplit; first n images, 0: all */
    int calibration, measured;     /* training images of calibration; images with SNR */
    int sample_name, sample_n;     /* MhoSampleName; points that are drawn, 0: none */
    int sample_seed;
} MhoStudyParams;

extern const MhoDescriptor mho_study_descriptor;

/* What the jobs of a study ask of a cluster; no result depends on it. */
enum { MHO_MAX_ARRAY_TASKS = 1000 }; /* Slurm's usual MaxArraySize, 1001, allows the numbers up to this */
typedef struct MhoClusterParams {
    char partition[MHO_TEXT_MAX], account[MHO_TEXT_MAX], time[MHO_TEXT_MAX], memory[MHO_TEXT_MAX];
    int cpus, tasks;
} MhoClusterParams;

extern const MhoDescriptor mho_cluster_descriptor;

/* The names of a chip's models. */
typedef struct MhoChipModels {
    char cell[MHO_TEXT_MAX], adc[MHO_TEXT_MAX], dac[MHO_TEXT_MAX], wire[MHO_TEXT_MAX];
} MhoChipModels;

extern const MhoDescriptor mho_chip_models_descriptor; /* of "chip." and "train.chip.", as mho_chip_descriptor */

typedef struct MhoSection {
    char prefix[MHO_KEY_MAX]; /* "" or ends with '.' */
    const MhoDescriptor *descriptor;
    size_t offset; /* of the parameter struct in the block */
} MhoSection;

typedef struct MhoSettings MhoSettings;

MhoStatus mho_settings_create(MhoSettings **settings, MhoError *error) MHO_CHECKED; /* all defaults */
MhoStatus mho_settings_copy(const MhoSettings *from, MhoSettings **settings, MhoError *error) MHO_CHECKED;
void mho_settings_destroy(MhoSettings *settings);

/* The folder of the study file, "" or with a '/' at its end; copies have it too. */
MhoStatus mho_settings_set_folder(MhoSettings *settings, const char *study_path, MhoError *error) MHO_CHECKED;
const char *mho_settings_folder(const MhoSettings *settings);

/* Where a file that a study names is: a relative path is looked up below the current folder and then beside the study
 * file; as it was given where it is in neither. USAGE when it is too long. */
MhoStatus mho_settings_input_path(const MhoSettings *settings, const char *given, char *path, size_t size,
                                  MhoError *error) MHO_CHECKED;
/* Whether a name is that of an HDF5 file. */
bool mho_is_hdf5_name(const char *name);
/* The same for every file of a data set by path ("idx:IMAGES,LABELS", an HDF5 file); other names stay. */
enum { MHO_DATA_PATH_MAX = 16384 };
MhoStatus mho_settings_data_path(const MhoSettings *settings, const char *given, char path[MHO_DATA_PATH_MAX],
                                 MhoError *error) MHO_CHECKED;

/* Set a key. Unknown keys are USAGE errors that name the nearest known one; `where` ("study.yaml:12") leads the
 * message. */
MhoStatus mho_settings_set(MhoSettings *settings, const char *key, const char *text, const char *where,
                           MhoError *error) MHO_CHECKED;
/* NULL: unknown */
const MhoParam *mho_settings_find(const MhoSettings *settings, const char *key, const MhoSection **section);
MhoStatus mho_settings_unknown(const MhoSettings *settings, const char *key, const char *where, MhoError *error);
/* "" for an unknown key */
size_t mho_settings_format(const MhoSettings *settings, const char *key, char *text, size_t size);

/* One key of all, in the fixed order of the sections. */
typedef struct MhoSettingsKey {
    char name[2 * MHO_KEY_MAX];
    const MhoSection *section;
    const MhoParam *param;
    size_t next_section, next_param; /* private */
} MhoSettingsKey;
/* The next key into *key, which is zeroed before the first call. false: there is none. */
bool mho_settings_next(const MhoSettings *settings, MhoSettingsKey *key);
/* The short name of a key for axes and legends: mho_param_label(), which says "training" of a chip that training sees
 * and what a quantizer's own parameter is of: "training device noise", "range rule of weights". */
enum { MHO_LABEL_MAX = 64 };
void mho_settings_label(const MhoSettings *settings, const char *key, char label[MHO_LABEL_MAX]);
bool mho_settings_is_default(const MhoSettings *settings, const MhoSettingsKey *key);

const MhoStudyParams *mho_settings_study(const MhoSettings *settings);
const MhoClusterParams *mho_settings_cluster(const MhoSettings *settings);
const MhoChipModels *mho_settings_chip_models(const MhoSettings *settings);
const MhoChipParams *mho_settings_chip(const MhoSettings *settings);
const MhoQuantParams *mho_settings_quant(const MhoSettings *settings);
/* quant.* as training and quantization take it: the parameters of the chosen quantizers that are not at their defaults
 * follow their names ("fqconv gradient=straight"). USAGE for unknown quantizers and texts that are too long. */
MhoStatus mho_settings_policies(const MhoSettings *settings, MhoQuantParams *quant, MhoError *error) MHO_CHECKED;
const MhoTrainParams *mho_settings_train(const MhoSettings *settings);
const MhoAllocateParams *mho_settings_allocate(const MhoSettings *settings);
/* The allocator of allocate.name with its parameters; borrowed from settings. USAGE for an unknown name or failed
 * checks. */
MhoStatus mho_settings_allocator(const MhoSettings *settings, const MhoAllocator **allocator, const void **params,
                                 MhoError *error) MHO_CHECKED;
const MhoNoiseParams *mho_settings_noise(const MhoSettings *settings);

/* The chip of the tests: the models that chip.*.name names, with their parameters; borrowed from settings. USAGE for
 * unknown names, failed checks across parameters, and noise on codes with any other chip than the ideal one. */
MhoStatus mho_settings_chip_config(const MhoSettings *settings, MhoChipConfig *config, MhoError *error) MHO_CHECKED;
/* The chip that training sees: the same for train.chip.*. Its seed is one that no study has, so that its chips are
 * never those of a test. */
MhoStatus mho_settings_train_chip_config(const MhoSettings *settings, MhoChipConfig *config,
                                         MhoError *error) MHO_CHECKED;
/* Refuse unknown models, quantizers, allocators and networks, misspelt stages and parameters that do not fit each
 * other, whether or not this study uses them. The message starts with the key. */
MhoStatus mho_settings_check(const MhoSettings *settings, MhoError *error) MHO_CHECKED;
/* Whether any key train.chip.* differs from its default. */
bool mho_settings_has_train_chip(const MhoSettings *settings);

/* Whether the result at these settings depends on key. Parameters of models that are not chosen, time for a cell that
 * does not age and the like do not count; a key of the recipe counts when training by it reads the key. */
bool mho_settings_uses(const MhoSettings *settings, const char *key);

/* Whether key says how a study is run and nothing of what comes out (cluster.*): in no text or digest of a study. */
bool mho_settings_of_cluster(const char *key);

/* Whether key names things, counts repetitions or says how a study is run: it is part of a study, but no trial depends
 * on its value. */
bool mho_settings_names_study(const char *key);

/* Whether training alone reads key. A result depends on such a key through its model file. */
bool mho_settings_through_model(const char *key);

/* Whether only some stages (noise, chips, allocation) read key. Any value but the default is then a mistake without
 * such a stage. */
bool mho_settings_needs_stage(const char *key);

/* Whether key is one of the chip that training sees. */
bool mho_settings_of_train_chip(const char *key);

/* SHA-256 (64 hex digits) of the training images and labels in use: "" when it is not known. Setting a key that chooses
 * other training images forgets it; mho_study_identify finds it. */
void mho_settings_set_training_digest(MhoSettings *settings, const char hex[65]);
const char *mho_settings_training_digest(const MhoSettings *settings);

/* Canonical text "key=value\n" of every key the result depends on, in section order; the caller frees it. NULL: out of
 * memory. recipe: the keys that a trained model depends on (train.*, quant.*, seed, data) instead, without the bits of
 * quantization after training, because the stages name theirs; then a line data.training_sha256=HEX when the digest of
 * the training images is known. */
char *mho_settings_canonical(const MhoSettings *settings, bool recipe);

#endif
