/* allocate_sample.h - an allocator with its parameters, candidate layers, and given accuracies of their trial moves. */
#ifndef MHO_TESTS_ALLOCATE_SAMPLE_H
#define MHO_TESTS_ALLOCATE_SAMPLE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "allocate/allocate.h"
#include "harness.h"
#include "must.h"

enum { MOST_CANDIDATES = 64 };

/* A move of layers with given accuracies. */
typedef struct Contest {
    const MhoAllocator *allocator;
    _Alignas(8) unsigned char params[512];
    size_t n;
    MhoCandidate candidates[MOST_CANDIDATES];
    double accuracy[MOST_CANDIDATES];
    int tried[MOST_CANDIDATES];
    double state[MOST_CANDIDATES], feedback[MOST_CANDIDATES], share[MOST_CANDIDATES];
    size_t winner;
} Contest;

static inline MhoStatus contest_answer(void *context, size_t m, double *accuracy, MhoError *error)
{
    Contest *contest = context;
    (void)error;
    ck_assert_uint_lt(m, contest->n);
    ck_assert_msg(contest->candidates[m].next_bits > 0, "a candidate that is not eligible is tried");
    contest->tried[m]++;
    *accuracy = contest->accuracy[m];
    return MHO_OK;
}

static inline void contest_set(Contest *contest, const char *key, const char *value)
{
    const MhoDescriptor *model = &contest->allocator->descriptor;
    const MhoParam *param = mho_params_find(model->params, model->n_params, key);
    MhoError error = {0};
    ck_assert_msg(param != NULL, "no key %s", key);
    must(mho_param_set(param, contest->params, value, key, &error), &error);
}

/* n layers, equal in all. */
static inline void contest_open(Contest *contest, const char *allocator, size_t n)
{
    const MhoDescriptor *model = mho_registry_find(&mho_allocator_registry, allocator, NULL);
    memset(contest, 0, sizeof *contest);
    ck_assert_ptr_nonnull(model);
    ck_assert_uint_le(model->params_size, sizeof contest->params);
    contest->allocator = (const MhoAllocator *)(const void *)model; /* its first member */
    ck_assert_uint_eq(contest->allocator->n_state, 1);
    mho_params_default(model->params, model->n_params, contest->params);
    contest->n = n;
    for (size_t m = 0; m < n; m++) {
        contest->candidates[m] = (MhoCandidate){.bits = 8, .next_bits = 6, .saving = 0.25 / (double)n};
        contest->accuracy[m] = 0.5;
    }
}

static inline void contest_run(Contest *contest, uint64_t seed, int move, double progress)
{
    const MhoTrialMove trial = {.context = contest, .accuracy = contest_answer};
    const MhoStream stream = {.seed = seed, .step = (uint32_t)move, .noise = 1.0F};
    MhoError error = {0};
    contest->winner = contest->n;
    memset(contest->tried, 0, sizeof contest->tried);
    must(contest->allocator->choose(contest->params, contest->candidates, contest->n, &trial, stream, move, progress,
                                    contest->state, contest->feedback, contest->share, &contest->winner, &error),
         &error);
    ck_assert_uint_lt(contest->winner, contest->n);
}

#endif
