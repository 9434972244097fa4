/* sweep_axes_internal.h - making the axes of a study from text and from YAML. */
#ifndef MHO_STUDY_KEYS_SWEEP_AXES_INTERNAL_H
#define MHO_STUDY_KEYS_SWEEP_AXES_INTERNAL_H

#include <stdio.h>

#include "study/keys/study.h"

/* The keys of "a,b,c" that move together, or of "a". */
typedef struct MhoKeys {
    char name[MHO_MAX_AXES][MHO_KEY_MAX];
    size_t n;
} MhoKeys;

/* USAGE for too many keys or one that is there twice. */
MhoStatus mho_keys_split(const char *text, const char *where, MhoKeys *keys, MhoError *error) MHO_CHECKED;

/* New axes for these keys at *first, without values, in place of older ones. USAGE for an unknown key, and when an
 * older axis moves together with a key that is not among these. */
MhoStatus mho_axes_start(MhoStudy *study, const MhoKeys *keys, const char *where, size_t *first,
                         MhoError *error) MHO_CHECKED;
/* One more value for each of the axes that move together from `first` on (n must be their number). */
MhoStatus mho_axes_push(MhoStudy *study, size_t first, const char *const *values, size_t n, const char *where,
                        MhoError *error) MHO_CHECKED;

/* "key=value" of one key: a value, a list or a range; of several keys: a list of lists. */
MhoStatus mho_axes_set(MhoStudy *study, const char *key, const char *text, const char *where,
                       MhoError *error) MHO_CHECKED;

/* In place: a backslash and a special character become that character, up to the first bare `end` ('\0': none) or the
 * end of the text; returns the text after it, or NULL. */
char *mho_unescape(char *text, char end);
/* A value so that mho_unescape() reads it back, line ends as "\\n". */
void mho_write_escaped(const char *value, const char *special, FILE *out);
/* Lines "key=[...]" of all axes that mho_axes_set() reads back. */
void mho_axes_write(const MhoStudy *study, FILE *out);

bool mho_is_axis(const MhoStudy *study, const char *key);
void mho_axes_clear(MhoStudy *study);

#endif
