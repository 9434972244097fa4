/* record_columns.h - an array of structs as arrays of a record, one for each member in a table, and back. */
#ifndef MHO_BASE_RECORD_COLUMNS_H
#define MHO_BASE_RECORD_COLUMNS_H

#include "base/record.h"

/* One member. */
typedef struct MhoColumn {
    const char *name, *unit, *help; /* of the record's array */
    MhoType type;                   /* MHO_STRING: the member is a char[MHO_NAME_MAX] */
    size_t offset;                  /* of the member in the struct */
    bool wide;                      /* the member points to `width` values of the type: the array has rank 2 */
} MhoColumn;

/* The table of a struct. */
typedef struct MhoColumns {
    const MhoColumn *list;
    size_t n, row_size;      /* row_size: bytes of the struct */
    const char *const *axes; /* names of the axes: rows, and values of a wide member */
} MhoColumns;

/* rows (n_rows structs) as one array per column in group. width: values of a wide member. */
MhoStatus mho_columns_write(const MhoColumns *columns, const void *rows, size_t n_rows, size_t width, MhoRecord *group,
                            MhoError *error) MHO_CHECKED;

/* Fill rows (n_rows structs, wide members allocated) from the arrays of a group, which is `path` in record ("": record
 * itself). INPUT names file and array when one is missing, of another type, or of another length. */
MhoStatus mho_columns_read(const MhoColumns *columns, void *rows, size_t n_rows, size_t width, const MhoRecord *record,
                           const char *file, const char *path, MhoError *error) MHO_CHECKED;

/* The array 1 .. n along an axis of that length. */
MhoStatus mho_record_add_numbers(MhoRecord *group, const char *name, const char *axis, size_t n, const char *help,
                                 MhoError *error) MHO_CHECKED;

#endif
