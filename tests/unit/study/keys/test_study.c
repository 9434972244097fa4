/* test_study.c - settings by key, axes from lists and ranges, studies as text and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/net_sample.h"
#include "study/keys/points.h"
#include "study/keys/study.h"

/* The text read as a study file. */
static MhoStatus try_text(const char *text, MhoStudy *study, MhoError *error)
{
    char path[] = "/tmp/mho-study-XXXXXX";
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq((int)write(file, text, strlen(text)), (int)strlen(text));
    close(file);
    MhoStatus status = mho_study_read(path, study, error);
    unlink(path);
    return status;
}

static MhoStudy read_text(const char *text)
{
    MhoError error = {0};
    MhoStudy study;
    must(try_text(text, &study, &error), &error);
    return study;
}

static void check_axis(const MhoStudy *study, size_t i, const char *key, size_t n, const char *const *values)
{
    ck_assert_uint_gt(study->n_axes, i);
    ck_assert_str_eq(study->axes[i].key, key);
    ck_assert_uint_eq(study->axes[i].n, n);
    for (size_t v = 0; v < n; v++)
        ck_assert_str_eq(study->axes[i].values[v], values[v]);
}
#define CHECK_AXIS(study, i, key, ...)                                                     \
    check_axis(study, i, key, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), \
               (const char *const[]){__VA_ARGS__})

/* A copy has its own values, in the shortest form that reads back; unknown keys name the nearest one. */
TEST(settings_copy_and_format)
{
    MhoSettings *settings, *copy;
    MhoError error = {0};
    char text[MHO_TEXT_MAX];
    must(mho_settings_create(&settings, &error), &error);
    must(mho_settings_set(settings, "chip.cell.pcm.t_read", "3e-7", NULL, &error), &error);
    must(mho_settings_copy(settings, &copy, &error), &error);
    must(mho_settings_set(settings, "chip.cell.pcm.t_read", "5e-7", NULL, &error), &error);
    mho_settings_destroy(settings);
    mho_settings_format(copy, "chip.cell.pcm.t_read", text, sizeof text);
    ck_assert_str_eq(text, "3e-7");
    ck_assert_uint_eq(mho_settings_format(copy, "chip.none", text, sizeof text), 0);
    must_refuse(mho_settings_set(copy, "chip.temprature", "300", "a.yaml:7", &error), &error, MHO_USAGE, "a.yaml:7");
    ck_assert_ptr_nonnull(strstr(error.text, "'chip.temperature'"));
    mho_settings_destroy(copy);
}

/* Every key of every table is found under its full name and is one key only. */
TEST(settings_keys_are_unique)
{
    MhoSettings *settings;
    const MhoSection *found;
    MhoSettingsKey key = {0};
    MhoError error = {0};
    size_t keys = 0;
    must(mho_settings_create(&settings, &error), &error);
    for (; mho_settings_next(settings, &key); keys++) {
        ck_assert_ptr_eq(mho_settings_find(settings, key.name, &found), key.param);
        ck_assert_msg(found == key.section, "%s is in two tables", key.name);
        ck_assert(mho_settings_is_default(settings, &key));
    }
    ck_assert_uint_gt(keys, 60);
    mho_settings_destroy(settings);
}

/* Lists and ranges of a study file become axes in its order. */
TEST(axes_from_yaml)
{
    MhoStudy study = read_text("seed: 5\nsweep:\n  chip.noise: [0, 0.50, 1]\n  chip.cell.name: [ideal, pcm]\n"
                               "  chip.adc.uniform.bits: \"4:8:2\"\n");
    ck_assert_uint_eq(study.n_axes, 3);
    CHECK_AXIS(&study, 0, "chip.noise", "0", "0.5", "1");
    CHECK_AXIS(&study, 1, "chip.cell.name", "ideal", "pcm");
    CHECK_AXIS(&study, 2, "chip.adc.uniform.bits", "4", "6", "8");
    ck_assert_int_eq(mho_settings_study(study.settings)->seed, 5);
    ck_assert(!study.has_train);
    mho_study_destroy(&study);
    study = read_text("train: {net: lenet}\n");
    ck_assert(study.has_train);
    mho_study_destroy(&study);
}

/* Lists and ranges of the command line become axes and replace older ones. */
TEST(axes_from_assignments)
{
    MhoStudy study;
    MhoError error = {0};
    must(mho_study_read(NULL, &study, &error), &error);
    must(mho_study_set(&study, "chip.noise=0:1:0.25", &error), &error);
    CHECK_AXIS(&study, 0, "chip.noise", "0", "0.25", "0.5", "0.75", "1");
    must(mho_study_set(&study, "chip.time=1, 10,100", &error), &error);
    CHECK_AXIS(&study, 1, "chip.time", "1", "10", "100");
    must(mho_study_set(&study, "chip.noise=1:0:-0.5", &error), &error);
    CHECK_AXIS(&study, 0, "chip.noise", "1", "0.5", "0");
    must(mho_study_set(&study, "chip.noise=2", &error), &error);
    ck_assert_uint_eq(study.n_axes, 1);
    CHECK_AXIS(&study, 0, "chip.time", "1", "10", "100");
    ck_assert_double_eq(mho_settings_chip(study.settings)->noise, 2.0);
    must(mho_study_set(&study, "chip.cell.name=[pcm, nor_flash]", &error), &error);
    CHECK_AXIS(&study, 1, "chip.cell.name", "pcm", "nor_flash");
    must(mho_study_set(&study, "noise.draw=chip, image", &error), &error); /* no word has a comma, a title may */
    CHECK_AXIS(&study, 2, "noise.draw", "chip", "image");
    must(mho_study_set(&study, "title=a, b: c = d", &error), &error);
    ck_assert_str_eq(mho_settings_study(study.settings)->title, "a, b: c = d");
    mho_study_destroy(&study);
}

/* Several keys with rows of values move together, and any form of them reads back. */
TEST(axes_that_move_together)
{
    MhoStudy study =
        read_text("sweep:\n  seed: [1, 2]\n  \"chip.noise, chip.time,data.name\": [[0, 1, \"a,[b]\"], [0.50, 1, c], "
                  "[0.5, 2, c]]\n  chip.temperature: [300, 310]\n");
    MhoError error = {0};
    ck_assert_uint_eq(study.n_axes, 5);
    CHECK_AXIS(&study, 1, "chip.noise", "0", "0.5", "0.5");
    CHECK_AXIS(&study, 2, "chip.time", "1", "1", "2");
    CHECK_AXIS(&study, 3, "data.name", "a,[b]", "c", "c");
    for (size_t i = 0; i < study.n_axes; i++)
        ck_assert_int_eq(study.axes[i].zipped, i == 2 || i == 3);
    ck_assert_uint_eq(mho_axes_together(&study, 0), 1);
    ck_assert_uint_eq(mho_axes_together(&study, 1), 3);
    /* the text makes the same study again */
    char *text = mho_study_text(&study);
    ck_assert_ptr_nonnull(
        strstr(text, "chip.noise,chip.time,data.name=[[0, 1, a\\,[b\\]], [0.5, 1, c], [0.5, 2, c]]\n"));
    MhoStudy again;
    must(mho_study_from_text(text, "here", &again, &error), &error);
    char *second = mho_study_text(&again);
    ck_assert_str_eq(text, second);
    CHECK_AXIS(&again, 3, "data.name", "a,[b]", "c", "c");
    free(text);
    free(second);
    mho_study_destroy(&again);
    /* the same keys again take the place of the old ones, also with one more and in another order */
    must(mho_study_set(&study, "data.name,chip.time,chip.noise,data.limit=[[x, 5, 1, 0],[y, 6, 2, 9]]", &error),
         &error);
    ck_assert_uint_eq(study.n_axes, 6);
    CHECK_AXIS(&study, 1, "data.name", "x", "y");
    CHECK_AXIS(&study, 4, "data.limit", "0", "9");
    CHECK_AXIS(&study, 5, "chip.temperature", "300", "310");
    /* one of them alone would leave rows without a value */
    must_refuse(mho_study_set(&study, "chip.time=7", &error), &error, MHO_USAGE, "together with data.name");
    must_refuse(mho_study_set(&study, "chip.time=7,8", &error), &error, MHO_USAGE, "together with data.name");
    mho_study_destroy(&study);
}

static const struct {
    const char *text, *words;
} refused_rows[] = {
    {"sweep: {\"chip.noise,chip.time\": [[0, 1], [1]]}\n", "1 values for 2 keys"},
    {"sweep: {\"chip.noise,chip.time\": [[0, 1], [1, 2, 3]]}\n", "3 values for 2 keys"},
    {"sweep: {\"chip.noise,chip.time\": [[0, 1], [0.0, 1]]}\n", "twice in the sweep"},
    {"sweep: {\"chip.noise,chip.time\": [0, 1]}\n", "rows are lists"},
    {"sweep: {\"chip.noise,chip.time\": [[0, [1]]]}\n", "rows are lists"},
    {"sweep: {\"chip.noise,chip.time\": []}\n", "empty list"},
    {"sweep: {\"chip.noise,chip.time\": 3}\n", "[[0, 0], [0.2, 1]]"},
    {"sweep: {\"chip.noise,chip.tyme\": [[0, 1]]}\n", "'chip.time'"},
    {"sweep: {\"chip.noise,chip.noise\": [[0, 1]]}\n", "twice among keys"},
    {"sweep: {\"chip.noise,\": [[0, 1]]}\n", "not a key"},
    {"sweep: {\"chip.noise,chip.time\": [[0, 1]], chip.time: [1]}\n", "chip.time is given twice"},
    {"\"chip.noise,chip.time\": [[0, 1]]\n", "belongs under sweep"},
    {"sweep: {chip.noise: [[0, 1]]}\n", "plain, not nested"},
    {"sweep: {\"chip.noise,chip.time\": [[0, 1], [11, 1]]}\n", "10"},
};

/* Rows that do not fit their keys are refused. */
TEST_LOOP(refused_row_sweeps, 0, (int)(sizeof refused_rows / sizeof *refused_rows))
{
    MhoError error = {0};
    MhoStudy study;
    must_refuse(try_text(refused_rows[_i].text, &study, &error), &error, MHO_USAGE, refused_rows[_i].words);
}

static const struct {
    const char *assignment, *words;
} refused[] = {
    {"chip.noise,chip.time=1", "[[0, 0], [0.2, 1]]"},
    {"chip.noise,chip.time=[[0, 1], [1, 2]", "[[0, 0], [0.2, 1]]"},
    {"chip.noise,chip.time=[[0, 1] [1, 2]]", "[[0, 0], [0.2, 1]]"},
    {"chip.noise,chip.time=[[0, 1],]", "[[0, 0], [0.2, 1]]"},
    {"chip.noise,chip.time=[]", "[[0, 0], [0.2, 1]]"},
    {"chip.noise", "key=value"},
    {"=1", "key=value"},
    {"chip.noise=nan", "chip.noise"},
    {"chip.noise=0,nan", "chip.noise"},
    {"chip.noise=0,0.0", "twice"},
    {"chip.noise=1:2", "range"},
    {"chip.noise=1:2:inf", "range"},
    {"chip.noise=0:1:0", "no values"},
    {"chip.noise=1:0:1", "no values"},
    {"chip.noise=0:9:1e-6", "no values or more"},
    {"chip.noise=0:11:1", "10"},
    {"repeat=1:2:0.5", "repeat"},
    {"chip.adc.range=[unit, unt]", "unit"},
    {"chip.adc.uniform.bit=3", "bits"},
};

/* Bad assignments are refused with key and reason. */
TEST_LOOP(refused_assignments, 0, (int)(sizeof refused / sizeof *refused))
{
    MhoStudy study;
    MhoError error = {0};
    must(mho_study_read(NULL, &study, &error), &error);
    must_refuse(mho_study_set(&study, refused[_i].assignment, &error), &error, MHO_USAGE, refused[_i].words);
    mho_study_destroy(&study);
}

/* A ninth axis is refused. */
TEST(too_many_axes)
{
    static const char *const keys[] = {"chip.noise",      "chip.time",     "chip.temperature", "seed",
                                       "data.limit",      "data.measured", "chip.array.rows",  "chip.array.cols",
                                       "data.calibration"};
    MhoStudy study;
    MhoError error = {0};
    must(mho_study_read(NULL, &study, &error), &error);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s=%s", keys[i], i == 2 ? "300,310" : "1,2");
        if (i < MHO_MAX_AXES)
            must(mho_study_set(&study, text, &error), &error);
        else
            must_refuse(mho_study_set(&study, text, &error), &error, MHO_USAGE, "at most 8 axes");
    }
    mho_study_destroy(&study);
}

/* Without a train: section a recipe key would do nothing; the split of the training set still matters. */
TEST(recipe_keys_need_training)
{
    MhoStudy study;
    MhoError error = {0};
    must(mho_study_read(NULL, &study, &error), &error);
    ck_assert_int_eq(mho_study_set(&study, "train.noise.weight=0.3", &error), MHO_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "no train: section"));
    must_refuse(mho_study_set(&study, "quant.shift=[row, none]", &error), &error, MHO_USAGE, "no train: section");
    must_refuse(mho_study_set(&study, "allocate.size=3", &error), &error, MHO_USAGE, "no train: section");
    must(mho_study_set(&study, "train.validation=7", &error), &error);
    study.has_train = true;
    must(mho_study_set(&study, "train.noise.weight=0.3", &error), &error);
    mho_study_destroy(&study);
    study = read_text("sweep: {train.width: [1, 2]}\n"); /* an axis is no recipe */
    ck_assert(!study.has_train);
    MhoPointList grid;
    ck_assert_int_eq(mho_points_create(&study, &grid, &error), MHO_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "no train: section"));
    mho_study_destroy(&study);
}

/* Text and back gives the same study: same text again, same axes, same settings. Values hold commas, line ends and
 * backslashes. */
TEST(text_round_trip)
{
    MhoStudy study =
                 read_text("title: \"two\\nlines, a \\\\ and an = sign\"\nrepeat: 3\nchip: {noise: 0.1, time: 86400}\n"
                           "train: {width: 0.3333333333333333}\n"
                           "sweep:\n  data.name: [\"idx:a,b\", \"idx:c\\\\d,e\"]\n  chip.temperature: [300, 310.5]\n"),
             again;
    MhoError error = {0};
    char *text = mho_study_text(&study);
    ck_assert_ptr_nonnull(text);
    must(mho_study_from_text(text, "here", &again, &error), &error);
    char *second = mho_study_text(&again), *first_keys = mho_settings_canonical(study.settings, true),
         *second_keys = mho_settings_canonical(again.settings, true);
    ck_assert_str_eq(text, second);
    ck_assert_str_eq(first_keys, second_keys);
    CHECK_AXIS(&again, 0, "data.name", "idx:a,b", "idx:c\\d,e");
    CHECK_AXIS(&again, 1, "chip.temperature", "300", "310.5");
    ck_assert_str_eq(mho_settings_study(again.settings)->title, "two\nlines, a \\ and an = sign");
    ck_assert(again.has_train);
    free(text);
    free(second);
    free(first_keys);
    free(second_keys);
    mho_study_destroy(&study);
    mho_study_destroy(&again);
    must_refuse(mho_study_from_text("chip.nothing=1\n", "r.h5", &again, &error), &error, MHO_USAGE, "r.h5");
}

/* What the recipe of a model covers: training keys, not what happens to a chip nor where the test images lie. */
TEST(recipes)
{
    static const struct {
        const char *assignment;
        bool changes;
    } cases[] = {{"train.width=0.5", true},
                 {"seed=9", true},
                 {"data.train=idx:x,y", true},
                 {"quant.shift=none", true},
                 {"quant.weight.bits=4", false},
                 {"chip.noise=2", false},
                 {"repeat=9", false},
                 {"title=x", false},
                 {"model=other.h5", false},
                 {"data.limit=3", false}};
    char before[65], after[80];
    MhoError error = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        MhoStudy study;
        must(mho_study_read(NULL, &study, &error), &error);
        study.has_train = true;
        must(mho_recipe_digest(study.settings, before, &error), &error);
        must(mho_study_set(&study, cases[i].assignment, &error), &error);
        must(mho_recipe_digest(study.settings, after, &error), &error);
        ck_assert_msg((strcmp(before, after) != 0) == cases[i].changes, "%s", cases[i].assignment);
        mho_study_destroy(&study);
    }
    MhoStudy study;
    char path[128];
    must(mho_study_read(NULL, &study, &error), &error);
    must(mho_study_set(&study, "model=m/a_{recipe}.h5", &error), &error);
    must(mho_recipe_digest(study.settings, before, &error), &error);
    must(mho_model_path(study.settings, path, sizeof path, &error), &error);
    before[8] = '\0';
    snprintf(after, sizeof after, "m/a_%s.h5", before);
    ck_assert_str_eq(path, after);
    must_refuse(mho_model_path(study.settings, path, 10, &error), &error, MHO_USAGE, "too long");
    mho_study_destroy(&study);
}

/* An unknown key names the key it shortens, the first key of the section that it is, or the least misspelt one. */
TEST(unknown_keys_name_the_nearest)
{
    static const char *const rows[][2] = {{"train.rate", "'train.learning_rate'"},
                                          {"train.quant_rate", "'train.quant_learning_rate'"},
                                          {"allocate.rate_low", "'allocate.learning_rate_low'"},
                                          {"chip.adc.bits", "'chip.adc.uniform.bits'"},
                                          {"train.chip", "'train.chip.cell.name'"},
                                          {"chip.nosie", "'chip.noise'"},
                                          {"train.ladder", "`mho describe`"}};
    MhoStudy study;
    MhoError error = {0};
    must(mho_study_read(NULL, &study, &error), &error);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        must_refuse(mho_study_assign(&study, rows[i][0], "1", "--set", &error), &error, MHO_USAGE, rows[i][1]);
    mho_study_destroy(&study);
}
