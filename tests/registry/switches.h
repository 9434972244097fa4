/* switches.h - no key silently does nothing: every key of a parameter table names its effect, and a test that notices
 * it gone.
 *
 * Each row predicts, in closed form or by a sign and a bound, what a key at `on` does. The prediction must hold with
 * the key at `on`, and must fail when the key is forced to `off` underneath while `on` is still predicted. A key
 * without a row fails the program.
 */
#ifndef MHO_TESTS_SWITCHES_H
#define MHO_TESTS_SWITCHES_H

#include "base/descriptor.h"

/* Whether the code with these parameters does what `on` predicts. on: the value, the number of a choice, 0 or 1; 0 for
 * texts, whose prediction stands in the function. */
typedef bool (*Effect)(const MhoDescriptor *model, const void *params, double on);

typedef struct Switch {
    const char *table; /* "chip", or "cell.pcm" for a registered model */
    const char *key, *on, *off;
    Effect effect;
    const char *with; /* "key=value;key=value" that must stand for this key to be seen; NULL: none */
} Switch;

typedef struct SwitchBook {
    const Switch *rows;
    size_t n_rows;
    const MhoRegistry *const *registries; /* NULL at the end; NULL: none */
    const MhoDescriptor *const *tables;   /* NULL at the end; NULL: none */
} SwitchBook;

/* The book of the program, which defines it below its rows. */
extern const SwitchBook book;

#endif
