/* shared_files.h - studies and scripts that come with the program. */
#ifndef MHO_APP_SHARED_FILES_H
#define MHO_APP_SHARED_FILES_H

#include "base/status.h"

enum { MHO_SHARED_PATH_MAX = 4096 };

/* The path of a file in the folder "results" or "experiments". It is looked for in $MHO_SHARED, then above the
 * program's folder: in a source tree when mho runs from its build folder, else in share/mho of the installation. */
MhoStatus mho_shared_file(const char *folder, const char *name, char path[MHO_SHARED_PATH_MAX],
                          MhoError *error) MHO_CHECKED;

#endif
