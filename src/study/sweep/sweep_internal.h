/* sweep_internal.h - what the files of a running sweep share. */
#ifndef MHO_STUDY_SWEEP_SWEEP_INTERNAL_H
#define MHO_STUDY_SWEEP_SWEEP_INTERNAL_H

#include "study/models/claim.h"
#include "study/sweep/stop_rule.h"
#include "study/sweep/sweep.h"

/* Points of equal digests share devices, or a whole net on a chip. */
typedef struct Sharing {
    uint64_t devices, configuration;
} Sharing;

typedef struct Sweep {
    const MhoStudy *study;
    const MhoSweepOptions *options;
    const char *path;
    MhoPointList grid;
    MhoStopRule stop;
    MhoTrialCache *cache;
    MhoPointInfo *points; /* (grid.n_points) */
    Sharing *sharing;     /* (grid.n_points) */
    size_t *first;        /* (grid.n_points) number of a point's first trial in the whole study */
    MhoTrials trials;
    char *models; /* "path digest\n" of every model */
    char *data;   /* "use name digest\n" of every set of images */
    MhoClaim claim;
    char digest[65];
    MhoRecord *existing;          /* the result at path; NULL: there is none */
    char (*layers)[MHO_NAME_MAX]; /* (n_layers) names of the analog layers; NULL when points have different ones */
    size_t n_layers;
} Sweep;

/* The grid with the training data of every point; keys without effect and models of one name are refused. */
MhoStatus mho_sweep_open_grid(Sweep *sweep, MhoError *error) MHO_CHECKED;
/* Keys, chips and models of every point, and the digest of the study; trains what is missing. */
MhoStatus mho_sweep_survey(Sweep *sweep, MhoError *error) MHO_CHECKED;
/* Read what is done already: the journals of this result, and the file that is extended. */
MhoStatus mho_sweep_gather(Sweep *sweep, MhoError *error) MHO_CHECKED;
/* Trials of this part: how many there are at most, and how many have still to run. */
typedef struct SweepCount {
    size_t total, missing;
} SweepCount;
SweepCount mho_sweep_count(const Sweep *sweep);
/* Tell those who watch, if any. */
void mho_sweep_tell(const Sweep *sweep, MhoSweepEvent event);
/* Run what is missing. STOPPED on a stop request; finished trials are in the journal. */
MhoStatus mho_sweep_run(Sweep *sweep, MhoError *error) MHO_CHECKED;
void mho_sweep_clear(Sweep *sweep);

/* "i/n", or "" for the whole sweep. */
void mho_sweep_shard_name(const MhoSweepOptions *options, char *name, size_t size);

/* Claim the result's path for this study and part, and read what is there: sweep->existing. A result of another study
 * is refused before any model is trained. */
MhoStatus mho_sweep_open_output(Sweep *sweep, MhoError *error) MHO_CHECKED;
/* After the survey. *finished: the result at the path is the one of this study and part. USAGE when it is of other
 * models, other data or another part. */
MhoStatus mho_sweep_check_output(const Sweep *sweep, bool *finished, MhoError *error) MHO_CHECKED;
/* Take over the trials of the file options->extend that are part of this study. USAGE when that file would be replaced
 * and has others. */
MhoStatus mho_sweep_read_extended(Sweep *sweep, MhoError *error) MHO_CHECKED;
/* Warn of trials in the journals that are no part of this study. */
void mho_sweep_tell_others(const Sweep *sweep);
/* Write the result where nothing is, and remove the journals that it makes superfluous. */
MhoStatus mho_sweep_write_output(Sweep *sweep, double started, MhoError *error) MHO_CHECKED;
void mho_sweep_remove_journals(const Sweep *sweep);
void mho_sweep_close_output(Sweep *sweep);

#endif
