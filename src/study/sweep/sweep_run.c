/* sweep_run.c - which trials a process has to run, in which order, and running them.
 *
 * Points whose chips have the same devices run together, chip after chip, so that each chip is programmed once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "study/sweep/sweep_internal.h"

/* Whether a trial belongs to this part. Where points may stop early, a part has whole points. */
static bool is_mine(const Sweep *sweep, size_t p, uint32_t chip)
{
    const size_t n = sweep->options->n_shards > 1 ? (size_t)sweep->options->n_shards : 1;
    const size_t number = mho_stop_is_on(&sweep->stop) ? p : sweep->first[p] + chip;
    return n == 1 || number % n == (size_t)(sweep->options->shard - 1);
}

/* Chips that point p needs, as far as its finished trials tell. */
static uint32_t chips_needed(const Sweep *sweep, size_t p)
{
    return mho_stop_chips(&sweep->stop, &sweep->trials, sweep->points[p].key, sweep->points[p].n_chips);
}

static bool has_to_run(const Sweep *sweep, size_t p, uint32_t chip)
{
    return is_mine(sweep, p, chip) && !mho_trials_find(&sweep->trials, sweep->points[p].key, chip);
}

/* Chips of point p that this process still has to run. */
static size_t count_missing(const Sweep *sweep, size_t p)
{
    const uint32_t n = chips_needed(sweep, p);
    size_t missing = 0;
    for (uint32_t chip = 0; chip < n; chip++)
        missing += has_to_run(sweep, p, chip);
    return missing;
}

SweepCount mho_sweep_count(const Sweep *sweep)
{
    SweepCount count = {0};
    for (size_t p = 0; p < sweep->grid.n_points; p++) {
        const uint32_t n = chips_needed(sweep, p);
        for (uint32_t chip = 0; chip < n; chip++)
            count.total += is_mine(sweep, p, chip);
        count.missing += count_missing(sweep, p);
    }
    return count;
}

/* A point in the order in which points run: points with the same devices stand together, at the place of the first. */
typedef struct Place {
    uint64_t devices;
    size_t first, p; /* first: the least point with these devices */
} Place;

static int compare_devices(const void *a, const void *b)
{
    const Place *x = a, *y = b;
    if (x->devices != y->devices)
        return x->devices < y->devices ? -1 : 1;
    return x->p < y->p ? -1 : x->p > y->p;
}

static int compare_places(const void *a, const void *b)
{
    const Place *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->p < y->p ? -1 : x->p > y->p;
}

/* The points that have trials to run, in the order in which they run; (*n) of them, the caller's. */
static MhoStatus order_points(const Sweep *sweep, Place **places, size_t *n, MhoError *error)
{
    *n = 0;
    *places = mho_calloc(sweep->grid.n_points, sizeof **places, error, "a sweep");
    if (!*places)
        return MHO_MEMORY;
    for (size_t p = 0; p < sweep->grid.n_points; p++)
        if (count_missing(sweep, p) > 0)
            (*places)[(*n)++] = (Place){.devices = sweep->sharing[p].devices, .first = p, .p = p};
    qsort(*places, *n, sizeof **places, compare_devices);
    for (size_t i = 1; i < *n; i++)
        if ((*places)[i].devices != 0 && (*places)[i].devices == (*places)[i - 1].devices)
            (*places)[i].first = (*places)[i - 1].first;
    qsort(*places, *n, sizeof **places, compare_places);
    return MHO_OK;
}

/* Points whose chips have the same devices, so that each chip is programmed once for all of them. */
typedef struct Slice {
    size_t *points; /* (n) */
    MhoPointSetup *setups;
    size_t n, n_configurations;
    uint64_t configurations[MHO_TRIAL_CACHE_CHIPS];
} Slice;

/* Whether a configuration fits the slice, which holds no more of them than the trial cache. */
static bool slice_takes(Slice *slice, uint64_t configuration)
{
    for (size_t i = 0; i < slice->n_configurations; i++)
        if (slice->configurations[i] == configuration)
            return true;
    if (slice->n_configurations == MHO_TRIAL_CACHE_CHIPS)
        return false;
    slice->configurations[slice->n_configurations++] = configuration;
    return true;
}

/* The next points that run together, from places[i] on; returns how many places were taken. */
static size_t fill_slice(const Sweep *sweep, const Place *places, size_t n, Slice *slice)
{
    slice->n = slice->n_configurations = 0;
    while (slice->n < n && places[slice->n].first == places[0].first &&
           slice_takes(slice, sweep->sharing[places[slice->n].p].configuration)) {
        slice->points[slice->n] = places[slice->n].p;
        slice->n++;
    }
    return slice->n;
}

void mho_sweep_tell(const Sweep *sweep, MhoSweepEvent event)
{
    if (!sweep->options->event)
        return;
    event.result = sweep->path;
    event.n_points = sweep->grid.n_points;
    sweep->options->event(sweep->options->event_context, &event);
}

/* p: number of the point. */
static MhoStatus run_trial(Sweep *sweep, const MhoPointSetup *setup, size_t p, uint32_t chip, MhoJournal *journal,
                           MhoProgress *progress, MhoTrial *trial, MhoError *error)
{
    char note[64];
    MhoStatus status = mho_trial_run(setup, chip, NULL, trial, error);
    if (status == MHO_OK)
        status = mho_trials_host(&sweep->trials, journal->host, &trial->host, error);
    if (status == MHO_OK)
        status = mho_journal_append(journal, trial, error);
    if (status == MHO_OK)
        status = mho_trials_add(&sweep->trials, trial, error);
    if (status != MHO_OK)
        return status;
    snprintf(note, sizeof note, "accuracy %.2f %%", 100.0 * trial->accuracy);
    mho_progress_step(progress, progress->done + 1, note);
    mho_sweep_tell(
        sweep,
        (MhoSweepEvent){
            .kind = MHO_SWEEP_TRIAL, .point = p, .trial = trial, .trials = progress->total, .done = progress->done});
    return MHO_OK;
}

/* The outer loop is over chips, the inner one over points, so that each chip is programmed once. */
static MhoStatus run_slice(Sweep *sweep, Slice *slice, MhoJournal *journal, MhoProgress *progress, MhoError *error)
{
    uint32_t n_chips = 0;
    MhoStatus status = MHO_OK;
    MhoTrial *trial = mho_calloc(1, sizeof *trial, error, "a trial");
    if (!trial)
        return MHO_MEMORY;
    memset(slice->setups, 0, slice->n * sizeof *slice->setups);
    for (size_t i = 0; i < slice->n && status == MHO_OK; i++) {
        const MhoPoint *point = &sweep->grid.points[slice->points[i]];
        const uint32_t chips = sweep->points[slice->points[i]].n_chips;
        n_chips = chips > n_chips ? chips : n_chips;
        status = mho_trial_cache_prepare(sweep->cache, point->settings, point->text, true, &slice->setups[i], error);
    }
    for (uint32_t chip = 0; chip < n_chips; chip++)
        for (size_t i = 0; i < slice->n && status == MHO_OK; i++) {
            const size_t p = slice->points[i];
            if (chip >= chips_needed(sweep, p) || !has_to_run(sweep, p, chip))
                continue;
            status = run_trial(sweep, &slice->setups[i], p, chip, journal, progress, trial, error);
        }
    for (size_t i = 0; i < slice->n; i++)
        mho_point_setup_clear(&slice->setups[i]);
    free(trial);
    return status;
}

/* Run all missing trials of this part. */
static MhoStatus run_slices(Sweep *sweep, MhoJournal *journal, MhoProgress *progress, MhoError *error)
{
    Place *places = NULL;
    size_t n = 0;
    MhoStatus status = order_points(sweep, &places, &n, error);
    Slice slice = {.points = status == MHO_OK ? mho_calloc(n, sizeof *slice.points, error, "a sweep") : NULL};
    slice.setups = slice.points ? mho_calloc(n, sizeof *slice.setups, error, "a sweep") : NULL;
    if (status == MHO_OK && !slice.setups)
        status = MHO_MEMORY;
    for (size_t at = 0; at < n && status == MHO_OK;) {
        at += fill_slice(sweep, places + at, n - at, &slice);
        status = run_slice(sweep, &slice, journal, progress, error);
    }
    free(slice.setups);
    free(slice.points);
    free(places);
    return status;
}

/* What this process means to do, for those who watch. */
static MhoStatus write_plan(const Sweep *sweep, size_t trials, MhoError *error)
{
    char text[256], shard[32];
    const bool stops = mho_stop_is_on(&sweep->stop);
    mho_sweep_shard_name(sweep->options, shard, sizeof shard);
    snprintf(text, sizeof text, "trials %zu\nshard %s\nstudy_digest %s\n%s", trials, *shard ? shard : "1/1",
             sweep->digest, stops ? "stops_early 1\n" : "");
    return mho_journal_write_plan(sweep->path, text, error);
}

MhoStatus mho_sweep_run(Sweep *sweep, MhoError *error)
{
    const SweepCount count = mho_sweep_count(sweep);
    mho_sweep_tell(
        sweep, (MhoSweepEvent){.kind = MHO_SWEEP_STARTED, .trials = count.total, .done = count.total - count.missing});
    MhoJournal journal;
    MhoProgress progress;
    if (count.missing == 0)
        return MHO_OK;
    MhoStatus status = mho_journal_open(sweep->path, &journal, error);
    if (status == MHO_OK)
        status = write_plan(sweep, count.total, error);
    mho_progress_start(&progress, sweep->options->model.log, "sweep", "trials", count.total,
                       count.total - count.missing);
    if (status == MHO_OK)
        status = run_slices(sweep, &journal, &progress, error);
    if (mho_journal_close(&journal) != 0 && status == MHO_OK)
        status = mho_fail(error, MHO_IO, "%s: cannot write to disk; run the same command again", journal.path);
    return status;
}
