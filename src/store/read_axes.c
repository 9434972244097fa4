/* read_axes.c - the axis names of arrays, from the dimension scales of a hostile HDF5 file.
 *
 * Scales and the references to them are noted by address while datasets are read, and joined when all are known.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/read_internal.h"

static MhoStatus note_scale(MhoReader *reader, haddr_t address, char *axis)
{
    MhoScale *grown = mho_list_grow(reader->scales, reader->n_scales, sizeof *grown, reader->error);
    if (!grown)
        return MHO_MEMORY;
    reader->scales = grown;
    grown[reader->n_scales++] = (MhoScale){address, axis};
    return MHO_OK;
}

static MhoStatus note_link(MhoReader *reader, MhoArray *array, size_t index, haddr_t address)
{
    MhoAxisLink *grown = mho_list_grow(reader->links, reader->n_links, sizeof *grown, reader->error);
    if (!grown)
        return MHO_MEMORY;
    reader->links = grown;
    grown[reader->n_links++] = (MhoAxisLink){array, index, address};
    return MHO_OK;
}

/* The address of the object that a reference points to; HADDR_UNDEF for none. */
static haddr_t referred(hid_t dataset, const hvl_t *list)
{
    H5O_info_t info = {.addr = HADDR_UNDEF};
    if (list->len == 0 || !list->p)
        return HADDR_UNDEF;
    hid_t object = H5Rdereference2(dataset, H5P_DEFAULT, H5R_OBJECT, list->p);
    if (object >= 0) {
        if (H5Oget_info2(object, &info, H5O_INFO_BASIC) < 0)
            info.addr = HADDR_UNDEF;
        (void)H5Oclose(object);
    }
    return info.addr;
}

/* A coordinate is the scale of its own axis; at the address of any other array there is no scale. */
static MhoStatus note_coordinate(MhoReader *reader, hid_t dataset, MhoArray *array)
{
    H5O_info_t info;
    return H5Oget_info2(dataset, &info, H5O_INFO_BASIC) < 0 ? MHO_OK : note_link(reader, array, 0, info.addr);
}

MhoStatus mho_reader_note_axes(MhoReader *reader, hid_t dataset, MhoArray *array)
{
    const bool there = array->rank > 0 && H5Aexists(dataset, "DIMENSION_LIST") > 0;
    const hid_t attribute = there ? H5Aopen(dataset, "DIMENSION_LIST", H5P_DEFAULT) : H5I_INVALID_HID;
    hvl_t lists[MHO_MAX_RANK] = {{0, NULL}};
    MhoStatus status = MHO_OK;
    if (attribute < 0)
        return array->rank == 1 ? note_coordinate(reader, dataset, array) : MHO_OK;
    const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    const hid_t memory = H5Tvlen_create(H5T_STD_REF_OBJ);
    if (mho_reader_sound(reader, "DIMENSION_LIST") && H5Tequal(type, memory) > 0 &&
        H5Sget_simple_extent_npoints(space) == (hssize_t)array->rank && H5Aread(attribute, memory, lists) >= 0) {
        for (size_t i = 0; i < array->rank && status == MHO_OK; i++) {
            const haddr_t address = referred(dataset, &lists[i]);
            if (address != HADDR_UNDEF)
                status = note_link(reader, array, i, address);
        }
        (void)H5Dvlen_reclaim(memory, space, H5P_DEFAULT, lists);
    }
    (void)H5Tclose(memory);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    (void)H5Aclose(attribute);
    return status;
}

const char *mho_reader_variable_name(const char *name)
{
    const size_t n = strlen(MHO_STORE_NON_COORDINATE);
    return strncmp(name, MHO_STORE_NON_COORDINATE, n) == 0 && name[n] != '\0' ? name + n : name;
}

/* Note a dimension scale for *axis (NULL: the scale's own name; "": unnamed). *axis is NULL when the reader owns it. */
static MhoStatus keep_scale(MhoReader *reader, hid_t dataset, const char *name, char **axis)
{
    const bool unnamed = *axis && **axis == '\0';
    H5O_info_t info;
    if (H5Oget_info2(dataset, &info, H5O_INFO_BASIC) < 0)
        return MHO_OK;
    if (!*axis && !(*axis = mho_strdup(name, reader->error)))
        return MHO_MEMORY;
    const MhoStatus status = note_scale(reader, info.addr, unnamed ? NULL : *axis);
    if (status == MHO_OK && !unnamed)
        *axis = NULL;
    return status;
}

MhoStatus mho_reader_scale(MhoReader *reader, hid_t dataset, const char *place, const char *name, bool *variable)
{
    char *class = NULL, *label = NULL, *axis = NULL;
    MhoStatus status = mho_reader_text(reader, dataset, place, "CLASS", &class);
    if (status == MHO_OK)
        status = mho_reader_text(reader, dataset, place, "NAME", &label);
    if (status == MHO_OK)
        status = mho_reader_text(reader, dataset, place, MHO_STORE_AXIS, &axis);
    if (status == MHO_OK) {
        const bool scale = class && strcmp(class, "DIMENSION_SCALE") == 0;
        *variable = !scale || !label || strncmp(label, MHO_STORE_NO_VARIABLE, strlen(MHO_STORE_NO_VARIABLE)) != 0;
        if (scale)
            status = keep_scale(reader, dataset, name, &axis);
    }
    free(class);
    free(label);
    free(axis);
    return status;
}

static int by_address(const void *a, const void *b)
{
    const haddr_t left = ((const MhoScale *)a)->address;
    const haddr_t right = ((const MhoScale *)b)->address;
    return left < right ? -1 : left > right;
}

MhoStatus mho_reader_resolve_axes(MhoReader *reader)
{
    if (reader->n_scales == 0)
        return MHO_OK;
    qsort(reader->scales, reader->n_scales, sizeof *reader->scales, by_address);
    for (size_t i = 0; i < reader->n_links; i++) {
        const MhoAxisLink *link = &reader->links[i];
        const MhoScale key = {.address = link->address};
        const MhoScale *scale = bsearch(&key, reader->scales, reader->n_scales, sizeof *reader->scales, by_address);
        if (!scale || !scale->axis || link->array->axis[link->index])
            continue;
        link->array->axis[link->index] = mho_strdup(scale->axis, reader->error);
        if (!link->array->axis[link->index])
            return MHO_MEMORY;
    }
    return MHO_OK;
}
