/* man_page.h - manual pages from the tables of commands, options and keys. */
#ifndef MHO_APP_MAN_PAGE_H
#define MHO_APP_MAN_PAGE_H

#include <stdio.h>

#include "app/options.h"

typedef struct ManPage {
    const char *name;    /* "mho-sweep" */
    const char *command; /* "mho sweep" */
    const char *usage, *summary;
    const char *help; /* examples and explanation, as --help prints them; NULL: none */
    unsigned options; /* MhoOptionBit */
} ManPage;

/* The heading of a page of section 1 or 7. */
void man_start(FILE *out, const char *name, int section, const char *summary);

/* Text with everything that troff would read as markup escaped; the second form also keeps its line breaks. */
void man_text(FILE *out, const char *text);
void man_lines(FILE *out, const char *text);

/* A whole page of a command or an experiment. */
void man_command(FILE *out, const ManPage *page);

/* The sections that every page of a program ends with. */
void man_exit_status(FILE *out);

#endif
