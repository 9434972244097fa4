/* image.c - an HDF5 file that is written to memory only.
 *
 * HDF5's core driver gets its memory from callbacks; the block that it frees when the file is closed is the finished
 * file. (H5Fget_file_image clears the status flags but not their checksum, so its bytes do not open again.) The
 * superblock has the length: HDF5 File Format Specification 3.0, II.A, version 2: end of file at byte 28.
 */
#include "store/image_internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { INCREMENT = 1 << 22 }; /* bytes by which the file grows in memory */
enum { VERSION_AT = 8, END_AT = 28, SUPERBLOCK = 48 };

static void *image_malloc(size_t size, H5FD_file_image_op_t op, void *context)
{
    MhoImage *image = context;
    (void)op;
    image->data = calloc(1, size);
    image->room = image->data ? size : 0;
    return image->data;
}

static void *image_realloc(void *old, size_t size, H5FD_file_image_op_t op, void *context)
{
    MhoImage *image = context;
    unsigned char *grown = realloc(old, size);
    (void)op;
    if (grown) {
        if (size > image->room)
            memset(grown + image->room, 0, size - image->room);
        image->data = grown;
        image->room = size;
    }
    return grown;
}

static herr_t image_free(void *block, H5FD_file_image_op_t op, void *context)
{
    MhoImage *image = context;
    if (op == H5FD_FILE_IMAGE_OP_FILE_CLOSE) {
        image->closed = true; /* mho owns the block now */
        return 0;
    }
    free(block);
    image->data = NULL;
    image->room = 0;
    return 0;
}

static void *image_memcpy(void *to, const void *from, size_t size, H5FD_file_image_op_t op, void *context)
{
    (void)op;
    (void)context;
    return memcpy(to, from, size);
}

static void *context_copy(void *context)
{
    return context;
}

static herr_t context_free(void *context)
{
    (void)context;
    return 0;
}

hid_t mho_image_create(MhoImage *image)
{
    static const char name[] = "/dev/null/mho"; /* HDF5 would read a file of this name; none can exist */
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    const hid_t create = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    H5FD_file_image_callbacks_t callbacks = {image_malloc, image_memcpy, image_realloc, image_free,
                                             context_copy, context_free, image};
    hid_t file = H5I_INVALID_HID;
    if (H5Pset_obj_track_times(create, false) >= 0 && H5Pset_link_creation_order(create, order) >= 0 &&
        H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110) >= 0 &&
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 && H5Pset_fapl_core(access, INCREMENT, false) >= 0 &&
        H5Pset_file_image_callbacks(access, &callbacks) >= 0)
        file = H5Fcreate(name, H5F_ACC_TRUNC, create, access);
    (void)H5Pclose(access);
    (void)H5Pclose(create);
    return file;
}

bool mho_image_close(MhoImage *image, hid_t file)
{
    uint64_t end = 0;
    if (H5Fclose(file) < 0 || !image->closed || !image->data || image->room < SUPERBLOCK ||
        image->data[VERSION_AT] != 2)
        return false;
    for (int i = 7; i >= 0; i--)
        end = end << 8 | image->data[END_AT + i];
    image->n = (size_t)end;
    return end >= SUPERBLOCK && end <= image->room;
}

void mho_image_release(MhoImage *image)
{
    if (image->closed)
        free(image->data);
    *image = (MhoImage){0};
}
