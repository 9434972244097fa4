/* merge_files.c - the files that a merge is to read: those that are named, and those of folders. */
#include "study/sweep/merge_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

static MhoStatus add_file(MhoMergeFiles *files, const char *folder, const char *name, MhoError *error)
{
    MhoMergeFile *grown = mho_list_grow(files->list, files->n, sizeof *grown, error);
    if (!grown)
        return MHO_MEMORY;
    files->list = grown;
    char *path = NULL;
    const size_t length = folder ? strlen(folder) : 0;
    const bool has_slash = length > 0 && folder[length - 1] == '/';
    if (asprintf(&path, "%s%s%s", folder ? folder : "", folder && !has_slash ? "/" : "", name) < 0)
        return mho_fail(error, MHO_MEMORY, "out of memory for the names of shards");
    grown[files->n++] = (MhoMergeFile){.path = path, .is_found = folder != NULL};
    return MHO_OK;
}

/* NAME.h5, but no hidden file: a temporary one that a killed process has left. */
static int is_candidate(const struct dirent *entry)
{
    const size_t n = strlen(entry->d_name);
    return n > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + n - 3, ".h5") == 0;
}

static MhoStatus add_folder(MhoMergeFiles *files, const char *folder, MhoError *error)
{
    struct dirent **entries;
    const int n = scandir(folder, &entries, is_candidate, alphasort);
    if (n < 0)
        return mho_fail(error, MHO_INPUT, "%s: cannot read this folder: %s", folder, strerror(errno));
    MhoStatus status = MHO_OK;
    for (int i = 0; i < n; i++) {
        if (status == MHO_OK)
            status = add_file(files, folder, entries[i]->d_name, error);
        free(entries[i]);
    }
    free(entries);
    if (status == MHO_OK && n == 0)
        return mho_fail(error, MHO_INPUT, "%s: no file of this folder ends with .h5; name the folder of the shards",
                        folder);
    return status;
}

MhoStatus mho_merge_files(const char *const *paths, size_t n, MhoMergeFiles *files, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < n && status == MHO_OK; i++) {
        struct stat what;
        const bool is_folder = stat(paths[i], &what) == 0 && S_ISDIR(what.st_mode);
        status = is_folder ? add_folder(files, paths[i], error) : add_file(files, NULL, paths[i], error);
    }
    return status;
}

void mho_merge_files_clear(MhoMergeFiles *files)
{
    for (size_t i = 0; i < files->n; i++)
        free(files->list[i].path);
    free(files->list);
    *files = (MhoMergeFiles){0};
}
