/* read_dataset.c - datasets of a hostile HDF5 file to arrays of a record. */
#include <stdlib.h>

#include "store/heap_internal.h"
#include "store/read_internal.h"

enum {
    INFLATE_RATIO = 1100, /* deflate makes at most 1032 bytes of one (zlib technical details) */
    SLACK = 1 << 26,      /* bytes that a file may claim beyond its storage: fill values, unwritten chunks */
};

/* Accept storage inside the file, with filters that every HDF5 has. */
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

/* The number of chunks of the shape; 0 on overflow or without a chunk shape. */
static hsize_t count_chunks(hid_t list, const MhoValues *values)
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

/* HDF5 copies all values from a block without checking that it holds so many, and lists every chunk of the shape,
 * present or not, before it reads one. A chunk in the file has more than one byte. */
static bool layout_sound(const MhoReader *reader, hid_t dataset, hsize_t stored, const MhoValues *values)
{
    const hid_t list = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
    const H5D_layout_t layout = H5Pget_layout(list);
    const hsize_t chunks = layout == H5D_CHUNKED ? count_chunks(list, values) : 0, size = H5Tget_size(type);
    (void)H5Tclose(type);
    (void)H5Pclose(list);
    if (layout == H5D_CHUNKED)
        return chunks > 0 && chunks <= reader->size;
    return (stored == 0 && layout == H5D_CONTIGUOUS) || (size > 0 && stored / size >= values->n);
}

/* Compare the size that a dataset claims with the bytes that it has in the file. */
static MhoStatus check_size(MhoReader *reader, hid_t dataset, const char *place, const MhoValues *values)
{
    const hsize_t stored = H5Dget_storage_size(dataset);
    hsize_t bytes = 0;
    if (!mho_reader_value_bytes(values, &bytes))
        return mho_reader_damaged(reader, place, "a dataset of impossible size");
    if (stored > reader->size)
        return mho_reader_damaged(reader, place, "a dataset larger than the file");
    if (!layout_sound(reader, dataset, stored, values))
        return mho_reader_damaged(reader, place, "a dataset that claims more values than it stores");
    const hsize_t content = values->text ? values->fixed * values->n : bytes; /* without pointers to the strings */
    if (content / INFLATE_RATIO > stored) {
        const hsize_t unexplained = content - stored * INFLATE_RATIO;
        if (unexplained > SLACK - reader->unexplained)
            return mho_reader_damaged(reader, place, "a dataset that claims more values than its bytes can hold");
        reader->unexplained += unexplained;
    }
    return mho_reader_bytes(reader, place, bytes);
}

/* Variable-length strings have no checksum, and HDF5 reads them unchecked. Those in one block are checked here. The
 * index of chunks (an older B-tree, also without checksum) can only be read by HDF5, which may crash or never return.
 * mho itself never writes them in chunks. Strings of one length are read like numbers. */
static MhoStatus check_strings(const MhoReader *reader, hid_t dataset, const char *place, const MhoValues *values)
{
    const hid_t list = H5Dget_create_plist(dataset);
    const bool block = H5Pget_layout(list) == H5D_CONTIGUOUS;
    const haddr_t offset = H5Dget_offset(dataset);
    char clean[MHO_STORE_PLACE];
    (void)H5Pclose(list);
    (void)H5Eclear2(H5E_DEFAULT);
    if (!block && !reader->sealed) {
        return mho_fail(reader->error, MHO_INPUT,
                        "%s: %s: strings in chunks cannot be checked before HDF5 reads them; write them contiguous "
                        "(h5py: without chunks, maxshape and compression)",
                        reader->path, mho_store_printable(place, clean, sizeof clean));
    }
    if (offset != HADDR_UNDEF &&
        !mho_heap_values_sound(reader->data, (size_t)reader->size, reader->base, offset, values->n, 1))
        return mho_reader_damaged(reader, place, "strings that point to nowhere");
    return MHO_OK;
}

static MhoStatus add_array(MhoReader *reader, hid_t dataset, hid_t type, hid_t space, const char *place,
                           const char *name, MhoRecord *record, MhoArray **array)
{
    MhoValues values;
    const MhoVerdict verdict = mho_reader_inspect(type, space, &values);
    size_t shape[MHO_MAX_RANK] = {0};
    char *unit = NULL, *help = NULL;
    if (verdict == MHO_VALUES_UNSUPPORTED)
        return mho_reader_unsupported(reader, place, "a dataset of a type or rank that mho does not use");
    if (verdict == MHO_VALUES_DAMAGED)
        return mho_reader_fail(reader, place);
    MhoStatus status = check_size(reader, dataset, place, &values);
    if (status == MHO_OK && values.text && values.fixed == 0)
        status = check_strings(reader, dataset, place, &values);
    if (status != MHO_OK)
        return status;
    for (int i = 0; i < values.rank; i++)
        shape[i] = (size_t)values.shape[i];
    char **list = NULL;
    if (values.text)
        status = mho_reader_strings(reader, dataset, type, space, place, &values, &list);
    if (status == MHO_OK)
        status = mho_reader_text(reader, dataset, place, "units", &unit);
    if (status == MHO_OK)
        status = mho_reader_text(reader, dataset, place, "long_name", &help);
    if (status == MHO_OK)
        status = mho_record_add(record, name, values.type, (size_t)values.rank, shape, NULL, unit, help, list, array,
                                reader->error);
    free(unit);
    free(help);
    if (values.text) {
        mho_reader_free_strings(list, (size_t)values.n);
    } else if (status == MHO_OK && values.n > 0 &&
               !mho_reader_values(dataset, mho_store_number_type(values.type, false), (*array)->data)) {
        status = mho_reader_fail(reader, place);
    }
    return status;
}

static MhoStatus read_variable(MhoReader *reader, hid_t dataset, const char *place, const char *name, MhoRecord *record)
{
    const hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    MhoArray *array = NULL;
    MhoStatus status = add_array(reader, dataset, type, space, place, name, record, &array);
    if (status == MHO_OK && array) {
        status = mho_reader_attributes(reader, dataset, place, &array->attributes);
        if (status == MHO_OK)
            status = mho_reader_note_axes(reader, dataset, array);
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
    bool variable = true, good = true;
    if (dataset < 0)
        return mho_reader_fail(reader, place);
    MhoStatus status = check_storage(reader, dataset, place, &good);
    if (status == MHO_OK && good) {
        status = mho_reader_scale(reader, dataset, place, name, &variable);
        if (status == MHO_OK && variable)
            status = read_variable(reader, dataset, place, mho_reader_variable_name(name), record);
    }
    (void)H5Dclose(dataset);
    return status;
}
