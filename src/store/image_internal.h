/* image_internal.h - an HDF5 file that is written to memory only. */
#ifndef MHO_STORE_IMAGE_INTERNAL_H
#define MHO_STORE_IMAGE_INTERNAL_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct MhoImage {
    unsigned char *data; /* the file's bytes once it is closed; owned */
    size_t n;
    size_t room; /* bytes allocated */
    bool closed;
} MhoImage;

/* Create the file. image is {0} before, and does not move until the file is closed. */
hid_t mho_image_create(MhoImage *image);

/* Close the file and keep its bytes in image. false: HDF5 failed, or its superblock is not the expected one. */
bool mho_image_close(MhoImage *image, hid_t file);

void mho_image_release(MhoImage *image);

#endif
