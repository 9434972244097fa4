/* test_status.c - error text, context and exit codes. */
#include <string.h>

#include "base/status.h"
#include "harness.h"

/* mho_fail writes text and status, returns the status and accepts a NULL error. */
TEST(test_fail_fills_text_and_returns_status)
{
    MhoError error = {0};
    ck_assert_int_eq(mho_fail(&error, MHO_INPUT, "%s:%d: bad", "a.yaml", 7), MHO_INPUT);
    ck_assert_int_eq(error.status, MHO_INPUT);
    ck_assert_str_eq(error.text, "a.yaml:7: bad");
    ck_assert_int_eq(mho_fail(NULL, MHO_IO, "no error"), MHO_IO);
}

/* A context is put before the text, and the error's own text may be an argument. */
TEST(test_context_goes_in_front)
{
    MhoError error = {0};
    (void)mho_fail(&error, MHO_USAGE, "bits: 99 is outside 1 to 32");
    ck_assert_int_eq(mho_fail_context(&error, "chip.%s", "adc"), MHO_USAGE);
    ck_assert_str_eq(error.text, "chip.adc: bits: 99 is outside 1 to 32");
    /* The error's own text may be an argument. */
    (void)mho_fail(&error, MHO_INPUT, "again: %s", error.text);
    ck_assert_str_eq(error.text, "again: chip.adc: bits: 99 is outside 1 to 32");
}

/* A text that is too long is cut at its end. */
TEST(test_long_text_is_cut_and_terminated)
{
    static char longer[2 * MHO_ERROR_TEXT_MAX];
    memset(longer, 'x', sizeof longer - 1);
    MhoError error = {0};
    (void)mho_fail(&error, MHO_IO, "%s", longer);
    ck_assert_uint_eq(strlen(error.text), MHO_ERROR_TEXT_MAX - 1);
    (void)mho_fail_context(&error, "front");
    ck_assert_uint_eq(strlen(error.text), MHO_ERROR_TEXT_MAX - 1);
    ck_assert_int_eq(strncmp(error.text, "front: xxx", 10), 0);
}

/* Names of files and values of arguments cannot act on a terminal or forge a second line. */
TEST(test_control_bytes_are_escaped)
{
    MhoError error = {0};
    (void)mho_fail(&error, MHO_INPUT, "%s: bad", "a\x1b]0;title\a\nmho: done\xff");
    ck_assert_str_eq(error.text, "a\\x1b]0;title\\x07\\nmho: done\\xff: bad");
    (void)mho_fail_context(&error, "b\t");
    ck_assert_str_eq(error.text, "b\\t: a\\x1b]0;title\\x07\\nmho: done\\xff: bad");
}

/* Each status has its exit code, meaning and name; an unknown value counts as FAILED. */
TEST(test_exit_codes)
{
    static const int expected[MHO_N_STATUS] = {[MHO_OK] = 0,     [MHO_USAGE] = 2,  [MHO_INPUT] = 2,   [MHO_IO] = 1,
                                               [MHO_MEMORY] = 1, [MHO_FAILED] = 1, [MHO_STOPPED] = 75};
    for (int status = 0; status < MHO_N_STATUS; status++) {
        ck_assert_int_eq(mho_status_exit_code((MhoStatus)status), expected[status]);
        ck_assert_uint_gt(strlen(mho_status_meaning((MhoStatus)status)), 0);
    }
    ck_assert_str_eq(mho_status_name(MHO_STOPPED), "STOPPED");
    ck_assert_int_eq(mho_status_exit_code((MhoStatus)99), 1);
}
