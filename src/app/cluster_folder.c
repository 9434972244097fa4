/* cluster_folder.c - the plan of a study on a cluster, as lines "name value". */
#include "app/cluster_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "study/models/record_file.h"

MhoStatus mho_cluster_folder(const char *result, char *folder, size_t size, MhoError *error)
{
    const int n = snprintf(folder, size, "%s.cluster", result);
    return n >= 0 && (size_t)n < size ? MHO_OK : mho_fail(error, MHO_USAGE, "%s: the path is too long", result);
}

static MhoStatus plan_path(const char *folder, char *path, size_t size, MhoError *error)
{
    const int n = snprintf(path, size, "%s/plan", folder);
    return n >= 0 && (size_t)n < size ? MHO_OK : mho_fail(error, MHO_USAGE, "%s: the path is too long", folder);
}

/* One line of a plan into it. */
static void read_line(const char *line, char digest[65], MhoClusterPlan *plan)
{
    int task;
    size_t trials;
    double seconds;
    char word[65];
    long job;
    if (sscanf(line, "study %64s", word) == 1)
        snprintf(digest, 65, "%s", word);
    else if (sscanf(line, "tasks %d", &task) == 1)
        plan->n_tasks = task;
    else if (sscanf(line, "trials %zu", &trials) == 1)
        plan->n_trials = trials;
    else if (strcmp(line, "stops_early 1\n") == 0)
        plan->stops_early = true;
    else if (sscanf(line, "seconds_per_trial %lf", &seconds) == 1)
        plan->seconds = seconds > 0.0 ? seconds : 0.0;
    for (size_t i = 0; i < MHO_N_JOBS; i++) {
        const size_t length = strlen(mho_job_names[i]);
        if (strncmp(line, "job_", 4) == 0 && strncmp(line + 4, mho_job_names[i], length) == 0 &&
            sscanf(line + 4 + length, " %ld", &job) == 1)
            plan->jobs[i] = job;
    }
}

MhoStatus mho_cluster_plan_read(const char *folder, const char *study_text, MhoClusterPlan *plan, MhoError *error)
{
    char path[4096], line[256], digest[65] = "", mine[65];
    *plan = (MhoClusterPlan){0};
    MhoStatus status = plan_path(folder, path, sizeof path, error);
    FILE *file = status == MHO_OK ? fopen(path, "re") : NULL;
    if (!file)
        return status;
    while (fgets(line, sizeof line, file))
        read_line(line, digest, plan);
    fclose(file);
    if (plan->n_tasks < 1 || plan->n_tasks > MHO_MAX_ARRAY_TASKS || digest[0] == '\0')
        return mho_fail(error, MHO_INPUT, "%s: not a plan of `mho submit`; move the folder away", path);
    if (!study_text)
        return MHO_OK;
    mho_sha256(study_text, strlen(study_text), mine);
    if (strcmp(mine, digest) != 0)
        return mho_fail(error, MHO_USAGE,
                        "%s holds the parts of another study and is never overwritten; name another result with -o or "
                        "move it away",
                        folder);
    return MHO_OK;
}

MhoStatus mho_cluster_plan_write(const char *folder, const char *study_text, const MhoClusterPlan *plan,
                                 MhoError *error)
{
    char path[4096], digest[65], *text = NULL;
    MhoStatus status = plan_path(folder, path, sizeof path, error);
    mho_sha256(study_text, strlen(study_text), digest);
    if (status == MHO_OK &&
        asprintf(&text,
                 "study %s\ntasks %d\ntrials %zu\nstops_early %d\nseconds_per_trial %.6g\njob_%s %ld\njob_%s %ld\n"
                 "job_%s %ld\n",
                 digest, plan->n_tasks, plan->n_trials, plan->stops_early, plan->seconds, mho_job_names[0],
                 plan->jobs[0], mho_job_names[1], plan->jobs[1], mho_job_names[2], plan->jobs[2]) < 0)
        return mho_fail(error, MHO_MEMORY, "out of memory for a plan");
    if (status == MHO_OK)
        status = mho_text_file_write(path, text, strlen(text), error);
    free(text);
    return status;
}
