/* remember.c - see remember.h. */
#include "data/remember.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "data/data_files.h"

/* Clocks of file systems are as coarse as 2 s (FAT); a change within one tick does not change the time. */
enum { SETTLE_SECONDS = 3, HEX = 64, IN_MEMORY = 32 };

static void write_file_line(FILE *out, const char *path, const struct stat *about)
{
    char *real = realpath(path, NULL);
    fprintf(out, "%s\n%lld %llu %lld.%09ld %lld.%09ld\n", real ? real : path, (long long)about->st_size,
            (unsigned long long)about->st_ino, (long long)about->st_mtim.tv_sec, about->st_mtim.tv_nsec,
            (long long)about->st_ctim.tv_sec, about->st_ctim.tv_nsec);
    free(real);
}

bool mho_stamp_files(const char *what, const char *const *paths, size_t n, MhoStamp *stamp)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return false;
    const time_t latest = time(NULL) - SETTLE_SECONDS;
    bool good = fprintf(out, "%s\n", what) > 0;
    stamp->settled = true;
    for (size_t i = 0; i < n && good; i++) {
        struct stat about;
        good = stat(paths[i], &about) == 0 && S_ISREG(about.st_mode);
        if (!good)
            break;
        write_file_line(out, paths[i], &about);
        stamp->settled = stamp->settled && about.st_mtim.tv_sec < latest && about.st_ctim.tv_sec < latest;
    }
    good = fclose(out) == 0 && good;
    if (good)
        mho_sha256(text, size, stamp->hex);
    free(text);
    return good;
}

/* The folder of remembered digests; made when wanted. */
static bool cache_folder(char *folder, size_t room, bool make)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const bool has_cache = cache && cache[0] == '/'; /* a relative one is to be ignored (XDG base directories 0.8) */
    if (!has_cache && (!home || home[0] == '\0'))
        return false;
    int length = snprintf(folder, room, "%s%s", has_cache ? cache : home, has_cache ? "" : "/.cache");
    if (length < 0 || (size_t)length + sizeof "/mho" > room)
        return false;
    if (make && mkdir(folder, 0700) != 0 && errno != EEXIST)
        return false;
    memcpy(folder + length, "/mho", sizeof "/mho");
    return !make || mkdir(folder, 0700) == 0 || errno == EEXIST;
}

static bool entry_path(const MhoStamp *stamp, bool make, char path[MHO_PATH_MAX])
{
    char folder[MHO_PATH_MAX - HEX - 32];
    if (!cache_folder(folder, sizeof folder, make))
        return false;
    snprintf(path, MHO_PATH_MAX, "%s/%s.sha256", folder, stamp->hex);
    return true;
}

/* What this process has computed: a study asks for each of its points, and the folder may be read-only. */
static struct {
    pthread_mutex_t lock;
    size_t n;
    struct {
        char stamp[HEX + 1], digest[HEX + 1];
    } list[IN_MEMORY]; /* a ring */
} own = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool recall_own(const char *stamp, char digest[65])
{
    bool found = false;
    pthread_mutex_lock(&own.lock);
    for (size_t i = 0; i < IN_MEMORY && i < own.n && !found; i++) {
        found = strcmp(own.list[i].stamp, stamp) == 0;
        if (found)
            memcpy(digest, own.list[i].digest, HEX + 1);
    }
    pthread_mutex_unlock(&own.lock);
    return found;
}

static void remember_own(const char *stamp, const char *digest)
{
    pthread_mutex_lock(&own.lock);
    snprintf(own.list[own.n % IN_MEMORY].stamp, HEX + 1, "%s", stamp);
    snprintf(own.list[own.n % IN_MEMORY].digest, HEX + 1, "%s", digest);
    own.n++;
    pthread_mutex_unlock(&own.lock);
}

static bool recall_file(const MhoStamp *stamp, char digest[65])
{
    char path[MHO_PATH_MAX], text[HEX + 2];
    const int file = entry_path(stamp, false, path) ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (file < 0)
        return false;
    const ssize_t got = read(file, text, sizeof text);
    close(file);
    if (got != HEX + 1 || text[HEX] != '\n')
        return false;
    text[HEX] = '\0';
    if (strspn(text, "0123456789abcdef") != HEX)
        return false;
    memcpy(digest, text, HEX + 1);
    return true;
}

bool mho_stamp_recall(const MhoStamp *stamp, char digest[65])
{
    return stamp->settled && (recall_own(stamp->hex, digest) || recall_file(stamp, digest));
}

void mho_stamp_remember(const MhoStamp *before, const char *what, const char *const *paths, size_t n,
                        const char *digest)
{
    MhoStamp after;
    char path[MHO_PATH_MAX], other[MHO_PATH_MAX + 16], text[HEX + 2];
    if (!before->settled || !mho_stamp_files(what, paths, n, &after) || strcmp(before->hex, after.hex) != 0)
        return;
    remember_own(before->hex, digest);
    if (!entry_path(before, true, path))
        return;
    snprintf(other, sizeof other, "%s.%ld", path, (long)getpid());
    const int length = snprintf(text, sizeof text, "%.64s\n", digest);
    const int file = open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return;
    const bool written = write(file, text, (size_t)length) == length;
    if (close(file) != 0 || !written || rename(other, path) != 0)
        unlink(other);
}
