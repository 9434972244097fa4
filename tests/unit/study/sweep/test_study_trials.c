/* test_study_trials.c - trials by key, journals cut and damaged at every byte, results as records and back, intervals.
 */
#include <dirent.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/net_sample.h"
#include "study/sweep/result.h"
#include "study/report/intervals.h"

enum { LAYERS = 3, RECORD = 24 + 64 + 8 * (6 + 12 * LAYERS) + 8 };

static MhoTrial sample_trial(uint64_t point, uint32_t chip)
{
    MhoTrial trial = {.point = point,
                      .chip = chip,
                      .n_layers = LAYERS,
                      .accuracy = 0.5 + 0.001 * chip,
                      .loss = 1.0 / (1.0 + chip),
                      .logits = point * 31 + chip,
                      .integer_accuracy = 0.75,
                      .float_accuracy = 0.8,
                      .seconds = 0.25 * (1.0 + chip)};
    for (size_t l = 0; l < LAYERS; l++)
        trial.layers[l] = (MhoTrialLayer){
            .meter = {.conversions = 100 + l, .clipped = l, .signal = 1e6 + (double)l, .noise = 3.5 * (double)chip},
            .adc_step = 2.5 + chip,
            .adc_range = 320.0,
            .tiles = 4,
            .weights = 72,
            .bops = 1e4,
            .weight_bits = 2,
            .activation_bits = 4,
            .adc_bits = 8};
    return trial;
}

static void check_equal(const MhoTrial *trial, const MhoTrial *expected)
{
    ck_assert_ptr_nonnull(trial);
    ck_assert_mem_eq(trial, expected, offsetof(MhoTrial, layers) + expected->n_layers * sizeof *expected->layers);
}

/* Each of a hundred thousand trials is found by its key, and no other key is found. */
TEST(many_trials)
{
    enum { POINTS = 10000, CHIPS = 10 };
    MhoTrials trials = {0};
    MhoError error = {0};
    ck_assert_ptr_null(mho_trials_find(&trials, 1, 0));
    for (uint64_t p = 0; p < POINTS; p++)
        for (uint32_t chip = 0; chip < CHIPS; chip++) {
            MhoTrial trial = sample_trial(p << 40 | p, chip); /* keys that differ in few bits too */
            must(mho_trials_add(&trials, &trial, &error), &error);
        }
    ck_assert_uint_eq(trials.n, POINTS * CHIPS);
    for (uint64_t p = 0; p < POINTS; p += 7) {
        MhoTrial expected = sample_trial(p << 40 | p, CHIPS - 1);
        check_equal(mho_trials_find(&trials, p << 40 | p, CHIPS - 1), &expected);
        ck_assert_ptr_null(mho_trials_find(&trials, p << 40 | p, CHIPS));
    }
    mho_trials_clear(&trials);
    ck_assert_ptr_null(mho_trials_find(&trials, 0, 0));
}

/* The same trial added twice is kept once, also with NaN accuracy; another result under its key is refused. */
TEST(equal_and_different_twins)
{
    MhoTrials trials = {0};
    MhoError error = {0};
    MhoTrial trial = sample_trial(7, 1);
    trial.accuracy = NAN;
    must(mho_trials_add(&trials, &trial, &error), &error);
    must(mho_trials_add(&trials, &trial, &error), &error);
    ck_assert_uint_eq(trials.n, 1);
    trial.logits++;
    must_refuse(mho_trials_add(&trials, &trial, &error), &error, MHO_INPUT, "two different results");
    mho_trials_clear(&trials);
}

/* A new folder for a result and its journals. */
static char folder[] = "/tmp/mho-journal-XXXXXX", result[64];

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(result, sizeof result, "%s/r.h5", folder);
}

static bool any_point(const void *context, uint64_t point, uint32_t chip)
{
    (void)context;
    (void)point;
    (void)chip;
    return true;
}

static void remove_folder(void)
{
    mho_journal_remove(result, any_point, NULL);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* Write n trials into a new journal; its path. */
static void write_journal(uint64_t point, uint32_t n, char path[4096])
{
    MhoJournal journal;
    MhoError error = {0};
    must(mho_journal_open(result, &journal, &error), &error);
    for (uint32_t chip = 0; chip < n; chip++) {
        MhoTrial trial = sample_trial(point, chip);
        must(mho_journal_append(&journal, &trial, &error), &error);
    }
    snprintf(path, 4096, "%s", journal.path);
    mho_journal_close(&journal);
}

static size_t read_file(const char *path, unsigned char *bytes, size_t size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t n = fread(bytes, 1, size, file);
    fclose(file);
    return n;
}

static void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
    ck_assert_int_eq(fclose(file), 0);
}

static size_t count_trials(void)
{
    MhoTrials trials = {0};
    MhoError error = {0};
    must(mho_journal_read(result, &trials, &error), &error);
    size_t n = trials.n;
    for (size_t i = 0; i < n; i++) {
        MhoTrial expected = sample_trial(trials.list[i]->point, trials.list[i]->chip);
        check_equal(trials.list[i], &expected);
    }
    mho_trials_clear(&trials);
    return n;
}

/* Trials of another build may differ: they are counted, left out, and cleared away with the rest. */
TEST(journals_of_another_build)
{
    char path[4096], other[5000];
    make_folder();
    write_journal(1, 4, path);
    snprintf(other, sizeof other, "%.*s/host.1.0.0123456.journal", (int)(strrchr(path, '/') - path), path);
    ck_assert_uint_eq(mho_journal_other_builds(result), 0);
    ck_assert_int_eq(rename(path, other), 0);
    ck_assert_uint_eq(count_trials(), 0);
    ck_assert_uint_eq(mho_journal_other_builds(result), 1);
    remove_folder();
}

static bool first_point(const void *context, uint64_t point, uint32_t chip)
{
    (void)context;
    (void)chip;
    return point == 1;
}

/* A finished result removes the journals of its own trials alone: one of another study stays, and so does one whose
 * writer lives. */
TEST(journals_that_stay)
{
    char own[4096], other[4096];
    MhoJournal live;
    MhoError error = {0};
    make_folder();
    write_journal(1, 2, own);
    write_journal(2, 2, other);
    must(mho_journal_open(result, &live, &error), &error);
    must(mho_journal_write_plan(result, "trials 4\n", &error), &error);
    mho_journal_remove(result, first_point, NULL);
    ck_assert_int_ne(access(own, F_OK), 0);
    ck_assert_int_eq(access(other, F_OK), 0);
    ck_assert_int_eq(access(live.path, F_OK), 0);
    mho_journal_close(&live);
    remove_folder();
}

/* Trials of several journals of one result are counted together, each once. */
TEST(journals_of_several_processes)
{
    char path[4096], other[4096];
    make_folder();
    ck_assert_uint_eq(count_trials(), 0);
    write_journal(1, 4, path);
    write_journal(2, 3, other);
    ck_assert_str_ne(path, other);
    ck_assert_uint_eq(count_trials(), 7);
    write_journal(2, 5, other); /* the same trials again, as after a lost node */
    ck_assert_uint_eq(count_trials(), 9);
    remove_folder();
}

/* A journal cut at any byte gives its whole records and no other. */
TEST(torn_at_every_byte)
{
    char path[4096];
    unsigned char bytes[4 * RECORD];
    make_folder();
    write_journal(1, 3, path);
    size_t n = read_file(path, bytes, sizeof bytes);
    ck_assert_uint_eq(n, 3 * RECORD);
    for (size_t length = 0; length <= n; length++) {
        write_file(path, bytes, length);
        ck_assert_uint_eq(count_trials(), length / RECORD);
    }
    remove_folder();
}

/* One changed byte ends the journal at its record: nothing false is ever read. */
TEST(damaged_at_every_byte)
{
    char path[4096];
    unsigned char bytes[4 * RECORD];
    make_folder();
    write_journal(1, 3, path);
    size_t n = read_file(path, bytes, sizeof bytes);
    for (size_t at = 0; at < n; at++) {
        bytes[at] ^= 0x40;
        write_file(path, bytes, n);
        ck_assert_uint_eq(count_trials(), at / RECORD);
        bytes[at] ^= 0x40;
    }
    remove_folder();
}

/* Files that are not journals stay in the folder, and garbage in a journal gives no trial. */
TEST(foreign_files)
{
    char path[4096], other[4200];
    unsigned char garbage[3000];
    make_folder();
    write_journal(1, 2, path);
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (unsigned char)(i * 37 + i / 9);
    snprintf(other, sizeof other, "%s.parts/notes.txt", result);
    write_file(other, garbage, sizeof garbage);
    ck_assert_uint_eq(count_trials(), 2);
    mho_journal_remove(result, any_point, NULL);
    ck_assert_int_eq(access(other, F_OK), 0); /* not ours: it stays */
    ck_assert_int_eq(unlink(other), 0);
    write_journal(1, 2, path);
    snprintf(other, sizeof other, "%s.parts/garbage.journal", result);
    write_file(other, garbage, sizeof garbage);
    ck_assert_uint_eq(count_trials(), 2);
    remove_folder();
}

/* Two results under one key in two journals are refused; the message names a journal. */
TEST(contradicting_journals)
{
    char path[4096];
    MhoJournal journal;
    MhoTrials trials = {0};
    MhoTrial trial = sample_trial(1, 0);
    MhoError error = {0};
    make_folder();
    write_journal(1, 1, path);
    must(mho_journal_open(result, &journal, &error), &error);
    trial.accuracy = 0.9;
    must(mho_journal_append(&journal, &trial, &error), &error);
    mho_journal_close(&journal);
    must_refuse(mho_journal_read(result, &trials, &error), &error, MHO_INPUT, ".journal");
    mho_trials_clear(&trials);
    remove_folder();
}

/* ---- results ---- */

typedef struct Sample {
    MhoStudy study;
    MhoPointList grid;
    MhoPointInfo points[8];
    MhoTrials trials;
} Sample;

static void sample_of(Sample *sample, const char *const sets[3], size_t n_points)
{
    MhoError error = {0};
    *sample = (Sample){0};
    must(mho_study_read(NULL, &sample->study, &error), &error);
    for (size_t i = 0; i < 3; i++)
        must(mho_study_set(&sample->study, sets[i], &error), &error);
    must(mho_points_create(&sample->study, &sample->grid, &error), &error);
    ck_assert_uint_eq(sample->grid.n_points, n_points);
    for (uint64_t p = 0; p < n_points; p++) {
        sample->points[p] = (MhoPointInfo){.key = 1000 + p, .n_chips = p == 0 ? 1 : 2};
        for (uint32_t chip = 0; chip < sample->points[p].n_chips; chip++) {
            MhoTrial trial = sample_trial(1000 + p, chip);
            must(mho_trials_add(&sample->trials, &trial, &error), &error);
        }
    }
}

static void sample_make(Sample *sample)
{
    static const char *const sets[] = {"chip.cell.name=[ideal, pcm]", "chip.noise=0.5,1", "title=a test"};
    sample_of(sample, sets, 3);
}

static MhoRecord *sample_record(const Sample *sample)
{
    static const char *const layers[LAYERS] = {"conv1", "conv2", "dense"};
    MhoResultInput input = {.study = &sample->study,
                            .grid = &sample->grid,
                            .points = sample->points,
                            .trials = &sample->trials,
                            .layers = layers,
                            .n_layers = LAYERS,
                            .digest = "d",
                            .models = "m.h5 0\n",
                            .seconds = 1.5};
    MhoRecord *record;
    MhoError error = {0};
    must(mho_result_create(&input, &record, &error), &error);
    return record;
}

static void sample_clear(Sample *sample)
{
    mho_trials_clear(&sample->trials);
    mho_points_destroy(&sample->grid);
    mho_study_destroy(&sample->study);
}

/* Points and trials read from a result are those that it was made from. */
TEST(result_and_back)
{
    Sample sample;
    MhoTrials back = {0};
    MhoPointInfo *points;
    size_t n;
    MhoError error = {0};
    sample_make(&sample);
    MhoRecord *record = sample_record(&sample);
    must(mho_result_trials(record, "r.h5", &back, &error), &error);
    ck_assert_uint_eq(back.n, sample.trials.n);
    for (size_t i = 0; i < back.n; i++)
        check_equal(mho_trials_find(&back, sample.trials.list[i]->point, sample.trials.list[i]->chip),
                    sample.trials.list[i]);
    must(mho_result_points(record, "r.h5", &points, &n, &error), &error);
    ck_assert_uint_eq(n, 3);
    for (size_t p = 0; p < n; p++) {
        ck_assert_uint_eq(points[p].key, sample.points[p].key);
        ck_assert_uint_eq(points[p].n_chips, sample.points[p].n_chips);
    }
    free(points);
    mho_trials_clear(&back);
    mho_record_destroy(record);
    sample_clear(&sample);
}

/* A result holds NaN where no trial was run and where a key does not apply; grid, summary and SNR have the right
 * values. */
TEST(result_content)
{
    Sample sample;
    sample_make(&sample);
    MhoRecord *record = sample_record(&sample);
    const double *noise = mho_record_array(record, "chip.noise")->data,
                 *accuracy = mho_record_array(record, "accuracy")->data;
    const double *view = mho_record_array(record, "grid/accuracy")->data,
                 *mean = mho_record_array(record, "summary/accuracy_mean")->data;
    ck_assert(isnan(noise[0]) && noise[1] == 0.5 && noise[2] == 1.0);
    ck_assert(accuracy[0] == 0.5 && isnan(accuracy[1]) && accuracy[3] == 0.501);
    /* (cell, noise, chip): the ideal point is at both values of noise */
    ck_assert(view[0] == 0.5 && view[2] == 0.5 && isnan(view[1]) && view[7] == 0.501);
    ck_assert_double_eq_tol(mean[1], 0.5005, 1e-15);
    const double *snr = mho_record_array(record, "snr")->data;
    ck_assert(isinf(snr[0]) && snr[(1 * 2 + 1) * LAYERS] == 1e6 / 3.5);
    mho_record_destroy(record);
    sample_clear(&sample);
}

/* Steps, bits and tiles of layers, the networks without a chip, seconds and hosts stand in a result with units. */
TEST(result_of_a_trial)
{
    static const struct {
        const char *path, *unit;
        double first;
    } expected[] = {{"baseline/accuracy_integer", "1", 0.75},
                    {"summary/accuracy_float", "1", 0.8},
                    {"provenance/seconds", "s", 0.25},
                    {"adc_step", "accumulator_unit", 2.5},
                    {"adc_range", "accumulator_unit", 320}};
    static const char *const counts[] = {"weights", "tiles", "weight_bits", "activation_bits", "adc_bits"};
    static const int64_t values[] = {72, 4, 2, 4, 8};
    Sample sample;
    MhoError error = {0};
    uint32_t host;
    sample_make(&sample);
    must(mho_trials_host(&sample.trials, "node1", &host, &error), &error);
    MhoRecord *record = sample_record(&sample);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const MhoArray *array = mho_record_array(record, expected[i].path);
        ck_assert_msg(array != NULL, "%s", expected[i].path);
        ck_assert_str_eq(array->unit, expected[i].unit);
        ck_assert_double_eq(((const double *)array->data)[0], expected[i].first);
    }
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(((const int64_t *)mho_record_array(record, counts[i])->data)[1], values[i]);
    ck_assert_str_eq(((char *const *)mho_record_array(record, "provenance/host_name")->data)[0], "node1");
    const int32_t *hosts = mho_record_array(record, "provenance/host")->data;
    ck_assert(hosts[0] == 0 && hosts[1] == -1);
    ck_assert_str_eq(mho_attribute_string(&mho_record_array(record, "chip.noise")->attributes, "label"),
                     mho_param_label(mho_settings_find(sample.study.settings, "chip.noise", NULL)));
    ck_assert_ptr_nonnull(
        strstr(mho_attribute_string(&mho_record_find(record, "provenance")->attributes, "settings"), "\nrepeat=8\n"));
    mho_record_destroy(record);
    sample_clear(&sample);
}

/* Keys that move together are one axis of the grid view, with the values of each along it. */
TEST(result_of_keys_together)
{
    static const char *const sets[] = {"chip.cell.name=pcm", "chip.noise,chip.time=[[0.5, 1], [1, 1], [1, 60]]",
                                       "seed=7,8"};
    static const char together[] = "chip.noise+chip.time";
    Sample sample;
    sample_of(&sample, sets, 6);
    ((MhoTrial *)(uintptr_t)mho_trials_find(&sample.trials, 1005, 1))->accuracy = 0.75; /* (1, 60), seed 8, chip 1 */
    MhoRecord *record = sample_record(&sample);
    const MhoArray *time = mho_record_array(record, "chip.time"), *accuracy = mho_record_array(record, "grid/accuracy");
    ck_assert_uint_eq(time->shape[0], 6);
    ck_assert(((const double *)time->data)[3] == 1.0 && ((const double *)time->data)[4] == 60.0);
    ck_assert_uint_eq(accuracy->rank, 3);
    ck_assert(accuracy->shape[0] == 3 && accuracy->shape[1] == 2 && accuracy->shape[2] == 2);
    ck_assert_str_eq(accuracy->axis[0], together);
    ck_assert_str_eq(accuracy->axis[1], "seed");
    ck_assert_double_eq(((const double *)accuracy->data)[(2 * 2 + 1) * 2 + 1], 0.75);
    for (size_t k = 0; k < 2; k++) {
        const MhoArray *key = mho_record_array(record, k ? "grid/chip.time" : "grid/chip.noise");
        ck_assert_uint_eq(key->shape[0], 3);
        ck_assert_str_eq(key->axis[0], together);
        ck_assert(((const double *)key->data)[0] == (k ? 1.0 : 0.5) &&
                  ((const double *)key->data)[2] == (k ? 60.0 : 1.0));
    }
    ck_assert_int_eq(((const int32_t *)mho_record_array(record, "grid/chip.noise+chip.time")->data)[2], 2);
    mho_record_destroy(record);
    sample_clear(&sample);
}

/* A result whose arrays have different shapes or whose chip counts are too large is refused. */
TEST(results_of_other_shapes)
{
    static const char *const broken[] = {"loss", "signal", "n_chips", "clipped", "point_key"};
    MhoError error = {0};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        Sample sample;
        MhoTrials back = {0};
        sample_make(&sample);
        MhoRecord *record = sample_record(&sample);
        MhoArray *array = (MhoArray *)(uintptr_t)mho_record_array(record, broken[i]);
        array->shape[0]--;
        must_refuse(mho_result_trials(record, "r.h5", &back, &error), &error, MHO_INPUT, broken[i]);
        array->shape[0]++;
        mho_trials_clear(&back);
        mho_record_destroy(record);
        sample_clear(&sample);
    }
    Sample sample;
    MhoPointInfo *points;
    size_t n;
    sample_make(&sample);
    MhoRecord *record = sample_record(&sample);
    ((int32_t *)mho_record_array(record, "n_chips")->data)[1] = 3;
    must_refuse(mho_result_points(record, "r.h5", &points, &n, &error), &error, MHO_INPUT, "n_chips of point 1");
    mho_record_destroy(record);
    sample_clear(&sample);
}

/* A trial with more layers than the study's networks have, from a damaged journal, is refused. */
TEST(trials_of_too_many_layers)
{
    static const char *const layers[] = {"conv1", "conv2"};
    Sample sample;
    MhoRecord *record = NULL;
    MhoError error = {0};
    sample_make(&sample);
    MhoResultInput input = {.study = &sample.study,
                            .grid = &sample.grid,
                            .points = sample.points,
                            .trials = &sample.trials,
                            .layers = layers,
                            .n_layers = 2,
                            .digest = "d",
                            .models = "m.h5 0\n"};
    must_refuse(mho_result_create(&input, &record, &error), &error, MHO_INPUT, "3 layers");
    sample_clear(&sample);
}

/* ---- intervals ---- */

/* Student 1908, table of additional hours of sleep: mean difference 1.58, sd 1.23, n = 10; t(0.975, 9) = 2.262 from
 * printed tables. */
TEST(student_sleep)
{
    static const double dextro[] = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
    static const double laevo[] = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};
    MhoInterval paired = mho_student_paired(laevo, dextro, 10, 0.95);
    ck_assert_uint_eq(paired.n, 10);
    ck_assert_double_eq_tol(paired.mean, 1.58, 1e-12);
    ck_assert_double_eq_tol(paired.high - paired.mean, 2.262 * 1.2300 / sqrt(10.0), 1e-3);
    double difference[10];
    for (size_t i = 0; i < 10; i++)
        difference[i] = laevo[i] - dextro[i];
    MhoInterval plain = mho_student_interval(difference, 10, 0.95);
    ck_assert_double_eq(plain.low, paired.low);
    double half = gsl_cdf_tdist_Pinv(0.975, 9.0) * gsl_stats_sd(difference, 1, 10) / sqrt(10.0);
    ck_assert_double_eq_tol(plain.low, gsl_stats_mean(difference, 1, 10) - half, 1e-12);
    ck_assert_double_eq_tol(plain.high, gsl_stats_mean(difference, 1, 10) + half, 1e-12);
}

/* Intervals leave out NaN; one value gives an interval of width 0 and no value gives NaN. */
TEST(intervals_without_enough)
{
    static const double with_gap[] = {1.0, NAN, 3.0}, none[] = {NAN, NAN}, one[] = {NAN, 4.0},
                        same[] = {0.25, 0.25, 0.25};
    MhoInterval gap = mho_student_interval(with_gap, 3, 0.95), empty = mho_student_interval(none, 2, 0.95),
                single = mho_student_interval(one, 2, 0.95), flat = mho_student_interval(same, 3, 0.95);
    ck_assert_uint_eq(gap.n, 2);
    ck_assert_double_eq(gap.mean, 2.0);
    ck_assert_double_eq_tol(gap.high - gap.mean, 12.706, 1e-3); /* t(0.975, 1), sd sqrt 2 over sqrt 2 */
    ck_assert(empty.n == 0 && isnan(empty.mean) && isnan(empty.low) && isnan(empty.high));
    ck_assert(single.n == 1 && single.mean == 4.0 && single.low == 4.0 && single.high == 4.0);
    ck_assert(flat.low == 0.25 && flat.high == 0.25);
    static const double other[] = {0.5, 1.0, NAN};
    MhoInterval paired = mho_student_paired(with_gap, other, 3, 0.95);
    ck_assert(paired.n == 1 && paired.mean == 0.5);
}

/* Intervals of accuracies hold their mean and stay within 0..1: for values whose Student interval leaves 0..1 (0.97 to
 * 1), for the mirrored ones with mirrored ends, and for the widest possible spread; equal values give width 0. */
TEST(accuracy_intervals_stay_within)
{
    static const double high[] = {0.97, 1.0, 1.0}, low[] = {0.03, 0.0, 0.0}, wide[] = {0.0, 1.0, 1.0},
                        all[] = {1.0, 1.0, NAN}, none[] = {NAN, NAN};
    ck_assert_double_gt(mho_student_interval(high, 3, 0.95).high, 1.0);
    MhoInterval top = mho_accuracy_interval(high, 3, 0.95), bottom = mho_accuracy_interval(low, 3, 0.95),
                both = mho_accuracy_interval(wide, 3, 0.95), flat = mho_accuracy_interval(all, 3, 0.95),
                empty = mho_accuracy_interval(none, 2, 0.95);
    ck_assert_double_eq_tol(top.mean, 0.99, 1e-12);
    ck_assert(top.low > 0.94 && top.low < top.mean && top.high > top.mean && top.high < 1.0);
    ck_assert_double_eq_tol(top.low, 1.0 - bottom.high, 1e-12);
    ck_assert_double_eq_tol(top.high, 1.0 - bottom.low, 1e-12);
    ck_assert(both.low > 0.0 && both.high < 1.0);
    ck_assert(flat.low == 1.0 && flat.mean == 1.0 && flat.high == 1.0);
    ck_assert(empty.n == 0 && isnan(empty.mean) && isnan(empty.low) && isnan(empty.high));
}

/* Away from 0 and 1 the ends are Student's within a hundredth of the width; the difference is the documented one. */
TEST(accuracy_intervals_are_student_in_the_middle)
{
    static const double values[] = {0.52, 0.53, 0.515, 0.525, 0.518, 0.531, 0.522, 0.519};
    MhoInterval bounded = mho_accuracy_interval(values, 8, 0.95), student = mho_student_interval(values, 8, 0.95);
    double half = student.high - student.mean, m = student.mean;
    ck_assert_double_eq(bounded.mean, student.mean);
    ck_assert_double_eq_tol(bounded.low, student.low, 0.01 * half);
    ck_assert_double_eq_tol(bounded.high, student.high, 0.01 * half);
    ck_assert_double_eq_tol(bounded.low - student.low, half * half / (2.0 * m), 0.02 * half * half);
    ck_assert_double_eq_tol(student.high - bounded.high, half * half / (2.0 * (1.0 - m)), 0.02 * half * half);
}
