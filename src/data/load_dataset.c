/* load_dataset.c - one split of a set, by registered name or by path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/formats_internal.h"
#include "data/remember.h"

enum { MAX_LISTED = 64, MAX_FILES = 8, MAX_NAMES_TEXT = 1 << 20 };

/* A name resolved to files. */
typedef struct Found {
    const MhoDatasetDescriptor *registered; /* NULL: given by path */
    char folder[MHO_PATH_MAX];              /* of a registered set */
    char path[MAX_FILES][MHO_PATH_MAX];     /* of its files */
    char *list;                             /* text of the paths; owned */
    MhoSource files[MAX_LISTED];            /* images and labels */
    size_t n;
    const char *names; /* the list of class names of a set given by path; NULL: none */
    bool is_idx;
} Found;

static MhoStatus find_registered(const char *name, const char *data_option, MhoSplit split, Found *found,
                                 MhoError *error)
{
    found->registered = mho_dataset_find(name, error);
    if (!found->registered)
        return mho_fail_context(error, "data.name");
    MhoStatus status = mho_dataset_locate_splits(found->registered, data_option, 1U << split, found->folder,
                                                 sizeof found->folder, error);
    return status == MHO_OK ? mho_data_sources(found->registered, found->folder, split, MAX_FILES, found->path,
                                               found->files, &found->n, error)
                            : status;
}

static MhoStatus load_registered(const Found *found, MhoSplit split, MhoDataset *set, MhoError *error)
{
    const MhoDatasetDescriptor *descriptor = found->registered;
    MhoStatus status = descriptor->load(descriptor, found->folder, split, set, error);
    return status == MHO_OK ? mho_dataset_set_class_names(set, descriptor->class_names, (size_t)descriptor->n_classes,
                                                          found->folder, error)
                            : status;
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

static MhoStatus check_names_text(const uint8_t *head, size_t size, const char *path, MhoError *error)
{
    (void)head;
    return size <= MAX_NAMES_TEXT ? MHO_OK
                                  : mho_fail(error, MHO_INPUT, "%s: %zu bytes are no list of class names", path, size);
}

static MhoStatus read_class_names(const char *path, MhoDataset *set, MhoError *error)
{
    MhoBytes bytes;
    MhoStatus status = mho_bytes_read(path, check_names_text, &bytes, error);
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

/* The paths of a name such as "idx:A,B[,NAMES.txt]". list, the text after the prefix, is cut into the paths. */
static MhoStatus cut_list(const char *name, char *list, Found *found, MhoError *error)
{
    for (char *path; (path = strsep(&list, ",")) != NULL;) {
        if (path[0] == '\0' || found->n == MAX_LISTED || (found->names && ends_in_txt(path)))
            return mho_fail(error, MHO_USAGE, "%s: %s", name,
                            path[0] == '\0'          ? "an empty path"
                            : found->n == MAX_LISTED ? "too many paths"
                                                     : "two lists of class names");
        if (ends_in_txt(path))
            found->names = path;
        else
            found->files[found->n++] = (MhoSource){.path = path};
    }
    if (found->is_idx ? found->n != 2 : found->n == 0)
        return mho_fail(error, MHO_USAGE, "%s: expected %s", name,
                        found->is_idx ? "idx:IMAGES,LABELS[,CLASSES.txt]" : "cifar:FILE[,FILE...][,CLASSES.txt]");
    return MHO_OK;
}

static MhoStatus load_by_path(const Found *found, MhoDataset *set, MhoError *error)
{
    MhoStatus status =
        found->is_idx ? mho_idx_load_pair(&found->files[0], &found->files[1], set, error)
                      : mho_cifar_load_files(found->files, found->n, found->names ? MHO_MAX_CLASSES : 10, set, error);
    if (status != MHO_OK || !found->names)
        return status;
    set->n_classes = mho_labels_classes(set->labels, set->n); /* there may be more names than labels */
    return read_class_names(found->names, set, error);
}

/* The caller frees found after a failure too. */
static MhoStatus find(const char *name, const char *data_option, MhoSplit split, Found **found, MhoError *error)
{
    Found *made = *found = mho_calloc(1, sizeof *made, error, "the paths of %s", name);
    if (!made)
        return MHO_MEMORY;
    made->is_idx = strncmp(name, "idx:", 4) == 0;
    if (!made->is_idx && strncmp(name, "cifar:", 6) != 0)
        return find_registered(name, data_option, split, made, error);
    made->list = mho_strdup(strchr(name, ':') + 1, error);
    return made->list ? cut_list(name, made->list, made, error) : MHO_MEMORY;
}

static void free_found(Found *found)
{
    if (found)
        free(found->list);
    free(found);
}

/* What is remembered of a set: the digest of its first images. */
typedef struct Known {
    char what[64];
    const char *paths[MAX_LISTED];
    MhoStamp stamp;
    bool stamped;
} Known;

static void stamp_found(const Found *found, size_t limit, Known *known)
{
    snprintf(known->what, sizeof known->what, "digest of images, %s, limit %zu",
             found->registered ? found->registered->descriptor.name
             : found->is_idx   ? "idx"
                               : "cifar",
             limit);
    for (size_t i = 0; i < found->n; i++)
        known->paths[i] = found->files[i].path;
    known->stamped = mho_stamp_files(known->what, known->paths, found->n, &known->stamp);
}

bool mho_dataset_recall(const char *name, const char *data_option, MhoSplit split, size_t limit, char digest[65])
{
    Found *found = NULL;
    Known known;
    bool good = find(name, data_option, split, &found, NULL) == MHO_OK;
    if (good) {
        stamp_found(found, limit, &known);
        good = known.stamped && mho_stamp_recall(&known.stamp, digest);
    }
    free_found(found);
    return good;
}

MhoStatus mho_dataset_load(const char *name, const char *data_option, MhoSplit split, size_t limit, MhoDataset *set,
                           MhoError *error)
{
    *set = (MhoDataset){0};
    Found *found = NULL;
    Known known;
    MhoStatus status = find(name, data_option, split, &found, error);
    if (status == MHO_OK) {
        stamp_found(found, limit, &known);
        status = found->registered ? load_registered(found, split, set, error) : load_by_path(found, set, error);
    }
    if (status == MHO_OK) {
        snprintf(set->name, sizeof set->name, "%.*s", MHO_NAME_MAX - 1, name);
        mho_dataset_limit(set, limit);
        if (!known.stamped || !mho_stamp_recall(&known.stamp, set->digest)) {
            mho_dataset_identify(set);
            if (known.stamped)
                mho_stamp_remember(&known.stamp, known.what, known.paths, found->n, set->digest);
        }
    } else {
        mho_dataset_destroy(set);
    }
    free_found(found);
    return status;
}
