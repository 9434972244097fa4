/* harness.h - what every test binary shares: run one Check suite, print TAP, name the skips.
 *
 * int main(void) { return test_main(suite()); }
 * A test that cannot run here says so and returns: if (!data) { TEST_SKIP("needs ..."); return; }
 * A skip must be listed with its reason in tests/skips.txt, or ./runtests fails.
 */
#ifndef MHO_TESTS_HARNESS_H
#define MHO_TESTS_HARNESS_H

#include <check.h>

/* Runs the suite, each test in its own process, without time limits of its own, and destroys it. Prints TAP on stdout
 * when CK_TAP_LOG_FILE_NAME is "-" (Meson sets it), Check's summary otherwise. Returns the exit code. */
int test_main(Suite *suite);

/* Marks the running test as skipped; the test must return right after. */
#define TEST_SKIP(reason) test_skip(__func__, reason)
void test_skip(const char *function, const char *reason);

/* The root of the source tree (MHO_SOURCE, set by Meson), or "." */
const char *test_source_root(void);

#endif
