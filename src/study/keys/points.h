/* points.h - the points of a sweep: every combination of the axes of each grid, each different one once; axes that move
 * together count as one, and so do all keys that are drawn.
 *
 * Combinations that differ only in keys a point does not use (the noise factor of an ideal cell, another model's
 * parameter) are one point; such a value is stored as not applicable.
 */
#ifndef MHO_STUDY_KEYS_POINTS_H
#define MHO_STUDY_KEYS_POINTS_H

#include <stdio.h>

#include "base/log.h"
#include "study/keys/study.h"

typedef struct MhoPoint {
    MhoSettings *settings;
    char *text;                 /* canonical text of what the result depends on, without the model */
    size_t value[MHO_MAX_AXES]; /* index into each axis */
    bool applies[MHO_MAX_AXES]; /* false: not applicable at this point */
} MhoPoint;

typedef struct MhoPointList {
    const MhoStudy *study; /* borrowed */
    /* (n_axes) every swept key once, with the values of all grids, those that were drawn, and the study's own value
     * where a grid does not sweep the key. Of one grid: the study's axes. */
    MhoAxis *axes;
    size_t n_axes;
    bool is_grid; /* one grid and nothing drawn: a full product of the axes */
    MhoPoint *points;
    size_t n_points;
    size_t *point_of; /* (n_combinations) which point a combination is: grid after grid, each row-major over axes that
                       * are not zipped */
    size_t n_combinations;
} MhoPointList;

/* USAGE error when an axis is used by no point: a switch that would do nothing. Limit: 10^6 combinations. */
MhoStatus mho_points_create(const MhoStudy *study, MhoPointList *list, MhoError *error) MHO_CHECKED;
void mho_points_destroy(MhoPointList *list);

/* One warning for each key that the study gives another value than its default, and that no point uses. */
void mho_points_warn(const MhoPointList *list, const MhoLog *log);

/* For people: the number of points, and each swept key with its values. */
void mho_points_describe(const MhoPointList *list, FILE *out);

#endif
