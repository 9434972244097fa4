/* must.h - a call must succeed, or must be refused with these words. */
#ifndef MHO_TESTS_MUST_H
#define MHO_TESTS_MUST_H

#include <string.h>

#include "harness.h"

/* Fail the test with the library's message. */
#define must(call, error) ck_assert_msg((call) == MHO_OK, "%s", (error)->text)
#define must_refuse(call, error, expected, words)                                                        \
    do {                                                                                                 \
        memset((error), 0, sizeof *(error));                                                             \
        ck_assert_int_eq((call), (expected));                                                            \
        ck_assert_int_eq((error)->status, (expected));                                                   \
        ck_assert_msg(strstr((error)->text, (words)), "'%s' does not say '%s'", (error)->text, (words)); \
    } while (0)

#endif
