/* options.h - the command line that `mho` and every experiment share. */
#ifndef MHO_APP_OPTIONS_H
#define MHO_APP_OPTIONS_H

#include "base/log.h"
#include "study/keys/study.h"
#include "study/sweep/sweep.h"

enum { MHO_MAX_SETS = 128, MHO_MAX_ARGUMENTS = 4096, MHO_MAX_CLUSTER_OPTIONS = 32 };

/* Which options a command takes. */
typedef enum MhoOptionBit {
    MHO_OPTION_SET = 1 << 0,
    MHO_OPTION_OUTPUT = 1 << 1,
    MHO_OPTION_DATA = 1 << 2,
    MHO_OPTION_THREADS = 1 << 3,
    MHO_OPTION_CPU = 1 << 4,
    MHO_OPTION_SHARD = 1 << 5,
    MHO_OPTION_RETRAIN = 1 << 6,
    MHO_OPTION_RESUME = 1 << 7,
    MHO_OPTION_RESTART = 1 << 28,
    MHO_OPTION_RECIPE_OF = 1 << 29,
    MHO_OPTION_LAYERS = 1 << 8,
    MHO_OPTION_TRACE = 1 << 9,
    MHO_OPTION_FROM = 1 << 10,
    MHO_OPTION_QUIET = 1 << 11,
    MHO_OPTION_CHECK = 1 << 12,
    MHO_OPTION_BATCH = 1 << 13,
    MHO_OPTION_LOGITS = 1 << 14,
    MHO_OPTION_JSON = 1 << 15,
    MHO_OPTION_EXTEND = 1 << 16,
    MHO_OPTION_DRY_RUN = 1 << 17,
    MHO_OPTION_CSV = 1 << 18,
    MHO_OPTION_MERGE = 1 << 24,       /* --partial, --accept-edited */
    MHO_OPTION_CLUSTER = 1 << 25,     /* --partition ...: keys cluster.* */
    MHO_OPTION_MODELS_ONLY = 1 << 26, /* --models-only */
    MHO_OPTION_TRIAL = 1 << 27,
    MHO_OPTION_X = 1 << 19,
    MHO_OPTION_LINES = 1 << 20,
    MHO_OPTION_PANELS = 1 << 21,
    MHO_OPTION_TITLE = 1 << 22,
    MHO_OPTION_FORMAT = 1 << 23
} MhoOptionBit;

enum {
    MHO_OPTIONS_RUN = MHO_OPTION_SET | MHO_OPTION_DATA | MHO_OPTION_THREADS | MHO_OPTION_CPU | MHO_OPTION_QUIET,
    MHO_OPTIONS_SWEEP = MHO_OPTIONS_RUN | MHO_OPTION_OUTPUT | MHO_OPTION_SHARD | MHO_OPTION_RETRAIN | MHO_OPTION_BATCH |
                        MHO_OPTION_EXTEND | MHO_OPTION_DRY_RUN
};

typedef struct MhoOptions {
    const char *sets[MHO_MAX_SETS]; /* "key=value", in order */
    size_t n_sets;
    const char **arguments; /* everything that is not an option, in order */
    size_t n_arguments;
    const char *output, *data, *cpu, *from, *logits, *extend;
    const char *x, *lines, *panels, *title, *format; /* of figures */
    int shard, n_shards, threads, trace, trial, batch;
    bool restart;
    bool retrain, resume, layers, quiet, help, check, json, csv, dry_run;
    bool partial, accept_edited, models_only;
    struct {
        const char *key, *value; /* "partition" of cluster.partition */
    } cluster[MHO_MAX_CLUSTER_OPTIONS];
    size_t n_cluster;
    MhoLog log;
} MhoOptions;

/* Parse argv[first..]; what follows "--" are arguments. Unknown options are USAGE errors that name the nearest one.
 * Borrows argv; free with mho_options_clear. */
MhoStatus mho_options_parse(int argc, char **argv, int first, unsigned allowed, MhoOptions *options,
                            MhoError *error) MHO_CHECKED;
void mho_options_clear(MhoOptions *options);

/* One option of the command line, as help, manual pages and completion show it. */
typedef struct MhoOptionText {
    unsigned bit;                    /* MhoOptionBit; several options may share one */
    const char *name, *value, *help; /* value NULL: a flag */
} MhoOptionText;
const MhoOptionText *mho_options_table(size_t *n);

/* One line per allowed option, for --help; the caller frees it. */
char *mho_options_help(unsigned allowed);

/* Kernels (--cpu), threads (-j, else SLURM_CPUS_PER_TASK, else OMP_NUM_THREADS, else the cores) and stop signals. */
MhoStatus mho_options_start(MhoOptions *options, MhoError *error) MHO_CHECKED;

/* The study at path (NULL: defaults) with every --set applied, in order. */
MhoStatus mho_options_study(const MhoOptions *options, const char *path, MhoStudy *study, MhoError *error) MHO_CHECKED;

/* The options that loading or training a model, and running a sweep, take. */
MhoModelOptions mho_options_model(const MhoOptions *options, bool may_train);
MhoSweepOptions mho_options_sweep(const MhoOptions *options, bool may_train);

#endif
