/* read_axes.c - which axis of which array a dimension scale of a hostile HDF5 file stands for.
 *
 * Scales and the references to them are noted by address while datasets are read, and joined when all are known.
 */
#include <stdlib.h>
#include <string.h>

#include "store/read_internal.h"

static bool note_scale(MhoReader *reader, haddr_t address, char *axis)
{
    if (reader->n_scales == reader->room_scales) {
        const size_t room = 2 * reader->room_scales + 16;
        MhoScale *grown = realloc(reader->scales, room * sizeof *grown);
        if (!grown)
            return false;
        reader->scales = grown;
        reader->room_scales = room;
    }
    reader->scales[reader->n_scales++] = (MhoScale){address, axis};
    return true;
}

static bool note_link(MhoReader *reader, MhoArray *array, size_t index, haddr_t address)
{
    if (reader->n_links == reader->room_links) {
        const size_t room = 2 * reader->room_links + 16;
        MhoAxisLink *grown = realloc(reader->links, room * sizeof *grown);
        if (!grown)
            return false;
        reader->links = grown;
        reader->room_links = room;
    }
    reader->links[reader->n_links++] = (MhoAxisLink){array, index, address};
    return true;
}

/* Address of the object that a reference points to; HADDR_UNDEF for one that points nowhere. */
static haddr_t referred(hid_t dataset, const hvl_t *list)
{
    H5O_info_t info = {.addr = HADDR_UNDEF};
    hid_t object;

    if (list->len == 0 || !list->p)
        return HADDR_UNDEF;
    object = H5Rdereference2(dataset, H5P_DEFAULT, H5R_OBJECT, list->p);
    if (object >= 0) {
        if (H5Oget_info2(object, &info, H5O_INFO_BASIC) < 0)
            info.addr = HADDR_UNDEF;
        (void)H5Oclose(object);
    }
    return info.addr;
}

/* A coordinate is the scale of its own axis; an array that is no scale finds none at its own address. */
static bool note_coordinate(MhoReader *reader, hid_t dataset, MhoArray *array)
{
    H5O_info_t info;

    return H5Oget_info2(dataset, &info, H5O_INFO_BASIC) < 0 || note_link(reader, array, 0, info.addr);
}

/* Note which scale each axis of array has. A DIMENSION_LIST of another form than HDF5's leaves the axes unnamed. */
bool mho_reader_note_axes(MhoReader *reader, hid_t dataset, MhoArray *array)
{
    const bool there = array->rank > 0 && H5Aexists(dataset, "DIMENSION_LIST") > 0;
    const hid_t attribute = there ? H5Aopen(dataset, "DIMENSION_LIST", H5P_DEFAULT) : H5I_INVALID_HID;
    hvl_t lists[MHO_MAX_RANK] = {{0, NULL}};
    bool good = true;

    if (attribute < 0)
        return array->rank != 1 || note_coordinate(reader, dataset, array);
    const hid_t type = H5Aget_type(attribute);
    const hid_t space = H5Aget_space(attribute);
    const hid_t memory = H5Tvlen_create(H5T_STD_REF_OBJ);
    if (mho_reader_sound(reader, "DIMENSION_LIST") && H5Tequal(type, memory) > 0 &&
        H5Sget_simple_extent_npoints(space) == (hssize_t)array->rank && H5Aread(attribute, memory, lists) >= 0) {
        for (size_t i = 0; i < array->rank && good; i++) {
            const haddr_t address = referred(dataset, &lists[i]);
            good = address == HADDR_UNDEF || note_link(reader, array, i, address);
        }
        (void)H5Dvlen_reclaim(memory, space, H5P_DEFAULT, lists);
    }
    (void)H5Tclose(memory);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    (void)H5Aclose(attribute);
    return good;
}

/* The name of a variable as netCDF shows it. */
const char *mho_reader_variable_name(const char *name)
{
    const size_t n = strlen(MHO_STORE_NON_COORDINATE);

    return strncmp(name, MHO_STORE_NON_COORDINATE, n) == 0 && name[n] != '\0' ? name + n : name;
}

/* Note a dimension scale for *axis (NULL: the scale's own name; "": unnamed); *axis is NULL when the reader owns it. */
static bool keep_scale(MhoReader *reader, hid_t dataset, const char *name, char **axis)
{
    const bool unnamed = *axis && **axis == '\0';
    H5O_info_t info;

    if (H5Oget_info2(dataset, &info, H5O_INFO_BASIC) < 0)
        return true;
    if (!*axis && (*axis = strdup(name)) == NULL)
        return false;
    if (!note_scale(reader, info.addr, unnamed ? NULL : *axis))
        return false;
    if (!unnamed)
        *axis = NULL;
    return true;
}

/* Note a dimension scale. *variable: it holds coordinates too, so it is also an array. */
MhoStatus mho_reader_scale(MhoReader *reader, hid_t dataset, const char *place, const char *name, bool *variable)
{
    char *class = NULL;
    char *label = NULL;
    char *axis = NULL;
    MhoStatus status = mho_reader_text(reader, dataset, place, "CLASS", &class);

    if (status == MHO_OK)
        status = mho_reader_text(reader, dataset, place, "NAME", &label);
    if (status == MHO_OK)
        status = mho_reader_text(reader, dataset, place, MHO_STORE_AXIS, &axis);
    if (status == MHO_OK) {
        const bool scale = class && strcmp(class, "DIMENSION_SCALE") == 0;
        *variable = !scale || !label || strncmp(label, MHO_STORE_NO_VARIABLE, strlen(MHO_STORE_NO_VARIABLE)) != 0;
        if (scale && !keep_scale(reader, dataset, name, &axis))
            status = mho_fail(reader->error, MHO_MEMORY, "%s: out of memory", reader->path);
    }
    free(class);
    free(label);
    free(axis);
    return status;
}
