/* points_internal.h - what makes the points of a sweep. */
#ifndef MHO_STUDY_KEYS_POINTS_INTERNAL_H
#define MHO_STUDY_KEYS_POINTS_INTERNAL_H

#include "study/keys/points.h"

/* Refuse an interval without points to draw, as 0..3 written for a range. */
MhoStatus mho_points_check_drawn(const MhoStudy *study, MhoError *error) MHO_CHECKED;
/* Refuse axes and keys of training that no point uses. */
MhoStatus mho_points_check(const MhoPointList *list, MhoError *error) MHO_CHECKED;

/* Draws points by sample.name. A point does not depend on how many are drawn. */
typedef struct MhoSampler MhoSampler;
MhoStatus mho_sampler_create(const MhoStudyParams *params, size_t n_dimensions, MhoSampler **sampler,
                             MhoError *error) MHO_CHECKED;
/* The next row of numbers in [0, 1), one for each key. */
void mho_sampler_next(MhoSampler *sampler, const char *const *keys, double *row);
void mho_sampler_destroy(MhoSampler *sampler);
/* The value of an axis at `u`: between low and high, evenly in log if asked, whole for a whole number. */
void mho_sample_format(const MhoAxis *axis, const MhoParam *param, double u, char text[MHO_TEXT_MAX]);

#endif
