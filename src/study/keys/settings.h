/* settings.h - every key of every parameter table, by its full name, with one value each.
 *
 * Sections join the tables: the study's own keys, "chip.", "noise.", "quant.", "train.", and one section per registered
 * model ("chip.cell.pcm.", "chip.adc.uniform.", "quant.weight.fqconv."). Settings are one block of bytes, so a grid
 * point is a copy.
 */
#ifndef MHO_STUDY_KEYS_SETTINGS_H
#define MHO_STUDY_KEYS_SETTINGS_H

#include "allocate/allocate.h"
#include "base/descriptor.h"
#include "crossbar/crossbar.h"
#include "net/lowered/code_noise.h"
#include "train/train.h"

enum { MHO_KEY_MAX = 128 };

typedef enum MhoDataSplit { MHO_DATA_TEST, MHO_DATA_VALIDATION, MHO_DATA_TRAIN } MhoDataSplit;

/* The study's own keys. */
typedef struct MhoStudyParams {
    char title[MHO_TEXT_MAX], model[MHO_TEXT_MAX];
    int seed, repeat; /* repeat: chips a point */
    char data_name[MHO_TEXT_MAX];
    char data_train[MHO_TEXT_MAX]; /* training images of a set given by path; "": data_name */
    int split, limit;              /* MhoDataSplit; first n images, 0: all */
    int calibration, measured;     /* training images of calibration; images with SNR */
    char cell[MHO_TEXT_MAX], adc[MHO_TEXT_MAX], dac[MHO_TEXT_MAX], wire[MHO_TEXT_MAX];
} MhoStudyParams;

extern const MhoDescriptor mho_study_descriptor;

typedef struct MhoSection {
    char prefix[MHO_KEY_MAX]; /* "" or ends with '.' */
    const MhoDescriptor *model;
    size_t offset; /* of the parameter struct in the block */
} MhoSection;

typedef struct MhoSettings MhoSettings;

MhoStatus mho_settings_create(MhoSettings **settings, MhoError *error) MHO_CHECKED; /* all defaults */
MhoStatus mho_settings_copy(const MhoSettings *from, MhoSettings **settings, MhoError *error) MHO_CHECKED;
void mho_settings_destroy(MhoSettings *settings);

/* Set a key. Unknown keys are USAGE errors that name the nearest known one; `where` ("study.yaml:12") leads the
 * message. */
MhoStatus mho_settings_set(MhoSettings *settings, const char *key, const char *text, const char *where,
                           MhoError *error) MHO_CHECKED;
/* NULL: unknown */
const MhoParam *mho_settings_find(const MhoSettings *settings, const char *key, const MhoSection **section);
MhoStatus mho_settings_unknown(const MhoSettings *settings, const char *key, const char *where, MhoError *error);
/* "" for an unknown key */
size_t mho_settings_format(const MhoSettings *settings, const char *key, char *text, size_t size);

/* Sections in their fixed order, for listing. */
size_t mho_settings_sections(const MhoSettings *settings, const MhoSection **sections);
/* The parameter struct of a section. */
const void *mho_settings_values(const MhoSettings *settings, const MhoSection *section);

const MhoStudyParams *mho_settings_study(const MhoSettings *settings);
const MhoChipParams *mho_settings_chip(const MhoSettings *settings);
const MhoQuantParams *mho_settings_quant(const MhoSettings *settings);
/* quant.* as training and quantization take it: the parameters of the chosen quantizers that are not at their defaults
 * stand behind their names ("fqconv gradient=straight"). USAGE for unknown quantizers and texts that are too long. */
MhoStatus mho_settings_policies(const MhoSettings *settings, MhoQuantParams *quant, MhoError *error) MHO_CHECKED;
const MhoTrainParams *mho_settings_train(const MhoSettings *settings);
const MhoAllocateParams *mho_settings_allocate(const MhoSettings *settings);
/* The allocator of allocate.name with its parameters; borrowed from settings. USAGE for an unknown name or failed
 * checks. */
MhoStatus mho_settings_allocator(const MhoSettings *settings, const MhoAllocator **allocator, const void **params,
                                 MhoError *error) MHO_CHECKED;
const MhoNoiseParams *mho_settings_noise(const MhoSettings *settings);

/* Models named by chip.*.name with their parameters; borrowed from settings. USAGE for unknown names or failed checks
 * across parameters; also for noise on codes beside anything but the ideal chip. */
MhoStatus mho_settings_chip_config(const MhoSettings *settings, MhoChipConfig *config, MhoError *error) MHO_CHECKED;

/* Does the result at these settings depend on key at all? Parameters of models that are not chosen, time for a cell
 * that does not age and the like do not count; a key of the recipe counts when training by it reads the key. */
bool mho_settings_uses(const MhoSettings *settings, const char *key);

/* Is key read by training alone? A result depends on it through its model file. */
bool mho_settings_through_model(const char *key);

/* Does key ask for something that only some stages of a list of stages do (noise, chips, allocation)? It rests at its
 * default, so another value without such a stage is a mistake. */
bool mho_settings_needs_stage(const char *key);

/* Canonical text "key=value\n" of every key the result depends on, in section order; the caller frees it. NULL: out of
 * memory. recipe: the keys a trained model depends on (train.*, quant.*, seed, data) instead; bits of quantization
 * after training are not among them: the stages names its own. */
char *mho_settings_canonical(const MhoSettings *settings, bool recipe);

#endif
