/* process.c - spawn a helper program, wait for it and find the line that says why it failed. */
#include "app/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

extern char **environ;

static const char output_name[] = ".output";
enum { OUTPUT_MAX = 8192, LINE_MAX_SHOWN = 160 };

bool mho_process_on_path(const char *program)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t length = strcspn(path, ":");
        char file[4096];
        int used = snprintf(file, sizeof file, "%.*s/%s", (int)length, path, program);
        if (length > 0 && used > 0 && (size_t)used < sizeof file && access(file, X_OK) == 0)
            return true;
        path += length + (path[length] == ':');
    }
    return false;
}

/* folder NULL: the child runs here and keeps mho's output. */
static int add_actions(posix_spawn_file_actions_t *actions, const char *folder)
{
    int failed = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (failed || !folder)
        return failed;
    failed = posix_spawn_file_actions_addchdir_np(actions, folder);
    if (!failed)
        failed =
            posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, output_name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    return failed ? failed : posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
}

static int spawn(const char *folder, const char *const *arguments, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed)
        return failed;
    failed = add_actions(&actions, folder);
    if (!failed) /* the prototype lacks const for historical reasons; the strings are not changed */
        failed = posix_spawnp(child, arguments[0], &actions, NULL, (char *const *)(const void *)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* Polls, because a signal may ask mho to stop while the program still runs. */
static MhoStatus wait_for(pid_t child, int *outcome, MhoError *error)
{
    bool is_terminated = false;
    for (;;) {
        pid_t ended = waitpid(child, outcome, is_terminated ? 0 : WNOHANG);
        if (ended == child)
            break;
        if (ended < 0 && errno != EINTR)
            return mho_fail(error, MHO_FAILED, "cannot wait for a program: %s", strerror(errno));
        if (!is_terminated && mho_stop_requested()) {
            kill(child, SIGTERM);
            is_terminated = true;
        }
        if (!is_terminated)
            nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    return mho_stop_requested() ? mho_fail(error, MHO_STOPPED, "stopped") : MHO_OK;
}

/* The first line with the word "error" or apt's "E:", else the last line that is not blank. */
static void find_reason(char *text, char *reason, size_t size)
{
    reason[0] = '\0';
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;) {
        line += strspn(line, " \t\r");
        line[strcspn(line, "\r")] = '\0';
        if (line[0] == '\0')
            continue;
        snprintf(reason, size, "%.*s", LINE_MAX_SHOWN, line);
        if (strncmp(line, "E:", 2) == 0 || strcasestr(line, "error"))
            return;
    }
}

static void read_reason(const char *folder, char *reason, size_t size)
{
    char path[4096], text[OUTPUT_MAX + 1];
    snprintf(path, sizeof path, "%s/%s", folder, output_name);
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    size_t n = fread(text, 1, OUTPUT_MAX, file);
    fclose(file);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' && text[i] != '\n')
            text[i] = ' ';
    text[n] = '\0';
    find_reason(text, reason, size);
}

MhoStatus mho_process_run(const char *folder, const char *const *arguments, MhoError *error)
{
    pid_t child;
    if (!folder) /* what mho printed comes first */
        (void)fflush(stdout);
    int outcome = 0, failed = spawn(folder, arguments, &child);
    if (failed)
        return mho_fail(error, MHO_FAILED, "cannot start %s: %s", arguments[0], strerror(failed));
    MhoStatus status = wait_for(child, &outcome, error);
    if (status != MHO_OK || (WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0))
        return status;
    if (WIFSIGNALED(outcome))
        return mho_fail(error, MHO_FAILED, "%s was ended by signal %d", arguments[0], WTERMSIG(outcome));
    char reason[LINE_MAX_SHOWN + 1] = "";
    if (folder)
        read_reason(folder, reason, sizeof reason);
    const char *what = reason[0] != '\0' ? reason : arguments[0];
    return mho_fail(error, MHO_FAILED, "%s (exit code %d)", what, WEXITSTATUS(outcome));
}

/* All that can be read from a pipe until its other end is closed. */
static MhoStatus read_all(int end, char **output, MhoError *error)
{
    char *text = NULL, buffer[4096];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return mho_fail(error, MHO_MEMORY, "out of memory for the output of a program");
    for (ssize_t n; (n = read(end, buffer, sizeof buffer)) != 0;)
        if (n > 0)
            fwrite(buffer, 1, (size_t)n, out);
        else if (errno != EINTR)
            break;
    if (fclose(out) != 0) {
        free(text);
        return mho_fail(error, MHO_MEMORY, "out of memory for the output of a program");
    }
    *output = text;
    return MHO_OK;
}

MhoStatus mho_process_read(const char *const *arguments, char **output, MhoError *error)
{
    int ends[2], outcome = 0;
    pid_t child = 0;
    *output = NULL;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return mho_fail(error, MHO_FAILED, "cannot start %s: %s", arguments[0], strerror(errno));
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (!failed) {
        failed = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (!failed)
            failed = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        if (!failed) /* the prototype lacks const for historical reasons; the strings are not changed */
            failed =
                posix_spawnp(&child, arguments[0], &actions, NULL, (char *const *)(const void *)arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    MhoStatus status =
        failed ? mho_fail(error, MHO_FAILED, "cannot start %s: %s", arguments[0], strerror(failed)) : MHO_OK;
    if (status == MHO_OK)
        status = read_all(ends[0], output, error);
    close(ends[0]);
    if (!failed) {
        MhoError unused = {0};
        const MhoStatus ended = wait_for(child, &outcome, status == MHO_OK ? error : &unused);
        if (status == MHO_OK)
            status = ended;
    }
    if (status == MHO_OK && (!WIFEXITED(outcome) || WEXITSTATUS(outcome) != 0))
        status = mho_fail(error, MHO_FAILED, "%s failed; its message is above", arguments[0]);
    if (status != MHO_OK) {
        free(*output);
        *output = NULL;
    }
    return status;
}

MhoStatus mho_process_exit_code(const char *const *arguments, int *code, MhoError *error)
{
    pid_t child;
    int outcome = 0, failed = spawn(NULL, arguments, &child);
    if (failed)
        return mho_fail(error, MHO_FAILED, "cannot start %s: %s", arguments[0], strerror(failed));
    MhoStatus status = wait_for(child, &outcome, error);
    if (status != MHO_OK)
        return status;
    if (WIFSIGNALED(outcome))
        return mho_fail(error, MHO_FAILED, "%s was ended by signal %d", arguments[0], WTERMSIG(outcome));
    *code = WEXITSTATUS(outcome);
    return MHO_OK;
}
