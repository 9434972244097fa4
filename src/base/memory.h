/* memory.h - the one place that says "out of memory".
 *
 * Each function returns NULL when it fails, and has then written the MEMORY error "out of memory for WHAT" already.
 * what is a printf format: "the codes of %zu images". Release every block with free().
 */
#ifndef MHO_BASE_MEMORY_H
#define MHO_BASE_MEMORY_H

#include <stddef.h>

#include "base/status.h"

/* n zeroed elements of `size` bytes. n = 0 gives a valid pointer. */
void *mho_calloc(size_t n, size_t size, MhoError *error, const char *what, ...) MHO_PRINTF(4, 5) MHO_CHECKED;

/* The block resized to n elements; new elements are not zeroed. After a failure the old block is still valid. */
void *mho_realloc(void *block, size_t n, size_t size, MhoError *error, const char *what, ...)
    MHO_PRINTF(5, 6) MHO_CHECKED;

/* The list with room for one more element after the first n. It must have grown by this function alone, from NULL:
 * its capacity is the next power of two. After a failure the old list is still valid. */
void *mho_list_grow(void *list, size_t n, size_t size, MhoError *error) MHO_CHECKED;

/* A copy of text. */
char *mho_strdup(const char *text, MhoError *error) MHO_CHECKED;

#endif
