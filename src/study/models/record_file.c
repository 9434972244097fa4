/* record_file.c - the door to store. */
#include "study/models/record_file.h"

#include <string.h>
#include <unistd.h>

#include "base/words.h"
#include "store/store.h"
#include "study/models/model_file.h"
#include "study/models/model_recipe.h"

MhoStatus mho_file_read(const char *path, bool own, MhoRecord **record, MhoError *error)
{
    const MhoStatus status = mho_store_read(path, own, record, error);
    if (status == MHO_OK || access(path, R_OK) != 0 || !(mho_ends_with(path, ".yaml") || mho_ends_with(path, ".yml")))
        return status;
    return mho_fail(error, MHO_INPUT,
                    "%s: this is a study, and an HDF5 file is wanted here: name the result or the model that it makes",
                    path);
}

MhoStatus mho_file_check_output(const char *path, const char *kind, const char *settings, const char *option,
                                MhoError *error)
{
    MhoRecord *record = NULL;
    const char *found = NULL;
    char difference[MHO_RECIPE_WHY_MAX] = "";
    MhoStatus status = mho_make_folders(path, error);
    if (status == MHO_OK)
        status = mho_check_writable(path, error);
    if (status != MHO_OK || access(path, F_OK) != 0)
        return status;
    if (mho_store_read(path, false, &record, NULL) == MHO_OK)
        found = mho_attribute_string(&record->attributes, "kind");
    if (!found || strcmp(found, kind) != 0)
        status =
            mho_fail(error, MHO_USAGE, "%s exists and is not a file of %s; name another with %s", path, kind, option);
    else if (settings)
        mho_recipe_difference(mho_provenance_text(record, "settings"), settings, difference, sizeof difference);
    if (difference[0])
        status = mho_fail(error, MHO_USAGE, "%s exists and was made otherwise: %s; name another with %s", path,
                          difference, option);
    mho_record_destroy(record);
    return status;
}

MhoStatus mho_file_write(const char *path, const MhoRecord *record, MhoError *error)
{
    return mho_store_write(path, record, error);
}

MhoStatus mho_text_file_write(const char *path, const char *text, size_t n, MhoError *error)
{
    return mho_store_write_text(path, text, n, error);
}

MhoStatus mho_text_file_create(const char *path, const char *text, size_t n, MhoError *error)
{
    return mho_store_create_text(path, text, n, error);
}
