/* bytes.c - a whole file in memory, unpacked if it is gzip (RFC 1952).
 *
 * The trailer of a gzip file gives the unpacked size. A size that deflate cannot reach is refused: it makes at most
 * 1032 bytes of one (zlib technical details, "Maximum Compression Factor"). So is one that the format refuses after a
 * look at the first bytes: a small file that claims gigabytes. Bytes after the gzip member are refused.
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
#include "data/remember.h"

static const size_t deflate_max_factor = 1032, images_max_factor = 100, large_size = (size_t)1 << 28;
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

static MhoStatus fail_inflate(const z_stream *stream, int outcome, const char *path, MhoError *error)
{
    const size_t at = stream->total_in;
    if (outcome == Z_MEM_ERROR)
        return mho_fail(error, MHO_MEMORY, "out of memory for unpacking %s", path);
    if (outcome == Z_DATA_ERROR)
        return mho_fail(error, MHO_INPUT, "%s: damaged gzip data at byte %zu (%s)", path, at,
                        stream->msg ? stream->msg : "?");
    return mho_fail(error, MHO_INPUT, "%s: gzip data truncated at byte %zu", path, at);
}

static MhoStatus inflate_all(z_stream *stream, const char *path, MhoError *error)
{
    int outcome = inflate(stream, Z_FINISH);
    size_t at = stream->total_in;
    if (outcome == Z_MEM_ERROR || outcome == Z_DATA_ERROR || (outcome != Z_STREAM_END && stream->avail_in == 0))
        return fail_inflate(stream, outcome, path, error);
    if (outcome != Z_STREAM_END)
        return mho_fail(error, MHO_INPUT, "%s: gzip data and the size in its trailer disagree at byte %zu", path, at);
    if (stream->avail_in > 0)
        return mho_fail(error, MHO_INPUT, "%s: %u trailing bytes after the gzip data at byte %zu", path,
                        stream->avail_in, at);
    if (stream->avail_out > 0)
        return mho_fail(error, MHO_INPUT, "%s: gzip data hold fewer bytes than the trailer says", path);
    return MHO_OK;
}

/* Unpack the first bytes, at most MHO_HEAD and size, and let the format judge them. */
static MhoStatus check_head(const uint8_t *packed, size_t n, size_t size, MhoHeadCheck *check, const char *path,
                            MhoError *error)
{
    uint8_t head[MHO_HEAD] = {0};
    z_stream stream = {
        .next_in = packed, .avail_in = (uInt)n, .next_out = head, .avail_out = size < MHO_HEAD ? (uInt)size : MHO_HEAD};
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return mho_fail(error, MHO_MEMORY, "out of memory for unpacking %s", path);
    const int outcome = size > 0 ? inflate(&stream, Z_SYNC_FLUSH) : Z_OK;
    const bool good = stream.avail_out == 0 || outcome == Z_STREAM_END;
    char place[MHO_PATH_MAX + 64];
    snprintf(place, sizeof place, "%s (gzip, %zu bytes by its trailer)", path, size);
    const MhoStatus status = good ? check(head, size, place, error) : fail_inflate(&stream, outcome, path, error);
    inflateEnd(&stream);
    return status;
}

static MhoStatus unpack_gzip(const uint8_t *packed, size_t n, MhoHeadCheck *check, const char *path, MhoBytes *bytes,
                             MhoError *error)
{
    if (n < GZIP_SMALLEST)
        return mho_fail(error, MHO_INPUT, "%s: gzip data truncated at byte %zu", path, n);
    const uint8_t *tail = packed + n - 4;
    size_t size = (size_t)tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 | (size_t)tail[3] << 24;
    if (size / deflate_max_factor > n)
        return mho_fail(error, MHO_INPUT, "%s: truncated or damaged gzip data: its trailer gives %zu bytes out of %zu",
                        path, size, n);
    MhoStatus status = check_head(packed, n, size, check, path, error);
    if (status == MHO_OK && size > large_size && size / images_max_factor > n)
        return mho_fail(error, MHO_INPUT,
                        "%s: its trailer gives %zu bytes out of %zu, more than images shrink by; if this is right, "
                        "unpack it with gunzip",
                        path, size, n);
    if (status == MHO_OK)
        status = take(size, path, bytes, error);
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

MhoStatus mho_bytes_unpack(const uint8_t *packed, size_t n, MhoHeadCheck *check, const char *path, MhoBytes *bytes,
                           MhoError *error)
{
    *bytes = (MhoBytes){0};
    if (n > UINT32_MAX)
        return mho_fail(error, MHO_INPUT, "%s: larger than 4 GiB", path);
    if (is_gzip(packed, n))
        return unpack_gzip(packed, n, check, path, bytes, error);
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

MhoStatus mho_bytes_read(const char *path, MhoHeadCheck *check, MhoBytes *bytes, MhoError *error)
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
    status = unpack_gzip(raw.data, raw.n, check, path, bytes, error);
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

/* Formats differ, and so do the sizes; the digest decides. */
static MhoStatus accept_head(const uint8_t *head, size_t size, const char *path, MhoError *error)
{
    (void)head, (void)size, (void)path, (void)error;
    return MHO_OK;
}

static const char content[] = "SHA-256 of the unpacked content";

MhoStatus mho_data_file_verify(const MhoDataFile *file, const char *path, MhoError *error)
{
    MhoBytes bytes;
    MhoStamp stamp;
    const bool stamped = mho_stamp_files(content, &path, 1, &stamp);
    MhoStatus status = mho_bytes_read(path, accept_head, &bytes, error);
    if (status != MHO_OK)
        return status;
    char hex[65];
    mho_sha256(bytes.data, bytes.n, hex);
    mho_bytes_free(&bytes);
    if (strcmp(hex, file->sha256) != 0)
        return mho_fail(error, MHO_INPUT, "%s: SHA-256 of the content is %.16s..., expected %.16s...", path, hex,
                        file->sha256);
    if (stamped)
        mho_stamp_remember(&stamp, content, &path, 1, hex);
    return MHO_OK;
}

MhoStatus mho_source_read(const MhoSource *from, MhoHeadCheck *check, MhoBytes *bytes, MhoError *error)
{
    MhoStamp stamp;
    char hex[65] = "";
    const bool stamped = from->known && mho_stamp_files(content, &from->path, 1, &stamp);
    const bool remembered = stamped && mho_stamp_recall(&stamp, hex);
    MhoStatus status = mho_bytes_read(from->path, check, bytes, error);
    if (status != MHO_OK || !from->known)
        return status;
    if (!remembered)
        mho_sha256(bytes->data, bytes->n, hex);
    if (strcmp(hex, from->known->sha256) != 0) {
        mho_bytes_free(bytes);
        return mho_fail(error, MHO_INPUT,
                        "%s: not the file of %s: its content has another SHA-256 (`mho data check %s`); `mho data "
                        "fetch %s` gets the right one; name a changed set by its path: data.name=idx:IMAGES,LABELS or "
                        "cifar:FILE,...",
                        from->path, from->set, from->set, from->set);
    }
    if (stamped && !remembered)
        mho_stamp_remember(&stamp, content, &from->path, 1, hex);
    return MHO_OK;
}
