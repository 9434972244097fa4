/* words.h - words of a list, and the search for the nearest one to a misspelled word. */
#ifndef MHO_BASE_WORDS_H
#define MHO_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum { MHO_NAME_MAX = 48, MHO_TEXT_MAX = 256 };

/* Copy word number index of choices (words separated by one space) to text (size MHO_NAME_MAX). NULL when there is no
 * such word. */
const char *mho_choice_name(const char *choices, int index, char *text);

/* Index of the word with the smallest edit distance, or -1 when none is near enough to be a misspelling. */
int mho_nearest_word(const char *word, const char *const *words, size_t n);

/* One step of such a search: true when candidate is near enough and nearer than *nearest, which it then replaces.
 * *nearest is NULL at the start. */
bool mho_nearest_step(const char *word, const char *candidate, const char **nearest, int *distance);

/* Whether name is something and then end. */
bool mho_ends_with(const char *name, const char *end);

#endif
