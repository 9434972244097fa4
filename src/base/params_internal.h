/* params_internal.h - what model.c and params.c share. */
#ifndef MHO_BASE_PARAMS_INTERNAL_H
#define MHO_BASE_PARAMS_INTERNAL_H

#include <stdbool.h>

#include "base/descriptor.h"

/* Is the member within its range, finite, a valid choice, a terminated string? `where` NULL: the parameter's key. */
MhoStatus mho_param_check(const MhoParam *param, const void *block, const char *where, MhoError *error) MHO_CHECKED;

/* One candidate of a search for the nearest word: true when it is near enough and nearer than *nearest. */
bool mho_nearest_step(const char *word, const char *candidate, const char **nearest, int *distance);

#endif
