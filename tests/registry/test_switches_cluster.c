/* test_switches_cluster.c - what every key of a cluster does: a line in the scripts of the jobs, or their number. */
#include <stdlib.h>
#include <string.h>

#include "app/slurm.h"
#include "app/trial_time.h"
#include "harness.h"
#include "switches.h"

/* Whether the script of the array's tasks with these parameters has the line. */
static bool has_line(const void *params, const char *line)
{
    const MhoJobs jobs = {.program = "/bin/mho",
                          .study = "/s.yaml",
                          .here = "/",
                          .folder = "/r.h5.cluster",
                          .result = "/r.h5",
                          .cluster = params,
                          .n_tasks = 3};
    char *script = mho_job_script(&jobs, MHO_JOB_ARRAY);
    ck_assert_ptr_nonnull(script);
    const bool found = strstr(script, line) != NULL;
    free(script);
    return found;
}

static bool asks_for_partition(const MhoDescriptor *model, const void *params, double on)
{
    (void)model, (void)on;
    return has_line(params, "\n#SBATCH --partition=short\n");
}

static bool asks_for_account(const MhoDescriptor *model, const void *params, double on)
{
    (void)model, (void)on;
    return has_line(params, "\n#SBATCH --account=me\n");
}

static bool asks_for_time(const MhoDescriptor *model, const void *params, double on)
{
    (void)model, (void)on;
    return has_line(params, "\n#SBATCH --time=1-12\n");
}

static bool asks_for_memory(const MhoDescriptor *model, const void *params, double on)
{
    (void)model, (void)on;
    return has_line(params, "\n#SBATCH --mem=4G\n");
}

static bool asks_for_cpus(const MhoDescriptor *model, const void *params, double on)
{
    (void)model, (void)on;
    return has_line(params, "\n#SBATCH --cpus-per-task=6\n");
}

/* 1200 trials of 10 s are 10 tasks of 20 min, unless their number is given. */
static bool cuts_into_tasks(const MhoDescriptor *model, const void *params, double on)
{
    const MhoTrialTime time = {.n_trials = 1200, .n_shares = 1200, .seconds = 10.0};
    (void)model;
    return mho_trial_time_tasks(&time, params) == (int)on;
}

static const Switch switches[] = {
    {"cluster", "partition", "short", "", asks_for_partition, NULL},
    {"cluster", "account", "me", "", asks_for_account, NULL},
    {"cluster", "time", "1-12", "", asks_for_time, NULL},
    {"cluster", "memory", "4G", "", asks_for_memory, NULL},
    {"cluster", "cpus", "6", "1", asks_for_cpus, NULL},
    {"cluster", "tasks", "7", "0", cuts_into_tasks, NULL},
};

static const MhoDescriptor *const tables[] = {&mho_cluster_descriptor, NULL};
const SwitchBook book = {.rows = switches, .n_rows = sizeof switches / sizeof *switches, .tables = tables};

/* Tasks take 20 min or half the time limit, hold a trial at least and are a thousand at most. Where points stop early
 * and so are never cut, there are no more tasks than points. */
TEST(sizes_of_tasks)
{
    static const struct {
        size_t trials;
        double seconds, setup;
        const char *limit;
        int tasks;
    } rows[] = {
        {1200, 10.0, 0.0, "", 10},   {1200, 10.0, 0.0, "20", 20},  {1200, 10.0, 200.0, "", 12},
        {1200, 0.001, 0.0, "", 1},   {5, 1e6, 0.0, "", 5},         {1000000, 60.0, 0.0, "", MHO_MAX_ARRAY_TASKS},
        {100, 60.0, 5000.0, "", 10}, {1200, 10.0, 0.0, "2-0", 10}, {1200, 10.0, 0.0, "0:20:00", 20},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        MhoTrialTime time = {
            .n_trials = rows[i].trials, .n_shares = rows[i].trials, .seconds = rows[i].seconds, .setup = rows[i].setup};
        MhoClusterParams cluster = {.cpus = 1};
        strcpy(cluster.time, rows[i].limit);
        ck_assert_int_eq(mho_trial_time_tasks(&time, &cluster), rows[i].tasks);
        time.n_shares = 3;
        ck_assert_int_eq(mho_trial_time_tasks(&time, &cluster), rows[i].tasks < 3 ? rows[i].tasks : 3);
        cluster.tasks = 7;
        ck_assert_int_eq(mho_trial_time_tasks(&time, &cluster), 3);
    }
}

/* Every form of a time limit is read as sbatch(1) describes it, and nothing else. */
TEST(time_limits)
{
    static const struct {
        const char *text;
        double seconds;
    } rows[] = {{"30", 1800}, {"1:30", 90}, {"2:00:00", 7200}, {"1-12", 129600}, {"1-00:30", 88200}, {"1-0:0:5", 86405},
                {"", 0},      {"soon", 0},  {"-5", 0},         {"1h", 0},        {"1:2:3:4", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_double_eq(mho_slurm_seconds(rows[i].text), rows[i].seconds);
}
