/* test_api_study.c - studies and results of mho.h: keys, running every point, reading the result file. */
#include <math.h>
#include <stdio.h>

#include "../../registry/tiny.h"
#include "mho/mho.h"
#include "must.h"

static void set_up(void)
{
    ck_assert(tiny_enter());
}

static void tear_down(void)
{
    tiny_leave();
}

TEST_FIXTURE(set_up, tear_down);

static MhoError error;

static void set_key(MhoStudy *study, const char *key, const char *value)
{
    must(mho_study_set_key(study, key, value, &error), &error);
}

/* A study of the tiny model on PCM chips. */
static MhoStudy *open_tiny(void)
{
    MhoStudy *study;
    must(mho_study_open(NULL, &study, &error), &error);
    set_key(study, "model", "tiny.h5");
    set_key(study, "data.name", TINY_TEST_SET);
    set_key(study, "data.train", TINY_TRAIN_SET);
    set_key(study, "chip.cell.name", "pcm");
    set_key(study, "repeat", "2");
    return study;
}

/* A key that was set reads back as its canonical text; one that was not has its default. */
TEST(keys_read_back)
{
    MhoStudy *study = open_tiny();
    char text[64];
    must(mho_study_get_key(study, "chip.cell.name", text, sizeof text, &error), &error);
    ck_assert_str_eq(text, "pcm");
    must(mho_study_get_key(study, "chip.adc.name", text, sizeof text, &error), &error);
    ck_assert_str_eq(text, "uniform");
    mho_study_free(study);
    mho_study_free(NULL);
}

/* Unknown keys name the nearest known one; values out of range, short texts and NULL are refused. */
TEST(wrong_keys_are_refused)
{
    MhoStudy *study = open_tiny(), *none;
    char text[3];
    must_refuse(mho_study_set_key(study, "chip.cel.name", "pcm", &error), &error, MHO_USAGE,
                "did you mean 'chip.cell.name'");
    must_refuse(mho_study_get_key(study, "chip.tim", text, sizeof text, &error), &error, MHO_USAGE,
                "did you mean 'chip.time'");
    must_refuse(mho_study_set_key(study, "chip.array.rows", "0", &error), &error, MHO_USAGE, "chip.array.rows");
    must_refuse(mho_study_set_key(study, "train.net", "lenet", &error), &error, MHO_USAGE, "no train: section");
    must_refuse(mho_study_get_key(study, "chip.cell.name", text, sizeof text, &error), &error, MHO_USAGE, "room for 2");
    must_refuse(mho_study_get_key(study, "chip.cell.name", text, 0, &error), &error, MHO_USAGE, "room for 0");
    must_refuse(mho_study_set_key(NULL, "seed", "1", &error), &error, MHO_USAGE, "study is NULL");
    must_refuse(mho_study_set_key(study, NULL, "1", &error), &error, MHO_USAGE, "key is NULL");
    must_refuse(mho_study_set_key(study, "seed", NULL, &error), &error, MHO_USAGE, "value is NULL");
    must_refuse(mho_study_get_key(study, "seed", NULL, 9, &error), &error, MHO_USAGE, "text is NULL");
    must_refuse(mho_study_open(NULL, NULL, &error), &error, MHO_USAGE, "study is NULL");
    ck_assert_int_eq(mho_study_open("missing.yaml", &none, &error), MHO_INPUT);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(mho_study_set_key(study, "seed", "1", NULL), MHO_USAGE);
    mho_study_free(study);
}

/* The condition of a study is that of its keys, and the keys' defaults without a study. */
TEST(conditions_come_from_keys)
{
    MhoStudy *study = open_tiny();
    set_key(study, "chip.time", "3600");
    ck_assert(mho_chip_condition_defaults(study).time == 3600.0);
    ck_assert(mho_chip_condition_defaults(NULL).time == mho_chip_condition_defaults(NULL).time);
    ck_assert(mho_chip_condition_defaults(NULL).temperature == mho_chip_condition_defaults(study).temperature);
    mho_study_free(study);
}

/* A sweep over cells and times writes a result whose accuracies, keys and texts can be read. */
TEST(a_study_runs_and_its_result_is_read)
{
    MhoStudy *study = open_tiny();
    MhoResult *result;
    MhoResultShape shape;
    MhoRunOptions options = mho_run_options_defaults();
    double accuracy[8], times[4];
    char path[64];
    options.threads = 2;
    set_key(study, "chip.cell.name", "[pcm, nor_flash]");
    set_key(study, "chip.time", "0,3600");
    must(mho_study_run(study, &options, "out.h5", path, sizeof path, &error), &error);
    ck_assert_str_eq(path, "out.h5");
    must(mho_study_run(study, NULL, "out.h5", NULL, 0, &error), &error); /* finished: left as it is */
    must(mho_result_open(path, &result, &error), &error);
    must(mho_result_shape(result, "accuracy", &shape, &error), &error);
    ck_assert_uint_eq(shape.rank, 2);
    ck_assert_uint_eq(shape.size[1], 2);
    ck_assert_uint_eq(shape.n, shape.size[0] * 2);
    ck_assert_uint_le(shape.n, 8);
    must(mho_result_numbers(result, "accuracy", accuracy, shape.n, &error), &error);
    ck_assert(accuracy[0] >= 0.0 && accuracy[0] <= 1.0);
    must(mho_result_numbers(result, "chip.time", times, shape.size[0], &error), &error);
    ck_assert(times[0] == 0.0);
    ck_assert_str_eq(mho_result_text(result, "chip.cell.name", 0), "pcm");
    mho_result_free(result);
    mho_result_free(NULL);
    mho_study_free(study);
}

/* Another study never overwrites a result; missing files, arrays and wrong sizes are refused. */
TEST(wrong_runs_and_reads_are_refused)
{
    MhoStudy *study = open_tiny();
    MhoResult *result, *none;
    MhoResultShape shape;
    double one;
    must(mho_study_run(study, NULL, "out.h5", NULL, 0, &error), &error);
    set_key(study, "seed", "2");
    ck_assert_int_eq(mho_study_run(study, NULL, "out.h5", NULL, 0, &error), MHO_USAGE);
    char path[6];
    must_refuse(mho_study_run(study, NULL, "out.h5", path, sizeof path, &error), &error, MHO_USAGE, "room");
    must_refuse(mho_study_run(NULL, NULL, NULL, NULL, 0, &error), &error, MHO_USAGE, "study is NULL");
    ck_assert_int_eq(mho_result_open("missing.h5", &none, &error), MHO_INPUT);
    ck_assert_ptr_null(none);
    must_refuse(mho_result_open("tiny.h5", &none, &error), &error, MHO_INPUT, "no array accuracy");
    must_refuse(mho_result_open(NULL, &none, &error), &error, MHO_USAGE, "path is NULL");
    must_refuse(mho_result_open("out.h5", NULL, &error), &error, MHO_USAGE, "result is NULL");
    must(mho_result_open("out.h5", &result, &error), &error);
    must_refuse(mho_result_shape(result, "nosuch", &shape, &error), &error, MHO_INPUT, "no array 'nosuch'");
    must_refuse(mho_result_shape(result, "accuracy", NULL, &error), &error, MHO_USAGE, "shape is NULL");
    must_refuse(mho_result_numbers(result, "accuracy", &one, 1, &error), &error, MHO_USAGE, "room for 1");
    must_refuse(mho_result_numbers(result, "layer", &one, 1, &error), &error, MHO_USAGE, "texts");
    must_refuse(mho_result_numbers(result, "accuracy", NULL, 2, &error), &error, MHO_USAGE, "values is NULL");
    ck_assert_ptr_null(mho_result_text(result, "accuracy", 0));
    ck_assert_ptr_null(mho_result_text(result, "layer", 99));
    ck_assert_ptr_null(mho_result_text(NULL, "layer", 0));
    mho_result_free(result);
    mho_study_free(study);
}
