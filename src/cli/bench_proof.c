/* bench_proof.c - everything that the benchmark times against its specification, at the sizes that are timed.
 *
 *   integer    every kernel table gives the codes and logits of the scalar one, which is the specification
 *   analog     ideal cells with a unit converter equal the integer network, code for code
 *   noisy      chips of every timed cell give the same logits with every table
 *   codes      training's forward pass gives the integer network's codes in every fake_quant node
 *   gradients  backward equals finite differences of a weighted sum of logits
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/bench.h"
#include "net/fakequant/fakequant.h"

enum { MAX_TABLES = 8, PROOF_IMAGES = 4 };

/* Codes and logits of the first images. */
typedef struct Outputs {
    size_t n_codes, n_logits; /* of all images */
    uint8_t *codes;
    float *logits;
} Outputs;

static MhoStatus outputs_create(const BenchSubject *subject, Outputs *outputs, MhoError *error)
{
    outputs->n_codes = PROOF_IMAGES * subject->lowered->codes_size;
    outputs->n_logits = PROOF_IMAGES * (size_t)subject->lowered->n_classes;
    outputs->codes = mho_calloc(outputs->n_codes, 1, error, "a proof");
    outputs->logits = outputs->codes ? mho_calloc(outputs->n_logits, sizeof(float), error, "a proof") : NULL;
    return outputs->logits ? MHO_OK : MHO_MEMORY;
}

static void outputs_clear(Outputs *outputs)
{
    free(outputs->codes);
    free(outputs->logits);
    *outputs = (Outputs){0};
}

static bool outputs_equal(const Outputs *a, const Outputs *b)
{
    return memcmp(a->codes, b->codes, a->n_codes) == 0 &&
           memcmp(a->logits, b->logits, a->n_logits * sizeof *a->logits) == 0;
}

static MhoStatus run_executor(const BenchSubject *subject, MhoExecutor *executor, const Outputs *outputs,
                              MhoError *error)
{
    return mho_executor_run(
        executor,
        &(MhoImageBatch){
            .images = subject->images, .n = PROOF_IMAGES, .logits = outputs->logits, .codes = outputs->codes},
        error);
}

/* New outputs of the integer network. */
static MhoStatus integer_outputs(const BenchSubject *subject, Outputs *outputs, MhoError *error)
{
    MhoExecutor *executor = NULL;
    MhoStatus status = outputs_create(subject, outputs, error);
    if (status == MHO_OK)
        status = mho_integer_executor_create(subject->lowered, subject->threads, &executor, error);
    if (status == MHO_OK)
        status = run_executor(subject, executor, outputs, error);
    mho_executor_destroy(executor);
    return status;
}

/* New outputs of a chip that is programmed for them. */
static MhoStatus chip_outputs(const BenchSubject *subject, const char *const *sets, Outputs *outputs, MhoError *error)
{
    BenchChip chip = {0};
    MhoStatus status = outputs_create(subject, outputs, error);
    if (status == MHO_OK)
        status = bench_chip_create(subject, sets, &chip, error);
    if (status == MHO_OK)
        status = run_executor(subject, mho_net_on_chip_executor(chip.on_chip), outputs, error);
    bench_chip_clear(&chip);
    return status;
}

/* ---- kernels ---- */

/* Outputs with every kernel table this CPU can run against those of the first, the scalar one. sets NULL: of the
 * integer network. */
static MhoStatus compare_tables(const BenchSubject *subject, const char *name, const char *const *sets, MhoError *error)
{
    const MhoKernels *tables[MAX_TABLES];
    const size_t n_tables = mho_kernels_available(tables, MAX_TABLES);
    const char *chosen = mho_kernels()->name;
    Outputs scalar = {0};
    MhoStatus status = MHO_OK;
    for (size_t t = 0; t < n_tables && status == MHO_OK; t++) {
        Outputs other = {0}, *outputs = t == 0 ? &scalar : &other;
        status = mho_kernels_force(tables[t]->name, error);
        if (status == MHO_OK)
            status = sets ? chip_outputs(subject, sets, outputs, error) : integer_outputs(subject, outputs, error);
        if (status == MHO_OK && !outputs_equal(&scalar, outputs))
            status = mho_fail(error, MHO_FAILED, "%s: the kernels %s give other outputs than %s", name, tables[t]->name,
                              tables[0]->name);
        outputs_clear(&other);
    }
    outputs_clear(&scalar);
    const MhoStatus back = mho_kernels_force(chosen, status == MHO_OK ? error : NULL);
    return status == MHO_OK ? back : status;
}

static MhoStatus prove_integer(const BenchSubject *subject, MhoError *error)
{
    return compare_tables(subject, "integer network", NULL, error);
}

static MhoStatus prove_noisy(const BenchSubject *subject, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < BENCH_N_CELLS && status == MHO_OK; i++)
        status = compare_tables(subject, bench_cells[i].name, bench_cells[i].sets, error);
    return status;
}

/* ---- analog ---- */

static MhoStatus prove_analog(const BenchSubject *subject, MhoError *error)
{
    static const char *const sets[] = {
        "chip.cell.name", "ideal", "chip.adc.range", "unit", "chip.adc.uniform.bits", "32", NULL};
    Outputs integer = {0}, chip = {0};
    MhoStatus status = integer_outputs(subject, &integer, error);
    if (status == MHO_OK)
        status = chip_outputs(subject, sets, &chip, error);
    if (status == MHO_OK && !outputs_equal(&integer, &chip))
        status = mho_fail(error, MHO_FAILED, "an ideal chip with a unit converter differs from the integer network");
    outputs_clear(&chip);
    outputs_clear(&integer);
    return status;
}

/* ---- training ---- */

static MhoStatus compare_codes(const BenchSubject *subject, const MhoFakeQuant *fq, const uint8_t *codes,
                               MhoError *error)
{
    const MhoLoweredNet *lowered = subject->lowered;
    for (size_t s = 0; s < lowered->n_steps; s++) {
        const MhoStep *step = &lowered->steps[s];
        size_t size = (size_t)step->shape.h * (size_t)step->shape.w * (size_t)step->shape.c;
        int node = mho_net_find(subject->net, step->name);
        const float *stored = node >= 0 && !step->is_logits ? mho_fakequant_output(fq, (size_t)node) : NULL;
        for (size_t i = 0; stored && i < PROOF_IMAGES * size; i++) {
            uint8_t code = codes[i / size * lowered->codes_size + lowered->codes_offset[s] + i % size];
            if (stored[i] != (step->low < 0 ? (float)(int8_t)code : (float)code))
                return mho_fail(error, MHO_FAILED,
                                "layer %s: training's forward pass and the integer network give different codes",
                                step->name);
        }
        if (!stored && !step->is_logits)
            return mho_fail(error, MHO_FAILED, "layer %s: training's forward pass has no codes of it", step->name);
    }
    return MHO_OK;
}

static MhoStatus prove_codes(const BenchSubject *subject, MhoError *error)
{
    Outputs integer = {0}, own = {0};
    MhoFakeQuant *fq = NULL;
    MhoStatus status = integer_outputs(subject, &integer, error);
    if (status == MHO_OK)
        status = outputs_create(subject, &own, error);
    if (status == MHO_OK)
        status = mho_fakequant_create(subject->net, PROOF_IMAGES, false, &fq, error);
    if (status == MHO_OK)
        status = mho_fakequant_forward(fq, subject->images, false, own.logits, error);
    if (status == MHO_OK)
        status = compare_codes(subject, fq, integer.codes, error);
    if (status == MHO_OK && memcmp(integer.logits, own.logits, own.n_logits * sizeof *own.logits) != 0)
        status = mho_fail(error, MHO_FAILED, "training's forward pass and the integer network give different logits");
    mho_fakequant_destroy(fq);
    outputs_clear(&own);
    outputs_clear(&integer);
    return status;
}

/* Weights of the logits (n, classes): the label's minus the mean, of every image. */
static void fill_weights(const BenchSubject *subject, float *weights)
{
    const size_t classes = (size_t)subject->with_norm->n_classes;
    for (size_t i = 0; i < subject->n * classes; i++)
        weights[i] =
            ((i % classes == subject->labels[i / classes] ? 1.0F : 0.0F) - 1.0F / (float)classes) / (float)subject->n;
}

static double weighted_sum(size_t n, const float *weights, const float *logits)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)weights[i] * (double)logits[i];
    return sum;
}

/* A step along an array's own gradient changes the sum by its length: a slope from two evaluations. */
static MhoStatus compare_slope(const BenchSubject *subject, MhoFakeQuant *fq, MhoNodeArray *array,
                               const float *gradient, const char *name, const float *weights, float *logits,
                               MhoError *error)
{
    static const double move = 2e-3, tolerance = 0.03; /* float32 sums and kinks of ReLU allow no less */
    double length = 0.0, sums[2] = {0.0, 0.0};
    for (size_t i = 0; i < array->n; i++)
        length += (double)gradient[i] * gradient[i];
    length = sqrt(length);
    if (!(length > 0.0))
        return mho_fail(error, MHO_FAILED, "%s.%s: the gradient is zero", name, array->name);
    float *kept = mho_calloc(array->n, sizeof *kept, error, "a proof");
    if (!kept)
        return MHO_MEMORY;
    memcpy(kept, array->value, array->n * sizeof *kept);
    MhoStatus status = MHO_OK;
    for (int side = 0; side < 2 && status == MHO_OK; side++) {
        double step = (side ? move : -move) / length;
        for (size_t i = 0; i < array->n; i++)
            array->value[i] = (float)(kept[i] + step * gradient[i]);
        status = mho_fakequant_forward(fq, subject->images, true, logits, error);
        sums[side] = weighted_sum(subject->n * (size_t)subject->with_norm->n_classes, weights, logits);
    }
    memcpy(array->value, kept, array->n * sizeof *kept);
    free(kept);
    double slope = (sums[1] - sums[0]) / (2.0 * move);
    if (status == MHO_OK && fabs(slope - length) > tolerance * length + 1e-4)
        status = mho_fail(error, MHO_FAILED, "%s.%s: backward gives a slope of %g, finite differences %g", name,
                          array->name, length, slope);
    return status;
}

static MhoStatus compare_slopes(const BenchSubject *subject, MhoNet *net, MhoFakeQuant *fq, float *logits,
                                float *weights, MhoError *error)
{
    fill_weights(subject, weights);
    MhoStatus status = mho_fakequant_forward(fq, subject->images, true, logits, error);
    if (status != MHO_OK)
        return status;
    status = mho_fakequant_backward(fq, weights, error);
    for (size_t i = 0; i < net->n_nodes && status == MHO_OK; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays && status == MHO_OK; a++) {
            MhoNodeArray *array = &net->nodes[i].arrays[a];
            const float *gradient = mho_fakequant_gradient(fq, i, a);
            if (array->learned && !gradient)
                status = mho_fail(error, MHO_FAILED, "%s.%s: no gradient", net->nodes[i].name, array->name);
            else if (array->learned)
                status = compare_slope(subject, fq, array, gradient, net->nodes[i].name, weights, logits, error);
        }
    return status;
}

static MhoStatus prove_gradients(const BenchSubject *subject, MhoError *error)
{
    MhoNet *net = NULL;
    MhoFakeQuant *fq = NULL;
    size_t n = subject->n * (size_t)subject->with_norm->n_classes;
    float *logits = mho_calloc(n, sizeof *logits, error, "a proof");
    float *weights = mho_calloc(n, sizeof *weights, error, "a proof");
    MhoStatus status = logits && weights ? mho_net_copy(subject->with_norm, &net, error) : MHO_MEMORY;
    if (status == MHO_OK)
        status = mho_fakequant_create(net, subject->n, true, &fq, error);
    if (status == MHO_OK)
        status = compare_slopes(subject, net, fq, logits, weights, error);
    mho_fakequant_destroy(fq);
    mho_net_destroy(net);
    free(logits);
    free(weights);
    return status;
}

const BenchProof bench_proofs[BENCH_N_PROOFS] = {
    {"integer network: every kernel table gives the codes of the scalar one", prove_integer},
    {"analog: an ideal chip with a unit converter equals the integer network", prove_analog},
    {"analog with noise: every kernel table gives the same logits", prove_noisy},
    {"quantized training: every code equals the integer network's", prove_codes},
    {"float training: every gradient equals finite differences", prove_gradients},
};
