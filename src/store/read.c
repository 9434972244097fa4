/* read.c - an HDF5 file to a record: opening, format and groups.
 *
 * Every file is taken for hostile. The SHA-256 at the end of a file of mho is checked before HDF5 opens it; links out
 * of the file are not read; depth, objects and bytes are limited before memory is allocated.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "store/read_internal.h"
#include "store/store.h"

enum { LINK_NAME_MAX = 4096 };

static MhoStatus read_group(MhoReader *reader, hid_t group, const char *place, MhoRecord *record, int depth);

static MhoStatus read_child(MhoReader *reader, hid_t group, const char *place, const char *name, MhoRecord *record,
                            int depth)
{
    MhoRecord *child = NULL;
    if (depth >= MHO_STORE_MAX_DEPTH)
        return mho_reader_damaged(reader, place, "groups are nested deeper than 32, or a group contains itself");
    hid_t handle = H5Gopen2(group, name, H5P_DEFAULT);
    if (handle < 0)
        return mho_reader_fail(reader, place);
    MhoStatus status = mho_record_child(record, name, &child, reader->error);
    if (status == MHO_OK)
        status = read_group(reader, handle, place, child, depth);
    (void)H5Gclose(handle);
    return status;
}

static MhoStatus read_link(MhoReader *reader, hid_t group, const char *place, const char *name, MhoRecord *record,
                           int depth)
{
    char inner[MHO_STORE_PLACE];
    H5L_info_t link;
    H5O_info_t object;
    (void)snprintf(inner, sizeof inner, "%s/%s", place, name);
    MhoStatus status = mho_reader_object(reader, inner);
    if (status != MHO_OK)
        return status;
    if (H5Lget_info(group, name, &link, H5P_DEFAULT) < 0)
        return mho_reader_fail(reader, inner);
    if (link.type != H5L_TYPE_HARD)
        return mho_reader_unsupported(reader, inner, "a soft or external link");
    if (H5Oget_info_by_name2(group, name, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
        return mho_reader_fail(reader, inner);
    switch (object.type) {
    case H5O_TYPE_GROUP:
        if (object.rc > 1)
            return mho_reader_damaged(reader, inner, "a group that is linked more than once");
        return read_child(reader, group, inner, name, record, depth + 1);
    case H5O_TYPE_DATASET: return mho_reader_dataset(reader, group, inner, name, record);
    default: return mho_reader_unsupported(reader, inner, "neither a group nor a dataset");
    }
}

/* Read the object of link i. */
static MhoStatus read_indexed(MhoReader *reader, hid_t group, const char *place, H5_index_t order, hsize_t i,
                              MhoRecord *record, int depth)
{
    const ssize_t length = H5Lget_name_by_idx(group, ".", order, H5_ITER_INC, i, NULL, 0, H5P_DEFAULT);
    if (length <= 0 || length >= LINK_NAME_MAX)
        return mho_reader_fail(reader, place);
    char *name = mho_calloc((size_t)length + 1, 1, reader->error, "a link of %s", reader->path);
    if (!name)
        return MHO_MEMORY;
    const bool good =
        H5Lget_name_by_idx(group, ".", order, H5_ITER_INC, i, name, (size_t)length + 1, H5P_DEFAULT) == length;
    const MhoStatus status =
        good ? read_link(reader, group, place, name, record, depth) : mho_reader_fail(reader, place);
    free(name);
    return status;
}

static MhoStatus read_group(MhoReader *reader, hid_t group, const char *place, MhoRecord *record, int depth)
{
    const H5_index_t order = mho_reader_order(group, H5Pget_link_creation_order);
    H5G_info_t info;
    MhoStatus status = mho_reader_attributes(reader, group, place, &record->attributes);
    if (status != MHO_OK)
        return status;
    if (H5Gget_info(group, &info) < 0)
        return mho_reader_fail(reader, place);
    for (hsize_t i = 0; i < info.nlinks && status == MHO_OK; i++)
        status = read_indexed(reader, group, place, order, i, record, depth);
    return status;
}

/* Refuse a newer format, and with require_format a file without one. Sets reader->foreign. */
static MhoStatus check_format(MhoReader *reader, hid_t root, bool require_format)
{
    int format = 0;
    hid_t attribute;
    reader->foreign = H5Aexists(root, "mho_format") <= 0;
    if (reader->foreign)
        return require_format
                   ? mho_fail(reader->error, MHO_INPUT,
                              "%s: an HDF5 file, but not one of mho's: it has no attribute mho_format", reader->path)
                   : MHO_OK;
    attribute = H5Aopen(root, "mho_format", H5P_DEFAULT);
    if (attribute < 0)
        return mho_reader_fail(reader, "");
    const hid_t space = H5Aget_space(attribute);
    bool good = H5Sget_simple_extent_npoints(space) == 1 && H5Aread(attribute, H5T_NATIVE_INT, &format) >= 0;
    (void)H5Sclose(space);
    (void)H5Aclose(attribute);
    if (!good || format < 1)
        return mho_reader_damaged(reader, "", "the attribute mho_format is not a positive number");
    if (format > MHO_FORMAT) {
        return mho_fail(reader->error, MHO_INPUT,
                        "%s: written in format %d by a newer mho; this one reads up to %d: update it", reader->path,
                        format, (int)MHO_FORMAT);
    }
    return MHO_OK;
}

static MhoStatus read_file(MhoReader *reader, hid_t file, bool require_format, MhoRecord *record)
{
    const hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
    if (root < 0)
        return mho_reader_fail(reader, "");
    MhoStatus status = check_format(reader, root, require_format);
    if (status == MHO_OK)
        status = read_group(reader, root, "", record, 0);
    (void)H5Gclose(root);
    return status == MHO_OK ? mho_reader_resolve_axes(reader) : status;
}

static hsize_t base_address(hid_t file)
{
    const hid_t list = H5Fget_create_plist(file);
    hsize_t base = 0;
    if (list >= 0) {
        (void)H5Pget_userblock(list, &base);
        (void)H5Pclose(list);
    }
    return base;
}

static MhoStatus open_and_read(MhoReader *reader, bool require_format, MhoRecord *record)
{
    const htri_t is_hdf5 = H5Fis_hdf5(reader->path);
    hid_t file;
    if (is_hdf5 <= 0) {
        (void)H5Eclear2(H5E_DEFAULT);
        return mho_fail(reader->error, MHO_INPUT, "%s: not an HDF5 file, or the start of one is damaged", reader->path);
    }
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    (void)H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    (void)H5Pset_file_locking(access, false, true);
    file = H5Fopen(reader->path, H5F_ACC_RDONLY, access);
    (void)H5Pclose(access);
    if (file < 0)
        return mho_reader_fail(reader, "");
    reader->base = base_address(file);
    MhoStatus status = read_file(reader, file, require_format, record);
    (void)H5Fclose(file);
    return status;
}

MhoStatus mho_store_read(const char *path, bool require_format, MhoRecord **record, MhoError *error)
{
    bool is_signed;
    return mho_store_read_signed(path, require_format, &is_signed, record, error);
}

MhoStatus mho_store_read_signed(const char *path, bool require_format, bool *is_signed, MhoRecord **record,
                                MhoError *error)
{
    MhoReader reader = {.path = path, .error = error};
    MhoStoreQuiet quiet;
    *record = NULL;
    MhoStatus status = mho_reader_load(&reader);
    if (status == MHO_OK)
        status = mho_record_create(record, error);
    if (status == MHO_OK) {
        mho_store_quiet(&quiet);
        status = open_and_read(&reader, require_format, *record);
        (void)H5Eclear2(H5E_DEFAULT);
        mho_store_restore(&quiet);
    }
    for (size_t i = 0; i < reader.n_scales; i++)
        free(reader.scales[i].axis);
    for (size_t i = 0; i < reader.n_sound; i++)
        free(reader.sound[i]);
    free(reader.sound);
    free(reader.scales);
    free(reader.links);
    free(reader.data);
    *is_signed = status == MHO_OK && reader.sealed;
    if (status != MHO_OK) {
        mho_record_destroy(*record);
        *record = NULL;
    }
    return status;
}
