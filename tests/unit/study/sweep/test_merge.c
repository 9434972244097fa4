/* test_merge.c - many shards in little memory and time; runs and memory that run out; arrays that lie.
 *
 * MHO_TEST_MERGE="POINTS CHIPS SHARDS" runs the first test at another size: "1000 1000 8" is a million trials.
 */
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "must.h"
#include "store/store.h"
#include "study/sweep/sweep.h"

enum { LAYERS = 6 };

static char folder[] = "/tmp/mho-merge-XXXXXX";

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/mho-merge-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static int remove_entry(const char *path, const struct stat *what, int kind, struct FTW *place)
{
    (void)what, (void)kind, (void)place;
    return remove(path);
}

static void remove_folder(void)
{
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* A study of some noise levels, and what a sweep of it would have measured. */
typedef struct Sample {
    MhoStudy study;
    MhoPointList grid;
    MhoPointInfo *points;
} Sample;

static void sample_make(Sample *sample, size_t n_points, uint32_t n_chips)
{
    MhoError error = {0};
    char range[128];
    snprintf(range, sizeof range, "chip.noise=0.001:%.3f:0.001", (double)n_points / 1000.0);
    if (n_points == 1)
        snprintf(range, sizeof range, "chip.noise=0.5");
    must(mho_study_read(NULL, &sample->study, &error), &error);
    must(mho_study_set(&sample->study, "chip.cell.name=pcm", &error), &error);
    must(mho_study_set(&sample->study, range, &error), &error);
    must(mho_points_create(&sample->study, &sample->grid, &error), &error);
    ck_assert_uint_eq(sample->grid.n_points, n_points);
    sample->points = calloc(n_points, sizeof *sample->points);
    for (size_t p = 0; p < n_points; p++)
        sample->points[p] = (MhoPointInfo){.key = 1000 + p, .n_chips = n_chips};
}

static void sample_clear(Sample *sample)
{
    free(sample->points);
    mho_points_destroy(&sample->grid);
    mho_study_destroy(&sample->study);
}

static void add_trial(MhoTrials *trials, uint64_t point, uint32_t chip)
{
    MhoError error = {0};
    static MhoTrial trial;
    trial = (MhoTrial){.point = point,
                       .chip = chip,
                       .n_layers = LAYERS,
                       .accuracy = 0.5 + 1e-6 * chip,
                       .loss = 1.0,
                       .logits = point * 31 + chip,
                       .seconds = 0.1};
    for (size_t l = 0; l < LAYERS; l++)
        trial.layers[l] = (MhoTrialLayer){.meter = {.conversions = 100 + l, .signal = 1e6 + chip, .noise = 3.5 * chip},
                                          .adc_step = 2.5,
                                          .adc_bits = 8};
    must(mho_trials_host(trials, "a-host", &trial.host, &error), &error);
    must(mho_trials_add(trials, &trial, &error), &error);
}

/* The record of shard `shard` of n; n 1: the whole. */
static MhoRecord *shard_record(const Sample *sample, size_t shard, size_t n)
{
    static const char *const layers[LAYERS] = {"conv1", "conv2", "conv3", "conv4", "conv5", "dense"};
    char part[32];
    MhoTrials trials = {0};
    MhoRecord *record;
    MhoError error = {0};
    size_t number = 0;
    snprintf(part, sizeof part, "%zu/%zu", shard + 1, n);
    for (size_t p = 0; p < sample->grid.n_points; p++)
        for (uint32_t chip = 0; chip < sample->points[p].n_chips; chip++)
            if (number++ % n == shard)
                add_trial(&trials, sample->points[p].key, chip);
    const MhoResultInput input = {.study = &sample->study,
                                  .grid = &sample->grid,
                                  .points = sample->points,
                                  .trials = &trials,
                                  .layers = layers,
                                  .n_layers = LAYERS,
                                  .digest = "d",
                                  .models = "m.h5 0\n",
                                  .data = "test fashion-mnist 1\n",
                                  .shard = n > 1 ? part : NULL,
                                  .seconds = 2.0};
    must(mho_result_create(&input, &record, &error), &error);
    mho_trials_clear(&trials);
    return record;
}

static void write_shards(const Sample *sample, size_t n)
{
    char path[256];
    MhoError error = {0};
    for (size_t i = 0; i < n; i++) {
        MhoRecord *record = shard_record(sample, i, n);
        snprintf(path, sizeof path, "%s/s%05zu.h5", folder, i);
        must(mho_store_write(path, record, &error), &error);
        mho_record_destroy(record);
    }
}

/* Time of the processor that this process has used, s: other programs do not lengthen it much. */
static double busy(void)
{
    struct rusage use;
    ck_assert_int_eq(getrusage(RUSAGE_SELF, &use), 0);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

/* Largest memory of this process so far, MB. */
static double memory(void)
{
    struct rusage use;
    ck_assert_int_eq(getrusage(RUSAGE_SELF, &use), 0);
    return (double)use.ru_maxrss / 1024.0;
}

/* Shards of one trial each, from their folder: the whole's digest, and every shard in the provenance. */
TEST(many_shards)
{
    size_t n_points = 25, n_shards = 250;
    unsigned n_chips = 10;
    char output[PATH_MAX], expected[65], merged[65];
    Sample sample = {0};
    MhoError error = {0};
    MhoRecord *record;
    const char *size = getenv("MHO_TEST_MERGE");
    if (size)
        ck_assert_int_eq(sscanf(size, "%zu %u %zu", &n_points, &n_chips, &n_shards), 3);
    make_folder();
    sample_make(&sample, n_points, n_chips);
    record = shard_record(&sample, 0, 1);
    must(mho_record_digest(record, expected, &error), &error);
    mho_record_destroy(record);
    write_shards(&sample, n_shards);
    snprintf(output, sizeof output, "%s/merged.h5", folder);
    const char *const paths[] = {folder};
    const MhoMergeOptions options = {0};
    const double started = busy(), before = memory();
    must(mho_merge(paths, 1, output, &options, &error), &error);
    printf("# merge of %zu trials in %zu shards: %.1f s of the processor; memory %.0f MB before, %.0f MB at most\n",
           n_points * n_chips, n_shards, busy() - started, before, memory());
    const double reading = busy();
    must(mho_store_read(output, true, &record, &error), &error);
    printf("# reading the result: %.1f s\n", busy() - reading);
    must(mho_record_digest(record, merged, &error), &error);
    ck_assert_str_eq(merged, expected);
    ck_assert_uint_eq(mho_record_array(record, "provenance/shard_host")->shape[0], n_shards);
    mho_record_destroy(record);
    must_refuse(mho_merge(paths, 1, output, &options, &error), &error, MHO_USAGE, "never overwritten");
    sample_clear(&sample);
    remove_folder();
}

/* A trial that two shards tell differently is refused with the name of the second. */
TEST(shards_that_contradict)
{
    char output[PATH_MAX], path[PATH_MAX];
    Sample sample = {0};
    MhoError error = {0};
    make_folder();
    sample_make(&sample, 2, 2);
    write_shards(&sample, 2);
    MhoRecord *record = shard_record(&sample, 0, 2);
    ((double *)mho_record_array(record, "accuracy")->data)[0] = 0.25;
    snprintf(path, sizeof path, "%s/x.h5", folder);
    must(mho_store_write(path, record, &error), &error);
    mho_record_destroy(record);
    snprintf(output, sizeof output, "%s/merged.h5", folder);
    const char *const paths[] = {folder};
    const MhoMergeOptions options = {0};
    must_refuse(mho_merge(paths, 1, output, &options, &error), &error, MHO_INPUT, "x.h5");
    ck_assert_int_ne(access(output, F_OK), 0);
    sample_clear(&sample);
    remove_folder();
}

/* Partial merges of any grouping lead to the same result as one merge, and name each shard once. */
TEST(merges_of_merges)
{
    enum { SHARDS = 6 };
    char output[PATH_MAX], expected[65], merged[65], half[2][PATH_MAX], shards[SHARDS][PATH_MAX];
    Sample sample = {0};
    MhoError error = {0};
    MhoRecord *record;
    make_folder();
    sample_make(&sample, 4, 3);
    record = shard_record(&sample, 0, 1);
    must(mho_record_digest(record, expected, &error), &error);
    mho_record_destroy(record);
    write_shards(&sample, SHARDS);
    for (size_t i = 0; i < SHARDS; i++)
        snprintf(shards[i], sizeof shards[i], "%s/s%05zu.h5", folder, i);
    const MhoMergeOptions some = {.partial = true}, all = {0};
    for (size_t h = 0; h < 2; h++) {
        const char *const paths[] = {shards[h], shards[h + 2], shards[h + 4]};
        snprintf(half[h], sizeof half[h], "%s/half%zu", folder, h);
        must_refuse(mho_merge(paths, 3, half[h], &all, &error), &error, MHO_FAILED, "6 trials are missing");
        must(mho_merge(paths, 3, half[h], &some, &error), &error);
    }
    snprintf(output, sizeof output, "%s/merged.h5", folder);
    const char *const halves[] = {half[1], half[0]};
    must(mho_merge(halves, 2, output, &all, &error), &error);
    must(mho_store_read(output, true, &record, &error), &error);
    must(mho_record_digest(record, merged, &error), &error);
    ck_assert_str_eq(merged, expected);
    ck_assert_uint_eq(mho_record_array(record, "provenance/shard_part")->shape[0], SHARDS);
    mho_record_destroy(record);
    sample_clear(&sample);
    remove_folder();
}
