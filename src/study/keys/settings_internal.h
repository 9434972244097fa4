/* settings_internal.h - what the files of settings share: the keys of a chip, and what the stages do. */
#ifndef MHO_STUDY_KEYS_SETTINGS_INTERNAL_H
#define MHO_STUDY_KEYS_SETTINGS_INTERNAL_H

#include "study/keys/settings.h"

/* Where the keys of a chip start. */
extern const char mho_test_chip[], mho_train_chip[];

typedef struct MhoChipKeys {
    const MhoChipModels *models;
    const MhoChipParams *params;
} MhoChipKeys;
MhoChipKeys mho_chip_keys(const MhoSettings *settings, const char *root);

/* The devices of a chip, each a model of a registry. */
enum { MHO_N_CHIP_DEVICES = 4 };
typedef struct MhoChipDevice {
    const char *kind;
    const MhoRegistry *registry;
    size_t offset; /* of its model's name in MhoChipModels */
} MhoChipDevice;
extern const MhoChipDevice mho_chip_devices[MHO_N_CHIP_DEVICES];
const char *mho_chip_model_name(const MhoChipModels *models, size_t device);

/* The parameter struct of the section of this table whose prefix starts with `prefix`. */
const void *mho_settings_block(const MhoSettings *settings, const MhoDescriptor *descriptor, const char *prefix);

const MhoStagesUse *mho_settings_stages(const MhoSettings *settings);

#endif
