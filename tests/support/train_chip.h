/* train_chip.h - the chip of a training from keys below train.chip. */
#ifndef MHO_TESTS_TRAIN_CHIP_H
#define MHO_TESTS_TRAIN_CHIP_H

#include <stdio.h>
#include <string.h>

#include "must.h"
#include "study/keys/settings.h"

typedef struct TrainChip {
    MhoSettings *settings;
    MhoChipConfig config; /* borrows from settings */
} TrainChip;

/* keys: "cell.name=pcm time=86400", with a study's default seed. */
static inline void train_chip_open(TrainChip *chip, const char *keys)
{
    char text[256], *rest = NULL;
    MhoError error = {0};
    must(mho_settings_create(&chip->settings, &error), &error);
    ck_assert_int_lt(snprintf(text, sizeof text, "%s", keys), (int)sizeof text);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char key[256], *equals = strchr(word, '=');
        ck_assert_ptr_nonnull(equals);
        *equals = '\0';
        snprintf(key, sizeof key, "train.chip.%s", word);
        must(mho_settings_set(chip->settings, key, equals + 1, NULL, &error), &error);
    }
    must(mho_settings_train_chip_config(chip->settings, &chip->config, &error), &error);
}

static inline void train_chip_close(TrainChip *chip)
{
    mho_settings_destroy(chip->settings);
}

#endif
