/* provenance.h - where a result came from: kept in a group outside the payload digest. */
#ifndef MHO_STUDY_MODELS_PROVENANCE_H
#define MHO_STUDY_MODELS_PROVENANCE_H

#include "base/record.h"

/* Add the child group "provenance": versions of mho, compiler and libraries, git commit, kernels in use, CPU, host,
 * time (UTC) and the resolved study text (NULL: none). */
MhoStatus mho_provenance_add(MhoRecord *record, const char *study_text, double seconds, MhoError *error) MHO_CHECKED;

/* One line each, for --version. n lines are written; returns the text, the caller frees it. */
char *mho_version_text(void);
const char *mho_version(void); /* "0.1.0" */
const char *mho_commit(void);  /* of the source this was built from: "6eb6540", "6eb6540-dirty", "unknown" */

#endif
