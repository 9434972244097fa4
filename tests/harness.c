/* harness.c - Check knows no skipped test, so a skip is noted in memory shared with the forked tests and added to
 * Check's own TAP lines afterwards.
 */
#include "harness.h"

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

void test_skip(const char *function, const char *reason)
{
    if (!skips || skips->n == SKIPS_MAX)
        abort();
    Skip *skip = &skips->list[skips->n++];
    /* START_TEST(name) makes a function name_fn. */
    size_t length = strlen(function);
    if (length > 3 && strcmp(function + length - 3, "_fn") == 0)
        length -= 3;
    snprintf(skip->test, sizeof skip->test, ":%.*s:", (int)length, function);
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

int test_main(Suite *suite)
{
    const char *tap = getenv("CK_TAP_LOG_FILE_NAME");
    bool to_stdout = tap && strcmp(tap, "-") == 0;
    unsetenv("CK_TAP_LOG_FILE_NAME");
    setenv("CK_DEFAULT_TIMEOUT", "0", 0);
    skips = mmap(NULL, sizeof *skips, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char path[] = "/tmp/mho-tap-XXXXXX";
    int descriptor = mkstemp(path);
    if (skips == MAP_FAILED || descriptor < 0)
        return EXIT_FAILURE;
    close(descriptor);
    SRunner *runner = srunner_create(suite);
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
