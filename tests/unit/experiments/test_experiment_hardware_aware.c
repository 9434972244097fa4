/* The analysis of hardware_aware on results made by hand: over chips, and over seeds where these are swept. */
#include <stdlib.h>

#include "support/result_sample.h"
#include "experiments/experiment.h"

static const char *const plain = "float:12 4/8:6 4/8:3", *const aware = "float:12 4/8:6 chip:3";

/* Two networks at two times are compared chip by chip: +1 and +3 points at the first time, +2 and +2 at the second. */
TEST(test_over_chips)
{
    static const double accuracy[] = {0.80, 0.82, 0.70, 0.73, 0.81, 0.85, 0.72, 0.75}, times[] = {25, 86400, 25, 86400};
    const char *stages[] = {plain, plain, aware, aware}, *curricula[] = {"", "", "spread", "spread"};
    MhoRecord *result = sample_result(4, 2, accuracy), *analysis = sample_analysis(result);
    MhoError error = {0};
    sample_key(result, "train.stages", MHO_STRING, 4, stages);
    sample_key(result, "train.chip_curriculum", MHO_STRING, 4, curricula);
    sample_key(result, "chip.time", MHO_F64, 4, times);
    must(experiment_analyse(result, analysis, &error), &error);
    ck_assert_str_eq(word_at(analysis, "variant", 0), "plain");
    ck_assert_str_eq(word_at(analysis, "variant", 3), "hardware-aware, times spread");
    /* against plain; plain with clipped weights is not in this result */
    ck_assert_double_eq_tol(number_at(analysis, "difference_mean", 2 * 2), 0.02, 1e-12);
    ck_assert_double_eq_tol(number_at(analysis, "difference_low", 2 * 2), 0.02 - 12.7062047364 * 0.01, 1e-9);
    ck_assert_double_eq_tol(number_at(analysis, "difference_low", 2 * 3), 0.02, 1e-9);
    ck_assert(isnan(number_at(analysis, "difference_mean", 2 * 3 + 1)));
    char *text = experiment_finding(result);
    ck_assert_ptr_nonnull(strstr(text, "+2.00 points, 95 % interval -10.71 to +14.71 (contains 0"));
    ck_assert_ptr_nonnull(strstr(text, "+2.00 points, 95 % interval +2.00 to +2.00\n"));
    free(text);
    mho_record_destroy(result);
}

/* With a swept seed each network has one row, and its samples are the means over the chips of each seed. */
TEST(test_over_seeds)
{
    static const double accuracy[] = {0.7, 0.8, 0.6, 0.8, 0.8, 0.9, 0.7, 0.9}, seeds[] = {1, 2, 1, 2};
    const char *stages[] = {plain, plain, aware, aware};
    MhoRecord *result = sample_result(4, 2, accuracy), *analysis = sample_analysis(result);
    MhoError error = {0};
    sample_key(result, "train.stages", MHO_STRING, 4, stages);
    sample_key(result, "seed", MHO_F64, 4, seeds);
    must(experiment_analyse(result, analysis, &error), &error);
    ck_assert_uint_eq(mho_record_array(analysis, "variant")->shape[0], 2);
    ck_assert_str_eq(word_at(analysis, "variant", 1), "hardware-aware");
    ck_assert_str_eq(mho_attribute_string(&analysis->attributes, "samples_are"), "seed");
    ck_assert_double_eq_tol(number_at(analysis, "difference_mean", 2), 0.1, 1e-12);
    ck_assert_double_eq_tol(number_at(analysis, "accuracy_mean", 0), 0.725, 1e-12);
    mho_record_destroy(result);
}
