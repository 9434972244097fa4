/* batches.c - the training images of an epoch in random order, each a random crop of the padded image, maybe mirrored.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/random.h"
#include "train/train_internal.h"

/* One row of the source, moved right by `move` pixels, code 0 where there is none. */
static void shifted_row(const MhoAugment *a, const uint8_t *row, int move, uint8_t *out)
{
    const int from = move < 0 ? -move : 0, to = move > 0 ? move : 0;
    const int n = a->w - from - to;
    memset(out, 0, (size_t)(a->w * a->c));
    if (n > 0)
        memcpy(out + to * a->c, row + from * a->c, (size_t)(n * a->c));
}

static void mirror_row(const MhoAugment *a, uint8_t *row)
{
    for (int x = 0; x < a->w / 2; x++)
        for (int c = 0; c < a->c; c++) {
            uint8_t *left = &row[x * a->c + c], *right = &row[(a->w - 1 - x) * a->c + c];
            const uint8_t swapped = *left;
            *left = *right;
            *right = swapped;
        }
}

void mho_augment_image(const MhoAugment *augment, const uint8_t *image, uint32_t number, uint8_t *out)
{
    const MhoStream stream = {.seed = augment->seed, .step = augment->epoch, .image = number};
    const uint32_t places = 2 * (uint32_t)augment->crop + 1;
    const int move_y = (int)mho_random_below(stream, MHO_DRAW_AUGMENT, 0, places) - augment->crop;
    const int move_x = (int)mho_random_below(stream, MHO_DRAW_AUGMENT, 1, places) - augment->crop;
    const bool mirrored = augment->flip && mho_random_below(stream, MHO_DRAW_AUGMENT, 2, 2) == 1;
    const size_t row_bytes = (size_t)(augment->w * augment->c);
    for (int y = 0; y < augment->h; y++) {
        uint8_t *to = out + (size_t)y * row_bytes;
        const int from = y - move_y;
        if (from < 0 || from >= augment->h) {
            memset(to, 0, row_bytes);
            continue;
        }
        shifted_row(augment, image + (size_t)from * row_bytes, move_x, to);
        if (mirrored)
            mirror_row(augment, to);
    }
}

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
    batches->order = mho_calloc(set->n, sizeof *batches->order, error, "the order of %zu images", set->n);
    if (batches->order)
        batches->images =
            mho_calloc(batch, (size_t)set->h * (size_t)set->w * (size_t)set->c, error, "batches of %zu images", batch);
    if (batches->images)
        batches->labels = mho_calloc(batch, 1, error, "the labels of %zu images", batch);
    if (batches->labels)
        return MHO_OK;
    mho_batches_destroy(batches);
    return MHO_MEMORY;
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
