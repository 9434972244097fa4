/* batches.c - order of the training images and their augmented copies. */
#include <stdlib.h>
#include <string.h>

#include "kernels/random.h"
#include "train/train_internal.h"

MhoStatus mho_batches_create(const MhoTrainInput *input, MhoBatches *batches, MhoError *error)
{
    const MhoDataset *set = input->training;
    const size_t batch = (size_t)input->train->batch;

    *batches = (MhoBatches){.set = set,
                            .batch = batch,
                            .n_batches = set->n / batch,
                            .augment = {.h = set->h,
                                        .w = set->w,
                                        .c = set->c,
                                        .crop = input->train->crop,
                                        .flip = input->train->flip,
                                        .seed = input->seed}};
    if (set->n < batch)
        return mho_fail(error, MHO_USAGE, "train.batch: %zu images a batch, but there are only %zu training images",
                        batch, set->n);
    if (set->n > UINT32_MAX)
        return mho_fail(error, MHO_USAGE, "%zu training images are more than 2^32 - 1", set->n);
    batches->order = malloc(set->n * sizeof *batches->order);
    batches->images = malloc(batch * (size_t)set->h * (size_t)set->w * (size_t)set->c);
    batches->labels = malloc(batch);
    if (!batches->order || !batches->images || !batches->labels) {
        mho_batches_destroy(batches);
        return mho_fail(error, MHO_MEMORY, "out of memory for batches of %zu images", batch);
    }
    return MHO_OK;
}

void mho_batches_destroy(MhoBatches *batches)
{
    free(batches->order);
    free(batches->images);
    free(batches->labels);
    memset(batches, 0, sizeof *batches);
}

void mho_batches_shuffle(MhoBatches *batches, uint32_t epoch)
{
    const MhoStream stream = {.seed = batches->augment.seed, .step = epoch};

    for (size_t i = 0; i < batches->set->n; i++)
        batches->order[i] = (uint32_t)i;
    mho_random_shuffle(stream, MHO_DRAW_SHUFFLE, batches->set->n, batches->order);
    batches->augment.epoch = epoch;
}

void mho_batches_fill(MhoBatches *batches, size_t number)
{
    const MhoDataset *set = batches->set;
    const size_t bytes = (size_t)set->h * (size_t)set->w * (size_t)set->c;

    for (size_t i = 0; i < batches->batch; i++) {
        const uint32_t from = batches->order[number * batches->batch + i];

        mho_augment_image(&batches->augment, set->images + from * bytes, from, batches->images + i * bytes);
        batches->labels[i] = set->labels[from];
    }
}
