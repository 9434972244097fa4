/* data_files.h - the files of a registered set: their paths and their digests. */
#ifndef MHO_DATA_DATA_FILES_H
#define MHO_DATA_DATA_FILES_H

#include "data/dataset.h"

enum { MHO_PATH_MAX = 4096 };

/* Write the path of a set's file in folder, plain or with ".gz", to path (MHO_PATH_MAX). false when there is none. */
bool mho_data_file_path(const char *folder, const char *name, char *path);

/* Compare the SHA-256 of a file's unpacked content with the descriptor's. INPUT when it differs or cannot be read. */
MhoStatus mho_data_file_verify(const MhoDataFile *file, const char *path, MhoError *error) MHO_CHECKED;

/* The data folder that fetch writes to: $MHO_DATA, else ~/.local/share/mho. */
MhoStatus mho_data_home(char *folder, size_t size, MhoError *error) MHO_CHECKED;

#endif
