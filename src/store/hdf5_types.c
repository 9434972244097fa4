/* hdf5_types.c - MhoType to HDF5 types and back, reserved attribute names, HDF5's error stack as one line. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "store/store.h"
#include "store/store_internal.h"

void mho_store_quiet(MhoStoreQuiet *saved)
{
    *saved = (MhoStoreQuiet){0};
    /* After a damaged file HDF5 keeps identifiers open, and its exit handler prints "infinite loop closing library" for
     * them. mho closes everything that it opens, so the handler is not needed. It can be switched off only before
     * HDF5's first call. */
    (void)H5dont_atexit();
    (void)H5Eget_auto2(H5E_DEFAULT, &saved->function, &saved->data);
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void mho_store_restore(const MhoStoreQuiet *saved)
{
    (void)H5Eset_auto2(H5E_DEFAULT, saved->function, saved->data);
}

const char *mho_store_printable(const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (; n + 1 < size && text[n] != '\0'; n++)
        out[n] = iscntrl((unsigned char)text[n]) ? '?' : text[n];
    out[n] = '\0';
    return out;
}

static herr_t keep_innermost(unsigned n, const H5E_error2_t *entry, void *cause)
{
    if (n == 0 && entry->desc)
        (void)snprintf(cause, MHO_STORE_PLACE, "%s", entry->desc);
    return 0;
}

MhoStatus mho_store_fail(MhoError *error, MhoStatus status, const char *path, const char *place, const char *remedy)
{
    char cause[MHO_STORE_PLACE] = "HDF5 failed and gave no cause";
    char clean[MHO_STORE_PLACE], clean_place[MHO_STORE_PLACE];
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, cause);
    (void)H5Eclear2(H5E_DEFAULT);
    return mho_fail(error, status, "%s: %s%s%s%s%s", path, mho_store_printable(place, clean_place, sizeof clean_place),
                    *place != '\0' ? ": " : "", mho_store_printable(cause, clean, sizeof clean),
                    *remedy != '\0' ? "; " : "", remedy);
}

hid_t mho_store_number_type(MhoType type, bool in_file)
{
    switch (type) {
    case MHO_U8: return in_file ? H5T_STD_U8LE : H5T_NATIVE_UINT8;
    case MHO_I8: return in_file ? H5T_STD_I8LE : H5T_NATIVE_INT8;
    case MHO_I16: return in_file ? H5T_STD_I16LE : H5T_NATIVE_INT16;
    case MHO_I32: return in_file ? H5T_STD_I32LE : H5T_NATIVE_INT32;
    case MHO_I64: return in_file ? H5T_STD_I64LE : H5T_NATIVE_INT64;
    case MHO_U64: return in_file ? H5T_STD_U64LE : H5T_NATIVE_UINT64;
    case MHO_F32: return in_file ? H5T_IEEE_F32LE : H5T_NATIVE_FLOAT;
    case MHO_F64: return in_file ? H5T_IEEE_F64LE : H5T_NATIVE_DOUBLE;
    case MHO_STRING: break;
    }
    return H5I_INVALID_HID;
}

hid_t mho_store_string_type(size_t size, H5T_cset_t characters)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, size) < 0 || H5Tset_cset(type, characters) < 0)) {
        (void)H5Tclose(type);
        return H5I_INVALID_HID;
    }
    return type;
}

static bool integer_type(size_t size, bool has_sign, MhoType *out)
{
    switch (size) {
    case 1: *out = has_sign ? MHO_I8 : MHO_U8; return true;
    case 2: *out = has_sign ? MHO_I16 : MHO_I32; return true;
    case 4: *out = has_sign ? MHO_I32 : MHO_I64; return true;
    case 8: *out = has_sign ? MHO_I64 : MHO_U64; return true;
    default: return false;
    }
}

bool mho_store_numeric_type(hid_t type, MhoType *out)
{
    const size_t size = H5Tget_size(type);
    switch (H5Tget_class(type)) {
    case H5T_INTEGER: return integer_type(size, H5Tget_sign(type) == H5T_SGN_2, out);
    case H5T_ENUM: /* h5py's bool */ return integer_type(size, true, out);
    case H5T_FLOAT: *out = size == 8 ? MHO_F64 : MHO_F32; return size == 2 || size == 4 || size == 8;
    default: return false;
    }
}

bool mho_store_reserved(const char *attribute)
{
    static const char *const names[] = {
        "CLASS", "NAME",      "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS", "_FillValue",
        "units", "long_name", "Conventions",    "mho_format",     "_NCProperties",    MHO_STORE_AXIS};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(attribute, names[i]) == 0)
            return true;
    return strncmp(attribute, "_Netcdf4", 8) == 0 || strncmp(attribute, "_nc3_", 5) == 0;
}

const char *mho_store_library(void)
{
    static char text[MHO_NAME_MAX];
    unsigned major = 0, minor = 0, release = 0;
    (void)H5get_libversion(&major, &minor, &release);
    (void)snprintf(text, sizeof text, "HDF5 %u.%u.%u", major, minor, release);
    return text;
}
