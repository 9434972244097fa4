/* record.h - the one type that crosses folders towards files: a tree of named arrays.
 *
 * net, train, allocate and study turn themselves into records and back; store writes and reads any record and knows
 * no network. A record owns everything in it.
 */
#ifndef MHO_BASE_RECORD_H
#define MHO_BASE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/descriptor.h"
#include "base/status.h"

typedef enum MhoType {
    MHO_U8,
    MHO_I8,
    MHO_I16,
    MHO_I32,
    MHO_I64,
    MHO_U64,
    MHO_F32,
    MHO_F64,
    MHO_STRING /* data is char *[n]; each string is owned by the record */
} MhoType;

enum { MHO_MAX_RANK = 8 };

/* A named value beside an array or group: a scalar, a short list or a string. */
typedef struct MhoAttribute {
    char *name;
    MhoType type;
    size_t n;   /* elements; 1 for a scalar */
    void *data; /* MHO_STRING: char *[n] */
} MhoAttribute;

typedef struct MhoAttributes {
    MhoAttribute *list;
    size_t n;
} MhoAttributes;

typedef struct MhoArray {
    char *name;
    MhoType type;
    size_t rank; /* 0: scalar */
    size_t shape[MHO_MAX_RANK];
    char *axis[MHO_MAX_RANK]; /* axis names; NULL: named after the array itself. An array of rank 1 whose name equals
                                 its axis is that axis' coordinate. */
    char *unit, *help;        /* "" allowed */
    void *data;
    MhoAttributes attributes;
} MhoArray;

typedef struct MhoRecord {
    char *name; /* "" for the root */
    MhoAttributes attributes;
    MhoArray **arrays;
    size_t n_arrays;
    struct MhoRecord **children;
    size_t n_children;
} MhoRecord;

size_t mho_type_size(MhoType type);
const char *mho_type_name(MhoType type); /* "u8" ... "f64", "string" */

MhoStatus mho_record_create(MhoRecord **record, MhoError *error) MHO_CHECKED;
void mho_record_destroy(MhoRecord *record); /* NULL allowed */

/* The child called name, made if missing. Names have no '/', are not empty, are unique among arrays and children. */
MhoStatus mho_record_child(MhoRecord *record, const char *name, MhoRecord **child, MhoError *error) MHO_CHECKED;

/* Add an array with a copy of data (NULL: zeros, or empty strings). axes: rank names or NULL. A second array of the
 * same name is an error. *array (may be NULL) is owned by the record. Sizes are checked for overflow. */
MhoStatus mho_record_add(MhoRecord *record, const char *name, MhoType type, size_t rank, const size_t *shape,
                         const char *const *axes, const char *unit, const char *help, const void *data,
                         MhoArray **array, MhoError *error) MHO_CHECKED;

/* Attribute setters for a group (record) or an array; a second value under the same name replaces the first. */
MhoStatus mho_attribute_set(MhoAttributes *attributes, const char *name, MhoType type, size_t n, const void *data,
                            MhoError *error) MHO_CHECKED;
MhoStatus mho_attribute_text(MhoAttributes *attributes, const char *name, const char *text,
                             MhoError *error) MHO_CHECKED;
MhoStatus mho_attribute_real(MhoAttributes *attributes, const char *name, double value, MhoError *error) MHO_CHECKED;
MhoStatus mho_attribute_int(MhoAttributes *attributes, const char *name, int64_t value, MhoError *error) MHO_CHECKED;

/* Look-ups by path ("layers/conv1/weight"): NULL when absent. */
const MhoRecord *mho_record_find(const MhoRecord *record, const char *path);
const MhoArray *mho_record_array(const MhoRecord *record, const char *path);
const MhoAttribute *mho_attribute_find(const MhoAttributes *attributes, const char *name);
/* The string value of an attribute, or NULL when absent or of another type. */
const char *mho_attribute_string(const MhoAttributes *attributes, const char *name);

/* The array at path, checked: type and rank must match (INPUT error naming file and path otherwise). `file` is for the
 * message. */
MhoStatus mho_record_require(const MhoRecord *record, const char *file, const char *path, MhoType type, size_t rank,
                             const MhoArray **array, MhoError *error) MHO_CHECKED;
/* Element i of integers; false for other types and for a u64 beyond the range of int64_t. */
bool mho_integer_at(MhoType type, const void *data, size_t i, int64_t *value);
size_t mho_array_count(const MhoArray *array); /* product of shape; 1 for rank 0 */

/* SHA-256, 64 hex digits + NUL, over every array and attribute in name order, little-endian: path, type, shape,
 * axis names, unit, values. Groups "provenance" and "summary" at the root and the root attribute "history" are left
 * out. */
MhoStatus mho_record_digest(const MhoRecord *record, char hex[65], MhoError *error) MHO_CHECKED;

#endif
