/* analog_executor.c - the network on a chip: arrays by crossbar, the digital steps between them on codes.
 *
 * Images run in parallel, each with counters of its own number, so that nothing depends on threads or batch; meters are
 * kept per image and added in image order; a probe's counts are whole numbers, so its order does not matter.
 */
#include <omp.h>
#include <stdlib.h>

#include "net/lowered/executor_internal.h"

/* What a thread owns. */
typedef struct Worker {
    MhoWorkspace *run;
    MhoRangeObserver *probe;
    int64_t *totals;
    uint8_t *codes;
    MhoArena arena;
} Worker;

typedef struct Job {
    const MhoLoweredNet *program;
    const MhoChipState *state;
    const uint8_t *images;
    const MhoAnalogOptions *options;
    float *logits;
    MhoLayerMeter *meters; /* (n, n_matrices) or NULL */
} Job;

static void carve_worker(const MhoLoweredNet *program, bool own_codes, Worker *worker)
{
    worker->totals = mho_arena_take(&worker->arena, mho_step_totals(program), sizeof *worker->totals);
    worker->codes = mho_arena_take(&worker->arena, own_codes ? program->codes_size : 0, 1);
}

static MhoStatus worker_create(const Job *job, Worker *worker, MhoError *error)
{
    const bool own_codes = !job->options->codes;

    carve_worker(job->program, own_codes, worker);
    MhoStatus status = mho_arena_create(&worker->arena, error);
    if (status == MHO_OK) {
        carve_worker(job->program, own_codes, worker);
        status = mho_workspace_create(mho_chip_state_plan(job->state), &worker->run, error);
    }
    if (status == MHO_OK && job->options->probe)
        status = mho_range_observer_create(job->program->n_matrices, &worker->probe, error);
    return status;
}

static void worker_destroy(Worker *worker)
{
    mho_workspace_destroy(worker->run);
    mho_range_observer_destroy(worker->probe);
    mho_arena_destroy(&worker->arena);
}

static void run_matrix(const Job *job, const MhoImageRun *walk, size_t n, size_t s, Worker *worker)
{
    const MhoStep *step = &job->program->steps[s];
    const bool counts = mho_step_reads_matrix_first(job->program, s);
    bool is_signed;
    const MhoLayerCall call = {
        .layer = step->matrix,
        .gather = &step->gather,
        .codes = mho_step_input(walk, step, 0, &is_signed),
        .image = job->options->image0 + (uint32_t)n,
        .output = {.a = step->a,
                   .b = step->b,
                   .low = step->low,
                   .high = step->high,
                   .codes = mho_step_output(walk, s),
                   .logits = step->is_logits ? walk->logits : NULL},
        .measure = n < job->options->measured,
        .probe = worker->probe,
        .meter = job->meters && counts ? &job->meters[n * job->program->n_matrices + step->matrix] : NULL,
    };

    mho_chip_state_forward(job->state, worker->run, &call);
    if (!step->is_logits)
        mho_step_look_up(step, (size_t)step->shape.h * (size_t)step->shape.w * (size_t)step->shape.c,
                         mho_step_output(walk, s));
}

static void run_images(const Job *job, size_t n_images, int threads, Worker *workers)
{
    const MhoLoweredNet *program = job->program;
    const size_t pixels = (size_t)program->input.h * (size_t)program->input.w * (size_t)program->input.c;

#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t n = 0; n < n_images; n++) {
        Worker *worker = &workers[omp_get_thread_num()];
        uint8_t *codes = job->options->codes;
        const MhoImageRun walk = {.program = program,
                                  .image = job->images + n * pixels,
                                  .codes = codes ? codes + n * program->codes_size : worker->codes,
                                  .logits = job->logits + n * (size_t)program->n_classes,
                                  .totals = worker->totals};

        for (size_t s = 0; s < program->n_steps; s++) {
            if (program->steps[s].kind == MHO_STEP_MATRIX)
                run_matrix(job, &walk, n, s, worker);
            else
                mho_run_digital_step(&walk, s);
        }
    }
}

static void add_meters(const Job *job, size_t n_images)
{
    const size_t n_matrices = job->program->n_matrices;

    for (size_t i = 0; i < n_images * n_matrices; i++) {
        MhoLayerMeter *sum = &job->options->meters[i % n_matrices];

        sum->conversions += job->meters[i].conversions;
        sum->clipped += job->meters[i].clipped;
        sum->signal += job->meters[i].signal;
        sum->noise += job->meters[i].noise;
    }
}

static MhoStatus run_job(Job *job, size_t n_images, Worker *workers, int threads, MhoError *error)
{
    MhoStatus status = MHO_OK;

    for (int t = 0; t < threads && status == MHO_OK; t++)
        status = worker_create(job, &workers[t], error);
    if (status == MHO_OK) {
        run_images(job, n_images, threads, workers);
        for (int t = 0; t < threads && job->options->probe; t++)
            mho_range_observer_merge(job->options->probe, workers[t].probe);
        if (job->meters)
            add_meters(job, n_images);
    }
    for (int t = 0; t < threads; t++)
        worker_destroy(&workers[t]);
    return status;
}

MhoStatus mho_analog_run(const MhoLoweredNet *program, const MhoChipState *state, const uint8_t *images, size_t n,
                         const MhoAnalogOptions *options, float *logits, MhoError *error)
{
    MhoStatus status = mho_lowered_net_check(program, images, n, error);

    if (status == MHO_OK && n > UINT32_MAX - options->image0)
        status =
            mho_fail(error, MHO_USAGE, "%zu images from number %u on: image numbers have 32 bits", n, options->image0);
    if (status != MHO_OK || n == 0)
        return status;
    const int threads = mho_image_threads(options->threads, n);
    Job job = {.program = program, .state = state, .images = images, .options = options, .logits = logits};
    Worker *workers = calloc((size_t)threads, sizeof *workers);
    if (options->meters)
        job.meters = calloc(n, program->n_matrices * sizeof *job.meters);
    if (!workers || (options->meters && !job.meters))
        status = mho_fail(error, MHO_MEMORY, "out of memory for %d threads and the meters of %zu images", threads, n);
    else
        status = run_job(&job, n, workers, threads, error);
    free(workers);
    free(job.meters);
    return status;
}
