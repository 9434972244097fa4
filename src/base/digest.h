/* digest.h - SHA-256 (libmd) and a 64-bit mix. */
#ifndef MHO_BASE_DIGEST_H
#define MHO_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* SHA-256 of n bytes as 64 hex digits + NUL. */
void mho_sha256(const void *data, size_t n, char hex[65]);

/* The same of a whole file, streamed. INPUT when it cannot be read. */
MhoStatus mho_sha256_file(const char *path, char hex[65], MhoError *error) MHO_CHECKED;

/* Incremental 64-bit digest: the first 8 bytes (little-endian) of a SHA-256. */
uint64_t mho_digest64(const void *data, size_t n);

#endif
