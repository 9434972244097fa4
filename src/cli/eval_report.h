/* eval_report.h - what `mho eval` says, as text or as one JSON object. */
#ifndef MHO_CLI_EVAL_REPORT_H
#define MHO_CLI_EVAL_REPORT_H

#include "app/options.h"
#include "base/json.h"
#include "study/sweep/trial.h"

typedef struct Evaluation {
    const MhoOptions *options;
    MhoStudy study;
    MhoTrialCache *cache;
    MhoPointSetup setup;
    MhoJson *json;  /* NULL: text */
    double started; /* s, monotonic clock */
} Evaluation;

/* The accuracy (0..1) of a network that ran without chips, "float" or "integer", and how long it took. */
void eval_report_network(const Evaluation *at, const char *kind, double accuracy, double loss, size_t n_images,
                         double seconds);

/* Accuracies (n_chips) of the chips, or of the draws of noise on codes; seconds of all of them. */
void eval_report_chips(const Evaluation *at, const double *accuracy, double seconds);

/* One line per analog layer; signal-to-noise ratios and clipping are those of the trial. */
MhoStatus eval_report_layers(const Evaluation *at, const MhoTrial *trial, MhoError *error) MHO_CHECKED;

/* A file that was written: key names it in JSON, text is the line. */
void eval_report_file(const Evaluation *at, const char *key, const char *path, const char *text);

#endif
