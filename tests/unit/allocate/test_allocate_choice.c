/* test_allocate_choice.c - which candidate moves: the laws of ccq, and the order of the uniform baseline. */
#include "support/allocate_sample.h"

/* Accuracies spread over 0.57 .. 0.78 by 54 layers, and sizes of a factor of 100. */
static void open_published(Contest *contest)
{
    double total = 0.0;
    contest_open(contest, "ccq", 54);
    for (size_t m = 0; m < 54; m++) {
        contest->accuracy[m] = 0.57 + 0.21 * (double)(m * 17 % 54) / 53.0;
        contest->candidates[m].saving = pow(100.0, (double)m / 53.0);
        total += contest->candidates[m].saving;
    }
    for (size_t m = 0; m < 54; m++)
        contest->candidates[m].saving *= 0.25 / total;
}

static double sum_of_shares(const Contest *contest)
{
    double sum = 0.0;
    for (size_t m = 0; m < contest->n; m++)
        sum += contest->share[m];
    return sum;
}

/* Published settings: by accuracy alone every layer has nearly 1/54 (0.0166 .. 0.0205), so that at lambda = 0.4 the
 * largest layers are several times as likely as the smallest, whatever their accuracies. */
TEST(test_published_settings_leave_it_to_size)
{
    Contest contest;
    double least = 1.0, most = 0.0;
    open_published(&contest);
    contest_set(&contest, "lambda_first", "0");
    contest_run(&contest, 1, 0, 0.0);
    for (size_t m = 0; m < contest.n; m++) {
        least = fmin(least, contest.share[m]);
        most = fmax(most, contest.share[m]);
        ck_assert_int_eq(contest.tried[m], 1);
        ck_assert_double_eq(contest.feedback[m], contest.accuracy[m]);
    }
    ck_assert_double_eq_tol(most / least, exp(0.21), 1e-9);
    ck_assert(least > 0.0165 && most < 0.0206);
    contest_set(&contest, "lambda_first", "1");
    contest_run(&contest, 1, 0, 1.0); /* lambda 0.4 */
    ck_assert_double_gt(contest.share[53] / contest.share[0], 4.0);
    contest_run(&contest, 1, 0, 0.0); /* lambda 1 */
    for (size_t m = 0; m < contest.n; m++)
        ck_assert_double_eq_tol(contest.share[m], contest.candidates[m].saving / 0.25, 1e-12);
}

/* A high temperature chooses the candidate with the best trial move. */
TEST(test_temperature_lets_accuracy_decide)
{
    Contest contest;
    open_published(&contest);
    contest_set(&contest, "lambda_first", "0.4");
    contest_set(&contest, "temperature", "2000");
    contest.accuracy[3] = 0.80;
    contest_run(&contest, 1, 0, 0.0);
    ck_assert_double_gt(contest.share[3], 0.6);
    ck_assert_double_lt(contest.share[53], 0.05);
    contest_set(&contest, "temperature", "1e6"); /* nothing overflows */
    contest_run(&contest, 1, 0, 0.0);
    ck_assert_double_eq_tol(contest.share[3], 0.6 + 0.4 * contest.candidates[3].saving / 0.25, 1e-12);
}

/* P = (1 - lambda) p + lambda r with a lambda that goes linearly from first to last; alternate: 0 at odd moves. */
TEST(test_lambda)
{
    Contest contest;
    contest_open(&contest, "ccq", 2);
    contest.candidates[0].saving = 0.3;
    contest.candidates[1].saving = 0.1;
    for (int step = 0; step <= 10; step++) {
        const double lambda = 1.0 - 0.6 * step / 10.0;
        contest_set(&contest, "alternate", "false");
        contest_run(&contest, 1, step, step / 10.0);
        ck_assert_double_eq_tol(contest.share[0], 0.5 * (1.0 - lambda) + 0.75 * lambda, 1e-12);
        contest_set(&contest, "alternate", "true");
        contest_run(&contest, 1, step, step / 10.0);
        ck_assert_double_eq_tol(contest.share[0], step % 2 ? 0.5 : 0.5 * (1.0 - lambda) + 0.75 * lambda, 1e-12);
    }
    contest_set(&contest, "competition", "size");
    contest_run(&contest, 1, 9, 0.9);
    ck_assert_double_eq_tol(contest.share[0], 0.75, 1e-12);
    ck_assert(isnan(contest.feedback[0]) && contest.tried[0] == 0);
}

static const char *const competitions[] = {"hedge", "exp3", "size"};

/* Candidates that are not eligible have no share, no trial move (contest_answer) and never win. */
TEST_LOOP(test_sleepers, 0, 3)
{
    Contest contest;
    int wins[8] = {0};
    contest_open(&contest, "ccq", 8);
    contest_set(&contest, "competition", competitions[_i]);
    for (size_t m = 0; m < 8; m += 3) {
        contest.candidates[m].next_bits = 0;
        contest.accuracy[m] = 1.0;
        contest.state[m] = 50.0;
    }
    contest_set(&contest, "cumulative", "true");
    for (uint64_t seed = 0; seed < 200; seed++) {
        contest_run(&contest, seed, (int)seed, 0.5);
        wins[contest.winner]++;
        ck_assert_double_eq_tol(sum_of_shares(&contest), 1.0, 1e-12);
        for (size_t m = 0; m < 8; m++)
            ck_assert((contest.share[m] > 0.0) == (m % 3 != 0));
    }
    for (size_t m = 0; m < 8; m++)
        ck_assert((wins[m] > 0) == (m % 3 != 0));
    for (size_t m = 0; m < 7; m++)
        contest.candidates[m].next_bits = 0;
    contest_run(&contest, 1, 0, 0.5);
    ck_assert_uint_eq(contest.winner, 7);
}

/* Winners come as often as their shares say: chi-square with 4 degrees of freedom, below 23.5 but once in 10^4. */
TEST(test_draws_follow_the_shares)
{
    enum { DRAWS = 20000 };
    Contest contest;
    int wins[5] = {0};
    double chi_square = 0.0;
    contest_open(&contest, "ccq", 5);
    contest_set(&contest, "competition", "size");
    for (size_t m = 0; m < 5; m++)
        contest.candidates[m].saving = 0.01 * (double)(1 + m);
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        contest_run(&contest, seed, 0, 0.0);
        wins[contest.winner]++;
    }
    for (size_t m = 0; m < 5; m++) {
        const double expected = DRAWS * (double)(1 + m) / 15.0;
        chi_square += (wins[m] - expected) * (wins[m] - expected) / expected;
    }
    ck_assert_double_lt(chi_square, 23.5);
    contest_set(&contest, "draw", "largest");
    for (uint64_t seed = 0; seed < 20; seed++) {
        contest_run(&contest, seed, 0, 0.0);
        ck_assert_uint_eq(contest.winner, 4);
    }
}

/* The mean of acc / p over draws is every layer's accuracy, whoever was likely: |mean - acc| within 5 standard errors.
 * What a layer learned so far makes the p unequal. */
TEST(test_exp3_is_unbiased)
{
    enum { LAYERS = 6, SEEDS = 20000 };
    static const double learned[LAYERS] = {0.0, 1.5, 0.3, 2.5, 0.0, 1.0};
    Contest contest;
    double sum[LAYERS] = {0}, squares[LAYERS] = {0};
    contest_open(&contest, "ccq", LAYERS);
    contest_set(&contest, "competition", "exp3");
    contest_set(&contest, "cumulative", "true");
    contest_set(&contest, "rounds", "1");
    for (size_t m = 0; m < LAYERS; m++)
        contest.accuracy[m] = 0.4 + 0.1 * (double)m;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        int tried = 0;
        memcpy(contest.state, learned, sizeof learned);
        contest_run(&contest, seed, 0, 0.0);
        for (size_t m = 0; m < LAYERS; m++) {
            const double estimate = (contest.state[m] - learned[m]) * LAYERS / 0.1;
            tried += contest.tried[m];
            ck_assert((estimate > 0.0) == (contest.tried[m] > 0) && isnan(contest.feedback[m]) == !contest.tried[m]);
            sum[m] += estimate;
            squares[m] += estimate * estimate;
        }
        ck_assert_int_eq(tried, 1);
    }
    for (size_t m = 0; m < LAYERS; m++) {
        const double mean = sum[m] / SEEDS, variance = squares[m] / SEEDS - mean * mean;
        ck_assert_msg(fabs(mean - contest.accuracy[m]) < 5.0 * sqrt(variance / SEEDS), "layer %zu: %g, not %g", m, mean,
                      contest.accuracy[m]);
        ck_assert_double_gt(variance, 0.1);
    }
}

/* Exp3's shares: exploration / M at least; as many trial moves as set, by default as many as eligible candidates. */
TEST(test_exp3_rounds_and_exploration)
{
    Contest contest;
    int tried = 0;
    contest_open(&contest, "ccq", 5);
    contest_set(&contest, "competition", "exp3");
    contest_set(&contest, "lambda_first", "0");
    contest_set(&contest, "lambda_last", "0");
    contest_set(&contest, "exploration", "0.2");
    contest_set(&contest, "cumulative", "true");
    contest.state[2] = 100.0;
    contest.candidates[4].next_bits = 0;
    contest_run(&contest, 3, 0, 0.0);
    for (size_t m = 0; m < 5; m++)
        tried += contest.tried[m];
    ck_assert_int_eq(tried, 4);
    ck_assert_double_eq_tol(contest.share[2], 0.8 + 0.05, 1e-9);
    ck_assert_double_eq_tol(contest.share[0], 0.05, 1e-9);
    contest_set(&contest, "rounds", "37");
    contest_run(&contest, 3, 0, 0.0);
    tried = 0;
    for (size_t m = 0; m < 5; m++)
        tried += contest.tried[m];
    ck_assert_int_eq(tried, 37);
}

/* The state is reset after every move as published, or is the sum over all moves. Rounds are a factor. */
TEST(test_memory)
{
    Contest contest;
    contest_open(&contest, "ccq", 3);
    contest_set(&contest, "temperature", "2");
    for (int move = 0; move < 3; move++) {
        contest_run(&contest, 1, move, 0.0);
        ck_assert_double_eq(contest.state[1], 2.0 * 0.5);
    }
    contest_set(&contest, "cumulative", "true");
    contest_run(&contest, 1, 3, 0.0);
    ck_assert_double_eq(contest.state[1], 2.0 * 1.0);
    contest_set(&contest, "rounds", "3");
    contest_run(&contest, 1, 4, 0.0);
    ck_assert_double_eq(contest.state[1], 2.0 * 1.0 + 3.0);
    ck_assert_int_eq(contest.tried[1], 1);
}

/* The same seed and move give the same winner; other seeds and other moves do not always. */
TEST_LOOP(test_determined_by_the_seed, 0, 3)
{
    Contest first, second;
    int same_seed = 0, same_move = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        open_published(&first);
        contest_set(&first, "competition", competitions[_i]);
        second = first;
        contest_run(&first, seed, 3, 0.5);
        contest_run(&second, seed, 3, 0.5);
        ck_assert_mem_eq(first.share, second.share, sizeof first.share);
        ck_assert_mem_eq(first.state, second.state, sizeof first.state);
        ck_assert_uint_eq(first.winner, second.winner);
        contest_run(&second, seed + 1000, 3, 0.5);
        same_seed += first.winner == second.winner;
        contest_run(&second, seed, 4, 0.5);
        same_move += first.winner == second.winner;
    }
    ck_assert_int_lt(same_seed, 20);
    ck_assert_int_lt(same_move, 20);
}

/* The uniform allocator lowers every layer once before any layer twice. */
TEST(test_uniform_lowers_all_layers_together)
{
    static const int bit_widths[] = {8, 6, 4, 0};
    Contest contest;
    int bit_width[4] = {0};
    contest_open(&contest, "uniform", 4);
    for (int move = 0; move < 8; move++) {
        for (size_t m = 0; m < 4; m++)
            contest.candidates[m].next_bits = bit_widths[bit_width[m] + 1];
        contest_run(&contest, 1, move, 0.0);
        ck_assert_uint_eq(contest.winner, (size_t)move % 4);
        ck_assert_double_eq(contest.share[contest.winner], 1.0);
        ck_assert_double_eq(sum_of_shares(&contest), 1.0);
        ck_assert(isnan(contest.feedback[0]) && contest.tried[contest.winner] == 0);
        bit_width[contest.winner]++;
    }
}
