/* status.c - status codes and error text. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/printable.h"

typedef struct StatusRow {
    const char *name, *meaning;
    int exit_code;
} StatusRow;

static const StatusRow rows[MHO_N_STATUS] = {
#define X(name, exit_code, meaning) {#name, meaning, exit_code},
    MHO_STATUS_LIST(X)
#undef X
};

/* A value outside the enumeration reads as FAILED. */
static const StatusRow *row_of(MhoStatus status)
{
    return (unsigned)status < MHO_N_STATUS ? &rows[status] : &rows[MHO_FAILED];
}

MhoStatus mho_fail(MhoError *error, MhoStatus status, const char *format, ...)
{
    if (!error)
        return status;
    /* The arguments may point into error->text, so the new text is written elsewhere first. */
    char text[MHO_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        text[0] = '\0';
    mho_printable(text, error->text, sizeof error->text);
    error->status = status;
    return status;
}

MhoStatus mho_fail_context(MhoError *error, const char *format, ...)
{
    if (!error)
        return MHO_FAILED;
    char prefix[MHO_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    return length < 0 ? error->status : mho_fail(error, error->status, "%s: %s", prefix, error->text);
}

const char *mho_status_name(MhoStatus status)
{
    return row_of(status)->name;
}

const char *mho_status_meaning(MhoStatus status)
{
    return row_of(status)->meaning;
}

int mho_status_exit_code(MhoStatus status)
{
    return row_of(status)->exit_code;
}
