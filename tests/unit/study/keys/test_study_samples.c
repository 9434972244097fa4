/* test_study_samples.c - several grids in one sweep, and points that are drawn. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "study/keys/points.h"
#include "study/keys/study.h"
#include "support/net_sample.h"

static MhoStudy read_text(const char *text)
{
    char path[] = "/tmp/mho-study-XXXXXX";
    MhoError error = {0};
    MhoStudy study;
    const int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq((int)write(file, text, strlen(text)), (int)strlen(text));
    close(file);
    must(mho_study_read(path, &study, &error), &error);
    unlink(path);
    return study;
}

/* "a b c" of the values at a point, "-" where one does not apply. */
static const char *point_text(const MhoPointList *list, size_t p)
{
    static char text[512];
    text[0] = '\0';
    for (size_t i = 0; i < list->n_axes; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "",
                 list->points[p].applies[i] ? list->axes[i].values[list->points[p].value[i]] : "-");
    return text;
}

static void check_points(const MhoStudy *study, size_t n, const char *const *expected)
{
    MhoPointList list;
    MhoError error = {0};
    must(mho_points_create(study, &list, &error), &error);
    ck_assert_uint_eq(list.n_points, n);
    for (size_t p = 0; p < n; p++)
        ck_assert_str_eq(point_text(&list, p), expected[p]);
    mho_points_destroy(&list);
}
#define CHECK_POINTS(study, ...) \
    check_points(study, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), (const char *const[]){__VA_ARGS__})

/* The text of a study makes the same study and the same points again. */
static void check_round_trip(const MhoStudy *study)
{
    MhoStudy again;
    MhoPointList first, second;
    MhoError error = {0};
    char *text = mho_study_text(study);
    must(mho_study_from_text(text, "r.h5", &again, &error), &error);
    char *text_again = mho_study_text(&again);
    ck_assert_str_eq(text, text_again);
    must(mho_points_create(study, &first, &error), &error);
    must(mho_points_create(&again, &second, &error), &error);
    ck_assert_uint_eq(first.n_points, second.n_points);
    for (size_t p = 0; p < first.n_points; p++)
        ck_assert_str_eq(first.points[p].text, second.points[p].text);
    mho_points_destroy(&first);
    mho_points_destroy(&second);
    free(text);
    free(text_again);
    mho_study_destroy(&again);
}

static const char grids[] = "chip: {noise: 2, adc: {uniform: {bits: 7}}}\n"
                            "sweep:\n"
                            "  - chip.cell.name: [pcm]\n"
                            "    chip.time: [1, 100]\n"
                            "    chip.adc.uniform.bits: [4, 5]\n"
                            "  - chip.cell.name: [nor_flash]\n"
                            "    chip.temperature: [300, 350]\n"
                            "  - {chip.cell.name: pcm, chip.time: [100, 1000], chip.noise: 1}\n";

/* Points of several grids follow each other; a key that a grid does not sweep has the value of the file, which is a
 * value of its axis; a point that is in two grids is there once. */
TEST(grids_are_joined)
{
    MhoStudy study = read_text(grids);
    CHECK_POINTS(&study, "pcm 1 4 - 2", "pcm 1 5 - 2", "pcm 100 4 - 2", "pcm 100 5 - 2", "nor_flash - 7 300 2",
                 "nor_flash - 7 350 2", "pcm 100 7 - 1", "pcm 1000 7 - 1");
    check_round_trip(&study);
    MhoPointList list;
    MhoError error = {0};
    must(mho_points_create(&study, &list, &error), &error);
    ck_assert(!list.is_grid);
    ck_assert_uint_eq(list.n_axes, 5);
    ck_assert_uint_eq(list.n_combinations, 8);
    ck_assert_str_eq(list.axes[2].values[2], "7");
    mho_points_destroy(&list);
    /* the command line counts for every grid */
    must(mho_study_set(&study, "chip.adc.uniform.bits=6", &error), &error);
    CHECK_POINTS(&study, "pcm 1 - 2", "pcm 100 - 2", "nor_flash - 300 2", "nor_flash - 350 2", "pcm 100 - 1",
                 "pcm 1000 - 1");
    must(mho_study_set(&study, "chip.noise=0,1", &error), &error);
    CHECK_POINTS(&study, "pcm 1 0 -", "pcm 1 1 -", "pcm 100 0 -", "pcm 100 1 -", "nor_flash - 0 300",
                 "nor_flash - 1 300", "nor_flash - 0 350", "nor_flash - 1 350", "pcm 1000 0 -", "pcm 1000 1 -");
    check_round_trip(&study);
    mho_study_destroy(&study);
}

/* One grid in a list is the same study as without the list. */
TEST(one_grid_in_a_list)
{
    MhoStudy one = read_text("chip.cell.name: pcm\nsweep: [{chip.noise: [0, 1], chip.time: [1, 2]}]\n"),
             plain = read_text("chip.cell.name: pcm\nsweep: {chip.noise: [0, 1], chip.time: [1, 2]}\n");
    char *text = mho_study_text(&one), *plain_text = mho_study_text(&plain);
    ck_assert_str_eq(text, plain_text);
    free(text);
    free(plain_text);
    mho_study_destroy(&one);
    mho_study_destroy(&plain);
}

static const struct {
    const char *text, *words;
} refused[] = {
    {"sweep=1\nchip.noise=[0, 1]\nsweep=3\n", "number of the next grid"},
    {"sweep=2\nsweep=2\n", "number of the next grid"},
    {"sweep=0\n", "number of the next grid"},
    {"sweep=1000\n", "number of the next grid"},
    {"sweep=x\n", "number of the next grid"},
};

/* A damaged text is refused. */
TEST_LOOP(damaged_texts, 0, (int)(sizeof refused / sizeof *refused))
{
    MhoStudy study;
    MhoError error = {0};
    must_refuse(mho_study_from_text(refused[_i].text, "r.h5", &study, &error), &error, MHO_USAGE, refused[_i].words);
}

/* More than eight different keys in all grids are refused; the same ones may be in all of them. */
TEST(keys_of_all_grids_count)
{
    MhoError error = {0};
    MhoStudy study = read_text("sweep:\n  - {seed: [1, 2], chip.noise: [0, 1], chip.time: [0, 1], data.limit: [1, 2]}\n"
                               "  - {seed: [3, 4], chip.noise: [2, 1], chip.temperature: [300, 301], repeat: 3}\n");
    must(mho_study_set(&study, "chip.array.rows=64,128", &error), &error);
    must(mho_study_set(&study, "chip.array.cols=64,128", &error), &error);
    ck_assert_uint_eq(study.n_axes, 12);
    must_refuse(mho_study_set(&study, "data.measured=1,2", &error), &error, MHO_USAGE, "at most 8 axes");
    mho_study_destroy(&study);
}

static MhoPointList points_of(const MhoStudy *study)
{
    MhoPointList list;
    MhoError error = {0};
    must(mho_points_create(study, &list, &error), &error);
    return list;
}

static const char drawn[] = "chip.cell.name: pcm\nsample: {n: 64, name: %s}\n"
                            "sweep:\n  chip.noise: \"0..2\"\n  chip.time: \"log:1..1e6\"\n"
                            "  chip.adc.uniform.bits: \"3..8\"\n";

/* Drawn points lie in their intervals, evenly or evenly in log, whole where the key is, and every study of more points
 * begins with them. */
TEST_LOOP(points_are_drawn, 0, 2)
{
    static const char *const names[] = {"sobol", "random"};
    char text[512];
    MhoError error = {0};
    snprintf(text, sizeof text, drawn, names[_i]);
    MhoStudy study = read_text(text);
    MhoPointList list = points_of(&study);
    size_t low_noise = 0, early = 0, bits[16] = {0};
    ck_assert_uint_eq(list.n_points, 64);
    ck_assert(!list.is_grid);
    for (size_t p = 0; p < 64; p++) {
        const MhoChipParams *chip = mho_settings_chip(list.points[p].settings);
        ck_assert(chip->noise >= 0.0 && chip->noise <= 2.0 && chip->time >= 1.0 && chip->time <= 1e6);
        low_noise += chip->noise < 1.0;
        early += chip->time < 1e3;
        bits[atoi(list.axes[2].values[list.points[p].value[2]])]++;
    }
    /* 64 fair coins: 12 standard deviations of 4 would be a mistake of the law; Sobol's halves are equal */
    const size_t most = _i == 0 ? 1 : 16;
    ck_assert_uint_le(low_noise > 32 ? low_noise - 32 : 32 - low_noise, most);
    ck_assert_uint_le(early > 32 ? early - 32 : 32 - early, most);
    for (size_t b = 0; b < 16; b++)
        ck_assert_msg((bits[b] > 0) == (b >= 3 && b <= 8), "%zu points with %zu bits", bits[b], b);
    check_round_trip(&study);
    must(mho_study_set(&study, "sample.n=100", &error), &error);
    MhoPointList more = points_of(&study);
    ck_assert_uint_eq(more.n_points, 100);
    for (size_t p = 0; p < 64; p++)
        ck_assert_str_eq(more.points[p].text, list.points[p].text);
    mho_points_destroy(&more);
    mho_points_destroy(&list);
    mho_study_destroy(&study);
}

/* The first rows of Sobol's sequence in two dimensions (Joe and Kuo's table begins so too, without the zeros). */
TEST(sobol_points_are_sobols)
{
    MhoStudy study =
        read_text("chip.cell.name: pcm\nsample.n: 4\nsweep: {chip.noise: \"0..1\", chip.time: \"0..1\"}\n");
    CHECK_POINTS(&study, "0.5 0.5", "0.75 0.25", "0.25 0.75", "0.375 0.375");
    mho_study_destroy(&study);
}

/* Random points are a function of seed, key and number: another key beside them leaves them as they are, another seed
 * gives others. */
TEST(random_points_stay)
{
    MhoError error = {0};
    MhoStudy study = read_text("chip.cell.name: pcm\nsample: {n: 5, name: random}\nsweep: {chip.noise: \"0..1\"}\n");
    MhoPointList one = points_of(&study);
    must(mho_study_set(&study, "chip.time=0..1", &error), &error);
    MhoPointList two = points_of(&study);
    must(mho_study_set(&study, "sample.seed=2", &error), &error);
    MhoPointList other = points_of(&study);
    for (size_t p = 0; p < 5; p++) {
        const double noise = mho_settings_chip(one.points[p].settings)->noise;
        ck_assert(noise == mho_settings_chip(two.points[p].settings)->noise);
        ck_assert(noise != mho_settings_chip(other.points[p].settings)->noise);
        ck_assert(noise != mho_settings_chip(two.points[p].settings)->time);
    }
    mho_points_destroy(&one);
    mho_points_destroy(&two);
    mho_points_destroy(&other);
    mho_study_destroy(&study);
}

/* Lists beside intervals: each drawn row with each value of the list; keys of sampling are no part of a trial. */
TEST(drawn_points_and_lists)
{
    MhoError error = {0};
    MhoStudy study = read_text("sample.n: 2\nsweep: {chip.cell.name: [pcm, nor_flash, ideal], chip.noise: \"0..1\", "
                               "chip.temperature: \"300..340\"}\n");
    CHECK_POINTS(&study, "pcm 0.5 -", "pcm 0.75 -", "nor_flash 0.5 320", "nor_flash 0.75 310", "ideal - -");
    check_round_trip(&study);
    MhoPointList list = points_of(&study);
    ck_assert_ptr_null(strstr(list.points[0].text, "sample"));
    char *out = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&out, &size);
    mho_points_describe(&list, file);
    fclose(file);
    ck_assert_msg(strncmp(out, "5 points (6 combinations;", 25) == 0, "%s", out);
    ck_assert_ptr_nonnull(strstr(out, "  chip.cell.name               pcm, nor_flash, ideal\n"));
    ck_assert_ptr_nonnull(strstr(out, "  chip.temperature             320, 310 K\n"));
    free(out);
    mho_points_destroy(&list);
    /* a list takes the place of an interval */
    must(mho_study_set(&study, "chip.temperature=300,310", &error), &error);
    must(mho_study_set(&study, "chip.noise=0,1", &error), &error);
    list = points_of(&study);
    ck_assert(list.is_grid);
    ck_assert_uint_eq(list.n_points, 7);
    mho_points_destroy(&list);
    mho_study_destroy(&study);
}

/* A long list is shortened for people, and a study without axes is one point. */
TEST(points_are_described)
{
    MhoStudy study = read_text("chip.cell.name: pcm\nsweep: {chip.time: \"0:100:1\"}\n");
    MhoPointList list = points_of(&study);
    char *out = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&out, &size);
    mho_points_describe(&list, file);
    fclose(file);
    ck_assert_str_eq(out, "101 points\n  chip.time                    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... 100 (101 "
                          "values) s\n");
    free(out);
    mho_points_destroy(&list);
    mho_study_destroy(&study);
}
