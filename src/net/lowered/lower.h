/* lower.h - a quantized network as the short list of integer steps that hardware runs.
 *
 * Convolutions become integer matrices with a requantization; batch norm, ReLU and the quantizer after them become its
 * constants. Pooling and residual additions act on codes. The integer and the analog executor run the same list.
 */
#ifndef MHO_NET_LOWERED_LOWER_H
#define MHO_NET_LOWERED_LOWER_H

#include "crossbar/crossbar.h"
#include "net/graph/net.h"

typedef enum MhoStepKind {
    MHO_STEP_MATRIX,
    MHO_STEP_MAX_POOL,
    MHO_STEP_SUM_POOL,
    MHO_STEP_ADD,
    MHO_STEP_REQUANTIZE
} MhoStepKind;

typedef struct MhoStep {
    MhoStepKind kind;
    char name[MHO_NAME_MAX]; /* of the node whose codes this step writes (the quantizer; the dense layer for logits) */
    int inputs[MHO_NODE_MAX_INPUTS]; /* steps, -1: the image */
    int n_inputs;
    size_t matrix;    /* MATRIX: number of the matrix and of the analog layer */
    MhoGather gather; /* geometry of MATRIX and pools; outside the image is code 0 */
    MhoShape shape;   /* of the output */
    float *a, *b;     /* (c) requantization: codes = clip(round(fma(sum, a, b))); NULL: MAX_POOL */
    int low, high;    /* code range; low < 0: s8 */
    uint8_t *table;   /* (256) codes of the rounded steps, which are not evenly spaced; NULL: the steps */
    bool is_logits;   /* last step: logits = fma(sum, a, b), no rounding */
} MhoStep;

typedef struct MhoLoweredNet {
    MhoStep *steps;
    size_t n_steps;
    MhoMatrix *matrices;
    size_t n_matrices;
    MhoShape input;
    int n_classes;
    size_t codes_size; /* bytes of all steps' outputs for one image; step s writes at codes_offset[s] */
    size_t *codes_offset;
    MhoArena memory; /* everything above */
} MhoLoweredNet;

/* Lower a quantized net; owns everything in it. USAGE error names the first node that is not quantized, with the remedy
 * (--set quant.weight.bits=8 ...). */
MhoStatus mho_lowered_net_create(const MhoNet *net, MhoLoweredNet **lowered, MhoError *error) MHO_CHECKED;
void mho_lowered_net_destroy(MhoLoweredNet *lowered);

/* The matrix of a quantized weighted layer that reads codes. The caller owns three arrays that this call fills: the
 * codes in the net's order, codes_khwc (k, kernel_h, kernel_w, c / groups); the codes in the array's order, codes
 * (groups, rows, cols); and shift (k). The matrix borrows codes and shift. */
MhoStatus mho_net_matrix(const MhoNet *net, int node, int16_t *codes_khwc, int16_t *codes, int32_t *shift,
                         MhoMatrix *matrix, MhoError *error) MHO_CHECKED;

#endif
