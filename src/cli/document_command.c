/* document_command.c - mho document: manual pages and completion of shells, from the tables. The build runs it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/man_page.h"
#include "cli/completion.h"

static MhoStatus failed(const char *path, MhoError *error)
{
    return mho_fail(error, MHO_IO, "%s: cannot be written: %s", path, strerror(errno));
}

/* Write folder/name by a function; folders on the way are made. The time of the first folder in name tells the build
 * that it was written. */
static MhoStatus write_page(const char *folder, const char *name, bool (*write)(FILE *out, void *context),
                            void *context, MhoError *error)
{
    char path[4096];
    const int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return mho_fail(error, MHO_USAGE, "%s: the path is too long", folder);
    for (char *slash = path + strlen(folder); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const bool is_made = mkdir(path, 0777) == 0 || errno == EEXIST;
        if (!is_made)
            return failed(path, error);
        *slash = '/';
    }
    if (remove(path) != 0 && errno != ENOENT)
        return failed(path, error);
    FILE *out = fopen(path, "wxe");
    if (!out)
        return failed(path, error);
    const bool is_written = write(out, context) && !ferror(out);
    if (fclose(out) != 0 || !is_written)
        return failed(path, error);
    path[strlen(folder) + 1 + strcspn(name, "/")] = '\0';
    return utimensat(AT_FDCWD, path, NULL, 0) == 0 ? MHO_OK : failed(path, error);
}

/* ---- pages ---- */

static bool write_command(FILE *out, void *context)
{
    const Command *command = context;
    char name[64], line[64];
    snprintf(name, sizeof name, "mho-%s", command->name);
    snprintf(line, sizeof line, "mho %s", command->name);
    man_command(out, &(ManPage){.name = name,
                                .command = line,
                                .usage = command->usage,
                                .summary = command->summary,
                                .help = command->help,
                                .options = command->options});
    return true;
}

static void put_environment(FILE *out)
{
    static const char *const rows[][2] = {
        {"MHO_DATA", "folder of data sets, searched before ~/.local/share/mho and /usr/share/datasets"},
        {"MHO_SHARED",
         "folder that holds experiments/ and results/ of mho, when they are not found beside the program"},
        {"OMP_NUM_THREADS, SLURM_CPUS_PER_TASK", "threads, when -j does not say"},
        {"TERM", "dumb: progress as plain lines, without escape sequences"}};
    fputs(".SH ENVIRONMENT\n", out);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fputs(".TP\n", out);
        man_text(out, rows[i][0]);
        fputc('\n', out);
        man_text(out, rows[i][1]);
        fputc('\n', out);
    }
}

static bool write_overview(FILE *out, void *context)
{
    size_t n;
    const Command *const *commands = command_all(&n);
    (void)context;
    man_start(out, "mho", 1, "neural networks on simulated analog in-memory-compute hardware");
    fputs(".SH SYNOPSIS\n\\fBmho\\fR \\fICOMMAND\\fR [options]\n.br\n\\fBmho help\\fR [\\fICOMMAND\\fR]\n"
          ".SH DESCRIPTION\n"
          "mho trains fully quantized neural networks, programs them onto simulated chips of phase\\-change memory or "
          "NOR flash with analog\\-to\\-digital converters, and measures their accuracy. A study is a YAML file; its "
          "result is one HDF5 file. \\fBmho\\-keys\\fR(7) lists every key of a study.\n"
          ".SH COMMANDS\n",
          out);
    for (size_t i = 0; i < n; i++) {
        fputs(".TP\n\\fBmho\\-", out);
        man_text(out, commands[i]->name);
        fputs("\\fR(1)\n", out);
        man_text(out, commands[i]->summary);
        fputc('\n', out);
    }
    fputs(".SH OPTIONS\n.TP\n\\fB\\-\\-version\\fR\nprint version, commit, compiler, libraries and kernels\n"
          ".TP\n\\fB\\-\\-help\\fR\nprint an overview\n",
          out);
    man_exit_status(out);
    put_environment(out);
    fputs(".SH SEE ALSO\n\\fBmho\\-keys\\fR(7)\n", out);
    return true;
}

static void put_key(FILE *out, const MhoSettingsKey *key)
{
    char value[MHO_TEXT_MAX], range[256] = "";
    const MhoParam *param = key->param;
    mho_param_format_default(param, value, sizeof value);
    const char *unit = param->unit ? param->unit : "";
    if (param->type == MHO_REAL || param->type == MHO_INT)
        snprintf(range, sizeof range, ", %g to %g%s%s", param->min, param->max, *unit ? " " : "", unit);
    else if (param->type == MHO_CHOICE)
        snprintf(range, sizeof range, ", one of: %s", param->choices);
    else if (param->type == MHO_BOOL)
        snprintf(range, sizeof range, ", true or false");
    fputs(".TP\n\\fB", out);
    man_text(out, key->name);
    fputs("\\fR\n", out);
    man_text(out, param->help);
    fputs("; default ", out);
    man_text(out, *value ? value : "empty");
    fprintf(out, "%s%s", *unit ? " " : "", unit);
    man_text(out, range);
    fputc('\n', out);
}

static bool write_keys(FILE *out, void *context)
{
    const MhoSettings *settings = context;
    MhoSettingsKey key = {0};
    const MhoSection *open = NULL;
    man_start(out, "mho-keys", 7, "every key of a study: meaning, default, unit and range");
    fputs(".SH DESCRIPTION\nKeys stand in a study file, as sections or with dots, and after \\fB\\-\\-set\\fR. Under "
          "\\fBsweep:\\fR a key has a list or a range of values. The keys \\fBtrain.chip.*\\fR are those of "
          "\\fBchip.*\\fR for the chip that training sees.\n",
          out);
    while (mho_settings_next(settings, &key)) {
        if (mho_settings_of_train_chip(key.name))
            continue;
        if (key.section != open) {
            fputs(".SS ", out);
            man_text(out, key.section->descriptor->summary);
            fputs("\nSource: ", out);
            man_text(out, key.section->descriptor->reference);
            fputc('\n', out);
            open = key.section;
        }
        put_key(out, &key);
    }
    fputs(".SH SEE ALSO\n\\fBmho\\fR(1), \\fBmho\\-describe\\fR(1)\n", out);
    return true;
}

/* ---- completion ---- */

typedef struct Shell {
    const char *path;
    bool (*write)(FILE *out, const char *const *programs, size_t n);
    const MhoOptions *options; /* the programs stand after the folder */
} Shell;

static bool write_shell(FILE *out, void *context)
{
    const Shell *shell = context;
    return shell->write(out, shell->options->arguments + 1, shell->options->n_arguments - 1);
}

/* bash and fish load the completion of a program from a file of its name; this one loads that of mho. */
static bool write_loader(FILE *out, void *context)
{
    fputs(context, out);
    return true;
}

static MhoStatus write_shells(const MhoOptions *options, MhoError *error)
{
    static char bash[] = "# shellcheck source=/dev/null\n. \"${BASH_SOURCE[0]%/*}/mho\"\n",
                fish[] = "source (status dirname)/mho.fish\n";
    Shell shells[] = {{"bash-completion/completions/mho", completion_bash, options},
                      {"zsh/site-functions/_mho", completion_zsh, options},
                      {"fish/vendor_completions.d/mho.fish", completion_fish, options}};
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < 3 && status == MHO_OK; i++)
        status = write_page(options->arguments[0], shells[i].path, write_shell, &shells[i], error);
    for (size_t i = 1; i < options->n_arguments && status == MHO_OK; i++) {
        char path[512];
        snprintf(path, sizeof path, "bash-completion/completions/%s", options->arguments[i]);
        status = write_page(options->arguments[0], path, write_loader, bash, error);
        snprintf(path, sizeof path, "fish/vendor_completions.d/%s.fish", options->arguments[i]);
        if (status == MHO_OK)
            status = write_page(options->arguments[0], path, write_loader, fish, error);
    }
    return status;
}

static MhoStatus run_document(MhoOptions *options, MhoError *error)
{
    size_t n;
    const Command *const *commands = command_all(&n);
    const char *folder = options->arguments[0];
    MhoSettings *settings;
    MhoStatus status = mho_settings_create(&settings, error);
    if (status != MHO_OK)
        return status;
    status = write_page(folder, "man1/mho.1", write_overview, NULL, error);
    for (size_t i = 0; i < n && status == MHO_OK; i++) {
        char name[128];
        Command command = *commands[i];
        snprintf(name, sizeof name, "man1/mho-%s.1", command.name);
        status = write_page(folder, name, write_command, &command, error);
    }
    if (status == MHO_OK)
        status = write_page(folder, "man7/mho-keys.7", write_keys, settings, error);
    if (status == MHO_OK)
        status = write_shells(options, error);
    mho_settings_destroy(settings);
    return status;
}

const Command command_document = {
    .name = "document",
    .usage = "FOLDER [PROGRAM ...]",
    .summary = "write manual pages and completion of shells, as the build does",
    .help =
        "  mho document share mho-noise_sweep\n"
        "writes share/man1, share/man7, share/bash-completion, share/zsh and share/fish. Programs are experiments,\n"
        "which are completed like `mho sweep`.",
    .min_arguments = 1,
    .max_arguments = MHO_MAX_ARGUMENTS,
    .run = run_document,
};
