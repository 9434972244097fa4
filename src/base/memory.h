/* memory.h - the one place that says "out of memory". */
#ifndef MHO_BASE_MEMORY_H
#define MHO_BASE_MEMORY_H

#include <stddef.h>

#include "base/status.h"

/* n zeroed elements of `size` bytes, to be freed with free(). NULL with the MEMORY error "out of memory for WHAT" when
 * they cannot be had. n = 0 gives a valid pointer. what: "the codes of 12 images", a printf format. */
void *mho_calloc(size_t n, size_t size, MhoError *error, const char *what, ...) MHO_PRINTF(4, 5) MHO_CHECKED;

/* The block resized to n elements; new elements are not zeroed. NULL with the same error, and the old block stays. */
void *mho_realloc(void *block, size_t n, size_t size, MhoError *error, const char *what, ...)
    MHO_PRINTF(5, 6) MHO_CHECKED;

#endif
