/* options.c - one table of options; every command takes some of them. */
#include "app/options.h"

#include <errno.h>
#include <limits.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/console.h"
#include "base/memory.h"
#include "kernels/kernels.h"

typedef MhoOptionText Option;

static const Option table[] = {
    {MHO_OPTION_SET, "--set", "KEY=VALUE",
     "set a key (`mho describe` lists all); 4,6,8 or 4:8:2 or [pcm, ideal] sweeps it"},
    {MHO_OPTION_OUTPUT, "-o", "FILE", "the file to write"},
    {MHO_OPTION_DATA, "--data", "FOLDER",
     "folder of the data sets (default: $MHO_DATA, ~/.local/share/mho, /usr/share/datasets)"},
    {MHO_OPTION_THREADS, "-j", "N",
     "threads (default: SLURM_CPUS_PER_TASK, OMP_NUM_THREADS, all cores); only training's results depend on it"},
    {MHO_OPTION_CPU, "--cpu", "NAME",
     "kernels: auto (default), scalar, avx2, avx512; only training's results may depend on it"},
    {MHO_OPTION_SHARD, "--shard", "I/N", "run part I of N; `mho merge` joins the parts"},
    {MHO_OPTION_RETRAIN, "--retrain", NULL, "train the model again, even over one of another recipe"},
    {MHO_OPTION_RECIPE_OF, "--from", "MODEL.h5", "repeat the recipe that this model holds, in place of a study"},
    {MHO_OPTION_RESTART, "--restart", NULL, "drop the checkpoint of an unfinished run and start from the beginning"},
    {MHO_OPTION_RESUME, "--resume", NULL, "a damaged checkpoint is an error (default: a warning, and start over)"},
    {MHO_OPTION_LAYERS, "--layers", NULL,
     "one line per layer: bits, tiles, conversions, ADC step, signal-to-noise ratio, clipping, bit operations"},
    {MHO_OPTION_TRACE, "--trace", "N",
     "write the codes of every layer for image N, without and with the chip, to -o FILE (default: trace.h5)"},
    {MHO_OPTION_LOGITS, "--logits", "FILE", "write the logits, predicted and true labels of every chip to FILE"},
    {MHO_OPTION_FROM, "--from", "PATH",
     "your own copy of the files: a folder, a tar archive, a .deb or one of the files"},
    {MHO_OPTION_BATCH, "--batch", "N", "images classified at once (default: 250); results do not depend on it"},
    {MHO_OPTION_CHECK, "--check", NULL, "only compare the kernels with their specification; measure nothing"},
    {MHO_OPTION_JSON, "--json", NULL, "print JSON, one value on one line, for programs"},
    {MHO_OPTION_TRIAL, "--trial", "N", "number of the trial, counted from 0"},
    {MHO_OPTION_EXTEND, "--extend", "RESULT.h5",
     "take over the trials of a result that are part of this study; with -o the same file, it grows"},
    {MHO_OPTION_CSV, "--csv", NULL, "comma-separated values"},
    {MHO_OPTION_DRY_RUN, "--dry-run", NULL, "change nothing: print what would be done"},
    {MHO_OPTION_MERGE, "--partial", NULL, "write what is there when trials are missing; the result says so"},
    {MHO_OPTION_MERGE, "--accept-edited", NULL, "take shards that another program has edited"},
    {MHO_OPTION_MODELS_ONLY, "--models-only", NULL, "train the models that are missing and run no trial"},
    {MHO_OPTION_CLUSTER, "--partition", "NAME", "partition of the cluster (key cluster.partition)"},
    {MHO_OPTION_CLUSTER, "--account", "NAME", "account that pays (cluster.account)"},
    {MHO_OPTION_CLUSTER, "--time", "TIME", "time limit of a task, as 02:00:00 (cluster.time)"},
    {MHO_OPTION_CLUSTER, "--memory", "SIZE", "memory of a task, as 4G (cluster.memory)"},
    {MHO_OPTION_CLUSTER, "--cpus", "N", "CPUs of a task (cluster.cpus)"},
    {MHO_OPTION_CLUSTER, "--tasks", "N", "tasks of the array; 0: from a measured time per trial (cluster.tasks)"},
    {MHO_OPTION_X, "--x", "KEY", "the swept key along x"},
    {MHO_OPTION_LINES, "--lines", "KEY", "the swept key with a line per value"},
    {MHO_OPTION_PANELS, "--panels", "KEY,...", "the swept keys with a panel per value"},
    {MHO_OPTION_TITLE, "--title", "TEXT", "the title (default: that of the file)"},
    {MHO_OPTION_FORMAT, "--format", "LIST", "some of svg,png,pdf (default: all)"},
    {MHO_OPTION_QUIET, "--quiet", NULL, "print no progress"},
};

enum { N_OPTIONS = sizeof table / sizeof *table };

const MhoOptionText *mho_options_table(size_t *n)
{
    *n = N_OPTIONS;
    return table;
}

static MhoStatus whole_number(const char *name, const char *text, int min, int max, int *value, MhoError *error)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end || errno || number < min || number > max)
        return mho_fail(error, MHO_USAGE, "%s %s: give a whole number from %d to %d", name, text, min, max);
    *value = (int)number;
    return MHO_OK;
}

static MhoStatus set_shard(MhoOptions *options, const char *text, MhoError *error)
{
    char tail;
    if (sscanf(text, "%d/%d%c", &options->shard, &options->n_shards, &tail) != 2 || options->n_shards < 1 ||
        options->shard < 1 || options->shard > options->n_shards || options->n_shards > 100000)
        return mho_fail(error, MHO_USAGE, "--shard %s: write --shard i/n with 1 <= i <= n, as --shard 3/16", text);
    return MHO_OK;
}

static MhoStatus set_cluster(MhoOptions *options, const char *name, const char *value, MhoError *error)
{
    if (options->n_cluster == MHO_MAX_CLUSTER_OPTIONS)
        return mho_fail(error, MHO_USAGE, "%s: more than %d options of the cluster", name, MHO_MAX_CLUSTER_OPTIONS);
    options->cluster[options->n_cluster].key = name + 2;
    options->cluster[options->n_cluster++].value = value;
    return MHO_OK;
}

static void set_merge(MhoOptions *options, const char *name)
{
    if (strcmp(name, "--partial") == 0)
        options->partial = true;
    else
        options->accept_edited = true;
}

static MhoStatus apply(MhoOptions *options, const Option *option, const char *value, MhoError *error)
{
    switch (option->bit) {
    case MHO_OPTION_SET:
        if (options->n_sets == MHO_MAX_SETS)
            return mho_fail(error, MHO_USAGE, "--set: more than %d; put them into a study file", MHO_MAX_SETS);
        options->sets[options->n_sets++] = value;
        return MHO_OK;
    case MHO_OPTION_OUTPUT: options->output = value; return MHO_OK;
    case MHO_OPTION_X: options->x = value; return MHO_OK;
    case MHO_OPTION_LINES: options->lines = value; return MHO_OK;
    case MHO_OPTION_PANELS: options->panels = value; return MHO_OK;
    case MHO_OPTION_TITLE: options->title = value; return MHO_OK;
    case MHO_OPTION_FORMAT: options->format = value; return MHO_OK;
    case MHO_OPTION_DATA: options->data = value; return MHO_OK;
    case MHO_OPTION_CPU: options->cpu = value; return MHO_OK;
    case MHO_OPTION_FROM:
    case MHO_OPTION_RECIPE_OF: options->from = value; return MHO_OK;
    case MHO_OPTION_TRIAL: return whole_number("--trial", value, 0, INT_MAX, &options->trial, error);
    case MHO_OPTION_EXTEND: options->extend = value; return MHO_OK;
    case MHO_OPTION_DRY_RUN: options->dry_run = true; return MHO_OK;
    case MHO_OPTION_LOGITS: options->logits = value; return MHO_OK;
    case MHO_OPTION_THREADS: return whole_number("-j", value, 1, 4096, &options->threads, error);
    case MHO_OPTION_BATCH: return whole_number("--batch", value, 1, 1000000, &options->batch, error);
    case MHO_OPTION_TRACE: return whole_number("--trace", value, 0, INT_MAX, &options->trace, error);
    case MHO_OPTION_SHARD: return set_shard(options, value, error);
    case MHO_OPTION_RETRAIN: options->retrain = true; return MHO_OK;
    case MHO_OPTION_RESUME: options->resume = true; return MHO_OK;
    case MHO_OPTION_RESTART: options->restart = true; return MHO_OK;
    case MHO_OPTION_LAYERS: options->layers = true; return MHO_OK;
    case MHO_OPTION_JSON: options->json = true; return MHO_OK;
    case MHO_OPTION_CSV: options->csv = true; return MHO_OK;
    case MHO_OPTION_CHECK: options->check = true; return MHO_OK;
    case MHO_OPTION_MERGE: set_merge(options, option->name); return MHO_OK;
    case MHO_OPTION_MODELS_ONLY: options->models_only = true; return MHO_OK;
    case MHO_OPTION_CLUSTER: return set_cluster(options, option->name, value, error);
    default: options->quiet = true; return MHO_OK;
    }
}

/* The option that text is: "--name", "--name=value" or "-ovalue". *value points to the value in text, else NULL. */
static const Option *find_option(const char *text, unsigned allowed, const char **value)
{
    *value = NULL;
    for (size_t i = 0; i < N_OPTIONS; i++) {
        size_t length = strlen(table[i].name);
        if (!(table[i].bit & allowed) || strncmp(text, table[i].name, length) != 0)
            continue;
        if (text[length] == '\0')
            return &table[i];
        bool is_long = table[i].name[1] == '-';
        if (is_long ? text[length] == '=' : table[i].value != NULL) {
            *value = text + length + (is_long ? 1 : 0);
            return &table[i];
        }
    }
    return NULL;
}

static MhoStatus unknown_option(const char *text, unsigned allowed, MhoError *error)
{
    const char *words[N_OPTIONS];
    size_t n = 0;
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (table[i].bit & allowed)
            words[n++] = table[i].name;
    int nearest = mho_nearest_word(text, words, n);
    if (nearest >= 0)
        return mho_fail(error, MHO_USAGE, "unknown option '%s'; did you mean '%s'?", text, words[nearest]);
    return mho_fail(error, MHO_USAGE, "unknown option '%s'; --help lists the options of this command", text);
}

MhoStatus mho_options_parse(int argc, char **argv, int first, unsigned allowed, MhoOptions *options, MhoError *error)
{
    *options = (MhoOptions){.shard = 1, .n_shards = 1, .trace = -1, .trial = -1};
    options->arguments = mho_calloc((size_t)argc + 1, sizeof *options->arguments, error, "the command line");
    if (!options->arguments)
        return MHO_MEMORY;
    bool takes_options = true; /* "--" ends them */
    for (int i = first; i < argc; i++) {
        const char *text = argv[i], *value;
        if (takes_options && strcmp(text, "--") == 0) {
            takes_options = false;
            continue;
        }
        if (takes_options && (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0)) {
            options->help = true;
            continue;
        }
        if (!takes_options || text[0] != '-' || text[1] == '\0') {
            options->arguments[options->n_arguments++] = text;
            continue;
        }
        const Option *option = find_option(text, allowed, &value);
        if (!option)
            return unknown_option(text, allowed, error);
        if (option->value && !value) {
            if (i + 1 == argc)
                return mho_fail(error, MHO_USAGE, "%s needs a value: %s %s", option->name, option->name, option->value);
            value = argv[++i];
        } else if (!option->value && value) {
            return mho_fail(error, MHO_USAGE, "%s takes no value", option->name);
        }
        MhoStatus status = apply(options, option, value, error);
        if (status != MHO_OK)
            return status;
    }
    return MHO_OK;
}

void mho_options_clear(MhoOptions *options)
{
    free(options->arguments);
    *options = (MhoOptions){0};
}

char *mho_options_help(unsigned allowed)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < N_OPTIONS; i++) {
        char name[64];
        if (!(table[i].bit & allowed))
            continue;
        snprintf(name, sizeof name, "%s %s", table[i].name, table[i].value ? table[i].value : "");
        fprintf(out, "  %-18s %s\n", name, table[i].help);
    }
    return fclose(out) == 0 ? text : NULL;
}

/* A positive whole number in an environment variable, or 0. */
static int threads_from(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    long n = text ? strtol(text, &end, 10) : 0;
    return text && end != text && (*end == '\0' || *end == ',') && n > 0 && n <= 4096 ? (int)n : 0;
}

MhoStatus mho_options_start(MhoOptions *options, MhoError *error)
{
    if (!options->quiet)
        options->log.write = mho_log_stderr;
    mho_stop_install();
    if (options->threads == 0)
        options->threads = threads_from("SLURM_CPUS_PER_TASK");
    if (options->threads == 0)
        options->threads = threads_from("OMP_NUM_THREADS");
    if (options->threads == 0)
        options->threads = omp_get_num_procs();
    omp_set_num_threads(options->threads);
    return options->cpu ? mho_kernels_force(options->cpu, error) : MHO_OK;
}

MhoStatus mho_options_study(const MhoOptions *options, const char *path, MhoStudy *study, MhoError *error)
{
    MhoStatus status = mho_study_read(path, study, error);
    if (status != MHO_OK)
        return status;
    for (size_t i = 0; i < options->n_sets && status == MHO_OK; i++)
        status = mho_study_set(study, options->sets[i], error);
    if (status != MHO_OK)
        mho_study_destroy(study);
    return status;
}

MhoModelOptions mho_options_model(const MhoOptions *options, bool may_train)
{
    return (MhoModelOptions){.data = options->data,
                             .threads = options->threads,
                             .batch = options->batch,
                             .retrain = options->retrain,
                             .resume = MHO_RESUME_FOUND,
                             .may_train = may_train,
                             .log = &options->log};
}

MhoSweepOptions mho_options_sweep(const MhoOptions *options, bool may_train)
{
    return (MhoSweepOptions){.model = mho_options_model(options, may_train),
                             .output = options->output,
                             .extend = options->extend,
                             .shard = options->shard,
                             .n_shards = options->n_shards};
}
