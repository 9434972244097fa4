/* sweep.h - the engine: every trial of a study, safe to stop, start again and split. */
#ifndef MHO_STUDY_SWEEP_SWEEP_H
#define MHO_STUDY_SWEEP_SWEEP_H

#include "study/models/model_file.h"
#include "study/sweep/result.h"

/* What happened in a sweep, for programs that watch it. */
typedef enum MhoSweepEventKind { MHO_SWEEP_STARTED, MHO_SWEEP_TRIAL, MHO_SWEEP_FINISHED } MhoSweepEventKind;

typedef struct MhoSweepEvent {
    MhoSweepEventKind kind;
    const char *result;    /* file */
    size_t n_points;       /* of the study */
    size_t trials, done;   /* of this process' part; done by earlier processes too. FINISHED: 0 */
    size_t point;          /* TRIAL: its number in the result */
    const MhoTrial *trial; /* TRIAL; else NULL */
} MhoSweepEvent;

typedef void (*MhoSweepEventFunction)(void *context, const MhoSweepEvent *event);

typedef struct MhoSweepOptions {
    MhoModelOptions model;
    const char *output;  /* result file; NULL: results/<name of the study>.h5 */
    const char *extend;  /* a result whose trials are taken over where they are part of the study; NULL: none. When it
                          * is the output itself, it is replaced, unless trials would be lost */
    int shard, n_shards; /* 1 of 1: whole */
    MhoSweepEventFunction event; /* NULL: nobody watches */
    void *event_context;
} MhoSweepOptions;

/* Run what is missing and write the result. The result's path is claimed first: a process that makes the same result is
 * waited for, one that makes another is a USAGE error. A finished result of the same study is left as it is; one of
 * another study is never overwritten (USAGE with the remedy). path (size bytes): where the result is. STOPPED on a stop
 * request; finished trials are kept. */
MhoStatus mho_sweep(const MhoStudy *study, const MhoSweepOptions *options, char *path, size_t size,
                    MhoError *error) MHO_CHECKED;

/* Find the training images of every point: their digest is part of the recipe of a model that may be trained, and so of
 * its path. */
MhoStatus mho_sweep_identify_data(MhoPointList *grid, const char *data_option, MhoError *error) MHO_CHECKED;

/* A model file holds one model, so points with different models need different paths, where no other file lies: USAGE
 * says which do not. */
MhoStatus mho_sweep_check_models(const MhoPointList *grid, const MhoModelOptions *options, MhoError *error) MHO_CHECKED;

/* Train the models of a study that are missing and run no trial. */
MhoStatus mho_sweep_models(const MhoStudy *study, const MhoModelOptions *options, MhoError *error) MHO_CHECKED;

typedef struct MhoMergeOptions {
    bool partial;       /* write what is there when trials are missing */
    bool accept_edited; /* take files that another program has edited */
    const MhoLog *log;
} MhoMergeOptions;

/* Join shards into one result that holds each trial exactly once. paths: files, and folders, whose shards are all
 * taken. INPUT names every difference of version, data, models or study. FAILED names what is missing; a partial result
 * says so and may be merged again with the rest. The file at output is never replaced. */
MhoStatus mho_merge(const char *const *paths, size_t n, const char *output, const MhoMergeOptions *options,
                    MhoError *error) MHO_CHECKED;

/* Result path of a study: options->output, or "results/<stem>.h5" or "results/<stem>.shard-i-of-n.h5". USAGE when it is
 * too long. */
MhoStatus mho_result_path(const MhoStudy *study, const MhoSweepOptions *options, char *path, size_t size,
                          MhoError *error) MHO_CHECKED;

#endif
