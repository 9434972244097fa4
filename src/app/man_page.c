/* man_page.c - the macros of man(7): section 1 of the manual. */
#include "app/man_page.h"

#include <ctype.h>
#include <string.h>

#include "study/models/provenance.h"

void man_text(FILE *out, const char *text)
{
    bool starts_line = true;
    for (; *text; text++) {
        if (starts_line && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        starts_line = *text == '\n';
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\'')
            fputs("\\(aq", out);
        else if (*text == '`')
            fputs("\\(ga", out);
        else if (*text == '^')
            fputs("\\(ha", out);
        else if (*text == '~')
            fputs("\\(ti", out);
        else
            fputc(*text, out);
    }
}

void man_lines(FILE *out, const char *text)
{
    fputs(".nf\n", out);
    man_text(out, text);
    if (*text && text[strlen(text) - 1] != '\n')
        fputc('\n', out);
    fputs(".fi\n", out);
}

void man_start(FILE *out, const char *name, int section, const char *summary)
{
    char title[64];
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof title; n++)
        title[n] = (char)toupper((unsigned char)name[n]);
    title[n] = '\0';
    fputs(".TH ", out);
    man_text(out, title);
    fprintf(out, " %d \"\" \"mho %s\" \"mho manual\"\n.SH NAME\n", section, mho_version());
    man_text(out, name);
    fputs(" \\- ", out);
    man_text(out, summary);
    fputc('\n', out);
}

static void put_options(FILE *out, unsigned allowed)
{
    size_t n;
    const MhoOptionText *table = mho_options_table(&n);
    fputs(".SH OPTIONS\n", out);
    for (size_t i = 0; i < n; i++) {
        if (!(table[i].bit & allowed))
            continue;
        fputs(".TP\n\\fB", out);
        man_text(out, table[i].name);
        fputs("\\fR", out);
        if (table[i].value) {
            fputs(" \\fI", out);
            man_text(out, table[i].value);
            fputs("\\fR", out);
        }
        fputc('\n', out);
        man_text(out, table[i].help);
        fputc('\n', out);
    }
    fputs(
        ".TP\n\\fB\\-\\-help\\fR\nprint a summary of this page\n.TP\n\\fB\\-\\-\\fR\nwhat follows are arguments, even "
        "if they start with a dash\n",
        out);
}

void man_exit_status(FILE *out)
{
    static const char *const rows[][2] = {{"0", "done"},
                                          {"1", "the work failed: a merge without all shards, a full disk, a training "
                                                "that diverged"},
                                          {"2", "a command line, key or file that mho cannot act on"},
                                          {"75", "stopped by SIGINT, SIGTERM, SIGHUP or SIGUSR1; what is done is kept: "
                                                 "run it again to continue. A second signal ends at once"}};
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fprintf(out, ".TP\n%s\n", rows[i][0]);
        man_text(out, rows[i][1]);
        fputc('\n', out);
    }
}

void man_command(FILE *out, const ManPage *page)
{
    man_start(out, page->name, 1, page->summary);
    fprintf(out, ".SH SYNOPSIS\n\\fB");
    man_text(out, page->command);
    fprintf(out, "\\fR ");
    man_text(out, page->usage);
    fprintf(out, " [options]\n.SH DESCRIPTION\n");
    man_text(out, page->summary);
    fprintf(out, ".\n");
    if (page->help) {
        fprintf(out, ".PP\n");
        man_lines(out, page->help);
    }
    put_options(out, page->options);
    man_exit_status(out);
    fprintf(out, ".SH SEE ALSO\n\\fBmho\\fR(1), \\fBmho\\-keys\\fR(7)\n");
}
