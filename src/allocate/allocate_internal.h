/* allocate_internal.h - what the files of allocation share. */
#ifndef MHO_ALLOCATE_ALLOCATE_INTERNAL_H
#define MHO_ALLOCATE_ALLOCATE_INTERNAL_H

#include "allocate/allocate.h"
#include "net/transform/bits.h"

enum { MHO_MAX_BIT_WIDTHS = 16 };

typedef struct MhoBitWidths {
    int bits[MHO_MAX_BIT_WIDTHS], n; /* falling */
} MhoBitWidths;

/* "8 6 4 3 2" -> bit_widths; "": none. USAGE names key and word. */
MhoStatus mho_bit_widths_parse(const char *key, const char *text, MhoBitWidths *bit_widths,
                               MhoError *error) MHO_CHECKED;
int mho_bit_widths_below(const MhoBitWidths *bit_widths, int bits); /* 0: none */

/* One move: a row of the log. */
typedef struct MhoMove {
    char winner[MHO_NAME_MAX];
    int converter, bits_from, bits_to;
    double size, bops;           /* of the net after it: mean bits of a weight; MBOPs of an image */
    double before, trial, after; /* accuracies: on validation images before; on trial images just after the move; on
                                  * validation images after recovery, NaN until then */
    int epochs, undone;          /* epochs of recovery; 1: the move was taken back */
    double *feedback, *share;    /* (candidates), in one block with eligible */
    uint8_t *eligible;           /* (candidates) */
} MhoMove;

/* The stage under way. */
typedef struct MhoAllocation {
    MhoAllocateInput input;
    MhoBitWidths bit_widths, adc_bit_widths;
    MhoDataset trial_set;     /* the first trial_images validation images; borrowed */
    size_t n;                 /* candidates; 0 until the first net is given */
    MhoCandidate *candidates; /* (n) of the running net */
    double *state;            /* (n, allocator's n_state) */
    MhoMove *moves;
    size_t n_moves;
    double start_accuracy, start_size, start_bops;
    MhoNet *accepted;       /* the net before the running move, where an accuracy budget may undo it; else NULL */
    bool reached;           /* the targets of size and BOPs are met, if there are any */
    char end[MHO_NAME_MAX]; /* why it ended: "size", "bops", "accuracy", "moves", "bottom"; "": it has not */
} MhoAllocation;

/* allocation.c */

MhoStatus mho_allocation_create(const MhoAllocateInput *input, MhoAllocation *a, MhoError *error) MHO_CHECKED;
void mho_allocation_destroy(MhoAllocation *a);
/* The net to start from, given the net at the start of the stage: *first is the caller's; NULL: that net as it is. */
MhoStatus mho_allocation_begin(const MhoAllocation *a, const MhoNet *net, MhoNet **first, MhoError *error) MHO_CHECKED;
/* Given the net at the end of a recovery and its validation accuracy: the net after the next move (the caller's), or
 * *done and the net to end with (NULL: the one given). */
MhoStatus mho_allocation_move(MhoAllocation *a, const MhoNet *net, double validation_accuracy, MhoNet **next,
                              bool *done, MhoError *error) MHO_CHECKED;
MhoRecovery mho_allocation_recovery(const MhoAllocation *a); /* from the last move */

/* candidates.c */

/* Mean bits of a weight, and MBOPs of an image. */
MhoStatus mho_candidates_cost(const MhoNet *net, double *size, double *bops, MhoError *error) MHO_CHECKED;
/* Memory for n candidates, once; later nets must have as many. */
MhoStatus mho_candidates_reserve(MhoAllocation *a, size_t n, MhoError *error) MHO_CHECKED;
/* Candidates of a net into a->candidates, made at the first call: bits, next bits, savings. FAILED when the net has
 * others than before. */
MhoStatus mho_candidates_fill(MhoAllocation *a, const MhoNet *net, MhoError *error) MHO_CHECKED;
/* The net with candidate m one bit width lower, nothing trained. */
MhoStatus mho_candidates_lower(const MhoAllocation *a, const MhoNet *net, size_t m, MhoNet **made,
                               MhoError *error) MHO_CHECKED;
/* The net with the weights at the bottom; with converters at their first bit width where they have no bits. */
MhoStatus mho_candidates_lowest_net(const MhoAllocation *a, const MhoNet *net, MhoNet **made,
                                    MhoError *error) MHO_CHECKED;
MhoStatus mho_candidates_first_net(const MhoAllocation *a, const MhoNet *net, MhoNet **made,
                                   MhoError *error) MHO_CHECKED;
/* Accuracy on the trial images, of codes or of chips as allocate.feedback says. STOPPED on a stop request. */
MhoStatus mho_candidates_accuracy(const MhoAllocation *a, MhoNet *net, double *accuracy, MhoError *error) MHO_CHECKED;

/* moves.c */

/* A new last row, with NaN for its accuracies. */
MhoStatus mho_moves_add(MhoAllocation *a, MhoMove **row, MhoError *error) MHO_CHECKED;
void mho_moves_destroy(MhoAllocation *a);
/* The log as the group "allocation", and back: INPUT for a group that does not fit. */
MhoStatus mho_moves_to_record(const MhoAllocation *a, MhoRecord *group, MhoError *error) MHO_CHECKED;
MhoStatus mho_moves_from_record(MhoAllocation *a, const MhoRecord *group, const char *file,
                                MhoError *error) MHO_CHECKED;

#endif
