/* bit_trajectory.h - how layers went down in bits: the logs of a result's models as a group of its analysis. */
#ifndef MHO_EXPERIMENTS_BIT_TRAJECTORY_H
#define MHO_EXPERIMENTS_BIT_TRAJECTORY_H

#include "study/report/pairs.h"

/* One model's group "allocation" in numbers. Moves that were taken back do not count. */
typedef struct Path {
    size_t n, n_layers;      /* moves; layers that compete with their weights and activations */
    double *size, *accuracy; /* (n) mean bits of a weight; validation accuracy after recovery */
    double *bits;            /* (n_layers) at the end */
    char **layers;           /* (n_layers) names */
    double reached;          /* mean bits of a weight at the end */
    double feedback_range;   /* largest minus smallest accuracy that a move asked for, mean over moves; NaN: none */
    double share_ratio;      /* largest over smallest probability of a move, geometric mean over moves */
} Path;

/* From a model record; n_layers 0 where it has no log. path_clear frees. */
MhoStatus path_read(const MhoRecord *model, Path *path, MhoError *error) MHO_CHECKED;
void path_clear(Path *path);

/* The group "paths" of an analysis: axes point, move and layer. paths (points->n); those without a log are NaN. */
MhoStatus paths_add(const MhoResultPoints *points, const Path *paths,
                    void (*variant)(const MhoResultPoints *points, size_t p, char *text, size_t size),
                    MhoRecord *analysis, MhoError *error) MHO_CHECKED;

#endif
