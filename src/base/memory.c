/* memory.c - allocation that reports its own failure. */
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void report(MhoError *error, const char *what, va_list arguments)
{
    char text[MHO_ERROR_TEXT_MAX];
    vsnprintf(text, sizeof text, what, arguments);
    mho_fail(error, MHO_MEMORY, "out of memory for %s", text);
}

void *mho_calloc(size_t n, size_t size, MhoError *error, const char *what, ...)
{
    void *block = calloc(n ? n : 1, size ? size : 1);
    va_list arguments;
    va_start(arguments, what);
    if (!block)
        report(error, what, arguments);
    va_end(arguments);
    return block;
}

void *mho_realloc(void *block, size_t n, size_t size, MhoError *error, const char *what, ...)
{
    size_t bytes;
    void *resized = __builtin_mul_overflow(n, size, &bytes) ? NULL : realloc(block, bytes ? bytes : 1);
    va_list arguments;
    va_start(arguments, what);
    if (!resized)
        report(error, what, arguments);
    va_end(arguments);
    return resized;
}

void *mho_list_grow(void *list, size_t n, size_t size, MhoError *error)
{
    if (n > 0 && (n & (n - 1)) != 0)
        return list;
    return mho_realloc(list, n ? 2 * n : 1, size, error, "a list of more than %zu entries", n);
}

char *mho_strdup(const char *text, MhoError *error)
{
    char *copy = strdup(text);
    if (!copy)
        mho_fail(error, MHO_MEMORY, "out of memory for the text '%s'", text);
    return copy;
}
