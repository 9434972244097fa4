/* allocate.c - the competition: one layer goes down a bit width, the whole network recovers, until a budget is met.
 *
 * Targets of size and bit operations: moves go on until the net is at or below both. An accuracy budget and a limit of
 * moves end it early: a recovered net that lost more than the budget is undone, the net before it is the result; where
 * targets are not met then, a warning and the attribute "reached" say so. A target below what the last bit_widths give
 * is refused before the first move. Recovery has a hybrid rate: a plateau, a restart up, and a cosine down again.
 * Source: Khan et al., DAC 2020, and its published code.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocate/allocate_internal.h"

/* What allocators ask with: the net at hand, and what was answered in this move (n; NaN: not asked). */
typedef struct Probing {
    const MhoAllocationStage *c;
    const MhoNet *net;
    double *answers;
} Probing;

static MhoStatus answer(void *context, size_t m, double *accuracy, MhoError *error)
{
    const Probing *probing = context;
    MhoNet *lower = NULL;
    MhoStatus status = MHO_OK;

    if (isnan(probing->answers[m])) {
        status = mho_candidates_lower(probing->c, probing->net, m, &lower, error);
        if (status == MHO_OK)
            status = mho_candidates_accuracy(probing->c, lower, &probing->answers[m], error);
        mho_net_destroy(lower);
    }
    *accuracy = probing->answers[m];
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

/* Share of the way from start to target that is behind us, within 0 .. 1. */
static double way(double start, double now, double target)
{
    const double done = start > target ? (start - now) / (start - target) : 1.0;

    return done < 0.0 ? 0.0 : done > 1.0 ? 1.0 : done;
}

/* Towards the end: the farther target, or what may end it sooner. */
static double progress_of(const MhoAllocationStage *c, double size, double bops, double accuracy)
{
    const MhoAllocateParams *params = c->input.params;
    const double of_size = params->size > 0.0 ? way(c->start_size, size, params->size) : 1.0;
    const double of_bops = params->bops > 0.0 ? way(c->start_bops, bops, params->bops) : 1.0;
    double progress = !has_target(params) ? 0.0 : of_size < of_bops ? of_size : of_bops;

    const double of_moves = params->moves > 0 ? (double)c->n_moves / params->moves : 0.0;
    const double lost = 100.0 * (c->start_accuracy - accuracy);
    const double of_accuracy = params->accuracy > 0.0 ? way(0.0, -lost, -params->accuracy) : 0.0;

    progress = of_moves > progress ? of_moves : progress;
    return of_accuracy > progress ? of_accuracy : progress;
}

/* Of size the table of parameters knows; bit operations depend on the net. */
static MhoStatus check_reachable(const MhoAllocationStage *c, const MhoNet *net, MhoError *error)
{
    const MhoAllocateParams *params = c->input.params;
    MhoNet *bottom = NULL;
    double size = 0.0, bops = 0.0;
    MhoStatus status = mho_candidates_lowest_net(c, net, &bottom, error);

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

static MhoStatus start(MhoAllocationStage *c, const MhoNet *net, double accuracy, MhoError *error)
{
    MhoStatus status = check_reachable(c, net, error);

    if (status == MHO_OK)
        status = mho_candidates_cost(net, &c->start_size, &c->start_bops, error);
    if (status == MHO_OK)
        status = mho_candidates_fill(c, net, error);
    c->start_accuracy = accuracy;
    return status;
}

/* It is over. Says so where targets were missed. */
static void finish(MhoAllocationStage *c, const char *why, double size, double bops)
{
    const MhoAllocateParams *params = c->input.params;

    snprintf(c->end, sizeof c->end, "%s", why);
    c->reached = targets_met(params, size, bops);
    mho_net_destroy(c->accepted);
    c->accepted = NULL;
    mho_log(c->input.log, c->reached ? MHO_LOG_INFO : MHO_LOG_WARNING,
            "allocate: ended after %zu moves (%s) at %.4g bit a weight and %.4g MBOP an image%s", c->n_moves, why, size,
            bops, c->reached ? "" : "; the targets allocate.size and allocate.bops are not reached");
}

/* What became of the move before. *undo: it cost more than the accuracy budget. */
static void settle(MhoAllocationStage *c, double accuracy, bool *undo)
{
    MhoMove *last = &c->moves[c->n_moves - 1];
    const double budget = c->input.params->accuracy;

    *undo = budget > 0.0 && 100.0 * (c->start_accuracy - accuracy) > budget;
    last->after = accuracy;
    last->undone = *undo;
}

/* The net before the last move takes its place. */
static MhoStatus undo_last(MhoAllocationStage *c, MhoNet **net, MhoError *error)
{
    double size, bops;

    if (!c->accepted)
        return mho_fail(error, MHO_FAILED, "allocate: the net before the last move is not at hand");
    const MhoStatus status = mho_candidates_cost(c->accepted, &size, &bops, error);
    if (status != MHO_OK)
        return status;
    *net = c->accepted;
    c->accepted = NULL;
    mho_log(c->input.log, MHO_LOG_INFO, "allocate: move %zu cost more than allocate.accuracy = %g points and is undone",
            c->n_moves, c->input.params->accuracy);
    finish(c, "accuracy", size, bops);
    return MHO_OK;
}

/* Let the allocator choose; the row of the log has everything of before the move. */
static MhoStatus compete(MhoAllocationStage *c, const MhoNet *net, double progress, MhoMove *row, size_t *winner,
                         MhoError *error)
{
    const MhoAllocator *allocator = c->input.allocator;
    const int number = (int)c->n_moves - 1;
    const MhoStream stream = {.seed = c->input.seed, .step = (uint32_t)number, .noise = 1.0F};
    double *answers = malloc(c->n * sizeof *answers);

    if (!answers)
        return mho_fail(error, MHO_MEMORY, "out of memory for %zu competitors", c->n);
    for (size_t m = 0; m < c->n; m++) {
        row->awake[m] = c->competitors[m].next_bits > 0;
        answers[m] = NAN;
    }
    Probing probing = {.c = c, .net = net, .answers = answers};
    const MhoTrialMove probe = {.context = &probing, .accuracy = answer};
    MhoStatus status = allocator->choose(c->input.allocator_params, c->competitors, c->n, &probe, stream, number,
                                         progress, c->state, row->feedback, row->share, winner, error);
    if (status == MHO_OK && (*winner >= c->n || !row->awake[*winner]))
        status = mho_fail(error, MHO_FAILED, "allocator '%s' chose nobody who can go down", allocator->descriptor.name);
    if (status == MHO_OK)
        row->probe = answers[*winner];
    free(answers);
    return status;
}

/* The winner one bit width lower, with its row of the log. */
static MhoStatus go_down(MhoAllocationStage *c, const MhoNet *net, size_t winner, MhoMove *row, MhoNet **next,
                         MhoError *error)
{
    const MhoCandidate *self = &c->competitors[winner];

    memcpy(row->winner, self->name, sizeof row->winner);
    row->converter = self->converter;
    row->bits_from = self->bits;
    row->bits_to = self->next_bits;
    MhoStatus status = mho_candidates_lower(c, net, winner, next, error);
    if (status == MHO_OK)
        status = mho_candidates_cost(*next, &row->size, &row->bops, error);
    if (status == MHO_OK && isnan(row->probe))
        status = mho_candidates_accuracy(c, *next, &row->probe, error);
    return status;
}

static MhoStatus next_move(MhoAllocationStage *c, const MhoNet *net, double accuracy, double progress, MhoNet **next,
                           char name[MHO_NAME_MAX], MhoError *error)
{
    MhoMove *row;
    size_t winner = 0;
    MhoStatus status = mho_moves_add(c, &row, error);

    if (status != MHO_OK)
        return status;
    row->before = accuracy;
    status = compete(c, net, progress, row, &winner, error);
    if (status == MHO_OK)
        status = go_down(c, net, winner, row, next, error);
    mho_net_destroy(c->accepted);
    c->accepted = NULL;
    if (status == MHO_OK && c->input.params->accuracy > 0.0)
        status = mho_net_copy(net, &c->accepted, error);
    if (status != MHO_OK) {
        mho_net_destroy(*next);
        *next = NULL;
        return status;
    }
    snprintf(name, MHO_NAME_MAX, "move %zu %.24s%s %d", c->n_moves, row->winner, row->converter ? " adc" : "",
             row->bits_to);
    mho_log(c->input.log, MHO_LOG_INFO,
            "allocate: move %zu  %s%s %d -> %d bit  now %.4g bit a weight, %.4g MBOP  probe %.2f %%", c->n_moves,
            row->winner, row->converter ? " converters" : "", row->bits_from, row->bits_to, row->size, row->bops,
            100.0 * row->probe);
    return MHO_OK;
}

static bool anyone_awake(const MhoAllocationStage *c)
{
    for (size_t m = 0; m < c->n; m++)
        if (c->competitors[m].next_bits > 0)
            return true;
    return false;
}

/* The next move from this net, or the end. */
static MhoStatus go_on(MhoAllocationStage *c, const MhoNet *net, double accuracy, MhoNet **next,
                       char name[MHO_NAME_MAX], bool *done, MhoError *error)
{
    const MhoAllocateParams *params = c->input.params;
    double size, bops;
    MhoStatus status = mho_candidates_cost(net, &size, &bops, error);

    if (status == MHO_OK)
        status = mho_candidates_fill(c, net, error);
    if (status != MHO_OK)
        return status;
    *done = true;
    if (has_target(params) && targets_met(params, size, bops))
        finish(c, params->size > 0.0 ? "size" : "bops", size, bops);
    else if (params->moves > 0 && c->n_moves >= (size_t)params->moves)
        finish(c, "moves", size, bops);
    else if (!anyone_awake(c))
        finish(c, "bottom", size, bops);
    else
        *done = false;
    if (*done)
        return MHO_OK;
    return next_move(c, net, accuracy, progress_of(c, size, bops, accuracy), next, name, error);
}

/* Learned ranges that neither a stage before has learned nor recoveries will. */
static MhoStatus check_ranges(const MhoAllocationStage *c, const MhoNet *net, MhoError *error)
{
    const MhoAllocateParams *params = c->input.params;

    if (params->feedback != MHO_FEEDBACK_CHIP || mho_allocate_recovers_on_chip(params) ||
        c->input.chip->chip.range != MHO_RANGE_LEARNED)
        return MHO_OK;
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_conv(&net->nodes[i]) && !mho_node_conv(&net->nodes[i])->adc_range)
            return mho_fail(error, MHO_USAGE,
                            "allocate.recovery = codes: nothing learns the converter range of layer '%s'; set "
                            "train.chip.adc.range = calibrated, or allocate.recovery = same",
                            net->nodes[i].name);
    return MHO_OK;
}

/* With converters of their own, where these compete. */
static MhoStatus begin(void *context, const MhoNet *net, MhoNet **first, MhoError *error)
{
    const MhoAllocationStage *c = context;
    const MhoStatus status = check_ranges(c, net, error);

    *first = NULL;
    if (status != MHO_OK)
        return status;
    return c->adc_bit_widths.n > 0 ? mho_candidates_first_net(c, net, first, error) : MHO_OK;
}

static MhoStatus move(void *context, const MhoNet *net, double validation_accuracy, MhoNet **next,
                      char name[MHO_NAME_MAX], bool *done, MhoError *error)
{
    MhoAllocationStage *c = context;
    bool undo = false;
    MhoStatus status = MHO_OK;

    *next = NULL;
    *done = false;
    name[0] = '\0';
    if (c->n == 0)
        status = start(c, net, validation_accuracy, error);
    else if (c->n_moves > 0)
        settle(c, validation_accuracy, &undo);
    if (status == MHO_OK && undo) {
        *done = true;
        return undo_last(c, next, error);
    }
    return status == MHO_OK ? go_on(c, net, validation_accuracy, next, name, done, error) : status;
}

static bool recovered(void *context, int epochs, double validation_accuracy)
{
    MhoAllocationStage *c = context;
    const MhoAllocateParams *params = c->input.params;

    if (c->n_moves == 0)
        return true;
    MhoMove *last = &c->moves[c->n_moves - 1];
    last->epochs = epochs;
    return epochs >= params->recovery_epochs || validation_accuracy >= params->recovery_share * last->before;
}

static double rate(const void *context, double epochs)
{
    const MhoAllocateParams *params = ((const MhoAllocationStage *)context)->input.params;
    const double kicked = epochs - params->plateau_epochs;

    if (kicked < 0.0 || kicked >= params->restart_epochs)
        return params->learning_rate_low;
    return params->learning_rate_low + (params->learning_rate_high - params->learning_rate_low) *
                                           mho_schedule_half_cosine(kicked / params->restart_epochs);
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

static MhoStatus check_input(const MhoAllocateInput *input, MhoError *error)
{
    const MhoAllocateParams *params = input->params;
    MhoStatus status = mho_descriptor_check(&mho_allocate_descriptor, params, error);

    if (status == MHO_OK && input->allocator->descriptor.params_size > 0)
        status = mho_descriptor_check(&input->allocator->descriptor, input->allocator_params, error);
    if (status != MHO_OK)
        return status;
    if (!has_target(params) && params->accuracy <= 0.0 && params->moves == 0)
        return mho_fail(error, MHO_USAGE,
                        "allocate: nothing says where to stop; set allocate.size, .bops, .accuracy or .moves");
    if ((size_t)params->trial_images > input->validation->n)
        return mho_fail(error, MHO_USAGE,
                        "allocate.trial_images = %d, but only %zu images are validation; lower it or raise "
                        "train.validation",
                        params->trial_images, input->validation->n);
    return check_chip(input, error);
}

MhoStatus mho_allocation_create(const MhoAllocateInput *input, MhoAllocation *allocation, MhoError *error)
{
    MhoStatus status = check_input(input, error);
    MhoAllocationStage *c = status == MHO_OK ? calloc(1, sizeof *c) : NULL;

    memset(allocation, 0, sizeof *allocation);
    if (status != MHO_OK)
        return status;
    if (!c)
        return mho_fail(error, MHO_MEMORY, "out of memory for the competition of layers");
    c->input = *input;
    c->probe_set = *input->validation;
    c->probe_set.n = (size_t)input->params->trial_images;
    status = mho_bit_widths_parse("allocate.bit_widths", input->params->bit_widths, &c->bit_widths, error);
    if (status == MHO_OK)
        status =
            mho_bit_widths_parse("allocate.adc_bit_widths", input->params->adc_bit_widths, &c->adc_bit_widths, error);
    *allocation = (MhoAllocation){.context = c,
                                  .chip = mho_allocate_recovers_on_chip(input->params),
                                  .begin = begin,
                                  .move = move,
                                  .recovered = recovered,
                                  .rate = rate,
                                  .to_record = mho_moves_to_record,
                                  .from_record = mho_moves_from_record};
    if (status != MHO_OK)
        mho_allocation_destroy(allocation);
    return status;
}

void mho_allocation_destroy(MhoAllocation *allocation)
{
    MhoAllocationStage *c = allocation->context;

    if (!c)
        return;
    mho_moves_destroy(c);
    mho_net_destroy(c->accepted);
    free(c->competitors);
    free(c->state);
    free(c);
    memset(allocation, 0, sizeof *allocation);
}
