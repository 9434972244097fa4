/* python_script.c - finds a Python for figures by running the script: a script that lacks a package ends with a code
 * that says which, before it has done anything, and the next Python gets its turn. */
#include "cli/python_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/process.h"
#include "app/shared_files.h"
#include "study/models/record_file.h"

/* Exit codes of results/figures/packages.py: this plus 1 without h5py, plus 2 without matplotlib. */
enum { CODE_WITHOUT = 80, WITHOUT_ALL = 3, MAX_PYTHONS = 16, PATH_SIZE = 4096 };

static const char *const lacks[] = {"", "h5py", "matplotlib", "h5py and matplotlib"};

typedef struct Pythons {
    char path[MAX_PYTHONS][PATH_SIZE];
    size_t n;
} Pythons;

static void add_python(Pythons *found, const char *folder, size_t length)
{
    char path[PATH_SIZE];
    if (length == 0 || found->n == MAX_PYTHONS || length > PATH_SIZE - sizeof "/python3")
        return;
    snprintf(path, sizeof path, "%.*s/python3", (int)length, folder);
    for (size_t i = 0; i < found->n; i++)
        if (strcmp(found->path[i], path) == 0)
            return;
    if (access(path, X_OK) == 0)
        memcpy(found->path[found->n++], path, sizeof path);
}

static MhoStatus find_pythons(Pythons *found, MhoError *error)
{
    const char *set = getenv("MHO_PYTHON"), *path = getenv("PATH");
    found->n = 0;
    if (set && *set) {
        if (strlen(set) >= PATH_SIZE)
            return mho_fail(error, MHO_USAGE, "MHO_PYTHON is longer than %d characters", PATH_SIZE - 1);
        if (strchr(set, '/') ? access(set, X_OK) != 0 : !mho_process_on_path(set))
            return mho_fail(error, MHO_USAGE, "MHO_PYTHON=%s is no program; name a Python 3, or unset it", set);
        snprintf(found->path[found->n++], PATH_SIZE, "%s", set);
        return MHO_OK;
    }
    for (; path && *path; path += *path == ':') {
        size_t length = strcspn(path, ":");
        add_python(found, path, length);
        path += length;
    }
    add_python(found, "/usr/bin", strlen("/usr/bin"));
    if (found->n == 0)
        return mho_fail(error, MHO_FAILED,
                        "figures need Python 3 with h5py and matplotlib, and no python3 is on PATH: "
                        "apt-get install python3-h5py python3-matplotlib");
    return MHO_OK;
}

/* The script has run to its end with this code. */
static MhoStatus said_by_script(int code, MhoError *error)
{
    if (code == 0)
        return MHO_OK;
    *error = (MhoError){.status = code == 1 ? MHO_FAILED : MHO_USAGE};
    return error->status;
}

MhoStatus command_run_script(const char *script, const char *const *arguments, size_t n, MhoError *error)
{
    char path[MHO_SHARED_PATH_MAX], tried[512] = "";
    const char *vector[COMMAND_SCRIPT_ARGUMENTS + 3] = {NULL, path};
    MhoStatus status = mho_shared_file("results", script, path, error);
    Pythons *pythons = status == MHO_OK ? malloc(sizeof *pythons) : NULL;
    if (status == MHO_OK)
        status = pythons ? find_pythons(pythons, error) : mho_fail(error, MHO_MEMORY, "not enough memory");
    for (size_t i = 0; i < n && i < COMMAND_SCRIPT_ARGUMENTS; i++)
        vector[i + 2] = arguments[i];
    bool is_done = false;
    setenv("MHO_PYTHON_QUIET", "1", 1); /* what a Python lacks is said below, once */
    for (size_t i = 0; status == MHO_OK && i < pythons->n && !is_done; i++) {
        int code = 0;
        vector[0] = pythons->path[i];
        status = mho_process_exit_code(vector, &code, error);
        is_done = status == MHO_OK && (code <= CODE_WITHOUT || code > CODE_WITHOUT + WITHOUT_ALL);
        if (is_done) {
            status = said_by_script(code, error);
        } else if (status == MHO_OK) {
            size_t used = strlen(tried);
            snprintf(tried + used, sizeof tried - used, "%s%s lacks %s", used ? ", " : "", pythons->path[i],
                     lacks[code - CODE_WITHOUT]);
        }
    }
    free(pythons);
    if (status == MHO_OK && !is_done)
        status = mho_fail(error, MHO_FAILED,
                          "figures need Python 3 with h5py and matplotlib, but %s: apt-get install python3-h5py "
                          "python3-matplotlib, or name another Python in MHO_PYTHON",
                          tried);
    return status;
}

MhoStatus command_check_file(const char *file, MhoError *error)
{
    MhoRecord *record = NULL;
    MhoStatus status = mho_file_read(file, false, &record, error);
    mho_record_destroy(record);
    return status;
}

MhoStatus command_script_option(const char *name, const char *value, char **option, MhoError *error)
{
    if (asprintf(option, "%s=%s", name, value) >= 0)
        return MHO_OK;
    *option = NULL;
    return mho_fail(error, MHO_MEMORY, "not enough memory");
}
