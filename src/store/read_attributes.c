/* read_attributes.c - what a dataset or attribute holds, its strings, and the attributes of a hostile HDF5 file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/read_internal.h"

enum {
    MAX_ATTRIBUTE_BYTES = 1 << 20,
    MAX_STRING = 1 << 24, /* bytes of one string of fixed length */
};

MhoVerdict mho_reader_inspect(hid_t type, hid_t space, MhoValues *out)
{
    const H5S_class_t kind = H5Sget_simple_extent_type(space);
    *out = (MhoValues){.n = 1};
    if (type < 0 || space < 0 || kind == H5S_NO_CLASS)
        return MHO_VALUES_DAMAGED;
    if (kind == H5S_NULL)
        return MHO_VALUES_UNSUPPORTED;
    out->rank = H5Sget_simple_extent_ndims(space);
    if (out->rank < 0 || out->rank > MHO_MAX_RANK)
        return out->rank < 0 ? MHO_VALUES_DAMAGED : MHO_VALUES_UNSUPPORTED;
    if (H5Sget_simple_extent_dims(space, out->shape, NULL) < 0)
        return MHO_VALUES_DAMAGED;
    for (int i = 0; i < out->rank; i++)
        if (__builtin_mul_overflow(out->n, out->shape[i], &out->n))
            return MHO_VALUES_DAMAGED;
    if (H5Tget_class(type) == H5T_STRING) {
        out->text = true;
        out->type = MHO_STRING;
        out->fixed = H5Tis_variable_str(type) > 0 ? 0 : H5Tget_size(type);
        return out->fixed > MAX_STRING ? MHO_VALUES_UNSUPPORTED : MHO_VALUES_GOOD;
    }
    return mho_store_numeric_type(type, &out->type) ? MHO_VALUES_GOOD : MHO_VALUES_UNSUPPORTED;
}

bool mho_reader_value_bytes(const MhoValues *values, hsize_t *bytes)
{
    const hsize_t size = values->text ? values->fixed + 2 * sizeof(char *) : mho_type_size(values->type);
    return !__builtin_mul_overflow(values->n, size, bytes) && *bytes < SIZE_MAX;
}

bool mho_reader_values(hid_t object, hid_t type, void *out)
{
    if (H5Iget_type(object) == H5I_ATTR)
        return H5Aread(object, type, out) >= 0;
    return H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0;
}

void mho_reader_free_strings(char **list, size_t n)
{
    for (size_t i = 0; list && i < n; i++)
        free(list[i]);
    free(list);
}

/* Copy n strings to list: from a block of `fixed` + 1 bytes each, or from the pointers of HDF5 when fixed is 0. */
static MhoStatus copy_strings(const MhoReader *reader, const char *block, size_t fixed, size_t n, char **list)
{
    for (size_t i = 0; i < n; i++) {
        const char *text = fixed > 0 ? block + i * (fixed + 1) : ((char *const *)(const void *)block)[i];
        list[i] = mho_strdup(text ? text : "", reader->error);
        if (!list[i])
            return MHO_MEMORY;
    }
    return MHO_OK;
}

MhoStatus mho_reader_strings(const MhoReader *reader, hid_t object, hid_t file_type, hid_t space, const char *place,
                             const MhoValues *values, char ***list)
{
    const size_t n = (size_t)values->n, width = values->fixed > 0 ? values->fixed + 1 : sizeof(char *);
    /* in the character set of the file: HDF5 converts none */
    const hid_t type =
        mho_store_string_type(values->fixed > 0 ? values->fixed + 1 : H5T_VARIABLE, H5Tget_cset(file_type));
    char **strings = mho_calloc(n, sizeof *strings, reader->error, "the strings of %s", reader->path);
    char *block = mho_calloc(n, width, reader->error, "the strings of %s", reader->path);
    MhoStatus status = strings && block ? MHO_OK : MHO_MEMORY;
    if (status == MHO_OK && type < 0)
        status = mho_reader_fail(reader, place);
    if (status == MHO_OK && n > 0) {
        status = mho_reader_values(object, type, block) ? copy_strings(reader, block, values->fixed, n, strings)
                                                        : mho_reader_fail(reader, place);
        if (values->fixed == 0)
            (void)H5Dvlen_reclaim(type, space, H5P_DEFAULT, block);
    }
    free(block);
    if (type >= 0)
        (void)H5Tclose(type);
    if (status != MHO_OK)
        mho_reader_free_strings(strings, n);
    *list = status == MHO_OK ? strings : NULL;
    return status;
}

/* The text of an open attribute. *text stays NULL when a foreign file has anything but one string there. */
static MhoStatus attribute_text(MhoReader *reader, hid_t attribute, const char *place, const char *name, char **text)
{
    const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    MhoValues values;
    const MhoVerdict verdict = mho_reader_inspect(type, space, &values);
    MhoStatus status = MHO_OK;
    if (verdict == MHO_VALUES_DAMAGED) {
        status = mho_reader_damaged(reader, place, "an attribute of impossible size");
    } else if (verdict == MHO_VALUES_UNSUPPORTED || !values.text || values.n != 1 ||
               values.fixed > MAX_ATTRIBUTE_BYTES) {
        status = mho_reader_unsupported(reader, place, "an attribute that is not one text");
    } else if (values.fixed == 0 && !mho_reader_sound(reader, name)) {
        status = mho_reader_damaged(reader, place, "strings that point to nowhere");
    } else {
        char **list;
        status = mho_reader_strings(reader, attribute, type, space, place, &values, &list);
        *text = list ? list[0] : NULL;
        free(list);
    }
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    return status;
}

MhoStatus mho_reader_text(MhoReader *reader, hid_t object, const char *place, const char *name, char **text)
{
    const htri_t there = H5Aexists(object, name);
    const hid_t attribute = there > 0 ? H5Aopen(object, name, H5P_DEFAULT) : H5I_INVALID_HID;
    char inner[MHO_STORE_PLACE];
    *text = NULL;
    if (attribute < 0)
        return there == 0 ? MHO_OK : mho_reader_fail(reader, place);
    (void)snprintf(inner, sizeof inner, "%.*s@%s", MHO_STORE_PLACE - 258, place, name);
    MhoStatus status = attribute_text(reader, attribute, inner, name, text);
    (void)H5Aclose(attribute);
    (void)H5Eclear2(H5E_DEFAULT);
    return status;
}

static MhoStatus add_attribute(MhoReader *reader, hid_t attribute, hid_t type, hid_t space, const char *place,
                               const char *name, MhoAttributes *attributes)
{
    MhoValues values;
    const MhoVerdict verdict = mho_reader_inspect(type, space, &values);
    hsize_t bytes = 0;
    if (verdict == MHO_VALUES_UNSUPPORTED)
        return mho_reader_unsupported(reader, place, "an attribute of a type that mho does not use");
    if (verdict == MHO_VALUES_DAMAGED || !mho_reader_value_bytes(&values, &bytes) || bytes > MAX_ATTRIBUTE_BYTES)
        return mho_reader_damaged(reader, place, "an attribute of impossible size");
    MhoStatus status = mho_reader_bytes(reader, place, bytes);
    if (status != MHO_OK)
        return status;
    if (values.text && values.fixed == 0 && !mho_reader_sound(reader, name))
        return mho_reader_damaged(reader, place, "strings that point to nowhere");
    if (values.text) {
        char **list;
        status = mho_reader_strings(reader, attribute, type, space, place, &values, &list);
        if (status == MHO_OK)
            status = mho_attribute_set(attributes, name, MHO_STRING, (size_t)values.n, list, reader->error);
        mho_reader_free_strings(list, (size_t)values.n);
        return status;
    }
    void *data = mho_calloc((size_t)bytes, 1, reader->error, "an attribute of %s", reader->path);
    if (!data)
        return MHO_MEMORY;
    if (values.n > 0 && !mho_reader_values(attribute, mho_store_number_type(values.type, false), data))
        status = mho_reader_fail(reader, place);
    else
        status = mho_attribute_set(attributes, name, values.type, (size_t)values.n, data, reader->error);
    free(data);
    return status;
}

static MhoStatus read_attribute(MhoReader *reader, hid_t attribute, const char *place, MhoAttributes *attributes)
{
    char name[256], inner[MHO_STORE_PLACE];
    const ssize_t length = H5Aget_name(attribute, sizeof name, name);
    MhoStatus status = mho_reader_object(reader, place);
    if (status != MHO_OK)
        return status;
    if (length <= 0 || length >= (ssize_t)sizeof name || strchr(name, '/') != NULL)
        return mho_reader_unsupported(reader, place, "an attribute without a usable name");
    if (mho_store_reserved(name))
        return MHO_OK;
    (void)snprintf(inner, sizeof inner, "%.*s@%s", MHO_STORE_PLACE - 258, place, name);
    const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    status = add_attribute(reader, attribute, type, space, inner, name, attributes);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    return status;
}

H5_index_t mho_reader_order(hid_t object, herr_t (*creation_order)(hid_t list, unsigned *flags))
{
    const hid_t list = H5Iget_type(object) == H5I_GROUP ? H5Gget_create_plist(object) : H5Dget_create_plist(object);
    unsigned flags = 0;
    if (list >= 0) {
        (void)creation_order(list, &flags);
        (void)H5Pclose(list);
    }
    return (flags & H5P_CRT_ORDER_INDEXED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
}

MhoStatus mho_reader_attributes(MhoReader *reader, hid_t object, const char *place, MhoAttributes *attributes)
{
    const H5_index_t order = mho_reader_order(object, H5Pget_attr_creation_order);
    H5O_info_t info;
    MhoStatus status = MHO_OK;
    if (H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS) < 0)
        return mho_reader_fail(reader, place);
    for (hsize_t i = 0; i < info.num_attrs && status == MHO_OK; i++) {
        const hid_t attribute = H5Aopen_by_idx(object, ".", order, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT);
        if (attribute < 0)
            return mho_reader_fail(reader, place);
        status = read_attribute(reader, attribute, place, attributes);
        (void)H5Aclose(attribute);
    }
    return status;
}
