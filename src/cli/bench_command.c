/* bench_command.c - mho bench: images per second on this machine. Everything that is timed is compared with its
 * specification first. */
#include "cli/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/command.h"
#include "kernels/random.h"
#include "net/calibrate/calibrate.h"
#include "net/transform/transform.h"

enum { SIDE = 28, CLASSES = 10, IMAGES = 64, TRAINING = 2560, REPETITIONS = 5, WEIGHT_BITS = 2, ACTIVATION_BITS = 4 };
static const double least_seconds = 0.25; /* of one repetition */

const BenchCell bench_cells[BENCH_N_CELLS] = {
    {"analog, ideal cells", {"chip.cell.name", "ideal", NULL}},
    {"analog, PCM, frozen noise", {"chip.cell.name", "pcm", "chip.time", "86400", NULL}},
    {"analog, NOR flash, noise at every read", {"chip.cell.name", "nor_flash", NULL}},
};

MhoStatus bench_chip_create(const BenchSubject *subject, const char *const *sets, BenchChip *chip, MhoError *error)
{
    MhoChipConfig config;
    *chip = (BenchChip){0};
    MhoStatus status = mho_settings_create(&chip->settings, error);
    for (size_t i = 0; status == MHO_OK && sets[i]; i += 2)
        status = mho_settings_set(chip->settings, sets[i], sets[i + 1], NULL, error);
    if (status == MHO_OK)
        status = mho_settings_chip_config(chip->settings, &config, error);
    if (status == MHO_OK)
        status = mho_net_on_chip_create(&(MhoNetOnChipInput){.net = subject->lowered,
                                                             .config = &config,
                                                             .calibration = subject->images,
                                                             .n_calibration = subject->n,
                                                             .threads = subject->threads},
                                        &chip->on_chip, error);
    if (status == MHO_OK)
        status = mho_net_on_chip_set(chip->on_chip, 0,
                                     (MhoCondition){.t = config.chip.time, .temperature = config.chip.temperature},
                                     NULL, error);
    if (status != MHO_OK)
        bench_chip_clear(chip);
    return status;
}

void bench_chip_clear(BenchChip *chip)
{
    mho_net_on_chip_destroy(chip->on_chip);
    mho_settings_destroy(chip->settings);
    *chip = (BenchChip){0};
}

/* n images of a bright bar at the height of the label, on noise; on failure the caller frees what there is. */
static MhoStatus create_images(size_t n, uint8_t **images_made, uint8_t **labels_made, MhoError *error)
{
    uint8_t *images = *images_made = mho_calloc(n, SIDE * SIDE, error, "%zu images", n);
    uint8_t *labels = *labels_made = images ? mho_calloc(n, 1, error, "the labels of %zu images", n) : NULL;
    if (!labels)
        return MHO_MEMORY;
    MhoStream stream = {.seed = 11, .noise = 1.0F};
    for (size_t i = 0; i < n; i++) {
        uint32_t words[SIDE];
        stream.image = (uint32_t)i;
        labels[i] = (uint8_t)(i % CLASSES);
        for (int y = 0; y < SIDE; y++) {
            stream.place = (uint32_t)y;
            mho_random_words(stream, MHO_DRAW_TEST, 0, SIDE, words);
            bool bar = y / 2 == 2 + labels[i];
            for (int x = 0; x < SIDE; x++) {
                uint32_t background = words[x] % 4 ? 0 : words[x] >> 25;
                images[(i * SIDE + (size_t)y) * SIDE + (size_t)x] = (uint8_t)(bar ? 128 + words[x] % 128 : background);
            }
        }
    }
    return MHO_OK;
}

static void subject_clear(BenchSubject *subject)
{
    mho_lowered_net_destroy(subject->lowered);
    mho_net_destroy(subject->net);
    mho_net_destroy(subject->with_norm);
    free(subject->images);
    free(subject->labels);
    *subject = (BenchSubject){0};
}

static MhoStatus subject_create(int threads, BenchSubject *subject, MhoError *error)
{
    *subject = (BenchSubject){.n = IMAGES, .threads = threads};
    MhoQuantPlan plan = {.weight_bits = WEIGHT_BITS,
                         .activation_bits = ACTIVATION_BITS,
                         .scale = MHO_SCALE_PER_CHANNEL,
                         .weight_policy = "fqconv",
                         .activation_policy = "fqconv"};
    MhoNet *quantized = NULL;
    MhoStatus status = create_images(IMAGES, &subject->images, &subject->labels, error);
    if (status == MHO_OK)
        status = mho_net_build("allconv", (MhoShape){SIDE, SIDE, 1}, CLASSES, 1.0, 1, &subject->with_norm, error);
    if (status == MHO_OK)
        status = mho_net_quantize(subject->with_norm, &plan, &quantized, error);
    if (status == MHO_OK)
        status = mho_net_fit_weights(quantized, error);
    if (status == MHO_OK)
        status = mho_net_calibrate(quantized, subject->images, IMAGES, threads, error);
    if (status == MHO_OK)
        status = mho_net_remove_batchnorm(quantized, MHO_SCALE_PER_CHANNEL, true, &subject->net, error);
    if (status == MHO_OK)
        status = mho_lowered_net_create(subject->net, &subject->lowered, error);
    mho_net_destroy(quantized);
    return status;
}

/* ---- rates ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_rate(const char *name, double *rates, size_t n)
{
    qsort(rates, n, sizeof *rates, by_value);
    printf("%-42s %10.0f  (%.0f to %.0f)\n", name, rates[n / 2], rates[0], rates[n - 1]);
    (void)fflush(stdout);
}

static MhoStatus run_once(const BenchSubject *subject, MhoExecutor *executor, float *logits, MhoError *error)
{
    if (mho_stop_requested())
        return mho_fail(error, MHO_STOPPED, "stopped");
    return mho_executor_run(executor, &(MhoImageBatch){.images = subject->images, .n = subject->n, .logits = logits},
                            error);
}

static MhoStatus time_inference(const BenchSubject *subject, const char *name, MhoExecutor *executor, MhoError *error)
{
    double rates[REPETITIONS];
    float *logits = mho_calloc(subject->n, (size_t)subject->lowered->n_classes * sizeof *logits, error, "logits");
    if (!logits)
        return MHO_MEMORY;
    MhoStatus status = run_once(subject, executor, logits, error); /* the first run fills caches and starts threads */
    for (size_t r = 0; r < REPETITIONS && status == MHO_OK; r++) {
        size_t done = 0;
        double start = mho_clock(), seconds = 0.0;
        while (status == MHO_OK && seconds < least_seconds) {
            status = run_once(subject, executor, logits, error);
            done += subject->n;
            seconds = mho_clock() - start;
        }
        rates[r] = (double)done / seconds;
    }
    if (status == MHO_OK)
        print_rate(name, rates, REPETITIONS);
    free(logits);
    return status;
}

static MhoStatus time_integer(const BenchSubject *subject, MhoError *error)
{
    MhoExecutor *executor = NULL;
    MhoStatus status = mho_integer_executor_create(subject->lowered, subject->threads, &executor, error);
    if (status == MHO_OK)
        status = time_inference(subject, "inference, integer", executor, error);
    mho_executor_destroy(executor);
    return status;
}

static MhoStatus time_cells(const BenchSubject *subject, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < BENCH_N_CELLS && status == MHO_OK; i++) {
        BenchChip chip;
        status = bench_chip_create(subject, bench_cells[i].sets, &chip, error);
        if (status == MHO_OK)
            status = time_inference(subject, bench_cells[i].name, mho_net_on_chip_executor(chip.on_chip), error);
        bench_chip_clear(&chip);
    }
    return status;
}

/* The times of the checkpoints: one after every epoch. */
typedef struct Epochs {
    double at[2 * (REPETITIONS + 1) + 1];
    size_t n;
} Epochs;

static MhoStatus note_epoch(void *context, MhoRecord *checkpoint, bool final, MhoError *error)
{
    Epochs *epochs = context;
    (void)checkpoint;
    (void)error;
    if (!final && epochs->n < sizeof epochs->at / sizeof *epochs->at)
        epochs->at[epochs->n++] = mho_clock();
    return MHO_OK;
}

/* Whole training as `mho train` does it: batches, augmentation, loss, gradients, optimizer, and one validation image
 * after every epoch. The first epoch of each stage allocates buffers and is not counted. */
static MhoStatus time_training(const BenchSubject *subject, MhoError *error)
{
    MhoDataset training = {.n = TRAINING, .h = SIDE, .w = SIDE, .c = 1, .n_classes = CLASSES}, validation = training;
    MhoTrainParams train;
    MhoQuantParams quant;
    Epochs epochs = {0};
    MhoNet *net = NULL;
    mho_params_default(mho_train_descriptor.params, mho_train_descriptor.n_params, &train);
    mho_params_default(mho_quant_descriptor.params, mho_quant_descriptor.n_params, &quant);
    snprintf(train.net, sizeof train.net, "allconv");
    snprintf(train.stages, sizeof train.stages, "float:%d %d/%d:%d", REPETITIONS + 1, WEIGHT_BITS, ACTIVATION_BITS,
             REPETITIONS + 1);
    MhoStatus status = create_images(TRAINING, &training.images, &training.labels, error);
    validation.n = 1;
    validation.images = training.images;
    validation.labels = training.labels;
    MhoTrainInput input = {.training = &training,
                           .validation = &validation,
                           .train = &train,
                           .quant = &quant,
                           .seed = 1,
                           .recipe = "",
                           .threads = subject->threads,
                           .checkpoint = note_epoch,
                           .context = &epochs};
    if (status == MHO_OK)
        status = mho_train(&input, &net, error);
    for (size_t stage = 0; stage < 2 && status == MHO_OK; stage++) {
        double rates[REPETITIONS];
        const double *at = epochs.at + stage * (REPETITIONS + 1);
        size_t batches = TRAINING / (size_t)train.batch;
        for (size_t r = 0; r < REPETITIONS; r++)
            rates[r] = (double)(batches * (size_t)train.batch) / (at[r + 1] - at[r]);
        print_rate(stage == 0 ? "training, float" : "training, 2-bit weights, 4-bit activations", rates, REPETITIONS);
    }
    mho_net_destroy(net);
    mho_dataset_destroy(&training);
    return status;
}

/* ---- command ---- */

static MhoStatus prove_all(const BenchSubject *subject, const MhoLog *log, MhoError *error)
{
    for (size_t i = 0; i < BENCH_N_PROOFS; i++) {
        if (mho_stop_requested())
            return mho_fail(error, MHO_STOPPED, "stopped");
        MhoStatus status = bench_proofs[i].prove(subject, error);
        if (status != MHO_OK)
            return mho_fail_context(error, "no rates are shown, because this proof failed: %s", bench_proofs[i].name);
        mho_log(log, MHO_LOG_INFO, "proved  %s", bench_proofs[i].name);
    }
    return MHO_OK;
}

static MhoStatus run_bench(MhoOptions *options, MhoError *error)
{
    BenchSubject subject = {0};
    MhoStatus status = subject_create(options->threads, &subject, error);
    if (status == MHO_OK)
        status = prove_all(&subject, &options->log, error);
    if (status == MHO_OK && options->check) {
        printf("all %d proofs hold with the kernels this CPU can run\n", BENCH_N_PROOFS);
    } else if (status == MHO_OK) {
        printf("allconv on %d x %d, %.1f M MAC, ternary weights, 4-bit activations; kernels %s, %d threads\n"
               "%-42s %10s  (slowest to fastest of %d)\n",
               SIDE, SIDE, mho_net_macs(subject.net) * 1e-6, mho_kernels()->name, options->threads, "", "images/s",
               REPETITIONS);
        status = time_training(&subject, error);
        if (status == MHO_OK)
            status = time_integer(&subject, error);
        if (status == MHO_OK)
            status = time_cells(&subject, error);
    }
    subject_clear(&subject);
    return status;
}

const Command command_bench = {
    .name = "bench",
    .usage = "",
    .summary = "measure images per second on this machine",
    .help = "  mho bench -j 4\n"
            "measures training in float and with quantized layers, the integer network, and chips of three cells:\n"
            "median of 5 repetitions, slowest and fastest in brackets. Before that, everything is compared with its\n"
            "specification; if a result differs, the command names it, prints no rate and exits with 1.\n"
            "--check only compares.",
    .options = MHO_OPTION_CPU | MHO_OPTION_THREADS | MHO_OPTION_CHECK | MHO_OPTION_QUIET,
    .run = run_bench,
};
