/* descriptor.h - the name, the source and the parameter table of every plug-in.
 *
 * Cells, converters, wires, quantizers, allocators, layer kinds and data sets have a descriptor. YAML reading, --set,
 * range checks, `mho list`, `mho describe`, the attributes in result files and the registry tests use its table.
 */
#ifndef MHO_BASE_DESCRIPTOR_H
#define MHO_BASE_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/words.h"

/* C type of the member at `offset`: double, int, bool, int (index in choices), char[MHO_TEXT_MAX]. */
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
    const char *label;   /* short name for axes and legends, without the unit: "device noise" */
} MhoParam;

/* Common keys that a plug-in does not use. A sweep of such a key is an error when no plug-in of the study uses it. */
enum { MHO_IGNORES_TIME = 1, MHO_IGNORES_TEMPERATURE = 2, MHO_IGNORES_NOISE = 4 };

/* The first member of every plug-in. All pointers are to static storage. */
typedef struct MhoDescriptor {
    const char *name, *summary, *reference; /* reference: paper, table or figure; never empty */
    size_t params_size;                     /* bytes of the parameter struct; 0 when there is none */
    const MhoParam *params;
    size_t n_params;
    unsigned ignores;
    MhoStatus (*check)(const void *params, MhoError *error); /* rules across parameters; NULL: none */
} MhoDescriptor;

/* The members of a descriptor that tell its parameter struct and table. */
#define MHO_PARAM_TABLE(type, table) \
    .params_size = sizeof(type), .params = (table), .n_params = sizeof(table) / sizeof *(table)

/* All plug-ins of one kind, generated from the list of words in their folder's meson.build. */
typedef struct MhoRegistry {
    const char *kind; /* "cell" */
    const MhoDescriptor *const *descriptors;
    size_t n;
} MhoRegistry;

/* The descriptor called name, or NULL with an error that names the nearest one. */
const MhoDescriptor *mho_registry_find(const MhoRegistry *registry, const char *name, MhoError *error) MHO_CHECKED;

/* Set every parameter of a table to its default. block is the parameter struct. */
void mho_params_default(const MhoParam *params, size_t n, void *block);

/* The entry for key, or NULL. */
const MhoParam *mho_params_find(const MhoParam *params, size_t n, const char *key);

/* Its short name for axes and legends; the key where a table has none. */
const char *mho_param_label(const MhoParam *param);

/* Read a number in decimal notation; where the parameter's unit is s, a unit of time may follow it: ns us ms s min h d
 * (86400 s) y (365.25 d), as "30min". false: it is none, or too large for a double. */
bool mho_param_number(const MhoParam *param, const char *text, double *value);

/* Parse text into one parameter. Numbers: as above; a whole number may be written 1e6. Errors (USAGE) name `where`
 * (NULL: the key) and the accepted range with unit or the nearest choice. NaN, infinity, trailing characters and values
 * outside the range are refused; nothing is clamped. */
MhoStatus mho_param_set(const MhoParam *param, void *block, const char *text, const char *where,
                        MhoError *error) MHO_CHECKED;

/* Write the canonical text of one parameter, a real in the shortest form that reads back to the same double. Returns
 * the length of the whole text. */
size_t mho_param_format(const MhoParam *param, const void *block, char *text, size_t size);
size_t mho_param_format_default(const MhoParam *param, char *text, size_t size); /* of its default */

/* Check that one parameter is inside its range, finite, one of the choices, or a terminated string. where: as above. */
MhoStatus mho_param_check(const MhoParam *param, const void *block, const char *where, MhoError *error) MHO_CHECKED;

/* Check every parameter of a struct that a C caller filled, then call the descriptor's own check. */
MhoStatus mho_descriptor_check(const MhoDescriptor *descriptor, const void *block, MhoError *error) MHO_CHECKED;

#endif
