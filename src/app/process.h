/* process.h - the one way to run a helper program (curl, tar, python3): an argument vector, never a shell. */
#ifndef MHO_APP_PROCESS_H
#define MHO_APP_PROCESS_H

#include <stdbool.h>

#include "base/status.h"

/* Whether a program of that name lies on PATH. */
bool mho_process_on_path(const char *program);

/* Run arguments[0], a path or a name on PATH, and wait for it; its standard input is empty.
 *
 * In a folder, its output goes to the file .output there, and FAILED carries its first error line and its exit code.
 * With folder NULL it runs here and the user sees its output. STOPPED after a signal to mho, once the program has
 * ended. */
MhoStatus mho_process_run(const char *folder, const char *const *arguments, MhoError *error) MHO_CHECKED;

/* The same, and *output is what it wrote to its standard output; the caller frees it. Its errors go to the user. */
MhoStatus mho_process_read(const char *const *arguments, char **output, MhoError *error) MHO_CHECKED;

/* The same here, where the user sees the program's output: OK with its exit code in *code whenever it ran to its end;
 * FAILED when it could not start or a signal ended it. */
MhoStatus mho_process_exit_code(const char *const *arguments, int *code, MhoError *error) MHO_CHECKED;

#endif
