/* console.h - what a program prints for its user: log lines on stderr, the error at the end, and hints that can be run.
 *
 * For main() only; the library itself never prints.
 */
#ifndef MHO_BASE_CONSOLE_H
#define MHO_BASE_CONSOLE_H

#include <stdio.h>

#include "base/status.h"

/* Call first in main(). Keeps how the program was started, and from here on replaces every control byte but the newline
 * in what is written to stdout by its escape, since names and texts of files are printed there. */
void mho_console_start(const char *program);

/* How the user calls the command `mho`: "mho" when it is found on PATH, else its path as the user wrote it; a program
 * beside it, or in the same build folder, answers with the path of `mho`. */
const char *mho_program_name(void);

/* Print text; where it names a command, "`mho NAME" or a line "  mho NAME", `mho` becomes mho_program_name(). */
void mho_console_print(FILE *out, const char *text);

/* Print "program: text" on stderr, after the progress line that the terminal still shows is cleared. */
void mho_console_error(const char *program, const char *text);

/* An MhoLogFunction: writes to stderr. Progress replaces its line every 0.2 s on a terminal and appends a line every 5
 * s elsewhere, and on a terminal that says TERM=dumb. context is not used. */
void mho_log_stderr(void *context, MhoLogLevel level, const char *text);

#endif
