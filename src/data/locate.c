/* locate.c - the folders of registered sets: NAME in --data, $MHO_DATA, ~/.local/share/mho or /usr/share/datasets. */
#include "data/formats_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char system_folder[] = "/usr/share/datasets"; /* of Debian's dataset-* packages */

enum { MAX_PLACES = 4 };

typedef struct Places {
    char folder[MAX_PLACES][MHO_PATH_MAX];
    size_t n;
} Places;

const MhoDatasetDescriptor *mho_dataset_find(const char *name, MhoError *error)
{
    return (const MhoDatasetDescriptor *)(const void *)mho_registry_find(&mho_dataset_registry, name, error);
}

static void add_place(Places *places, const char *base, const char *below, const char *name)
{
    if (!base || base[0] == '\0')
        return;
    int length = snprintf(places->folder[places->n], MHO_PATH_MAX, "%s%s/%s", base, below, name);
    if (length > 0 && length < MHO_PATH_MAX)
        places->n++;
}

/* The first file of the wanted splits that is not in folder, or NULL. */
static const char *first_missing(const MhoDatasetDescriptor *descriptor, const char *folder, unsigned want)
{
    char path[MHO_PATH_MAX];
    for (size_t i = 0; i < descriptor->n_files; i++)
        if ((want & 1U << descriptor->files[i].split) != 0 &&
            !mho_data_file_path(folder, descriptor->files[i].name, path))
            return descriptor->files[i].name;
    return NULL;
}

static MhoStatus fail_missing(const MhoDatasetDescriptor *descriptor, const Places *places, const char *data_option,
                              unsigned want, MhoError *error)
{
    char list[MHO_ERROR_TEXT_MAX] = "";
    for (size_t i = 0, used = 0; i < places->n && used < sizeof list; i++) {
        int length = snprintf(list + used, sizeof list - used, "%s%s (no %s)", i > 0 ? ", " : "", places->folder[i],
                              first_missing(descriptor, places->folder[i], want));
        used += length > 0 ? (size_t)length : 0;
    }
    const char *name = descriptor->descriptor.name;
    if (data_option)
        return mho_fail(error, MHO_INPUT,
                        "dataset %s is not in the folder of --data: %s; `mho data fetch %s --data %s` downloads it "
                        "there; without --data the usual folders are searched",
                        name, list, name, data_option);
    return mho_fail(error, MHO_INPUT, "dataset %s is missing; `mho data fetch %s` downloads it. Folders searched: %s",
                    name, name, list);
}

MhoStatus mho_dataset_locate_splits(const MhoDatasetDescriptor *descriptor, const char *data_option, unsigned want,
                                    char *folder, size_t size, MhoError *error)
{
    Places places = {.n = 0};
    const char *name = descriptor->descriptor.name;
    add_place(&places, data_option, "", name);
    if (!data_option) { /* a folder that the user names is the only one */
        add_place(&places, getenv("MHO_DATA"), "", name);
        add_place(&places, getenv("HOME"), "/.local/share/mho", name);
        add_place(&places, system_folder, "", name);
    }
    for (size_t i = 0; i < places.n; i++) {
        if (first_missing(descriptor, places.folder[i], want))
            continue;
        int length = snprintf(folder, size, "%s", places.folder[i]);
        if (length < 0 || (size_t)length >= size)
            return mho_fail(error, MHO_INPUT, "%s: the path is too long", places.folder[i]);
        return MHO_OK;
    }
    return fail_missing(descriptor, &places, data_option, want, error);
}

MhoStatus mho_data_sources(const MhoDatasetDescriptor *descriptor, const char *folder, MhoSplit split, size_t max,
                           char path[][MHO_PATH_MAX], MhoSource *sources, size_t *n, MhoError *error)
{
    *n = 0;
    for (size_t i = 0; i < descriptor->n_files && *n < max; i++) {
        const MhoDataFile *file = &descriptor->files[i];
        if (file->split != split)
            continue;
        if (!mho_data_file_path(folder, file->name, path[*n]))
            return mho_fail(error, MHO_INPUT, "%s: the file %s is missing", folder, file->name);
        sources[*n] = (MhoSource){.path = path[*n], .known = file, .set = descriptor->descriptor.name};
        ++*n;
    }
    return MHO_OK;
}

MhoStatus mho_dataset_locate(const MhoDatasetDescriptor *descriptor, const char *data_option, char *folder, size_t size,
                             MhoError *error)
{
    return mho_dataset_locate_splits(descriptor, data_option, MHO_WANT_TRAIN | MHO_WANT_TEST, folder, size, error);
}

MhoStatus mho_dataset_check(const MhoDatasetDescriptor *descriptor, const char *data_option, char *folder, size_t size,
                            MhoError *error)
{
    MhoStatus status = mho_dataset_locate(descriptor, data_option, folder, size, error);
    for (size_t i = 0; i < descriptor->n_files && status == MHO_OK; i++) {
        char path[MHO_PATH_MAX];
        if (!mho_data_file_path(folder, descriptor->files[i].name, path))
            return mho_fail(error, MHO_INPUT, "%s: the file %s is missing", folder, descriptor->files[i].name);
        status = mho_data_file_verify(&descriptor->files[i], path, error);
    }
    static const MhoSplit splits[] = {MHO_SPLIT_TRAIN, MHO_SPLIT_TEST};
    for (size_t i = 0; i < 2 && status == MHO_OK; i++) {
        MhoDataset set = {0};
        status = descriptor->load(descriptor, folder, splits[i], &set, error);
        mho_dataset_destroy(&set);
    }
    return status;
}

MhoStatus mho_data_home(char *folder, size_t size, MhoError *error)
{
    const char *data = getenv("MHO_DATA"), *home = getenv("HOME");
    bool has_data = data && data[0] != '\0';
    if (!has_data && (!home || home[0] == '\0'))
        return mho_fail(error, MHO_USAGE,
                        "neither $MHO_DATA nor $HOME is set; give the data folder with --data FOLDER");
    int length = has_data ? snprintf(folder, size, "%s", data) : snprintf(folder, size, "%s/.local/share/mho", home);
    if (length < 0 || (size_t)length >= size)
        return mho_fail(error, MHO_USAGE,
                        "the path of the data folder is too long; give a shorter one with --data FOLDER");
    return MHO_OK;
}
