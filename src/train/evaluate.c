/* evaluate.c - accuracy and loss of a net in evaluation mode: by fake quantization, and on chips.
 *
 * Each chip is programmed, aged and read; means are taken in the order of the chips' numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/lowered/net_on_chip.h"
#include "train/train_internal.h"

/* Logits (n rounded up to whole batches, classes): the last batch is filled up with the set's first images. */
static MhoStatus all_logits(MhoFakeQuant *fq, const MhoDataset *set, size_t batch, int classes, uint8_t *images,
                            float *logits, MhoError *error)
{
    const size_t bytes = (size_t)set->h * (size_t)set->w * (size_t)set->c, width = (size_t)classes;
    MhoStatus status = MHO_OK;
    for (size_t first = 0; first < set->n && status == MHO_OK; first += batch) {
        const size_t n = set->n - first < batch ? set->n - first : batch;
        memcpy(images, set->images + first * bytes, n * bytes);
        for (size_t i = n; i < batch; i++)
            memcpy(images + i * bytes, set->images + (i - n) % set->n * bytes, bytes);
        status = mho_fakequant_forward(fq, images, false, logits + first * width, error);
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
    float *logits =
        images ? mho_calloc(set->n + batch, width * sizeof *logits, error, "the logits of %zu images", set->n) : NULL;
    MhoStatus status = logits ? MHO_OK : MHO_MEMORY;
    if (status == MHO_OK)
        status = mho_fakequant_create(net, batch, false, &fq, error);
    if (status == MHO_OK)
        status = all_logits(fq, set, batch, net->n_classes, images, logits, error);
    if (status == MHO_OK) {
        size_t hits;
        mho_logits_score(logits, set->labels, set->n, net->n_classes, &hits, loss);
        *accuracy = (double)hits / (double)set->n;
    }
    mho_fakequant_destroy(fq);
    free(images);
    free(logits);
    return status;
}

static MhoStatus check_set(const MhoLoweredNet *net, const MhoDataset *set, const char *what, MhoError *error)
{
    const MhoShape in = net->input;
    if (set->n == 0)
        return mho_fail(error, MHO_USAGE, "no %s images for a chip", what);
    if (set->h != in.h || set->w != in.w || set->c != in.c)
        return mho_fail(error, MHO_USAGE, "%s images are %d x %d x %d and the network takes %d x %d x %d", what, set->h,
                        set->w, set->c, in.h, in.w, in.c);
    return MHO_OK;
}

/* Mean over chips `first` .. first + n - 1 in the configuration's condition; one chip where all are the same. */
static MhoStatus score_chips(MhoNetOnChip *on_chip, const MhoDataset *set, MhoCondition at, uint32_t first, uint32_t n,
                             float *logits, double *accuracy, double *loss, MhoError *error)
{
    MhoStatus status = MHO_OK;
    if (!mho_plan_is_random(mho_net_on_chip_plan(on_chip)))
        n = 1;
    for (uint32_t i = 0; i < n && status == MHO_OK; i++) {
        double hits = 0.0, cross_entropy = 0.0;
        status = mho_net_on_chip_set(on_chip, first + i, at, NULL, error);
        if (status == MHO_OK)
            status =
                mho_net_on_chip_score(on_chip, set->images, set->labels, set->n, logits, &hits, &cross_entropy, error);
        *accuracy += hits / n;
        *loss += cross_entropy / n;
    }
    return status;
}

MhoStatus mho_train_evaluate_chip(const MhoNet *net, const MhoDataset *set, const MhoDataset *calibration,
                                  const MhoChipConfig *config, uint32_t first, uint32_t n, int threads,
                                  double *accuracy, double *loss, MhoError *error)
{
    const MhoCondition at = {.t = config->chip.time, .temperature = config->chip.temperature};
    MhoLoweredNet *lowered = NULL;
    MhoNetOnChip *on_chip = NULL;
    float *logits = NULL;
    *accuracy = *loss = 0.0;
    if (n == 0 || n > UINT32_MAX - first)
        return mho_fail(error, MHO_USAGE, "%u chips from number %u on: at least one, and numbers have 32 bits", n,
                        first);
    MhoStatus status = mho_lowered_net_create(net, &lowered, error);
    if (status == MHO_OK)
        status = check_set(lowered, set, "evaluation", error);
    if (status == MHO_OK && calibration)
        status = check_set(lowered, calibration, "calibration", error);
    if (status == MHO_OK)
        status = mho_net_on_chip_create(&(MhoNetOnChipInput){.net = lowered,
                                                             .config = config,
                                                             .calibration = calibration ? calibration->images : NULL,
                                                             .n_calibration = calibration ? calibration->n : 0,
                                                             .threads = threads},
                                        &on_chip, error);
    if (status == MHO_OK) {
        logits = mho_calloc(set->n, (size_t)net->n_classes * sizeof *logits, error, "the logits of %zu images", set->n);
        status = logits ? score_chips(on_chip, set, at, first, n, logits, accuracy, loss, error) : MHO_MEMORY;
    }
    free(logits);
    mho_net_on_chip_destroy(on_chip);
    mho_lowered_net_destroy(lowered);
    return status;
}
