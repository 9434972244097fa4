/* evaluate.c - accuracy and loss of a net in evaluation mode. */
#include <stdlib.h>
#include <string.h>

#include "net/lowered/executor.h"
#include "train/train_internal.h"

/* Logits (n, classes); the last batch is filled up with the set's first images, whose logits are left out. */
static MhoStatus all_logits(MhoFakeQuant *pass, const MhoDataset *set, size_t batch, int classes, uint8_t *images,
                            float *part, float *logits, MhoError *error)
{
    const size_t bytes = (size_t)set->h * (size_t)set->w * (size_t)set->c, width = (size_t)classes;
    MhoStatus status = MHO_OK;

    for (size_t first = 0; first < set->n && status == MHO_OK; first += batch) {
        const size_t n = set->n - first < batch ? set->n - first : batch;

        memcpy(images, set->images + first * bytes, n * bytes);
        for (size_t i = n; i < batch; i++)
            memcpy(images + i * bytes, set->images + (i - n) % set->n * bytes, bytes);
        status = mho_fakequant_forward(pass, images, false, part, error);
        memcpy(logits + first * width, part, n * width * sizeof *logits);
    }
    return status;
}

MhoStatus mho_train_evaluate(MhoNet *net, const MhoDataset *set, size_t batch, double *accuracy, double *loss,
                             MhoError *error)
{
    const size_t bytes = (size_t)set->h * (size_t)set->w * (size_t)set->c, width = (size_t)net->n_classes;
    MhoFakeQuant *pass = NULL;

    *accuracy = *loss = 0.0;
    if (set->n == 0 || batch == 0)
        return mho_fail(error, MHO_USAGE, "no images to classify");
    uint8_t *images = malloc(batch * bytes);
    float *part = malloc(batch * width * sizeof *part), *logits = malloc(set->n * width * sizeof *logits);
    MhoStatus status = MHO_OK;
    if (!images || !part || !logits)
        status = mho_fail(error, MHO_MEMORY, "out of memory for classifying %zu images", set->n);
    if (status == MHO_OK)
        status = mho_fakequant_create(net, batch, false, &pass, error);
    if (status == MHO_OK)
        status = all_logits(pass, set, batch, net->n_classes, images, part, logits, error);
    if (status == MHO_OK) {
        size_t hits;

        mho_logits_score(logits, set->labels, set->n, net->n_classes, &hits, loss);
        *accuracy = (double)hits / (double)set->n;
    }
    mho_fakequant_destroy(pass);
    free(images);
    free(part);
    free(logits);
    return status;
}
