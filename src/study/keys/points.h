/* points.h - the points of a sweep: every combination of the axes, each different one once; axes that move together
 * count as one.
 *
 * Combinations that differ only in keys a point does not use (the noise factor of an ideal cell, another model's
 * parameter) are one point; such a value is stored as not applicable.
 */
#ifndef MHO_STUDY_KEYS_POINTS_H
#define MHO_STUDY_KEYS_POINTS_H

#include "study/keys/study.h"

typedef struct MhoPoint {
    MhoSettings *settings;
    char *text;                 /* canonical text of what the result depends on, without the model */
    size_t value[MHO_MAX_AXES]; /* index into each axis */
    bool applies[MHO_MAX_AXES]; /* false: not applicable at this point */
} MhoPoint;

typedef struct MhoPointList {
    const MhoStudy *study; /* borrowed */
    MhoPoint *points;
    size_t n_points;
    size_t *point_of; /* (product of axis lengths) row-major over axes that are not zipped: which point a
                       * combination is */
    size_t n_combinations;
} MhoPointList;

/* USAGE error when an axis is used by no point: a switch that would do nothing. Limit: 10^6 combinations. */
MhoStatus mho_points_create(const MhoStudy *study, MhoPointList *list, MhoError *error) MHO_CHECKED;
void mho_points_destroy(MhoPointList *list);

#endif
