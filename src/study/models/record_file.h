/* record_file.h - records as files, for commands and experiments: study alone joins store to the rest. */
#ifndef MHO_STUDY_MODELS_RECORD_FILE_H
#define MHO_STUDY_MODELS_RECORD_FILE_H

#include <stdbool.h>

#include "base/record.h"

/* Read a whole file. own: it must be mho's (a newer format is refused always); else files of other programs are read
 * too. */
MhoStatus mho_file_read(const char *path, bool own, MhoRecord **record, MhoError *error) MHO_CHECKED;

/* Write or replace a file as one step: a reader finds the old content or the new. */
MhoStatus mho_file_write(const char *path, const MhoRecord *record, MhoError *error) MHO_CHECKED;

#endif
