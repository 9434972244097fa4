/* study_paths.c - the files that a study names: its model, its data, and where they are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/words.h"
#include "study/keys/study.h"

enum { PATH_SIZE = 4096 };

MhoStatus mho_settings_input_path(const MhoSettings *settings, const char *given, char *path, size_t size,
                                  MhoError *error)
{
    const char *folder = mho_settings_folder(settings);
    char beside[2 * PATH_SIZE];
    const int n = snprintf(beside, sizeof beside, "%s%s", folder, given);
    const bool is_beside = *folder && *given != '\0' && *given != '/' && access(given, F_OK) != 0 && n > 0 &&
                           (size_t)n < sizeof beside && access(beside, F_OK) == 0;
    const int length = snprintf(path, size, "%s", is_beside ? beside : given);
    return length >= 0 && (size_t)length < size ? MHO_OK
                                                : mho_fail(error, MHO_USAGE, "%.80s...: the path is too long", given);
}

bool mho_is_hdf5_name(const char *name)
{
    return mho_ends_with(name, ".h5") || mho_ends_with(name, ".hdf5");
}

MhoStatus mho_settings_data_path(const MhoSettings *settings, const char *given, char path[MHO_DATA_PATH_MAX],
                                 MhoError *error)
{
    const char *colon = strchr(given, ':'), *rest = colon ? colon + 1 : given;
    if (!colon && !mho_is_hdf5_name(given)) {
        snprintf(path, MHO_DATA_PATH_MAX, "%s", given);
        return MHO_OK;
    }
    size_t at = (size_t)snprintf(path, MHO_DATA_PATH_MAX, "%.*s", (int)(rest - given), given);
    MhoStatus status = MHO_OK;
    for (bool more = true; more && status == MHO_OK; rest++) {
        char file[PATH_SIZE];
        const size_t length = colon ? strcspn(rest, ",") : strlen(rest); /* an HDF5 file may have a comma */
        snprintf(file, sizeof file, "%.*s", (int)length, rest);
        status = mho_settings_input_path(settings, file, path + at, MHO_DATA_PATH_MAX - at, error);
        rest += length;
        more = *rest == ',';
        if (status == MHO_OK)
            at += strlen(path + at);
        if (more && status == MHO_OK && at + 1 < MHO_DATA_PATH_MAX)
            at += (size_t)snprintf(path + at, MHO_DATA_PATH_MAX - at, ",");
    }
    return status;
}

MhoStatus mho_recipe_digest(const MhoSettings *settings, char hex[65], MhoError *error)
{
    char *text = mho_settings_canonical(settings, true);
    if (!text)
        return mho_fail(error, MHO_MEMORY, "out of memory for the recipe");
    mho_sha256(text, strlen(text), hex);
    free(text);
    return MHO_OK;
}

static const char recipe_mark[] = "{recipe}";

/* The model's name with `word` for {recipe}. */
static MhoStatus fill_path(const MhoSettings *settings, const char *word, char *path, size_t size, MhoError *error)
{
    const char *given = mho_settings_study(settings)->model, *at = strstr(given, recipe_mark);
    int n = at ? snprintf(path, size, "%.*s%s%s", (int)(at - given), given, word, at + strlen(recipe_mark))
               : snprintf(path, size, "%s", given);
    return n >= 0 && (size_t)n < size ? MHO_OK : mho_fail(error, MHO_USAGE, "model: the path is too long");
}

MhoStatus mho_model_name(const MhoSettings *settings, char *name, size_t size, MhoError *error)
{
    char hex[65] = "";
    const bool is_asked = strstr(mho_settings_study(settings)->model, recipe_mark) != NULL;
    MhoStatus status = is_asked ? mho_recipe_digest(settings, hex, error) : MHO_OK;
    hex[8] = '\0';
    return status == MHO_OK ? fill_path(settings, hex, name, size, error) : status;
}

MhoStatus mho_model_path(const MhoSettings *settings, char *path, size_t size, MhoError *error)
{
    char name[PATH_SIZE];
    MhoStatus status = mho_model_name(settings, name, size < sizeof name ? size : sizeof name, error);
    return status == MHO_OK ? mho_settings_input_path(settings, name, path, size, error) : status;
}

MhoStatus mho_model_float_path(const MhoSettings *settings, const char *recipe, char *path, size_t size,
                               MhoError *error)
{
    char word[sizeof "float-" + 12];
    snprintf(word, sizeof word, "float-%.12s", recipe);
    path[0] = '\0';
    return strstr(mho_settings_study(settings)->model, recipe_mark) ? fill_path(settings, word, path, size, error)
                                                                    : MHO_OK;
}
