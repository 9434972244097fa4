/* sweep_output.c - the place of a result: its name, who may write it, what is there already, and the finished file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/memory.h"
#include "store/store.h"
#include "study/models/provenance.h"
#include "study/sweep/sweep_internal.h"

void mho_sweep_shard_name(const MhoSweepOptions *options, char *name, size_t size)
{
    if (options->n_shards > 1)
        snprintf(name, size, "%d/%d", options->shard, options->n_shards);
    else
        name[0] = '\0';
}

MhoStatus mho_result_path(const MhoStudy *study, const MhoSweepOptions *options, char *path, size_t size,
                          MhoError *error)
{
    int n;
    if (options->output) {
        n = snprintf(path, size, "%s", options->output);
    } else {
        const char *base = strrchr(study->path, '/');
        base = base ? base + 1 : study->path;
        const char *dot = strrchr(base, '.');
        int length = *base ? (int)(dot ? (size_t)(dot - base) : strlen(base)) : 5;
        n = options->n_shards > 1 ? snprintf(path, size, "results/%.*s.shard-%d-of-%d.h5", length,
                                             *base ? base : "sweep", options->shard, options->n_shards)
                                  : snprintf(path, size, "results/%.*s.h5", length, *base ? base : "sweep");
    }
    enum { JOURNAL_NAME = 256 }; /* journals lie in a folder below this path */
    return n >= 0 && (size_t)n + JOURNAL_NAME < size ? MHO_OK
                                                     : mho_fail(error, MHO_USAGE, "the path of the result is too long");
}

/* Whether a and b name one file. */
static bool same_file(const char *a, const char *b)
{
    char *real_a = a ? realpath(a, NULL) : NULL, *real_b = b ? realpath(b, NULL) : NULL;
    const bool same = real_a && real_b && strcmp(real_a, real_b) == 0;
    free(real_a);
    free(real_b);
    return same;
}

static bool extends_itself(const Sweep *sweep)
{
    return sweep->options->extend && same_file(sweep->options->extend, sweep->path);
}

/* Whether a line of `text` is a whole line of `other`. */
static bool has_line(const char *other, const char *line, size_t length)
{
    for (const char *at = other; (at = strstr(at, line)) != NULL; at++)
        if ((at == other || at[-1] == '\n') && (at[length] == '\n' || at[length] == '\0'))
            return true;
    return false;
}

/* The first line of text that other lacks, without its line end; "": there is none. */
static void first_difference(const char *text, const char *other, char *line, size_t size)
{
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
        const size_t n = strcspn(text, "\n");
        if (n == 0 || n >= size)
            continue;
        memcpy(line, text, n);
        line[n] = '\0';
        if (!has_line(other, line, n))
            return;
    }
    line[0] = '\0';
}

/* USAGE that names the first difference of two texts of a study. */
static MhoStatus refuse_other_study(const Sweep *sweep, const char *mine, const char *theirs, MhoError *error)
{
    char here[200], there[200], difference[440] = "";
    first_difference(mine, theirs, here, sizeof here);
    first_difference(theirs, mine, there, sizeof there);
    if (*here && *there)
        snprintf(difference, sizeof difference, " (it has %s, this has %s)", there, here);
    else if (*here || *there)
        snprintf(difference, sizeof difference, " (it %s %s)", *there ? "has" : "is without", *there ? there : here);
    return mho_fail(error, MHO_USAGE,
                    "%s is the result of another study%s and is never overwritten; name another with -o, move it away, "
                    "or take its trials over with --extend %s",
                    sweep->path, difference, sweep->path);
}

/* The identity of what this process makes: the same for every process that would make the same file. */
static MhoStatus claim(Sweep *sweep, const char *study_text, MhoError *error)
{
    char work[MHO_CLAIM_WORK_MAX], hex[65], shard[32];
    mho_sha256(study_text, strlen(study_text), hex);
    mho_sweep_shard_name(sweep->options, shard, sizeof shard);
    snprintf(work, sizeof work, "study %.16s part %s", hex, *shard ? shard : "1/1");
    return mho_claim_take(sweep->path, work, sweep->options->model.log, &sweep->claim, NULL, error);
}

static MhoStatus read_existing(Sweep *sweep, const char *study_text, MhoError *error)
{
    if (access(sweep->path, F_OK) != 0)
        return mho_check_writable(sweep->path, error);
    MhoStatus status = mho_store_read(sweep->path, true, &sweep->existing, error);
    if (status != MHO_OK)
        return mho_fail_context(error, "the result exists but cannot be read; move it away or name another with -o");
    const char *theirs = mho_attribute_string(&sweep->existing->attributes, "study");
    const char *kind = mho_attribute_string(&sweep->existing->attributes, "kind");
    if (!kind || strcmp(kind, "result") != 0)
        return mho_fail(error, MHO_USAGE,
                        "%s is no result of a sweep%s%s%s and is never overwritten; name another with -o", sweep->path,
                        kind ? " (it is a " : "", kind ? kind : "", kind ? ")" : "");
    if (extends_itself(sweep) || (theirs && strcmp(theirs, study_text) == 0))
        return MHO_OK;
    return refuse_other_study(sweep, study_text, theirs ? theirs : "", error);
}

MhoStatus mho_sweep_open_output(Sweep *sweep, MhoError *error)
{
    const bool is_there = access(sweep->path, F_OK) == 0;
    char *text = mho_study_text(sweep->study);
    MhoError ignored = {0};
    if (!text)
        return mho_fail(error, MHO_MEMORY, "out of memory for a sweep");
    MhoStatus status = MHO_OK;
    if (!is_there)
        status = mho_check_writable(sweep->path, error);
    /* a finished result in a folder that is read-only may still be asked for */
    if (status == MHO_OK && (!is_there || mho_check_writable(sweep->path, &ignored) == MHO_OK))
        status = claim(sweep, text, error);
    if (status == MHO_OK)
        status = read_existing(sweep, text, error);
    free(text);
    return status;
}

/* A finished result stays as it is, but another build might give other values. */
static void warn_other_build(const Sweep *sweep, const MhoRecord *result, const char *path, const char *remedy)
{
    const MhoRecord *provenance = mho_record_find(result, "provenance");
    const char *commit = provenance ? mho_attribute_string(&provenance->attributes, "git_commit") : NULL;
    if (commit && strcmp(commit, mho_commit()) != 0)
        mho_log(sweep->options->model.log, MHO_LOG_WARNING, "%s was made by commit %s and this is %s; %s", path, commit,
                mho_commit(), remedy);
}

/* USAGE that says what differs from the models and data of the result that is there. */
static MhoStatus refuse_other_inputs(const Sweep *sweep, MhoError *error)
{
    const char *models = mho_attribute_string(&sweep->existing->attributes, "models");
    const char *data = mho_attribute_string(&sweep->existing->attributes, "data");
    const char *what = "models or images";
    if (models && strcmp(models, sweep->models) != 0)
        what = "models";
    else if (data && sweep->data && strcmp(data, sweep->data) != 0)
        what = "images";
    return mho_fail(error, MHO_USAGE,
                    "%s is the result of this study with other %s and is never overwritten; name another with -o or "
                    "move it away",
                    sweep->path, what);
}

MhoStatus mho_sweep_check_output(const Sweep *sweep, bool *finished, MhoError *error)
{
    char mine[32] = "";
    *finished = false;
    if (!sweep->existing)
        return MHO_OK;
    mho_sweep_shard_name(sweep->options, mine, sizeof mine);
    const char *digest = mho_attribute_string(&sweep->existing->attributes, "study_digest");
    const char *shard = mho_attribute_string(&sweep->existing->attributes, "shard");
    const bool same = digest && strcmp(digest, sweep->digest) == 0;
    const bool same_part = strcmp(shard ? shard : "", mine) == 0;
    if (!(same && same_part) && extends_itself(sweep))
        return MHO_OK;
    if (!same)
        return refuse_other_inputs(sweep, error);
    *finished = same_part;
    if (!*finished)
        return mho_fail(error, MHO_USAGE,
                        "%s is another part of this sweep and is never overwritten; name another file with -o",
                        sweep->path);
    warn_other_build(sweep, sweep->existing, sweep->path, "move it away to run again");
    return MHO_OK;
}

/* The points of a sweep in rising order of their keys. */
typedef struct SortedPoints {
    MhoPointInfo *list; /* (n) */
    size_t n;
} SortedPoints;

static int compare_keys(const void *a, const void *b)
{
    const uint64_t x = ((const MhoPointInfo *)a)->key, y = ((const MhoPointInfo *)b)->key;
    return x < y ? -1 : x > y;
}

static MhoStatus sort_points(const Sweep *sweep, SortedPoints *sorted, MhoError *error)
{
    sorted->n = sweep->grid.n_points;
    sorted->list = mho_calloc(sorted->n, sizeof *sorted->list, error, "the points of a sweep");
    if (!sorted->list)
        return MHO_MEMORY;
    memcpy(sorted->list, sweep->points, sorted->n * sizeof *sorted->list);
    qsort(sorted->list, sorted->n, sizeof *sorted->list, compare_keys);
    return MHO_OK;
}

/* The point of a key, or NULL. */
static const MhoPointInfo *find_point(const SortedPoints *sorted, uint64_t point)
{
    const MhoPointInfo wanted = {.key = point};
    return bsearch(&wanted, sorted->list, sorted->n, sizeof wanted, compare_keys);
}

static bool grid_has(const SortedPoints *sorted, uint64_t point, uint32_t chip)
{
    const MhoPointInfo *found = find_point(sorted, point);
    return found && chip < found->n_chips;
}

/* A file that is extended in place keeps every trial, those of points that may stop early, too. Its trials have been
 * taken over. */
static MhoStatus check_nothing_lost(const Sweep *sweep, const SortedPoints *grid, const MhoTrials *old, MhoError *error)
{
    size_t lost = 0;
    for (size_t i = 0; i < old->n; i++) {
        const MhoTrial *trial = old->list[i];
        const MhoPointInfo *point = find_point(grid, trial->point);
        lost += !point || trial->chip >= mho_stop_chips(&sweep->stop, &sweep->trials, trial->point, point->n_chips);
    }
    if (lost == 0)
        return MHO_OK;
    return mho_fail(error, MHO_USAGE,
                    "%s holds %zu trials that are no part of this study and would be lost; name another file for the "
                    "new result with -o",
                    sweep->path, lost);
}

MhoStatus mho_sweep_read_extended(Sweep *sweep, MhoError *error)
{
    const char *path = sweep->options->extend;
    MhoRecord *old = NULL;
    MhoTrials trials = {0};
    SortedPoints grid = {0};
    size_t taken = 0;
    bool is_signed = true;
    MhoStatus status = mho_store_read_signed(path, true, &is_signed, &old, error);
    if (status == MHO_OK && !is_signed)
        status = mho_fail(error, MHO_INPUT,
                          "%s: another program has edited this file: the checksum that mho wrote is gone; its trials "
                          "are not taken over",
                          path);
    if (status == MHO_OK)
        status = mho_result_trials(old, path, &trials, error);
    if (status == MHO_OK)
        status = sort_points(sweep, &grid, error);
    for (size_t i = 0; i < trials.n && status == MHO_OK; i++) {
        MhoTrial *trial = trials.list[i];
        if (!grid_has(&grid, trial->point, trial->chip))
            continue;
        taken++;
        status = mho_trials_host(&sweep->trials, trials.hosts[trial->host], &trial->host, error);
        if (status == MHO_OK)
            status = mho_trials_add(&sweep->trials, trial, error);
    }
    if (status == MHO_OK && extends_itself(sweep))
        status = check_nothing_lost(sweep, &grid, &trials, error);
    if (status == MHO_OK) {
        warn_other_build(sweep, old, path, "its trials are taken over");
        mho_log(sweep->options->model.log, MHO_LOG_INFO, "%zu of %zu trials of %s are part of this study", taken,
                trials.n, path);
    }
    free(grid.list);
    mho_trials_clear(&trials);
    mho_record_destroy(old);
    return status;
}

void mho_sweep_tell_others(const Sweep *sweep)
{
    MhoError ignored = {0};
    SortedPoints grid;
    size_t others = 0;
    if (sort_points(sweep, &grid, &ignored) == MHO_OK)
        for (size_t i = 0; i < sweep->trials.n; i++)
            others += find_point(&grid, sweep->trials.list[i]->point) == NULL;
    free(grid.list);
    if (others > 0)
        mho_log(sweep->options->model.log, MHO_LOG_WARNING,
                "%s.parts holds %zu trials of another study that was stopped; they stay there, and that study needs "
                "another result to go on: move %s.parts beside it",
                sweep->path, others, sweep->path);
}

static bool is_written(const void *context, uint64_t point, uint32_t chip)
{
    return grid_has(context, point, chip);
}

void mho_sweep_remove_journals(const Sweep *sweep)
{
    MhoError ignored = {0};
    SortedPoints sorted;
    if (sort_points(sweep, &sorted, &ignored) == MHO_OK) /* else journals stay, which is harmless */
        mho_journal_remove(sweep->path, is_written, &sorted);
    free(sorted.list);
}

MhoStatus mho_sweep_write_output(Sweep *sweep, double started, MhoError *error)
{
    char shard[32];
    mho_sweep_shard_name(sweep->options, shard, sizeof shard);
    const char *layers[MHO_TRIAL_MAX_LAYERS];
    for (size_t l = 0; sweep->layers && l < sweep->n_layers; l++)
        layers[l] = sweep->layers[l];
    MhoResultInput input = {.study = sweep->study,
                            .grid = &sweep->grid,
                            .points = sweep->points,
                            .trials = &sweep->trials,
                            .layers = sweep->layers ? layers : NULL,
                            .n_layers = sweep->n_layers,
                            .digest = sweep->digest,
                            .models = sweep->models,
                            .data = sweep->data,
                            .shard = *shard ? shard : NULL,
                            .seconds = mho_clock() - started};
    MhoRecord *record = NULL;
    if (sweep->options->n_shards <= 1) /* a part knows its own points alone; the merge settles them */
        mho_stop_settle(&sweep->stop, &sweep->trials, sweep->points, sweep->grid.n_points);
    MhoStatus status = mho_result_create(&input, &record, error);
    if (status == MHO_OK)
        status = extends_itself(sweep) ? mho_store_write(sweep->path, record, error)
                                       : mho_store_create(sweep->path, record, error);
    mho_record_destroy(record);
    if (status == MHO_OK)
        mho_sweep_remove_journals(sweep);
    return status;
}

void mho_sweep_close_output(Sweep *sweep)
{
    mho_claim_release(&sweep->claim);
    mho_record_destroy(sweep->existing);
    sweep->existing = NULL;
}
