/* read_internal.h - what read.c, read_values.c and read_axes.c share. */
#ifndef MHO_STORE_READ_INTERNAL_H
#define MHO_STORE_READ_INTERNAL_H

#include "store/store_internal.h"

/* A dimension scale met on the way: the address by which arrays refer to it, and the axis that it stands for. */
typedef struct MhoScale {
    haddr_t address;
    char *axis; /* NULL: an unnamed axis */
} MhoScale;

/* An axis of an array that refers to the scale at address; resolved when all scales are known. */
typedef struct MhoAxisLink {
    MhoArray *array;
    size_t index;
    haddr_t address;
} MhoAxisLink;

typedef struct MhoReader {
    const char *path;
    MhoError *error;
    bool sealed;  /* the SHA-256 behind the data was right */
    char **sound; /* (n_sound) names of attributes whose variable-length values were looked at */
    size_t n_sound;
    bool foreign;        /* no mho_format: what a record cannot hold is passed over instead of refused */
    unsigned char *data; /* the bytes of the file, for what HDF5 does not check */
    hsize_t size;
    hsize_t base;        /* bytes before the HDF5 part */
    hsize_t bytes;       /* taken so far, all arrays and attributes together */
    hsize_t unexplained; /* of these, beyond what the bytes in the file can hold */
    size_t objects;      /* met so far */
    MhoScale *scales;
    size_t n_scales, room_scales;
    MhoAxisLink *links;
    size_t n_links, room_links;
} MhoReader;

/* Fail with "path: place: cause; remedy": damaged content, by HDF5's own words or by ours. */
MhoStatus mho_reader_fail(const MhoReader *reader, const char *place);
MhoStatus mho_reader_damaged(const MhoReader *reader, const char *place, const char *cause);

/* Something that a record cannot hold: passed over in a foreign file, an error in one of mho's. */
MhoStatus mho_reader_unsupported(const MhoReader *reader, const char *place, const char *what);

/* Count one more object or n bytes against the limits of a file. */
MhoStatus mho_reader_object(MhoReader *reader, const char *place);
MhoStatus mho_reader_bytes(MhoReader *reader, const char *place, hsize_t n);

/* Every attribute of an object that is not reserved. */
MhoStatus mho_reader_attributes(MhoReader *reader, hid_t object, const char *place, MhoAttributes *attributes);

/* The text of a scalar string attribute of the object at place (owned by the caller); NULL where it is absent, or in a
 * foreign file of another kind or too long. Fails where it is damaged. */
MhoStatus mho_reader_text(MhoReader *reader, hid_t object, const char *place, const char *name, char **text);

/* May the variable-length values of this attribute of the object at hand be read? */
bool mho_reader_sound(MhoReader *reader, const char *name);

/* read_axes.c: note a dimension scale (*variable: it holds coordinates too, so it is also an array), note which scale
 * each axis of array has, and the name of a variable as netCDF shows it. False: out of memory. */
MhoStatus mho_reader_scale(MhoReader *reader, hid_t dataset, const char *place, const char *name, bool *variable);
bool mho_reader_note_axes(MhoReader *reader, hid_t dataset, MhoArray *array);
const char *mho_reader_variable_name(const char *name);

/* One dataset of group into record, its axes noted in the reader. Dimensions without variable add a scale only. */
MhoStatus mho_reader_dataset(MhoReader *reader, hid_t group, const char *place, const char *name, MhoRecord *record);

#endif
