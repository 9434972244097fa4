/* model_origin.h - how a model was made, in its provenance: enough to make it again. */
#ifndef MHO_STUDY_MODELS_MODEL_ORIGIN_H
#define MHO_STUDY_MODELS_MODEL_ORIGIN_H

#include "base/log.h"
#include "base/record.h"
#include "study/keys/study.h"

/* A training under way, for the provenance of its model and checkpoints. */
typedef struct MhoModelOrigin {
    const MhoSettings *settings;
    int threads;           /* <= 0: OpenMP's default */
    char started[32];      /* UTC, of the first process */
    double seconds, clock; /* wall time of the processes before; when this one began */
    int64_t processes;     /* that have trained so far, this one included */
    char *parents;         /* lines "path digest" of the model files that training started from; NULL: none */
} MhoModelOrigin;

/* checkpoint: NULL, or the record that training goes on from. */
void mho_model_origin_begin(MhoModelOrigin *origin, const MhoRecord *checkpoint);
/* Add the group provenance: versions, machine and dates of mho_provenance_add, and the attributes recipe (all its
 * keys), seed, data, data_digest, folder, threads, started, processes, parents. */
MhoStatus mho_model_origin_write(const MhoModelOrigin *origin, MhoRecord *record, MhoError *error) MHO_CHECKED;

/* Warn where this process has other threads, another build or another processor than the one that wrote the record:
 * training may then give other bytes. what: "m.h5 was made". */
void mho_model_origin_compare(const MhoRecord *record, int threads, const char *what, const MhoLog *log);

/* The study that holds the recipe of the model in a file; the caller destroys it. INPUT for a file without a recipe. */
MhoStatus mho_model_origin_study(const char *path, MhoStudy *study, MhoRecord **record, MhoError *error) MHO_CHECKED;

/* INPUT: why the recipe of the record at path, as settings hold it, is not the one that made it. */
MhoStatus mho_model_origin_refuse(const MhoRecord *record, const MhoSettings *settings, const char *path,
                                  MhoError *error);

#endif
