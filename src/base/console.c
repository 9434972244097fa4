/* console.c - stderr, the guard of stdout, and the name of the command in hints. */
#include "base/console.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/printable.h"

/* ---- stdout without control bytes ---- */

enum { UTF8_MAX = 4 };

static struct {
    FILE *raw;
    char tail[UTF8_MAX]; /* the first bytes of a character whose rest comes with the next write */
    size_t n_tail;
} guard;

/* Bytes at the end of text that start a character and may be continued. */
static size_t unfinished(const char *text, size_t n)
{
    for (size_t back = 1; back < UTF8_MAX && back <= n; back++) {
        const unsigned char byte = (unsigned char)text[n - back];
        if (byte >= 0xC0)
            return back < (byte >= 0xF0 ? 4U : byte >= 0xE0 ? 3U : 2U) ? back : 0;
        if (byte < 0x80)
            return 0;
    }
    return 0;
}

static void put_guarded(const char *text, size_t n)
{
    while (n > 0) {
        char escape[MHO_ESCAPE_MAX + 1];
        const size_t taken = *text == '\n' ? 1 : mho_printable_length(text, n);
        if (taken) {
            fwrite(text, 1, taken, guard.raw);
        } else {
            mho_printable_escape(*text, escape);
            fputs(escape, guard.raw);
        }
        text += taken ? taken : 1;
        n -= taken ? taken : 1;
    }
}

static ssize_t write_guarded(void *context, const char *text, size_t n)
{
    (void)context;
    for (size_t i = 0; i < n; i++) {
        if (guard.n_tail == 0 && text[i] >= ' ' && text[i] < 0x7F) {
            putc_unlocked(text[i], guard.raw);
            continue;
        }
        guard.tail[guard.n_tail++] = text[i];
        const size_t keep = unfinished(guard.tail, guard.n_tail);
        put_guarded(guard.tail, guard.n_tail - keep);
        memmove(guard.tail, guard.tail + guard.n_tail - keep, keep);
        guard.n_tail = keep;
    }
    return fflush(guard.raw) == 0 && !ferror(guard.raw) ? (ssize_t)n : -1;
}

static void guard_stdout(void)
{
    FILE *guarded = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_guarded});
    if (!guarded)
        return;
    if (isatty(STDOUT_FILENO) == 1)
        setvbuf(guarded, NULL, _IOLBF, 0);
    guard.raw = stdout;
    stdout = guarded;
}

/* ---- the name of the command ---- */

static char name[4096] = "mho";

/* Whether folder/command is a program that can be run; it becomes the name. */
static bool is_command(const char *folder, size_t length, const char *command)
{
    char path[sizeof name];
    const int n = snprintf(path, sizeof path, "%.*s%s", (int)length, folder, command);
    if (n < 0 || (size_t)n >= sizeof path || access(path, X_OK) != 0)
        return false;
    /* A shell takes these as they are; another path stands in quotes. */
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:@%,~";
    const bool is_plain = path[strspn(path, plain)] == '\0';
    if (!is_plain && (strchr(path, '\'') || (size_t)n + 2 >= sizeof name))
        return false;
    snprintf(name, sizeof name, is_plain ? "%s" : "'%s'", path);
    return true;
}

void mho_console_start(const char *program)
{
    static const char in_build[] = "experiments/";
    if (!guard.raw)
        guard_stdout();
    const char *slash = program ? strrchr(program, '/') : NULL;
    if (!slash) /* found on PATH */
        return;
    const size_t folder = (size_t)(slash - program) + 1, n = sizeof in_build - 1;
    if (is_command(program, folder, "mho"))
        return;
    if (folder >= n && strncmp(slash + 1 - n, in_build, n) == 0 && (folder == n || program[folder - n - 1] == '/'))
        (void)is_command(program, folder - n, "src/cli/mho");
}

const char *mho_program_name(void)
{
    return name;
}

void mho_console_print(FILE *out, const char *text)
{
    static const char command[] = "mho ";
    const char *from = text;
    for (const char *at = text; (at = strstr(at, command)) != NULL; at += sizeof command - 1) {
        const bool in_backticks = at > text && at[-1] == '`';
        const bool starts_line = at >= text + 2 && at[-1] == ' ' && at[-2] == ' ' && (at == text + 2 || at[-3] == '\n');
        if (!in_backticks && !starts_line)
            continue;
        fwrite(from, 1, (size_t)(at - from), out);
        fputs(name, out);
        from = at + sizeof command - 2; /* the blank is printed with what follows */
    }
    fputs(from, out);
}

/* ---- stderr ---- */

static bool has_progress_line; /* the terminal shows one, without newline; guarded by the lock of stderr */

static bool is_smart_terminal(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDERR_FILENO) == 1 && kind && *kind && strcmp(kind, "dumb") != 0;
}

static void clear_progress_line(void)
{
    if (has_progress_line)
        fputs("\r\033[K", stderr);
    has_progress_line = false;
}

void mho_console_error(const char *program, const char *text)
{
    flockfile(stderr);
    clear_progress_line();
    fprintf(stderr, "%s: ", program);
    mho_console_print(stderr, text);
    fputc('\n', stderr);
    fflush(stderr);
    funlockfile(stderr);
}

void mho_log_stderr(void *context, MhoLogLevel level, const char *text)
{
    (void)context;
    static double last = -INFINITY; /* guarded by the lock of stderr */
    const bool terminal = is_smart_terminal();
    flockfile(stderr);
    if (level != MHO_LOG_PROGRESS) {
        clear_progress_line();
        fputs(level == MHO_LOG_WARNING ? "warning: " : "", stderr);
        mho_console_print(stderr, text);
        fputc('\n', stderr);
    } else if (mho_clock() - last >= (terminal ? 0.2 : 5.0)) {
        clear_progress_line();
        fprintf(stderr, terminal ? "%s" : "%s\n", text);
        has_progress_line = terminal;
        last = mho_clock();
    }
    fflush(stderr);
    funlockfile(stderr);
}
