/* run_allocators.c - one small run of an allocator: three moves of five layers, one of them not eligible. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "allocate/allocate.h"
#include "runs.h"

enum { LAYERS = 5, MOVES = 3, NOT_ELIGIBLE = 2, MOST_STATE = 8 };

static MhoStatus answer(void *context, size_t m, double *accuracy, MhoError *error)
{
    (void)context, (void)error;
    ck_assert(m < LAYERS && m != NOT_ELIGIBLE);
    *accuracy = 0.5 + 0.1 * (double)m;
    return MHO_OK;
}

/* One eligible winner, shares that sum to 1, accuracies where trial moves were made. */
static void check_choice(const double *feedback, const double *share, size_t winner, Trace *trace)
{
    double sum = 0.0;
    ck_assert(winner < LAYERS && winner != NOT_ELIGIBLE && share[winner] > 0.0 && share[NOT_ELIGIBLE] == 0.0);
    for (size_t m = 0; m < LAYERS; m++) {
        ck_assert(share[m] >= 0.0);
        ck_assert(isnan(feedback[m]) || feedback[m] == 0.5 + 0.1 * (double)m);
        sum += share[m];
        trace_add(trace, share[m]);
        trace_add(trace, isnan(feedback[m]));
    }
    ck_assert(fabs(sum - 1.0) < 1e-12);
    trace_add(trace, (double)winner);
}

void run_allocator(const MhoDescriptor *model, const void *params, Trace *trace)
{
    const MhoAllocator *allocator = (const MhoAllocator *)(const void *)model; /* its first member */
    const MhoTrialMove trial = {.accuracy = answer};
    MhoCandidate candidates[LAYERS];
    double state[LAYERS * MOST_STATE] = {0}, feedback[LAYERS], share[LAYERS];
    MhoError error = {0};
    ck_assert_uint_le(allocator->n_state, MOST_STATE);
    for (size_t m = 0; m < LAYERS; m++)
        candidates[m] = (MhoCandidate){.converter = m == 4,
                                       .bits = 8,
                                       .next_bits = m == NOT_ELIGIBLE ? 0 : 6,
                                       .saving = m == NOT_ELIGIBLE ? 0.0 : 0.01 * (double)(m + 1)};
    for (int move = 0; move < MOVES; move++) {
        const MhoStream stream = {.seed = 3, .step = (uint32_t)move, .noise = 1.0F};
        size_t winner = LAYERS;
        ck_assert_msg(allocator->choose(params, candidates, LAYERS, &trial, stream, move, 0.5 * move, state, feedback,
                                        share, &winner, &error) == MHO_OK,
                      "%s", error.text);
        check_choice(feedback, share, winner, trace);
    }
    for (size_t i = 0; i < LAYERS * allocator->n_state; i++)
        trace_add(trace, state[i]);
}
