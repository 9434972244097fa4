/* python_script.h - runs a script of the folder results with a Python that has what figures need. */
#ifndef MHO_CLI_PYTHON_SCRIPT_H
#define MHO_CLI_PYTHON_SCRIPT_H

#include <stddef.h>

#include "base/status.h"

enum { COMMAND_SCRIPT_ARGUMENTS = 24 };

/* Run results/`script` with (n) arguments by $MHO_PYTHON or, where it is not set, by the first python3 on PATH, then
 * /usr/bin/python3, that can import h5py and matplotlib. FAILED names the Pythons that were tried and what each lacks.
 * Where the script itself fails it has printed its own line: the error's text is empty. */
MhoStatus command_run_script(const char *script, const char *const *arguments, size_t n, MhoError *error) MHO_CHECKED;

/* "--x=KEY", which the caller frees: so a value may begin with '-'. */
MhoStatus command_script_option(const char *name, const char *value, char **option, MhoError *error) MHO_CHECKED;

/* Whether a file can be read at all: a damaged one gets mho's one line. */
MhoStatus command_check_file(const char *file, MhoError *error) MHO_CHECKED;

#endif
