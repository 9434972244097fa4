/* stages.h - the stages of training, as the key train.stages names them. */
#ifndef MHO_TRAIN_STAGES_H
#define MHO_TRAIN_STAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/descriptor.h"
#include "base/status.h"

typedef enum MhoStageKind {
    MHO_STAGE_FLOAT,
    MHO_STAGE_QUANTIZED, /* codes, with batch norm */
    MHO_STAGE_FULL,      /* codes, without batch norm */
    MHO_STAGE_ALLOCATE   /* codes, with batch norm; moves of an allocator, each with its recovery */
} MhoStageKind;

typedef struct MhoStage {
    char name[MHO_NAME_MAX]; /* as written, without epochs: "float", "2/4", "fq", "fq 2/4", "chip", "allocate" */
    MhoStageKind kind;
    bool chip;      /* forward through the device model; of "allocate": its recoveries */
    bool allocated; /* the allocator chooses the bits; weight_bits and activation_bits are those it began with */
    int weight_bits, activation_bits; /* 0: float */
    int epochs;
    double learning_rate; /* peak; 0: the recipe's */
    size_t end;           /* the text up to here names the stages up to this one */
} MhoStage;

enum { MHO_MAX_STAGES = 32, MHO_MAX_STAGE_EPOCHS = 100000 };

typedef struct MhoStages {
    MhoStage stages[MHO_MAX_STAGES];
    size_t n;
    int epochs; /* of all stages but "allocate" */
} MhoStages;

/* "float:6 4/4:2 2/4:4 allocate fq:4@0.002 chip:2" -> stages. USAGE names the bad word and says what is wrong with it;
 * stages then holds those before it. */
MhoStatus mho_stages_parse(const char *text, MhoStages *stages, MhoError *error) MHO_CHECKED;

/* What some stage does. */
typedef struct MhoStagesUse {
    bool quantized, full, chip, allocate; /* codes; without batch norm; a stage chip; a stage allocate */
} MhoStagesUse;
MhoStagesUse mho_stages_use(const MhoStages *stages);

#endif
