/* shared_files.c - find studies and scripts from where the program lies. */
#include "app/shared_files.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLDERS_UP = 6 };

static bool is_there(const char *root, const char *folder, const char *name, char *path)
{
    int n = snprintf(path, MHO_SHARED_PATH_MAX, "%s/%s/%s", root, folder, name);
    return n > 0 && n < MHO_SHARED_PATH_MAX && access(path, R_OK) == 0;
}

MhoStatus mho_shared_file(const char *folder, const char *name, char path[MHO_SHARED_PATH_MAX], MhoError *error)
{
    const char *set = getenv("MHO_SHARED"); /* a build folder may lie outside the source tree */
    if (set && is_there(set, folder, name, path))
        return MHO_OK;
    char at[MHO_SHARED_PATH_MAX], share[MHO_SHARED_PATH_MAX + sizeof "/share/mho"];
    ssize_t length = readlink("/proc/self/exe", at, sizeof at - 1);
    at[length > 0 ? length : 0] = '\0';
    for (int up = 0; up < FOLDERS_UP; up++) {
        char *slash = strrchr(at, '/');
        if (!slash)
            break;
        *slash = '\0';
        snprintf(share, sizeof share, "%s/share/mho", at);
        if (is_there(at, folder, name, path) || is_there(share, folder, name, path))
            return MHO_OK;
    }
    return mho_fail(error, MHO_INPUT,
                    "%s/%s was not found above this program or in share/mho: install mho again, or set MHO_SHARED to "
                    "the folder that holds %s",
                    folder, name, folder);
}
