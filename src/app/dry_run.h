/* dry_run.h - what a sweep would do: points, trials and the time that they take. */
#ifndef MHO_APP_DRY_RUN_H
#define MHO_APP_DRY_RUN_H

#include "app/options.h"

/* Print it to stdout. Some trials are run for the time, and nothing is written. */
MhoStatus mho_dry_run(const MhoStudy *study, const MhoOptions *options, MhoError *error) MHO_CHECKED;

#endif
