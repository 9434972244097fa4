/* uniform_allocator.c - the baseline: all layers go down together, bit width by bit width, first layers first.
 *
 * The next layer is the one that went down least often, the first of several. So every layer is at one of two
 * neighbouring bit widths at any time, and a budget is met to a layer. This order is ours. There are no trial moves and
 * no draws.
 */
#include <math.h>

#include "allocate/allocate.h"

static MhoStatus uniform_choose(const void *params, const MhoCandidate *candidates, size_t n, const MhoTrialMove *trial,
                                MhoStream stream, int move, double progress, double *n_moves, double *feedback,
                                double *share, size_t *winner, MhoError *error)
{
    size_t next = n;
    (void)params, (void)trial, (void)stream, (void)move, (void)progress, (void)error;
    for (size_t m = 0; m < n; m++) {
        feedback[m] = NAN;
        share[m] = 0.0;
        if (candidates[m].next_bits > 0 && (next == n || n_moves[m] < n_moves[next]))
            next = m;
    }
    share[next] = 1.0;
    n_moves[next] += 1.0;
    *winner = next;
    return MHO_OK;
}

extern const MhoAllocator mho_allocator_uniform;
const MhoAllocator mho_allocator_uniform = {
    .descriptor =
        {
            .name = "uniform",
            .summary = "the baseline: all layers go down together, bit width by bit width, first layers first",
            .reference = "the baseline of Khan et al., DAC 2020: one precision for all layers",
            .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE,
        },
    .n_state = 1,
    .choose = uniform_choose,
};
