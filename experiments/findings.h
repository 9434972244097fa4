/* findings.h - what experiments that compare variants share. */
#ifndef MHO_EXPERIMENTS_FINDINGS_H
#define MHO_EXPERIMENTS_FINDINGS_H

#include "study/report/experiment.h"
#include "study/report/pairs.h"

/* The table of a comparison into an experiment's analysis; over chips where the study does not sweep comparison->over.
 */
MhoStatus findings_compare(const MhoRecord *result, const MhoComparison *comparison, MhoRecord *analysis,
                           MhoError *error) MHO_CHECKED;

/* A headline, the result's table in words and what more (NULL: nothing) adds; the caller frees it. NULL: out of
 * memory. */
char *findings_print(const MhoRecord *result, const char *headline, void (*more)(const MhoRecord *analysis, FILE *out));

#endif
