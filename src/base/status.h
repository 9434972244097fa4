/* status.h - writes errors. mho/status.h has the status codes and the text of an error. */
#ifndef MHO_BASE_STATUS_H
#define MHO_BASE_STATUS_H

#include "mho/status.h"

#define MHO_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

/* Fill error (may be NULL) with status and a formatted line, in which control bytes are escaped. Returns status, for
 * `return mho_fail(...)`. */
MhoStatus mho_fail(MhoError *error, MhoStatus status, const char *format, ...) MHO_PRINTF(3, 4);

/* Put "PREFIX: " before the text of an error. Returns its status; FAILED when error is NULL. */
MhoStatus mho_fail_context(MhoError *error, const char *format, ...) MHO_PRINTF(2, 3);

const char *mho_status_name(MhoStatus status);
const char *mho_status_meaning(MhoStatus status);
int mho_status_exit_code(MhoStatus status);

#endif
