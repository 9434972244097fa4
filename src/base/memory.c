/* memory.c - calloc and realloc that report their own failure. */
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void report(MhoError *error, const char *what, va_list arguments)
{
    char text[MHO_ERROR_TEXT_MAX];

    vsnprintf(text, sizeof text, what, arguments);
    (void)mho_fail(error, MHO_MEMORY, "out of memory for %s", text);
}

void *mho_calloc(size_t n, size_t size, MhoError *error, const char *what, ...)
{
    void *block = calloc(n ? n : 1, size ? size : 1);

    if (!block) {
        va_list arguments;
        va_start(arguments, what);
        report(error, what, arguments);
        va_end(arguments);
    }
    return block;
}

void *mho_realloc(void *old, size_t n, size_t size, MhoError *error, const char *what, ...)
{
    size_t bytes;
    void *block = __builtin_mul_overflow(n, size, &bytes) ? NULL : realloc(old, bytes ? bytes : 1);

    if (!block) {
        va_list arguments;
        va_start(arguments, what);
        report(error, what, arguments);
        va_end(arguments);
    }
    return block;
}
