/* harness.c - see harness.h. Check has no skipped tests, so a skip is noted in memory shared with the forked tests and
 * added to Check's own TAP lines afterwards.
 */
#include "harness.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SKIPS_MAX = 64, SKIP_TEXT_MAX = 256 };

typedef struct Skip {
    char test[SKIP_TEXT_MAX], reason[SKIP_TEXT_MAX];
} Skip;

typedef struct Skips {
    int n;
    Skip list[SKIPS_MAX];
} Skips;

static Skips *skips; /* shared with the tests' processes */
static TestEntry *entries;

/* Defaults that a test file may replace. Not const: a compiler may use the value of a weak constant. */
__attribute__((weak)) TestFixture test_fixture = {NULL, NULL};
__attribute__((weak)) double test_timeout = 0.0;

__attribute__((weak)) int test_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return test_run();
}

int main(int argc, char **argv)
{
    return test_main(argc, argv);
}

/* Constructors of one file run in any order. */
static bool is_before(const TestEntry *one, const TestEntry *other)
{
    return strcmp(one->test.file, other->test.file) == 0 && one->test.line < other->test.line;
}

void test_register(TestEntry *entry, int first, int end)
{
    TestEntry **at = &entries;
    while (*at && !is_before(entry, *at))
        at = &(*at)->next;
    entry->first = first;
    entry->end = end;
    entry->next = *at;
    *at = entry;
}

void test_skip(const char *test, const char *reason)
{
    if (!skips || skips->n == SKIPS_MAX)
        abort();
    Skip *skip = &skips->list[skips->n++];
    snprintf(skip->test, sizeof skip->test, ":%s:", test);
    snprintf(skip->reason, sizeof skip->reason, "%s", reason);
}

const char *test_source_root(void)
{
    const char *root = getenv("MHO_SOURCE");
    return root ? root : ".";
}

static void print_line(char *line)
{
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < skips->n && strncmp(line, "ok ", 3) == 0; i++) {
        if (strstr(line, skips->list[i].test)) {
            printf("%s # SKIP %s\n", line, skips->list[i].reason);
            return;
        }
    }
    /* A '#' inside a message would start a TAP directive. */
    for (char *at = line; (at = strchr(at, '#'));)
        *at = '_';
    puts(line);
}

static int print_tap(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return EXIT_FAILURE;
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) >= 0)
        print_line(line);
    free(line);
    fclose(file);
    return EXIT_SUCCESS;
}

/* False, with a message, when the binary has no tests or a loop has no rows. */
static bool all_have_cases(void)
{
    bool all = entries != NULL;
    if (!entries)
        printf("Bail out! %s has no tests\n", program_invocation_short_name);
    for (const TestEntry *entry = entries; entry; entry = entry->next) {
        if (entry->first >= entry->end) {
            printf("Bail out! %s has no rows\n", entry->test.name);
            all = false;
        }
    }
    return all;
}

static Suite *registered_suite(void)
{
    Suite *suite = suite_create(program_invocation_short_name);
    TCase *tcase = tcase_create(program_invocation_short_name);
    if (test_timeout > 0.0)
        tcase_set_timeout(tcase, test_timeout);
    if (test_fixture.set_up || test_fixture.tear_down)
        tcase_add_checked_fixture(tcase, test_fixture.set_up, test_fixture.tear_down);
    for (const TestEntry *entry = entries; entry; entry = entry->next)
        tcase_add_loop_test(tcase, &entry->test, entry->first, entry->end);
    suite_add_tcase(suite, tcase);
    return suite;
}

int test_run(void)
{
    const char *tap = getenv("CK_TAP_LOG_FILE_NAME");
    bool to_stdout = tap && strcmp(tap, "-") == 0;
    if (!all_have_cases())
        return EXIT_FAILURE;
    unsetenv("CK_TAP_LOG_FILE_NAME");
    setenv("CK_DEFAULT_TIMEOUT", "0", 0);
    skips = mmap(NULL, sizeof *skips, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char path[] = "/tmp/mho-tap-XXXXXX";
    int descriptor = mkstemp(path);
    if (skips == MAP_FAILED || descriptor < 0)
        return EXIT_FAILURE;
    close(descriptor);
    SRunner *runner = srunner_create(registered_suite());
    if (to_stdout)
        srunner_set_tap(runner, path);
    srunner_run_all(runner, to_stdout ? CK_SILENT : CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (to_stdout && print_tap(path) != EXIT_SUCCESS)
        failed++;
    unlink(path);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
