/* record_columns.c - members of structs to arrays of a record, and back. */
#include "base/record_columns.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The values of a member: the member itself, or what it points to. */
static unsigned char *values_of(const MhoColumns *columns, const MhoColumn *column, const void *rows, size_t row)
{
    unsigned char *member = (unsigned char *)(uintptr_t)rows + row * columns->row_size + column->offset;
    return column->wide ? *(unsigned char **)(void *)member : member;
}

static MhoStatus write_names(const MhoColumns *columns, const MhoColumn *column, const void *rows, size_t n_rows,
                             MhoRecord *group, MhoError *error)
{
    char **names = mho_calloc(n_rows, sizeof *names, error, "%zu names", n_rows);
    if (!names)
        return MHO_MEMORY;
    for (size_t i = 0; i < n_rows; i++)
        names[i] = (char *)values_of(columns, column, rows, i);
    const MhoStatus status = mho_record_add(group, column->name, MHO_STRING, 1, &n_rows, columns->axes, column->unit,
                                            column->help, names, NULL, error);
    free(names);
    return status;
}

static MhoStatus write_values(const MhoColumns *columns, const MhoColumn *column, const void *rows, size_t n_rows,
                              size_t width, MhoRecord *group, MhoError *error)
{
    const size_t shape[2] = {n_rows, width}, bytes = mho_type_size(column->type) * (column->wide ? width : 1);
    MhoArray *array;
    const MhoStatus status = mho_record_add(group, column->name, column->type, column->wide ? 2 : 1, shape,
                                            columns->axes, column->unit, column->help, NULL, &array, error);
    for (size_t i = 0; i < n_rows && status == MHO_OK; i++)
        memcpy((unsigned char *)array->data + i * bytes, values_of(columns, column, rows, i), bytes);
    return status;
}

MhoStatus mho_columns_write(const MhoColumns *columns, const void *rows, size_t n_rows, size_t width, MhoRecord *group,
                            MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t k = 0; k < columns->n && status == MHO_OK; k++) {
        const MhoColumn *column = &columns->list[k];
        status = column->type == MHO_STRING ? write_names(columns, column, rows, n_rows, group, error)
                                            : write_values(columns, column, rows, n_rows, width, group, error);
    }
    return status;
}

static MhoStatus read_column(const MhoColumns *columns, const MhoColumn *column, void *rows, size_t n_rows,
                             size_t width, const MhoRecord *record, const char *file, const char *path, MhoError *error)
{
    const size_t bytes = mho_type_size(column->type) * (column->wide ? width : 1);
    const MhoArray *array;
    const MhoStatus status = mho_record_require(record, file, path, column->type, column->wide ? 2 : 1, &array, error);
    if (status != MHO_OK)
        return status;
    if (array->shape[0] != n_rows || (column->wide && array->shape[1] != width))
        return mho_fail(error, MHO_INPUT, "%s: '%s' and the other arrays of its group have different lengths", file,
                        path);
    for (size_t i = 0; i < n_rows; i++) {
        unsigned char *values = values_of(columns, column, rows, i);
        const char *name = column->type == MHO_STRING ? ((char *const *)array->data)[i] : NULL;
        if (column->type == MHO_STRING)
            snprintf((char *)values, MHO_NAME_MAX, "%s", name ? name : "");
        else
            memcpy(values, (const unsigned char *)array->data + i * bytes, bytes);
    }
    return MHO_OK;
}

MhoStatus mho_columns_read(const MhoColumns *columns, void *rows, size_t n_rows, size_t width, const MhoRecord *record,
                           const char *file, const char *path, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t k = 0; k < columns->n && status == MHO_OK; k++) {
        char array[3 * MHO_NAME_MAX];
        snprintf(array, sizeof array, "%s%s%s", path, *path ? "/" : "", columns->list[k].name);
        status = read_column(columns, &columns->list[k], rows, n_rows, width, record, file, array, error);
    }
    return status;
}

MhoStatus mho_record_add_numbers(MhoRecord *group, const char *name, const char *axis, size_t n, const char *help,
                                 MhoError *error)
{
    MhoArray *numbers;
    const MhoStatus status = mho_record_add(group, name, MHO_I32, 1, &n, &axis, "1", help, NULL, &numbers, error);
    for (size_t i = 0; i < n && status == MHO_OK; i++)
        ((int32_t *)numbers->data)[i] = (int32_t)i + 1;
    return status;
}
