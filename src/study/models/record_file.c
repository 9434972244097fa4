/* record_file.c - the door to store. */
#include "study/models/record_file.h"

#include "store/store.h"

MhoStatus mho_file_read(const char *path, bool own, MhoRecord **record, MhoError *error)
{
    return mho_store_read(path, own, record, error);
}

MhoStatus mho_file_write(const char *path, const MhoRecord *record, MhoError *error)
{
    return mho_store_write(path, record, error);
}
