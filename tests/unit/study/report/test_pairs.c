/* Comparisons of points: which points agree, intervals and paired differences over chips and seeds, the printed table.
 */
#include <stdio.h>
#include <stdlib.h>

#include "study/report/pairs.h"
#include "support/result_sample.h"

static const char *const keys[] = {"train.stages"};
static const char *const versus[] = {"a"};

/* The stages are the variant; "left out" leaves the point out. */
static void stages(const MhoResultPoints *points, size_t p, char *text, size_t size)
{
    const char *word = mho_result_points_word(points, "train.stages", p);
    snprintf(text, size, "%s", strcmp(word, "left out") == 0 ? "" : word);
}

/* 95 % Student quantiles of 1 and 2 degrees of freedom. */
static const double t1 = 12.7062047364, t2 = 4.3026527297;

/* Over chips, b gains exactly 0.01, 0.02, 0.03 at time 1 and -0.01, 0, 0.01 at time 2: means and intervals follow. */
TEST(test_over_chips)
{
    static const double accuracy[] = {0.5, 0.9, 0.7, 0.4, 0.8, 0.6, 0.51, 0.92, 0.73, 0.39, 0.8, 0.61};
    static const char *const stages_of[] = {"a", "a", "b", "b"};
    static const double times[] = {1, 2, 1, 2};
    MhoRecord *result = sample_result(4, 3, accuracy), *table = sample_analysis(result);
    sample_key(result, "train.stages", MHO_STRING, 4, stages_of);
    sample_key(result, "chip.time", MHO_F64, 4, times);
    MhoError error = {0};
    MhoResultPoints points;
    const MhoComparison comparison = {.keys = keys, .n_keys = 1, .variant = stages, .versus = versus, .n_versus = 1};
    must(mho_result_points_read(result, &points, &error), &error);
    ck_assert(mho_result_points_same(&points, 0, 2, keys, 1));
    ck_assert(!mho_result_points_same(&points, 0, 1, keys, 1));
    ck_assert(!mho_result_points_same(&points, 0, 2, NULL, 0));
    must(mho_comparison_add(&points, &comparison, table, &error), &error);
    ck_assert(isnan(number_at(table, "difference_mean", 0)));
    ck_assert_double_eq_tol(number_at(table, "difference_mean", 2), 0.02, 1e-12);
    ck_assert_double_eq_tol(number_at(table, "difference_low", 2), 0.02 - t2 * 0.01 / sqrt(3.0), 1e-9);
    ck_assert_double_eq_tol(number_at(table, "difference_high", 2), 0.02 + t2 * 0.01 / sqrt(3.0), 1e-9);
    ck_assert_double_eq_tol(number_at(table, "difference_mean", 3), 0.0, 1e-12);
    ck_assert_double_eq_tol(number_at(table, "accuracy_mean", 1), 0.6, 1e-12);
    /* Student's interval would leave 0..1 */
    double half = t2 * 0.2 / sqrt(3.0);
    ck_assert_double_gt(0.6 + half, 1.0);
    ck_assert_double_eq_tol(number_at(table, "accuracy_high", 1), 1.0 - 0.4 * exp(-half / 0.4), 1e-9);
    ck_assert_double_eq(number_at(table, "chip.time", 3), 2.0);
    ck_assert_str_eq(mho_attribute_string(&table->attributes, "samples_are"), "chip");
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    mho_comparison_print(table, out);
    ck_assert_int_eq(fclose(out), 0);
    /* one line a condition, its variants below; only the second difference contains 0 */
    ck_assert_ptr_nonnull(strstr(text, "chip.time 1\n    a: 70.00 %"));
    ck_assert_ptr_nonnull(strstr(text, "minus a: +2.00 points, 95 % interval -0.48 to +4.48 (contains 0"));
    ck_assert_ptr_null(strstr(strstr(text, "chip.time 2"), "chip.time 1"));
    free(text);
    mho_record_destroy(result);
}

/* Over seeds, a sample is the mean of the chips that ran, and the order of the points does not matter. */
TEST(test_over_seeds)
{
    static const double accuracy[] = {0.50, 0.52, 0.60, 0.62, 0.70, NAN, 0.74, 0.72, 0.63, 0.63, 0.52, 0.52};
    static const char *const stages_of[] = {"a", "a", "a", "b", "b", "b"};
    static const double seeds[] = {1, 2, 3, 3, 2, 1};
    MhoRecord *result = sample_result(6, 2, accuracy), *table = sample_analysis(result);
    sample_key(result, "train.stages", MHO_STRING, 6, stages_of);
    sample_key(result, "seed", MHO_F64, 6, seeds);
    MhoError error = {0};
    MhoResultPoints points;
    const MhoComparison comparison = {
        .keys = keys, .n_keys = 1, .over = "seed", .variant = stages, .versus = versus, .n_versus = 1};
    must(mho_result_points_read(result, &points, &error), &error);
    must(mho_comparison_add(&points, &comparison, table, &error), &error);
    const MhoArray *variants = mho_record_array(table, "variant"), *samples = mho_record_array(table, "samples");
    ck_assert_uint_eq(variants->shape[0], 2); /* a row per variant, not per seed */
    ck_assert_int_eq(((const int64_t *)samples->data)[1], 3);
    ck_assert_double_eq_tol(number_at(table, "accuracy_mean", 0), (0.51 + 0.61 + 0.70) / 3.0, 1e-12);
    /* pairs 0.52 - 0.51, 0.63 - 0.61, 0.73 - 0.70 */
    ck_assert_double_eq_tol(number_at(table, "difference_mean", 1), 0.02, 1e-12);
    ck_assert_double_eq_tol(number_at(table, "difference_low", 1), 0.02 - t2 * 0.01 / sqrt(3.0), 1e-9);
    ck_assert_ptr_null(mho_record_array(table, "seed"));
    mho_record_destroy(result);
}

/* A seed of one variant alone gives no pair, a variant left out has no row, and a key that is not swept is refused. */
TEST(test_incomplete)
{
    static const double accuracy[] = {0.5, 0.6, 0.9, 0.55, 0.63, 0.1};
    static const char *const stages_of[] = {"a", "a", "a", "b", "b", "left out"};
    static const double seeds[] = {1, 2, 3, 1, 2, 1};
    MhoRecord *result = sample_result(6, 1, accuracy), *table = sample_analysis(result);
    sample_key(result, "train.stages", MHO_STRING, 6, stages_of);
    sample_key(result, "seed", MHO_F64, 6, seeds);
    MhoError error = {0};
    MhoResultPoints points;
    MhoComparison comparison = {
        .keys = keys, .n_keys = 1, .over = "seed", .variant = stages, .versus = versus, .n_versus = 1};
    must(mho_result_points_read(result, &points, &error), &error);
    must(mho_comparison_add(&points, &comparison, table, &error), &error);
    ck_assert_uint_eq(mho_record_array(table, "variant")->shape[0], 2);
    ck_assert_double_eq_tol(number_at(table, "difference_mean", 1), 0.04, 1e-12);
    ck_assert_double_eq_tol(number_at(table, "difference_high", 1), 0.04 + t1 * 0.01, 1e-9);
    MhoInterval interval;
    ck_assert_int_eq(mho_result_points_interval(&points, 0, "chip.time", &interval, &error), MHO_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "chip.time"));
    mho_record_destroy(result);
    must(mho_record_create(&result, &error), &error);
    ck_assert_int_eq(mho_result_points_read(result, &points, &error), MHO_USAGE);
    mho_record_destroy(result);
}

/* A single sample has a mean and no interval. */
TEST(test_single)
{
    static const double accuracy[] = {0.5, 0.6};
    static const char *const stages_of[] = {"a", "b"};
    MhoRecord *result = sample_result(2, 1, accuracy), *table = sample_analysis(result);
    sample_key(result, "train.stages", MHO_STRING, 2, stages_of);
    MhoError error = {0};
    MhoResultPoints points;
    const MhoComparison comparison = {.keys = keys, .n_keys = 1, .variant = stages, .versus = versus, .n_versus = 1};
    must(mho_result_points_read(result, &points, &error), &error);
    must(mho_comparison_add(&points, &comparison, table, &error), &error);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    mho_comparison_print(table, out);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_str_eq(text, "    a: 50.00 % (one chip)\n    b: 60.00 % (one chip)\n      minus a: +10.00 points\n");
    free(text);
    mho_record_destroy(result);
}

/* A table with one wrong length, rank or type is recognized as such, and nothing of it is printed. */
TEST_LOOP(test_damaged_table, 0, 9)
{
    static const char *const names[] = {"samples", "accuracy_low", "difference_mean", "difference_mean", "chip.time",
                                        "variant", "versus",       "samples",         "accuracy_mean"};
    static const double accuracy[] = {0.5, 0.6, 0.7, 0.8}, times[] = {25.0, 25.0};
    static const char *const stages_of[] = {"a", "b"};
    const MhoComparison comparison = {.keys = keys, .n_keys = 1, .variant = stages, .versus = versus, .n_versus = 1};
    MhoRecord *result = sample_result(2, 2, accuracy), *table = sample_analysis(result);
    MhoError error = {0};
    MhoResultPoints points;
    char *text = NULL;
    size_t size = 0;
    sample_key(result, "train.stages", MHO_STRING, 2, stages_of);
    sample_key(result, "chip.time", MHO_F64, 2, times);
    must(mho_result_points_read(result, &points, &error), &error);
    must(mho_comparison_add(&points, &comparison, table, &error), &error);
    ck_assert(mho_comparison_is_table(table));
    MhoArray *array = (MhoArray *)(uintptr_t)mho_record_array(table, names[_i]), right = *array;
    if (_i < 5)
        array->shape[_i == 3] += 1;
    else if (_i < 7)
        array->rank = 2;
    else
        array->type = MHO_U8;
    ck_assert(!mho_comparison_is_table(table));
    FILE *out = open_memstream(&text, &size);
    mho_comparison_print(table, out);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_str_eq(text, "");
    *array = right;
    free(text);
    mho_record_destroy(result);
}

/* Points agree in a key that applies to neither (NaN); a missing key reads as NaN or "". */
TEST(test_not_applicable)
{
    static const double accuracy[] = {0.5, 0.6}, noise[] = {NAN, NAN}, other[] = {NAN, 1.0};
    MhoRecord *result = sample_result(2, 1, accuracy);
    sample_key(result, "chip.noise", MHO_F64, 2, noise);
    MhoError error = {0};
    MhoResultPoints points;
    must(mho_result_points_read(result, &points, &error), &error);
    ck_assert(mho_result_points_same(&points, 0, 1, NULL, 0));
    sample_key(result, "chip.time", MHO_F64, 2, other);
    ck_assert(!mho_result_points_same(&points, 0, 1, NULL, 0));
    ck_assert(isnan(mho_result_points_number(&points, "chip.noise", 0)) &&
              isnan(mho_result_points_number(&points, "x", 0)));
    ck_assert_str_eq(mho_result_points_word(&points, "chip.noise", 0), "");
    mho_record_destroy(result);
}
