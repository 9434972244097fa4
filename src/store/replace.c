/* replace.c - a file appears whole or not at all: temporary name, fsync, rename, fsync of the folder. A new file takes
 * its name only if nothing has it: renameat2, link, or a claim of the name, whichever the file system knows. */
#include "store/replace_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/store.h"

enum { TEMPORARY_TRIES = 100, NAME_PART = 180 };

static MhoStatus fail_errno(MhoError *error, const char *path, int code)
{
    static const struct {
        int code;
        const char *text;
    } causes[] = {
        {ENOSPC, "no space left on device; free space or choose another folder with -o"},
        {EDQUOT, "disk quota exceeded; free space or choose another folder with -o"},
        {EFBIG, "file larger than the limit of this process (ulimit -f); raise it or choose another folder with -o"},
        {EROFS, "read-only file system; choose another folder with -o"},
        {EACCES, "permission denied; choose another folder with -o"},
        {EPERM, "operation not permitted; choose another folder with -o"},
        {ENOENT, "its folder does not exist; make it or choose another with -o"},
        {ENOTDIR, "a part of its path is not a folder; choose another with -o"},
        {ENAMETOOLONG, "its name is too long; choose another with -o"},
        {EIO, "input/output error; the disk may be failing"},
    };
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (causes[i].code == code)
            return mho_fail(error, MHO_IO, "%s: %s", path, causes[i].text);
    return mho_fail(error, MHO_IO, "%s: cannot be written: %s", path, strerror(code));
}

/* The file that the bytes go to (owned by the caller): the target of a link, else path itself. */
static MhoStatus real_target(const char *path, char **target, MhoError *error)
{
    struct stat info;
    *target = NULL;
    if (*path == '\0')
        return mho_fail(error, MHO_IO, "the name of the file to write is empty; give one with -o");
    if (stat(path, &info) != 0) {
        *target = mho_strdup(path, error);
        return *target ? MHO_OK : MHO_MEMORY;
    }
    if (!S_ISREG(info.st_mode))
        return mho_fail(error, MHO_IO, "%s: %s; choose another name with -o", path,
                        S_ISDIR(info.st_mode) ? "is a folder" : "is not a regular file");
    *target = realpath(path, NULL);
    return *target ? MHO_OK : fail_errno(error, path, errno);
}

static bool write_all(int file, const MhoPiece *piece)
{
    const unsigned char *data = piece->data;
    size_t left = piece->n;
    while (left > 0) {
        const ssize_t done = write(file, data, left);
        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0) {
            data += done;
            left -= (size_t)done;
        }
    }
    return true;
}

/* Write the pieces to disk and close the file; false with errno. */
static bool fill_and_close(int file, const MhoPiece *pieces, size_t n_pieces)
{
    bool good = true;
    int code = 0;
    for (size_t i = 0; i < n_pieces && good; i++)
        good = write_all(file, &pieces[i]);
    good = good && fsync(file) == 0;
    code = errno;
    if (close(file) != 0 && good)
        return false;
    errno = code;
    return good;
}

/* A rename survives a crash only when the folder is on disk. File systems that cannot sync a folder answer EINVAL. */
static bool sync_folder(const char *folder)
{
    const int handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handle < 0)
        return errno == EACCES; /* a folder that may be written but not listed */
    bool good = fsync(handle) == 0 || errno == EINVAL;
    (void)close(handle);
    return good;
}

/* Create `.NAME.PID.K.tmp` in the folder of target, for writing. Its path goes to temporary (size room). -1 with errno
 * otherwise. */
static int open_temporary(const char *target, int folder_length, char *temporary, size_t room)
{
    int file = -1;
    for (int k = 0; k < TEMPORARY_TRIES && file < 0; k++) {
        (void)snprintf(temporary, room, "%.*s.%.*s.%ld.%d.tmp", folder_length, target, NAME_PART,
                       target + folder_length, (long)getpid(), k);
        file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0 && errno != EEXIST)
            break;
    }
    return file;
}

static MhoStatus fail_exists(MhoError *error, const char *path)
{
    return mho_fail(error, MHO_IO, "%s exists and is not replaced; choose another name with -o", path);
}

static int put_by_rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

static int put_by_link(const char *from, const char *to)
{
    if (link(from, to) != 0)
        return -1;
    (void)unlink(from);
    return 0;
}

/* An empty file takes the name, then the whole one takes its place. A kill in between leaves the empty file. */
static int put_by_claim(const char *from, const char *to)
{
    const int file = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return -1;
    (void)close(file);
    const int outcome = rename(from, to), code = errno;
    if (outcome != 0)
        (void)unlink(to);
    errno = code;
    return outcome;
}

int mho_file_put(const char *from, const char *to, unsigned ways)
{
    static int (*const puts[])(const char *, const char *) = {put_by_rename, put_by_link, put_by_claim};
    int outcome = -1;
    errno = ENOSYS;
    for (size_t i = 0; i < sizeof puts / sizeof *puts && outcome != 0; i++) {
        if ((ways & 1U << i) == 0)
            continue;
        outcome = puts[i](from, to);
        if (outcome != 0 && (errno == EEXIST || errno == ENOSPC || errno == EDQUOT || errno == EROFS || errno == EIO))
            break; /* other causes may be that of this way alone */
    }
    return outcome;
}

static MhoStatus write_target(const char *path, const char *target, bool is_new, const MhoPiece *pieces,
                              size_t n_pieces, MhoError *error)
{
    const char *slash = strrchr(target, '/');
    const int folder_length = slash ? (int)(slash + 1 - target) : 0; /* with its slash */
    const size_t room = strlen(target) + 64;
    char *other = mho_calloc(room, 1, error, "the name of a temporary file beside %s", path);
    if (!other)
        return MHO_MEMORY;
    const int file = open_temporary(target, folder_length, other, room);
    bool good = file >= 0, placing = false;
    if (good) {
        placing = fill_and_close(file, pieces, n_pieces);
        good = placing && (is_new ? mho_file_put(other, target, MHO_PUT_ANY) : rename(other, target)) == 0;
    }
    if (file >= 0 && !good) {
        const int code = errno;
        (void)unlink(other);
        errno = code;
    }
    if (good) {
        placing = false;
        (void)snprintf(other, room, "%.*s.", folder_length, target);
        good = sync_folder(other);
    }
    const MhoStatus status = good                                   ? MHO_OK
                             : is_new && placing && errno == EEXIST ? fail_exists(error, path)
                                                                    : fail_errno(error, path, errno);
    free(other);
    return status;
}

MhoStatus mho_file_replace(const char *path, const MhoPiece *pieces, size_t n_pieces, MhoError *error)
{
    char *target;
    MhoStatus status = real_target(path, &target, error);
    if (status == MHO_OK)
        status = write_target(path, target, false, pieces, n_pieces, error);
    free(target);
    return status;
}

MhoStatus mho_file_free(const char *path, MhoError *error)
{
    struct stat info;
    if (*path == '\0')
        return mho_fail(error, MHO_IO, "the name of the file to write is empty; give one with -o");
    if (lstat(path, &info) == 0)
        return fail_exists(error, path);
    return errno == ENOENT ? MHO_OK : fail_errno(error, path, errno);
}

MhoStatus mho_file_create(const char *path, const MhoPiece *pieces, size_t n_pieces, MhoError *error)
{
    const MhoStatus status = mho_file_free(path, error);
    return status == MHO_OK ? write_target(path, path, true, pieces, n_pieces, error) : status;
}

MhoStatus mho_store_write_text(const char *path, const char *text, size_t n, MhoError *error)
{
    return mho_file_replace(path, &(MhoPiece){text, n}, 1, error);
}

MhoStatus mho_store_create_text(const char *path, const char *text, size_t n, MhoError *error)
{
    return mho_file_create(path, &(MhoPiece){text, n}, 1, error);
}
