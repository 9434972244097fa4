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
    double before, probe, after; /* accuracies: validation before; on the probe images just after the move; validation
                                  * after recovery, NaN until then */
    int epochs, undone;          /* of recovery; the move was taken back */
    double *feedback, *share;    /* (competitors) */
    unsigned char *awake;        /* (competitors) */
} MhoMove;

/* The stage under way: context of an MhoAllocation. */
typedef struct MhoAllocationStage {
    MhoAllocateInput input;
    MhoBitWidths bit_widths, adc_bit_widths;
    MhoDataset probe_set;      /* first trial_images of held; borrowed images */
    size_t n;                  /* competitors; 0 until the first net is seen */
    MhoCandidate *competitors; /* (n) of the net at hand */
    double *state;             /* (n, allocator's n_state) */
    MhoMove *moves;
    size_t n_moves, capacity;
    double start_accuracy, start_size, start_bops;
    MhoNet *accepted; /* the net before the running move, where an accuracy budget may ask for it back; else NULL */
    bool reached;     /* the targets of size and BOPs are met, if there are any */
    char end[MHO_NAME_MAX]; /* why it ended: "size", "bops", "accuracy", "moves", "bottom"; "": it has not */
} MhoAllocationStage;

/* competitors.c */

/* Mean bits of a weight, and MBOPs of an image. */
MhoStatus mho_candidates_cost(const MhoNet *net, double *size, double *bops, MhoError *error) MHO_CHECKED;
/* Competitors of a net into c->competitors, made at the first call: bits, next bits, savings. FAILED when the net has
 * others than before. */
MhoStatus mho_candidates_fill(MhoAllocationStage *c, const MhoNet *net, MhoError *error) MHO_CHECKED;
/* The net with competitor m one bit width lower, nothing trained. */
MhoStatus mho_candidates_lower(const MhoAllocationStage *c, const MhoNet *net, size_t m, MhoNet **made,
                               MhoError *error) MHO_CHECKED;
/* The net with the weights at the bottom; with converters at their first bit width where they have no bits. */
MhoStatus mho_candidates_lowest_net(const MhoAllocationStage *c, const MhoNet *net, MhoNet **made,
                                    MhoError *error) MHO_CHECKED;
MhoStatus mho_candidates_first_net(const MhoAllocationStage *c, const MhoNet *net, MhoNet **made,
                                   MhoError *error) MHO_CHECKED;
/* Accuracy on the probe images, of codes or of chips as allocate.feedback says. STOPPED on a stop request. */
MhoStatus mho_candidates_accuracy(const MhoAllocationStage *c, MhoNet *net, double *accuracy,
                                  MhoError *error) MHO_CHECKED;

/* moves.c */

/* A row with NaN for c->n competitors behind the last; it counts once c->n_moves is raised. */
MhoStatus mho_moves_add(MhoAllocationStage *c, MhoMove **row, MhoError *error) MHO_CHECKED;
void mho_moves_destroy(MhoAllocationStage *c);
MhoStatus mho_moves_to_record(const void *context, MhoRecord *group, MhoError *error) MHO_CHECKED;
MhoStatus mho_moves_from_record(void *context, const MhoRecord *group, const char *file, MhoError *error) MHO_CHECKED;

#endif
