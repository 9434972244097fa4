/* bench_proof.c - every path of the benchmark against its specification, at the sizes that are timed.
 *
 *   kernels    each table returns the bits of the scalar one, on every matrix of the network
 *   integer    the executor equals sums written as plain loops, code for code
 *   analog     ideal cells with a unit converter equal the integer network, code for code
 *   noisy      chips of every timed cell give the same logits with every table
 *   codes      the training pass holds the integer network's codes in every quantizer
 *   gradients  backward equals finite differences of the loss
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "kernels/random.h"
#include "net/fakequant/fakequant.h"

enum { MAX_TABLES = 8, POSITIONS = 37, PROOF_IMAGES = 4, LEAST_BYTES = 8 };

static MhoStatus no_memory(MhoError *error)
{
    return mho_fail(error, MHO_MEMORY, "out of memory for a proof");
}

/* ---- kernels ---- */

/* Inputs of one matrix's kernels, and what two tables made of them. */
typedef struct KernelWork {
    size_t P, R, C;
    uint8_t *x;
    int8_t *packed;
    float *wide, *weights, *normal;
    int32_t *code;
    int64_t *total;
    unsigned char *out[2]; /* (P * C) of at most 8 bytes */
    MhoArena arena;
} KernelWork;

static void carve_work(KernelWork *work)
{
    size_t n = work->P * work->C;
    work->x = mho_arena_take(&work->arena, work->P * work->R, 1);
    work->packed = mho_arena_take(&work->arena, work->R * work->C, 1);
    work->wide = mho_arena_take(&work->arena, work->P * work->R + n, sizeof(float));
    work->weights = mho_arena_take(&work->arena, work->R * work->C, sizeof(float));
    work->normal = mho_arena_take(&work->arena, n, sizeof(float));
    work->code = mho_arena_take(&work->arena, n, sizeof(int32_t));
    work->total = mho_arena_take(&work->arena, n, sizeof(int64_t));
    for (int i = 0; i < 2; i++)
        work->out[i] = mho_arena_take(&work->arena, n, LEAST_BYTES);
}

static void fill_work(KernelWork *work)
{
    MhoStream stream = {.seed = 1, .place = (uint32_t)work->R, .noise = 40.0F};
    size_t n = work->P * work->C;
    for (size_t i = 0; i < work->P * work->R; i++)
        work->x[i] = (uint8_t)(i * 37 + i / 11);
    for (size_t i = 0; i < work->R * work->C; i++)
        work->packed[i] = (int8_t)(i * 53 + i / 7);
    mho_normal_fill(stream, MHO_DRAW_TEST, work->P * work->R + n, work->wide);
    stream.place++;
    mho_normal_fill(stream, MHO_DRAW_TEST, work->R * work->C, work->weights);
    stream.place++;
    mho_normal_fill(stream, MHO_DRAW_TEST, n, work->normal);
    for (size_t i = 0; i < n; i++) {
        work->code[i] = (int32_t)(work->wide[i] * 300.0F);
        work->total[i] = (int64_t)work->code[i] * 5;
    }
}

static const uint32_t kernel_counter[3] = {3, 1, 2};

/* One kernel of `table` on the work; out holds zeros before. Returns the bytes of out that count. */
static size_t run_kernel(const MhoKernels *table, size_t kernel, const KernelWork *work, unsigned char *out)
{
    size_t n = work->P * work->C;
    void *to = out;
    switch (kernel) {
    case 0: table->mvm_u8s8(work->P, work->R, work->C, work->x, work->R, work->packed, to); return 4 * n;
    case 1: table->mvm_f32(work->P, work->R, work->C, work->wide, work->R, work->weights, to); return 4 * n;
    case 2: table->combine_planes(n, work->code, work->code, 1e-3, to); return 4 * n;
    case 3: table->add_noise(n, work->wide, work->normal, to); return 4 * n;
    case 4: (void)table->convert(n, work->wide, 1.7F, -100.0F, 100.0F, to); return 4 * n;
    case 5: table->accumulate(n, work->code, -1, to); return 8 * n;
    case 6: table->requantize(work->P, work->C, work->total, work->weights, work->normal, 0, 255, to); return n;
    case 7: table->exp(n, work->normal, to); return 4 * n;
    case 8: table->normals(7, kernel_counter, 5, n, 0.5F, to); return 4 * n;
    default: table->words(7, kernel_counter, 5, n, to); return 4 * n;
    }
}

static const char *const kernel_names[] = {"mvm_u8s8", "mvm_f32",    "combine_planes", "add_noise",
                                           "convert",  "accumulate", "requantize",     "exp",
                                           "normals",  "words"};

static MhoStatus compare_tables(const MhoKernels *const *tables, size_t n_tables, const KernelWork *work,
                                const char *layer, MhoError *error)
{
    size_t n_kernels = sizeof kernel_names / sizeof *kernel_names, room = work->P * work->C * LEAST_BYTES;
    for (size_t kernel = 0; kernel < n_kernels; kernel++) {
        memset(work->out[0], 0, room);
        size_t bytes = run_kernel(tables[0], kernel, work, work->out[0]);
        for (size_t t = 1; t < n_tables; t++) {
            memset(work->out[1], 0, room);
            (void)run_kernel(tables[t], kernel, work, work->out[1]);
            if (memcmp(work->out[0], work->out[1], bytes) != 0)
                return mho_fail(error, MHO_FAILED, "kernel %s of table %s differs from %s on layer %s",
                                kernel_names[kernel], tables[t]->name, tables[0]->name, layer);
        }
    }
    return MHO_OK;
}

static MhoStatus prove_kernels(const BenchSubject *subject, MhoError *error)
{
    const MhoKernels *tables[MAX_TABLES];
    size_t n_tables = mho_kernels_available(tables, MAX_TABLES);
    MhoStatus status = MHO_OK;
    for (size_t l = 0; l < subject->program->n_matrices && status == MHO_OK; l++) {
        const MhoMatrix *matrix = &subject->program->matrices[l];
        KernelWork work = {
            .P = POSITIONS, .R = mho_pad(matrix->rows, MHO_ROW_GROUP), .C = mho_pad(matrix->cols, MHO_LANES)};
        carve_work(&work);
        status = mho_arena_create(&work.arena, error);
        if (status == MHO_OK) {
            carve_work(&work);
            fill_work(&work);
            status = compare_tables(tables, n_tables, &work, matrix->name, error);
        }
        mho_arena_destroy(&work.arena);
    }
    return status;
}

/* ---- integer ---- */

/* Code of step input k at (y, x, c); outside the image 0. */
static int code_at(const MhoLoweredNet *program, const uint8_t *image, const uint8_t *codes, int from, int y, int x,
                   int c)
{
    MhoShape shape = from < 0 ? program->input : program->steps[from].shape;
    if (y < 0 || x < 0 || y >= shape.h || x >= shape.w)
        return 0;
    size_t at = ((size_t)y * (size_t)shape.w + (size_t)x) * (size_t)shape.c + (size_t)c;
    const uint8_t *tensor = from < 0 ? image : codes + program->codes_offset[from];
    return from >= 0 && program->steps[from].low < 0 ? (int8_t)tensor[at] : tensor[at];
}

/* The integer sum of one output value: a row of a matrix, or a pooling window. */
static int64_t plain_sum(const MhoLoweredNet *program, const MhoStep *step, const uint8_t *image, const uint8_t *codes,
                         int y, int x, int k)
{
    const MhoGather *g = &step->gather;
    const MhoMatrix *m = step->kind == MHO_STEP_MATRIX ? &program->matrices[step->matrix] : NULL;
    size_t group = m ? (size_t)k / m->cols : 0, column = m ? (size_t)k % m->cols : 0, row = 0;
    int64_t sum = m && m->shift ? m->shift[k] : 0;
    for (int ky = 0; ky < g->kernel_h; ky++)
        for (int kx = 0; kx < g->kernel_w; kx++)
            for (int c = 0; c < (m ? g->c_count : 1); c++, row++) {
                int channel = m ? g->c_first + (int)group * g->c_count + c : k;
                int code = code_at(program, image, codes, step->inputs[0], y * g->stride - g->pad + ky,
                                   x * g->stride - g->pad + kx, channel);
                sum += m ? (int64_t)code * m->codes[(group * m->rows + row) * m->cols + column] : code;
            }
    return sum;
}

static MhoStatus plain_step(const MhoLoweredNet *program, size_t s, const uint8_t *image, const uint8_t *codes,
                            const float *logits, MhoError *error)
{
    const MhoStep *step = &program->steps[s];
    if (step->kind != MHO_STEP_MATRIX && step->kind != MHO_STEP_SUM_POOL)
        return mho_fail(error, MHO_FAILED, "step %s is of a kind that this proof does not know", step->name);
    for (int y = 0; y < step->shape.h; y++)
        for (int x = 0; x < step->shape.w; x++)
            for (int k = 0; k < step->shape.c; k++) {
                int64_t sum = plain_sum(program, step, image, codes, y, x, k);
                size_t at = ((size_t)y * (size_t)step->shape.w + (size_t)x) * (size_t)step->shape.c + (size_t)k;
                float value = fmaf((float)sum, step->a[k], step->b[k]);
                float code = fminf(fmaxf(rintf(value), (float)step->low), (float)step->high);
                int written = step->is_logits ? 0 : codes[program->codes_offset[s] + at];
                if (step->low < 0)
                    written = (int8_t)written;
                if (step->is_logits ? logits[at] != value : (float)written != code)
                    return mho_fail(error, MHO_FAILED,
                                    "step %s, row %d, column %d, channel %d: not the sum of a plain loop", step->name,
                                    y, x, k);
            }
    return MHO_OK;
}

/* Codes and logits of the first images by the integer executor; the caller frees both. */
static MhoStatus integer_outputs(const BenchSubject *subject, uint8_t **codes, float **logits, MhoError *error)
{
    const MhoLoweredNet *program = subject->program;
    *codes = calloc(PROOF_IMAGES, program->codes_size);
    *logits = calloc(PROOF_IMAGES * (size_t)program->n_classes, sizeof **logits);
    if (!*codes || !*logits)
        return no_memory(error);
    return mho_integer_run(program, subject->images, PROOF_IMAGES, subject->threads, *logits, *codes, error);
}

static MhoStatus prove_integer(const BenchSubject *subject, MhoError *error)
{
    const MhoLoweredNet *program = subject->program;
    size_t image = (size_t)program->input.h * (size_t)program->input.w * (size_t)program->input.c;
    uint8_t *codes;
    float *logits;
    MhoStatus status = integer_outputs(subject, &codes, &logits, error);
    for (size_t n = 0; n < PROOF_IMAGES && status == MHO_OK; n++)
        for (size_t s = 0; s < program->n_steps && status == MHO_OK; s++)
            status = plain_step(program, s, subject->images + n * image, codes + n * program->codes_size,
                                logits + n * (size_t)program->n_classes, error);
    free(codes);
    free(logits);
    return status;
}

/* ---- analog ---- */

static MhoStatus prove_analog(const BenchSubject *subject, MhoError *error)
{
    static const char *const sets[] = {
        "chip.cell.name", "ideal", "chip.adc.range", "unit", "chip.adc.uniform.bits", "32", NULL};
    const MhoLoweredNet *program = subject->program;
    size_t n_logits = PROOF_IMAGES * (size_t)program->n_classes;
    uint8_t *codes, *own = calloc(PROOF_IMAGES, program->codes_size);
    float *logits, *own_logits = calloc(n_logits, sizeof *own_logits);
    BenchChip chip = {0};
    MhoStatus status = integer_outputs(subject, &codes, &logits, error);
    if (status == MHO_OK && (!own || !own_logits))
        status = no_memory(error);
    if (status == MHO_OK)
        status = bench_chip_create(subject, sets, &chip, error);
    MhoAnalogOptions options = {.threads = subject->threads, .codes = own};
    if (status == MHO_OK)
        status = mho_analog_run(program, chip.state, subject->images, PROOF_IMAGES, &options, own_logits, error);
    if (status == MHO_OK && (memcmp(codes, own, PROOF_IMAGES * program->codes_size) != 0 ||
                             memcmp(logits, own_logits, n_logits * sizeof *logits) != 0))
        status = mho_fail(error, MHO_FAILED, "an ideal chip with a unit converter differs from the integer network");
    bench_chip_clear(&chip);
    free(own_logits);
    free(own);
    free(codes);
    free(logits);
    return status;
}

/* Logits (2, n) of one cell with the scalar table and with `table`; both program their own chip. */
static MhoStatus compare_noisy(const BenchSubject *subject, const BenchCell *cell, const char *const tables[2],
                               float *logits, MhoError *error)
{
    size_t n = PROOF_IMAGES * (size_t)subject->program->n_classes;
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < 2 && status == MHO_OK; i++) {
        BenchChip chip = {0};
        MhoAnalogOptions options = {.threads = subject->threads};
        status = mho_kernels_force(tables[i], error);
        if (status == MHO_OK)
            status = bench_chip_create(subject, cell->sets, &chip, error);
        if (status == MHO_OK)
            status = mho_analog_run(subject->program, chip.state, subject->images, PROOF_IMAGES, &options,
                                    logits + i * n, error);
        bench_chip_clear(&chip);
    }
    if (status == MHO_OK && memcmp(logits, logits + n, n * sizeof *logits) != 0)
        status =
            mho_fail(error, MHO_FAILED, "%s: table %s gives other logits than %s", cell->name, tables[1], tables[0]);
    return status;
}

static MhoStatus prove_noisy(const BenchSubject *subject, MhoError *error)
{
    const MhoKernels *tables[MAX_TABLES];
    size_t n_tables = mho_kernels_available(tables, MAX_TABLES);
    const char *chosen = mho_kernels()->name;
    float *logits = calloc(2 * PROOF_IMAGES * (size_t)subject->program->n_classes, sizeof *logits);
    MhoStatus status = logits ? MHO_OK : no_memory(error);
    for (size_t t = 1; t < n_tables; t++)
        for (size_t i = 0; i < BENCH_N_CELLS && status == MHO_OK; i++)
            status = compare_noisy(subject, &bench_cells[i], (const char *const[]){tables[0]->name, tables[t]->name},
                                   logits, error);
    free(logits);
    MhoStatus back = mho_kernels_force(chosen, status == MHO_OK ? error : NULL);
    return status == MHO_OK ? back : status;
}

/* ---- training ---- */

static MhoStatus compare_codes(const BenchSubject *subject, const MhoFakeQuant *pass, const uint8_t *codes,
                               MhoError *error)
{
    const MhoLoweredNet *program = subject->program;
    for (size_t s = 0; s < program->n_steps; s++) {
        const MhoStep *step = &program->steps[s];
        size_t size = (size_t)step->shape.h * (size_t)step->shape.w * (size_t)step->shape.c;
        int node = mho_net_find(subject->net, step->name);
        const float *stored = node >= 0 && !step->is_logits ? mho_fakequant_output(pass, (size_t)node) : NULL;
        for (size_t i = 0; stored && i < PROOF_IMAGES * size; i++) {
            uint8_t code = codes[i / size * program->codes_size + program->codes_offset[s] + i % size];
            if (stored[i] != (step->low < 0 ? (float)(int8_t)code : (float)code))
                return mho_fail(error, MHO_FAILED,
                                "layer %s: the training pass and the integer network hold different codes", step->name);
        }
        if (!stored && !step->is_logits)
            return mho_fail(error, MHO_FAILED, "layer %s: the training pass holds no codes of it", step->name);
    }
    return MHO_OK;
}

static MhoStatus prove_codes(const BenchSubject *subject, MhoError *error)
{
    size_t n_logits = PROOF_IMAGES * (size_t)subject->program->n_classes;
    uint8_t *codes;
    float *logits, *own = calloc(n_logits, sizeof *own);
    MhoFakeQuant *pass = NULL;
    MhoStatus status = integer_outputs(subject, &codes, &logits, error);
    if (status == MHO_OK && !own)
        status = no_memory(error);
    if (status == MHO_OK)
        status = mho_fakequant_create(subject->net, PROOF_IMAGES, false, &pass, error);
    if (status == MHO_OK)
        status = mho_fakequant_forward(pass, subject->images, false, own, error);
    if (status == MHO_OK)
        status = compare_codes(subject, pass, codes, error);
    if (status == MHO_OK && memcmp(logits, own, n_logits * sizeof *own) != 0)
        status = mho_fail(error, MHO_FAILED, "the training pass and the integer network give different logits");
    mho_fakequant_destroy(pass);
    free(own);
    free(codes);
    free(logits);
    return status;
}

/* Mean cross entropy of the batch; d_logits (NULL: not wanted) its gradient. */
static double cross_entropy(size_t n, int classes, const float *logits, const uint8_t *labels, float *d_logits)
{
    double loss = 0.0;
    for (size_t i = 0; i < n; i++) {
        const float *z = logits + i * (size_t)classes;
        double sum = 0.0, top = z[0];
        for (int k = 1; k < classes; k++)
            top = fmax(top, z[k]);
        for (int k = 0; k < classes; k++)
            sum += exp(z[k] - top);
        loss += log(sum) + top - z[labels[i]];
        for (int k = 0; d_logits && k < classes; k++)
            d_logits[i * (size_t)classes + (size_t)k] = (float)((exp(z[k] - top) / sum - (k == labels[i])) / (double)n);
    }
    return loss / (double)n;
}

/* A step along an array's own gradient changes the loss by its length: a slope from two evaluations. */
static MhoStatus compare_slope(const BenchSubject *subject, MhoFakeQuant *pass, MhoNodeArray *array,
                               const float *gradient, const char *name, float *logits, MhoError *error)
{
    static const double move = 2e-3, tolerance = 0.03; /* float32 losses and kinks of ReLU allow no less */
    double length = 0.0, losses[2] = {0.0, 0.0};
    for (size_t i = 0; i < array->n; i++)
        length += (double)gradient[i] * gradient[i];
    length = sqrt(length);
    if (!(length > 0.0))
        return mho_fail(error, MHO_FAILED, "%s.%s: the gradient is zero", name, array->name);
    float *kept = malloc(array->n * sizeof *kept);
    if (!kept)
        return no_memory(error);
    memcpy(kept, array->value, array->n * sizeof *kept);
    MhoStatus status = MHO_OK;
    for (int side = 0; side < 2 && status == MHO_OK; side++) {
        double step = (side ? move : -move) / length;
        for (size_t i = 0; i < array->n; i++)
            array->value[i] = (float)(kept[i] + step * gradient[i]);
        status = mho_fakequant_forward(pass, subject->images, true, logits, error);
        losses[side] = cross_entropy(subject->n, subject->with_norm->n_classes, logits, subject->labels, NULL);
    }
    memcpy(array->value, kept, array->n * sizeof *kept);
    free(kept);
    double slope = (losses[1] - losses[0]) / (2.0 * move);
    if (status == MHO_OK && fabs(slope - length) > tolerance * length + 1e-4)
        status = mho_fail(error, MHO_FAILED, "%s.%s: backward gives a slope of %g, finite differences %g", name,
                          array->name, length, slope);
    return status;
}

static MhoStatus compare_slopes(const BenchSubject *subject, MhoNet *net, MhoFakeQuant *pass, float *logits,
                                float *d_logits, MhoError *error)
{
    MhoStatus status = mho_fakequant_forward(pass, subject->images, true, logits, error);
    if (status != MHO_OK)
        return status;
    (void)cross_entropy(subject->n, net->n_classes, logits, subject->labels, d_logits);
    status = mho_fakequant_backward(pass, d_logits, error);
    for (size_t i = 0; i < net->n_nodes && status == MHO_OK; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays && status == MHO_OK; a++) {
            MhoNodeArray *array = &net->nodes[i].arrays[a];
            const float *gradient = mho_fakequant_gradient(pass, i, a);
            if (array->learned && !gradient)
                status = mho_fail(error, MHO_FAILED, "%s.%s: no gradient", net->nodes[i].name, array->name);
            else if (array->learned)
                status = compare_slope(subject, pass, array, gradient, net->nodes[i].name, logits, error);
        }
    return status;
}

static MhoStatus prove_gradients(const BenchSubject *subject, MhoError *error)
{
    MhoNet *net = NULL;
    MhoFakeQuant *pass = NULL;
    size_t n = subject->n * (size_t)subject->with_norm->n_classes;
    float *logits = calloc(n, sizeof *logits), *d_logits = calloc(n, sizeof *d_logits);
    MhoStatus status = logits && d_logits ? mho_net_copy(subject->with_norm, &net, error) : no_memory(error);
    if (status == MHO_OK)
        status = mho_fakequant_create(net, subject->n, true, &pass, error);
    if (status == MHO_OK)
        status = compare_slopes(subject, net, pass, logits, d_logits, error);
    mho_fakequant_destroy(pass);
    mho_net_destroy(net);
    free(logits);
    free(d_logits);
    return status;
}

const BenchProof bench_proofs[BENCH_N_PROOFS] = {
    {"kernels: every table returns the bits of the scalar one", prove_kernels},
    {"integer network: every code equals that of a plain loop", prove_integer},
    {"analog: an ideal chip with a unit converter equals the integer network", prove_analog},
    {"analog with noise: every table gives the same logits", prove_noisy},
    {"quantized training: every code equals the integer network's", prove_codes},
    {"float training: every gradient equals finite differences", prove_gradients},
};
