/* test_sweep_programs.c - how often a sweep programs its chips, and that sharing them changes no result. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../../registry/tiny.h"
#include "must.h"
#include "study/models/record_file.h"
#include "study/sweep/sweep.h"

static void set_up(void)
{
    ck_assert(tiny_enter());
}

static void tear_down(void)
{
    tiny_leave();
}

TEST_FIXTURE(set_up, tear_down);

enum { CHIPS = 4, POINTS = 9 };

static const char common[] = "model: tiny.h5\n"
                             "repeat: 4\n"
                             "data: {name: 'idx:test-images,test-labels', train: 'idx:train-images,train-labels', "
                             "calibration: 20}\n"
                             "train: {validation: 10}\n"
                             "chip: {cell: {name: pcm}, compensation: global}\n";

/* A study of these axes. */
static MhoStudy study_of(const char *axes)
{
    MhoStudy study;
    MhoError error = {0};
    char text[2048];
    snprintf(text, sizeof text, "%ssweep:\n%s", common, axes);
    FILE *file = fopen("study.yaml", "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    must(mho_study_read("study.yaml", &study, &error), &error);
    return study;
}

/* Run it; returns how many chips were programmed. */
static uint64_t run(const MhoStudy *study, const char *output)
{
    char path[4096];
    MhoError error = {0};
    const MhoLog quiet = {0};
    const MhoSweepOptions options = {
        .model = {.threads = 2, .log = &quiet}, .output = output, .shard = 1, .n_shards = 1};
    const uint64_t before = mho_chips_programmed();
    must(mho_sweep(study, &options, path, sizeof path, &error), &error);
    return mho_chips_programmed() - before;
}

/* A sweep over time and converter bits programs each chip once: chips, not chips x points. */
TEST(each_chip_is_programmed_once)
{
    MhoStudy study = study_of("  chip.time: [0, 3600, 1e6]\n  chip.adc.uniform.bits: [4, 6, 8]\n");
    ck_assert_uint_eq(run(&study, "once.h5"), CHIPS);
    mho_study_destroy(&study);
}

/* Another noise factor makes other devices, so each of its values programs every chip. */
TEST(other_devices_are_programmed)
{
    MhoStudy study = study_of("  chip.noise: [0.5, 1]\n  chip.time: [0, 3600]\n");
    ck_assert_uint_eq(run(&study, "noise.h5"), 2 * CHIPS);
    mho_study_destroy(&study);
}

/* Converter ranges and reads of a point see the same devices as other points of the same chip. */
TEST(reads_and_ranges_share_devices)
{
    MhoStudy study = study_of("  chip.adc.range: [maximum, unit]\n  chip.cell.read: [frozen, per_read]\n");
    ck_assert_uint_eq(run(&study, "reads.h5"), CHIPS);
    mho_study_destroy(&study);
}

/* Accuracy of every point and chip equals that of a trial alone, whose chip is programmed for it. */
TEST(order_of_trials_changes_nothing)
{
    MhoStudy study = study_of("  chip.time: [0, 3600, 1e6]\n  chip.adc.uniform.bits: [3, 4, 8]\n");
    MhoPointList list;
    MhoRecord *record;
    MhoError error = {0};
    int distinct = 0;
    (void)run(&study, "order.h5");
    must(mho_file_read("order.h5", true, &record, &error), &error);
    const MhoArray *accuracy = mho_record_array(record, "accuracy");
    ck_assert_uint_eq(mho_array_count(accuracy), POINTS * CHIPS);
    const double *together = accuracy->data;
    must(mho_points_create(&study, &list, &error), &error);
    ck_assert_uint_eq(list.n_points, POINTS);
    for (size_t p = 0; p < POINTS; p++)
        for (uint32_t chip = 0; chip < CHIPS; chip++) {
            const MhoLog quiet = {0};
            const MhoModelOptions options = {.threads = 1, .log = &quiet};
            MhoTrialCache *cache;
            MhoPointSetup setup;
            MhoTrial trial;
            must(mho_trial_cache_create(&options, &cache, &error), &error);
            must(mho_trial_cache_prepare(cache, list.points[p].settings, list.points[p].text, true, &setup, &error),
                 &error);
            must(mho_trial_run(&setup, chip, NULL, &trial, &error), &error);
            ck_assert(trial.accuracy == together[p * CHIPS + chip]);
            distinct += trial.accuracy != together[0];
            mho_point_setup_clear(&setup);
            mho_trial_cache_destroy(cache);
        }
    ck_assert_int_gt(distinct, 0);
    mho_points_destroy(&list);
    mho_record_destroy(record);
    mho_study_destroy(&study);
}
