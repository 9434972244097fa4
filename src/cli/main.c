/* main.c - `mho`: finds the command, parses its options, runs it, prints its error and returns its exit code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "study/models/provenance.h"

static const Command *const commands[] = {&command_train,    &command_eval, &command_sweep, &command_merge,
                                          &command_digest,   &command_show, &command_plot,  &command_list,
                                          &command_describe, &command_data, &command_bench};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_overview(FILE *out)
{
    fprintf(out, "mho simulates neural networks on analog in-memory-compute hardware: what device errors cost in "
                 "accuracy, and what\n"
                 "training and bit allocation win back.\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  mho %-9s %-34s %s\n", commands[i]->name, commands[i]->usage, commands[i]->summary);
    fprintf(
        out,
        "\nFirst steps:  mho list;  mho describe pcm;  mho sweep experiments/quickstart.yaml\n"
        "`mho COMMAND --help` explains a command with examples; `mho --version` prints version and libraries.\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage or input, 75 stopped by a signal: run it again to continue.\n");
}

static void print_help(const Command *command)
{
    char *options = mho_options_help(command->options);
    printf("mho %s%s%s\n%s\n\n%s\n%s%s", command->name, *command->usage ? " " : "", command->usage, command->summary,
           command->help, options && *options ? "\n" : "", options ? options : "");
    free(options);
}

static const Command *find_command(const char *name, MhoError *error)
{
    const char *words[N_COMMANDS];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        words[i] = commands[i]->name;
        if (strcmp(name, words[i]) == 0)
            return commands[i];
    }
    int nearest = mho_nearest_word(name, words, N_COMMANDS);
    if (nearest >= 0)
        mho_fail(error, MHO_USAGE, "unknown command '%s'; did you mean '%s'?", name, words[nearest]);
    else
        mho_fail(error, MHO_USAGE, "unknown command '%s'; `mho --help` lists all commands", name);
    return NULL;
}

static MhoStatus run(const Command *command, int argc, char **argv, MhoError *error)
{
    MhoOptions options;
    MhoStatus status = mho_options_parse(argc, argv, 2, command->options, &options, error);
    if (status == MHO_OK && options.help) {
        print_help(command);
    } else if (status == MHO_OK &&
               (options.n_arguments < command->min_arguments || options.n_arguments > command->max_arguments)) {
        status = mho_fail(error, MHO_USAGE, "usage: mho %s%s%s (`mho %s --help` explains)", command->name,
                          *command->usage ? " " : "", command->usage, command->name);
    } else if (status == MHO_OK) {
        status = mho_options_start(&options, error);
        if (status == MHO_OK)
            status = command->run(&options, error);
    }
    mho_options_clear(&options);
    return status;
}

int main(int argc, char **argv)
{
    MhoError error = {0};
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_overview(argc < 2 ? stderr : stdout);
        return argc < 2 ? mho_status_exit_code(MHO_USAGE) : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        char *text = mho_version_text();
        fputs(text ? text : "", stdout);
        free(text);
        return 0;
    }
    const Command *command = find_command(argv[1], &error);
    MhoStatus status = command ? run(command, argc, argv, &error) : error.status;
    if (status == MHO_OK && fflush(stdout) != 0)
        status = mho_fail(&error, MHO_IO, "cannot write the output");
    if (status != MHO_OK)
        fprintf(stderr, "mho: %s\n", error.text);
    return mho_status_exit_code(status);
}
