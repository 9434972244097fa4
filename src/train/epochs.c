/* epochs.c - the epochs of a stage or recovery, and the best of its nets on validation images.
 *
 * A stage ends after its epochs, or after train.patience epochs in a row without a better net (the learning rate keeps
 * to its whole length). A recovery ends as its MhoRecovery says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "train/train_internal.h"

/* Number of the first chip of validation; the chips of training steps are numbered by the step. */
static const uint32_t first_validation_chip = (uint32_t)1 << 31;

const MhoStage *mho_training_running(const MhoTraining *t)
{
    return &t->state.stages.stages[t->state.stage];
}

MhoStatus mho_history_add(MhoTrainingState *state, MhoError *error)
{
    MhoEpoch *history = mho_list_grow(state->history, state->n_history, sizeof *history, error);
    if (!history)
        return MHO_MEMORY;
    state->history = history;
    history[state->n_history] = (MhoEpoch){0};
    return MHO_OK;
}

MhoStatus mho_training_validate(MhoTraining *t, double *accuracy, double *loss, MhoError *error)
{
    const MhoTrainInput *input = t->input;
    if (!mho_training_running(t)->chip)
        return mho_train_evaluate(t->state.net, input->validation, t->batches.batch, accuracy, loss, error);
    const MhoChipConfig config = mho_chip_sums_config(input->chip);
    return mho_train_evaluate_chip(t->state.net, &t->chip_validation, NULL, &config, first_validation_chip,
                                   (uint32_t)input->train->validation_chips, input->threads, accuracy, loss, error);
}

/* Keep a copy of the net when it is the best of its stage. */
static MhoStatus keep_best(MhoTrainingState *state, double accuracy, MhoError *error)
{
    if (state->best && accuracy <= state->best_accuracy) {
        state->stale_epochs++;
        return MHO_OK;
    }
    mho_net_destroy(state->best);
    state->best = NULL;
    state->best_accuracy = accuracy;
    state->stale_epochs = 0;
    return mho_net_copy(state->net, &state->best, error);
}

bool mho_training_competes(const MhoStage *stage)
{
    return stage->kind == MHO_STAGE_FULL || stage->kind == MHO_STAGE_ALLOCATE || stage->chip || stage->epochs == 0;
}

MhoStatus mho_training_open_state(MhoTraining *t, bool competes, MhoError *error)
{
    MhoTrainingState *state = &t->state;
    double accuracy = 0.0, loss;
    state->stage_epochs = state->stale_epochs = 0;
    state->over = false;
    MhoStatus status = mho_optimizer_create(state->net, t->input->train, &state->optimizer, error);
    if (status != MHO_OK || !competes)
        return status;
    status = mho_training_validate(t, &accuracy, &loss, error);
    if (status == MHO_OK)
        status = keep_best(state, accuracy, error);
    if (status == MHO_OK)
        mho_log(t->input->log, MHO_LOG_INFO, "stage %s  starts  validation %.2f %%", state->name, 100.0 * accuracy);
    return status;
}

static void close_fakequant(MhoTraining *t)
{
    mho_fakequant_destroy(t->fq);
    mho_fakequant_destroy(t->teacher);
    t->fq = t->teacher = NULL;
    free(t->modes);
    free(t->frozen);
    t->modes = NULL;
    t->frozen = NULL;
    t->state.optimizer.frozen = NULL;
}

static MhoStatus open_fakequant(MhoTraining *t, MhoError *error)
{
    const size_t batch = t->batches.batch, n = t->state.net->n_nodes;
    const MhoStage *stage = mho_training_running(t);
    MhoStatus status = mho_fakequant_create(t->state.net, batch, true, &t->fq, error);
    t->loss.distill = t->state.teacher ? t->input->train->distill : 0.0;
    if (status == MHO_OK && t->loss.distill > 0.0)
        status = mho_fakequant_create(t->state.teacher, batch, false, &t->teacher, error);
    if (status != MHO_OK || !t->injects || stage->chip || stage->kind == MHO_STAGE_FLOAT)
        return status;
    t->modes = mho_calloc(n, sizeof *t->modes, error, "the modes of %zu nodes", n);
    t->frozen = t->modes ? mho_calloc(n, sizeof *t->frozen, error, "the modes of %zu nodes", n) : NULL;
    t->state.optimizer.frozen = t->frozen;
    return t->frozen ? MHO_OK : MHO_MEMORY;
}

static void report_step(MhoTraining *t, size_t number, double loss)
{
    const MhoTrainingState *state = &t->state;
    const size_t before = state->n_history;
    char note[200], of[16] = "";
    if (mho_training_running(t)->epochs > 0)
        snprintf(of, sizeof of, "/%d", mho_training_running(t)->epochs);
    const int n =
        snprintf(note, sizeof note, "%s epoch %d%s  loss %.4f", state->name, state->stage_epochs + 1, of, loss);
    if (before > 0 && n > 0 && (size_t)n < sizeof note)
        snprintf(note + n, sizeof note - (size_t)n, "  validation %.2f %%",
                 100.0 * state->history[before - 1].validation_accuracy);
    mho_progress_step(&t->progress, (before * t->batches.n_batches + number + 1) * t->batches.batch, note);
}

/* The epochs that remain. Stages may end early; of a recovery, whose length is not known, the running epoch counts. */
static void count_epochs(MhoTraining *t)
{
    const MhoTrainingState *state = &t->state;
    const int running = mho_training_running(t)->epochs - state->stage_epochs;
    size_t remaining = running > 1 ? (size_t)running : 1;
    for (size_t s = state->stage + 1; s < state->stages.n; s++)
        remaining += (size_t)state->stages.stages[s].epochs;
    t->progress.total = (state->n_history + remaining) * t->batches.n_batches * t->batches.batch;
}

/* Write a checkpoint of the steps done, and say where training stopped. */
static MhoStatus stop(const MhoTraining *t, MhoError *error)
{
    const MhoTrainingState *state = &t->state;
    if (state->n_history > 0 || state->part.steps > 0) {
        const MhoStatus status = mho_checkpoint_write(t->input, state, false, error);
        if (status != MHO_OK)
            return status;
    }
    return mho_fail(error, MHO_STOPPED, "stopped in stage %s, epoch %d, after step %zu of %zu", state->name,
                    state->stage_epochs + 1, state->part.steps, t->batches.n_batches);
}

/* The steps of the running epoch that are not done yet. */
static MhoStatus run_steps(MhoTraining *t, MhoError *error)
{
    MhoEpochPart *part = &t->state.part;
    const MhoEpoch *epoch = &t->state.history[t->state.n_history];
    const double started = mho_clock() - part->seconds, interval = t->input->checkpoint_seconds;
    double saved = mho_clock();
    MhoStatus status = MHO_OK;
    while (part->steps < t->batches.n_batches && status == MHO_OK) {
        double loss = 0.0;
        size_t hits = 0;
        status = mho_stop_requested() ? stop(t, error) : mho_training_step(t, part->steps, &loss, &hits, error);
        if (status != MHO_OK)
            return status;
        part->loss += loss;
        part->hits += hits;
        part->gradient_norm = epoch->gradient_norm;
        part->seconds = mho_clock() - started;
        part->steps++;
        report_step(t, part->steps - 1, part->loss / (double)part->steps);
        if (interval > 0.0 && part->steps < t->batches.n_batches && mho_clock() - saved >= interval) {
            status = mho_checkpoint_write(t->input, &t->state, false, error);
            saved = mho_clock();
        }
    }
    return status;
}

static MhoStatus run_epoch(MhoTraining *t, MhoError *error)
{
    const double started = mho_clock() - t->state.part.seconds;
    const size_t n = t->batches.n_batches;
    MhoEpochPart *part = &t->state.part;
    MhoStatus status = mho_history_add(&t->state, error);
    if (status != MHO_OK)
        return status;
    MhoEpoch *epoch = &t->state.history[t->state.n_history];
    memcpy(epoch->stage, t->state.name, sizeof epoch->stage);
    epoch->gradient_norm = part->gradient_norm;
    count_epochs(t);
    mho_batches_shuffle(&t->batches, (uint32_t)t->state.n_history);
    status = run_steps(t, error);
    if (status != MHO_OK)
        return status;
    epoch->loss = part->loss / (double)n;
    epoch->train_accuracy = (double)part->hits / (double)(n * t->batches.batch);
    *part = (MhoEpochPart){0};
    if (mho_training_running(t)->kind == MHO_STAGE_QUANTIZED || mho_training_running(t)->kind == MHO_STAGE_ALLOCATE)
        status = mho_batchnorm_reestimate(t, error);
    if (status == MHO_OK)
        status = mho_training_validate(t, &epoch->validation_accuracy, &epoch->validation_loss, error);
    epoch->seconds = mho_clock() - started;
    return status;
}

static bool ends_here(const MhoTraining *t)
{
    const MhoTrainingState *state = &t->state;
    const int patience = t->input->train->patience;
    if (mho_training_running(t)->kind == MHO_STAGE_ALLOCATE)
        return mho_recovery_ends(t->recovery, state->stage_epochs, state->best_accuracy);
    return state->stage_epochs >= mho_training_running(t)->epochs || (patience > 0 && state->stale_epochs >= patience);
}

/* Count and log the finished epoch, and write a checkpoint. */
static MhoStatus end_epoch(MhoTraining *t, MhoError *error)
{
    MhoTrainingState *state = &t->state;
    const MhoEpoch *epoch = &state->history[state->n_history++];
    const MhoStage *stage = mho_training_running(t);
    char of[16] = "";
    state->stage_epochs++;
    const MhoStatus status = keep_best(state, epoch->validation_accuracy, error);
    if (status != MHO_OK)
        return status;
    state->over = ends_here(t);
    if (stage->epochs > 0)
        snprintf(of, sizeof of, "/%d", stage->epochs);
    mho_log(t->input->log, MHO_LOG_INFO,
            "stage %s  epoch %d%s  loss %.4f  train %.2f %%  validation %.2f %%  %.0f images/s  %.1f s", epoch->stage,
            state->stage_epochs, of, epoch->loss, 100.0 * epoch->train_accuracy, 100.0 * epoch->validation_accuracy,
            (double)(t->batches.n_batches * t->batches.batch) / epoch->seconds, epoch->seconds);
    if (state->over && state->stage_epochs < stage->epochs)
        mho_log(t->input->log, MHO_LOG_INFO, "stage %s  ends: no better net for %d epochs", epoch->stage,
                state->stale_epochs);
    return mho_checkpoint_write(t->input, state, false, error);
}

/* Replace the last net of the stage by its best one. */
static void take_best(MhoTrainingState *state)
{
    mho_optimizer_destroy(&state->optimizer);
    mho_net_destroy(state->net);
    state->net = state->best;
    state->best = NULL;
}

MhoStatus mho_training_run_epochs(MhoTraining *t, MhoError *error)
{
    const MhoStage *stage = mho_training_running(t);
    const bool has_epochs = stage->kind == MHO_STAGE_ALLOCATE || stage->epochs > 0;
    MhoStatus status = open_fakequant(t, error);
    while (status == MHO_OK && has_epochs && !t->state.over) {
        status = run_epoch(t, error);
        if (status == MHO_OK)
            status = end_epoch(t, error);
    }
    close_fakequant(t);
    if (status == MHO_OK)
        take_best(&t->state);
    return status;
}
