/* experiment.h - one question, one study, one answer: what a program under experiments/ is made of.
 *
 * A program links its descriptor with experiment_main.c: a sweep with the options of `mho sweep`, then the analysis
 * that answers the question.
 */
#ifndef MHO_EXPERIMENTS_EXPERIMENT_H
#define MHO_EXPERIMENTS_EXPERIMENT_H

#include "study/report/pairs.h"

/* What was run, as a command line names it. */
typedef struct MhoExperimentRun {
    const char *study, *model, *result; /* files */
    const char *sets; /* " --set KEY=VALUE" of every fixed key of data and chips that is not the default, for eval */
} MhoExperimentRun;

typedef struct MhoExperiment {
    const char *name, *question;
    const char *study;    /* default study file: "quickstart.yaml", beside the others in experiments/ */
    const char *axis;     /* key that a study of this question must sweep; NULL: none */
    const char *headline; /* first line of what is printed at the end */

    const MhoComparison *comparison; /* variants that the study compares; NULL: none */

    /* Add more to the analysis than the table of the comparison. NULL: nothing. */
    MhoStatus (*analyse)(const MhoRecord *result, MhoRecord *analysis, MhoError *error);

    /* Print what was found, after the table of the comparison. NULL: nothing. */
    void (*print)(const MhoRecord *result, FILE *out);

    /* Print commands for the next question: `mho` with whole arguments, which overwrite nothing. NULL: nothing. */
    void (*next)(const MhoExperimentRun *run, FILE *out);
} MhoExperiment;

extern const MhoExperiment mho_experiment; /* the one of this program */

/* Fill the group summary/analysis of a finished result, which the payload digest leaves out. A comparison over a key
 * that the study does not sweep is taken over the chips. */
MhoStatus experiment_analyse(const MhoRecord *result, MhoRecord *analysis, MhoError *error) MHO_CHECKED;

/* What was found, as lines that the caller frees. NULL: out of memory. */
char *experiment_finding(const MhoRecord *result);

#endif
