/* ccq_allocator.c - competitive-collaborative quantization: the next layer is drawn by the accuracy of trial moves,
 * mixed with the size that a move saves.
 *
 *   hedge  alpha_m = exp(T acc_m) for every eligible layer m, p = alpha / sum(alpha)
 *   exp3   p = (1 - g) alpha / sum(alpha) + g / M; draw m by p, try it, alpha_m *= exp(T g acc_m / (p_m M)); again
 *   size   no trial moves, lambda = 1
 *   P = (1 - lambda) p + lambda r,  r_m = saving_m / sum of savings; lambda falls with the progress to the budget
 * Source: Khan et al., DAC 2020 and its published code (T = 1, alpha = 1 again after every move, lambda 1 to 0.4, exp3
 * with g = 0.1); Freund and Schapire, J. Comput. Syst. Sci. 55 (1997) 119; Auer et al., SIAM J. Comput. 32 (2002) 48.
 * With T = 1 accuracies of 0.57 to 0.78 make p nearly uniform, so that size decides. T, alpha carried over moves and
 * draw = largest are ours. The state is ln(alpha), so that no T overflows.
 */
#include <math.h>
#include <stddef.h>

#include "allocate/allocate.h"
#include "kernels/math.h"

typedef enum Competition { REWARD_HEDGE, REWARD_EXP3, REWARD_SIZE } Competition;
typedef enum Draw { DRAW_SAMPLE, DRAW_LARGEST } Draw;

typedef struct CcqParams {
    int competition; /* Competition */
    double temperature, exploration;
    bool cumulative;
    double lambda_first, lambda_last;
    bool alternate;
    int rounds;
    int draw; /* Draw */
} CcqParams;

static size_t count_eligible(const MhoCandidate *candidates, size_t n)
{
    size_t eligible = 0;
    for (size_t m = 0; m < n; m++)
        eligible += candidates[m].next_bits > 0;
    return eligible;
}

/* p (n) of ln(alpha) (n), 0 for a candidate that is not eligible. mixed: the part spread evenly over eligible ones. */
static void probabilities(const MhoCandidate *candidates, size_t n, const double *log_alpha, double mixed, double *p)
{
    const double eligible = (double)count_eligible(candidates, n);
    double largest = -INFINITY, sum = 0.0;
    for (size_t m = 0; m < n; m++)
        if (candidates[m].next_bits > 0 && log_alpha[m] > largest)
            largest = log_alpha[m];
    for (size_t m = 0; m < n; m++) {
        p[m] = candidates[m].next_bits > 0 ? mho_exp(log_alpha[m] - largest) : 0.0;
        sum += p[m];
    }
    for (size_t m = 0; m < n; m++)
        if (candidates[m].next_bits > 0)
            p[m] = (1.0 - mixed) * p[m] / sum + mixed / eligible;
}

/* Number `draw` of this move, by share (n). */
static size_t draw_by(const double *share, size_t n, MhoStream stream, uint64_t draw)
{
    uint32_t words[2];
    double below = 0.0;
    size_t last = 0;
    mho_random_words(stream, MHO_DRAW_ALLOCATE, 2 * draw, 2, words);
    const double u = (double)(((uint64_t)words[0] << 32 | words[1]) >> 11) * 0x1p-53;
    for (size_t m = 0; m < n; m++) {
        below += share[m];
        if (u < below)
            return m;
        last = share[m] > 0.0 ? m : last;
    }
    return last; /* the shares' rounding errors left a gap below 1 */
}

static size_t largest_of(const double *share, size_t n)
{
    size_t best = 0;
    for (size_t m = 1; m < n; m++)
        best = share[m] > share[best] ? m : best;
    return best;
}

/* Each eligible candidate is tried once: the same trial move has the same accuracy in every round. */
static MhoStatus try_all(const CcqParams *params, const MhoCandidate *candidates, size_t n, const MhoTrialMove *trial,
                         double *log_alpha, double *feedback, MhoError *error)
{
    const int rounds = params->rounds > 0 ? params->rounds : 1;
    MhoStatus status = MHO_OK;
    for (size_t m = 0; m < n && status == MHO_OK; m++) {
        if (candidates[m].next_bits == 0)
            continue;
        status = trial->accuracy(trial->context, m, &feedback[m], error);
        log_alpha[m] += rounds * params->temperature * feedback[m];
    }
    return status;
}

/* p (n) is scratch. Draws are numbered from 1: draw 0 is the winner's. */
static MhoStatus try_drawn(const CcqParams *params, const MhoCandidate *candidates, size_t n, const MhoTrialMove *trial,
                           MhoStream stream, double *log_alpha, double *feedback, double *p, MhoError *error)
{
    const size_t eligible = count_eligible(candidates, n);
    const size_t rounds = params->rounds > 0 ? (size_t)params->rounds : eligible;
    MhoStatus status = MHO_OK;
    for (size_t k = 1; k <= rounds && status == MHO_OK; k++) {
        probabilities(candidates, n, log_alpha, params->exploration, p);
        const size_t m = draw_by(p, n, stream, k);
        status = trial->accuracy(trial->context, m, &feedback[m], error);
        log_alpha[m] += params->temperature * params->exploration * feedback[m] / (p[m] * (double)eligible);
    }
    return status;
}

static double lambda_of(const CcqParams *params, int move, double progress)
{
    if (params->competition == REWARD_SIZE)
        return 1.0;
    if (params->alternate && move % 2 == 1)
        return 0.0;
    return params->lambda_first + (params->lambda_last - params->lambda_first) * progress;
}

/* P of the header of this file in place of p. */
static void mix_with_size(const MhoCandidate *candidates, size_t n, double lambda, double *share)
{
    double total = 0.0;
    for (size_t m = 0; m < n; m++)
        total += candidates[m].next_bits > 0 ? candidates[m].saving : 0.0;
    for (size_t m = 0; m < n && total > 0.0; m++)
        if (candidates[m].next_bits > 0)
            share[m] = (1.0 - lambda) * share[m] + lambda * candidates[m].saving / total;
}

static MhoStatus ccq_choose(const void *block, const MhoCandidate *candidates, size_t n, const MhoTrialMove *trial,
                            MhoStream stream, int move, double progress, double *log_alpha, double *feedback,
                            double *share, size_t *winner, MhoError *error)
{
    const CcqParams *params = block;
    MhoStatus status = MHO_OK;
    for (size_t m = 0; m < n; m++) {
        feedback[m] = NAN;
        log_alpha[m] = params->cumulative ? log_alpha[m] : 0.0;
    }
    if (params->competition == REWARD_HEDGE)
        status = try_all(params, candidates, n, trial, log_alpha, feedback, error);
    else if (params->competition == REWARD_EXP3)
        status = try_drawn(params, candidates, n, trial, stream, log_alpha, feedback, share, error);
    if (status != MHO_OK)
        return status;
    probabilities(candidates, n, log_alpha, params->competition == REWARD_EXP3 ? params->exploration : 0.0, share);
    mix_with_size(candidates, n, lambda_of(params, move, progress), share);
    *winner = params->draw == DRAW_LARGEST ? largest_of(share, n) : draw_by(share, n, stream, 0);
    return MHO_OK;
}

#define CCQ(type, key, value, min, max, help, label)                                       \
    {                                                                                      \
#key, type, offsetof(CcqParams, key), value, min, max, "", help, NULL, NULL, label \
    }

static const MhoParam ccq_params[] = {
    {"competition", MHO_CHOICE, offsetof(CcqParams, competition), REWARD_HEDGE, 0, 2, "",
     "trial moves of all layers, of some that are drawn, or of none: size alone decides", "hedge exp3 size", NULL,
     "competition"},
    CCQ(MHO_REAL, temperature, 1.0, 0.0, 1e6,
        "factor on accuracy in the exponent; 1: as published, where accuracy hardly counts", "accuracy factor"),
    CCQ(MHO_REAL, exploration, 0.1, 0.001, 1.0, "exp3: share of the draws spread evenly", "exploration"),
    CCQ(MHO_BOOL, cumulative, 0, 0, 1, "accuracies of trial moves count in later moves too", "cumulative accuracies"),
    CCQ(MHO_REAL, lambda_first, 1.0, 0.0, 1.0, "weight of the size saved, at the first move", "first size weight"),
    CCQ(MHO_REAL, lambda_last, 0.4, 0.0, 1.0, "weight of the size saved, when the budget is reached",
        "last size weight"),
    CCQ(MHO_BOOL, alternate, 0, 0, 1, "every second move is decided by accuracy alone", "alternating moves"),
    CCQ(MHO_INT, rounds, 0, 0, 10000,
        "exp3: trial moves before a move, 0: as many as eligible layers; hedge: a factor on temperature, 0: 1",
        "trial rounds"),
    {"draw", MHO_CHOICE, offsetof(CcqParams, draw), DRAW_SAMPLE, 0, 1, "",
     "the winner is drawn by its probability, or is the most probable", "sample largest", NULL, "winner draw"},
};

extern const MhoAllocator mho_allocator_ccq;
const MhoAllocator mho_allocator_ccq = {
    .descriptor =
        {
            .name = "ccq",
            .summary = "the next layer is drawn by accuracy after a trial move and by the size it saves",
            .reference = "Khan et al., Learning to Quantize Deep Neural Networks: A Competitive-Collaborative "
                         "Approach, DAC 2020, doi:10.1109/DAC18072.2020.9218576",
            MHO_PARAM_TABLE(CcqParams, ccq_params),
            .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE,
        },
    .n_state = 1,
    .choose = ccq_choose,
};
