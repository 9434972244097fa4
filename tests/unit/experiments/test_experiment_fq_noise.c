/* The analysis of fq_noise on a result made by hand: a plain network and one trained with noise, two seeds, rows of one
 * kind of noise and of all three. */
#include <stdio.h>
#include <stdlib.h>

#include "support/result_sample.h"
#include "experiments/experiment.h"

enum { N_ROWS = 11, N_OF_CHIPS = 8, N_SEEDS = 2, N = 2 * N_ROWS * N_SEEDS };

/* Noise on weights, activations, sums, how weights are drawn, and points of accuracy that the plain network loses;
 * the noise-trained one loses half of them. */
static const struct {
    double sigma[3];
    const char *draw;
    double lost;
} rows[N_ROWS] = {{{0, 0, 0}, "", 0},
                  {{0.1, 0, 0}, "chip", 0.5},
                  {{0.2, 0, 0}, "chip", 1.6},
                  {{0, 0.4, 0}, "", 0.5},
                  {{0, 0.6, 0}, "", 0.25},
                  {{0, 0, 1}, "", 4},
                  {{0.1, 0.1, 0.5}, "chip", 0.5},
                  {{0.2, 0.2, 1}, "chip", 10},
                  {{0.1, 0, 0}, "image", 1.5},
                  {{0.2, 0, 0}, "image", 3},
                  {{0.1, 0.1, 0.5}, "image", 10}};

typedef struct Sample {
    double accuracy[N], trained[3][N], noise[3][N], seed[N];
    const char *draw[N];
} Sample;

/* A result of the first n_rows rows; noise.draw is swept when it differs between them. */
static MhoRecord *result_of(Sample *sample, size_t n_rows)
{
    static const char *const kinds[] = {"weight", "activation", "sum"};
    static const double levels[] = {0.2, 0.2, 1.0};
    const size_t n = 2 * n_rows * N_SEEDS;
    for (size_t p = 0; p < n; p++) {
        const size_t net = p / (n_rows * N_SEEDS), row = p / N_SEEDS % n_rows, seed = p % N_SEEDS;
        sample->accuracy[p] = 0.9 + 0.01 * (double)seed - 0.01 * rows[row].lost / (net ? 2.0 : 1.0);
        for (size_t k = 0; k < 3; k++) {
            sample->trained[k][p] = net ? levels[k] : 0.0;
            sample->noise[k][p] = rows[row].sigma[k];
        }
        sample->draw[p] = rows[row].draw;
        sample->seed[p] = (double)seed;
    }
    MhoRecord *result = sample_result(n, 1, sample->accuracy);
    for (size_t k = 0; k < 3; k++) {
        char key[40];
        snprintf(key, sizeof key, "train.noise.%s", kinds[k]);
        sample_key(result, key, MHO_F64, n, sample->trained[k]);
        sample_key(result, key + strlen("train."), MHO_F64, n, sample->noise[k]);
    }
    if (n_rows > N_OF_CHIPS)
        sample_key(result, "noise.draw", MHO_STRING, n, sample->draw);
    sample_key(result, "seed", MHO_F64, n, sample->seed);
    return result;
}

/* Each row has its level, draw, mean accuracy and the paired difference of the noise-trained network. */
TEST(test_variants)
{
    static Sample sample;
    MhoRecord *result = result_of(&sample, N_ROWS), *analysis = sample_analysis(result);
    MhoError error = {0};
    must(experiment_analyse(result, analysis, &error), &error);
    ck_assert_uint_eq(mho_record_array(analysis, "variant")->shape[0], 2 * N_ROWS);
    for (size_t row = 0; row < N_ROWS; row++) {
        ck_assert_str_eq(word_at(analysis, "variant", row), "plain training");
        ck_assert_str_eq(word_at(analysis, "variant", N_ROWS + row), "trained with noise (0.2, 0.2, 1 LSB)");
        ck_assert_double_eq(number_at(analysis, "noise.sum", row), rows[row].sigma[2]);
        ck_assert_str_eq(word_at(analysis, "noise.draw", N_ROWS + row), rows[row].draw);
        ck_assert(isnan(number_at(analysis, "difference_mean", row)));
        ck_assert_double_eq_tol(number_at(analysis, "accuracy_mean", row), 0.905 - 0.01 * rows[row].lost, 1e-12);
        ck_assert_double_eq_tol(number_at(analysis, "difference_mean", N_ROWS + row), 0.005 * rows[row].lost, 1e-12);
        ck_assert_double_eq_tol(number_at(analysis, "difference_low", N_ROWS + row), 0.005 * rows[row].lost, 1e-9);
    }
    mho_record_destroy(result);
}

/* The finding names, for each kind of noise, the largest level up to which each network stays within a point of 90.5 %.
 */
TEST(test_tolerated_noise)
{
    static const char *const expected[] = {
        "costs at most one point against plain training without noise, 90.50 %\n",
        "  weights, one draw a chip: plain training 0.1 LSB; trained with noise (0.2, 0.2, 1 LSB) 0.2 LSB\n",
        "  weights, fresh for every image: plain training none; trained with noise (0.2, 0.2, 1 LSB) 0.1 LSB\n",
        "  activations: plain training 0.6 LSB; trained with noise (0.2, 0.2, 1 LSB) 0.6 LSB\n",
        "  sums: plain training none; trained with noise (0.2, 0.2, 1 LSB) none\n",
        ("  all three, weights one draw a chip: plain training 0.1 LSB of weights; trained with noise (0.2, 0.2, 1 "
         "LSB) "
         "0.1 LSB of weights\n"),
        "  all three, weights fresh for every image: plain training none; trained with noise (0.2, 0.2, 1 LSB) none\n"};
    static Sample sample;
    MhoRecord *result = result_of(&sample, N_ROWS), *analysis = sample_analysis(result);
    MhoError error = {0};
    must(experiment_analyse(result, analysis, &error), &error);
    char *text = experiment_finding(result);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        ck_assert_msg(strstr(text, expected[i]), "no \"%s\" in\n%s", expected[i], text);
    free(text);
    mho_record_destroy(result);
}

/* Where noise.draw is not swept, noise on weights has one line. */
TEST(test_one_draw)
{
    static Sample sample;
    MhoRecord *result = result_of(&sample, N_OF_CHIPS), *analysis = sample_analysis(result);
    MhoError error = {0};
    must(experiment_analyse(result, analysis, &error), &error);
    char *text = experiment_finding(result);
    ck_assert_msg(strstr(text, "  weights: plain training 0.1 LSB; trained"), "%s", text);
    ck_assert_msg(strstr(text, "  all three: plain training 0.1 LSB of weights; trained"), "%s", text);
    ck_assert_ptr_null(strstr(text, "draw"));
    free(text);
    mho_record_destroy(result);
}
