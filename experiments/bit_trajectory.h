/* bit_trajectory.h - how the bits of a network's layers fell, move by move: read from the allocation logs of the models
 * of a result, written as the group "trajectories" of its analysis. */
#ifndef MHO_EXPERIMENTS_BIT_TRAJECTORY_H
#define MHO_EXPERIMENTS_BIT_TRAJECTORY_H

#include "study/report/pairs.h"

/* One model's group "allocation" in numbers. Moves that were undone do not count. */
typedef struct BitTrajectory {
    size_t n, n_layers;       /* moves; candidate layers */
    double *size;             /* (n) mean bits of a weight after each move */
    double *accuracy;         /* (n) validation accuracy after the recovery from each move */
    double *bits;             /* (n_layers) weight bits at the end */
    char **layers;            /* (n_layers) names */
    double size_reached;      /* mean bits of a weight at the end */
    double feedback_range;    /* largest minus smallest accuracy of the trial moves, mean over moves; NaN: none */
    double probability_ratio; /* largest over smallest probability of a candidate, geometric mean over moves */
} BitTrajectory;

/* From a model record; n_layers is 0 where it has no log. Free with bit_trajectory_clear. */
MhoStatus bit_trajectory_read(const MhoRecord *model, BitTrajectory *trajectory, MhoError *error) MHO_CHECKED;
void bit_trajectory_clear(BitTrajectory *trajectory);

/* Add the group "trajectories" (axes point, move and layer) to an analysis. trajectories (points->n); the rows of
 * models without a log are NaN. */
MhoStatus bit_trajectories_add(const MhoResultPoints *points, const BitTrajectory *trajectories,
                               MhoVariantName *variant, MhoRecord *analysis, MhoError *error) MHO_CHECKED;

#endif
