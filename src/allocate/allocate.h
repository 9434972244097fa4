/* allocate.h - bits of layers by competition: allocators, and the stage "allocate" of the stages of training.
 *
 * A competitor is a layer that can go one bit width down: its weights and the activations behind it together, or (on a
 * chip) its converters. allocate.c knows costs, budgets, feedback and the log; an allocator only says who moves next.
 */
#ifndef MHO_ALLOCATE_ALLOCATE_H
#define MHO_ALLOCATE_ALLOCATE_H

#include "kernels/random.h"
#include "train/train.h"

/* Number of the first chip of a probe: of their own, so that nothing is chosen for the chips of a later trial. */
#define MHO_TRIAL_MOVE_CHIP UINT32_C(0x40000000)

typedef enum MhoFeedback { MHO_FEEDBACK_CODES, MHO_FEEDBACK_CHIP } MhoFeedback;

typedef enum MhoRecovery {
    MHO_RECOVERY_SAME, /* as the feedback */
    MHO_RECOVERY_CODES
} MhoRecovery;

/* The keys "allocate.*" that all allocators share; table in mho_allocate_descriptor. */
typedef struct MhoAllocateParams {
    char name[MHO_TEXT_MAX];           /* allocator */
    char bit_widths[MHO_TEXT_MAX];     /* "8 6 4 3 2": bits of weights and activations, falling */
    char adc_bit_widths[MHO_TEXT_MAX]; /* bits of converters, falling; "": they do not compete */
    double size, bops, accuracy;       /* budgets, 0: none: mean bits of a weight; MBOPs an image; points of validation
                                        * accuracy       below the first net's */
    int moves;                         /* at most; 0: no limit */
    int feedback, recovery;            /* MhoFeedback, MhoRecovery */
    int trial_images, trial_chips;     /* validation images of a probe; chips of a probe on the chip */
    double recovery_share;             /* recovery ends at this share of the accuracy before the move */
    int recovery_epochs;               /* at most */
    double learning_rate_low,
        learning_rate_high; /* hybrid rate: plateau_epochs at low, a restart to high and a cosine down, low again */
    int plateau_epochs, restart_epochs; /* epochs before the restart; epochs of the cosine */
} MhoAllocateParams;

extern const MhoDescriptor mho_allocate_descriptor;

/* Whether recoveries train on the chip and are judged on it. Then probes use the net's own converter ranges; else every
 * probe calibrates them. */
bool mho_allocate_recovers_on_chip(const MhoAllocateParams *params);

/* One competitor of a move. */
typedef struct MhoCandidate {
    char name[MHO_NAME_MAX]; /* of the layer */
    bool converter;          /* its ADC, else weights and activations */
    int bits, next_bits;     /* next_bits 0: asleep at the bottom */
    double saving;           /* cost saved by the move, share of the net's cost of this kind */
} MhoCandidate;

/* What an allocator may ask while it chooses: the validation accuracy (0..1) with competitor m one bit width lower. */
typedef struct MhoTrialMove {
    void *context;
    MhoStatus (*accuracy)(void *context, size_t m, double *accuracy, MhoError *error);
} MhoTrialMove;

typedef struct MhoAllocator {
    MhoDescriptor descriptor;
    /* Floats it keeps per competitor from move to move (all 0 before the first). */
    size_t n_state;
    /* Choose who moves. competitors (n), at least one awake; state (n, n_state). move: number from 0; progress 0..1
     * towards the end: the farther of the targets of size and bit operations, or the limit of moves or of accuracy
     * where that is nearer. Draws come from stream only. feedback (n): what each competitor's probe said, NaN where not
     * asked; share (n): the probability that each was chosen with. Both are logged. */
    MhoStatus (*choose)(const void *params, const MhoCandidate *competitors, size_t n, const MhoTrialMove *probe,
                        MhoStream stream, int move, double progress, double *state, double *feedback, double *share,
                        size_t *winner, MhoError *error);
} MhoAllocator;

extern const MhoRegistry mho_allocator_registry; /* ccq uniform */

/* The stage "allocate" over an allocator: fills *allocation, whose context is freed by mho_allocation_destroy.
 * Everything is borrowed while it lives. validation: images that probes read, of the training set only. calibration:
 * images that set ranges of a probe's converters where recoveries are not on the chip. chip: for feedback = chip; NULL:
 * none. USAGE when no budget is set or none can be reached. */
typedef struct MhoAllocateInput {
    const MhoAllocateParams *params;
    const MhoAllocator *allocator;
    const void *allocator_params;
    const MhoDataset *validation, *calibration;
    const MhoChipConfig *chip;
    uint64_t seed;
    int threads;
    const MhoLog *log;
} MhoAllocateInput;
MhoStatus mho_allocation_create(const MhoAllocateInput *input, MhoAllocation *allocation, MhoError *error) MHO_CHECKED;
void mho_allocation_destroy(MhoAllocation *allocation);

#endif
