/* completion.h - completion of command lines by bash, zsh and fish, from the tables of commands, options and keys. */
#ifndef MHO_CLI_COMPLETION_H
#define MHO_CLI_COMPLETION_H

#include <stdio.h>

#include "cli/command.h"

/* Write the script of one shell. programs (n): experiments, which take the options of `mho sweep`. False: out of
 * memory.
 */
bool completion_bash(FILE *out, const char *const *programs, size_t n);
bool completion_zsh(FILE *out, const char *const *programs, size_t n);
bool completion_fish(FILE *out, const char *const *programs, size_t n);

#endif
