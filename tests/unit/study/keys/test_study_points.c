/* test_study_points.c - which combinations are one point, and which switches do nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/net_sample.h"
#include "study/keys/points.h"

static MhoStudy study_of(const char *const *assignments)
{
    MhoStudy study;
    MhoError error = {0};
    must(mho_study_read(NULL, &study, &error), &error);
    for (; *assignments; assignments++)
        must(mho_study_set(&study, *assignments, &error), &error);
    return study;
}
#define STUDY(...) study_of((const char *const[]){__VA_ARGS__, NULL})

static const char *value_of(const MhoPointList *grid, size_t point, size_t axis)
{
    return grid->points[point].applies[axis] ? grid->axes[axis].values[grid->points[point].value[axis]] : "-";
}

/* Row-major order, the last axis fastest; every combination keeps its point. */
TEST(full_grid)
{
    MhoStudy study = STUDY("chip.cell.name=pcm", "chip.time=1,2,3", "chip.noise=0,1");
    MhoPointList grid;
    MhoError error = {0};
    static const char *const expected[6][2] = {{"1", "0"}, {"1", "1"}, {"2", "0"}, {"2", "1"}, {"3", "0"}, {"3", "1"}};
    must(mho_points_create(&study, &grid, &error), &error);
    ck_assert_uint_eq(grid.n_points, 6);
    ck_assert_uint_eq(grid.n_combinations, 6);
    for (size_t p = 0; p < 6; p++) {
        ck_assert_uint_eq(grid.point_of[p], p);
        ck_assert_str_eq(value_of(&grid, p, 0), expected[p][0]);
        ck_assert_str_eq(value_of(&grid, p, 1), expected[p][1]);
        ck_assert_double_eq(mho_settings_chip(grid.points[p].settings)->time, (double)(p / 2 + 1));
        ck_assert_double_eq(mho_settings_chip(grid.points[p].settings)->noise, (double)(p % 2));
    }
    mho_points_destroy(&grid);
    mho_study_destroy(&study);
}

/* ideal: neither noise nor pcm's parameter; nor_flash: noise only. */
TEST(merged_points)
{
    MhoStudy study =
        STUDY("chip.cell.name=[ideal, pcm, nor_flash]", "chip.noise=0,1", "chip.cell.pcm.prog_scale=0.5,1");
    MhoPointList grid;
    MhoError error = {0};
    static const char *const expected[][3] = {{"ideal", "-", "-"},    {"pcm", "0", "0.5"}, {"pcm", "0", "1"},
                                              {"pcm", "1", "0.5"},    {"pcm", "1", "1"},   {"nor_flash", "0", "-"},
                                              {"nor_flash", "1", "-"}};
    static const size_t point_of[] = {0, 0, 0, 0, 1, 2, 3, 4, 5, 5, 6, 6};
    must(mho_points_create(&study, &grid, &error), &error);
    ck_assert_uint_eq(grid.n_points, sizeof expected / sizeof *expected);
    for (size_t p = 0; p < grid.n_points; p++)
        for (size_t i = 0; i < 3; i++)
            ck_assert_msg(strcmp(value_of(&grid, p, i), expected[p][i]) == 0, "point %zu axis %zu: %s", p, i,
                          value_of(&grid, p, i));
    ck_assert_uint_eq(grid.n_combinations, 12);
    for (size_t c = 0; c < 12; c++)
        ck_assert_uint_eq(grid.point_of[c], point_of[c]);
    mho_points_destroy(&grid);
    mho_study_destroy(&study);
}

/* The model's path is no result's key, but two models are two points. */
TEST(models_are_points)
{
    MhoStudy study = STUDY("model=[a.h5, b.h5]");
    MhoPointList grid;
    MhoError error = {0};
    must(mho_points_create(&study, &grid, &error), &error);
    ck_assert_uint_eq(grid.n_points, 2);
    mho_points_destroy(&grid);
    mho_study_destroy(&study);
}

static const char *const idle[][3] = {
    {"chip.noise=0,1", "chip.cell.name=ideal", "chip.noise"},
    {"chip.cell.pcm.prog_scale=0.5,1", "chip.cell.name=nor_flash", "chip.cell.pcm.prog_scale"},
    {"chip.time=1,2", "chip.cell.name=nor_flash", "chip.time"},
    {"chip.temperature=300,310", "chip.cell.name=ideal", "chip.temperature"},
    {"chip.adc.full_scale=0.5,1", "chip.cell.name=pcm", "chip.adc.full_scale"},
    {"chip.adc.calibrate=[ideal, chip]", "chip.adc.range=unit", "chip.adc.calibrate"},
    {"chip.cell.t_observe=1,2", "chip.cell.name=pcm", "chip.cell.t_observe"},
    {"chip.cell.read=[frozen, per_read]", "chip.cell.name=ideal", "chip.cell.read"},
    {"chip.adc.uniform.bits=4,5", "chip.adc.name=ideal", "chip.adc.uniform.bits"},
    {"noise.draw=[chip, image]", "chip.adc.name=ideal", "noise.draw"},
    {"noise.weight=0,0.2", "chip.adc.name=uniform", "chip.adc.name=ideal"},
    {"noise.sum=0,0.2", "chip.cell.name=pcm", "noise.sum: noise on codes takes the place of a chip and chip.cell.name"},
    {"repeat=2,4", "chip.cell.name=pcm", "repeat"},
    {"title=[a, b]", "chip.cell.name=pcm", "title"},
    /* the wrong name is the news, not the axis that it makes idle */
    {"chip.time=1,2", "chip.cell.name=pcn", "'pcm'"},
    {"chip.cell.name=[pcm, pcn]", "chip.time=1", "'pcm'"},
    {"chip.noise=0,1", "quant.weight.name=fqcomv", "'fqconv'"},
};

/* An axis that no point uses is refused. */
TEST_LOOP(idle_axes, 0, (int)(sizeof idle / sizeof *idle))
{
    MhoStudy study = STUDY(idle[_i][1], idle[_i][0]);
    MhoPointList grid;
    MhoError error = {0};
    must_refuse(mho_points_create(&study, &grid, &error), &error, MHO_USAGE, idle[_i][2]);
    mho_study_destroy(&study);
}

/* Keys that move together are one axis of the product; what does not apply is merged key by key. */
TEST(zipped_points)
{
    static const char *const expected[][4] = {{"0", "1", "-", "300"},       {"0", "1", "-", "310"},
                                              {"0.5", "0", "image", "300"}, {"0.5", "0", "image", "310"},
                                              {"0.5", "0", "chip", "300"},  {"0.5", "0", "chip", "310"}};
    static const size_t point_of[] = {0, 1, 0, 1, 2, 3, 4, 5};
    MhoStudy study =
        STUDY("chip.adc.name=ideal",
              "noise.weight,noise.sum,noise.draw=[[0, 1, chip], [0, 1, image], [0.5, 0, image], [0.5, 0, chip]]",
              "seed=[300, 310]");
    MhoPointList grid;
    MhoError error = {0};
    must(mho_points_create(&study, &grid, &error), &error);
    ck_assert_uint_eq(grid.n_points, 6);
    ck_assert_uint_eq(grid.n_combinations, 8);
    for (size_t p = 0; p < 6; p++)
        for (size_t i = 0; i < 4; i++)
            ck_assert_msg(strcmp(value_of(&grid, p, i), expected[p][i]) == 0, "point %zu axis %zu: %s", p, i,
                          value_of(&grid, p, i));
    for (size_t c = 0; c < 8; c++)
        ck_assert_uint_eq(grid.point_of[c], point_of[c]);
    mho_points_destroy(&grid);
    mho_study_destroy(&study);
}

/* Noise on codes takes the place of a chip: what a chip has and how its layers are metered counts only without it. */
TEST(chips_beside_noise)
{
    static const char *const keys[] = {"chip.array.rows=[128, 256]", "data.measured=[3, 4]",
                                       "chip.adc.range=[unit, maximum]"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        MhoStudy study = STUDY("chip.adc.name=ideal", "noise.sum=[0, 1]", keys[i]);
        MhoPointList grid;
        MhoError error = {0};
        must(mho_points_create(&study, &grid, &error), &error);
        ck_assert_msg(grid.n_points == 3, "%s: %zu points", keys[i], grid.n_points);
        ck_assert_str_eq(value_of(&grid, 2, 0), "1");
        ck_assert_str_eq(value_of(&grid, 2, 1), "-");
        mho_points_destroy(&grid);
        mho_study_destroy(&study);
    }
}

/* More than a million combinations are refused. */
TEST(too_many_combinations)
{
    MhoStudy study = STUDY("chip.cell.name=pcm", "seed=1:4000:1", "chip.time=1:4000:1");
    MhoPointList grid;
    MhoError error = {0};
    must_refuse(mho_points_create(&study, &grid, &error), &error, MHO_USAGE, "combinations");
    mho_study_destroy(&study);
}

/* Merging in a grid where nearly all is one point, and in one where nothing is: both ends of the search. */
TEST(large_grids)
{
    MhoStudy study = STUDY("chip.cell.name=[ideal, pcm]", "chip.cell.pcm.prog_scale=0:2:0.001");
    MhoPointList grid;
    MhoError error = {0};
    must(mho_points_create(&study, &grid, &error), &error);
    ck_assert_uint_eq(grid.n_combinations, 4002);
    ck_assert_uint_eq(grid.n_points, 2002);
    ck_assert_uint_eq(grid.point_of[2000], 0);
    ck_assert_uint_eq(grid.point_of[4001], 2001);
    mho_points_destroy(&grid);
    mho_study_destroy(&study);
}
