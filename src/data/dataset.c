/* dataset.c - a set of labelled images: its memory, a set from a record, the validation split. */
#include "data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "data/formats_internal.h"
#include "kernels/random.h"

void mho_dataset_destroy(MhoDataset *set)
{
    if (!set)
        return;
    for (int i = 0; set->class_names && i < set->n_classes; i++)
        free(set->class_names[i]);
    free(set->class_names);
    free(set->images);
    free(set->labels);
    *set = (MhoDataset){0};
}

static size_t image_size(const MhoDataset *set)
{
    return (size_t)set->h * (size_t)set->w * (size_t)set->c;
}

MhoStatus mho_dataset_allocate(MhoDataset *set, const char *path, MhoError *error)
{
    set->images = mho_calloc(set->n, image_size(set), error, "the %zu images of %s", set->n, path);
    set->labels = mho_calloc(set->n, 1, error, "the %zu labels of %s", set->n, path);
    if (set->images && set->labels)
        return MHO_OK;
    mho_dataset_destroy(set);
    return MHO_MEMORY;
}

MhoStatus mho_labels_check(const uint8_t *labels, size_t n, int n_classes, const char *path, MhoError *error)
{
    for (size_t i = 0; i < n; i++)
        if (labels[i] >= n_classes)
            return mho_fail(error, MHO_INPUT, "%s: label %d of image %zu is outside 0..%d", path, labels[i], i,
                            n_classes - 1);
    return MHO_OK;
}

int mho_labels_classes(const uint8_t *labels, size_t n)
{
    int n_classes = 0;
    for (size_t i = 0; i < n; i++)
        n_classes = labels[i] >= n_classes ? labels[i] + 1 : n_classes;
    return n_classes;
}

MhoStatus mho_dataset_set_class_names(MhoDataset *set, const char *const *names, size_t n, const char *path,
                                      MhoError *error)
{
    if (n > MHO_MAX_CLASSES || (int)n < set->n_classes)
        return mho_fail(error, MHO_INPUT, "%s: %zu class names for labels up to %d", path, n, set->n_classes - 1);
    set->class_names = mho_calloc(n, sizeof *set->class_names, error, "the class names of %s", path);
    if (!set->class_names)
        return MHO_MEMORY;
    set->n_classes = (int)n;
    for (size_t i = 0; i < n; i++) {
        set->class_names[i] = mho_strdup(names[i], error);
        if (!set->class_names[i])
            return MHO_MEMORY;
    }
    return MHO_OK;
}

void mho_dataset_limit(MhoDataset *set, size_t limit)
{
    if (limit == 0 || limit >= set->n)
        return;
    set->n = limit;
    /* A smaller block that cannot be had leaves the old one as it was. */
    uint8_t *images = realloc(set->images, limit * image_size(set));
    uint8_t *labels = realloc(set->labels, limit);
    set->images = images ? images : set->images;
    set->labels = labels ? labels : set->labels;
}

void mho_dataset_identify(MhoDataset *set)
{
    char shape[96];
    const int length = snprintf(shape, sizeof shape, "%zu %d %d %d\n", set->n, set->h, set->w, set->c);
    const MhoBlock blocks[] = {{shape, (size_t)length}, {set->images, set->n * image_size(set)}, {set->labels, set->n}};
    mho_sha256_blocks(blocks, sizeof blocks / sizeof *blocks, set->digest);
}

static MhoStatus check_record(const MhoArray *x, const MhoArray *y, const char *file, MhoError *error)
{
    if (!y || y->rank != 1 || y->type == MHO_F32 || y->type == MHO_F64 || y->type == MHO_STRING)
        return mho_fail(error, MHO_INPUT, "%s: /y must be a list of integer labels (n)", file);
    if (x->shape[0] != y->shape[0])
        return mho_fail(error, MHO_INPUT, "%s: /x holds %zu images, /y %zu labels", file, x->shape[0], y->shape[0]);
    for (size_t i = 0; i < 4; i++)
        if (x->shape[i] == 0 || (i > 0 && x->shape[i] > UINT16_MAX))
            return mho_fail(error, MHO_INPUT, "%s: /x (n, h, w, c) has dimension %zu = %zu", file, i, x->shape[i]);
    return MHO_OK;
}

static MhoStatus fill_from_record(const MhoArray *x, const MhoArray *y, const char *file, MhoDataset *set,
                                  MhoError *error)
{
    set->n = x->shape[0];
    set->h = (int)x->shape[1];
    set->w = (int)x->shape[2];
    set->c = (int)x->shape[3];
    MhoStatus status = mho_dataset_allocate(set, file, error);
    if (status != MHO_OK)
        return status;
    memcpy(set->images, x->data, set->n * image_size(set));
    for (size_t n = 0; n < set->n; n++) {
        int64_t label;
        if (!mho_integer_at(y->type, y->data, n, &label) || label < 0 || label >= MHO_MAX_CLASSES)
            return mho_fail(error, MHO_INPUT, "%s: /y: label of image %zu is outside 0..255", file, n);
        set->labels[n] = (uint8_t)label;
    }
    set->n_classes = mho_labels_classes(set->labels, set->n);
    return MHO_OK;
}

MhoStatus mho_dataset_from_record(const MhoRecord *record, const char *file, size_t limit, MhoDataset *set,
                                  MhoError *error)
{
    *set = (MhoDataset){0};
    const MhoArray *x = NULL, *y = mho_record_array(record, "y");
    MhoStatus status = mho_record_require(record, file, "x", MHO_U8, 4, &x, error);
    if (status == MHO_OK)
        status = check_record(x, y, file, error);
    if (status == MHO_OK)
        status = fill_from_record(x, y, file, set, error);
    const MhoAttribute *names = mho_attribute_find(&record->attributes, "class_names");
    if (status == MHO_OK && names && names->type != MHO_STRING)
        status = mho_fail(error, MHO_INPUT, "%s: attribute class_names is not a list of strings", file);
    if (status == MHO_OK && names)
        status = mho_dataset_set_class_names(set, (const char *const *)names->data, names->n, file, error);
    if (status != MHO_OK) {
        mho_dataset_destroy(set);
        return status;
    }
    snprintf(set->name, sizeof set->name, "%.*s", MHO_NAME_MAX - 1, file);
    mho_dataset_limit(set, limit);
    mho_dataset_identify(set);
    return MHO_OK;
}

/* The images n with in_validation[n] == wanted, in order. */
static MhoStatus copy_part(const MhoDataset *set, const uint8_t *in_validation, uint8_t wanted, size_t count,
                           MhoDataset *part, MhoError *error)
{
    *part = (MhoDataset){.n = count, .h = set->h, .w = set->w, .c = set->c, .n_classes = set->n_classes};
    memcpy(part->name, set->name, sizeof part->name);
    MhoStatus status = mho_dataset_allocate(part, set->name, error);
    if (status != MHO_OK)
        return status;
    size_t size = image_size(set), to = 0;
    for (size_t n = 0; n < set->n; n++) {
        if (in_validation[n] != wanted)
            continue;
        memcpy(part->images + to * size, set->images + n * size, size);
        part->labels[to++] = set->labels[n];
    }
    mho_dataset_identify(part);
    if (!set->class_names)
        return MHO_OK;
    return mho_dataset_set_class_names(part, (const char *const *)set->class_names, (size_t)set->n_classes, set->name,
                                       error);
}

MhoStatus mho_dataset_split(const MhoDataset *set, size_t n_validation, uint64_t seed, MhoDataset *training,
                            MhoDataset *validation, MhoError *error)
{
    *validation = (MhoDataset){0};
    if (training)
        *training = (MhoDataset){0};
    if (n_validation >= set->n || set->n > UINT32_MAX)
        return mho_fail(error, MHO_USAGE, "%s has %zu images, too few for %zu validation images", set->name, set->n,
                        n_validation);
    uint32_t *order = mho_calloc(set->n, sizeof *order, error, "the validation split of %s", set->name);
    uint8_t *is_validation = mho_calloc(set->n, 1, error, "the validation split of %s", set->name);
    MhoStatus status = MHO_MEMORY;
    if (order && is_validation) {
        for (size_t n = 0; n < set->n; n++)
            order[n] = (uint32_t)n;
        mho_random_shuffle((MhoStream){.seed = seed, .noise = 1.0f}, MHO_DRAW_SPLIT, set->n, order);
        for (size_t i = 0; i < n_validation; i++)
            is_validation[order[i]] = 1;
        status = copy_part(set, is_validation, 1, n_validation, validation, error);
        if (status == MHO_OK && training)
            status = copy_part(set, is_validation, 0, set->n - n_validation, training, error);
    }
    free(order);
    free(is_validation);
    if (status != MHO_OK) {
        mho_dataset_destroy(training); /* NULL too */
        mho_dataset_destroy(validation);
    }
    return status;
}
