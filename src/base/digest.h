/* digest.h - SHA-256 (libmd), whole or its first 64 bits. */
#ifndef MHO_BASE_DIGEST_H
#define MHO_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* SHA-256 of n bytes as 64 hex digits and NUL. */
void mho_sha256(const void *data, size_t n, char hex[65]);

/* The same over several blocks, one after the other. */
typedef struct MhoBlock {
    const void *data;
    size_t n;
} MhoBlock;
void mho_sha256_blocks(const MhoBlock *blocks, size_t n, char hex[65]);

/* The same for a whole file, read in pieces. INPUT when it cannot be read. */
MhoStatus mho_sha256_file(const char *path, char hex[65], MhoError *error) MHO_CHECKED;

/* The first 8 bytes of the SHA-256 of n bytes as a little-endian number. */
uint64_t mho_digest64(const void *data, size_t n);

#endif
