/* read_internal.h - what the files that read HDF5 share: read_checks.c, read_attributes.c, read_axes.c, read_dataset.c
 * and read.c, each calling only those before it.
 */
#ifndef MHO_STORE_READ_INTERNAL_H
#define MHO_STORE_READ_INTERNAL_H

#include "store/store_internal.h"

/* A dimension scale: the address by which arrays refer to it, and the name of its axis. */
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
    bool sealed;  /* the file has a SHA-256, and it was right */
    bool foreign; /* no mho_format: what a record cannot hold is skipped, not refused */
    char **sound; /* (n_sound) names of attributes whose variable-length values are checked already */
    size_t n_sound;
    unsigned char *data; /* the bytes of the file, for what HDF5 does not check */
    hsize_t size;
    hsize_t base;        /* bytes before the HDF5 part */
    hsize_t bytes;       /* of all arrays and attributes so far */
    hsize_t unexplained; /* of these, more than the bytes in the file can hold */
    size_t objects;      /* so far */
    MhoScale *scales;
    size_t n_scales;
    MhoAxisLink *links;
    size_t n_links;
} MhoReader;

/* What a dataset or attribute holds. */
typedef struct MhoValues {
    bool text;    /* strings */
    size_t fixed; /* bytes of a fixed-length string; 0: variable */
    MhoType type; /* of the record */
    int rank;     /* 0: scalar */
    hsize_t shape[MHO_MAX_RANK], n;
} MhoValues;

typedef enum MhoVerdict { MHO_VALUES_GOOD, MHO_VALUES_UNSUPPORTED, MHO_VALUES_DAMAGED } MhoVerdict;

/* Fail with "path: place: cause; remedy": damaged content, with HDF5's cause or the given one. */
MhoStatus mho_reader_fail(const MhoReader *reader, const char *place);
MhoStatus mho_reader_damaged(const MhoReader *reader, const char *place, const char *cause);

/* Something that a record cannot hold: OK in a foreign file, an error in a file of mho. */
MhoStatus mho_reader_unsupported(const MhoReader *reader, const char *place, const char *what);

/* Count one more object or n bytes against the limits of a file. */
MhoStatus mho_reader_object(MhoReader *reader, const char *place);
MhoStatus mho_reader_bytes(MhoReader *reader, const char *place, hsize_t n);

/* Read the bytes of the file to reader->data and check what can be checked without HDF5. */
MhoStatus mho_reader_load(MhoReader *reader);

/* True when HDF5 may read the variable-length values of attributes called name. Each name is checked once per file. */
bool mho_reader_sound(MhoReader *reader, const char *name);

/* Read type and shape. Good are numbers of 1, 2, 4 and 8 bytes and strings, of rank <= MHO_MAX_RANK. */
MhoVerdict mho_reader_inspect(hid_t type, hid_t space, MhoValues *out);

/* Bytes in memory while the values are read; false on overflow. */
bool mho_reader_value_bytes(const MhoValues *values, hsize_t *bytes);

/* Read all values of a dataset or attribute; false when HDF5 fails. */
bool mho_reader_values(hid_t object, hid_t type, void *out);

/* Read all strings of a dataset or attribute (list NULL on failure). The caller frees them. */
MhoStatus mho_reader_strings(const MhoReader *reader, hid_t object, hid_t file_type, hid_t space, const char *place,
                             const MhoValues *values, char ***list);
void mho_reader_free_strings(char **list, size_t n);

/* Order of an object's attributes (H5Pget_attr_creation_order) or links (H5Pget_link_creation_order): that of creation
 * when the file has it, else that of names. */
H5_index_t mho_reader_order(hid_t object, herr_t (*creation_order)(hid_t list, unsigned *flags));

/* Read every attribute of an object that is not reserved. */
MhoStatus mho_reader_attributes(MhoReader *reader, hid_t object, const char *place, MhoAttributes *attributes);

/* The text of a scalar string attribute of the object at place (owned by the caller). NULL when it is absent, or when a
 * foreign file has another kind of value there. Fails when it is damaged. */
MhoStatus mho_reader_text(MhoReader *reader, hid_t object, const char *place, const char *name, char **text);

/* Note a dimension scale. *variable: it holds coordinates, so it is an array too. */
MhoStatus mho_reader_scale(MhoReader *reader, hid_t dataset, const char *place, const char *name, bool *variable);

/* Note which scale each axis of array has. A DIMENSION_LIST of another form than HDF5's leaves the axes unnamed. */
MhoStatus mho_reader_note_axes(MhoReader *reader, hid_t dataset, MhoArray *array);

/* The name of a variable as netCDF shows it. */
const char *mho_reader_variable_name(const char *name);

/* Give every array its axis names, when all scales are noted. */
MhoStatus mho_reader_resolve_axes(MhoReader *reader);

/* Read one dataset of group into record and note its axes. A dimension without variable adds a scale only. */
MhoStatus mho_reader_dataset(MhoReader *reader, hid_t group, const char *place, const char *name, MhoRecord *record);

#endif
