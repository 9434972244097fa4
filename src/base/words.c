/* words.c - words of a list, and the search for the nearest one to a misspelled word. */
#include "base/words.h"

#include <stdio.h>
#include <string.h>

const char *mho_choice_name(const char *choices, int index, char *text)
{
    if (!choices || index < 0)
        return NULL;
    const char *word = choices;
    for (int i = 0; i < index; i++) {
        word = strchr(word, ' ');
        if (!word)
            return NULL;
        word++;
    }
    size_t length = strcspn(word, " ");
    if (length == 0)
        return NULL;
    snprintf(text, MHO_NAME_MAX, "%.*s", (int)(length < MHO_NAME_MAX ? length : MHO_NAME_MAX - 1), word);
    return text;
}

/* Edit distance with insertion, deletion, substitution and swap of neighbours (optimal string alignment). Source:
 * Damerau, "A technique for computer detection and correction of spelling errors", CACM 7 (1964) 171. */
static int edit_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int rows[3][MHO_TEXT_MAX + 1]; /* (3, n_b + 1): the last two rows of the table and the one being filled */
    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= n_a; i++) {
        int *row = rows[i % 3];
        const int *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= n_b; j++) {
            int best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && two_above[j - 2] + 1 < best)
                best = two_above[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[n_a % 3][n_b];
}

bool mho_nearest_step(const char *word, const char *candidate, const char **nearest, int *distance)
{
    size_t n = strlen(word), n_candidate = strlen(candidate);
    if (n == 0 || n > MHO_TEXT_MAX || n_candidate > MHO_TEXT_MAX)
        return false;
    /* One edit per three letters, at least one: with more it is another word, not a misspelling. */
    int limit = n < 6 ? 1 : (int)(n / 3);
    int candidate_distance = edit_distance(word, n, candidate, n_candidate);
    if (candidate_distance > limit || (*nearest && candidate_distance >= *distance))
        return false;
    *nearest = candidate;
    *distance = candidate_distance;
    return true;
}

int mho_nearest_word(const char *word, const char *const *words, size_t n)
{
    const char *nearest = NULL;
    int distance = 0, index = -1;
    for (size_t i = 0; i < n; i++)
        if (mho_nearest_step(word, words[i], &nearest, &distance))
            index = (int)i;
    return index;
}

bool mho_ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcmp(name + length - tail, end) == 0;
}
