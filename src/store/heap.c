/* heap.c - global heaps of an HDF5 file, checked before HDF5 reads a variable-length string from them.
 *
 * HDF5 1.10 copies as many bytes as a heap object claims and takes its number as an index without a look, so one flipped
 * byte of a size or of a string's descriptor ends in a crash.
 * Source: HDF5 File Format Specification 3.0, III.E, version 1, with lengths of 8 bytes (every file of HDF5 >= 1.4 that
 * did not ask for others; those are refused here).
 */
#include "store/heap_internal.h"

#include <stdint.h>
#include <string.h>

enum { HEADER = 16, OBJECT_HEADER = 16, SIZE_AT = 8 };
enum { DESCRIPTOR = 16, ADDRESS_AT = 4, INDEX_AT = 12 }; /* of a variable-length string: length u32, address u64, index u32 */

static const unsigned char signature[8] = {'G', 'C', 'O', 'L', 1, 0, 0, 0};

static uint64_t read_little(const unsigned char *at, int bytes)
{
    uint64_t value = 0;

    for (int i = bytes - 1; i >= 0; i--) {
        value = value << 8 | at[i];
    }
    return value;
}

/* Walk one collection. Object 0 is the free space: its size counts its own header; others are padded to 8 bytes.
 * *length is set to that of object `wanted` where it is found. */
static bool collection_sound(const unsigned char *data, size_t n, uint64_t wanted, uint64_t *length)
{
    uint64_t size;
    uint64_t at = HEADER;

    if (n < HEADER || memcmp(data, signature, sizeof signature) != 0) {
        return false;
    }
    size = read_little(data + SIZE_AT, 8);
    if (size < HEADER || size > n) {
        return false;
    }
    while (size - at >= OBJECT_HEADER) {
        const uint64_t index = read_little(data + at, 2);
        const uint64_t claimed = read_little(data + at + SIZE_AT, 8);
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
        if (index == wanted) {
            *length = claimed;
        }
    }
    return true;
}

static bool string_sound(const unsigned char *data, size_t n, uint64_t base, const unsigned char *descriptor)
{
    const uint64_t length = read_little(descriptor, ADDRESS_AT);
    const uint64_t address = read_little(descriptor + ADDRESS_AT, 8);
    const uint64_t index = read_little(descriptor + INDEX_AT, 4);
    uint64_t at;
    uint64_t held = UINT64_MAX;

    if (address == 0) {
        return true; /* an empty string */
    }
    if (__builtin_add_overflow(base, address, &at) || at >= n || index == 0) {
        return false;
    }
    return collection_sound(data + at, n - at, index, &held) && held <= length;
}

bool mho_heap_strings_sound(const unsigned char *data, size_t n, uint64_t base, uint64_t offset, uint64_t count)
{
    if (offset > n || count > (n - offset) / DESCRIPTOR) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!string_sound(data, n, base, data + offset + i * DESCRIPTOR)) {
            return false;
        }
    }
    return true;
}

bool mho_heaps_sound(const unsigned char *data, size_t n)
{
    const unsigned char *const end = data + n;
    uint64_t unused;

    while ((data = memmem(data, (size_t)(end - data), signature, sizeof signature)) != NULL) {
        if (!collection_sound(data, (size_t)(end - data), 0, &unused)) {
            return false;
        }
        data += sizeof signature;
    }
    return true;
}
