/* The analysis of uniq_bits on a result made by hand: four quantizers, two bit widths, two seeds, known differences. */
#include <stdlib.h>

#include "support/result_sample.h"
#include "experiments/experiment.h"

enum { N = 16 };

/* Gains over even steps, in points, of a quantizer (UNIQ, straight, k-means, even steps) and a seed; at 2 bits 10 times
 * that. */
static const double gain[4][2] = {{3, 5}, {1, 2}, {2, 3}, {0, 0}};

/* Quantizers get their names, and differences and the fewest sufficient bits come out as they were put in. */
TEST(test_levels)
{
    double accuracy[N], bits[N], seeds[N], layers[N];
    const char *names[N], *noise[N], *stages[N];
    static const char *const name_of[] = {"uniq", "uniq", "kmeans", "uniform"};
    for (size_t p = 0; p < N; p++) {
        const size_t way = p / 4, at = p / 2 % 2, seed = p % 2;
        names[p] = name_of[way];
        noise[p] = way > 1 ? "" : way == 0 ? "true" : "false";
        layers[p] = way > 1 ? NAN : 1.0;
        bits[p] = at ? 8 : 2;
        stages[p] = at ? "float:8 8/8:6" : "float:8 2/8:6";
        seeds[p] = (double)seed + 1.0;
        accuracy[p] = (at ? 0.9 : 0.5) + 0.01 * (double)seed + (at ? 0.001 : 0.01) * gain[way][seed];
    }
    MhoRecord *result = sample_result(N, 1, accuracy), *analysis = sample_analysis(result);
    MhoError error = {0};
    sample_key(result, "quant.weight.name", MHO_STRING, N, names);
    sample_key(result, "train.gradual.layers", MHO_F64, N, layers);
    sample_key(result, "train.gradual.noise", MHO_STRING, N, noise);
    sample_key(result, "quant.weight.bits", MHO_F64, N, bits);
    sample_key(result, "train.stages", MHO_STRING, N, stages);
    sample_key(result, "seed", MHO_F64, N, seeds);
    must(experiment_analyse(result, analysis, &error), &error);
    /* rows: UNIQ at 2 and 8 bits, straight, k-means, even steps; versus even steps, k-means, straight */
    ck_assert_uint_eq(mho_record_array(analysis, "variant")->shape[0], 8);
    ck_assert_str_eq(word_at(analysis, "variant", 0), "quantiles, noise layer by layer (UNIQ)");
    ck_assert_str_eq(word_at(analysis, "variant", 2), "quantiles, straight");
    ck_assert_double_eq(number_at(analysis, "quant.weight.bits", 1), 8.0);
    ck_assert_ptr_null(mho_record_array(analysis, "train.stages"));
    ck_assert_double_eq_tol(number_at(analysis, "difference_mean", 0), 0.04, 1e-12);
    ck_assert_double_eq_tol(number_at(analysis, "difference_mean", 1), 0.015, 1e-12);
    ck_assert_double_eq_tol(number_at(analysis, "difference_mean", 2), 0.025, 1e-12);
    ck_assert_double_eq_tol(number_at(analysis, "difference_mean", 3), 0.004, 1e-12);
    ck_assert_double_eq_tol(number_at(analysis, "difference_mean", 7), -0.01, 1e-12); /* straight - k-means, 2 bits */
    ck_assert(isnan(number_at(analysis, "difference_mean", 8)));
    char *text = experiment_finding(result);
    ck_assert_ptr_nonnull(strstr(text, "quantiles, noise layer by layer (UNIQ): 54.50 %"));
    ck_assert_ptr_nonnull(strstr(text, "minus even steps: +4.00 points, 95 % interval -8.71 to +16.71 (contains 0"));
    ck_assert_ptr_nonnull(strstr(text, "Fewest bits within half a point of the best mean, 90.90 %"));
    ck_assert_ptr_nonnull(strstr(text, "    even steps: 8\n"));
    free(text);
    mho_record_destroy(result);
}
