/* slurm.c - scripts for sbatch, and the few programs of Slurm that mho calls. */
#include "app/slurm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/process.h"

const char *const mho_job_names[MHO_N_JOBS] = {"train", "array", "merge"};

static const char *const purposes[MHO_N_JOBS] = {
    "trains the models that are missing.",
    "runs one part of the sweep.",
    "joins the parts and draws the figures.",
};

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,:/+@%=";

MhoStatus mho_jobs_check(const MhoClusterParams *cluster, MhoError *error)
{
    const struct {
        const char *key, *value;
    } words[] = {{"partition", cluster->partition},
                 {"account", cluster->account},
                 {"time", cluster->time},
                 {"memory", cluster->memory}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].value[strspn(words[i].value, plain)] != '\0')
            return mho_fail(error, MHO_USAGE, "cluster.%s: '%s' has a character that Slurm's options do not take",
                            words[i].key, words[i].value);
    if (cluster->time[0] != '\0' && mho_slurm_seconds(cluster->time) <= 0.0)
        return mho_fail(error, MHO_USAGE,
                        "cluster.time: '%s' is no time limit of Slurm; write minutes, hours:minutes:seconds or "
                        "days-hours",
                        cluster->time);
    return MHO_OK;
}

/* minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, days-hours:minutes:seconds */
double mho_slurm_seconds(const char *time)
{
    unsigned a, b, c, d;
    char tail;
    if (time[0] < '0' || time[0] > '9')
        return 0.0;
    if (sscanf(time, "%u-%u:%u:%u%c", &a, &b, &c, &d, &tail) == 4)
        return 86400.0 * a + 3600.0 * b + 60.0 * c + d;
    if (sscanf(time, "%u-%u:%u%c", &a, &b, &c, &tail) == 3)
        return 86400.0 * a + 3600.0 * b + 60.0 * c;
    if (sscanf(time, "%u-%u%c", &a, &b, &tail) == 2)
        return 86400.0 * a + 3600.0 * b;
    if (sscanf(time, "%u:%u:%u%c", &a, &b, &c, &tail) == 3)
        return 3600.0 * a + 60.0 * b + c;
    if (sscanf(time, "%u:%u%c", &a, &b, &tail) == 2)
        return 60.0 * a + b;
    return sscanf(time, "%u%c", &a, &tail) == 1 ? 60.0 * a : 0.0;
}

static void write_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text, out);
    fputc('\'', out);
}

char *mho_shell_quote(const char *text)
{
    char *quoted = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&quoted, &size);
    if (!out)
        return NULL;
    write_quoted(out, text);
    if (fclose(out) == 0)
        return quoted;
    free(quoted);
    return NULL;
}

/* The study's name for the list of jobs. */
static void write_name(FILE *out, const MhoJobs *jobs)
{
    const char *base = strrchr(jobs->study, '/');
    base = base ? base + 1 : jobs->study;
    for (const char *at = base; *at && strcmp(at, ".yaml") != 0 && at - base < 40; at++)
        fputc(strchr(plain, *at) && *at != '%' ? *at : '_', out);
}

static void write_head(FILE *out, const MhoJobs *jobs, MhoJobKind kind)
{
    const MhoClusterParams *cluster = jobs->cluster;
    fprintf(out, "#!/bin/bash\n#SBATCH --job-name=mho-%s-", mho_job_names[kind]);
    write_name(out, jobs);
    fprintf(out, "\n#SBATCH --cpus-per-task=%d\n", kind == MHO_JOB_MERGE ? 1 : cluster->cpus);
    const struct {
        const char *option, *value;
    } words[] = {{"partition", cluster->partition},
                 {"account", cluster->account},
                 {"time", cluster->time},
                 {"mem", cluster->memory}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].value[0] != '\0')
            fprintf(out, "#SBATCH --%s=%s\n", words[i].option, words[i].value);
    /* the log is opened below, where its path may hold any character */
    fputs("#SBATCH --output=/dev/null\n"
          "#SBATCH --requeue\n"
          "#SBATCH --signal=B:USR1@120\n",
          out);
    fprintf(out, "# Written by `mho submit`: %s\n\n", purposes[kind]);
}

static const char run_function[] =
    "# Run a program and leave its exit code in $code. Slurm sends USR1 to this shell alone before the time limit: it "
    "is\n"
    "# passed on as TERM. TERM itself comes to all processes when Slurm ends the job or puts it back into the queue.\n"
    "ended=''\n"
    "run() {\n"
    "  local child='' signalled='' now\n"
    "  trap 'signalled=yes; [ -z \"$child\" ] || kill -TERM \"$child\" 2>/dev/null' USR1\n"
    "  trap 'signalled=yes ended=yes' TERM\n"
    "  \"$@\" &\n"
    "  child=$!\n"
    "  while :; do\n"
    "    signalled=''\n"
    "    wait \"$child\"\n"
    "    now=$?\n"
    "    [ \"$now\" = 127 ] || code=$now\n"
    "    [ -n \"$signalled\" ] || break\n"
    "  done\n"
    "  trap - USR1 TERM\n"
    "}\n\n"
    "# Exit code 75: stopped early and worth running again. Clusters with RequeueExit=75 do that by themselves.\n"
    "finish() {\n"
    "  if [ \"$code\" = 75 ] && [ -z \"$ended\" ] && [ \"${SLURM_RESTART_COUNT:-0}\" -lt 1000 ] &&\n"
    "    ! scontrol show config 2>/dev/null | grep -Eq '^RequeueExit +=.*\\<75\\>'; then\n"
    "    # the number of an array's last task is that of the whole array\n"
    "    scontrol requeue \"${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}\" && "
    "sleep 60\n"
    "  fi\n"
    "  exit \"$code\"\n"
    "}\n\n";

/* The folder to work in, the log and the functions. */
static void write_start(FILE *out, const MhoJobs *jobs, MhoJobKind kind)
{
    fputs("cd ", out);
    write_quoted(out, jobs->here);
    fputs(" || exit 1\nexec >>", out);
    write_quoted(out, jobs->folder);
    fprintf(out, "/logs/%s%s.log 2>&1\n", mho_job_names[kind],
            kind == MHO_JOB_ARRAY ? "-\"$SLURM_ARRAY_TASK_ID\"" : "");
    fputs("echo \"$(date -u +%FT%TZ) job $SLURM_JOB_ID on $(hostname), start $((${SLURM_RESTART_COUNT:-0} + 1))\"\n",
          out);
    fputs("code=1\n", out);
    fputs(run_function, out);
}

static void write_sweep(FILE *out, const MhoJobs *jobs, MhoJobKind kind)
{
    fputs("run ", out);
    write_quoted(out, jobs->program);
    fputs(" sweep ", out);
    write_quoted(out, jobs->study);
    for (size_t i = 0; i < jobs->n_options; i++) {
        fputs(" \\\n  ", out);
        write_quoted(out, jobs->options[i]);
    }
    if (kind == MHO_JOB_TRAIN) {
        fputs(" \\\n  --models-only -o ", out);
        write_quoted(out, jobs->result);
    } else {
        fprintf(out, " \\\n  --shard \"$SLURM_ARRAY_TASK_ID/%d\" -o ", jobs->n_tasks);
        write_quoted(out, jobs->folder);
        fprintf(out, "\"/parts/part-$SLURM_ARRAY_TASK_ID-of-%d.h5\"", jobs->n_tasks);
    }
    fputs("\nfinish\n", out);
}

static void write_merge(FILE *out, const MhoJobs *jobs)
{
    fputs("code=0\nif [ ! -e ", out);
    write_quoted(out, jobs->result);
    fputs(" ]; then\n  run ", out);
    write_quoted(out, jobs->program);
    fputs(" merge ", out);
    write_quoted(out, jobs->folder);
    fputs("/parts -o ", out);
    write_quoted(out, jobs->result);
    fputs("\nfi\n[ \"$code\" = 0 ] || finish\n", out);
    write_quoted(out, jobs->program);
    fputs(" plot ", out);
    write_quoted(out, jobs->result);
    fputs(" || echo 'no figure was drawn; the result is whole'\n", out);
}

char *mho_job_script(const MhoJobs *jobs, MhoJobKind kind)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    write_head(out, jobs, kind);
    write_start(out, jobs, kind);
    if (kind == MHO_JOB_MERGE)
        write_merge(out, jobs);
    else
        write_sweep(out, jobs, kind);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

MhoStatus mho_part_path(const char *folder, int task, int n_tasks, char *path, size_t size, MhoError *error)
{
    const int n = snprintf(path, size, "%s/parts/part-%d-of-%d.h5", folder, task, n_tasks);
    return n >= 0 && (size_t)n < size ? MHO_OK : mho_fail(error, MHO_USAGE, "%s: the path is too long", folder);
}

char *mho_parts_missing(const char *folder, int n_tasks, int *n)
{
    char *text = NULL, path[4096];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    MhoError ignored = {0};
    int first = 0; /* of a run of missing ones; 0: none */
    *n = 0;
    for (int task = 1; out && task <= n_tasks + 1; task++) {
        const bool is_missing =
            task <= n_tasks &&
            (mho_part_path(folder, task, n_tasks, path, sizeof path, &ignored) != MHO_OK || access(path, F_OK) != 0);
        if (is_missing) {
            first = first ? first : task;
            ++*n;
        } else if (first) {
            fprintf(out, task - 1 > first ? "%s%d-%d" : "%s%d", ftell(out) > 0 ? "," : "", first, task - 1);
            first = 0;
        }
    }
    if (out && fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

MhoStatus mho_slurm_submit(const char *script, const char *after, const char *array, long *id, MhoError *error)
{
    char *words[2] = {NULL, NULL}, *output = NULL;
    if ((after && asprintf(&words[0], "--dependency=%s", after) < 0) ||
        (array && asprintf(&words[1], "--array=%s", array) < 0)) {
        free(words[0]);
        return mho_fail(error, MHO_MEMORY, "out of memory for a job");
    }
    const char *arguments[8] = {"sbatch", "--parsable", "--kill-on-invalid-dep=yes"};
    size_t n = 3;
    for (size_t i = 0; i < 2; i++)
        if (words[i])
            arguments[n++] = words[i];
    arguments[n] = script;
    MhoStatus status = mho_process_read(arguments, &output, error);
    *id = status == MHO_OK ? strtol(output, NULL, 10) : 0;
    if (status == MHO_OK && *id <= 0)
        status = mho_fail(error, MHO_FAILED, "sbatch gave no job number for %s", script);
    free(output);
    free(words[0]);
    free(words[1]);
    return status;
}

bool mho_slurm_queue(const long *jobs, size_t n, size_t *running, size_t *waiting)
{
    const char *const arguments[] = {"squeue", "--me", "--noheader", "--array", "--format=%F %T", NULL};
    char *output;
    MhoError ignored = {0};
    *running = *waiting = 0;
    if (!mho_process_on_path("squeue") || mho_process_read(arguments, &output, &ignored) != MHO_OK)
        return false;
    for (char *rest = output, *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *state;
        const long job = strtol(line, &state, 10);
        for (size_t i = 0; i < n && job > 0; i++) {
            if (jobs[i] != job)
                continue;
            const bool is_running = strcmp(state, " RUNNING") == 0 || strcmp(state, " COMPLETING") == 0;
            ++*(is_running ? running : waiting);
            break;
        }
    }
    free(output);
    return true;
}
