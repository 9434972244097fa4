/* allocation.c - the moves of the stage "allocate": one layer goes down a bit width, the whole network recovers, until
 * a budget is met.
 *
 * With targets of size and bit operations, moves go on until the net is at or below both. An accuracy budget and a
 * limit of moves end it early: a move is undone when the recovered net is further below the first net than the budget,
 * and the net before it is the result. Where targets are then not met, a warning and the attribute "reached" say so. A
 * target below what the last bit widths give is refused before the first move.
 *
 * Source: Khan et al., DAC 2020, and its published code.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocate/allocate_internal.h"
#include "base/memory.h"

/* The trial moves of one move. */
typedef struct Trials {
    const MhoAllocation *a;
    const MhoNet *net;
    double *accuracy; /* (n) of each candidate; NaN: not tried */
} Trials;

static MhoStatus try_move(void *context, size_t m, double *accuracy, MhoError *error)
{
    const Trials *trials = context;
    MhoNet *lower = NULL;
    MhoStatus status = MHO_OK;
    if (isnan(trials->accuracy[m])) {
        status = mho_candidates_lower(trials->a, trials->net, m, &lower, error);
        if (status == MHO_OK)
            status = mho_candidates_accuracy(trials->a, lower, &trials->accuracy[m], error);
        mho_net_destroy(lower);
    }
    *accuracy = trials->accuracy[m];
    return status;
}

/* Budgets ---------------------------------------------------------------------------------------------------------- */

static bool has_target(const MhoAllocateParams *params)
{
    return params->size > 0.0 || params->bops > 0.0;
}

static bool targets_met(const MhoAllocateParams *params, double size, double bops)
{
    return (params->size <= 0.0 || size <= params->size) && (params->bops <= 0.0 || bops <= params->bops);
}

/* Progress from start to target, within 0 .. 1. */
static double progress_to(double start, double now, double target)
{
    const double done = start > target ? (start - now) / (start - target) : 1.0;
    return done < 0.0 ? 0.0 : done > 1.0 ? 1.0 : done;
}

/* Progress of the stage: to the farther target, or to a limit that is nearer. */
static double progress_of(const MhoAllocation *a, double size, double bops, double accuracy)
{
    const MhoAllocateParams *params = a->input.params;
    const double of_size = params->size > 0.0 ? progress_to(a->start_size, size, params->size) : 1.0;
    const double of_bops = params->bops > 0.0 ? progress_to(a->start_bops, bops, params->bops) : 1.0;
    double progress = !has_target(params) ? 0.0 : of_size < of_bops ? of_size : of_bops;
    const double of_moves = params->moves > 0 ? (double)a->n_moves / params->moves : 0.0;
    const double loss = 100.0 * (a->start_accuracy - accuracy);
    const double of_accuracy = params->accuracy > 0.0 ? progress_to(0.0, -loss, -params->accuracy) : 0.0;
    progress = of_moves > progress ? of_moves : progress;
    return of_accuracy > progress ? of_accuracy : progress;
}

/* Refuse a target of bit operations, which depend on the net; check_allocate refuses one of size. */
static MhoStatus check_reachable(const MhoAllocation *a, const MhoNet *net, MhoError *error)
{
    const MhoAllocateParams *params = a->input.params;
    MhoNet *bottom = NULL;
    double size = 0.0, bops = 0.0;
    MhoStatus status = mho_candidates_lowest_net(a, net, &bottom, error);
    if (status == MHO_OK)
        status = mho_candidates_cost(bottom, &size, &bops, error);
    mho_net_destroy(bottom);
    if (status == MHO_OK && params->bops > 0.0 && bops > params->bops)
        status = mho_fail(error, MHO_USAGE,
                          "allocate.bops = %g MBOP cannot be reached: with allocate.bit_widths = \"%s\" the smallest "
                          "network takes %.6g MBOP an image",
                          params->bops, params->bit_widths, bops);
    return status;
}

/* Moves ------------------------------------------------------------------------------------------------------------ */

static MhoStatus start(MhoAllocation *a, const MhoNet *net, double accuracy, MhoError *error)
{
    MhoStatus status = check_reachable(a, net, error);
    if (status == MHO_OK)
        status = mho_candidates_cost(net, &a->start_size, &a->start_bops, error);
    if (status == MHO_OK)
        status = mho_candidates_fill(a, net, error);
    a->start_accuracy = accuracy;
    return status;
}

/* End the stage, with a warning where targets are not met. */
static void finish(MhoAllocation *a, const char *why, double size, double bops)
{
    const MhoAllocateParams *params = a->input.params;
    snprintf(a->end, sizeof a->end, "%s", why);
    a->reached = targets_met(params, size, bops);
    mho_net_destroy(a->accepted);
    a->accepted = NULL;
    mho_log(a->input.log, a->reached ? MHO_LOG_INFO : MHO_LOG_WARNING,
            "allocate: ended after %zu moves (%s) at %.4g bit a weight and %.4g MBOP an image%s", a->n_moves, why, size,
            bops, a->reached ? "" : "; the targets allocate.size and allocate.bops are not reached");
}

/* Log the result of the move before. *undo: it cost more than the accuracy budget. */
static void settle(MhoAllocation *a, double accuracy, bool *undo)
{
    MhoMove *last = &a->moves[a->n_moves - 1];
    const double budget = a->input.params->accuracy;
    *undo = budget > 0.0 && 100.0 * (a->start_accuracy - accuracy) > budget;
    last->after = accuracy;
    last->undone = *undo;
}

/* End with the net before the last move. */
static MhoStatus undo_last(MhoAllocation *a, MhoNet **net, MhoError *error)
{
    double size, bops;
    if (!a->accepted)
        return mho_fail(error, MHO_FAILED, "allocate: there is no net before the last move");
    const MhoStatus status = mho_candidates_cost(a->accepted, &size, &bops, error);
    if (status != MHO_OK)
        return status;
    *net = a->accepted;
    a->accepted = NULL;
    mho_log(a->input.log, MHO_LOG_INFO, "allocate: move %zu cost more than allocate.accuracy = %g points and is undone",
            a->n_moves, a->input.params->accuracy);
    finish(a, "accuracy", size, bops);
    return MHO_OK;
}

/* Let the allocator choose the winner, and log how. */
static MhoStatus choose(MhoAllocation *a, const MhoNet *net, double progress, MhoMove *row, size_t *winner,
                        MhoError *error)
{
    const MhoAllocator *allocator = a->input.allocator;
    const int number = (int)a->n_moves - 1;
    const MhoStream stream = {.seed = a->input.seed, .step = (uint32_t)number, .noise = 1.0F};
    double *accuracy = mho_calloc(a->n, sizeof *accuracy, error, "the trial moves of %zu candidates", a->n);
    if (!accuracy)
        return MHO_MEMORY;
    for (size_t m = 0; m < a->n; m++) {
        row->eligible[m] = a->candidates[m].next_bits > 0;
        accuracy[m] = NAN;
    }
    Trials trials = {.a = a, .net = net, .accuracy = accuracy};
    const MhoTrialMove trial = {.context = &trials, .accuracy = try_move};
    MhoStatus status = allocator->choose(a->input.allocator_params, a->candidates, a->n, &trial, stream, number,
                                         progress, a->state, row->feedback, row->share, winner, error);
    if (status == MHO_OK && (*winner >= a->n || !row->eligible[*winner]))
        status = mho_fail(error, MHO_FAILED, "allocator '%s' chose a candidate that is not eligible",
                          allocator->descriptor.name);
    if (status == MHO_OK)
        row->trial = accuracy[*winner];
    free(accuracy);
    return status;
}

/* The net with the winner one bit width lower, and its row of the log. */
static MhoStatus lower_winner(MhoAllocation *a, const MhoNet *net, size_t winner, MhoMove *row, MhoNet **next,
                              MhoError *error)
{
    const MhoCandidate *self = &a->candidates[winner];
    memcpy(row->winner, self->name, sizeof row->winner);
    row->converter = self->converter;
    row->bits_from = self->bits;
    row->bits_to = self->next_bits;
    MhoStatus status = mho_candidates_lower(a, net, winner, next, error);
    if (status == MHO_OK)
        status = mho_candidates_cost(*next, &row->size, &row->bops, error);
    if (status == MHO_OK && isnan(row->trial))
        status = mho_candidates_accuracy(a, *next, &row->trial, error);
    return status;
}

static MhoStatus make_move(MhoAllocation *a, const MhoNet *net, double accuracy, double progress, MhoNet **next,
                           MhoError *error)
{
    MhoMove *row;
    size_t winner = 0;
    MhoStatus status = mho_moves_add(a, &row, error);
    if (status != MHO_OK)
        return status;
    row->before = accuracy;
    status = choose(a, net, progress, row, &winner, error);
    if (status == MHO_OK)
        status = lower_winner(a, net, winner, row, next, error);
    mho_net_destroy(a->accepted);
    a->accepted = NULL;
    if (status == MHO_OK && a->input.params->accuracy > 0.0)
        status = mho_net_copy(net, &a->accepted, error);
    if (status != MHO_OK) {
        mho_net_destroy(*next);
        *next = NULL;
        return status;
    }
    mho_log(a->input.log, MHO_LOG_INFO,
            "allocate: move %zu  %s%s %d -> %d bit  now %.4g bit a weight, %.4g MBOP  trial %.2f %%", a->n_moves,
            row->winner, row->converter ? " converters" : "", row->bits_from, row->bits_to, row->size, row->bops,
            100.0 * row->trial);
    return MHO_OK;
}

static bool has_eligible(const MhoAllocation *a)
{
    for (size_t m = 0; m < a->n; m++)
        if (a->candidates[m].next_bits > 0)
            return true;
    return false;
}

/* The next move from this net, or the end. */
static MhoStatus continue_from(MhoAllocation *a, const MhoNet *net, double accuracy, MhoNet **next, bool *done,
                               MhoError *error)
{
    const MhoAllocateParams *params = a->input.params;
    double size, bops;
    MhoStatus status = mho_candidates_cost(net, &size, &bops, error);
    if (status == MHO_OK)
        status = mho_candidates_fill(a, net, error);
    if (status != MHO_OK)
        return status;
    *done = true;
    if (has_target(params) && targets_met(params, size, bops))
        finish(a, params->size > 0.0 ? "size" : "bops", size, bops);
    else if (params->moves > 0 && a->n_moves >= (size_t)params->moves)
        finish(a, "moves", size, bops);
    else if (!has_eligible(a))
        finish(a, "bottom", size, bops);
    else
        *done = false;
    if (*done)
        return MHO_OK;
    return make_move(a, net, accuracy, progress_of(a, size, bops, accuracy), next, error);
}

/* Refuse learned converter ranges that no stage before has learned and no recovery will learn. */
static MhoStatus check_ranges(const MhoAllocation *a, const MhoNet *net, MhoError *error)
{
    const MhoAllocateParams *params = a->input.params;
    if (params->feedback != MHO_FEEDBACK_CHIP || mho_allocate_recovers_on_chip(params) ||
        a->input.chip->chip.range != MHO_RANGE_LEARNED)
        return MHO_OK;
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_conv(&net->nodes[i]) && !mho_node_conv(&net->nodes[i])->adc_range)
            return mho_fail(error, MHO_USAGE,
                            "allocate.recovery = codes: no stage learns the converter range of layer '%s'; set "
                            "train.chip.adc.range = calibrated, or allocate.recovery = same",
                            net->nodes[i].name);
    return MHO_OK;
}

MhoStatus mho_allocation_begin(const MhoAllocation *a, const MhoNet *net, MhoNet **first, MhoError *error)
{
    const MhoStatus status = check_ranges(a, net, error);
    *first = NULL;
    return status == MHO_OK && a->adc_bit_widths.n > 0 ? mho_candidates_first_net(a, net, first, error) : status;
}

MhoStatus mho_allocation_move(MhoAllocation *a, const MhoNet *net, double validation_accuracy, MhoNet **next,
                              bool *done, MhoError *error)
{
    bool undo = false;
    MhoStatus status = MHO_OK;
    *next = NULL;
    *done = false;
    if (a->n == 0)
        status = start(a, net, validation_accuracy, error);
    else if (a->n_moves > 0)
        settle(a, validation_accuracy, &undo);
    if (status == MHO_OK && undo) {
        *done = true;
        return undo_last(a, next, error);
    }
    return status == MHO_OK ? continue_from(a, net, validation_accuracy, next, done, error) : status;
}

MhoRecovery mho_allocation_recovery(const MhoAllocation *a)
{
    const MhoAllocateParams *params = a->input.params;
    const MhoMove *last = &a->moves[a->n_moves - 1];
    MhoRecovery recovery = {.accuracy = params->recovery_share * last->before,
                            .epochs = params->recovery_epochs,
                            .rate_low = params->learning_rate_low,
                            .rate_high = params->learning_rate_high,
                            .plateau_epochs = params->plateau_epochs,
                            .restart_epochs = params->restart_epochs};
    snprintf(recovery.name, sizeof recovery.name, "move %zu %.24s%s %d", a->n_moves, last->winner,
             last->converter ? " adc" : "", last->bits_to);
    return recovery;
}

/* The stage -------------------------------------------------------------------------------------------------------- */

static MhoStatus check_chip(const MhoAllocateInput *input, MhoError *error)
{
    const MhoAllocateParams *params = input->params;
    if (params->feedback == MHO_FEEDBACK_CHIP && !input->chip)
        return mho_fail(error, MHO_USAGE, "allocate.feedback = chip needs a chip; set train.chip.cell.name");
    if (*params->adc_bit_widths && !input->chip->adc->set_bits)
        return mho_fail(
            error, MHO_USAGE,
            "allocate.adc_bit_widths: converter '%s' has no bits; choose another (train.chip.adc.name=uniform)",
            input->chip->adc->descriptor.name);
    return MHO_OK;
}

MhoStatus mho_allocate_check(const MhoAllocateInput *input, MhoError *error)
{
    const MhoAllocateParams *params = input->params;
    MhoStatus status = mho_descriptor_check(&mho_allocate_descriptor, params, error);
    if (status == MHO_OK && input->allocator->descriptor.params_size > 0)
        status = mho_descriptor_check(&input->allocator->descriptor, input->allocator_params, error);
    if (status != MHO_OK)
        return status;
    if (!has_target(params) && params->accuracy <= 0.0 && params->moves == 0)
        return mho_fail(error, MHO_USAGE,
                        "allocate: there is no target, budget or limit; set allocate.size, .bops, .accuracy or .moves");
    if ((size_t)params->trial_images > input->validation->n)
        return mho_fail(error, MHO_USAGE,
                        "allocate.trial_images = %d, but there are only %zu validation images; lower it or raise "
                        "train.validation",
                        params->trial_images, input->validation->n);
    return check_chip(input, error);
}

MhoStatus mho_allocation_create(const MhoAllocateInput *input, MhoAllocation *a, MhoError *error)
{
    *a = (MhoAllocation){.input = *input};
    MhoStatus status = mho_allocate_check(input, error);
    if (status != MHO_OK)
        return status;
    a->trial_set = *input->validation;
    a->trial_set.n = (size_t)input->params->trial_images;
    status = mho_bit_widths_parse("allocate.bit_widths", input->params->bit_widths, &a->bit_widths, error);
    return status == MHO_OK ? mho_bit_widths_parse("allocate.adc_bit_widths", input->params->adc_bit_widths,
                                                   &a->adc_bit_widths, error)
                            : status;
}

void mho_allocation_destroy(MhoAllocation *a)
{
    mho_moves_destroy(a);
    mho_net_destroy(a->accepted);
    free(a->candidates);
    free(a->state);
    memset(a, 0, sizeof *a);
}
