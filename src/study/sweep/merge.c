/* merge.c - shards into one result: each trial exactly once, all of them or none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"
#include "study/sweep/sweep.h"

typedef struct Merge {
    MhoRecord *kept; /* study and points are the same in all shards; this one names the most layers */
    const char *kept_path;
    MhoTrials trials;
    MhoStudy study;
    MhoPointList grid;
    MhoPointInfo *points;
    size_t n_points;
} Merge;

static const char *text_of(const MhoRecord *record, const char *name)
{
    const char *text = mho_attribute_string(&record->attributes, name);
    return text ? text : "";
}

static size_t count_layers(const MhoRecord *shard)
{
    const MhoArray *names = shard ? mho_record_array(shard, "layer") : NULL;
    return names ? names->shape[0] : 0;
}

static MhoStatus add_shard(Merge *merge, const char *path, MhoError *error)
{
    MhoRecord *shard = NULL;
    MhoStatus status = mho_store_read(path, true, &shard, error);
    if (status == MHO_OK)
        status = mho_result_trials(shard, path, &merge->trials, error);
    if (status == MHO_OK && merge->kept &&
        strcmp(text_of(shard, "study_digest"), text_of(merge->kept, "study_digest")) != 0)
        status = mho_fail(error, MHO_INPUT, "%s and %s are of different studies or models and cannot be merged", path,
                          merge->kept_path);
    if (status == MHO_OK && (!merge->kept || count_layers(shard) > count_layers(merge->kept))) {
        mho_record_destroy(merge->kept);
        merge->kept = shard;
        merge->kept_path = path;
        return MHO_OK;
    }
    mho_record_destroy(shard);
    return status;
}

/* Name up to a few trials that no shard holds. */
static MhoStatus check_complete(const Merge *merge, MhoError *error)
{
    enum { NAMED = 5 };
    char named[256] = "";
    size_t missing = 0, used = 0;
    for (size_t p = 0; p < merge->n_points; p++)
        for (uint32_t chip = 0; chip < merge->points[p].n_chips; chip++) {
            if (mho_trials_find(&merge->trials, merge->points[p].key, chip))
                continue;
            if (missing++ < NAMED)
                used += (size_t)snprintf(named + used, sizeof named - used, "%spoint %zu chip %u", used ? ", " : "", p,
                                         chip);
        }
    if (missing == 0)
        return MHO_OK;
    return mho_fail(error, MHO_FAILED, "%zu trials are missing (%s%s): run the shards that hold them and merge again",
                    missing, named, missing > NAMED ? ", ..." : "");
}

/* The study as the shards hold it, and its grid, which must have the points that the shards have. */
static MhoStatus rebuild(Merge *merge, MhoError *error)
{
    MhoStatus status = mho_study_from_text(text_of(merge->kept, "study"), merge->kept_path, &merge->study, error);
    if (status == MHO_OK)
        status = mho_points_create(&merge->study, &merge->grid, error);
    if (status == MHO_OK)
        status = mho_result_points(merge->kept, merge->kept_path, &merge->points, &merge->n_points, error);
    if (status == MHO_OK && merge->n_points != merge->grid.n_points)
        status =
            mho_fail(error, MHO_INPUT, "%s: holds %zu points and its study has %zu: made by another version of mho",
                     merge->kept_path, merge->n_points, merge->grid.n_points);
    return status;
}

static MhoStatus write_merged(const Merge *merge, const char *output, MhoError *error)
{
    const MhoArray *names = NULL;
    MhoRecord *record = NULL;
    MhoStatus status = mho_record_require(merge->kept, merge->kept_path, "layer", MHO_STRING, 1, &names, error);
    for (size_t i = 0; i < merge->trials.n && status == MHO_OK; i++)
        if (merge->trials.list[i]->n_layers > names->shape[0])
            status =
                mho_fail(error, MHO_INPUT, "%s: holds the names of %zu layers and results of %u; not a whole result",
                         merge->kept_path, names->shape[0], merge->trials.list[i]->n_layers);
    if (status != MHO_OK)
        return status;
    MhoResultInput input = {.study = &merge->study,
                            .grid = &merge->grid,
                            .points = merge->points,
                            .trials = &merge->trials,
                            .layers = (const char *const *)names->data,
                            .digest = text_of(merge->kept, "study_digest"),
                            .models = text_of(merge->kept, "models"),
                            .data = mho_attribute_string(&merge->kept->attributes, "data")};
    status = mho_result_create(&input, &record, error);
    if (status == MHO_OK)
        status = mho_make_folders(output, error);
    if (status == MHO_OK)
        status = mho_store_write(output, record, error);
    mho_record_destroy(record);
    return status;
}

MhoStatus mho_merge(const char *const *shards, size_t n, const char *output, const MhoLog *log, MhoError *error)
{
    Merge merge = {0};
    MhoStatus status = MHO_OK;
    if (n == 0)
        status = mho_fail(error, MHO_USAGE, "merge: name the shards, mho merge SHARD.h5 ... -o r.h5");
    if (status == MHO_OK && access(output, F_OK) == 0)
        status = mho_fail(error, MHO_USAGE, "%s exists and is never overwritten; name another with -o or move it away",
                          output);
    for (size_t i = 0; i < n && status == MHO_OK; i++)
        status = add_shard(&merge, shards[i], error);
    if (status == MHO_OK)
        status = rebuild(&merge, error);
    if (status == MHO_OK)
        status = check_complete(&merge, error);
    if (status == MHO_OK)
        status = write_merged(&merge, output, error);
    if (status == MHO_OK)
        mho_log(log, MHO_LOG_INFO, "%s: %zu trials of %zu shards", output, merge.trials.n, n);
    mho_trials_clear(&merge.trials);
    free(merge.points);
    mho_points_destroy(&merge.grid);
    mho_study_destroy(&merge.study);
    mho_record_destroy(merge.kept);
    return status;
}
