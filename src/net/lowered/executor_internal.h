/* executor_internal.h - one skeleton for everything that runs images in parallel: threads, their workers, batches.
 *
 * A kind of executor says what a thread owns (a worker) and how one image runs. The skeleton makes the workers, shares
 * the images among threads, and calls after_chunk for every chunk of images in their order.
 */
#ifndef MHO_NET_LOWERED_EXECUTOR_INTERNAL_H
#define MHO_NET_LOWERED_EXECUTOR_INTERNAL_H

#include "net/lowered/executor.h"

enum { MHO_STEP_BLOCK = 32 /* positions handled together */, MHO_CHUNK_IMAGES = 256 };

/* context is the kind's own, made before the executor and freed by destroy. A worker is worker_size zeroed bytes. */
typedef struct MhoExecutorKind {
    size_t worker_size;
    MhoStatus (*worker_create)(const void *context, void *worker, MhoError *error);
    void (*worker_destroy)(void *worker);
    /* Image n of the batch, the slot-th of its chunk. */
    void (*run_image)(void *context, void *worker, const MhoImageBatch *batch, size_t n, size_t slot);
    void (*after_chunk)(void *context, size_t n); /* n images of a chunk are done; NULL: nothing to do */
    void (*destroy)(void *context);
} MhoExecutorKind;

/* Takes over context, also on failure. */
MhoStatus mho_executor_create(const MhoExecutorKind *kind, void *context, int threads, MhoExecutor **executor,
                              MhoError *error) MHO_CHECKED;
void *mho_executor_context(MhoExecutor *executor, const MhoExecutorKind *kind); /* NULL when it is of another kind */
void *mho_executor_worker(MhoExecutor *executor, int thread);
int mho_executor_threads(const MhoExecutor *executor);

/* USAGE unless the network has steps that images can go through. */
MhoStatus mho_lowered_net_check(const MhoLoweredNet *net, MhoError *error) MHO_CHECKED;

/* One image that runs through the steps of a lowered network. */
typedef struct MhoImageRun {
    const MhoLoweredNet *net;
    const uint8_t *image; /* (h, w, c) */
    uint8_t *codes;       /* (net->codes_size) */
    float *logits;        /* (classes) */
    int64_t *totals;      /* (MHO_STEP_BLOCK, channels of the widest step) scratch */
} MhoImageRun;

/* What every worker of codes owns besides its own buffers. */
typedef struct MhoImageBuffers {
    int64_t *totals;
    uint8_t *codes;
} MhoImageBuffers;
void mho_image_buffers_carve(const MhoLoweredNet *net, MhoArena *arena, MhoImageBuffers *buffers);
/* Image n of a batch; its codes go to the batch if wanted, else to the buffers. */
MhoImageRun mho_image_run(const MhoLoweredNet *net, const MhoImageBatch *batch, size_t n,
                          const MhoImageBuffers *buffers);

/* Codes (h, w, c) that step reads as its k-th input; u8, or s8 when *is_signed. */
const uint8_t *mho_step_input(const MhoImageRun *run, const MhoStep *step, int k, bool *is_signed);
/* Where step s writes its codes; NULL for logits. */
uint8_t *mho_step_output(const MhoImageRun *run, size_t s);

/* From rounded steps (n) to the codes of a quantizer whose levels are not evenly spaced, in place. */
void mho_step_look_up(const MhoStep *step, size_t n, uint8_t *codes);

/* Step s, one of pooling, addition and requantization. */
void mho_run_digital_step(const MhoImageRun *run, size_t s);

#endif
