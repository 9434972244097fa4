/* allocate.h - bits of layers by competition: allocators, and the stage "allocate" of a training ladder.
 *
 * A competitor is a layer that can go one rung down: its weights and the activations behind it together, or (on a chip)
 * its converters. allocate.c knows costs, budgets, feedback and the log; an allocator only says who moves next.
 */
#ifndef MHO_ALLOCATE_ALLOCATE_H
#define MHO_ALLOCATE_ALLOCATE_H

#include "kernels/random.h"
#include "train/train.h"

/* Number of the first chip of a probe: of their own, so that nothing is chosen for the chips of a later trial. */
#define MHO_PROBE_CHIP UINT32_C(0x40000000)

typedef enum MhoFeedback { MHO_FEEDBACK_CODES, MHO_FEEDBACK_CHIP } MhoFeedback;

typedef enum MhoRecovery {
    MHO_RECOVERY_SAME, /* as the feedback */
    MHO_RECOVERY_CODES
} MhoRecovery;

/* The keys "allocate.*" that all allocators share; table in mho_allocate_model. */
typedef struct MhoAllocateParams {
    char name[MHO_TEXT_MAX];      /* allocator */
    char rungs[MHO_TEXT_MAX];     /* "8 6 4 3 2": bits of weights and activations, falling */
    char adc_rungs[MHO_TEXT_MAX]; /* bits of converters, falling; "": they do not compete */
    double size, bops, accuracy; /* budgets, 0: none: mean bits of a weight; MBOPs an image; points of held-out accuracy
                                  * below the first net's */
    int moves;                   /* at most; 0: no limit */
    int feedback, recovery;      /* MhoFeedback, MhoRecovery */
    int probe_images, probe_chips; /* held-out images of a probe; chips of a probe on the chip */
    double recovered;              /* recovery ends at this share of the accuracy before the move */
    int recovery_epochs;           /* at most */
    double rate_low, rate_high;    /* hybrid rate: plateau at low, a kick to high and a cosine down, low again */
    int plateau, kick;             /* epochs before the kick; epochs of the cosine */
} MhoAllocateParams;

extern const MhoModel mho_allocate_model;

/* Whether recoveries train on the chip and are judged on it. Then probes use the net's own converter ranges; else every
 * probe calibrates them. */
bool mho_allocate_recovers_on_chip(const MhoAllocateParams *params);

/* One competitor of a move. */
typedef struct MhoCompetitor {
    char name[MHO_NAME_MAX]; /* of the layer */
    bool converter;          /* its ADC, else weights and activations */
    int bits, next_bits;     /* next_bits 0: asleep at the bottom */
    double saving;           /* cost saved by the move, share of the net's cost of this kind */
} MhoCompetitor;

/* What an allocator may ask while it chooses: the held-out accuracy (0..1) with competitor m one rung lower. */
typedef struct MhoProbe {
    void *context;
    MhoStatus (*accuracy)(void *context, size_t m, double *accuracy, MhoError *error);
} MhoProbe;

typedef struct MhoAllocator {
    MhoModel model;
    /* Floats it keeps per competitor from move to move (all 0 before the first). */
    size_t n_state;
    /* Choose who moves. competitors (n), at least one awake; state (n, n_state). move: number from 0; progress 0..1
     * towards the end: the farther of the targets of size and bit operations, or the limit of moves or of accuracy
     * where that is nearer. Draws come from stream only. feedback (n): what each competitor's probe said, NaN where not
     * asked; share (n): the probability that each was chosen with. Both are logged. */
    MhoStatus (*choose)(const void *params, const MhoCompetitor *competitors, size_t n, const MhoProbe *probe,
                        MhoStream stream, int move, double progress, double *state, double *feedback, double *share,
                        size_t *winner, MhoError *error);
} MhoAllocator;

extern const MhoRegistry mho_allocator_registry; /* ccq uniform */

/* The stage "allocate" over an allocator: fills *allocation, whose context is freed by mho_allocation_destroy.
 * Everything is borrowed while it lives. held: images that probes read, of the training set only. calibration: images
 * that set ranges of a probe's converters where recoveries are not on the chip. chip: for feedback = chip; NULL: none.
 * USAGE when no budget is set or none can be reached. */
typedef struct MhoAllocateInput {
    const MhoAllocateParams *params;
    const MhoAllocator *allocator;
    const void *allocator_params;
    const MhoDataset *held, *calibration;
    const MhoChipConfig *chip;
    uint64_t seed;
    int threads;
    const MhoLog *log;
} MhoAllocateInput;
MhoStatus mho_allocation_create(const MhoAllocateInput *input, MhoAllocation *allocation, MhoError *error) MHO_CHECKED;
void mho_allocation_destroy(MhoAllocation *allocation);

#endif
