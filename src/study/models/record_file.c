/* record_file.c - the door to store. */
#include "study/models/record_file.h"

#include <string.h>
#include <unistd.h>

#include "store/store.h"
#include "study/models/model_file.h"

MhoStatus mho_file_read(const char *path, bool own, MhoRecord **record, MhoError *error)
{
    return mho_store_read(path, own, record, error);
}

MhoStatus mho_file_check_output(const char *path, const char *kind, const char *option, MhoError *error)
{
    if (access(path, F_OK) != 0)
        return mho_check_writable(path, error);
    MhoRecord *record = NULL;
    const char *found = NULL;
    if (mho_store_read(path, false, &record, NULL) == MHO_OK)
        found = mho_attribute_string(&record->attributes, "kind");
    const bool same = found && strcmp(found, kind) == 0;
    mho_record_destroy(record);
    if (same)
        return MHO_OK;
    return mho_fail(error, MHO_USAGE, "%s exists and is not a file of %s; name another with %s", path, kind, option);
}

MhoStatus mho_file_write(const char *path, const MhoRecord *record, MhoError *error)
{
    return mho_store_write(path, record, error);
}
