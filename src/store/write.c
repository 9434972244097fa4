/* write.c - a record to an HDF5 file that is also netCDF-4.
 *
 * The file is built in memory and replaces its target in one step, so HDF5 never sees a full disk. Object times are
 * off, groups and arrays are written in record order, attributes by name: the same record gives the same bytes. The
 * order of attributes is not tracked, because HDF5 then fails to replace one where there are more than eight. One
 * line after the HDF5 data holds their SHA-256, which HDF5 ignores and the reader checks first. Format: HDF5 1.8-1.10,
 * HDF5 dimension scales 1.0, netCDF-4 conventions, CF-1.10.
 */
#include <hdf5_hl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "store/axes_internal.h"
#include "store/image_internal.h"
#include "store/replace_internal.h"
#include "store/store.h"
#include "store/store_internal.h"

enum {
    CHUNK_ABOVE = 4096,    /* bytes; smaller arrays are contiguous */
    CHUNK_BYTES = 1 << 20, /* largest chunk: HDF5's chunk cache */
    GZIP_LEVEL = 4,
};

typedef struct Writer {
    const char *path;
    hid_t string, link, group; /* string type; property lists of links and groups */
    MhoError *error;
} Writer;

static MhoStatus fail_hdf5(const Writer *writer, const char *place)
{
    return mho_store_fail(writer->error, MHO_IO, writer->path, place, "");
}

/* The strings for HDF5, with "" for NULL, which it refuses. The caller frees the list. */
static const char **string_list(const Writer *writer, size_t n, const void *data)
{
    char *const *strings = data;
    const char **list = mho_calloc(n, sizeof *list, writer->error, "the strings of %s", writer->path);
    for (size_t i = 0; list && i < n; i++)
        list[i] = strings[i] ? strings[i] : "";
    return list;
}

static MhoStatus write_attribute(const Writer *writer, hid_t object, const char *place, const char *name, MhoType type,
                                 size_t n, const void *data)
{
    const hsize_t length = n;
    const bool text = type == MHO_STRING;
    const char **strings = text ? string_list(writer, n, data) : NULL;
    if (text && !strings)
        return MHO_MEMORY;
    const hid_t space = n == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &length, NULL);
    const hid_t names = H5Pcreate(H5P_ATTRIBUTE_CREATE);
    hid_t attribute = H5I_INVALID_HID;
    bool good = H5Pset_char_encoding(names, H5T_CSET_UTF8) >= 0;
    if (good) {
        attribute = H5Acreate2(object, name, text ? writer->string : mho_store_number_type(type, true), space, names,
                               H5P_DEFAULT);
        good = attribute >= 0;
    }
    if (good && n > 0)
        good = H5Awrite(attribute, text ? writer->string : mho_store_number_type(type, false),
                        text ? (const void *)strings : data) >= 0;
    good = (attribute < 0 || H5Aclose(attribute) >= 0) && good;
    (void)H5Pclose(names);
    (void)H5Sclose(space);
    free(strings);
    return good ? MHO_OK : fail_hdf5(writer, place);
}

static MhoStatus write_text(const Writer *writer, hid_t object, const char *place, const char *name, const char *text)
{
    return write_attribute(writer, object, place, name, MHO_STRING, 1, &text);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const MhoAttribute *const *)a)->name, (*(const MhoAttribute *const *)b)->name);
}

static MhoStatus write_attributes(const Writer *writer, hid_t object, const char *place,
                                  const MhoAttributes *attributes)
{
    const MhoAttribute **sorted =
        mho_calloc(attributes->n, sizeof *sorted, writer->error, "the attributes of %s", writer->path);
    if (!sorted)
        return MHO_MEMORY;
    for (size_t i = 0; i < attributes->n; i++)
        sorted[i] = &attributes->list[i];
    qsort(sorted, attributes->n, sizeof *sorted, compare_names);
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < attributes->n && status == MHO_OK; i++) {
        const MhoAttribute *a = sorted[i];
        status =
            mho_store_reserved(a->name)
                ? mho_fail(writer->error, MHO_FAILED, "%s: %s: the attribute name '%s' is reserved for the file format",
                           writer->path, place, a->name)
                : write_attribute(writer, object, place, a->name, a->type, a->n, a->data);
    }
    free(sorted);
    return status;
}

static bool is_float(MhoType type)
{
    return type == MHO_F32 || type == MHO_F64;
}

/* The largest chunk of whole rows of the leading axis that fits CHUNK_BYTES; when one row does not fit, a part of it.
 */
static void chunk_shape(const MhoArray *array, hsize_t *chunk)
{
    size_t bytes = mho_type_size(array->type);
    for (size_t i = array->rank; i-- > 0;) {
        const size_t fit = bytes < CHUNK_BYTES ? CHUNK_BYTES / bytes : 1;
        chunk[i] = array->shape[i] < fit ? array->shape[i] : fit;
        bytes *= (size_t)chunk[i];
    }
}

/* Creation properties of every dataset; H5I_INVALID_HID when HDF5 refuses. */
static hid_t dataset_properties(void)
{
    const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    if (list >= 0 && H5Pset_obj_track_times(list, false) < 0) {
        (void)H5Pclose(list);
        return H5I_INVALID_HID;
    }
    return list;
}

static hid_t array_properties(const MhoArray *array)
{
    const size_t bytes = mho_array_count(array) * mho_type_size(array->type);
    const hid_t list = dataset_properties();
    const double nan = __builtin_nan("");
    hsize_t chunk[MHO_MAX_RANK];
    bool good = list >= 0;
    if (good && is_float(array->type))
        good = H5Pset_fill_value(list, H5T_NATIVE_DOUBLE, &nan) >= 0;
    if (good && array->type != MHO_STRING && array->rank > 0 && bytes > CHUNK_ABOVE) {
        chunk_shape(array, chunk);
        good = H5Pset_chunk(list, (int)array->rank, chunk) >= 0 && H5Pset_shuffle(list) >= 0 &&
               H5Pset_deflate(list, GZIP_LEVEL) >= 0 && H5Pset_fletcher32(list) >= 0;
    }
    if (!good && list >= 0) {
        (void)H5Pclose(list);
        return H5I_INVALID_HID;
    }
    return list;
}

static MhoStatus write_values(const Writer *writer, hid_t dataset, const char *place, const MhoArray *array)
{
    const size_t n = mho_array_count(array);
    const bool text = array->type == MHO_STRING;
    if (n == 0)
        return MHO_OK;
    const char **strings = text ? string_list(writer, n, array->data) : NULL;
    if (text && !strings)
        return MHO_MEMORY;
    const hid_t type = text ? writer->string : mho_store_number_type(array->type, false);
    const herr_t outcome =
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text ? (const void *)strings : array->data);
    free(strings);
    return outcome >= 0 ? MHO_OK : fail_hdf5(writer, place);
}

static MhoStatus describe_array(const Writer *writer, hid_t dataset, const char *place, const MhoArray *array)
{
    const double nan64 = __builtin_nan("");
    const float nan32 = __builtin_nanf("");
    MhoStatus status = MHO_OK;
    if (array->unit && *array->unit != '\0')
        status = write_text(writer, dataset, place, "units", array->unit);
    if (status == MHO_OK && array->help && *array->help != '\0')
        status = write_text(writer, dataset, place, "long_name", array->help);
    if (status == MHO_OK && is_float(array->type))
        status = write_attribute(writer, dataset, place, "_FillValue", array->type, 1,
                                 array->type == MHO_F64 ? (const void *)&nan64 : (const void *)&nan32);
    return status == MHO_OK ? write_attributes(writer, dataset, place, &array->attributes) : status;
}

/* Create and fill the dataset of an array. The caller closes it, also after a failure when it is >= 0. */
static MhoStatus create_array(const Writer *writer, hid_t group, const char *place, const MhoArray *array,
                              hid_t *dataset)
{
    const hid_t type = array->type == MHO_STRING ? writer->string : mho_store_number_type(array->type, true);
    const hid_t list = array_properties(array);
    hsize_t shape[MHO_MAX_RANK] = {0};
    for (size_t i = 0; i < array->rank; i++)
        shape[i] = array->shape[i];
    hid_t space = array->rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple((int)array->rank, shape, NULL);
    *dataset = H5Dcreate2(group, array->name, type, space, writer->link, list, H5P_DEFAULT);
    (void)H5Sclose(space);
    (void)H5Pclose(list);
    if (*dataset < 0)
        return fail_hdf5(writer, place);
    const MhoStatus status = write_values(writer, *dataset, place, array);
    return status == MHO_OK ? describe_array(writer, *dataset, place, array) : status;
}

/* A dimension without variable: netCDF-4's never-written F32 dataset with a NAME that says so. */
static MhoStatus create_dimension(const Writer *writer, hid_t group, const char *place, MhoDimension *dimension)
{
    const hsize_t length = dimension->length;
    const hid_t list = dataset_properties(), space = H5Screate_simple(1, &length, NULL);
    char name[96];
    (void)snprintf(name, sizeof name, MHO_STORE_NO_VARIABLE "%10d", (int)(dimension->length & 0x7fffffff));
    dimension->id = H5Dcreate2(group, dimension->name, H5T_IEEE_F32LE, space, writer->link, list, H5P_DEFAULT);
    (void)H5Sclose(space);
    (void)H5Pclose(list);
    if (dimension->id < 0 || H5DSset_scale(dimension->id, name) < 0)
        return fail_hdf5(writer, place);
    if (!dimension->axis || strcmp(dimension->axis, dimension->name) != 0)
        return write_text(writer, dimension->id, place, MHO_STORE_AXIS, dimension->axis ? dimension->axis : "");
    return MHO_OK;
}

static MhoStatus create_dimensions(const Writer *writer, hid_t group, const char *place, MhoScope *scope)
{
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < scope->n && status == MHO_OK; i++) {
        MhoDimension *dimension = &scope->list[i];
        if (!dimension->coordinate) {
            status = create_dimension(writer, group, place, dimension);
            continue;
        }
        hid_t dataset = H5I_INVALID_HID;
        status = create_array(writer, group, place, dimension->coordinate, &dataset);
        dimension->id = dataset;
        if (status == MHO_OK && H5DSset_scale(dataset, dimension->name) < 0)
            status = fail_hdf5(writer, place);
    }
    return status;
}

static bool attach_axes(hid_t dataset, const MhoScope *scope, const MhoArray *array)
{
    for (size_t i = 0; i < array->rank; i++) {
        const MhoDimension *dimension = mho_scope_find(scope, array, i);
        if (!dimension || H5DSattach_scale(dataset, dimension->id, (unsigned)i) < 0)
            return false;
    }
    return true;
}

static MhoStatus write_array(const Writer *writer, hid_t group, const char *place, const MhoScope *scope,
                             const MhoArray *array)
{
    char inner[MHO_STORE_PLACE];
    hid_t dataset = H5I_INVALID_HID;
    (void)snprintf(inner, sizeof inner, "%s/%s", place, array->name);
    for (size_t i = 0; i < array->rank; i++) {
        if (array->axis[i] && (*array->axis[i] == '\0' || strchr(array->axis[i], '/') != NULL)) {
            return mho_fail(writer->error, MHO_FAILED, "%s: %s: '%s' is not a valid name of an axis", writer->path,
                            inner, array->axis[i]);
        }
    }
    for (size_t i = 0; i < scope->n; i++)
        if (scope->list[i].coordinate == array)
            return MHO_OK; /* written with the dimensions */
    MhoStatus status = create_array(writer, group, inner, array, &dataset);
    if (status == MHO_OK && !attach_axes(dataset, scope, array))
        status = fail_hdf5(writer, inner);
    if (dataset >= 0)
        (void)H5Dclose(dataset);
    return status;
}

static MhoStatus write_group(const Writer *writer, hid_t group, const char *place, const MhoScope *parent,
                             const MhoRecord *record, int depth);

static MhoStatus write_child(const Writer *writer, hid_t group, const char *place, const MhoScope *scope,
                             const MhoRecord *child, int depth)
{
    char inner[MHO_STORE_PLACE];
    (void)snprintf(inner, sizeof inner, "%s/%s", place, child->name);
    if (depth >= MHO_STORE_MAX_DEPTH)
        return mho_fail(writer->error, MHO_FAILED, "%s: %s: groups are nested deeper than %d levels", writer->path,
                        inner, MHO_STORE_MAX_DEPTH);
    hid_t handle = H5Gcreate2(group, child->name, writer->link, writer->group, H5P_DEFAULT);
    if (handle < 0)
        return fail_hdf5(writer, inner);
    MhoStatus status = write_group(writer, handle, inner, scope, child, depth);
    (void)H5Gclose(handle);
    return status;
}

static MhoStatus write_group(const Writer *writer, hid_t group, const char *place, const MhoScope *parent,
                             const MhoRecord *record, int depth)
{
    MhoScope scope;
    MhoStatus status = mho_scope_create(&scope, parent, record, writer->error);
    for (size_t i = 0; i < scope.n; i++)
        scope.list[i].id = H5I_INVALID_HID;
    if (status == MHO_OK)
        status = write_attributes(writer, group, place, &record->attributes);
    if (status == MHO_OK)
        status = create_dimensions(writer, group, place, &scope);
    for (size_t i = 0; i < record->n_arrays && status == MHO_OK; i++)
        status = write_array(writer, group, place, &scope, record->arrays[i]);
    for (size_t i = 0; i < record->n_children && status == MHO_OK; i++)
        status = write_child(writer, group, place, &scope, record->children[i], depth + 1);
    for (size_t i = 0; i < scope.n; i++)
        if (scope.list[i].id >= 0)
            (void)H5Dclose(scope.list[i].id);
    mho_scope_release(&scope);
    return status;
}

static MhoStatus write_root(const Writer *writer, hid_t file, const MhoRecord *record)
{
    const int format = MHO_FORMAT;
    const hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
    if (root < 0)
        return fail_hdf5(writer, "");
    MhoStatus status = write_text(writer, root, "", "Conventions", "CF-1.10");
    if (status == MHO_OK)
        status = write_attribute(writer, root, "", "mho_format", MHO_I32, 1, &format);
    if (status == MHO_OK)
        status = write_group(writer, root, "", NULL, record, 0);
    (void)H5Gclose(root);
    return status;
}

static MhoStatus fill_image(Writer *writer, const MhoRecord *record, MhoImage *image)
{
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    const hid_t file = mho_image_create(image);
    MhoStatus status;
    if (file < 0 || writer->string < 0 || H5Pset_char_encoding(writer->link, H5T_CSET_UTF8) < 0 ||
        H5Pset_obj_track_times(writer->group, false) < 0 || H5Pset_link_creation_order(writer->group, order) < 0) {
        status = fail_hdf5(writer, "");
    } else {
        status = write_root(writer, file, record);
    }
    if (file >= 0 && !mho_image_close(image, file) && status == MHO_OK)
        status = fail_hdf5(writer, "");
    return status;
}

static MhoStatus build_image(Writer *writer, const MhoRecord *record, MhoImage *image)
{
    writer->string = mho_store_string_type(H5T_VARIABLE, H5T_CSET_UTF8);
    writer->link = H5Pcreate(H5P_LINK_CREATE);
    writer->group = H5Pcreate(H5P_GROUP_CREATE);
    MhoStatus status = fill_image(writer, record, image);
    (void)H5Pclose(writer->group);
    (void)H5Pclose(writer->link);
    (void)H5Tclose(writer->string);
    return status;
}

typedef MhoStatus Put(const char *path, const MhoPiece *pieces, size_t n_pieces, MhoError *error);

static MhoStatus write_by(Put *put, const char *path, const MhoRecord *record, MhoError *error)
{
    Writer writer = {.path = path, .error = error};
    MhoStoreQuiet quiet;
    MhoImage image = {0};
    char hex[65], trailer[MHO_STORE_TRAILER + 1];
    mho_store_quiet(&quiet);
    MhoStatus status = build_image(&writer, record, &image);
    mho_store_restore(&quiet);
    if (status == MHO_OK) {
        mho_sha256(image.data, image.n, hex);
        (void)snprintf(trailer, sizeof trailer, MHO_STORE_TRAILER_WORD "%s\n", hex);
        status = put(path, (const MhoPiece[]){{image.data, image.n}, {trailer, MHO_STORE_TRAILER}}, 2, error);
    }
    mho_image_release(&image);
    return status;
}

MhoStatus mho_store_write(const char *path, const MhoRecord *record, MhoError *error)
{
    return write_by(mho_file_replace, path, record, error);
}

MhoStatus mho_store_create(const char *path, const MhoRecord *record, MhoError *error)
{
    const MhoStatus status = mho_file_free(path, error);
    return status == MHO_OK ? write_by(mho_file_create, path, record, error) : status;
}
