/* allocation.c - the stage "allocate": an allocator lowers bits, the whole net recovers, until a budget is met.
 *
 * Every move starts a recovery, a stage of its own in the history, at a rate of the allocator's. Its teacher is the net
 * that the stage began with, and its best net on validation images, the net as it was moved among them, comes to the
 * next move. On a chip, recoveries are as stages "chip": forward through the device model, judged on chips, with
 * converter ranges that are calibrated once, at the start of the stage, and from then on go with the net. Khan et al.,
 * "Learning to quantize deep neural networks: a competitive-collaborative approach", DAC 2020.
 */
#include <stdio.h>
#include <string.h>

#include "train/train_internal.h"

/* The net takes the place of the running one. */
static void take(MhoTraining *t, MhoNet *net)
{
    mho_net_destroy(t->state.net);
    t->state.net = net;
    snprintf(net->recipe, sizeof net->recipe, "%s", t->input->recipe ? t->input->recipe : "");
}

/* The net that layers compete from, and its validation accuracy. */
static MhoStatus begin(MhoTraining *t, double *accuracy, MhoError *error)
{
    const MhoAllocation *allocation = t->input->allocation;
    MhoNet *first = NULL;
    double loss;
    const MhoStatus status =
        allocation->begin ? allocation->begin(allocation->context, t->state.net, &first, error) : MHO_OK;

    if (status != MHO_OK) {
        mho_net_destroy(first);
        return mho_fail_context(error, "stage allocate");
    }
    if (first)
        take(t, first);
    return mho_training_validate(t, accuracy, &loss, error);
}

/* The net of the next recovery, or the last one when *done. */
static MhoStatus next_move(MhoTraining *t, double accuracy, bool *done, MhoError *error)
{
    const MhoAllocation *allocation = t->input->allocation;
    MhoTrainingState *state = &t->state;
    MhoNet *next = NULL;
    char name[MHO_NAME_MAX] = "";
    MhoStatus status = allocation->move(allocation->context, state->net, accuracy, &next, name, done, error);

    if (status == MHO_OK && !*done && !next)
        status = mho_fail(error, MHO_FAILED, "the allocator made no net for its move");
    if (status != MHO_OK) {
        mho_net_destroy(next);
        return mho_fail_context(error, "stage allocate");
    }
    if (next)
        take(t, next);
    if (!*done)
        snprintf(state->name, sizeof state->name, "%s", name);
    return MHO_OK;
}

MhoStatus mho_training_allocate(MhoTraining *t, MhoError *error)
{
    MhoTrainingState *state = &t->state;
    bool done = false;
    double accuracy = 0.0;
    MhoStatus status = state->resumed ? MHO_OK : begin(t, &accuracy, error);

    while (status == MHO_OK && !done) {
        if (!state->resumed) {
            status = next_move(t, accuracy, &done, error);
            if (status != MHO_OK || done)
                return status;
            status = mho_training_begin(t, true, error);
        }
        state->resumed = false;
        if (status == MHO_OK)
            status = mho_training_run_epochs(t, error);
        accuracy = state->best_accuracy;
    }
    return status;
}
