/* heap_internal.h - the one structure of an HDF5 file that carries no checksum and that HDF5 trusts. */
#ifndef MHO_STORE_HEAP_INTERNAL_H
#define MHO_STORE_HEAP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether every global heap collection among the n bytes of a file is sound: its objects fill it exactly. */
bool mho_heaps_sound(const unsigned char *data, size_t n);

/* Whether the `count` variable-length strings whose descriptors stand at offset point to heap objects that are there
 * and as long as the descriptors say, which is what HDF5 allocates. base: bytes before the HDF5 part of the file, to
 * which heap addresses are relative. */
bool mho_heap_strings_sound(const unsigned char *data, size_t n, uint64_t base, uint64_t offset, uint64_t count);

/* The same for the variable-length values of every attribute called name, found by its message in an object header: the
 * older form of header has no checksum. */
bool mho_heap_attributes_sound(const unsigned char *data, size_t n, uint64_t base, const char *name);

#endif
