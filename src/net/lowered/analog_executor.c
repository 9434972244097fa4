/* analog_executor.c - the network on a chip: arrays by crossbar, the digital steps between them on codes.
 *
 * The random counters of an image depend on its number alone, so results do not depend on threads or batch. Meters are
 * kept per image and added in image order. The counts of observers are whole numbers, so their order does not matter.
 */
#include "net/lowered/analog_executor.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/lowered/executor_internal.h"

typedef struct Analog {
    const MhoLoweredNet *net;
    const MhoPlan *plan;
    const MhoChipState *state;
    bool observes;
    bool *reads_first;        /* (steps) no earlier step reads the same matrix, so this one's conversions count */
    MhoLayerMeter *of_images; /* (MHO_CHUNK_IMAGES, matrices) */
    MhoLayerMeter *meters;    /* (matrices) the caller's; NULL: none */
    size_t measured;
    MhoArena arena;
} Analog;

typedef struct Worker {
    const MhoLoweredNet *net;
    MhoWorkspace *workspace;
    MhoRangeObserver *observer;
    MhoImageBuffers buffers;
    MhoArena arena;
} Worker;

static void carve_worker(void *object)
{
    Worker *worker = object;
    mho_image_buffers_carve(worker->net, &worker->arena, &worker->buffers);
}

static MhoStatus worker_create(const void *context, void *object, MhoError *error)
{
    const Analog *analog = context;
    Worker *worker = object;
    worker->net = analog->net;
    MhoStatus status = mho_arena_build(&worker->arena, carve_worker, worker, error);
    if (status == MHO_OK)
        status = mho_workspace_create(analog->plan, &worker->workspace, error);
    if (status == MHO_OK && analog->observes)
        status = mho_range_observer_create(analog->net->n_matrices, &worker->observer, error);
    return status;
}

static void worker_destroy(void *object)
{
    Worker *worker = object;
    mho_workspace_destroy(worker->workspace);
    mho_range_observer_destroy(worker->observer);
    mho_arena_destroy(&worker->arena);
}

static void run_matrix(const Analog *analog, const MhoImageRun *run, size_t s, uint32_t image, MhoLayerMeter *meters,
                       const Worker *worker)
{
    const MhoStep *step = &analog->net->steps[s];
    bool is_signed;
    const MhoLayerCall call = {
        .layer = step->matrix,
        .gather = &step->gather,
        .codes = mho_step_input(run, step, 0, &is_signed),
        .image = image,
        .output = {.a = step->a,
                   .b = step->b,
                   .low = step->low,
                   .high = step->high,
                   .codes = mho_step_output(run, s),
                   .logits = step->is_logits ? run->logits : NULL},
        .measure = meters && image < analog->measured,
        .observer = worker->observer,
        .meter = meters && analog->reads_first[s] ? &meters[step->matrix] : NULL,
    };
    mho_chip_state_forward(analog->state, worker->workspace, &call);
    if (!step->is_logits)
        mho_step_look_up(step, (size_t)step->shape.h * (size_t)step->shape.w * (size_t)step->shape.c,
                         mho_step_output(run, s));
}

static void run_image(void *context, void *object, const MhoImageBatch *batch, size_t n, size_t slot)
{
    const Analog *analog = context;
    const Worker *worker = object;
    const MhoImageRun run = mho_image_run(analog->net, batch, n, &worker->buffers);
    MhoLayerMeter *meters = analog->meters ? analog->of_images + slot * analog->net->n_matrices : NULL;
    if (meters)
        memset(meters, 0, analog->net->n_matrices * sizeof *meters);
    for (size_t s = 0; s < analog->net->n_steps; s++) {
        if (analog->net->steps[s].kind == MHO_STEP_MATRIX)
            run_matrix(analog, &run, s, batch->image0 + (uint32_t)n, meters, worker);
        else
            mho_run_digital_step(&run, s);
    }
}

static void add_meters(void *context, size_t n_images)
{
    const Analog *analog = context;
    const size_t n_matrices = analog->net->n_matrices;
    for (size_t i = 0; i < n_images * n_matrices && analog->meters; i++) {
        MhoLayerMeter *sum = &analog->meters[i % n_matrices];
        sum->conversions += analog->of_images[i].conversions;
        sum->clipped += analog->of_images[i].clipped;
        sum->signal += analog->of_images[i].signal;
        sum->noise += analog->of_images[i].noise;
    }
}

static void analog_destroy(void *context)
{
    Analog *analog = context;
    mho_arena_destroy(&analog->arena);
    free(analog);
}

static const MhoExecutorKind kind = {.worker_size = sizeof(Worker),
                                     .worker_create = worker_create,
                                     .worker_destroy = worker_destroy,
                                     .run_image = run_image,
                                     .after_chunk = add_meters,
                                     .destroy = analog_destroy};

static void carve_analog(void *object)
{
    Analog *analog = object;
    analog->reads_first = mho_arena_take(&analog->arena, analog->net->n_steps, sizeof *analog->reads_first);
    analog->of_images =
        mho_arena_take(&analog->arena, MHO_CHUNK_IMAGES * analog->net->n_matrices, sizeof *analog->of_images);
}

static bool reads_matrix_first(const MhoLoweredNet *net, size_t s)
{
    for (size_t before = 0; before < s; before++)
        if (net->steps[before].kind == MHO_STEP_MATRIX && net->steps[before].matrix == net->steps[s].matrix)
            return false;
    return true;
}

MhoStatus mho_analog_executor_create(const MhoLoweredNet *net, const MhoPlan *plan, bool observes, int threads,
                                     MhoExecutor **executor, MhoError *error)
{
    Analog *analog = mho_calloc(1, sizeof *analog, error, "an analog executor");
    *executor = NULL;
    if (!analog)
        return MHO_MEMORY;
    *analog = (Analog){.net = net, .plan = plan, .observes = observes};
    const MhoStatus status = mho_arena_build(&analog->arena, carve_analog, analog, error);
    if (status != MHO_OK) {
        free(analog);
        return status;
    }
    for (size_t s = 0; s < net->n_steps; s++)
        analog->reads_first[s] = reads_matrix_first(net, s);
    return mho_executor_create(&kind, analog, threads, executor, error);
}

void mho_analog_executor_set_state(MhoExecutor *executor, const MhoChipState *state)
{
    Analog *analog = mho_executor_context(executor, &kind);
    analog->state = state;
}

void mho_analog_executor_set_meters(MhoExecutor *executor, MhoLayerMeter *meters, size_t measured)
{
    Analog *analog = mho_executor_context(executor, &kind);
    analog->meters = meters;
    analog->measured = measured;
}

void mho_analog_executor_merge_observed(MhoExecutor *executor, MhoRangeObserver *into)
{
    for (int t = 0; t < mho_executor_threads(executor); t++)
        mho_range_observer_merge(into, ((const Worker *)mho_executor_worker(executor, t))->observer);
}

MhoWorkspace *mho_analog_executor_workspace(MhoExecutor *executor, int thread)
{
    return ((Worker *)mho_executor_worker(executor, thread))->workspace;
}
