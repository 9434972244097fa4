/* executor.h - runs a lowered network over images: made once, run any number of times, no allocation in a run.
 *
 * Integer, analog (analog_executor.h) and code-noise (code_noise.h) executors fill the same batch. Images run in
 * parallel. Results do not depend on the number of threads or on how images are split into batches.
 */
#ifndef MHO_NET_LOWERED_EXECUTOR_H
#define MHO_NET_LOWERED_EXECUTOR_H

#include "net/lowered/lower.h"

typedef struct MhoExecutor MhoExecutor;

/* Images and the place of their results. The caller owns all arrays. */
typedef struct MhoImageBatch {
    const uint8_t *images; /* (n, h, w, c) */
    size_t n;
    uint32_t image0; /* number of the first image in its set; random draws depend on image numbers */
    float *logits;   /* (n, classes) */
    uint8_t *codes;  /* (n, net->codes_size): the codes of every step; NULL: not wanted */
} MhoImageBatch;

/* The network as whole-number arithmetic. net is borrowed while the executor lives. threads <= 0: OpenMP's default.
 * USAGE for weights or sums beyond the widths of the kernels. */
MhoStatus mho_integer_executor_create(const MhoLoweredNet *net, int threads, MhoExecutor **executor,
                                      MhoError *error) MHO_CHECKED;

/* Run a batch. USAGE without images, or for image numbers beyond 32 bits. */
MhoStatus mho_executor_run(MhoExecutor *executor, const MhoImageBatch *batch, MhoError *error) MHO_CHECKED;
void mho_executor_destroy(MhoExecutor *executor);

/* Top-1 hits and mean cross entropy of logits (n, classes), added in image order. */
void mho_logits_score(const float *logits, const uint8_t *labels, size_t n, int n_classes, size_t *hits, double *loss);
/* The class of the largest of n logits; the first one where several are equal. */
int mho_logits_top1(const float *logits, int n);

#endif
