/* process_internal.h - run another program: an argument vector, never a shell. */
#ifndef MHO_APP_PROCESS_INTERNAL_H
#define MHO_APP_PROCESS_INTERNAL_H

#include <stdbool.h>

#include "base/status.h"

/* Is there an executable of that name on PATH? */
bool mho_process_on_path(const char *program);

/* Run arguments[0] from PATH in a folder and wait. FAILED with the program's own error line when it ends with anything
 * but 0, STOPPED after a signal to mho. Its output goes to a file ".output" in that folder, its input is empty. */
MhoStatus mho_process_run(const char *folder, const char *const *arguments, MhoError *error) MHO_CHECKED;

#endif
