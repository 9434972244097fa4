/* integer_executor.c - the network as whole-number arithmetic: gather, multiply codes, add the shift, requantize.
 *
 *   total = sum_r w_r x_r + shift,  w = 256 high + low in two signed bytes,  code = clip(round(fma(total, a, b)))
 * Signed inputs go in two phases, positive part and magnitude of the negative part. Sums of a plane are exact in 32
 * bits (checked), the rest is 64-bit. Weights are packed when the executor is made.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/lowered/executor_internal.h"

enum { LARGEST_CODE = 256 * 127 + 127, LARGEST_INPUT = 255, LARGEST_BYTE = 128 };

/* One matrix in the order of the kernels; high NULL: every code fits a byte. */
typedef struct PackedMatrix {
    const MhoMatrix *matrix;
    size_t rows, columns; /* padded */
    size_t bytes;         /* of one group's plane */
    int8_t *low, *high;   /* (groups, bytes) */
} PackedMatrix;

typedef struct IntegerNet {
    const MhoLoweredNet *net;
    PackedMatrix *matrices;
    float **a, **b; /* (steps) (groups, columns) of MATRIX steps */
    MhoArena arena;
} IntegerNet;

/* What a thread owns: buffers of one block of positions, as large as the matrix that needs most. */
typedef struct Worker {
    const MhoLoweredNet *net;
    uint8_t *x[2]; /* (block, rows) both phases */
    int32_t *sum;  /* (block, columns) */
    int64_t *total;
    uint8_t *out;
    MhoImageBuffers buffers;
    MhoArena arena;
} Worker;

static MhoStatus check_matrix(const MhoMatrix *m, MhoError *error)
{
    if (m->n_weight > LARGEST_CODE)
        return mho_fail(error, MHO_USAGE, "layer %s: largest weight code %d is above %d: lower quant.weight.bits",
                        m->name, m->n_weight, LARGEST_CODE);
    if (m->rows > (size_t)INT32_MAX / (LARGEST_INPUT * LARGEST_BYTE))
        return mho_fail(error, MHO_USAGE, "layer %s: sums over %zu rows do not fit 32 bits", m->name, m->rows);
    return MHO_OK;
}

static bool has_high(const MhoMatrix *m)
{
    return m->n_weight > INT8_MAX;
}

static void carve_net(void *object)
{
    IntegerNet *net = object;
    const MhoLoweredNet *lowered = net->net;
    net->matrices = mho_arena_take(&net->arena, lowered->n_matrices, sizeof *net->matrices);
    net->a = mho_arena_take(&net->arena, lowered->n_steps, sizeof *net->a);
    net->b = mho_arena_take(&net->arena, lowered->n_steps, sizeof *net->b);
    for (size_t l = 0; l < lowered->n_matrices; l++) {
        const MhoMatrix *m = &lowered->matrices[l];
        const size_t bytes = mho_packed_size(m->rows, m->cols);
        int8_t *low = mho_arena_take(&net->arena, m->groups * bytes, 1);
        int8_t *high = has_high(m) ? mho_arena_take(&net->arena, m->groups * bytes, 1) : NULL;
        if (net->matrices)
            net->matrices[l] = (PackedMatrix){.matrix = m,
                                              .rows = mho_pad(m->rows, MHO_ROW_GROUP),
                                              .columns = mho_pad(m->cols, MHO_LANES),
                                              .bytes = bytes,
                                              .low = low,
                                              .high = high};
    }
    for (size_t s = 0; s < lowered->n_steps; s++) {
        if (lowered->steps[s].kind != MHO_STEP_MATRIX)
            continue;
        const MhoMatrix *m = &lowered->matrices[lowered->steps[s].matrix];
        const size_t n = m->groups * mho_pad(m->cols, MHO_LANES);
        float *a = mho_arena_take(&net->arena, n, sizeof *a), *b = mho_arena_take(&net->arena, n, sizeof *b);

        if (net->a) {
            net->a[s] = a;
            net->b[s] = b;
        }
    }
}

/* narrow (2, rows, cols) is scratch. */
static void pack_matrix(const PackedMatrix *packed, int8_t *narrow)
{
    const MhoMatrix *m = packed->matrix;
    const size_t n = m->rows * m->cols;
    for (size_t g = 0; g < m->groups; g++) {
        for (size_t i = 0; i < n; i++) {
            const int code = m->codes[g * n + i];
            const int byte = has_high(m) ? ((code + 128) & 255) - 128 : code;
            narrow[i] = (int8_t)byte;
            narrow[n + i] = (int8_t)((code - byte) / 256);
        }
        mho_pack_s8(m->rows, m->cols, narrow, packed->low + g * packed->bytes);
        if (packed->high)
            mho_pack_s8(m->rows, m->cols, narrow + n, packed->high + g * packed->bytes);
    }
}

/* a, b (groups, columns) from those of the step (groups, cols). */
static void spread_constants(const IntegerNet *net, size_t s)
{
    const MhoStep *step = &net->net->steps[s];
    const PackedMatrix *packed = &net->matrices[step->matrix];
    const size_t cols = packed->matrix->cols;
    for (size_t k = 0; k < packed->matrix->groups * cols; k++) {
        const size_t at = k / cols * packed->columns + k % cols;
        net->a[s][at] = step->a[k];
        net->b[s][at] = step->b[k];
    }
}

/* Arrays of the net, and its weights packed for the kernels. */
static MhoStatus net_fill(IntegerNet *net, MhoError *error)
{
    const MhoLoweredNet *lowered = net->net;
    size_t largest = 0;
    MhoStatus status = MHO_OK;
    for (size_t l = 0; l < lowered->n_matrices && status == MHO_OK; l++) {
        const size_t n = lowered->matrices[l].rows * lowered->matrices[l].cols;
        status = check_matrix(&lowered->matrices[l], error);
        largest = n > largest ? n : largest;
    }
    int8_t *narrow = status == MHO_OK ? mho_calloc(largest, 2, error, "the codes of %zu weights", largest) : NULL;
    if (status == MHO_OK && !narrow)
        status = MHO_MEMORY;
    if (status == MHO_OK)
        status = mho_arena_build(&net->arena, carve_net, net, error);
    for (size_t l = 0; l < lowered->n_matrices && status == MHO_OK; l++)
        pack_matrix(&net->matrices[l], narrow);
    for (size_t s = 0; s < lowered->n_steps && status == MHO_OK; s++)
        if (lowered->steps[s].kind == MHO_STEP_MATRIX)
            spread_constants(net, s);
    free(narrow);
    return status;
}

static void carve_worker(void *object)
{
    Worker *worker = object;
    const MhoLoweredNet *lowered = worker->net;
    size_t rows = 0, columns = 0;
    for (size_t l = 0; l < lowered->n_matrices; l++) {
        const size_t r = mho_pad(lowered->matrices[l].rows, MHO_ROW_GROUP),
                     c = mho_pad(lowered->matrices[l].cols, MHO_LANES);
        rows = r > rows ? r : rows;
        columns = c > columns ? c : columns;
    }
    for (int phase = 0; phase < 2; phase++)
        worker->x[phase] = mho_arena_take(&worker->arena, MHO_STEP_BLOCK * rows, 1);
    worker->sum = mho_arena_take(&worker->arena, MHO_STEP_BLOCK * columns, sizeof *worker->sum);
    worker->total = mho_arena_take(&worker->arena, MHO_STEP_BLOCK * columns, sizeof *worker->total);
    worker->out = mho_arena_take(&worker->arena, MHO_STEP_BLOCK * columns, 1);
    mho_image_buffers_carve(lowered, &worker->arena, &worker->buffers);
}

static MhoStatus worker_create(const void *context, void *object, MhoError *error)
{
    Worker *worker = object;
    worker->net = ((const IntegerNet *)context)->net;
    return mho_arena_build(&worker->arena, carve_worker, worker, error);
}

static void worker_destroy(void *object)
{
    mho_arena_destroy(&((Worker *)object)->arena);
}

/* Rows of P positions into both phases, padding rows 0. */
static void gather(const PackedMatrix *packed, const MhoGather *geometry, const uint8_t *codes, size_t first, size_t P,
                   Worker *worker)
{
    const size_t rows = packed->matrix->rows;
    const int n_phases = packed->matrix->signed_input ? 2 : 1;
    if (n_phases == 2)
        mho_gather_s8(geometry, (const int8_t *)codes, first, P, worker->x[0], worker->x[1], packed->rows);
    else
        mho_gather_u8(geometry, codes, first, P, worker->x[0], packed->rows);
    for (int phase = 0; phase < n_phases; phase++)
        for (size_t p = 0; p < P && rows < packed->rows; p++)
            memset(worker->x[phase] + p * packed->rows + rows, 0, packed->rows - rows);
}

/* worker->total (P, columns) of one group. */
static void multiply(const PackedMatrix *packed, size_t group, size_t P, Worker *worker)
{
    const MhoMatrix *m = packed->matrix;
    const MhoKernels *k = mho_kernels();
    const size_t n = P * packed->columns;
    memset(worker->total, 0, n * sizeof *worker->total);
    for (size_t p = 0; p < P && m->shift; p++)
        for (size_t j = 0; j < m->cols; j++)
            worker->total[p * packed->columns + j] = m->shift[group * m->cols + j];
    for (int phase = 0; phase < (m->signed_input ? 2 : 1); phase++) {
        const int sign = phase == 0 ? 1 : -1;
        k->mvm_u8s8(P, packed->rows, packed->columns, worker->x[phase], packed->rows,
                    packed->low + group * packed->bytes, worker->sum);
        k->accumulate(n, worker->sum, sign, worker->total);
        if (packed->high) {
            k->mvm_u8s8(P, packed->rows, packed->columns, worker->x[phase], packed->rows,
                        packed->high + group * packed->bytes, worker->sum);
            k->accumulate(n, worker->sum, sign * 256, worker->total);
        }
    }
}

/* Totals of P positions of one group to codes or logits; k0: its first channel. */
static void write_out(const MhoImageRun *run, size_t s, const PackedMatrix *packed, const float *a, const float *b,
                      size_t first, size_t P, size_t k0, Worker *worker)
{
    const MhoStep *step = &run->net->steps[s];
    const size_t cols = packed->matrix->cols, channels = cols * packed->matrix->groups;
    if (step->is_logits) {
        for (size_t i = 0; i < P * cols; i++) {
            const size_t p = i / cols, j = i % cols;
            run->logits[(first + p) * channels + k0 + j] =
                __builtin_fmaf((float)worker->total[p * packed->columns + j], a[j], b[j]);
        }
        return;
    }
    mho_kernels()->requantize(P, packed->columns, worker->total, a, b, step->low, step->high, worker->out);
    mho_step_look_up(step, P * packed->columns, worker->out);
    for (size_t p = 0; p < P; p++)
        memcpy(mho_step_output(run, s) + (first + p) * channels + k0, worker->out + p * packed->columns, cols);
}

static void run_matrix(const IntegerNet *net, const MhoImageRun *run, size_t s, Worker *worker)
{
    const MhoStep *step = &net->net->steps[s];
    const PackedMatrix *packed = &net->matrices[step->matrix];
    bool is_signed;
    const uint8_t *codes = mho_step_input(run, step, 0, &is_signed);
    MhoGather geometry = step->gather;
    for (size_t g = 0; g < packed->matrix->groups; g++, geometry.c_first += geometry.c_count)
        for (size_t first = 0; first < packed->matrix->positions; first += MHO_STEP_BLOCK) {
            const size_t left = packed->matrix->positions - first, P = left < MHO_STEP_BLOCK ? left : MHO_STEP_BLOCK;
            gather(packed, &geometry, codes, first, P, worker);
            multiply(packed, g, P, worker);
            write_out(run, s, packed, net->a[s] + g * packed->columns, net->b[s] + g * packed->columns, first, P,
                      g * packed->matrix->cols, worker);
        }
}

static void run_image(void *context, void *object, const MhoImageBatch *batch, size_t n, size_t slot)
{
    const IntegerNet *net = context;
    Worker *worker = object;
    const MhoImageRun run = mho_image_run(net->net, batch, n, &worker->buffers);
    (void)slot;
    for (size_t s = 0; s < net->net->n_steps; s++) {
        if (net->net->steps[s].kind == MHO_STEP_MATRIX)
            run_matrix(net, &run, s, worker);
        else
            mho_run_digital_step(&run, s);
    }
}

static void net_destroy(void *context)
{
    IntegerNet *net = context;
    mho_arena_destroy(&net->arena);
    free(net);
}

static const MhoExecutorKind kind = {.worker_size = sizeof(Worker),
                                     .worker_create = worker_create,
                                     .worker_destroy = worker_destroy,
                                     .run_image = run_image,
                                     .destroy = net_destroy};

MhoStatus mho_integer_executor_create(const MhoLoweredNet *lowered, int threads, MhoExecutor **executor,
                                      MhoError *error)
{
    MhoStatus status = mho_lowered_net_check(lowered, error);
    *executor = NULL;
    if (status != MHO_OK)
        return status;
    IntegerNet *net = mho_calloc(1, sizeof *net, error, "an integer executor");
    if (!net)
        return MHO_MEMORY;
    net->net = lowered;
    status = net_fill(net, error);
    if (status != MHO_OK) {
        net_destroy(net);
        return status;
    }
    return mho_executor_create(&kind, net, threads, executor, error);
}
