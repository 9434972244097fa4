/* read_values.c - datasets and attributes of a hostile HDF5 file to arrays and attributes of a record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/heap_internal.h"
#include "store/read_internal.h"

enum {
    MAX_ATTRIBUTE_BYTES = 1 << 20,
    MAX_STRING = 1 << 24, /* bytes of one string of fixed length */
    INFLATE_RATIO = 1100, /* deflate gives at most 1032 bytes for one (zlib's technical notes) */
    SLACK = 1 << 26 /* bytes that a file may claim beyond what its storage explains: fill values, unwritten chunks */
};

/* What a dataset or attribute holds. */
typedef struct Values {
    bool text;    /* strings */
    size_t fixed; /* bytes of a fixed-length string; 0: variable */
    MhoType type; /* of the record */
    int rank;     /* 0: scalar */
    hsize_t shape[MHO_MAX_RANK], n;
} Values;

typedef enum Verdict { GOOD, UNSUPPORTED, BROKEN } Verdict;

/* Read type and shape. Only numbers of 1, 2, 4 and 8 bytes and strings, of rank <= MHO_MAX_RANK, are good. */
static Verdict look_at(hid_t type, hid_t space, Values *out)
{
    const H5S_class_t kind = H5Sget_simple_extent_type(space);

    *out = (Values){.n = 1};
    if (type < 0 || space < 0 || kind == H5S_NO_CLASS)
        return BROKEN;
    if (kind == H5S_NULL)
        return UNSUPPORTED;
    out->rank = H5Sget_simple_extent_ndims(space);
    if (out->rank < 0 || out->rank > MHO_MAX_RANK)
        return out->rank < 0 ? BROKEN : UNSUPPORTED;
    if (H5Sget_simple_extent_dims(space, out->shape, NULL) < 0)
        return BROKEN;
    for (int i = 0; i < out->rank; i++)
        if (__builtin_mul_overflow(out->n, out->shape[i], &out->n))
            return BROKEN;
    if (H5Tget_class(type) == H5T_STRING) {
        out->text = true;
        out->type = MHO_STRING;
        out->fixed = H5Tis_variable_str(type) > 0 ? 0 : H5Tget_size(type);
        return out->fixed > MAX_STRING ? UNSUPPORTED : GOOD;
    }
    return mho_store_numeric_type(type, &out->type) ? GOOD : UNSUPPORTED;
}

/* Bytes in memory while the values are read; false on overflow. */
static bool value_bytes(const Values *values, hsize_t *bytes)
{
    const hsize_t size = values->text ? values->fixed + 2 * sizeof(char *) : mho_type_size(values->type);

    return !__builtin_mul_overflow(values->n, size, bytes) && *bytes < SIZE_MAX;
}

/* H5Dread or H5Aread, whichever object it is. */
static bool read_into(hid_t object, hid_t type, void *out)
{
    if (H5Iget_type(object) == H5I_ATTR)
        return H5Aread(object, type, out) >= 0;
    return H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0;
}

/* Both kinds in the character set of the file; HDF5 converts between none. */
static hid_t memory_string(hid_t file_type, size_t fixed)
{
    const hid_t type = H5Tcopy(H5T_C_S1);

    if (H5Tset_size(type, fixed > 0 ? fixed + 1 : H5T_VARIABLE) < 0 || H5Tset_cset(type, H5Tget_cset(file_type)) < 0) {
        (void)H5Tclose(type);
        return H5I_INVALID_HID;
    }
    return type;
}

/* n strings as a list that owns them (MhoArray's form); NULL on failure, with everything released. */
static char **read_strings(hid_t object, hid_t file_type, hid_t space, const Values *values)
{
    const size_t n = (size_t)values->n;
    const hid_t type = memory_string(file_type, values->fixed);
    const size_t width = values->fixed + 1;
    char **list = calloc(n > 0 ? n : 1, sizeof *list);
    char **raw = values->fixed == 0 ? calloc(n > 0 ? n : 1, sizeof *raw) : NULL;
    char *block = values->fixed > 0 ? calloc(n > 0 ? n : 1, width) : NULL;
    bool good = type >= 0 && list && (raw || block);

    if (good && n > 0) {
        good = read_into(object, type, values->fixed > 0 ? (void *)block : (void *)raw);
        for (size_t i = 0; i < n && good; i++) {
            const char *text = values->fixed > 0 ? block + i * width : raw[i];
            list[i] = strdup(text ? text : "");
            good = list[i] != NULL;
        }
        if (raw)
            (void)H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw);
    }
    for (size_t i = 0; !good && list && i < n; i++)
        free(list[i]);
    if (!good)
        free(list);
    free(raw);
    free(block);
    if (type >= 0)
        (void)H5Tclose(type);
    return good ? list : NULL;
}

static void free_strings(char **list, hsize_t n)
{
    for (hsize_t i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

/* Whether HDF5 may follow the variable-length values of attributes called name; each name is looked at once a file. */
bool mho_reader_sound(MhoReader *reader, const char *name)
{
    char **grown;

    if (reader->sealed)
        return true;
    for (size_t i = 0; i < reader->n_sound; i++)
        if (strcmp(reader->sound[i], name) == 0)
            return true;
    if (!mho_heap_attributes_sound(reader->data, (size_t)reader->size, reader->base, name))
        return false;
    grown = realloc(reader->sound, (reader->n_sound + 1) * sizeof *grown);
    if (grown) {
        reader->sound = grown;
        grown[reader->n_sound] = strdup(name);
        reader->n_sound += grown[reader->n_sound] != NULL;
    }
    return true;
}

/* The text of an open attribute; *text stays NULL where it is no single string in a foreign file. */
static MhoStatus attribute_text(MhoReader *reader, hid_t attribute, const char *place, const char *name, char **text)
{
    const hid_t type = H5Aget_type(attribute);
    const hid_t space = H5Aget_space(attribute);
    Values values;
    const Verdict verdict = look_at(type, space, &values);
    MhoStatus status = MHO_OK;

    if (verdict == BROKEN) {
        status = mho_reader_damaged(reader, place, "an attribute of impossible size");
    } else if (verdict == UNSUPPORTED || !values.text || values.n != 1 || values.fixed > MAX_ATTRIBUTE_BYTES) {
        status = mho_reader_unsupported(reader, place, "an attribute that is not one text");
    } else if (values.fixed == 0 && !mho_reader_sound(reader, name)) {
        status = mho_reader_damaged(reader, place, "strings that point to nowhere");
    } else {
        char **list = read_strings(attribute, type, space, &values);
        status = list ? MHO_OK : mho_reader_fail(reader, place);
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
    MhoStatus status;

    *text = NULL;
    if (attribute < 0)
        return there == 0 ? MHO_OK : mho_reader_fail(reader, place);
    (void)snprintf(inner, sizeof inner, "%.*s@%s", MHO_STORE_PLACE - 258, place, name);
    status = attribute_text(reader, attribute, inner, name, text);
    (void)H5Aclose(attribute);
    (void)H5Eclear2(H5E_DEFAULT);
    return status;
}

static MhoStatus add_attribute(MhoReader *reader, hid_t attribute, hid_t type, hid_t space, const char *place,
                               const char *name, MhoAttributes *attributes)
{
    Values values;
    const Verdict verdict = look_at(type, space, &values);
    hsize_t bytes = 0;
    MhoStatus status;

    if (verdict == UNSUPPORTED)
        return mho_reader_unsupported(reader, place, "an attribute of a type that mho does not use");
    if (verdict == BROKEN || !value_bytes(&values, &bytes) || bytes > MAX_ATTRIBUTE_BYTES)
        return mho_reader_damaged(reader, place, "an attribute of impossible size");
    status = mho_reader_bytes(reader, place, bytes);
    if (status != MHO_OK)
        return status;
    if (values.text && values.fixed == 0 && !mho_reader_sound(reader, name))
        return mho_reader_damaged(reader, place, "strings that point to nowhere");
    if (values.text) {
        char **list = read_strings(attribute, type, space, &values);
        if (!list)
            return mho_reader_fail(reader, place);
        status = mho_attribute_set(attributes, name, MHO_STRING, (size_t)values.n, list, reader->error);
        free_strings(list, values.n);
        return status;
    }
    void *data = calloc(1, bytes > 0 ? (size_t)bytes : 1);
    if (!data)
        return mho_fail(reader->error, MHO_MEMORY, "%s: out of memory", reader->path);
    if (values.n > 0 && !read_into(attribute, mho_store_memory_type(values.type), data))
        status = mho_reader_fail(reader, place);
    else
        status = mho_attribute_set(attributes, name, values.type, (size_t)values.n, data, reader->error);
    free(data);
    return status;
}

static MhoStatus read_attribute(MhoReader *reader, hid_t attribute, const char *place, MhoAttributes *attributes)
{
    char name[256];
    char inner[MHO_STORE_PLACE];
    const ssize_t length = H5Aget_name(attribute, sizeof name, name);
    MhoStatus status = mho_reader_object(reader, place);

    if (status != MHO_OK)
        return status;
    if (length <= 0 || length >= (ssize_t)sizeof name || strchr(name, '/') != NULL)
        return mho_reader_unsupported(reader, place, "an attribute without a usable name");
    if (mho_store_reserved(name))
        return MHO_OK;
    (void)snprintf(inner, sizeof inner, "%.*s@%s", MHO_STORE_PLACE - 258, place, name);
    const hid_t type = H5Aget_type(attribute);
    const hid_t space = H5Aget_space(attribute);
    status = add_attribute(reader, attribute, type, space, inner, name, attributes);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    return status;
}

static H5_index_t attribute_order(hid_t object)
{
    const hid_t list = H5Iget_type(object) == H5I_GROUP ? H5Gget_create_plist(object) : H5Dget_create_plist(object);
    unsigned flags = 0;

    if (list >= 0) {
        (void)H5Pget_attr_creation_order(list, &flags);
        (void)H5Pclose(list);
    }
    return (flags & H5P_CRT_ORDER_INDEXED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
}

MhoStatus mho_reader_attributes(MhoReader *reader, hid_t object, const char *place, MhoAttributes *attributes)
{
    const H5_index_t order = attribute_order(object);
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

/* Storage that stays inside the file and filters that are part of every HDF5. */
static MhoStatus check_storage(const MhoReader *reader, hid_t dataset, const char *place, bool *good)
{
    const hid_t list = H5Dget_create_plist(dataset);
    const char *cause = NULL;

    if (list < 0)
        return mho_reader_fail(reader, place);
    if (H5Pget_layout(list) == H5D_VIRTUAL) {
        cause = "a virtual dataset";
    } else if (H5Pget_external_count(list) != 0) {
        cause = "values in another file";
    } else if (H5Pget_layout(list) == H5D_CHUNKED) {
        const int n = H5Pget_nfilters(list);
        for (int i = 0; i < n && !cause; i++) {
            unsigned flags;
            size_t values = 0;
            const H5Z_filter_t filter = H5Pget_filter2(list, (unsigned)i, &flags, &values, NULL, 0, NULL, NULL);
            const bool known =
                filter == H5Z_FILTER_DEFLATE || filter == H5Z_FILTER_SHUFFLE || filter == H5Z_FILTER_FLETCHER32;
            cause = known ? NULL : "a filter other than gzip, shuffle and fletcher32";
        }
    }
    (void)H5Pclose(list);
    *good = !cause;
    return !cause ? MHO_OK : mho_reader_unsupported(reader, place, cause);
}

/* Chunks that the shape asks for; 0 on overflow or without a chunk shape. */
static hsize_t count_chunks(hid_t list, const Values *values)
{
    hsize_t chunk[MHO_MAX_RANK], n = 1;

    if (H5Pget_chunk(list, MHO_MAX_RANK, chunk) != values->rank)
        return 0;
    for (int i = 0; i < values->rank; i++) {
        const hsize_t count = chunk[i] > 0 ? values->shape[i] / chunk[i] + (values->shape[i] % chunk[i] != 0) : 0;
        if (chunk[i] == 0 || __builtin_mul_overflow(n, count, &n))
            return 0;
    }
    return n > 0 ? n : 1;
}

/* HDF5 copies all values from a block without looking whether it holds so many, and lists every chunk of the shape,
 * present or not, before it reads one. A chunk in the file takes more than a byte of it. */
static bool layout_sound(const MhoReader *reader, hid_t dataset, hsize_t stored, const Values *values)
{
    const hid_t list = H5Dget_create_plist(dataset);
    const hid_t type = H5Dget_type(dataset);
    const H5D_layout_t layout = H5Pget_layout(list);
    const hsize_t chunks = layout == H5D_CHUNKED ? count_chunks(list, values) : 0;
    const hsize_t size = H5Tget_size(type);
    bool good;

    (void)H5Tclose(type);
    (void)H5Pclose(list);
    if (layout == H5D_CHUNKED)
        good = chunks > 0 && chunks <= reader->size;
    else
        good = (stored == 0 && layout == H5D_CONTIGUOUS) || (size > 0 && stored / size >= values->n);
    return good;
}

/* What a dataset claims to hold against what its bytes in the file can explain. */
static MhoStatus check_size(MhoReader *reader, hid_t dataset, const char *place, const Values *values)
{
    const hsize_t stored = H5Dget_storage_size(dataset);
    hsize_t bytes = 0;

    if (!value_bytes(values, &bytes))
        return mho_reader_damaged(reader, place, "a dataset of impossible size");
    if (stored > reader->size)
        return mho_reader_damaged(reader, place, "a dataset larger than the file");
    if (!layout_sound(reader, dataset, stored, values))
        return mho_reader_damaged(reader, place, "a dataset that claims more values than it stores");
    if (bytes / INFLATE_RATIO > stored) {
        const hsize_t unexplained = bytes - stored * INFLATE_RATIO;
        if (unexplained > SLACK - reader->unexplained)
            return mho_reader_damaged(reader, place, "a dataset that claims more values than its bytes can hold");
        reader->unexplained += unexplained;
    }
    return mho_reader_bytes(reader, place, bytes);
}

/* Variable-length strings carry no checksum, and HDF5 follows them blindly. Those in one block can be checked before;
 * the index of chunks (an older B-tree, without checksum too) can be followed by HDF5 alone, which may crash or not
 * come back. mho's own are never chunked. */
static MhoStatus check_strings(const MhoReader *reader, hid_t dataset, const char *place, const Values *values)
{
    const hid_t list = H5Dget_create_plist(dataset);
    const bool block = H5Pget_layout(list) == H5D_CONTIGUOUS;
    const haddr_t offset = H5Dget_offset(dataset);
    char clean[MHO_STORE_PLACE];

    (void)H5Pclose(list);
    (void)H5Eclear2(H5E_DEFAULT);
    if (!block && !reader->sealed) {
        return mho_fail(reader->error, MHO_INPUT,
                        "%s: %s: strings in chunks cannot be checked before HDF5 follows them; write them contiguous "
                        "(h5py: without chunks, maxshape and compression)",
                        reader->path, mho_store_printable(place, clean, sizeof clean));
    }
    if (offset != HADDR_UNDEF &&
        !mho_heap_strings_sound(reader->data, (size_t)reader->size, reader->base, offset, values->n)) {
        return mho_reader_damaged(reader, place, "strings that point to nowhere");
    }
    return MHO_OK;
}

/* Unit and help of a dataset, both owned by the caller. */
static MhoStatus read_texts(MhoReader *reader, hid_t dataset, const char *place, char **unit, char **help)
{
    MhoStatus status = mho_reader_text(reader, dataset, place, "units", unit);

    return status == MHO_OK ? mho_reader_text(reader, dataset, place, "long_name", help) : status;
}

static MhoStatus add_array(MhoReader *reader, hid_t dataset, hid_t type, hid_t space, const char *place,
                           const char *name, MhoRecord *record, MhoArray **array)
{
    Values values;
    const Verdict verdict = look_at(type, space, &values);
    size_t shape[MHO_MAX_RANK] = {0};
    char *unit = NULL;
    char *help = NULL;
    MhoStatus status;

    if (verdict == UNSUPPORTED)
        return mho_reader_unsupported(reader, place, "a dataset of a type or rank that mho does not use");
    if (verdict == BROKEN)
        return mho_reader_fail(reader, place);
    status = check_size(reader, dataset, place, &values);
    if (status == MHO_OK && values.text && values.fixed == 0)
        status = check_strings(reader, dataset, place, &values);
    if (status != MHO_OK)
        return status;
    for (int i = 0; i < values.rank; i++)
        shape[i] = (size_t)values.shape[i];
    char **list = values.text ? read_strings(dataset, type, space, &values) : NULL;
    if (values.text && !list)
        return mho_reader_fail(reader, place);
    status = read_texts(reader, dataset, place, &unit, &help);
    if (status == MHO_OK) {
        status = mho_record_add(record, name, values.type, (size_t)values.rank, shape, NULL, unit, help, list, array,
                                reader->error);
    }
    free(unit);
    free(help);
    if (list) {
        free_strings(list, values.n);
    } else if (status == MHO_OK && values.n > 0 &&
               !read_into(dataset, mho_store_memory_type(values.type), (*array)->data)) {
        status = mho_reader_fail(reader, place);
    }
    return status;
}

static MhoStatus read_variable(MhoReader *reader, hid_t dataset, const char *place, const char *name, MhoRecord *record)
{
    const hid_t type = H5Dget_type(dataset);
    const hid_t space = H5Dget_space(dataset);
    MhoArray *array = NULL;
    MhoStatus status = add_array(reader, dataset, type, space, place, name, record, &array);

    if (status == MHO_OK && array) {
        status = mho_reader_attributes(reader, dataset, place, &array->attributes);
        if (status == MHO_OK && !mho_reader_note_axes(reader, dataset, array))
            status = mho_fail(reader->error, MHO_MEMORY, "%s: out of memory", reader->path);
    }
    if (space >= 0)
        (void)H5Sclose(space);
    if (type >= 0)
        (void)H5Tclose(type);
    return status;
}

MhoStatus mho_reader_dataset(MhoReader *reader, hid_t group, const char *place, const char *name, MhoRecord *record)
{
    const hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
    bool variable = true;
    bool good = true;
    MhoStatus status;

    if (dataset < 0)
        return mho_reader_fail(reader, place);
    status = check_storage(reader, dataset, place, &good);
    if (status == MHO_OK && good) {
        status = mho_reader_scale(reader, dataset, place, name, &variable);
        if (status == MHO_OK && variable)
            status = read_variable(reader, dataset, place, mho_reader_variable_name(name), record);
    }
    (void)H5Dclose(dataset);
    return status;
}
