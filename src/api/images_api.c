/* images_api.c - images of mho.h: those that the keys of a study name, and those of the caller. */
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/memory.h"
#include "study/models/model_file.h"

/* One study may name several sets of images only in a sweep. */
static MhoStatus check_axes(const MhoStudy *study, MhoError *error)
{
    static const char *const prefixes[] = {"data.", "train.", "seed"};
    for (size_t a = 0; a < study->n_axes; a++)
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
            if (strncmp(study->axes[a].key, prefixes[i], strlen(prefixes[i])) == 0)
                return mho_fail(error, MHO_USAGE,
                                "%s has several values, so the study names no one set of images: set it to one value",
                                study->axes[a].key);
    return MHO_OK;
}

MhoStatus mho_images_open(const MhoStudy *study, MhoImagesPart part, const char *data_folder, MhoImages **images,
                          MhoError *error)
{
    if (images)
        *images = NULL;
    MhoStatus status = mho_api_need(error, {study, "study"}, {images, "images"});
    if (status == MHO_OK && part != MHO_IMAGES_TEST && part != MHO_IMAGES_CALIBRATION)
        status = mho_fail(error, MHO_USAGE, "mho_images_open: part is MHO_IMAGES_TEST or MHO_IMAGES_CALIBRATION");
    if (status == MHO_OK)
        status = check_axes(study, error);
    if (status != MHO_OK)
        return status;
    MhoImages *made = mho_calloc(1, sizeof *made, error, "images");
    if (!made)
        return MHO_MEMORY;
    status = part == MHO_IMAGES_TEST ? mho_study_images(study->settings, data_folder, &made->set, error)
                                     : mho_study_calibration(study->settings, data_folder, &made->set, error);
    if (status == MHO_OK)
        *images = made;
    else
        mho_images_free(made);
    return status;
}

static MhoStatus check_arrays(MhoImageShape shape, size_t n, const uint8_t *labels, int n_classes, MhoError *error)
{
    if (n == 0 || shape.h < 1 || shape.w < 1 || shape.c < 1 || shape.h > UINT16_MAX || shape.w > UINT16_MAX ||
        shape.c > UINT16_MAX)
        return mho_fail(error, MHO_USAGE,
                        "mho_images_copy: %zu images of %d x %d x %d; give at least one image of 1 to "
                        "%d in each direction",
                        n, shape.h, shape.w, shape.c, UINT16_MAX);
    for (size_t i = 0; labels && i < n; i++)
        if (labels[i] >= n_classes)
            return mho_fail(error, MHO_USAGE, "mho_images_copy: label %zu is %d; labels are below n_classes = %d", i,
                            labels[i], n_classes);
    return MHO_OK;
}

MhoStatus mho_images_copy(MhoImageShape shape, size_t n, const uint8_t *pixels, const uint8_t *labels, int n_classes,
                          MhoImages **images, MhoError *error)
{
    if (images)
        *images = NULL;
    MhoStatus status = mho_api_need(error, {pixels, "pixels"}, {images, "images"});
    if (status == MHO_OK)
        status = check_arrays(shape, n, labels, n_classes, error);
    if (status != MHO_OK)
        return status;
    const size_t size = (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
    MhoImages *made = mho_calloc(1, sizeof *made, error, "images");
    if (!made)
        return MHO_MEMORY;
    made->set = (MhoDataset){.n = n, .h = shape.h, .w = shape.w, .c = shape.c, .n_classes = labels ? n_classes : 0};
    made->set.images = mho_calloc(n, size, error, "%zu images", n);
    made->set.labels = made->set.images && labels ? mho_calloc(n, 1, error, "%zu labels", n) : NULL;
    if (!made->set.images || (labels && !made->set.labels)) {
        mho_images_free(made);
        return MHO_MEMORY;
    }
    memcpy(made->set.images, pixels, n * size);
    if (labels)
        memcpy(made->set.labels, labels, n);
    *images = made;
    return MHO_OK;
}

MhoImagesInfo mho_images_info(const MhoImages *images)
{
    if (!images)
        return (MhoImagesInfo){0};
    const MhoDataset *set = &images->set;
    return (MhoImagesInfo){.n = set->n,
                           .shape = {.h = set->h, .w = set->w, .c = set->c},
                           .n_classes = set->n_classes,
                           .pixels = set->images,
                           .labels = set->labels};
}

void mho_images_free(MhoImages *images)
{
    if (images)
        mho_dataset_destroy(&images->set);
    free(images);
}
