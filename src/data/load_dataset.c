/* load_dataset.c - one split of a set, by registered name or by path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/formats_internal.h"

enum { MAX_LISTED = 64 };

static MhoStatus load_registered(const char *name, const char *data_option, MhoSplit split, MhoDataset *set,
                                 MhoError *error)
{
    const MhoDatasetDescriptor *descriptor = mho_dataset_find(name, error);
    if (!descriptor)
        return mho_fail_context(error, "data.name");
    char folder[MHO_PATH_MAX];
    MhoStatus status = mho_dataset_locate_splits(descriptor, data_option, 1U << split, folder, sizeof folder, error);
    if (status == MHO_OK)
        status = descriptor->load(descriptor, folder, split, set, error);
    if (status == MHO_OK)
        status =
            mho_dataset_set_class_names(set, descriptor->class_names, (size_t)descriptor->n_classes, folder, error);
    return status;
}

/* Cut text, which is NUL-terminated, into one name per line. Blank lines at the end are ignored. */
static MhoStatus split_lines(char *text, const char *path, const char **names, size_t *n, MhoError *error)
{
    *n = 0;
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;) {
        line[strcspn(line, "\r")] = '\0';
        if (line[0] == '\0' && (!rest || rest[strspn(rest, "\r\n")] == '\0'))
            break;
        if (*n == MHO_MAX_CLASSES || line[0] == '\0')
            return mho_fail(error, MHO_INPUT, "%s:%zu: %s", path, *n + 1,
                            line[0] == '\0' ? "an empty class name" : "more than 256 class names");
        names[(*n)++] = line;
    }
    return MHO_OK;
}

static MhoStatus read_class_names(const char *path, MhoDataset *set, MhoError *error)
{
    MhoBytes bytes;
    MhoStatus status = mho_bytes_read(path, &bytes, error);
    if (status != MHO_OK)
        return status;
    const char *names[MHO_MAX_CLASSES];
    size_t n = 0;
    char *text = NULL;
    if (memchr(bytes.data, '\0', bytes.n))
        status = mho_fail(error, MHO_INPUT, "%s: not a text file; write one class name per line", path);
    else if (!(text = mho_calloc(bytes.n + 1, 1, error, "the class names in %s", path)))
        status = MHO_MEMORY;
    else
        status = split_lines(memcpy(text, bytes.data, bytes.n), path, names, &n, error);
    if (status == MHO_OK)
        status = mho_dataset_set_class_names(set, names, n, path, error);
    free(text);
    mho_bytes_free(&bytes);
    return status;
}

static bool ends_in_txt(const char *path)
{
    size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".txt") == 0;
}

/* Load the paths of a name such as "idx:A,B[,NAMES.txt]". list, the text after the prefix, is cut into the paths. */
static MhoStatus load_listed(const char *name, char *list, bool is_idx, MhoDataset *set, MhoError *error)
{
    const char *paths[MAX_LISTED], *names = NULL;
    size_t n = 0;
    for (char *path; (path = strsep(&list, ",")) != NULL;) {
        if (path[0] == '\0' || n == MAX_LISTED || (names && ends_in_txt(path)))
            return mho_fail(error, MHO_USAGE, "%s: %s", name,
                            path[0] == '\0'   ? "an empty path"
                            : n == MAX_LISTED ? "too many paths"
                                              : "two lists of class names");
        if (ends_in_txt(path))
            names = path;
        else
            paths[n++] = path;
    }
    if (is_idx ? n != 2 : n == 0)
        return mho_fail(error, MHO_USAGE, "%s: expected %s", name,
                        is_idx ? "idx:IMAGES,LABELS[,CLASSES.txt]" : "cifar:FILE[,FILE...][,CLASSES.txt]");
    MhoStatus status = is_idx ? mho_idx_load_pair(paths[0], paths[1], set, error)
                              : mho_cifar_load_files(paths, n, names ? MHO_MAX_CLASSES : 10, set, error);
    if (status != MHO_OK || !names)
        return status;
    set->n_classes = mho_labels_classes(set->labels, set->n); /* there may be more names than labels */
    return read_class_names(names, set, error);
}

static MhoStatus load_by_path(const char *name, MhoDataset *set, MhoError *error)
{
    bool is_idx = strncmp(name, "idx:", 4) == 0;
    char *list = mho_strdup(strchr(name, ':') + 1, error);
    if (!list)
        return MHO_MEMORY;
    MhoStatus status = load_listed(name, list, is_idx, set, error);
    free(list);
    return status;
}

MhoStatus mho_dataset_load(const char *name, const char *data_option, MhoSplit split, size_t limit, MhoDataset *set,
                           MhoError *error)
{
    *set = (MhoDataset){0};
    bool by_path = strncmp(name, "idx:", 4) == 0 || strncmp(name, "cifar:", 6) == 0;
    MhoStatus status = by_path ? load_by_path(name, set, error) : load_registered(name, data_option, split, set, error);
    if (status != MHO_OK) {
        mho_dataset_destroy(set);
        return status;
    }
    snprintf(set->name, sizeof set->name, "%.*s", MHO_NAME_MAX - 1, name);
    mho_dataset_limit(set, limit);
    mho_dataset_identify(set);
    return MHO_OK;
}
