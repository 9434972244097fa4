/* evaluate.c - accuracy and loss of a net in evaluation mode: by fake quantization, and on chips.
 *
 * Each chip is programmed, aged and read; means are taken in the order of the chips' numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/lowered/executor.h"
#include "train/train_internal.h"

/* Logits (n, classes); the last batch is filled up with the set's first images, whose logits are left out. */
static MhoStatus all_logits(MhoFakeQuant *fq, const MhoDataset *set, size_t batch, int classes, uint8_t *images,
                            float *part, float *logits, MhoError *error)
{
    const size_t bytes = (size_t)set->h * (size_t)set->w * (size_t)set->c, width = (size_t)classes;
    MhoStatus status = MHO_OK;

    for (size_t first = 0; first < set->n && status == MHO_OK; first += batch) {
        const size_t n = set->n - first < batch ? set->n - first : batch;

        memcpy(images, set->images + first * bytes, n * bytes);
        for (size_t i = n; i < batch; i++)
            memcpy(images + i * bytes, set->images + (i - n) % set->n * bytes, bytes);
        status = mho_fakequant_forward(fq, images, false, part, error);
        memcpy(logits + first * width, part, n * width * sizeof *logits);
    }
    return status;
}

MhoStatus mho_train_evaluate(MhoNet *net, const MhoDataset *set, size_t batch, double *accuracy, double *loss,
                             MhoError *error)
{
    const size_t bytes = (size_t)set->h * (size_t)set->w * (size_t)set->c, width = (size_t)net->n_classes;
    MhoFakeQuant *fq = NULL;

    *accuracy = *loss = 0.0;
    if (set->n == 0 || batch == 0)
        return mho_fail(error, MHO_USAGE, "no images to classify");
    uint8_t *images = mho_calloc(batch, bytes, error, "a batch of %zu images", batch);
    float *part = images ? mho_calloc(batch, width * sizeof *part, error, "the logits of %zu images", batch) : NULL;
    float *logits = part ? mho_calloc(set->n, width * sizeof *logits, error, "the logits of %zu images", set->n) : NULL;
    MhoStatus status = logits ? MHO_OK : MHO_MEMORY;
    if (status == MHO_OK)
        status = mho_fakequant_create(net, batch, false, &fq, error);
    if (status == MHO_OK)
        status = all_logits(fq, set, batch, net->n_classes, images, part, logits, error);
    if (status == MHO_OK) {
        size_t hits;

        mho_logits_score(logits, set->labels, set->n, net->n_classes, &hits, loss);
        *accuracy = (double)hits / (double)set->n;
    }
    mho_fakequant_destroy(fq);
    free(images);
    free(part);
    free(logits);
    return status;
}

/* The objects that all chips of an evaluation share. */
typedef struct ChipEvaluation {
    const MhoDataset *set, *calibration; /* calibration NULL: none */
    const MhoChipConfig *config;
    int threads;
    MhoLoweredNet *lowered;
    MhoPlan *plan;
    float *logits; /* (set->n, classes) */
} ChipEvaluation;

static MhoStatus check_set(const MhoLoweredNet *lowered, const MhoDataset *set, const char *what, MhoError *error)
{
    const MhoShape in = lowered->input;

    if (set->n == 0)
        return mho_fail(error, MHO_USAGE, "no %s images for a chip", what);
    if (set->h != in.h || set->w != in.w || set->c != in.c)
        return mho_fail(error, MHO_USAGE, "%s images are %d x %d x %d and the network takes %d x %d x %d", what, set->h,
                        set->w, set->c, in.h, in.w, in.c);
    return MHO_OK;
}

static MhoStatus open_evaluation(const MhoNet *net, ChipEvaluation *evaluation, MhoError *error)
{
    const MhoDataset *calibration = evaluation->calibration;
    MhoStatus status = mho_lowered_net_create(net, &evaluation->lowered, error);

    if (status == MHO_OK)
        status = check_set(evaluation->lowered, evaluation->set, "evaluation", error);
    if (status == MHO_OK && calibration)
        status = check_set(evaluation->lowered, calibration, "calibration", error);
    if (status == MHO_OK)
        status = mho_lowered_net_plan(evaluation->lowered, evaluation->config, calibration ? calibration->images : NULL,
                                      calibration ? calibration->n : 0, evaluation->threads, &evaluation->plan, error);
    if (status != MHO_OK)
        return status;
    evaluation->logits = mho_calloc(evaluation->set->n, (size_t)net->n_classes * sizeof *evaluation->logits, error,
                                    "the logits of %zu images", evaluation->set->n);
    return evaluation->logits ? MHO_OK : MHO_MEMORY;
}

static void close_evaluation(ChipEvaluation *evaluation)
{
    free(evaluation->logits);
    mho_plan_destroy(evaluation->plan);
    mho_lowered_net_destroy(evaluation->lowered);
}

/* One chip at the configuration's time and temperature. */
static MhoStatus score_chip(const ChipEvaluation *evaluation, uint32_t number, double *accuracy, double *loss,
                            MhoError *error)
{
    const MhoCondition at = {.t = evaluation->config->chip.time, .temperature = evaluation->config->chip.temperature};
    const MhoAnalogOptions options = {.threads = evaluation->threads};
    const MhoDataset *set = evaluation->set, *calibration = evaluation->calibration;
    MhoChip *chip = NULL;
    MhoChipState *state = NULL;
    MhoStatus status = mho_lowered_net_state(evaluation->lowered, evaluation->plan, number, at,
                                             calibration ? calibration->images : NULL, calibration ? calibration->n : 0,
                                             evaluation->threads, &chip, &state, error);

    if (status == MHO_OK)
        status = mho_analog_run(evaluation->lowered, state, set->images, set->n, &options, evaluation->logits, error);
    if (status == MHO_OK) {
        size_t hits;

        mho_logits_score(evaluation->logits, set->labels, set->n, evaluation->lowered->n_classes, &hits, loss);
        *accuracy = (double)hits / (double)set->n;
    }
    mho_chip_state_destroy(state);
    mho_chip_destroy(chip);
    return status;
}

MhoStatus mho_train_evaluate_chip(const MhoNet *net, const MhoDataset *set, const MhoDataset *calibration,
                                  const MhoChipConfig *config, uint32_t first, uint32_t n, int threads,
                                  double *accuracy, double *loss, MhoError *error)
{
    ChipEvaluation evaluation = {.set = set, .calibration = calibration, .config = config, .threads = threads};

    *accuracy = *loss = 0.0;
    if (n == 0 || n > UINT32_MAX - first)
        return mho_fail(error, MHO_USAGE, "%u chips from number %u on: at least one, and numbers have 32 bits", n,
                        first);
    MhoStatus status = open_evaluation(net, &evaluation, error);
    if (status == MHO_OK && !mho_plan_is_random(evaluation.plan))
        n = 1; /* every chip is the same */
    for (uint32_t i = 0; i < n && status == MHO_OK; i++) {
        double hits, cross_entropy;

        status = score_chip(&evaluation, first + i, &hits, &cross_entropy, error);
        if (status == MHO_OK) {
            *accuracy += hits / n;
            *loss += cross_entropy / n;
        }
    }
    close_evaluation(&evaluation);
    return status;
}
