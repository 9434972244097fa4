/* replace_internal.h - a file appears whole or not at all. */
#ifndef MHO_STORE_REPLACE_INTERNAL_H
#define MHO_STORE_REPLACE_INTERNAL_H

#include <stddef.h>

#include "base/status.h"

typedef struct MhoPiece {
    const void *data;
    size_t n;
} MhoPiece;

/* Write the pieces to path: `.NAME.PID.K.tmp` beside it, fsync, rename, fsync of the folder. The target of a
 * symbolic link is replaced; anything else that is not a regular file is refused. IO errors name path, cause and remedy
 * and leave no temporary file. */
MhoStatus mho_file_replace(const char *path, const MhoPiece *pieces, size_t n_pieces, MhoError *error) MHO_CHECKED;

#endif
