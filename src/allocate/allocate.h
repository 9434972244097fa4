/* allocate.h - layer by layer bit allocation: allocators, and the stage "allocate" of training.
 *
 * A candidate is a layer that may go one bit width down: its weights together with the activations after it, or (on a
 * chip) its converters. An allocator only chooses the layer of the next move; costs, budgets, trial moves and the log
 * are the stage's.
 */
#ifndef MHO_ALLOCATE_ALLOCATE_H
#define MHO_ALLOCATE_ALLOCATE_H

#include "kernels/random.h"
#include "train/train.h"

/* Number of the first chip of trial moves. No test has these chips, so that no choice is made for the chips of a test.
 */
#define MHO_TRIAL_MOVE_CHIP UINT32_C(0x40000000)

typedef enum MhoFeedback { MHO_FEEDBACK_CODES, MHO_FEEDBACK_CHIP } MhoFeedback;

typedef enum MhoRecoveryOn {
    MHO_RECOVERY_SAME, /* as the feedback */
    MHO_RECOVERY_CODES
} MhoRecoveryOn;

/* The keys "allocate.*" that all allocators share; table in mho_allocate_descriptor. */
typedef struct MhoAllocateParams {
    char name[MHO_TEXT_MAX];           /* allocator */
    char bit_widths[MHO_TEXT_MAX];     /* "8 6 4 3 2": bits of weights and activations, falling */
    char adc_bit_widths[MHO_TEXT_MAX]; /* bits of converters, falling; "": converters are not candidates */
    double size, bops;                 /* targets, 0: none: mean bits of a weight; MBOPs of an image */
    double accuracy;                   /* budget, 0: none: points of validation accuracy below the first net's */
    int moves;                         /* at most; 0: no limit */
    int feedback, recovery;            /* MhoFeedback, MhoRecoveryOn */
    int trial_images, trial_chips;     /* validation images and chips of a trial move */
    double recovery_share;             /* a recovery ends at this share of the accuracy before the move */
    int recovery_epochs;               /* at most */
    double learning_rate_low, learning_rate_high; /* of MhoRecovery */
    int plateau_epochs, restart_epochs;           /* of MhoRecovery */
} MhoAllocateParams;

extern const MhoDescriptor mho_allocate_descriptor;

/* Whether recoveries train on the chip and are validated on it. Trial moves then use the net's converter ranges; else
 * every trial move calibrates its own. */
bool mho_allocate_recovers_on_chip(const MhoAllocateParams *params);

typedef struct MhoCandidate {
    char name[MHO_NAME_MAX]; /* of the layer */
    uint8_t converter;       /* 1: its ADC, 0: weights and activations */
    int bits, next_bits;     /* next_bits 0: at the lowest bit width and not eligible */
    double saving;           /* cost saved by the move, share of the net's cost of this kind */
} MhoCandidate;

/* The trial moves that an allocator may make while it chooses: the validation accuracy (0..1) with candidate m one bit
 * width lower. */
typedef struct MhoTrialMove {
    void *context;
    MhoStatus (*accuracy)(void *context, size_t m, double *accuracy, MhoError *error);
} MhoTrialMove;

typedef struct MhoAllocator {
    MhoDescriptor descriptor;
    /* Floats that it keeps per candidate from move to move (all 0 before the first). */
    size_t n_state;
    /* Choose the candidate that moves. candidates (n), at least one eligible; state (n, n_state). move: number from 0;
     * progress 0..1 towards the end: the farther of the targets of size and bit operations, or the limit of moves or of
     * accuracy where that is nearer. Draws come from stream only. feedback (n): accuracy of each candidate's trial
     * move, NaN without one; share (n): the probability of each to be chosen. Both are logged. */
    MhoStatus (*choose)(const void *params, const MhoCandidate *candidates, size_t n, const MhoTrialMove *trial,
                        MhoStream stream, int move, double progress, double *state, double *feedback, double *share,
                        size_t *winner, MhoError *error);
} MhoAllocator;

extern const MhoRegistry mho_allocator_registry; /* ccq uniform */

/* Input of the stage "allocate"; everything is borrowed. */
typedef struct MhoAllocateInput {
    const MhoAllocateParams *params;
    const MhoAllocator *allocator;
    const void *allocator_params;
    const MhoDataset *validation;  /* images of trial moves, from the training set */
    const MhoDataset *calibration; /* images that set the converter ranges of trial moves, where recoveries are not on
                                    * the chip */
    const MhoChipConfig *chip;     /* of feedback = chip; NULL: none */
    uint64_t seed;
    int threads;
    const MhoLog *log;
} MhoAllocateInput;

/* USAGE when no budget is set, none can be reached, or feedback lacks its chip. */
MhoStatus mho_allocate_check(const MhoAllocateInput *input, MhoError *error) MHO_CHECKED;

/* Train as mho_train does, stages "allocate" included. Every move starts a recovery, a stage of its own in the history.
 * The log of all moves and the allocator's state are the group "allocation" of the model and of every checkpoint from
 * the first move on. */
MhoStatus mho_allocate_train(const MhoTrainInput *train, const MhoAllocateInput *allocate, MhoNet **net,
                             MhoError *error) MHO_CHECKED;

#endif
