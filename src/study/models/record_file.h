/* record_file.h - records as files, for commands and experiments: study alone joins store to the rest. */
#ifndef MHO_STUDY_MODELS_RECORD_FILE_H
#define MHO_STUDY_MODELS_RECORD_FILE_H

#include <stdbool.h>

#include "base/record.h"

/* Read a whole file. own: it must be mho's (a newer format is refused always); else files of other programs are read
 * too. */
MhoStatus mho_file_read(const char *path, bool own, MhoRecord **record, MhoError *error) MHO_CHECKED;

/* Whether a file of this kind (attribute "kind") may be written to path, before work starts: nothing is there, or a
 * file that these settings made (lines "key=value", the attribute settings of its provenance; NULL: any of the kind).
 * Folders on the way are made. USAGE names what is there, what differs and the option to change; IO when the folder
 * cannot be written to. */
MhoStatus mho_file_check_output(const char *path, const char *kind, const char *settings, const char *option,
                                MhoError *error) MHO_CHECKED;

/* Write or replace a file as one step: a reader finds the old content or the new. */
MhoStatus mho_file_write(const char *path, const MhoRecord *record, MhoError *error) MHO_CHECKED;

/* The same for n bytes of text; `create` never replaces anything: IO when the name is taken. */
MhoStatus mho_text_file_write(const char *path, const char *text, size_t n, MhoError *error) MHO_CHECKED;
MhoStatus mho_text_file_create(const char *path, const char *text, size_t n, MhoError *error) MHO_CHECKED;

#endif
