/* shared_files.c - files that come with the program, and the plotting script among them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/options.h"
#include "study/models/record_file.h"

enum { UP_MAX = 6, PATH_BYTES = 4096 };

/* $MHO_SHARED, else up from the program's folder: a source tree has FOLDER/NAME above its build folder, an installation
 * share/mho/FOLDER/NAME beside bin. */
MhoStatus mho_shared_file(const char *folder, const char *name, char *path, size_t size, MhoError *error)
{
    char at[PATH_BYTES];
    const char *set = getenv("MHO_SHARED"); /* a build folder may lie anywhere */
    int n = set ? snprintf(path, size, "%s/%s/%s", set, folder, name) : 0;
    if (n > 0 && (size_t)n < size && access(path, R_OK) == 0)
        return MHO_OK;
    ssize_t length = readlink("/proc/self/exe", at, sizeof at - 1);
    at[length > 0 ? length : 0] = '\0';
    for (int up = 0; up < UP_MAX; up++) {
        char *slash = strrchr(at, '/');
        if (!slash)
            break;
        *slash = '\0';
        n = snprintf(path, size, "%s/%s/%s", at, folder, name);
        if (n > 0 && (size_t)n < size && access(path, R_OK) == 0)
            return MHO_OK;
        n = snprintf(path, size, "%s/share/mho/%s/%s", at, folder, name);
        if (n > 0 && (size_t)n < size && access(path, R_OK) == 0)
            return MHO_OK;
    }
    return mho_fail(error, MHO_INPUT,
                    "%s/%s is neither above this program nor in share/mho: install mho again, or set "
                    "MHO_SHARED to the folder that holds %s",
                    folder, name, folder);
}

/* Debian's Python has the packages; another python3 earlier on PATH may not. */
static const char *python(void)
{
    return access("/usr/bin/python3", X_OK) == 0 ? "/usr/bin/python3" : "python3";
}

MhoStatus mho_plot_file(const char *file, const char *stem, MhoError *error)
{
    char script[PATH_BYTES], output[PATH_BYTES];
    MhoRecord *record = NULL; /* a damaged file gets one line, not Python's many */
    MhoStatus status = mho_file_read(file, false, &record, error);
    mho_record_destroy(record);
    if (status == MHO_OK)
        status = mho_shared_file("results", "plot.py", script, sizeof script, error);
    if (status != MHO_OK)
        return status;
    const char *dot = strrchr(file, '.'), *slash = strrchr(file, '/');
    int length = dot && (!slash || dot > slash) ? (int)(dot - file) : (int)strlen(file);
    snprintf(output, sizeof output, "%.*s", stem ? (int)strlen(stem) : length, stem ? stem : file);
    pid_t child = fork();
    if (child < 0)
        return mho_fail(error, MHO_FAILED, "cannot start %s: %s", python(), strerror(errno));
    if (child == 0) {
        execlp(python(), python(), script, file, "--output", output, (char *)NULL);
        _exit(127);
    }
    int code = 0;
    while (waitpid(child, &code, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(code) && WEXITSTATUS(code) == 127)
        return mho_fail(error, MHO_FAILED,
                        "plotting needs Python 3 with h5py and matplotlib: apt-get install "
                        "python3-h5py python3-matplotlib");
    if (!WIFEXITED(code) || WEXITSTATUS(code) != 0)
        return mho_fail(error, MHO_FAILED, "plot.py could not draw %s; its message is above", file);
    return MHO_OK;
}
