/* The analysis of noise_training on a result made by hand: each level of noise against plain training, chip by chip. */
#include <stdlib.h>

#include "support/result_sample.h"
#include "experiments/experiment.h"

/* A level of training noise is named in the table and compared with plain training on the same chips. */
TEST(test_levels)
{
    static const double accuracy[] = {0.80, 0.82, 0.81, 0.85, 0.79, 0.81}, level[] = {0.0, 0.15, 0.3};
    MhoRecord *result = sample_result(3, 2, accuracy), *analysis = sample_analysis(result);
    MhoError error = {0};
    sample_key(result, "train.noise.weight", MHO_F64, 3, level);
    must(experiment_analyse(result, analysis, &error), &error);
    ck_assert_str_eq(word_at(analysis, "variant", 0), "plain training");
    ck_assert_str_eq(word_at(analysis, "variant", 1), "trained with 0.15 LSB weight noise");
    ck_assert(isnan(number_at(analysis, "difference_mean", 0)));
    ck_assert_double_eq_tol(number_at(analysis, "difference_mean", 1), 0.02, 1e-12);
    ck_assert_double_eq_tol(number_at(analysis, "difference_high", 1), 0.02 + 12.7062047364 * 0.01, 1e-9);
    ck_assert_double_eq_tol(number_at(analysis, "difference_high", 2), -0.01, 1e-9);
    char *text = experiment_finding(result);
    ck_assert_ptr_nonnull(strstr(text, "+2.00 points, 95 % interval -10.71 to +14.71 (contains 0"));
    ck_assert_ptr_nonnull(strstr(text, "-1.00 points, 95 % interval -1.00 to -1.00\n"));
    free(text);
    mho_record_destroy(result);
}
