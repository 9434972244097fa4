/* remember.h - digests that were computed before, of files that have not changed since.
 *
 * Each is a small file of its own in $XDG_CACHE_HOME/mho or ~/.cache/mho. Its name is made of what was computed and of
 * the path, size, inode and times of modification and change (ns) of every file, so that a file which differs in any of
 * them is read anew. A folder that cannot be written to is no error: nothing is remembered then. The folder may be
 * removed at any time.
 */
#ifndef MHO_DATA_REMEMBER_H
#define MHO_DATA_REMEMBER_H

#include <stdbool.h>
#include <stddef.h>

/* What a digest depends on. */
typedef struct MhoStamp {
    char hex[65];
    bool settled; /* no file has changed within the last seconds: a later change is sure to give another time */
} MhoStamp;

/* The stamp of `what` about these files as they are now. false: one cannot be looked at. */
bool mho_stamp_files(const char *what, const char *const *paths, size_t n, MhoStamp *stamp);

/* The digest of a stamp. false: it is not known. */
bool mho_stamp_recall(const MhoStamp *stamp, char digest[65]);

/* Remember a digest of what was read after `before` was taken. Nothing happens when the files are others now, or young.
 */
void mho_stamp_remember(const MhoStamp *before, const char *what, const char *const *paths, size_t n,
                        const char *digest);

#endif
