/* stages.c - reads the key train.stages, "float:6 4/4:2 2/4:4 fq:4".
 *
 *   float:E    the network with float weights, E epochs
 *   W/A:E      W-bit weights, A-bit activations, with batch norm
 *   fq:E       batch norm removed, same bits;  fq W/A:E  other bits as well
 *   chip:E     same bits and batch norm, forward through the device model of train.chip
 *   allocate   an allocator chooses bits layer by layer
 *   ...:E@R    with peak learning rate R
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/stages.h"

enum { MIN_BITS = 1, MAX_BITS = 16, MAX_ACTIVATION_BITS = 8 };

static const char fq_without_epochs[] = "the word fq before it has no epochs, as in fq:0 chip:3";

static MhoStatus bad(MhoError *error, const char *word, const char *what)
{
    return mho_fail(error, MHO_USAGE, "train.stages: '%s': %s", word, what);
}

/* A whole number within bounds that takes all of text. */
static bool whole(const char *text, int min, int max, int *number)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    const long value = strtol(text, &end, 10);
    *number = (int)value;
    return *end == '\0' && value >= min && value <= max;
}

static bool positive(const char *text, double *number)
{
    char *end;
    if ((*text < '0' || *text > '9') && *text != '.')
        return false;
    *number = strtod(text, &end);
    return *end == '\0' && *number > 0.0 && *number <= 100.0;
}

/* "W/A" into the stage. */
static bool read_bits(char *text, MhoStage *stage)
{
    char *slash = strchr(text, '/');
    if (!slash)
        return false;
    *slash = '\0';
    const bool good = whole(text, MIN_BITS, MAX_BITS, &stage->weight_bits) &&
                      whole(slash + 1, MIN_BITS, MAX_ACTIVATION_BITS, &stage->activation_bits);
    *slash = '/';
    return good;
}

/* The kind and bits that the text before the colon names. */
static MhoStatus read_kind(char *text, bool after_fq, const char *word, MhoStage *stage, MhoError *error)
{
    stage->kind = after_fq ? MHO_STAGE_FULL : MHO_STAGE_QUANTIZED;
    if (read_bits(text, stage))
        return MHO_OK;
    if (after_fq && strcmp(text, "chip") == 0)
        return bad(error, word, fq_without_epochs);
    if (strcmp(text, "float") == 0 && !after_fq)
        stage->kind = MHO_STAGE_FLOAT;
    else if (strcmp(text, "fq") == 0 && !after_fq)
        stage->kind = MHO_STAGE_FULL;
    else if (strcmp(text, "chip") == 0)
        stage->chip = true;
    else if (strcmp(text, "allocate") == 0)
        return bad(error, word, "allocate has no epochs and no rate: those of its recoveries are keys allocate.*");
    else if (strchr(text, '/'))
        return bad(error, word, "bits of weights are 1 to 16 and those of activations 1 to 8, as in 2/4:3");
    else
        return bad(error, word,
                   "a stage is float:EPOCHS, WEIGHTBITS/ACTIVATIONBITS:EPOCHS, fq:EPOCHS, fq 2/4:EPOCHS, chip:EPOCHS "
                   "or allocate");
    return MHO_OK;
}

/* One word with its epochs. after_fq: the word before was "fq" without epochs. */
static MhoStatus read_stage(const char *word, bool after_fq, MhoStage *stage, MhoError *error)
{
    char text[MHO_TEXT_MAX];
    snprintf(text, sizeof text, "%s", word);
    if (strcmp(word, "allocate") == 0 && after_fq)
        return bad(error, word, fq_without_epochs);
    if (strcmp(word, "allocate") == 0) {
        memcpy(stage->name, "allocate", sizeof "allocate");
        stage->kind = MHO_STAGE_ALLOCATE;
        return MHO_OK;
    }
    char *colon = strchr(text, ':');
    if (!colon) {
        const MhoStatus known = read_kind(text, after_fq, word, stage, error);
        return known == MHO_OK ? bad(error, word, "epochs are missing, as in 2/4:3") : known;
    }
    *colon = '\0';
    char *at = strchr(colon + 1, '@');
    if (at) {
        *at = '\0';
        if (!positive(at + 1, &stage->learning_rate))
            return bad(error, word, "a learning rate is a number above 0 up to 100, as in fq:3@0.002");
    }
    if (!whole(colon + 1, 0, MHO_MAX_STAGE_EPOCHS, &stage->epochs))
        return bad(error, word, "epochs are a whole number from 0 to 100000");
    snprintf(stage->name, sizeof stage->name, "%s%.32s", after_fq ? "fq " : "", text);
    return read_kind(text, after_fq, word, stage, error);
}

/* Bits and batch norm as in the stage before, where the word does not say them. */
static void inherit(const MhoStage *before, MhoStage *stage)
{
    if (stage->chip)
        stage->kind = before->kind == MHO_STAGE_FULL ? MHO_STAGE_FULL : MHO_STAGE_QUANTIZED;
    stage->weight_bits = before->weight_bits;
    stage->activation_bits = before->activation_bits;
    stage->allocated = before->allocated || stage->kind == MHO_STAGE_ALLOCATE;
}

/* Rules between a stage and the one before it. */
static MhoStatus join(const MhoStage *before, MhoStage *stage, const char *word, MhoError *error)
{
    if (!before)
        return stage->kind == MHO_STAGE_FLOAT ? MHO_OK : bad(error, word, "the first stage is float:EPOCHS");
    if (stage->kind == MHO_STAGE_FLOAT)
        return bad(error, word, "float can only be the first stage");
    if (stage->weight_bits > 0 && before->allocated)
        return bad(error, word, "bits after allocate are the allocator's; fq:EPOCHS and chip:EPOCHS keep them");
    if (stage->weight_bits > 0)
        return before->kind == MHO_STAGE_FULL && stage->kind == MHO_STAGE_QUANTIZED
                   ? bad(error, word, "batch norm is gone after fq; write fq before the bits")
                   : MHO_OK;
    if (before->kind == MHO_STAGE_FLOAT)
        return bad(error, word,
                   stage->kind == MHO_STAGE_FULL ? "fq after float needs bits, as in fq 2/4:3"
                                                 : "it needs a quantized stage before it, as 4/4:2");
    if (stage->kind == MHO_STAGE_ALLOCATE && before->allocated)
        return bad(error, word, "a list of stages allocates once");
    if (stage->kind == MHO_STAGE_ALLOCATE && before->kind == MHO_STAGE_FULL)
        return bad(error, word, "batch norm is gone after fq, and recoveries need it; write allocate before fq");
    inherit(before, stage);
    return MHO_OK;
}

/* end: where the word ends in the whole text. */
static MhoStatus add_word(MhoStages *stages, const char *word, size_t end, bool *after_fq, MhoError *error)
{
    if (stages->n == MHO_MAX_STAGES)
        return bad(error, word, "a list of stages has at most 32 stages");
    if (strcmp(word, "fq") == 0 && !*after_fq) {
        *after_fq = true;
        return MHO_OK;
    }
    MhoStage *stage = &stages->stages[stages->n];
    MhoStatus status = read_stage(word, *after_fq, stage, error);
    *after_fq = false;
    if (status == MHO_OK)
        status = join(stages->n > 0 ? stage - 1 : NULL, stage, word, error);
    if (status != MHO_OK)
        return status;
    stage->end = end;
    stages->epochs += stage->epochs;
    stages->n++;
    return MHO_OK;
}

MhoStatus mho_stages_parse(const char *text, MhoStages *stages, MhoError *error)
{
    char copy[MHO_TEXT_MAX], *rest = NULL;
    bool after_fq = false;
    MhoStatus status = MHO_OK;
    memset(stages, 0, sizeof *stages);
    if (strlen(text) >= sizeof copy)
        return mho_fail(error, MHO_USAGE, "train.stages: the text is too long");
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " \t", &rest); word && status == MHO_OK; word = strtok_r(NULL, " \t", &rest))
        status = add_word(stages, word, (size_t)(word - copy) + strlen(word), &after_fq, error);
    if (status != MHO_OK)
        return status;
    if (after_fq)
        return bad(error, "fq", "epochs are missing, as in fq:3");
    if (stages->n == 0)
        return mho_fail(error, MHO_USAGE, "train.stages: no stage; write for instance float:6 4/4:2 2/4:4 fq:4");
    return MHO_OK;
}

MhoStagesUse mho_stages_use(const MhoStages *stages)
{
    MhoStagesUse use = {0};
    for (size_t s = 0; s < stages->n; s++) {
        const MhoStage *stage = &stages->stages[s];
        use.quantized = use.quantized || stage->kind != MHO_STAGE_FLOAT;
        use.full = use.full || stage->kind == MHO_STAGE_FULL;
        use.chip = use.chip || stage->chip;
        use.allocate = use.allocate || stage->kind == MHO_STAGE_ALLOCATE;
    }
    return use;
}
