/* bytes.c - a whole file in memory, unpacked if it is gzip (RFC 1952).
 *
 * The trailer of a gzip file gives the unpacked size. A size that deflate cannot reach is refused: it makes at most
 * 1032 bytes of one (zlib technical details, "Maximum Compression Factor"). Bytes after the gzip member are refused.
 * Valid for regular files of 0 .. 4 GiB - 1 bytes, packed and unpacked.
 */
#include "data/formats_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/digest.h"
#include "base/memory.h"

static const size_t deflate_max_factor = 1032;
enum { GZIP_SMALLEST = 18, GZIP_WINDOW = 15 + 16 }; /* header + trailer; 16 selects the gzip wrapper in zlib */

void mho_bytes_free(MhoBytes *bytes)
{
    free(bytes->data);
    *bytes = (MhoBytes){0};
}

static bool is_gzip(const uint8_t *data, size_t n)
{
    return n >= 2 && data[0] == 0x1f && data[1] == 0x8b;
}

static MhoStatus take(size_t n, const char *path, MhoBytes *bytes, MhoError *error)
{
    bytes->data = mho_calloc(n, 1, error, "the %zu bytes of %s", n, path);
    bytes->n = bytes->data ? n : 0;
    return bytes->data ? MHO_OK : MHO_MEMORY;
}

static MhoStatus inflate_all(z_stream *stream, const char *path, MhoError *error)
{
    int outcome = inflate(stream, Z_FINISH);
    size_t at = stream->total_in;
    if (outcome == Z_MEM_ERROR)
        return mho_fail(error, MHO_MEMORY, "out of memory for unpacking %s", path);
    if (outcome == Z_DATA_ERROR)
        return mho_fail(error, MHO_INPUT, "%s: damaged gzip data at byte %zu (%s)", path, at,
                        stream->msg ? stream->msg : "?");
    if (outcome != Z_STREAM_END && stream->avail_in == 0)
        return mho_fail(error, MHO_INPUT, "%s: gzip data truncated at byte %zu", path, at);
    if (outcome != Z_STREAM_END)
        return mho_fail(error, MHO_INPUT, "%s: gzip data and the size in its trailer disagree at byte %zu", path, at);
    if (stream->avail_in > 0)
        return mho_fail(error, MHO_INPUT, "%s: %u trailing bytes after the gzip data at byte %zu", path,
                        stream->avail_in, at);
    if (stream->avail_out > 0)
        return mho_fail(error, MHO_INPUT, "%s: gzip data hold fewer bytes than the trailer says", path);
    return MHO_OK;
}

static MhoStatus unpack_gzip(const uint8_t *packed, size_t n, const char *path, MhoBytes *bytes, MhoError *error)
{
    if (n < GZIP_SMALLEST)
        return mho_fail(error, MHO_INPUT, "%s: gzip data truncated at byte %zu", path, n);
    const uint8_t *tail = packed + n - 4;
    size_t size = (size_t)tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 | (size_t)tail[3] << 24;
    if (size / deflate_max_factor > n)
        return mho_fail(error, MHO_INPUT, "%s: truncated or damaged gzip data: its trailer gives %zu bytes out of %zu",
                        path, size, n);
    MhoStatus status = take(size, path, bytes, error);
    if (status != MHO_OK)
        return status;
    z_stream stream = {.next_in = packed, .avail_in = (uInt)n, .next_out = bytes->data, .avail_out = (uInt)size};
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK) {
        mho_bytes_free(bytes);
        return mho_fail(error, MHO_MEMORY, "out of memory for unpacking %s", path);
    }
    status = inflate_all(&stream, path, error);
    inflateEnd(&stream);
    if (status != MHO_OK)
        mho_bytes_free(bytes);
    return status;
}

MhoStatus mho_bytes_unpack(const uint8_t *packed, size_t n, const char *path, MhoBytes *bytes, MhoError *error)
{
    *bytes = (MhoBytes){0};
    if (n > UINT32_MAX)
        return mho_fail(error, MHO_INPUT, "%s: larger than 4 GiB", path);
    if (is_gzip(packed, n))
        return unpack_gzip(packed, n, path, bytes, error);
    MhoStatus status = take(n, path, bytes, error);
    if (status == MHO_OK && n > 0)
        memcpy(bytes->data, packed, n);
    return status;
}

static MhoStatus read_whole(int file, const char *path, MhoBytes *bytes, MhoError *error)
{
    struct stat about;
    if (fstat(file, &about) != 0)
        return mho_fail(error, MHO_INPUT, "%s: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return mho_fail(error, MHO_INPUT, "%s: not a regular file", path);
    if (about.st_size > (off_t)UINT32_MAX)
        return mho_fail(error, MHO_INPUT, "%s: larger than 4 GiB", path);
    MhoStatus status = take((size_t)about.st_size, path, bytes, error);
    if (status != MHO_OK)
        return status;
    for (size_t at = 0; at < bytes->n;) {
        ssize_t got = read(file, bytes->data + at, bytes->n - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            mho_bytes_free(bytes);
            return mho_fail(error, MHO_INPUT, "%s: %s at byte %zu", path,
                            got < 0 ? strerror(errno) : "the file became shorter", at);
        }
        at += (size_t)got;
    }
    return MHO_OK;
}

MhoStatus mho_bytes_read(const char *path, MhoBytes *bytes, MhoError *error)
{
    *bytes = (MhoBytes){0};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* do not wait on a pipe, which is refused below */
    if (file < 0)
        return mho_fail(error, MHO_INPUT, "%s: %s", path, strerror(errno));
    MhoBytes raw = {0};
    MhoStatus status = read_whole(file, path, &raw, error);
    close(file);
    if (status != MHO_OK)
        return status;
    if (!is_gzip(raw.data, raw.n)) {
        *bytes = raw;
        return MHO_OK;
    }
    status = unpack_gzip(raw.data, raw.n, path, bytes, error);
    mho_bytes_free(&raw);
    return status;
}

bool mho_data_file_path(const char *folder, const char *name, char *path)
{
    static const char *const endings[] = {"", ".gz"};
    for (size_t i = 0; i < 2; i++) {
        int length = snprintf(path, MHO_PATH_MAX, "%s/%s%s", folder, name, endings[i]);
        struct stat about;
        if (length > 0 && length < MHO_PATH_MAX && stat(path, &about) == 0 && S_ISREG(about.st_mode))
            return true;
    }
    return false;
}

MhoStatus mho_data_file_verify(const MhoDataFile *file, const char *path, MhoError *error)
{
    MhoBytes bytes;
    MhoStatus status = mho_bytes_read(path, &bytes, error);
    if (status != MHO_OK)
        return status;
    char hex[65];
    mho_sha256(bytes.data, bytes.n, hex);
    mho_bytes_free(&bytes);
    if (strcmp(hex, file->sha256) != 0)
        return mho_fail(error, MHO_INPUT, "%s: SHA-256 of the content is %.16s..., expected %.16s...", path, hex,
                        file->sha256);
    return MHO_OK;
}
