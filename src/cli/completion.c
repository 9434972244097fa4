/* completion.c - scripts of three shells. Each holds all words, so completing starts no program. */
#include "cli/completion.h"

#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "net/graph/net.h"

/* ---- words ---- */

/* Keys whose values are names of a registry, by how they end. */
static const struct {
    const char *end, *kind;
} named_keys[] = {{"cell.name", "cell"},
                  {"adc.name", "adc"},
                  {"dac.name", "dac"},
                  {"wire.name", "wire"},
                  {"quant.weight.name", "quantizer"},
                  {"quant.activation.name", "quantizer"},
                  {"allocate.name", "allocator"},
                  {"data.name", "dataset"}};

static const MhoRegistry *registry_of(const char *key)
{
    for (size_t i = 0; i < sizeof named_keys / sizeof *named_keys; i++) {
        const size_t n = strlen(key), length = strlen(named_keys[i].end);
        if (n < length || strcmp(key + n - length, named_keys[i].end) != 0)
            continue;
        for (size_t k = 0; k < command_n_registries; k++)
            if (strcmp(command_registries[k]->kind, named_keys[i].kind) == 0)
                return command_registries[k];
    }
    return NULL;
}

/* The values that a key can have, with blanks between them; false: any number or text. */
static bool put_values(FILE *out, const MhoSettingsKey *key)
{
    const MhoRegistry *registry = registry_of(key->name);
    if (registry) {
        for (size_t i = 0; i < registry->n; i++)
            fprintf(out, "%s%s", i ? " " : "", registry->descriptors[i]->name);
    } else if (strcmp(key->name, "train.net") == 0) {
        for (const char *const *name = mho_net_builders(); *name; name++)
            fprintf(out, "%s%s", name == mho_net_builders() ? "" : " ", *name);
    } else if (key->param->type == MHO_CHOICE) {
        fputs(key->param->choices, out);
    } else if (key->param->type == MHO_BOOL) {
        fputs("true false", out);
    } else {
        return false;
    }
    return true;
}

static bool has_values(const MhoSettingsKey *key)
{
    return registry_of(key->name) || strcmp(key->name, "train.net") == 0 || key->param->type == MHO_CHOICE ||
           key->param->type == MHO_BOOL;
}

/* What a command's arguments are, besides files. */
static void put_arguments(FILE *out, const MhoSettings *settings, const char *command)
{
    if (strcmp(command, "list") == 0 || strcmp(command, "describe") == 0) {
        for (size_t k = 0; k < command_n_registries; k++) {
            const MhoRegistry *registry = command_registries[k];
            if (strcmp(command, "list") == 0)
                fprintf(out, "%s ", registry->kind);
            for (size_t i = 0; strcmp(command, "list") != 0 && i < registry->n; i++)
                fprintf(out, "%s ", registry->descriptors[i]->name);
        }
    }
    if (strcmp(command, "list") == 0)
        fputs("network experiment", out);
    if (strcmp(command, "describe") == 0) {
        MhoSettingsKey key = {0};
        for (size_t i = 0; i < command_n_sections; i++)
            fprintf(out, "%s ", command_sections[i]->name);
        while (mho_settings_next(settings, &key))
            fprintf(out, "%s ", key.name);
    }
    if (strcmp(command, "data") == 0) {
        fputs("list fetch check", out);
        for (size_t i = 0; i < mho_dataset_registry.n; i++)
            fprintf(out, " %s", mho_dataset_registry.descriptors[i]->name);
    }
    if (strcmp(command, "help") == 0) {
        size_t n;
        const Command *const *commands = command_all(&n);
        for (size_t i = 0; i < n; i++)
            fprintf(out, "%s ", commands[i]->name);
    }
}

/* The ending of the files that a command takes, by its usage; NULL: none. */
static const char *file_type(const Command *command)
{
    return strstr(command->usage, ".yaml") ? "yaml" : strstr(command->usage, ".h5") ? "h5" : NULL;
}

/* The options of a command whose value is a file (kind 'f'), a folder ('d') or a kernel ('k'). */
static char value_kind(const MhoOptionText *option)
{
    const char *value = option->value;
    if (!value)
        return '-';
    if (strcmp(option->name, "--set") == 0)
        return 's';
    if (strcmp(option->name, "--cpu") == 0)
        return 'k';
    if (strcmp(value, "FOLDER") == 0)
        return 'd';
    return strcmp(value, "FILE") == 0 || strcmp(value, "PATH") == 0 || strchr(value, '.') ? 'f' : 'n';
}

static const char kernels[] = "auto scalar avx2 avx512";
static const char note[] = "made by `mho document`; changes are lost";

/* ---- bash ---- */

static void bash_case(FILE *out, const char *function, const MhoSettings *settings)
{
    size_t n, n_options;
    const Command *const *commands = command_all(&n);
    const MhoOptionText *options = mho_options_table(&n_options);
    fprintf(out, "%s() {\n  case $1 in\n", function);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "    %s) printf '%%s' '", commands[i]->name);
        for (size_t o = 0; strcmp(function, "_mho_options") == 0 && o < n_options; o++)
            if (options[o].bit & commands[i]->options)
                fprintf(out, "%s ", options[o].name);
        if (strcmp(function, "_mho_options") == 0)
            fputs("--help", out);
        if (strcmp(function, "_mho_arguments") == 0)
            put_arguments(out, settings, commands[i]->name);
        if (strcmp(function, "_mho_files") == 0 && file_type(commands[i]))
            fputs(file_type(commands[i]), out);
        fprintf(out, "' ;;\n");
    }
    if (strcmp(function, "_mho_arguments") == 0) {
        fprintf(out, "    help) printf '%%s' '");
        put_arguments(out, settings, "help");
        fprintf(out, "' ;;\n");
    }
    fprintf(out, "  esac\n}\n\n");
}

static void bash_keys(FILE *out, const MhoSettings *settings)
{
    MhoSettingsKey key = {0};
    fprintf(out, "_mho_keys='");
    while (mho_settings_next(settings, &key))
        fprintf(out, "%s ", key.name);
    fprintf(out, "'\n\n_mho_values() {\n  case $1 in\n");
    key = (MhoSettingsKey){0};
    while (mho_settings_next(settings, &key)) {
        if (!has_values(&key))
            continue;
        fprintf(out, "    %s) printf '%%s' '", key.name);
        (void)put_values(out, &key);
        fprintf(out, "' ;;\n");
    }
    fprintf(out, "  esac\n}\n\n");
}

/* Options whose value is of a kind, as a pattern of case: "-o|--trace". */
static void put_pattern(FILE *out, char kind)
{
    size_t n;
    const MhoOptionText *options = mho_options_table(&n);
    bool first = true;
    for (size_t o = 0; o < n; o++) {
        if (value_kind(&options[o]) != kind)
            continue;
        fprintf(out, "%s%s", first ? "" : "|", options[o].name);
        first = false;
    }
    if (first)
        fputs("--no-such-option", out);
}

static const char bash_rest[] = "  COMPREPLY=()\n"
                                "  # bash splits words at =\n"
                                "  if [[ $cur == = ]]; then key=$prev cur=\n"
                                "  elif [[ $prev == = ]]; then key=${COMP_WORDS[COMP_CWORD - 2]}\n"
                                "  fi\n"
                                "  if [[ -n $key ]]; then\n"
                                "    mapfile -t COMPREPLY < <(compgen -W \"$(_mho_values \"$key\")\" -- \"$cur\")\n"
                                "    return\n"
                                "  fi\n"
                                "  case $prev in\n";

static const char bash_end[] =
    "  esac\n"
    "  if [[ $cur == -* ]]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$(_mho_options \"$command\")\" -- \"$cur\")\n"
    "    return\n"
    "  fi\n"
    "  mapfile -t COMPREPLY < <(compgen -W \"$(_mho_arguments \"$command\")\" -- \"$cur\")\n"
    "  files=$(_mho_files \"$command\")\n"
    "  if [[ -n $files ]]; then\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -f -X \"!*.$files\" -- \"$cur\"; compgen -d -- \"$cur\")\n"
    "  fi\n"
    "}\n\n";

static void bash_function(FILE *out)
{
    fprintf(out, "_mho_complete() {\n"
                 "  local command=$1 cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} key='' files\n");
    fputs(bash_rest, out);
    fprintf(out,
            "    --set)\n"
            "      compopt -o nospace 2>/dev/null\n"
            "      mapfile -t COMPREPLY < <(compgen -S = -W \"$_mho_keys\" -- \"$cur\")\n"
            "      return ;;\n"
            "    --cpu)\n"
            "      mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\")\n"
            "      return ;;\n    ",
            kernels);
    put_pattern(out, 'f');
    fprintf(out, ")\n      compopt -o filenames 2>/dev/null\n"
                 "      mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
                 "      return ;;\n    ");
    put_pattern(out, 'd');
    fprintf(out, ")\n      compopt -o filenames 2>/dev/null\n"
                 "      mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
                 "      return ;;\n    ");
    put_pattern(out, 'n');
    fprintf(out, ")\n      return ;;\n");
    fputs(bash_end, out);
}

bool completion_bash(FILE *out, const char *const *programs, size_t n)
{
    MhoSettings *settings;
    MhoError ignored = {0};
    if (mho_settings_create(&settings, &ignored) != MHO_OK)
        return false;
    fprintf(out, "# bash completion of mho, %s\n\n", note);
    bash_case(out, "_mho_options", settings);
    bash_case(out, "_mho_arguments", settings);
    bash_case(out, "_mho_files", settings);
    bash_keys(out, settings);
    bash_function(out);
    fprintf(out, "_mho() {\n"
                 "  if ((COMP_CWORD == 1)); then\n"
                 "    mapfile -t COMPREPLY < <(compgen -W 'help --help --version ");
    put_arguments(out, settings, "help");
    fprintf(out, "' -- \"${COMP_WORDS[1]}\")\n"
                 "  else\n"
                 "    _mho_complete \"${COMP_WORDS[1]}\"\n"
                 "  fi\n"
                 "}\n\n"
                 "_mho_experiment() {\n  _mho_complete sweep\n}\n\n"
                 "complete -F _mho mho\n");
    if (n > 0)
        fprintf(out, "complete -F _mho_experiment");
    for (size_t i = 0; i < n; i++)
        fprintf(out, " %s", programs[i]);
    fputs(n > 0 ? "\n" : "", out);
    mho_settings_destroy(settings);
    return true;
}

/* ---- zsh ---- */

/* Text inside single quotes; in a description also without what _arguments and _describe read as their own. */
static void put_quoted(FILE *out, const char *text, const char *escaped)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr(escaped, *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void zsh_option(FILE *out, const MhoOptionText *option)
{
    static const struct {
        char kind;
        const char *action;
    } actions[] = {
        {'s', "_mho_set"}, {'k', "(auto scalar avx2 avx512)"}, {'f', "_files"}, {'d', "_files -/"}, {'n', " "}};
    fprintf(out, " \\\n        '%s%s[", strcmp(option->name, "--set") == 0 ? "*" : "", option->name);
    put_quoted(out, option->help, "[]:\\");
    fprintf(out, "]");
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (value_kind(option) == actions[i].kind)
            fprintf(out, ":%s:%s", option->value, actions[i].action);
    fprintf(out, "'");
}

static void zsh_command(FILE *out, const MhoSettings *settings, const Command *command)
{
    size_t n;
    const MhoOptionText *options = mho_options_table(&n);
    fprintf(out, "    %s)\n      _arguments -s", command->name);
    for (size_t o = 0; o < n; o++)
        if (options[o].bit & command->options)
            zsh_option(out, &options[o]);
    fprintf(out, " \\\n        '--help[explain this command]' \\\n        '*:argument:");
    if (file_type(command)) {
        fprintf(out, "_files -g \"*.%s(-.)\"", file_type(command));
    } else {
        fputc('(', out);
        put_arguments(out, settings, command->name);
        fputc(')', out);
    }
    fprintf(out, "' ;;\n");
}

static void zsh_keys(FILE *out, const MhoSettings *settings)
{
    MhoSettingsKey key = {0};
    fprintf(out, "_mho_set() {\n  local -a keys\n  keys=(");
    while (mho_settings_next(settings, &key))
        fprintf(out, "%s ", key.name);
    fprintf(out, ")\n"
                 "  if [[ $PREFIX != *=* ]]; then\n"
                 "    compadd -S = -- $keys\n"
                 "    return\n"
                 "  fi\n"
                 "  local key=${PREFIX%%%%=*}\n"
                 "  compset -P '*='\n"
                 "  case $key in\n");
    key = (MhoSettingsKey){0};
    while (mho_settings_next(settings, &key)) {
        if (!has_values(&key))
            continue;
        fprintf(out, "    %s) compadd -- ", key.name);
        (void)put_values(out, &key);
        fprintf(out, " ;;\n");
    }
    fprintf(out, "  esac\n}\n\n");
}

bool completion_zsh(FILE *out, const char *const *programs, size_t n)
{
    size_t n_commands;
    const Command *const *commands = command_all(&n_commands);
    MhoSettings *settings;
    MhoError ignored = {0};
    if (mho_settings_create(&settings, &ignored) != MHO_OK)
        return false;
    fprintf(out, "#compdef mho");
    for (size_t i = 0; i < n; i++)
        fprintf(out, " %s", programs[i]);
    fprintf(out, "\n# zsh completion of mho, %s\n\n", note);
    zsh_keys(out, settings);
    fprintf(out, "_mho_command() {\n  case $1 in\n");
    for (size_t i = 0; i < n_commands; i++)
        zsh_command(out, settings, commands[i]);
    fprintf(out, "    help) compadd -- ");
    put_arguments(out, settings, "help");
    fprintf(out, ";;\n  esac\n}\n\n"
                 "_mho() {\n"
                 "  if [[ $service != mho ]]; then\n"
                 "    _mho_command sweep\n"
                 "    return\n"
                 "  fi\n"
                 "  if ((CURRENT > 2)); then\n"
                 "    local command=$words[2]\n"
                 "    shift words\n"
                 "    ((CURRENT--))\n"
                 "    _mho_command $command\n"
                 "    return\n"
                 "  fi\n"
                 "  local -a commands\n"
                 "  commands=('help:explain a command'");
    for (size_t i = 0; i < n_commands; i++) {
        fprintf(out, "\n    '%s:", commands[i]->name);
        put_quoted(out, commands[i]->summary, "\\");
        fputc('\'', out);
    }
    fprintf(out, ")\n  _describe -t commands command commands\n}\n\n_mho \"$@\"\n");
    mho_settings_destroy(settings);
    return true;
}

/* ---- fish ---- */

static void fish_options(FILE *out, const char *program, const char *condition, unsigned allowed)
{
    size_t n;
    const MhoOptionText *options = mho_options_table(&n);
    for (size_t o = 0; o < n; o++) {
        if (!(options[o].bit & allowed))
            continue;
        const bool is_long = options[o].name[1] == '-';
        const char kind = value_kind(&options[o]);
        fprintf(out, "complete -c %s%s -%c %s", program, condition, is_long ? 'l' : 's',
                options[o].name + (is_long ? 2 : 1));
        if (kind == 's')
            fprintf(out, " -x -a '(__mho_set)'");
        else if (kind == 'k')
            fprintf(out, " -x -a '%s'", kernels);
        else if (kind == 'n')
            fprintf(out, " -x");
        else if (kind == 'd')
            fprintf(out, " -x -a '(__fish_complete_directories)'");
        else if (kind == 'f')
            fprintf(out, " -r -F");
        fprintf(out, " -d '");
        for (const char *at = options[o].help; *at; at++)
            fprintf(out, *at == '\'' || *at == '\\' ? "\\%c" : "%c", *at);
        fprintf(out, "'\n");
    }
}

static void fish_keys(FILE *out, const MhoSettings *settings)
{
    MhoSettingsKey key = {0};
    fprintf(out, "function __mho_set\n  switch (commandline -ct)\n");
    while (mho_settings_next(settings, &key)) {
        if (!has_values(&key))
            continue;
        fprintf(out, "    case '%s=*'\n      printf '%s=%%s\\n' ", key.name, key.name);
        (void)put_values(out, &key);
        fputc('\n', out);
    }
    fprintf(out, "    case '*'\n      printf '%%s=\\n'");
    key = (MhoSettingsKey){0};
    while (mho_settings_next(settings, &key))
        fprintf(out, " %s", key.name);
    fprintf(out, "\n  end\nend\n\n");
}

static void fish_command(FILE *out, const MhoSettings *settings, const Command *command)
{
    char condition[128];
    snprintf(condition, sizeof condition, " -n '__fish_seen_subcommand_from %s'", command->name);
    fprintf(out, "complete -c mho -f -n __fish_use_subcommand -a %s -d '", command->name);
    for (const char *at = command->summary; *at; at++)
        fprintf(out, *at == '\'' || *at == '\\' ? "\\%c" : "%c", *at);
    fprintf(out, "'\n");
    fish_options(out, "mho", condition, command->options);
    if (file_type(command)) {
        fprintf(out, "complete -c mho%s -f -a '(__fish_complete_suffix .%s)'\n", condition, file_type(command));
    } else {
        fprintf(out, "complete -c mho%s -f -a '", condition);
        put_arguments(out, settings, command->name);
        fprintf(out, "'\n");
    }
}

bool completion_fish(FILE *out, const char *const *programs, size_t n)
{
    size_t n_commands;
    const Command *const *commands = command_all(&n_commands);
    MhoSettings *settings;
    MhoError ignored = {0};
    if (mho_settings_create(&settings, &ignored) != MHO_OK)
        return false;
    fprintf(out, "# fish completion of mho, %s\n\n", note);
    fish_keys(out, settings);
    for (size_t i = 0; i < n_commands; i++)
        fish_command(out, settings, commands[i]);
    fprintf(out, "complete -c mho -f -n __fish_use_subcommand -a help -d 'explain a command'\n"
                 "complete -c mho -n '__fish_seen_subcommand_from help' -f -a '");
    put_arguments(out, settings, "help");
    fprintf(out, "'\n");
    for (size_t i = 0; i < n; i++) {
        fish_options(out, programs[i], "", MHO_OPTIONS_SWEEP);
        fprintf(out, "complete -c %s -f -a '(__fish_complete_suffix .yaml)'\n", programs[i]);
    }
    mho_settings_destroy(settings);
    return true;
}
