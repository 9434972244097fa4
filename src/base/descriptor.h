/* descriptor.h - what every plug-in of mho has in common: a name, a source and a parameter table.
 *
 * A cell, converter, wire model, quantizer, allocator, layer kind, dataset and the study itself describe their
 * parameters in one table. From that table come YAML reading, --set, range and unit checks, `mho list`,
 * `mho describe`, the attributes in result files, the reference pages and the registry tests.
 */
#ifndef MHO_BASE_DESCRIPTOR_H
#define MHO_BASE_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum { MHO_NAME_MAX = 48, MHO_TEXT_MAX = 256 };

/* C type of the member at `offset`: double, int, bool, int (index into choices), char[MHO_TEXT_MAX]. */
typedef enum MhoParamType { MHO_REAL, MHO_INT, MHO_BOOL, MHO_CHOICE, MHO_TEXT } MhoParamType;

typedef struct MhoParam {
    const char *key;
    MhoParamType type;
    size_t offset;
    double value, min, max; /* default and inclusive range; MHO_CHOICE: value is an index; ignored for MHO_TEXT */
    const char *unit;       /* "" when dimensionless */
    const char *help;
    const char *choices; /* MHO_CHOICE: words separated by one space, "frozen per_read split"; else NULL */
    const char *text;    /* MHO_TEXT: the default; else NULL */
} MhoParam;

/* Common keys that a model does not use. Sweeping one over such models only is an error: it would do nothing. */
enum { MHO_IGNORES_TIME = 1, MHO_IGNORES_TEMPERATURE = 2, MHO_IGNORES_NOISE = 4 };

/* First member of every descriptor. All pointers are to static storage. */
typedef struct MhoDescriptor {
    const char *name, *summary, *reference; /* reference: paper, table or figure; never empty */
    size_t params_size;                     /* bytes of the parameter struct; 0 when there is none */
    const MhoParam *params;
    size_t n_params;
    unsigned ignores;
    MhoStatus (*check)(const void *params, MhoError *error); /* rules across parameters; NULL: none */
} MhoDescriptor;

/* All models of one kind, generated from the list of words in their folder's meson.build. */
typedef struct MhoRegistry {
    const char *kind; /* "cell" */
    const MhoDescriptor *const *descriptors;
    size_t n;
} MhoRegistry;

/* The model called name, or NULL with an error that names the nearest one. */
const MhoDescriptor *mho_registry_find(const MhoRegistry *registry, const char *name, MhoError *error) MHO_CHECKED;

/* Set every parameter of a table to its default. block is the parameter struct. */
void mho_params_default(const MhoParam *params, size_t n, void *block);

/* The entry for key, or NULL. */
const MhoParam *mho_params_find(const MhoParam *params, size_t n, const char *key);

/* Parse text into one parameter. Errors (USAGE) name where, the accepted range with unit, or the nearest choice; NaN,
 * infinity, trailing characters and values outside the range are refused, nothing is clamped. `where` may be NULL. */
MhoStatus mho_param_set(const MhoParam *param, void *block, const char *text, const char *where,
                        MhoError *error) MHO_CHECKED;

/* Canonical text of one parameter: reals in the shortest form that reads back to the same double. Returns length. */
size_t mho_param_format(const MhoParam *param, const void *block, char *text, size_t size);

/* Range check of a whole block (for structs filled by C callers) and then the model's own check. */
MhoStatus mho_descriptor_check(const MhoDescriptor *descriptor, const void *block, MhoError *error) MHO_CHECKED;

/* The i-th word of a MHO_CHOICE list into text (size MHO_NAME_MAX), or NULL past the end. */
const char *mho_choice_name(const char *choices, int index, char *text);

/* Index of the nearest of n words by edit distance, or -1 when none is near enough to be a misspelling. */
int mho_nearest_word(const char *word, const char *const *words, size_t n);

#endif
