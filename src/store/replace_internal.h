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

/* The same, but the name must be free: whatever has it (a broken link too) stays, and the error says so. */
MhoStatus mho_file_create(const char *path, const MhoPiece *pieces, size_t n_pieces, MhoError *error) MHO_CHECKED;

/* Fail as mho_file_create would when the name is taken now. */
MhoStatus mho_file_free(const char *path, MhoError *error) MHO_CHECKED;

/* Move a file to a name that must be free, by the first of the ways (bits) that its file system knows. 0, or -1 with
 * errno: EEXIST when the name is taken. */
enum { MHO_PUT_RENAME = 1, MHO_PUT_LINK = 2, MHO_PUT_CLAIM = 4, MHO_PUT_ANY = 7 };
int mho_file_put(const char *from, const char *to, unsigned ways);

#endif
