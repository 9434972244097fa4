/* main.c - `mho`: finds the command, parses its options, runs it, prints its error and returns its exit code. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/shared_files.h"
#include "base/console.h"
#include "cli/command.h"
#include "study/models/provenance.h"

static const Command *const commands[] = {&command_train,  &command_eval,     &command_sweep,  &command_merge,
                                          &command_digest, &command_show,     &command_plot,   &command_report,
                                          &command_rerun,  &command_export,   &command_submit, &command_status,
                                          &command_list,   &command_describe, &command_data,   &command_bench};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* Print what write() writes, with the command named as the user runs it. */
static void print_text(FILE *out, void (*write)(FILE *out, const Command *command), const Command *command)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return;
    write(memory, command);
    if (fclose(memory) == 0)
        mho_console_print(out, text);
    free(text);
}

static void write_overview(FILE *out, const Command *command)
{
    (void)command;
    fprintf(out, "mho simulates neural networks on analog in-memory-compute hardware: what device errors cost in "
                 "accuracy, and what\n"
                 "training and bit allocation win back.\n\n");
    char study[MHO_SHARED_PATH_MAX] = "experiments/quickstart.yaml";
    MhoError ignored = {0};
    if (access(study, R_OK) != 0 && mho_shared_file("experiments", "quickstart.yaml", study, &ignored) != MHO_OK)
        snprintf(study, sizeof study, "STUDY.yaml");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  mho %-9s %-37s %s\n", commands[i]->name, commands[i]->usage, commands[i]->summary);
    fprintf(out,
            "\nFirst steps:\n"
            "  mho list\n"
            "  mho describe pcm\n"
            "  mho sweep %s\n",
            study);
    fprintf(out, "`mho help COMMAND` explains a command with examples, `mho --version` prints version and libraries.\n"
                 "Exit codes: 0 done, 1 failed, 2 wrong usage or input, 75 stopped by a signal: run it again to "
                 "continue.\n");
}

static void write_help(FILE *out, const Command *command)
{
    char *options = mho_options_help(command->options);
    fprintf(out, "  mho %s%s%s\n%s\n\n%s\n%s%s", command->name, *command->usage ? " " : "", command->usage,
            command->summary, command->help, options && *options ? "\n" : "", options ? options : "");
    free(options);
}

const Command *const *command_all(size_t *n)
{
    *n = N_COMMANDS;
    return commands;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static const Command *find_command(const char *name, MhoError *error)
{
    const char *words[N_COMMANDS];
    if (strcmp(name, command_document.name) == 0)
        return &command_document;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        words[i] = commands[i]->name;
        if (strcmp(name, words[i]) == 0)
            return commands[i];
    }
    int nearest = mho_nearest_word(name, words, N_COMMANDS);
    for (size_t i = 0; i < N_COMMANDS && nearest < 0; i++) /* "evaluate", "desc" */
        if (strlen(name) > 2 && (starts_with(name, words[i]) || starts_with(words[i], name)))
            nearest = (int)i;
    if (nearest >= 0)
        mho_fail(error, MHO_USAGE, "unknown command '%s'; did you mean '%s'?", name, words[nearest]);
    else
        mho_fail(error, MHO_USAGE, "unknown command '%s'; `mho help` lists all commands", name);
    return NULL;
}

static MhoStatus run(const Command *command, int argc, char **argv, MhoError *error)
{
    MhoOptions options;
    MhoStatus status = mho_options_parse(argc, argv, 2, command->options, &options, error);
    if (status == MHO_OK && options.help) {
        print_text(stdout, write_help, command);
    } else if (status == MHO_OK &&
               (options.n_arguments < command->min_arguments || options.n_arguments > command->max_arguments)) {
        status = mho_fail(error, MHO_USAGE, "usage: `mho %s%s%s` (`mho help %s` explains)", command->name,
                          *command->usage ? " " : "", command->usage, command->name);
    } else if (status == MHO_OK) {
        status = mho_options_start(&options, error);
        if (status == MHO_OK)
            status = command->run(&options, error);
    }
    mho_options_clear(&options);
    return status;
}

/* mho help [COMMAND] */
static MhoStatus help(int argc, char **argv, MhoError *error)
{
    if (argc > 3)
        return mho_fail(error, MHO_USAGE, "usage: `mho help [COMMAND]`");
    const Command *command = argc == 3 ? find_command(argv[2], error) : NULL;
    if (argc == 3 && !command)
        return error->status;
    print_text(stdout, command ? write_help : write_overview, command);
    return MHO_OK;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

int main(int argc, char **argv)
{
    MhoError error = {0};
    MhoStatus status = MHO_OK;
    mho_console_start(argv[0]);
    if (argc < 2) {
        print_text(stderr, write_overview, NULL);
        return mho_status_exit_code(MHO_USAGE);
    }
    if (is_one_of(argv[1], "help", "--help", "-h")) {
        status = help(argc, argv, &error);
    } else if (is_one_of(argv[1], "--version", "version", "-V")) {
        char *text = mho_version_text();
        fputs(text ? text : "", stdout);
        free(text);
    } else {
        const Command *command = find_command(argv[1], &error);
        status = command ? run(command, argc, argv, &error) : error.status;
    }
    if (status == MHO_OK && fflush(stdout) != 0)
        status = mho_fail(&error, MHO_IO, "standard output cannot be written: %s", strerror(errno));
    if (status != MHO_OK && error.text[0] != '\0') /* a script has said its own line */
        mho_console_error("mho", error.text);
    return mho_status_exit_code(status);
}
