/* record.c - a tree of named arrays: what every file of mho holds. */
#include "base/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const struct TypeRow {
    const char *name;
    size_t size;
} types[] = {[MHO_U8] = {"u8", 1},   [MHO_I8] = {"i8", 1},   [MHO_I16] = {"i16", 2},
             [MHO_I32] = {"i32", 4}, [MHO_I64] = {"i64", 8}, [MHO_U64] = {"u64", 8},
             [MHO_F32] = {"f32", 4}, [MHO_F64] = {"f64", 8}, [MHO_STRING] = {"string", sizeof(char *)}};

size_t mho_type_size(MhoType type)
{
    return (unsigned)type <= MHO_STRING ? types[type].size : 0;
}

const char *mho_type_name(MhoType type)
{
    return (unsigned)type <= MHO_STRING ? types[type].name : "unknown";
}

static void data_destroy(MhoType type, size_t n, void *data)
{
    if (type == MHO_STRING && data)
        for (size_t i = 0; i < n; i++)
            free(((char **)data)[i]);
    free(data);
}

/* A copy of n elements that the caller owns; data NULL: zeros or empty strings. name is for the message. */
static void *data_copy(const char *name, MhoType type, size_t n, const void *data, MhoError *error)
{
    size_t size = mho_type_size(type);
    void *copy = mho_calloc(n, size, error, "'%s'", name);
    if (!copy)
        return NULL;
    if (type != MHO_STRING) {
        if (data && n > 0)
            memcpy(copy, data, n * size);
        return copy;
    }
    char **strings = copy;
    for (size_t i = 0; i < n; i++) {
        const char *text = data ? ((char *const *)data)[i] : "";
        strings[i] = mho_strdup(text ? text : "", error);
        if (!strings[i]) {
            data_destroy(type, n, copy);
            return NULL;
        }
    }
    return copy;
}

static void attributes_destroy(MhoAttributes *attributes)
{
    for (size_t i = 0; i < attributes->n; i++) {
        MhoAttribute *attribute = &attributes->list[i];
        data_destroy(attribute->type, attribute->n, attribute->data);
        free(attribute->name);
    }
    free(attributes->list);
}

static void array_destroy(MhoArray *array)
{
    if (!array)
        return;
    if (array->data)
        data_destroy(array->type, mho_array_count(array), array->data);
    for (size_t i = 0; i < MHO_MAX_RANK; i++)
        free(array->axis[i]);
    attributes_destroy(&array->attributes);
    free(array->name);
    free(array->unit);
    free(array->help);
    free(array);
}

void mho_record_destroy(MhoRecord *record)
{
    if (!record)
        return;
    for (size_t i = 0; i < record->n_children; i++)
        mho_record_destroy(record->children[i]);
    for (size_t i = 0; i < record->n_arrays; i++)
        array_destroy(record->arrays[i]);
    attributes_destroy(&record->attributes);
    free(record->children);
    free(record->arrays);
    free(record->name);
    free(record);
}

static MhoStatus record_new(const char *name, MhoRecord **record, MhoError *error)
{
    *record = mho_calloc(1, sizeof **record, error, "'%s'", name);
    if (*record)
        (*record)->name = mho_strdup(name, error);
    if (*record && (*record)->name)
        return MHO_OK;
    mho_record_destroy(*record);
    *record = NULL;
    return MHO_MEMORY;
}

MhoStatus mho_record_create(MhoRecord **record, MhoError *error)
{
    return record_new("", record, error);
}

static MhoArray *own_array(const MhoRecord *record, const char *name, size_t length)
{
    for (size_t i = 0; i < record->n_arrays; i++)
        if (strncmp(record->arrays[i]->name, name, length) == 0 && record->arrays[i]->name[length] == '\0')
            return record->arrays[i];
    return NULL;
}

static MhoRecord *own_child(const MhoRecord *record, const char *name, size_t length)
{
    for (size_t i = 0; i < record->n_children; i++)
        if (strncmp(record->children[i]->name, name, length) == 0 && record->children[i]->name[length] == '\0')
            return record->children[i];
    return NULL;
}

static MhoStatus check_name(const char *name, MhoError *error)
{
    if (!name || *name == '\0' || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return mho_fail(error, MHO_FAILED, "'%s' is not a valid name of an array or a group", name ? name : "");
    return MHO_OK;
}

MhoStatus mho_record_child(MhoRecord *record, const char *name, MhoRecord **child, MhoError *error)
{
    MhoStatus status = check_name(name, error);
    if (status != MHO_OK)
        return status;
    *child = own_child(record, name, strlen(name));
    if (*child)
        return MHO_OK;
    if (own_array(record, name, strlen(name)))
        return mho_fail(error, MHO_FAILED, "'%s' is an array, not a group", name);
    MhoRecord **children = mho_list_grow(record->children, record->n_children, sizeof *children, error);
    if (!children)
        return MHO_MEMORY;
    record->children = children;
    status = record_new(name, child, error);
    if (status == MHO_OK)
        children[record->n_children++] = *child;
    return status;
}

/* The number of elements of a shape; false when its bytes overflow. */
static bool shape_count(MhoType type, size_t rank, const size_t *shape, size_t *n)
{
    size_t bytes;
    *n = 1;
    for (size_t i = 0; i < rank; i++)
        if (__builtin_mul_overflow(*n, shape[i], n))
            return false;
    return !__builtin_mul_overflow(*n, mho_type_size(type), &bytes);
}

static MhoArray *array_new(const char *name, MhoType type, size_t rank, const size_t *shape, const char *const *axes,
                           const char *unit, const char *help, size_t n, const void *data, MhoError *error)
{
    MhoArray *array = mho_calloc(1, sizeof *array, error, "'%s'", name);
    if (!array)
        return NULL;
    array->type = type;
    array->rank = rank;
    bool complete = true;
    for (size_t i = 0; i < rank; i++) {
        array->shape[i] = shape[i];
        if (axes && axes[i])
            complete = (array->axis[i] = mho_strdup(axes[i], error)) != NULL && complete;
    }
    array->name = mho_strdup(name, error);
    array->unit = mho_strdup(unit ? unit : "", error);
    array->help = mho_strdup(help ? help : "", error);
    array->data = data_copy(name, type, n, data, error);
    if (complete && array->name && array->unit && array->help && array->data)
        return array;
    array_destroy(array);
    return NULL;
}

MhoStatus mho_record_add(MhoRecord *record, const char *name, MhoType type, size_t rank, const size_t *shape,
                         const char *const *axes, const char *unit, const char *help, const void *data,
                         MhoArray **array, MhoError *error)
{
    if (array)
        *array = NULL;
    MhoStatus status = check_name(name, error);
    if (status != MHO_OK)
        return status;
    size_t n;
    if (rank > MHO_MAX_RANK || mho_type_size(type) == 0 || (rank > 0 && !shape))
        return mho_fail(error, MHO_FAILED, "array '%s': its rank is above %d, it has no shape, or its type is unknown",
                        name, MHO_MAX_RANK);
    if (!shape_count(type, rank, shape, &n))
        return mho_fail(error, MHO_MEMORY, "array '%s': its size does not fit the address space", name);
    if (own_array(record, name, strlen(name)) || own_child(record, name, strlen(name)))
        return mho_fail(error, MHO_FAILED, "group '%s' already has an entry '%s'", record->name, name);
    MhoArray **arrays = mho_list_grow(record->arrays, record->n_arrays, sizeof *arrays, error);
    if (!arrays)
        return MHO_MEMORY;
    record->arrays = arrays;
    MhoArray *made = array_new(name, type, rank, shape, axes, unit, help, n, data, error);
    if (!made)
        return MHO_MEMORY;
    arrays[record->n_arrays++] = made;
    if (array)
        *array = made;
    return MHO_OK;
}

const MhoAttribute *mho_attribute_find(const MhoAttributes *attributes, const char *name)
{
    for (size_t i = 0; i < attributes->n; i++)
        if (strcmp(attributes->list[i].name, name) == 0)
            return &attributes->list[i];
    return NULL;
}

MhoStatus mho_attribute_set(MhoAttributes *attributes, const char *name, MhoType type, size_t n, const void *data,
                            MhoError *error)
{
    MhoStatus status = check_name(name, error);
    if (status != MHO_OK)
        return status;
    if (mho_type_size(type) == 0)
        return mho_fail(error, MHO_FAILED, "attribute '%s': its type is unknown", name);
    void *copy = data_copy(name, type, n, data, error);
    if (!copy)
        return MHO_MEMORY;
    for (size_t i = 0; i < attributes->n; i++) {
        MhoAttribute *old = &attributes->list[i];
        if (strcmp(old->name, name) != 0)
            continue;
        data_destroy(old->type, old->n, old->data);
        *old = (MhoAttribute){.name = old->name, .type = type, .n = n, .data = copy};
        return MHO_OK;
    }
    char *own_name = mho_strdup(name, error);
    MhoAttribute *list = own_name ? mho_list_grow(attributes->list, attributes->n, sizeof *list, error) : NULL;
    if (!list) {
        free(own_name);
        data_destroy(type, n, copy);
        return MHO_MEMORY;
    }
    attributes->list = list;
    list[attributes->n++] = (MhoAttribute){.name = own_name, .type = type, .n = n, .data = copy};
    return MHO_OK;
}

MhoStatus mho_attribute_text(MhoAttributes *attributes, const char *name, const char *text, MhoError *error)
{
    return mho_attribute_set(attributes, name, MHO_STRING, 1, &text, error);
}

MhoStatus mho_attribute_real(MhoAttributes *attributes, const char *name, double value, MhoError *error)
{
    return mho_attribute_set(attributes, name, MHO_F64, 1, &value, error);
}

MhoStatus mho_attribute_int(MhoAttributes *attributes, const char *name, int64_t value, MhoError *error)
{
    return mho_attribute_set(attributes, name, MHO_I64, 1, &value, error);
}

const char *mho_attribute_string(const MhoAttributes *attributes, const char *name)
{
    const MhoAttribute *attribute = mho_attribute_find(attributes, name);
    return attribute && attribute->type == MHO_STRING && attribute->n == 1 ? *(char *const *)attribute->data : NULL;
}

/* The group that holds the object at path; *last is the object's name, after the last '/'. */
static const MhoRecord *descend(const MhoRecord *record, const char *path, const char **last)
{
    const char *slash;
    while (record && (slash = strchr(path, '/'))) {
        record = own_child(record, path, (size_t)(slash - path));
        path = slash + 1;
    }
    *last = path;
    return record;
}

const MhoRecord *mho_record_find(const MhoRecord *record, const char *path)
{
    const char *last;
    record = descend(record, path, &last);
    if (!record || *last == '\0')
        return record;
    return own_child(record, last, strlen(last));
}

const MhoArray *mho_record_array(const MhoRecord *record, const char *path)
{
    const char *last;
    record = descend(record, path, &last);
    return record ? own_array(record, last, strlen(last)) : NULL;
}

MhoStatus mho_record_require(const MhoRecord *record, const char *file, const char *path, MhoType type, size_t rank,
                             const MhoArray **array, MhoError *error)
{
    *array = NULL;
    const MhoArray *found = mho_record_array(record, path);
    if (!found)
        return mho_fail(error, MHO_INPUT, "%s: the array '%s' is missing", file, path);
    if (found->type != type || found->rank != rank)
        return mho_fail(error, MHO_INPUT, "%s: the array '%s' is %s of rank %zu; %s of rank %zu is needed", file, path,
                        mho_type_name(found->type), found->rank, mho_type_name(type), rank);
    *array = found;
    return MHO_OK;
}

bool mho_integer_at(MhoType type, const void *data, size_t i, int64_t *value)
{
    switch (type) {
    case MHO_U8: *value = ((const uint8_t *)data)[i]; return true;
    case MHO_I8: *value = ((const int8_t *)data)[i]; return true;
    case MHO_I16: *value = ((const int16_t *)data)[i]; return true;
    case MHO_I32: *value = ((const int32_t *)data)[i]; return true;
    case MHO_I64: *value = ((const int64_t *)data)[i]; return true;
    case MHO_U64: *value = ((const int64_t *)data)[i]; return *value >= 0;
    default: return false;
    }
}

size_t mho_array_count(const MhoArray *array)
{
    size_t n = 1;
    for (size_t i = 0; i < array->rank; i++)
        n *= array->shape[i];
    return n;
}
