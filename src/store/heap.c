/* heap.c - global heaps of an HDF5 file, checked before HDF5 reads a variable-length value from them.
 *
 * HDF5 1.10 copies as many bytes as a heap object claims and uses its number as an index unchecked, so one flipped byte
 * of a size or of a value's descriptor ends in a crash. Source: HDF5 File Format Specification 3.0, III.E,
 * version 1, with lengths of 8 bytes (the default since HDF5 1.4; other lengths are refused).
 */
#include "store/heap_internal.h"

#include <stdint.h>
#include <string.h>

enum { HEADER = 16, OBJECT_HEADER = 16, SIZE_AT = 8 };
enum { DESCRIPTOR = 16, ADDRESS_AT = 4, INDEX_AT = 12 }; /* of a value: length u32, heap address u64, index u32 */
enum { NAME_SIZE_AT = 2, TYPE_SIZE_AT = 4, SPACE_SIZE_AT = 6 }; /* u16 each, of an attribute message */
/* Of a variable-length type: class, least bytes, element's size u32. */
enum { VARIABLE_CLASS = 9, VARIABLE_TYPE = 16, BASE_SIZE_AT = 12 };
enum { LEAST_SPACE = 4 }; /* bytes of the dataspace of a scalar */

static const unsigned char signature[8] = {'G', 'C', 'O', 'L', 1, 0, 0, 0};

static uint64_t read_little(const unsigned char *at, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

/* Check one collection. Object 0 is the free space, whose size includes its header; other objects are padded to 8
 * bytes. *length receives the length of object `wanted` when it is found. */
static bool collection_sound(const unsigned char *data, size_t n, uint64_t wanted, uint64_t *length)
{
    uint64_t at = HEADER;
    if (n < HEADER || memcmp(data, signature, sizeof signature) != 0)
        return false;
    uint64_t size = read_little(data + SIZE_AT, 8);
    if (size < HEADER || size > n)
        return false;
    while (size - at >= OBJECT_HEADER) {
        const uint64_t index = read_little(data + at, 2), claimed = read_little(data + at + SIZE_AT, 8);
        if (claimed > size - at)
            return false;
        uint64_t step = index == 0 ? claimed : OBJECT_HEADER + (claimed + 7) / 8 * 8;
        if (step < OBJECT_HEADER || step > size - at)
            return false;
        at += step;
        if (index == 0)
            return at == size;
        if (index == wanted)
            *length = claimed;
    }
    return true;
}

static bool value_sound(const unsigned char *data, size_t n, uint64_t base, const unsigned char *descriptor,
                        uint64_t element)
{
    const uint64_t length = read_little(descriptor, ADDRESS_AT) * element;
    const uint64_t address = read_little(descriptor + ADDRESS_AT, 8);
    const uint64_t index = read_little(descriptor + INDEX_AT, 4);
    uint64_t at, object_length = UINT64_MAX;
    if (address == 0)
        return true; /* an empty value */
    if (__builtin_add_overflow(base, address, &at) || at >= n || index == 0)
        return false;
    return collection_sound(data + at, n - at, index, &object_length) && object_length == length;
}

bool mho_heap_values_sound(const unsigned char *data, size_t n, uint64_t base, uint64_t offset, uint64_t count,
                           uint64_t element)
{
    if (offset > n || count > (n - offset) / DESCRIPTOR)
        return false;
    for (uint64_t i = 0; i < count; i++)
        if (!value_sound(data, n, base, data + offset + i * DESCRIPTOR, element))
            return false;
    return true;
}

/* Bytes of the file from `at` on. */
static uint64_t left_from(size_t n, uint64_t at)
{
    return at < n ? n - at : 0;
}

/* The number of elements of a dataspace message (IV.A.2.b), versions 1 and 2; false when it cannot be read. */
static bool space_count(const unsigned char *space, uint64_t size, uint64_t *count)
{
    const uint64_t dims = space[0] == 1 ? 8 : 4;
    *count = 1;
    if (size < dims || size - dims < 8 * (uint64_t)space[1])
        return false;
    for (int i = 0; i < space[1]; i++)
        if (__builtin_mul_overflow(*count, read_little(space + dims + 8 * i, 8), count))
            return false;
    return true;
}

/* Check the values of the attribute message whose name is at `at` (IV.A.2.m, IV.A.2.d). True when there is no message
 * of that version or its type has a fixed length. Version 1 pads its parts to 8 bytes, version 3 has one byte more
 * before the name. */
static bool message_sound(const unsigned char *data, size_t n, uint64_t base, uint64_t at, size_t name_size,
                          int version)
{
    const uint64_t header = version == 3 ? 9 : 8, mask = version == 1 ? 7 : 0;
    const unsigned char *message = at < header ? NULL : data + at - header;
    uint64_t type, type_size, space, space_size, count;
    if (!message || message[0] != version || read_little(message + NAME_SIZE_AT, 2) != name_size)
        return true; /* the name, but not in an attribute message */
    type = at + ((name_size + mask) & ~mask);
    type_size = (read_little(message + TYPE_SIZE_AT, 2) + mask) & ~mask;
    space = type + type_size;
    space_size = (read_little(message + SPACE_SIZE_AT, 2) + mask) & ~mask;
    if (type_size < VARIABLE_TYPE || space_size < LEAST_SPACE || left_from(n, space) < space_size ||
        (data[type] & 15) != VARIABLE_CLASS || !space_count(data + space, space_size, &count))
        return true;
    return mho_heap_values_sound(data, n, base, space + space_size, count, read_little(data + type + BASE_SIZE_AT, 4));
}

bool mho_heap_attributes_sound(const unsigned char *data, size_t n, uint64_t base, const char *name)
{
    const size_t name_size = strlen(name) + 1;
    const unsigned char *found = data;
    while ((found = memmem(found, n - (size_t)(found - data), name, name_size)) != NULL) {
        for (int version = 1; version <= 3; version++)
            if (!message_sound(data, n, base, (uint64_t)(found - data), name_size, version))
                return false;
        found++;
    }
    return true;
}

bool mho_heaps_sound(const unsigned char *data, size_t n)
{
    const unsigned char *const end = data + n;
    uint64_t unused;
    while ((data = memmem(data, (size_t)(end - data), signature, sizeof signature)) != NULL) {
        if (!collection_sound(data, (size_t)(end - data), 0, &unused))
            return false;
        data += sizeof signature;
    }
    return true;
}
