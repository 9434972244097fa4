/* merge.c - shards into one result: each trial exactly once, and all of them unless a partial result is wanted.
 *
 * One shard is in memory at a time; what is kept of it are its trials, its names of layers and who ran it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/store.h"
#include "study/sweep/merge_internal.h"
#include "study/sweep/stop_rule.h"

typedef struct Merge {
    const MhoMergeOptions *options;
    MhoShardHead head; /* of the first shard; study and points are the same in all */
    MhoTrials trials;
    MhoShardRuns runs;
    char **layers; /* (n_layers) names of the shard that has most layers */
    size_t n_layers, n_files;
    MhoStudy study;
    MhoPointList grid;
} Merge;

static void layers_clear(Merge *merge)
{
    for (size_t l = 0; l < merge->n_layers; l++)
        free(merge->layers[l]);
    free(merge->layers);
    merge->layers = NULL;
    merge->n_layers = 0;
}

/* A shard may name fewer layers: its own points may have smaller networks. */
static MhoStatus keep_layers(Merge *merge, const MhoRecord *shard, const char *path, MhoError *error)
{
    const MhoArray *names;
    MhoStatus status = mho_record_require(shard, path, "layer", MHO_STRING, 1, &names, error);
    if (status != MHO_OK || names->shape[0] <= merge->n_layers)
        return status;
    layers_clear(merge);
    merge->layers = mho_calloc(names->shape[0], sizeof *merge->layers, error, "the names of layers");
    if (!merge->layers)
        return MHO_MEMORY;
    for (size_t l = 0; l < names->shape[0]; l++) {
        if (!(merge->layers[l] = mho_strdup(((char *const *)names->data)[l], error)))
            return MHO_MEMORY;
        merge->n_layers = l + 1;
    }
    return MHO_OK;
}

static MhoStatus refuse_edited(const char *path, MhoError *error)
{
    return mho_fail(error, MHO_INPUT,
                    "%s: another program has edited this file: the checksum that mho wrote is gone; run the shard "
                    "again, or merge it as it is with --accept-edited",
                    path);
}

/* Take what is wanted from one shard. */
static MhoStatus take(Merge *merge, const MhoRecord *shard, const char *path, bool is_edited, MhoError *error)
{
    MhoShardHead head;
    MhoStatus status = mho_shard_head_read(shard, path, &head, error);
    if (status != MHO_OK)
        return status;
    if (merge->n_files++ == 0) {
        merge->head = head;
    } else {
        status = mho_shard_heads_agree(&merge->head, &head, error);
        mho_shard_head_clear(&head);
    }
    if (status == MHO_OK)
        status = mho_result_trials(shard, path, &merge->trials, error);
    if (status == MHO_OK)
        status = keep_layers(merge, shard, path, error);
    return status == MHO_OK ? mho_shard_runs_add(&merge->runs, shard, path, is_edited, error) : status;
}

/* In a folder there may be other files: models, figures' data, whole results. */
static bool is_shard(const MhoRecord *record)
{
    const char *kind = mho_attribute_string(&record->attributes, "kind");
    return kind && strcmp(kind, "result") == 0 && mho_attribute_find(&record->attributes, "shard");
}

static MhoStatus add_file(Merge *merge, const MhoMergeFile *file, MhoError *error)
{
    MhoRecord *shard = NULL;
    bool is_signed;
    MhoStatus status = mho_store_read_signed(file->path, !file->is_found, &is_signed, &shard, error);
    if (status != MHO_OK)
        return status;
    if (file->is_found && !is_shard(shard)) {
        mho_log(merge->options->log, MHO_LOG_INFO, "%s is no shard of a sweep; left out", file->path);
    } else if (!is_signed && !merge->options->accept_edited) {
        status = refuse_edited(file->path, error);
    } else {
        if (!is_signed)
            mho_log(merge->options->log, MHO_LOG_WARNING, "%s was edited by another program; merged as it is",
                    file->path);
        status = take(merge, shard, file->path, !is_signed, error);
    }
    mho_record_destroy(shard);
    return status;
}

/* How many trials no shard holds; the first ones by name into `named`. */
static size_t find_missing(const Merge *merge, char *named, size_t size)
{
    enum { NAMED = 5 };
    size_t missing = 0, used = 0;
    named[0] = '\0';
    for (size_t p = 0; p < merge->head.n_points; p++)
        for (uint32_t chip = 0; chip < merge->head.points[p].n_chips; chip++) {
            if (mho_trials_find(&merge->trials, merge->head.points[p].key, chip))
                continue;
            if (missing++ < NAMED && used < size)
                used += (size_t)snprintf(named + used, size - used, "%spoint %zu chip %u", used ? ", " : "", p, chip);
        }
    if (missing > NAMED && used < size)
        snprintf(named + used, size - used, ", ...");
    return missing;
}

/* The study as the shards hold it, and its grid, which must have the points that the shards have. */
static MhoStatus rebuild(Merge *merge, MhoError *error)
{
    MhoStatus status = mho_study_from_text(merge->head.study, merge->head.path, &merge->study, error);
    if (status == MHO_OK)
        status = mho_points_create(&merge->study, &merge->grid, error);
    if (status == MHO_OK && merge->head.n_points != merge->grid.n_points)
        status =
            mho_fail(error, MHO_INPUT, "%s: holds %zu points and its study has %zu: made by another version of mho",
                     merge->head.path, merge->head.n_points, merge->grid.n_points);
    for (size_t i = 0; i < merge->trials.n && status == MHO_OK; i++)
        if (merge->trials.list[i]->n_layers > merge->n_layers)
            status =
                mho_fail(error, MHO_INPUT, "%s: holds the names of %zu layers and results of %u; not a whole result",
                         merge->head.path, merge->n_layers, merge->trials.list[i]->n_layers);
    return status;
}

/* What a reader of a partial result must know, and that it may be merged again. */
static MhoStatus mark_partial(MhoRecord *record, size_t missing, const char *named, MhoError *error)
{
    MhoStatus status = mho_attribute_int(&record->attributes, "missing", (int64_t)missing, error);
    return status == MHO_OK ? mho_attribute_text(&record->attributes, "missing_trials", named, error) : status;
}

static MhoStatus write_merged(const Merge *merge, const char *output, size_t missing, const char *named,
                              MhoError *error)
{
    MhoRecord *record = NULL;
    double seconds = 0.0;
    for (size_t r = 0; r < merge->runs.n; r++)
        seconds += merge->runs.list[r].seconds > 0.0 ? merge->runs.list[r].seconds : 0.0;
    const MhoResultInput input = {.study = &merge->study,
                                  .grid = &merge->grid,
                                  .points = merge->head.points,
                                  .trials = &merge->trials,
                                  .layers = (const char *const *)merge->layers,
                                  .n_layers = merge->n_layers,
                                  .digest = merge->head.digest,
                                  .models = merge->head.models,
                                  .data = *merge->head.data ? merge->head.data : NULL,
                                  .shard = missing > 0 ? "partial" : NULL,
                                  .seconds = seconds};
    MhoStatus status = mho_result_create(&input, &record, error);
    if (status == MHO_OK && missing > 0)
        status = mark_partial(record, missing, named, error);
    if (status == MHO_OK)
        status = mho_shard_runs_write(&merge->runs, record, error);
    if (status == MHO_OK)
        status = mho_make_folders(output, error);
    if (status == MHO_OK)
        status = mho_store_create(output, record, error);
    mho_record_destroy(record);
    return status;
}

/* Points that stopped early have the chips that they needed. Where trials are missing, points keep the chips that they
 * may need: the rest is still to be merged. */
static MhoStatus settle(Merge *merge, char *named, size_t size, size_t *missing, MhoError *error)
{
    const MhoStopRule rule = mho_stop_rule(merge->study.settings);
    const size_t bytes = merge->head.n_points * sizeof *merge->head.points;
    MhoPointInfo *before = mho_calloc(bytes, 1, error, "the points of a merge");
    if (!before)
        return MHO_MEMORY;
    memcpy(before, merge->head.points, bytes);
    mho_stop_settle(&rule, &merge->trials, merge->head.points, merge->head.n_points);
    *missing = find_missing(merge, named, size);
    if (*missing > 0)
        memcpy(merge->head.points, before, bytes);
    free(before);
    return MHO_OK;
}

/* One version of mho may have many commits, whose results need not be the same. */
static void warn_commits(const Merge *merge)
{
    const MhoShardRuns *runs = &merge->runs;
    const MhoShardRun *first = NULL;
    for (size_t r = 0; r < runs->n; r++) {
        const MhoShardRun *run = &runs->list[r];
        if (*run->commit == '\0')
            continue;
        if (!first)
            first = run;
        if (strcmp(run->commit, first->commit) == 0)
            continue;
        mho_log(merge->options->log, MHO_LOG_WARNING,
                "shards were run by different commits of mho: %s by %s and %s by %s; where the sources between them "
                "changed results, run the older shards again",
                first->file, first->commit, run->file, run->commit);
        return;
    }
}

static MhoStatus check_output(const char *output, MhoError *error)
{
    if (access(output, F_OK) == 0)
        return mho_fail(error, MHO_USAGE, "%s exists and is never overwritten; name another with -o or move it away",
                        output);
    return MHO_OK;
}

/* Read all files into merge. */
static MhoStatus read_files(Merge *merge, const char *const *paths, size_t n, MhoError *error)
{
    MhoMergeFiles files = {0};
    MhoStatus status = mho_merge_files(paths, n, &files, error);
    for (size_t i = 0; i < files.n && status == MHO_OK; i++) {
        status = add_file(merge, &files.list[i], error);
        if (status == MHO_OK && mho_stop_requested())
            status = mho_fail(error, MHO_STOPPED, "stopped; run the same command again");
    }
    if (status == MHO_OK && merge->n_files == 0)
        status = mho_fail(error, MHO_INPUT, "%s: no file of this folder is a shard of a sweep", paths[0]);
    mho_merge_files_clear(&files);
    return status;
}

MhoStatus mho_merge(const char *const *paths, size_t n, const char *output, const MhoMergeOptions *options,
                    MhoError *error)
{
    Merge merge = {.options = options};
    char named[256];
    size_t missing = 0;
    MhoStatus status = MHO_OK;
    if (n == 0)
        status = mho_fail(error, MHO_USAGE, "merge: name the shards or their folder, mho merge FOLDER -o RESULT.h5");
    if (status == MHO_OK)
        status = check_output(output, error);
    if (status == MHO_OK)
        status = read_files(&merge, paths, n, error);
    if (status == MHO_OK)
        status = rebuild(&merge, error);
    if (status == MHO_OK)
        warn_commits(&merge);
    if (status == MHO_OK)
        status = settle(&merge, named, sizeof named, &missing, error);
    if (status == MHO_OK && missing > 0 && !options->partial)
        status = mho_fail(error, MHO_FAILED,
                          "%zu trials are missing (%s): run the shards that hold them and merge again, or write "
                          "what is there with --partial",
                          missing, named);
    if (status == MHO_OK)
        status = write_merged(&merge, output, missing, named, error);
    if (status == MHO_OK && missing > 0)
        mho_log(options->log, MHO_LOG_WARNING, "%s is partial: %zu trials are missing (%s)", output, missing, named);
    if (status == MHO_OK)
        mho_log(options->log, MHO_LOG_INFO, "%s: %zu trials of %zu files", output, merge.trials.n, merge.n_files);
    mho_trials_clear(&merge.trials);
    mho_points_destroy(&merge.grid);
    mho_study_destroy(&merge.study);
    mho_shard_runs_clear(&merge.runs);
    mho_shard_head_clear(&merge.head);
    layers_clear(&merge);
    return status;
}
