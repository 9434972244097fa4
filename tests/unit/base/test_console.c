/* test_console.c - what reaches the user: rate of progress lines, errors, hints that can be run, no control bytes. */
#include "base/console.h"

#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

/* What print writes to a file descriptor, read from the other end. */
static void capture(int descriptor, int end, int other, void (*print)(void), char *text, size_t size)
{
    const int saved = dup(descriptor);
    dup2(end, descriptor);
    print();
    fflush(stdout);
    dup2(saved, descriptor);
    close(saved);
    close(end);
    size_t n = 0;
    ssize_t got;
    while (n + 1 < size && (got = read(other, text + n, size - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    close(other);
}

static void log_lines(void)
{
    mho_log_stderr(NULL, MHO_LOG_PROGRESS, "one");
    mho_log_stderr(NULL, MHO_LOG_PROGRESS, "two"); /* too soon for a pipe */
    mho_log_stderr(NULL, MHO_LOG_WARNING, "three");
    mho_log_stderr(NULL, MHO_LOG_INFO, "four");
}

/* The log function for stderr limits progress lines, marks warnings and prints the rest. */
TEST(test_stderr_sink)
{
    int ends[2];
    char text[256];
    ck_assert_int_eq(pipe(ends), 0);
    capture(STDERR_FILENO, ends[1], ends[0], log_lines, text, sizeof text);
    ck_assert_str_eq(text, "one\nwarning: three\nfour\n");
}

static void fail_in_progress(void)
{
    mho_log_stderr(NULL, MHO_LOG_PROGRESS, "sweep  1/2 trials");
    mho_console_error("mho", "r.h5: no space left");
}

static void on_terminal(const char *kind, char *text, size_t size)
{
    int master, slave;
    ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
    if (kind)
        setenv("TERM", kind, 1);
    else
        unsetenv("TERM");
    capture(STDERR_FILENO, slave, master, fail_in_progress, text, size);
}

/* On a terminal the progress line is cleared before an error is printed. */
TEST(test_error_after_progress)
{
    char text[256];
    on_terminal("xterm", text, sizeof text);
    ck_assert_str_eq(text, "sweep  1/2 trials\r\033[Kmho: r.h5: no space left\r\n");
}

/* A terminal that understands no escape codes gets none. */
TEST_LOOP(test_dumb_terminal, 0, 3)
{
    static const char *const kinds[] = {"dumb", "", NULL};
    char text[256];
    on_terminal(kinds[_i], text, sizeof text);
    ck_assert_str_eq(text, "sweep  1/2 trials\r\nmho: r.h5: no space left\r\n");
}

static void print_hostile(void)
{
    mho_console_start("mho");
    printf("name \x1b[31mred\x1b[0m\n\xc2\x9b µS ");
    fflush(stdout);
    printf("\xe9\x9b"); /* a character in two writes */
    fflush(stdout);
    printf("\xbb\xe9\n");
}

/* Text of a hostile file cannot act on the terminal that stdout is; characters may come in pieces. */
TEST(test_stdout_guard)
{
    int ends[2];
    char text[256];
    ck_assert_int_eq(pipe(ends), 0);
    capture(STDOUT_FILENO, ends[1], ends[0], print_hostile, text, sizeof text);
    ck_assert_str_eq(text, "name \\x1b[31mred\\x1b[0m\n\\xc2\\x9b µS 電\\xe9\n");
}

static void touch_program(const char *path)
{
    const int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    ck_assert_int_ge(file, 0);
    close(file);
}

/* Hints name the command as its user can run it: found on PATH, by its path, or from an experiment beside it. */
TEST_LOOP(test_hints, 0, 6)
{
    static const struct {
        const char *program, *expected;
    } rows[] = {{"mho", "mho"},
                {"build/src/cli/mho", "build/src/cli/mho"},
                {"build/experiments/mho-noise_sweep", "build/src/cli/mho"},
                {"experiments/mho-noise_sweep", "mho"}, /* nothing to run there */
                {"bin/mho-noise-sweep", "bin/mho"},
                {"two words/mho-noise-sweep", "'two words/mho'"}};
    char folder[] = "/tmp/mho-console-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    static const char *const folders[] = {"build", "build/src", "build/src/cli", "bin", "two words"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        ck_assert_int_eq(mkdir(folders[i], 0755), 0);
    touch_program("build/src/cli/mho");
    touch_program("bin/mho");
    touch_program("two words/mho");
    mho_console_start(rows[_i].program);
    ck_assert_str_eq(mho_program_name(), rows[_i].expected);
    char text[256] = "", expected[256];
    FILE *out = fmemopen(text, sizeof text, "w");
    mho_console_print(out, "run `mho show x.h5`\n  mho list\nstudies of mho are files; mho knows\n");
    fclose(out);
    snprintf(expected, sizeof expected, "run `%s show x.h5`\n  %s list\nstudies of mho are files; mho knows\n",
             rows[_i].expected, rows[_i].expected);
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(chdir("/"), 0);
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}
