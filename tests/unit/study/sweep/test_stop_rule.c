/* test_stop_rule.c - points that stop once their interval is narrow enough. */
#include <math.h>

#include "harness.h"
#include "kernels/random.h"
#include "must.h"
#include "study/report/intervals.h"
#include "study/sweep/stop_rule.h"

static void add(MhoTrials *trials, uint64_t point, uint32_t chip, double accuracy)
{
    const MhoTrial trial = {.point = point, .chip = chip, .accuracy = accuracy};
    MhoError error = {0};
    must(mho_trials_add(trials, &trial, &error), &error);
}

/* A rule that is off changes nothing, and states 95 %. */
TEST(off_is_off)
{
    const MhoStopRule off = {.first = 4, .repeat = 64};
    MhoTrials trials = {0};
    for (uint32_t chip = 0; chip < 64; chip++)
        add(&trials, 1, chip, 0.5);
    ck_assert_uint_eq(mho_stop_chips(&off, &trials, 1, 64), 64);
    ck_assert_double_eq(mho_stop_confidence(&off), 0.95);
    mho_trials_clear(&trials);
}

/* The error of 5 % is shared by all looks: at 4, 8, 16, 32 and 64 chips there are five. */
TEST(the_error_is_shared)
{
    const MhoStopRule rule = {.half_width = 0.01, .first = 4, .repeat = 64};
    ck_assert_double_eq_tol(mho_stop_confidence(&rule), 0.99, 1e-15);
}

/* A point stops at the first look whose interval is narrow enough, never between looks and never before a trial that
 * is missing. */
TEST(a_point_stops_at_a_look)
{
    const MhoStopRule rule = {.half_width = 0.01, .first = 4, .repeat = 64};
    MhoTrials trials = {0};
    for (uint32_t chip = 0; chip < 4; chip++) /* far apart: the look at 4 is too wide */
        add(&trials, 1, chip, chip % 2 ? 0.45 : 0.55);
    ck_assert_uint_eq(mho_stop_chips(&rule, &trials, 1, 64), 64);
    for (uint32_t chip = 4; chip < 40; chip++) { /* narrow enough from about 28 chips on: the look at 32 sees it */
        ck_assert_uint_eq(mho_stop_chips(&rule, &trials, 1, 64), chip < 32 ? 64 : 32);
        add(&trials, 1, chip, 0.5);
    }
    for (uint32_t chip = 0; chip < 4; chip++)
        add(&trials, 2, chip, 0.9 + 1e-4 * chip);
    ck_assert_uint_eq(mho_stop_chips(&rule, &trials, 2, 64), 4);
    ck_assert_uint_eq(mho_stop_chips(&rule, &trials, 3, 64), 64); /* nothing was run */
    mho_trials_clear(&trials);
}

/* The rule agrees with the Student interval that a result states. */
TEST(the_interval_is_students)
{
    const double accuracy[] = {0.81, 0.83, 0.80, 0.84, 0.82, 0.81, 0.83, 0.82};
    MhoTrials trials = {0};
    for (uint32_t chip = 0; chip < 8; chip++)
        add(&trials, 1, chip, accuracy[chip]);
    MhoStopRule rule = {.half_width = 0.1, .first = 8, .repeat = 9};
    const MhoInterval interval = mho_student_interval(accuracy, 8, mho_stop_confidence(&rule));
    const double half = 0.5 * (interval.high - interval.low);
    rule.half_width = 1.0001 * half;
    ck_assert_uint_eq(mho_stop_chips(&rule, &trials, 1, 9), 8);
    rule.half_width = 0.9999 * half;
    ck_assert_uint_eq(mho_stop_chips(&rule, &trials, 1, 9), 9);
    mho_trials_clear(&trials);
}

/* Over 4000 points of normal accuracies that stop at different looks, at most 5 % of the stated intervals miss the mean
 * (5 standard errors of the count allowed); with plain 95 % intervals at every look the same points miss more often
 * than that, so the test would notice. */
TEST(the_stated_error_holds)
{
    enum { POINTS = 4000, REPEAT = 64 };
    const MhoStopRule rule = {.half_width = 0.008, .first = 4, .repeat = REPEAT};
    const double mean = 0.7, sigma = 0.012;
    size_t missed = 0, missed_plain = 0, looks[REPEAT + 1] = {0};
    for (uint64_t p = 0; p < POINTS; p++) {
        MhoTrials trials = {0};
        double accuracy[REPEAT];
        float normals[REPEAT];
        mho_normal_fill((MhoStream){.seed = p, .noise = 1.0F}, MHO_DRAW_TEST, REPEAT, normals);
        for (uint32_t chip = 0; chip < REPEAT; chip++)
            add(&trials, p, chip, accuracy[chip] = mean + sigma * (double)normals[chip]);
        const uint32_t n = mho_stop_chips(&rule, &trials, p, REPEAT);
        const MhoInterval stated = mho_student_interval(accuracy, n, mho_stop_confidence(&rule));
        missed += stated.low > mean || stated.high < mean;
        looks[n]++;
        size_t m = 4;
        MhoInterval plain = mho_student_interval(accuracy, m, 0.95);
        while (m < REPEAT && plain.high - plain.low > 2.0 * rule.half_width)
            plain = mho_student_interval(accuracy, m *= 2, 0.95);
        missed_plain += plain.low > mean || plain.high < mean;
        mho_trials_clear(&trials);
    }
    const double allowed = 0.05 * POINTS + 5.0 * sqrt(0.05 * 0.95 * POINTS);
    ck_assert_msg((double)missed <= 0.05 * POINTS, "%zu of %d intervals miss the mean", missed, POINTS);
    ck_assert_msg((double)missed_plain > allowed, "plain intervals miss only %zu times: the test proves nothing",
                  missed_plain);
    ck_assert(looks[8] + looks[16] > 0 && looks[REPEAT] < POINTS);
}
