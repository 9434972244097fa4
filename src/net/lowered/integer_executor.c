/* integer_executor.c - the network as whole-number arithmetic: gather, multiply codes, add the shift, requantize.
 *
 *   total = sum_r w_r x_r + shift,  w = 256 high + low in two signed bytes,  code = clip(round(fma(total, a, b)))
 * Signed inputs go in two phases, positive part and magnitude of the negative part. Sums of a plane are exact in 32
 * bits (checked), the rest is 64-bit. Weights are packed once per call.
 */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

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
    const MhoLoweredNet *program;
    PackedMatrix *matrices;
    float **a, **b; /* (steps) (groups, columns) of MATRIX steps */
    MhoArena arena;
} IntegerNet;

/* Buffers of one block of positions; as large as the matrix that needs most. */
typedef struct Scratch {
    uint8_t *x[2]; /* (block, rows) both phases */
    int32_t *sum;  /* (block, columns) */
    int64_t *total;
    uint8_t *out;
    int64_t *walk_totals;
    uint8_t *codes;
    MhoArena arena;
} Scratch;

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

static void carve_net(IntegerNet *net)
{
    const MhoLoweredNet *program = net->program;

    net->matrices = mho_arena_take(&net->arena, program->n_matrices, sizeof *net->matrices);
    net->a = mho_arena_take(&net->arena, program->n_steps, sizeof *net->a);
    net->b = mho_arena_take(&net->arena, program->n_steps, sizeof *net->b);
    for (size_t l = 0; l < program->n_matrices; l++) {
        const MhoMatrix *m = &program->matrices[l];
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
    for (size_t s = 0; s < program->n_steps; s++) {
        if (program->steps[s].kind != MHO_STEP_MATRIX)
            continue;
        const MhoMatrix *m = &program->matrices[program->steps[s].matrix];
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
    const MhoStep *step = &net->program->steps[s];
    const PackedMatrix *packed = &net->matrices[step->matrix];
    const size_t cols = packed->matrix->cols;

    for (size_t k = 0; k < packed->matrix->groups * cols; k++) {
        const size_t at = k / cols * packed->columns + k % cols;

        net->a[s][at] = step->a[k];
        net->b[s][at] = step->b[k];
    }
}

static MhoStatus net_prepare(const MhoLoweredNet *program, IntegerNet *net, MhoError *error)
{
    size_t largest = 0;
    MhoStatus status = MHO_OK;

    *net = (IntegerNet){.program = program};
    for (size_t l = 0; l < program->n_matrices && status == MHO_OK; l++) {
        const size_t n = program->matrices[l].rows * program->matrices[l].cols;

        status = check_matrix(&program->matrices[l], error);
        largest = n > largest ? n : largest;
    }
    if (status != MHO_OK)
        return status;
    int8_t *narrow = calloc(largest ? largest : 1, 2);
    if (!narrow)
        return mho_fail(error, MHO_MEMORY, "out of memory for the codes of %zu weights", largest);
    carve_net(net);
    status = mho_arena_create(&net->arena, error);
    if (status == MHO_OK) {
        carve_net(net);
        for (size_t l = 0; l < program->n_matrices; l++)
            pack_matrix(&net->matrices[l], narrow);
        for (size_t s = 0; s < program->n_steps; s++)
            if (program->steps[s].kind == MHO_STEP_MATRIX)
                spread_constants(net, s);
    }
    free(narrow);
    return status;
}

static void carve_scratch(const MhoLoweredNet *program, bool own_codes, Scratch *scratch)
{
    size_t rows = 0, columns = 0;

    for (size_t l = 0; l < program->n_matrices; l++) {
        const size_t r = mho_pad(program->matrices[l].rows, MHO_ROW_GROUP),
                     c = mho_pad(program->matrices[l].cols, MHO_LANES);

        rows = r > rows ? r : rows;
        columns = c > columns ? c : columns;
    }
    for (int phase = 0; phase < 2; phase++)
        scratch->x[phase] = mho_arena_take(&scratch->arena, MHO_STEP_BLOCK * rows, 1);
    scratch->sum = mho_arena_take(&scratch->arena, MHO_STEP_BLOCK * columns, sizeof *scratch->sum);
    scratch->total = mho_arena_take(&scratch->arena, MHO_STEP_BLOCK * columns, sizeof *scratch->total);
    scratch->out = mho_arena_take(&scratch->arena, MHO_STEP_BLOCK * columns, 1);
    scratch->walk_totals = mho_arena_take(&scratch->arena, mho_step_totals(program), sizeof *scratch->walk_totals);
    scratch->codes = mho_arena_take(&scratch->arena, own_codes ? program->codes_size : 0, 1);
}

static MhoStatus scratch_create(const MhoLoweredNet *program, bool own_codes, Scratch *scratch, MhoError *error)
{
    *scratch = (Scratch){0};
    carve_scratch(program, own_codes, scratch);
    const MhoStatus status = mho_arena_create(&scratch->arena, error);

    if (status == MHO_OK)
        carve_scratch(program, own_codes, scratch);
    return status;
}

/* Rows of P positions into both phases, padding rows 0. */
static void gather(const PackedMatrix *packed, const MhoGather *geometry, const uint8_t *codes, size_t first, size_t P,
                   Scratch *scratch)
{
    const size_t rows = packed->matrix->rows;
    const int n_phases = packed->matrix->signed_input ? 2 : 1;

    if (n_phases == 2)
        mho_gather_s8(geometry, (const int8_t *)codes, first, P, scratch->x[0], scratch->x[1], packed->rows);
    else
        mho_gather_u8(geometry, codes, first, P, scratch->x[0], packed->rows);
    for (int phase = 0; phase < n_phases; phase++)
        for (size_t p = 0; p < P && rows < packed->rows; p++)
            memset(scratch->x[phase] + p * packed->rows + rows, 0, packed->rows - rows);
}

/* scratch->total (P, columns) of one group. */
static void multiply(const PackedMatrix *packed, size_t group, size_t P, Scratch *scratch)
{
    const MhoMatrix *m = packed->matrix;
    const MhoKernels *k = mho_kernels();
    const size_t n = P * packed->columns;

    memset(scratch->total, 0, n * sizeof *scratch->total);
    for (size_t p = 0; p < P && m->shift; p++)
        for (size_t j = 0; j < m->cols; j++)
            scratch->total[p * packed->columns + j] = m->shift[group * m->cols + j];
    for (int phase = 0; phase < (m->signed_input ? 2 : 1); phase++) {
        const int sign = phase == 0 ? 1 : -1;

        k->mvm_u8s8(P, packed->rows, packed->columns, scratch->x[phase], packed->rows,
                    packed->low + group * packed->bytes, scratch->sum);
        k->accumulate(n, scratch->sum, sign, scratch->total);
        if (packed->high) {
            k->mvm_u8s8(P, packed->rows, packed->columns, scratch->x[phase], packed->rows,
                        packed->high + group * packed->bytes, scratch->sum);
            k->accumulate(n, scratch->sum, sign * 256, scratch->total);
        }
    }
}

/* Totals of P positions of one group to codes or logits; k0: its first channel. */
static void write_out(const MhoImageRun *walk, size_t s, const PackedMatrix *packed, const float *a, const float *b,
                      size_t first, size_t P, size_t k0, Scratch *scratch)
{
    const MhoStep *step = &walk->program->steps[s];
    const size_t cols = packed->matrix->cols, channels = cols * packed->matrix->groups;

    if (step->is_logits) {
        for (size_t i = 0; i < P * cols; i++) {
            const size_t p = i / cols, j = i % cols;

            walk->logits[(first + p) * channels + k0 + j] =
                __builtin_fmaf((float)scratch->total[p * packed->columns + j], a[j], b[j]);
        }
        return;
    }
    mho_kernels()->requantize(P, packed->columns, scratch->total, a, b, step->low, step->high, scratch->out);
    mho_step_look_up(step, P * packed->columns, scratch->out);
    for (size_t p = 0; p < P; p++)
        memcpy(mho_step_output(walk, s) + (first + p) * channels + k0, scratch->out + p * packed->columns, cols);
}

static void run_matrix(const IntegerNet *net, const MhoImageRun *walk, size_t s, Scratch *scratch)
{
    const MhoStep *step = &net->program->steps[s];
    const PackedMatrix *packed = &net->matrices[step->matrix];
    bool is_signed;
    const uint8_t *codes = mho_step_input(walk, step, 0, &is_signed);
    MhoGather geometry = step->gather;

    for (size_t g = 0; g < packed->matrix->groups; g++, geometry.c_first += geometry.c_count)
        for (size_t first = 0; first < packed->matrix->positions; first += MHO_STEP_BLOCK) {
            const size_t left = packed->matrix->positions - first, P = left < MHO_STEP_BLOCK ? left : MHO_STEP_BLOCK;

            gather(packed, &geometry, codes, first, P, scratch);
            multiply(packed, g, P, scratch);
            write_out(walk, s, packed, net->a[s] + g * packed->columns, net->b[s] + g * packed->columns, first, P,
                      g * packed->matrix->cols, scratch);
        }
}

static void run_image(const IntegerNet *net, const MhoImageRun *walk, Scratch *scratch)
{
    for (size_t s = 0; s < net->program->n_steps; s++) {
        if (net->program->steps[s].kind == MHO_STEP_MATRIX)
            run_matrix(net, walk, s, scratch);
        else
            mho_run_digital_step(walk, s);
    }
}

static void run_images(const IntegerNet *net, const uint8_t *images, size_t n_images, int threads, float *logits,
                       uint8_t *codes, Scratch *scratch)
{
    const MhoLoweredNet *program = net->program;
    const size_t pixels = (size_t)program->input.h * (size_t)program->input.w * (size_t)program->input.c;

#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t n = 0; n < n_images; n++) {
        Scratch *own = &scratch[omp_get_thread_num()];
        const MhoImageRun walk = {.program = program,
                                  .image = images + n * pixels,
                                  .codes = codes ? codes + n * program->codes_size : own->codes,
                                  .logits = logits + n * (size_t)program->n_classes,
                                  .totals = own->walk_totals};

        run_image(net, &walk, own);
    }
}

MhoStatus mho_integer_run(const MhoLoweredNet *program, const uint8_t *images, size_t n, int threads, float *logits,
                          uint8_t *codes, MhoError *error)
{
    MhoStatus status = mho_lowered_net_check(program, images, n, error);

    if (status != MHO_OK || n == 0)
        return status;
    const int n_threads = mho_image_threads(threads, n);
    Scratch *scratch = calloc((size_t)n_threads, sizeof *scratch);
    IntegerNet net = {.program = program};
    if (!scratch)
        return mho_fail(error, MHO_MEMORY, "out of memory for %d threads", n_threads);
    status = net_prepare(program, &net, error);
    for (int t = 0; t < n_threads && status == MHO_OK; t++)
        status = scratch_create(program, !codes, &scratch[t], error);
    if (status == MHO_OK)
        run_images(&net, images, n, n_threads, logits, codes, scratch);
    for (int t = 0; t < n_threads; t++)
        mho_arena_destroy(&scratch[t].arena);
    mho_arena_destroy(&net.arena);
    free(scratch);
    return status;
}
