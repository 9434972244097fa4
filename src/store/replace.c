/* replace.c - a file appears whole or not at all: temporary name, fsync, rename, fsync of the folder. */
#include "store/replace_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Where the bytes go (owned by the caller): the target of a link, else path itself. NULL with an error otherwise. */
static char *real_target(const char *path, MhoError *error)
{
    struct stat info;
    char *target;

    if (*path == '\0') {
        (void)mho_fail(error, MHO_IO, "the name of the file to write is empty; give one with -o");
        return NULL;
    }
    if (stat(path, &info) == 0) {
        if (!S_ISREG(info.st_mode)) {
            (void)mho_fail(error, MHO_IO, "%s: %s; choose another name with -o", path,
                           S_ISDIR(info.st_mode) ? "is a folder" : "is not a regular file");
            return NULL;
        }
        target = realpath(path, NULL);
    } else {
        target = strdup(path);
    }
    if (!target)
        (void)fail_errno(error, path, errno);
    return target;
}

/* Create `.NAME.PID.K.tmp` in folder for writing; its name goes to *temporary (owned). -1 with errno otherwise. */
static int open_temporary(const char *folder, const char *name, char **temporary)
{
    const size_t room = strlen(folder) + NAME_PART + 64;
    int file = -1;

    *temporary = malloc(room);
    if (!*temporary) {
        errno = ENOMEM;
        return -1;
    }
    for (int k = 0; k < TEMPORARY_TRIES && file < 0; k++) {
        (void)snprintf(*temporary, room, "%s/.%.*s.%ld.%d.tmp", folder, NAME_PART, name, (long)getpid(), k);
        file = open(*temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0 && errno != EEXIST)
            break;
    }
    return file;
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

/* Everything to disk and closed; false with errno. */
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

/* The rename lasts only when the folder is on disk too. File systems that cannot sync a folder answer EINVAL. */
static bool sync_folder(const char *folder)
{
    const int handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good;

    if (handle < 0)
        return errno == EACCES; /* a folder one may write but not list */
    good = fsync(handle) == 0 || errno == EINVAL;
    (void)close(handle);
    return good;
}

static MhoStatus replace_target(const char *path, char *target, const MhoPiece *pieces, size_t n_pieces,
                                MhoError *error)
{
    char *const slash = strrchr(target, '/');
    const char *name = slash ? slash + 1 : target;
    char *folder = slash == NULL     ? strdup(".")
                   : slash == target ? strdup("/")
                                     : strndup(target, (size_t)(slash - target));
    char *temporary = NULL;
    MhoStatus status = MHO_OK;
    int file;

    if (!folder)
        return mho_fail(error, MHO_MEMORY, "%s: out of memory", path);
    file = open_temporary(folder, name, &temporary);
    if (file < 0) {
        status = fail_errno(error, path, errno);
    } else if (!fill_and_close(file, pieces, n_pieces) || rename(temporary, target) != 0) {
        status = fail_errno(error, path, errno);
        (void)unlink(temporary);
    } else if (!sync_folder(folder)) {
        status = fail_errno(error, path, errno);
    }
    free(temporary);
    free(folder);
    return status;
}

MhoStatus mho_file_replace(const char *path, const MhoPiece *pieces, size_t n_pieces, MhoError *error)
{
    char *target = real_target(path, error);
    MhoStatus status;

    if (!target)
        return MHO_IO;
    status = replace_target(path, target, pieces, n_pieces, error);
    free(target);
    return status;
}
