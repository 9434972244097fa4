/* digest.c - SHA-256 through libmd. Source: FIPS 180-4. */
#include "base/digest.h"

#include <errno.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>

static void start(SHA2_CTX *context, const void *data, size_t n)
{
    SHA256Init(context);
    if (n > 0)
        SHA256Update(context, data, n);
}

void mho_sha256(const void *data, size_t n, char hex[65])
{
    SHA2_CTX context;
    start(&context, data, n);
    SHA256End(&context, hex);
}

void mho_sha256_blocks(const MhoBlock *blocks, size_t n, char hex[65])
{
    SHA2_CTX context;
    SHA256Init(&context);
    for (size_t i = 0; i < n; i++)
        if (blocks[i].n > 0)
            SHA256Update(&context, blocks[i].data, blocks[i].n);
    SHA256End(&context, hex);
}

MhoStatus mho_sha256_file(const char *path, char hex[65], MhoError *error)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return mho_fail(error, MHO_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    SHA2_CTX context;
    SHA256Init(&context);
    uint8_t buffer[1 << 14];
    size_t got;
    while ((got = fread(buffer, 1, sizeof buffer, file)) > 0)
        SHA256Update(&context, buffer, got);
    int failed = ferror(file) ? errno : 0;
    fclose(file);
    if (failed)
        return mho_fail(error, MHO_INPUT, "%s: cannot be read: %s", path, strerror(failed));
    SHA256End(&context, hex);
    return MHO_OK;
}

uint64_t mho_digest64(const void *data, size_t n)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX context;
    start(&context, data, n);
    SHA256Final(digest, &context);
    uint64_t first = 0;
    for (size_t i = 0; i < 8; i++)
        first |= (uint64_t)digest[i] << (8 * i);
    return first;
}
