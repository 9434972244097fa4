/* heap_internal.h - the one structure of an HDF5 file that carries no checksum and that HDF5 trusts. */
#ifndef MHO_STORE_HEAP_INTERNAL_H
#define MHO_STORE_HEAP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

/* Whether every global heap collection among the n bytes of a file is sound: its objects fill it exactly. */
bool mho_heaps_sound(const unsigned char *data, size_t n);

#endif
