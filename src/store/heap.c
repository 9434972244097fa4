/* heap.c - global heaps of an HDF5 file, checked before HDF5 reads a variable-length string from them.
 *
 * HDF5 1.10 copies as many bytes as a heap object claims, so one flipped byte of a size ends in a crash.
 * Source: HDF5 File Format Specification 3.0, III.E, version 1, with lengths of 8 bytes (every file of HDF5 >= 1.4 that
 * did not ask for others; those are refused here).
 */
#include "store/heap_internal.h"

#include <stdint.h>
#include <string.h>

enum { HEADER = 16, OBJECT_HEADER = 16, SIZE_AT = 8 };

static uint64_t read_u64(const unsigned char *at)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--) {
        value = value << 8 | at[i];
    }
    return value;
}

/* Object 0 is the free space: its size counts its own header. Others are padded to 8 bytes. */
static bool collection_sound(const unsigned char *data, size_t n)
{
    uint64_t size;
    uint64_t at = HEADER;

    if (n < HEADER) {
        return false;
    }
    size = read_u64(data + SIZE_AT);
    if (size < HEADER || size > n) {
        return false;
    }
    while (size - at >= OBJECT_HEADER) {
        const unsigned index = data[at] | (unsigned)data[at + 1] << 8;
        const uint64_t claimed = read_u64(data + at + SIZE_AT);
        uint64_t step;
        if (claimed > size - at) {
            return false;
        }
        step = index == 0 ? claimed : OBJECT_HEADER + (claimed + 7) / 8 * 8;
        if (step < OBJECT_HEADER || step > size - at) {
            return false;
        }
        at += step;
        if (index == 0) {
            return at == size;
        }
    }
    return true;
}

bool mho_heaps_sound(const unsigned char *data, size_t n)
{
    static const unsigned char signature[8] = {'G', 'C', 'O', 'L', 1, 0, 0, 0};
    const unsigned char *const end = data + n;

    while ((data = memmem(data, (size_t)(end - data), signature, sizeof signature)) != NULL) {
        if (!collection_sound(data, (size_t)(end - data))) {
            return false;
        }
        data += sizeof signature;
    }
    return true;
}
