/* allocate_internal.h - what the files of allocation share. */
#ifndef MHO_ALLOCATE_ALLOCATE_INTERNAL_H
#define MHO_ALLOCATE_ALLOCATE_INTERNAL_H

#include "allocate/allocate.h"
#include "net/transform/bits.h"

enum { MHO_MAX_RUNGS = 16 };

typedef struct MhoRungs {
    int bits[MHO_MAX_RUNGS], n; /* falling */
} MhoRungs;

/* "8 6 4 3 2" -> rungs; "": none. USAGE names key and word. */
MhoStatus mho_rungs_parse(const char *key, const char *text, MhoRungs *rungs, MhoError *error) MHO_CHECKED;
int mho_rungs_below(const MhoRungs *rungs, int bits); /* 0: none */

/* One move: a row of the log. */
typedef struct MhoMove {
    char winner[MHO_NAME_MAX];
    int converter, bits_from, bits_to;
    double size, bops;           /* of the net after it: mean bits of a weight; MBOPs of an image */
    double before, probe, after; /* accuracies: held-out before; on the probe images just after the move; held-out after
                                  * recovery, NaN until then */
    int epochs, undone;          /* of recovery; the move was taken back */
    double *feedback, *share;    /* (competitors) */
    unsigned char *awake;        /* (competitors) */
} MhoMove;

/* The stage under way: context of an MhoAllocation. */
typedef struct MhoCompeting {
    MhoAllocateInput input;
    MhoRungs rungs, adc_rungs;
    MhoDataset probe_set;       /* first probe_images of held; borrowed images */
    size_t n;                   /* competitors; 0 until the first net is seen */
    MhoCompetitor *competitors; /* (n) of the net at hand */
    double *state;              /* (n, allocator's n_state) */
    MhoMove *moves;
    size_t n_moves, capacity;
    double start_accuracy, start_size, start_bops;
    MhoNet *accepted; /* the net before the running move, where an accuracy budget may ask for it back; else NULL */
    bool reached;     /* the targets of size and BOPs are met, if there are any */
    char end[MHO_NAME_MAX]; /* why it ended: "size", "bops", "accuracy", "moves", "bottom"; "": it has not */
} MhoCompeting;

/* competitors.c */

/* Mean bits of a weight, and MBOPs of an image. */
MhoStatus mho_compete_cost(const MhoNet *net, double *size, double *bops, MhoError *error) MHO_CHECKED;
/* Competitors of a net into c->competitors, made at the first call: bits, next bits, savings. FAILED when the net has
 * others than before. */
MhoStatus mho_compete_fill(MhoCompeting *c, const MhoNet *net, MhoError *error) MHO_CHECKED;
/* The net with competitor m one rung lower, nothing trained. */
MhoStatus mho_compete_lower(const MhoCompeting *c, const MhoNet *net, size_t m, MhoNet **made,
                            MhoError *error) MHO_CHECKED;
/* The net with the weights at the bottom; with converters at their first rung where they have no bits. */
MhoStatus mho_compete_bottom(const MhoCompeting *c, const MhoNet *net, MhoNet **made, MhoError *error) MHO_CHECKED;
MhoStatus mho_compete_first(const MhoCompeting *c, const MhoNet *net, MhoNet **made, MhoError *error) MHO_CHECKED;
/* Accuracy on the probe images, of codes or of chips as allocate.feedback says. STOPPED on a stop request. */
MhoStatus mho_compete_accuracy(const MhoCompeting *c, MhoNet *net, double *accuracy, MhoError *error) MHO_CHECKED;

/* moves.c */

/* A row with NaN for c->n competitors behind the last; it counts once c->n_moves is raised. */
MhoStatus mho_moves_add(MhoCompeting *c, MhoMove **row, MhoError *error) MHO_CHECKED;
void mho_moves_destroy(MhoCompeting *c);
MhoStatus mho_moves_to_record(const void *context, MhoRecord *group, MhoError *error) MHO_CHECKED;
MhoStatus mho_moves_from_record(void *context, const MhoRecord *group, const char *file, MhoError *error) MHO_CHECKED;

#endif
