/* record_digest.c - the payload digest: SHA-256 (FIPS 180-4) over a record in name order.
 *
 * The length of every field comes before it and every value is little-endian, so different records give different
 * bytes. All NaNs count as one: compilers fold them with different signs.
 */
#include "base/record.h"

#include <sha2.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void put_bytes(SHA2_CTX *digest, const void *data, size_t n)
{
    if (n > 0)
        SHA256Update(digest, data, n);
}

static void put_count(SHA2_CTX *digest, uint64_t value)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    put_bytes(digest, bytes, sizeof bytes);
}

static void put_text(SHA2_CTX *digest, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    put_count(digest, length);
    put_bytes(digest, text, length);
}

/* The bits of element i as an integer of the element's width; every NaN gives the bits of the same quiet NaN. */
static uint64_t element_bits(MhoType type, const void *data, size_t i)
{
    const unsigned char *at = (const unsigned char *)data + i * mho_type_size(type);
    uint8_t byte;
    uint16_t half;
    uint32_t word;
    uint64_t bits;
    switch (mho_type_size(type)) {
    case 1: memcpy(&byte, at, sizeof byte); return byte;
    case 2: memcpy(&half, at, sizeof half); return half;
    case 4:
        memcpy(&word, at, sizeof word);
        return type == MHO_F32 && (word & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : word;
    default:
        memcpy(&bits, at, sizeof bits);
        return type == MHO_F64 && (bits & 0x7fffffffffffffffu) > 0x7ff0000000000000u ? 0x7ff8000000000000u : bits;
    }
}

static void put_values(SHA2_CTX *digest, MhoType type, size_t n, const void *data)
{
    if (type == MHO_STRING) {
        for (size_t i = 0; i < n; i++)
            put_text(digest, ((char *const *)data)[i]);
        return;
    }
    uint8_t block[4096]; /* a whole number of elements of every width */
    size_t filled = 0, width = mho_type_size(type);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = element_bits(type, data, i);
        for (size_t byte = 0; byte < width; byte++)
            block[filled++] = (uint8_t)(bits >> (8 * byte));
        if (filled == sizeof block || i + 1 == n) {
            put_bytes(digest, block, filled);
            filled = 0;
        }
    }
}

/* An object and its name, to be sorted. */
typedef struct Named {
    const char *name;
    const void *object;
} Named;

static Named *named_list(size_t n, MhoError *error)
{
    return mho_calloc(n, sizeof(Named), error, "a digest");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const Named *)a)->name, ((const Named *)b)->name);
}

static MhoStatus put_attributes(SHA2_CTX *digest, const MhoAttributes *attributes, const char *left_out,
                                MhoError *error)
{
    Named *sorted = named_list(attributes->n, error);
    if (!sorted)
        return MHO_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < attributes->n; i++) {
        const MhoAttribute *attribute = &attributes->list[i];
        if (!left_out || strcmp(attribute->name, left_out) != 0)
            sorted[n++] = (Named){attribute->name, attribute};
    }
    qsort(sorted, n, sizeof *sorted, by_name);
    put_count(digest, n);
    for (size_t i = 0; i < n; i++) {
        const MhoAttribute *attribute = sorted[i].object;
        put_text(digest, attribute->name);
        put_text(digest, mho_type_name(attribute->type));
        put_count(digest, attribute->n);
        put_values(digest, attribute->type, attribute->n, attribute->data);
    }
    free(sorted);
    return MHO_OK;
}

static MhoStatus put_array(SHA2_CTX *digest, const MhoArray *array, MhoError *error)
{
    put_text(digest, array->name);
    put_text(digest, mho_type_name(array->type));
    put_count(digest, array->rank);
    for (size_t i = 0; i < array->rank; i++) {
        put_count(digest, array->shape[i]);
        put_text(digest, array->axis[i] ? array->axis[i] : array->name);
    }
    put_text(digest, array->unit);
    put_values(digest, array->type, mho_array_count(array), array->data);
    return put_attributes(digest, &array->attributes, NULL, error);
}

static MhoStatus put_record(SHA2_CTX *digest, const MhoRecord *record, bool root, MhoError *error);

static MhoStatus put_arrays(SHA2_CTX *digest, const MhoRecord *record, MhoError *error)
{
    Named *sorted = named_list(record->n_arrays, error);
    if (!sorted)
        return MHO_MEMORY;
    for (size_t i = 0; i < record->n_arrays; i++)
        sorted[i] = (Named){record->arrays[i]->name, record->arrays[i]};
    qsort(sorted, record->n_arrays, sizeof *sorted, by_name);
    put_count(digest, record->n_arrays);
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < record->n_arrays && status == MHO_OK; i++)
        status = put_array(digest, sorted[i].object, error);
    free(sorted);
    return status;
}

static MhoStatus put_children(SHA2_CTX *digest, const MhoRecord *record, bool root, MhoError *error)
{
    Named *sorted = named_list(record->n_children, error);
    if (!sorted)
        return MHO_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < record->n_children; i++) {
        const MhoRecord *child = record->children[i];
        bool left_out = root && (strcmp(child->name, "provenance") == 0 || strcmp(child->name, "summary") == 0);
        if (!left_out)
            sorted[n++] = (Named){child->name, child};
    }
    qsort(sorted, n, sizeof *sorted, by_name);
    put_count(digest, n);
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < n && status == MHO_OK; i++) {
        put_text(digest, sorted[i].name);
        status = put_record(digest, sorted[i].object, false, error);
    }
    free(sorted);
    return status;
}

static MhoStatus put_record(SHA2_CTX *digest, const MhoRecord *record, bool root, MhoError *error)
{
    MhoStatus status = put_attributes(digest, &record->attributes, root ? "history" : NULL, error);
    if (status == MHO_OK)
        status = put_arrays(digest, record, error);
    return status == MHO_OK ? put_children(digest, record, root, error) : status;
}

MhoStatus mho_record_digest(const MhoRecord *record, char hex[65], MhoError *error)
{
    SHA2_CTX digest;
    hex[0] = '\0';
    SHA256Init(&digest);
    MhoStatus status = put_record(&digest, record, true, error);
    if (status == MHO_OK)
        SHA256End(&digest, hex);
    return status;
}
