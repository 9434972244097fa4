/* executor.c - the skeleton of all executors: workers made once, images shared among threads. */
#include <omp.h>
#include <stdlib.h>

#include "base/memory.h"
#include "net/lowered/executor_internal.h"

struct MhoExecutor {
    const MhoExecutorKind *kind;
    void *context;
    int threads, n_workers; /* n_workers: made so far */
    unsigned char *workers; /* (threads, kind->worker_size) */
};

MhoStatus mho_lowered_net_check(const MhoLoweredNet *net, MhoError *error)
{
    return net && net->n_steps > 0 ? MHO_OK : mho_fail(error, MHO_USAGE, "a network cannot run without steps");
}

MhoStatus mho_executor_create(const MhoExecutorKind *kind, void *context, int threads, MhoExecutor **executor,
                              MhoError *error)
{
    MhoExecutor *made = mho_calloc(1, sizeof *made, error, "an executor");
    MhoStatus status = MHO_OK;
    *executor = NULL;
    if (!made) {
        kind->destroy(context);
        return MHO_MEMORY;
    }
    *made = (MhoExecutor){.kind = kind, .context = context, .threads = threads > 0 ? threads : omp_get_max_threads()};
    made->workers =
        mho_calloc((size_t)made->threads, kind->worker_size, error, "the workspaces of %d threads", made->threads);
    if (!made->workers)
        status = MHO_MEMORY;
    while (status == MHO_OK && made->n_workers < made->threads)
        status = kind->worker_create(context, mho_executor_worker(made, made->n_workers++), error);
    if (status != MHO_OK) {
        mho_executor_destroy(made);
        return status;
    }
    *executor = made;
    return MHO_OK;
}

void mho_executor_destroy(MhoExecutor *executor)
{
    if (!executor)
        return;
    for (int t = 0; t < executor->n_workers; t++)
        executor->kind->worker_destroy(mho_executor_worker(executor, t));
    executor->kind->destroy(executor->context);
    free(executor->workers);
    free(executor);
}

void *mho_executor_context(MhoExecutor *executor, const MhoExecutorKind *kind)
{
    return executor && executor->kind == kind ? executor->context : NULL;
}

void *mho_executor_worker(MhoExecutor *executor, int thread)
{
    return executor->workers + (size_t)thread * executor->kind->worker_size;
}

int mho_executor_threads(const MhoExecutor *executor)
{
    return executor->threads;
}

static void run_chunk(MhoExecutor *executor, const MhoImageBatch *batch, size_t first, size_t n)
{
    const int threads = n < (size_t)executor->threads ? (int)n : executor->threads;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t slot = 0; slot < n; slot++)
        executor->kind->run_image(executor->context, mho_executor_worker(executor, omp_get_thread_num()), batch,
                                  first + slot, slot);
    if (executor->kind->after_chunk)
        executor->kind->after_chunk(executor->context, n);
}

MhoStatus mho_executor_run(MhoExecutor *executor, const MhoImageBatch *batch, MhoError *error)
{
    if (!batch->images && batch->n > 0)
        return mho_fail(error, MHO_USAGE, "a network cannot run without images");
    if (batch->n > UINT32_MAX - batch->image0)
        return mho_fail(error, MHO_USAGE, "%zu images from number %u on: image numbers have 32 bits", batch->n,
                        batch->image0);
    for (size_t first = 0; first < batch->n; first += MHO_CHUNK_IMAGES)
        run_chunk(executor, batch, first, batch->n - first < MHO_CHUNK_IMAGES ? batch->n - first : MHO_CHUNK_IMAGES);
    return MHO_OK;
}
