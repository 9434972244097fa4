/* harness.h - what every test binary shares: tests that register themselves, main(), TAP and the names of skips.
 *
 * TEST(it_adds_up)
 * {
 *     ck_assert_int_eq(1 + 1, 2);
 * }
 *
 * TEST_LOOP(it_holds_for_every_row, 0, N_ROWS)
 * {
 *     check_row(&rows[_i]);
 * }
 *
 * Each test runs in its own process, in the order of the file. A binary without tests and a loop without rows fail.
 * A test that cannot run here says so and returns: if (!data) { TEST_SKIP("needs ..."); return; }
 * List every skip with its reason in tests/skips.txt, or ./runtests fails.
 * Tests in a static library are found only if it is linked with link_whole.
 */
#ifndef MHO_TESTS_HARNESS_H
#define MHO_TESTS_HARNESS_H

#include <check.h>

/* A test, and a test that runs once for each _i from first to end - 1. The bounds are computed before main(). */
#define TEST(name) TEST_LOOP(name, 0, 1)
#define TEST_LOOP(name, first, end)                                           \
    static void name(int _i);                                                 \
    __attribute__((constructor)) static void name##_registers(void)           \
    {                                                                         \
        static TestEntry entry = {.test = {#name, name, __FILE__, __LINE__}}; \
        test_register(&entry, first, end);                                    \
    }                                                                         \
    static void name(int _i CK_ATTRIBUTE_UNUSED)

/* Functions that run before and after each test of the binary, in the test's process; once in a binary. */
#define TEST_FIXTURE(set_up, tear_down) TestFixture test_fixture = {set_up, tear_down}

/* Seconds after which a test of the binary is killed; once in a binary. Without it there is no limit but Meson's. */
#define TEST_TIMEOUT(seconds) double test_timeout = seconds

/* Marks the running test as skipped; the test must return right after. */
#define TEST_SKIP(reason) test_skip(__func__, reason)

/* What main() does. A file that does more than run its tests (arguments, a working folder) defines this function
 * and calls test_run(). */
int test_main(int argc, char **argv);

/* Runs all tests. Prints TAP on stdout when CK_TAP_LOG_FILE_NAME is "-" (Meson sets it), Check's summary otherwise.
 * Returns the exit code. */
int test_run(void);

/* The root of the source tree (MHO_SOURCE, set by Meson), or "." */
const char *test_source_root(void);

/* Used by the macros above. */
typedef struct TestEntry {
    TTest test;
    int first, end;
    struct TestEntry *next;
} TestEntry;

typedef struct TestFixture {
    SFun set_up, tear_down;
} TestFixture;

extern TestFixture test_fixture;
extern double test_timeout;

void test_register(TestEntry *entry, int first, int end);
void test_skip(const char *test, const char *reason);

#endif
