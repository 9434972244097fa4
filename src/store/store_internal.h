/* store_internal.h - what the files of src/store share: HDF5 types, reserved names, errors. */
#ifndef MHO_STORE_STORE_INTERNAL_H
#define MHO_STORE_STORE_INTERNAL_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/record.h"

enum {
    MHO_STORE_MAX_DEPTH = 32,        /* groups inside groups */
    MHO_STORE_PLACE = 512,           /* bytes of a place such as /layers/conv1/weight in a message */
    MHO_STORE_TRAILER = 11 + 64 + 1, /* "mho-sha256 " + 64 hex digits + newline, after the HDF5 data */
};

#define MHO_STORE_TRAILER_WORD "mho-sha256 "
#define MHO_STORE_NO_VARIABLE  "This is a netCDF dimension but not a netCDF variable."
/* netCDF's prefix of a variable that has the name of a dimension and is not its coordinate. */
#define MHO_STORE_NON_COORDINATE "_nc4_non_coord_"
/* Attribute of a dimension whose name in the file is not the record's: that name; "" for an unnamed axis. */
#define MHO_STORE_AXIS "mho_axis"

/* HDF5's automatic error printing, which is global: switched off during a call of mho and restored after it. */
typedef struct MhoStoreQuiet {
    H5E_auto2_t function;
    void *data;
} MhoStoreQuiet;

void mho_store_quiet(MhoStoreQuiet *saved);
void mho_store_restore(const MhoStoreQuiet *saved);

/* Fail with "path: place: cause; remedy", where cause is the innermost entry of HDF5's error stack. place and remedy
 * may be "". */
MhoStatus mho_store_fail(MhoError *error, MhoStatus status, const char *path, const char *place, const char *remedy);

/* Copy text into out (size bytes) with every control character replaced by '?': names come from hostile files. */
const char *mho_store_printable(const char *text, char *out, size_t size);

/* Predefined type of numbers, little-endian in a file; never closed. Not for MHO_STRING. */
hid_t mho_store_number_type(MhoType type, bool in_file);
/* Strings of `size` bytes or H5T_VARIABLE; the caller closes the type. */
hid_t mho_store_string_type(size_t size, H5T_cset_t characters);

/* The MhoType that holds every value of an HDF5 numeric type; false when there is none. */
bool mho_store_numeric_type(hid_t type, MhoType *out);

/* True for attributes that only the store, HDF5 or netCDF write and read; they are never part of a record. */
bool mho_store_reserved(const char *attribute);

#endif
