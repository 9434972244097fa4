/* command.h - the commands of `mho`. */
#ifndef MHO_CLI_COMMAND_H
#define MHO_CLI_COMMAND_H

#include "app/options.h"

typedef struct Command {
    const char *name, *usage, *summary; /* usage: what follows "mho NAME" */
    const char *help;                   /* examples and explanation, for --help */
    unsigned options;
    size_t min_arguments, max_arguments;
    MhoStatus (*run)(MhoOptions *options, MhoError *error);
} Command;

extern const Command command_train, command_eval, command_sweep, command_merge, command_digest, command_show,
    command_plot, command_report, command_rerun, command_export, command_submit, command_status, command_list,
    command_describe, command_data, command_bench;

extern const Command command_document; /* runs, but is in no list: the build calls it */

/* All n commands, in the order of the overview. */
const Command *const *command_all(size_t *n);

/* Registries and the kind names of `list` and `describe`. */
extern const MhoRegistry *const command_registries[];
extern const size_t command_n_registries;

/* The sections of a study that belong to no plug-in. */
extern const MhoDescriptor *const command_sections[];
extern const size_t command_n_sections;

#endif
