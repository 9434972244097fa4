/* sweep_axes_internal.h - making the axes of a study from text and from YAML. */
#ifndef MHO_STUDY_KEYS_SWEEP_AXES_INTERNAL_H
#define MHO_STUDY_KEYS_SWEEP_AXES_INTERNAL_H

#include <stdio.h>

#include "study/keys/study.h"

/* In place of a grid's number: all of them. */
enum { MHO_EVERY_GRID = MHO_MAX_STUDY_AXES };

/* The keys of "a,b,c" that move together, or of "a". */
typedef struct MhoKeys {
    char name[MHO_MAX_AXES][MHO_KEY_MAX];
    size_t n;
} MhoKeys;

/* USAGE for too many keys or one that is there twice. */
MhoStatus mho_keys_split(const char *text, const char *where, MhoKeys *keys, MhoError *error) MHO_CHECKED;

/* New axes of a grid for these keys at *first, without values, in place of older ones. USAGE for an unknown key, and
 * when an older axis moves together with a key that is not among these. */
MhoStatus mho_axes_start(MhoStudy *study, size_t grid, const MhoKeys *keys, const char *where, size_t *first,
                         MhoError *error) MHO_CHECKED;
/* One more value for each of the axes that move together from `first` on (n must be their number). The study's own
 * values stay. */
MhoStatus mho_axes_push(MhoStudy *study, size_t first, const char *const *values, size_t n, const char *where,
                        MhoError *error) MHO_CHECKED;

/* One more value for one axis. */
MhoStatus mho_axis_add_value(MhoAxis *axis, const char *value, MhoError *error) MHO_CHECKED;

/* "key=value" of one key: a value, a list, a range or an interval; of several keys: a list of lists. grid: a number or
 * MHO_EVERY_GRID. A value is the study's own, and the key is then swept no more. */
MhoStatus mho_axes_set(MhoStudy *study, size_t grid, const char *key, const char *text, const char *where,
                       MhoError *error) MHO_CHECKED;

/* The values of a range, "4:8:2", "log:1:1e6:7" or "0..2", into the axis at `at`. */
MhoStatus mho_axes_push_range(MhoStudy *study, size_t at, const char *text, const char *where,
                              MhoError *error) MHO_CHECKED;

/* Whether text under sweep: is several values of this parameter: a list, a range or an interval. */
bool mho_is_list(const MhoParam *param, const char *text);
bool mho_is_range(const MhoParam *param, const char *text);

/* Refuse a list, a range or a decimal comma where one value stands. */
MhoStatus mho_refuse_list(const MhoParam *param, const char *text, const char *place, MhoError *error) MHO_CHECKED;

/* In place: a backslash and a special character become that character, up to the first bare `end` ('\0': none) or the
 * end of the text; returns the text after it, or NULL. */
char *mho_unescape(char *text, char end);
/* A value so that mho_unescape() reads it back, line ends as "\\n". */
void mho_write_escaped(const char *value, const char *special, FILE *out);
/* Lines "key=[...]" of all axes that mho_axes_set() reads back, and a line "sweep=N" before each of several grids. */
void mho_axes_write(const MhoStudy *study, FILE *out);

/* Whether every grid sweeps key, so that the study's own value has no use. */
bool mho_is_axis_everywhere(const MhoStudy *study, const char *key);
void mho_axes_clear(MhoStudy *study);

/* Note where keys were given; where NULL: nowhere. */
MhoStatus mho_origins_note(MhoStudy *study, const MhoKeys *keys, const char *where, bool swept,
                           MhoError *error) MHO_CHECKED;
/* NULL: not known. */
const MhoOrigin *mho_origins_find(const MhoStudy *study, const char *key);
void mho_origins_clear(MhoStudy *study);

#endif
