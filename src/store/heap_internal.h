/* heap_internal.h - checks of global heaps, which have no checksum and which HDF5 reads without a check. */
#ifndef MHO_STORE_HEAP_INTERNAL_H
#define MHO_STORE_HEAP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True when the objects of every global heap collection in the n bytes of a file fill it exactly. */
bool mho_heaps_sound(const unsigned char *data, size_t n);

/* True when each of the `count` value descriptors at offset points to a heap object of the length that the descriptor
 * gives, which is what HDF5 allocates. base: bytes before the HDF5 part of the file; heap addresses count from there.
 * element: bytes of one element of a value; 1 for strings. */
bool mho_heap_values_sound(const unsigned char *data, size_t n, uint64_t base, uint64_t offset, uint64_t count,
                           uint64_t element);

/* The same for the variable-length values of every attribute called name. Its messages are found by their bytes: the
 * older form of object header has no checksum. */
bool mho_heap_attributes_sound(const unsigned char *data, size_t n, uint64_t base, const char *name);

#endif
