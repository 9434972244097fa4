/* allocate_params.c - the table of the keys allocate.* of a study, and the lists of bit widths in them. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocate/allocate_internal.h"

enum { MOST_BITS = 16 };

/* One word: a whole number of bits. */
static bool whole(const char *word, int *bits)
{
    char *end;
    if (*word < '1' || *word > '9')
        return false;
    const long value = strtol(word, &end, 10);
    *bits = (int)value;
    return *end == '\0' && value <= MOST_BITS;
}

MhoStatus mho_bit_widths_parse(const char *key, const char *text, MhoBitWidths *bit_widths, MhoError *error)
{
    char copy[MHO_TEXT_MAX], *rest = NULL;
    bit_widths->n = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        int bits;
        if (!whole(word, &bits))
            return mho_fail(error, MHO_USAGE,
                            "%s: '%s' is not a whole number of bits from 1 to %d, as in \"8 6 4 3 2\"", key, word,
                            MOST_BITS);
        if (bit_widths->n > 0 && bits >= bit_widths->bits[bit_widths->n - 1])
            return mho_fail(error, MHO_USAGE, "%s: each bit width is below the one before; %d follows %d", key, bits,
                            bit_widths->bits[bit_widths->n - 1]);
        if (bit_widths->n == MHO_MAX_BIT_WIDTHS)
            return mho_fail(error, MHO_USAGE, "%s: at most %d bit widths", key, MHO_MAX_BIT_WIDTHS);
        bit_widths->bits[bit_widths->n++] = bits;
    }
    return MHO_OK;
}

bool mho_allocate_recovers_on_chip(const MhoAllocateParams *params)
{
    return params->feedback == MHO_FEEDBACK_CHIP && params->recovery == MHO_RECOVERY_SAME;
}

int mho_bit_widths_below(const MhoBitWidths *bit_widths, int bits)
{
    for (int i = 0; i < bit_widths->n; i++)
        if (bit_widths->bits[i] < bits)
            return bit_widths->bits[i];
    return 0;
}

static MhoStatus check_allocate(const void *block, MhoError *error)
{
    const MhoAllocateParams *params = block;
    MhoBitWidths bit_widths;
    MhoStatus status = mho_bit_widths_parse("allocate.bit_widths", params->bit_widths, &bit_widths, error);
    if (status == MHO_OK && bit_widths.n == 0)
        status = mho_fail(error, MHO_USAGE, "allocate.bit_widths: no bit width; write for instance \"8 6 4 3 2\"");
    if (status == MHO_OK && params->size > 0.0 && params->size < bit_widths.bits[bit_widths.n - 1])
        status =
            mho_fail(error, MHO_USAGE,
                     "allocate.size = %g bit cannot be reached: with allocate.bit_widths = \"%s\" the smallest network "
                     "has %d bit a weight",
                     params->size, params->bit_widths, bit_widths.bits[bit_widths.n - 1]);
    if (status == MHO_OK)
        status = mho_bit_widths_parse("allocate.adc_bit_widths", params->adc_bit_widths, &bit_widths, error);
    if (status == MHO_OK && bit_widths.n > 0 && params->feedback != MHO_FEEDBACK_CHIP)
        status = mho_fail(
            error, MHO_USAGE,
            "allocate.adc_bit_widths: only accuracy on a chip depends on converters; set allocate.feedback=chip");
    if (status == MHO_OK && params->learning_rate_high < params->learning_rate_low)
        status = mho_fail(
            error, MHO_USAGE,
            "allocate.learning_rate_high = %g is below allocate.learning_rate_low = %g; the restart raises the rate",
            params->learning_rate_high, params->learning_rate_low);
    return status;
}

#define ALLOCATE(type, key, value, min, max, unit, help, label)                                      \
    {                                                                                                \
#key, type, offsetof(MhoAllocateParams, key), value, min, max, unit, help, NULL, NULL, label \
    }
#define ALLOCATE_TEXT(key, text, help, label)                                                  \
    {                                                                                          \
#key, MHO_TEXT, offsetof(MhoAllocateParams, key), 0, 0, 0, "", help, NULL, text, label \
    }

static const MhoParam allocate_params[] = {
    ALLOCATE_TEXT(name, "ccq", "how the next layer to go down is chosen; `mho list allocator`", "allocator"),
    ALLOCATE_TEXT(bit_widths, "8 6 4 3 2", "bits of a layer's weights and of the activations after it, falling",
                  "bit widths"),
    ALLOCATE_TEXT(adc_bit_widths, "",
                  "bits of a layer's converters, falling, from the first on; empty: converters are not candidates",
                  "ADC bit widths"),
    ALLOCATE(MHO_REAL, size, 0, 0, 32, "bit", "target: mean bits of a weight, at most; 0: none", "target weight size"),
    ALLOCATE(MHO_REAL, bops, 0, 0, 1e12, "MBOP", "target: bit operations of an image, at most; 0: none",
             "target bit operations"),
    ALLOCATE(MHO_REAL, accuracy, 0, 0, 100, "%",
             "points that validation accuracy may fall below the first net's (on a chip: put a stage chip before); "
             "a move that costs more is undone and ends the stage; 0: no budget",
             "accuracy budget"),
    ALLOCATE(MHO_INT, moves, 0, 0, 100000, "moves", "moves at most; 0: no limit", "move limit"),
    {"feedback", MHO_CHOICE, offsetof(MhoAllocateParams, feedback), MHO_FEEDBACK_CODES, 0, 1, "",
     "accuracy of trial moves: with exact codes, or on the chip train.chip", "codes chip", NULL, "feedback"},
    {"recovery", MHO_CHOICE, offsetof(MhoAllocateParams, recovery), MHO_RECOVERY_SAME, 0, 1, "",
     "what recoveries train and are validated on: the same as the feedback, or codes (faster, but without the chip's "
     "loss of accuracy)",
     "same codes", NULL, "recovery"},
    ALLOCATE(MHO_INT, trial_images, 1000, 1, 100000000, "images", "validation images of a trial move: the first ones",
             "trial set size"),
    ALLOCATE(MHO_INT, trial_chips, 2, 1, 10000, "chips",
             "feedback = chip: chips of a trial move, the same for all layers", "trial repeats"),
    ALLOCATE(MHO_REAL, recovery_share, 0.995, 0, 1, "", "a recovery ends at this share of the accuracy before the move",
             "recovered share"),
    ALLOCATE(MHO_INT, recovery_epochs, 3, 1, 100000, "epochs", "of a recovery, at most", "recovery limit"),
    ALLOCATE(MHO_REAL, learning_rate_low, 0.005, 0, 100, "", "learning rate of a recovery outside the restart",
             "low learning rate"),
    ALLOCATE(MHO_REAL, learning_rate_high, 0.02, 0, 100, "",
             "learning rate at the start of the restart, down to learning_rate_low as a cosine", "high learning rate"),
    ALLOCATE(MHO_INT, plateau_epochs, 1, 0, 100000, "epochs",
             "of a recovery before the restart; published for ImageNet: 5", "plateau length"),
    ALLOCATE(MHO_INT, restart_epochs, 2, 0, 100000, "epochs", "length of the restart; published for ImageNet: 10",
             "restart length"),
};

const MhoDescriptor mho_allocate_descriptor = {
    .name = "allocate",
    .summary = "layers go down in bits one at a time, each followed by recovery of the whole network",
    .reference = "Khan et al., Learning to Quantize Deep Neural Networks: A Competitive-Collaborative Approach, "
                 "DAC 2020, doi:10.1109/DAC18072.2020.9218576",
    MHO_PARAM_TABLE(MhoAllocateParams, allocate_params),
    .check = check_allocate,
};
