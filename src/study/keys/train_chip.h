/* train_chip.h - the chip that a recipe trains on: the key train.chip.
 *
 * A text "cell.name=pcm time=86400" of assignments relative to "chip.", on top of the defaults of every key: what a
 * study measures under chip: does not act on what it trains, so one model may be tested on many chips.
 */
#ifndef MHO_STUDY_KEYS_TRAIN_CHIP_H
#define MHO_STUDY_KEYS_TRAIN_CHIP_H

#include "study/keys/settings.h"

typedef struct MhoTrainChip {
    MhoSettings *settings; /* own */
    MhoChipConfig config;  /* borrowed from settings */
} MhoTrainChip;

/* Put one assignment, or with key NULL a whole text in place of all, into chip. chip is left in one form: the values
 * that are not the defaults, in the order of the tables. USAGE names train.chip and the key with the nearest known
 * one; `where` ("study.yaml:12") leads the message. */
MhoStatus mho_train_chip_set(char chip[MHO_TEXT_MAX], const char *key, const char *text, const char *where,
                             MhoError *error) MHO_CHECKED;

/* The configuration of a text. seed: of the study; training chips draw from a seed that no study has, so they are never
 * the chips of a test. USAGE for unknown models, failed checks and keys that do nothing with these models. */
MhoStatus mho_train_chip_create(const char *text, uint64_t seed, MhoTrainChip *chip, MhoError *error) MHO_CHECKED;
void mho_train_chip_destroy(MhoTrainChip *chip);

#endif
