/* train.c - the list of stages: every stage starts from the net of the stage before, which is its teacher.
 *
 * A stage hands on the net of the epoch that was best on the validation images: ternary weights on a threshold flip
 * until the last step, so that the last net is a random one among its neighbours. Where batch norm was just removed,
 * and where the device model comes in, the net that the stage starts from is a candidate too. Gradual quantization with
 * distillation: Verhoef et al., FQ-Conv, arXiv 1912.09356; through the device model: Joshi et al., Nat. Commun. 11
 * (2020) 2473.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/fakequant/onednn.h"
#include "net/graph/requant.h"
#include "train/train_internal.h"

/* Validation images of an accuracy on chips. On two chips they give the accuracy within a point, in the time of some
 * hundred training steps. Ours. */
enum { CHIP_VALIDATION_IMAGES = 1000 };

static MhoStatus check_input(const MhoTrainInput *input, MhoError *error)
{
    const MhoDataset *sets[] = {input->training, input->validation};
    MhoStatus status = mho_descriptor_check(&mho_train_descriptor, input->train, error);
    if (status == MHO_OK)
        status = mho_descriptor_check(&mho_quant_descriptor, input->quant, error);
    for (size_t s = 0; s < 2 && status == MHO_OK; s++) {
        if (sets[s]->n == 0)
            status = mho_fail(error, MHO_USAGE, "there are no images to %s", s == 0 ? "train on" : "validate with");
        for (size_t i = 0; i < sets[s]->n && status == MHO_OK; i++)
            if (sets[s]->labels[i] >= sets[s]->n_classes)
                status = mho_fail(error, MHO_INPUT, "training image %zu has label %d, but there are %d classes", i,
                                  sets[s]->labels[i], sets[s]->n_classes);
    }
    return status;
}

/* Refuse patience where layers learn in groups: the stage could end before the last group has learned. */
static MhoStatus check_patience(const MhoTraining *t, MhoError *error)
{
    const MhoTrainParams *params = t->input->train;
    if (t->injects && params->gradual_layers > 0 && params->patience > 0)
        return mho_fail(error, MHO_USAGE,
                        "train.patience: quantizer '%s' learns layer after layer, and patience could end the stage "
                        "before the last; leave it at 0, or let all layers learn at once: train.gradual.layers = 0",
                        t->input->quant->weight_name);
    return MHO_OK;
}

/* Refuse before hours of training: some quantizers are for weights only, and non-uniform weights need batch norm. */
static MhoStatus check_policies(MhoTraining *t, const MhoStage *stage, MhoError *error)
{
    MhoPolicy weight, activation;
    MhoStatus status = mho_policy_open(t->input->quant->weight_name, &weight, error);
    if (status == MHO_OK)
        status = mho_policy_open(t->input->quant->activation_name, &activation, error);
    if (status == MHO_OK && activation.quantizer->nonuniform && !activation.quantizer->table)
        status = mho_fail(error, MHO_USAGE, "quant.activation.name: quantizer '%s' is for weights",
                          activation.quantizer->descriptor.name);
    if (status == MHO_OK && weight.quantizer->nonuniform && stage->kind == MHO_STAGE_FULL)
        status =
            mho_fail(error, MHO_USAGE, "batch norm stays with weights of quantizer '%s'; leave fq out of train.stages",
                     weight.quantizer->descriptor.name);
    if (status == MHO_OK)
        t->injects = weight.quantizer->inject != NULL && t->input->train->gradual_noise;
    if (status == MHO_OK)
        status = check_patience(t, error);
    return status == MHO_OK ? MHO_OK : mho_fail_context(error, "stage %s", stage->name);
}

static MhoStatus check_chip(const MhoTraining *t, const MhoStage *stage, MhoError *error)
{
    const MhoTrainInput *input = t->input;
    if (stage->chip && !input->chip)
        return mho_fail(error, MHO_USAGE,
                        "stage %s: there is no chip to train on; choose one, as train.chip.cell.name=pcm", stage->name);
    return stage->chip ? mho_curriculum_check(input->train->chip_curriculum, input->chip->chip.time, error) : MHO_OK;
}

/* A warning and no error, because a study may sweep the quantizer. */
static void warn_of_idle_keys(const MhoTraining *t)
{
    const MhoTrainParams *params = t->input->train;
    if (params->gradual_layers != 1 && !t->injects)
        mho_log(t->input->log, MHO_LOG_WARNING,
                "train.gradual.layers does nothing: no noise is injected (quantizer '%s')",
                t->input->quant->weight_name);
}

static MhoStatus read_stages(MhoTraining *t, MhoError *error)
{
    MhoStages *stages = &t->state.stages;
    bool has_chip = false;
    MhoStatus status = mho_stages_parse(t->input->train->stages, stages, error);
    for (size_t s = 0; s < stages->n && status == MHO_OK; s++) {
        MhoStage *stage = &stages->stages[s];
        if (stage->kind == MHO_STAGE_ALLOCATE)
            stage->chip = t->input->recovers_on_chip;
        has_chip = has_chip || stage->chip;
        status = check_chip(t, stage, error);
        if (status == MHO_OK && stage->kind != MHO_STAGE_FLOAT)
            status = check_policies(t, stage, error);
    }
    if (status == MHO_OK)
        warn_of_idle_keys(t);
    if (status == MHO_OK && has_chip)
        status = mho_spread_images(t->input->validation, CHIP_VALIDATION_IMAGES, &t->chip_validation, error);
    return status;
}

static MhoStatus open_training(MhoTraining *t, MhoError *error)
{
    const MhoTrainParams *params = t->input->train;
    const size_t n = (size_t)params->batch * (size_t)t->input->training->n_classes;
    MhoStatus status = read_stages(t, error);
    if (status == MHO_OK)
        status = mho_batches_create(t->input, &t->batches, error);
    if (status != MHO_OK)
        return status;
    t->loss = (MhoLoss){.label_smoothing = params->label_smoothing, .temperature = params->distill_temperature};
    t->logits = mho_calloc(3 * n, sizeof *t->logits, error, "the logits of a batch");
    if (!t->logits)
        return MHO_MEMORY;
    t->teacher_logits = t->logits + n;
    t->d_logits = t->teacher_logits + n;
    if (t->input->resume)
        status = mho_checkpoint_read(t->input, &t->state, error);
    else if (t->input->start)
        status = mho_checkpoint_start(t->input, &t->state, error);
    const size_t images = t->batches.n_batches * t->batches.batch;
    mho_progress_start(&t->progress, t->input->log, "train", "images", images * (size_t)t->state.stages.epochs,
                       images * t->state.n_history + t->state.part.steps * t->batches.batch);
    return status;
}

void mho_training_destroy(MhoTraining *t)
{
    if (!t)
        return;
    mho_batches_destroy(&t->batches);
    mho_dataset_destroy(&t->chip_validation);
    mho_optimizer_destroy(&t->state.optimizer);
    mho_net_destroy(t->state.net);
    mho_net_destroy(t->state.teacher);
    mho_net_destroy(t->state.best);
    free(t->state.history);
    free(t->logits);
    (void)mho_onednn_set_threads(t->threads_before);
    free(t);
}

MhoStatus mho_training_create(const MhoTrainInput *input, MhoTraining **training, MhoError *error)
{
    *training = NULL;
    MhoStatus status = check_input(input, error);
    if (status != MHO_OK)
        return status;
    MhoTraining *t = mho_calloc(1, sizeof *t, error, "training");
    if (!t)
        return MHO_MEMORY;
    t->input = input;
    t->threads_before = mho_onednn_set_threads(input->threads);
    status = open_training(t, error);
    if (status == MHO_OK)
        *training = t;
    else
        mho_training_destroy(t);
    return status;
}

const MhoStage *mho_training_stage(const MhoTraining *t)
{
    return t->state.stage < t->state.stages.n ? mho_training_running(t) : NULL;
}

const MhoNet *mho_training_net(const MhoTraining *t)
{
    return t->state.net;
}

int mho_training_stage_epochs(const MhoTraining *t)
{
    return t->state.stage_epochs;
}

void mho_training_set_net(MhoTraining *t, MhoNet *net)
{
    mho_net_destroy(t->state.net);
    t->state.net = net;
    snprintf(net->recipe, sizeof net->recipe, "%s", t->input->recipe ? t->input->recipe : "");
}

/* The net of the stage before becomes the teacher of its successor. */
MhoStatus mho_training_begin_stage(MhoTraining *t, bool *resumed, MhoError *error)
{
    MhoTrainingState *state = &t->state;
    MhoNet *previous = state->net;
    const MhoStage *stage = mho_training_running(t), *before = state->stage > 0 ? stage - 1 : NULL;
    *resumed = state->resumed;
    if (state->resumed)
        return MHO_OK;
    memcpy(state->name, stage->name, sizeof state->name);
    state->net = NULL;
    const MhoStatus status = mho_stage_net(t->input, stage, before, previous, &state->net, error);
    mho_net_destroy(state->teacher);
    state->teacher = previous;
    return status;
}

void mho_training_end_stage(MhoTraining *t)
{
    t->state.stage++;
}

MhoStatus mho_training_run_stage(MhoTraining *t, MhoError *error)
{
    const MhoStage *stage = mho_training_running(t);
    bool resumed;
    MhoStatus status = mho_training_begin_stage(t, &resumed, error);
    if (status == MHO_OK && !resumed)
        status = mho_training_open_state(t, mho_training_competes(stage), error);
    t->state.resumed = false;
    if (status == MHO_OK)
        status = mho_training_run_epochs(t, error);
    mho_training_end_stage(t);
    return status;
}

MhoStatus mho_training_recover(MhoTraining *t, const MhoRecovery *recovery, double *accuracy, MhoError *error)
{
    MhoTrainingState *state = &t->state;
    MhoStatus status = MHO_OK;
    memcpy(state->name, recovery->name, sizeof state->name);
    if (!state->resumed)
        status = mho_training_open_state(t, true, error);
    state->resumed = false;
    t->recovery = recovery;
    if (status == MHO_OK)
        status = mho_training_run_epochs(t, error);
    t->recovery = NULL;
    *accuracy = state->best_accuracy;
    return status;
}

MhoStatus mho_training_finish(MhoTraining *t, MhoNet **net, MhoError *error)
{
    const MhoStatus status = mho_checkpoint_write(t->input, &t->state, true, error);
    *net = NULL;
    if (status != MHO_OK)
        return status;
    *net = t->state.net;
    t->state.net = NULL;
    return MHO_OK;
}

MhoStatus mho_train(const MhoTrainInput *input, MhoNet **net, MhoError *error)
{
    MhoTraining *t;
    MhoStatus status = mho_training_create(input, &t, error);
    *net = NULL;
    if (status == MHO_OK && mho_stages_use(&t->state.stages).allocate)
        status = mho_fail(error, MHO_USAGE, "stage allocate: there is no allocator; allocate.name chooses one");
    while (status == MHO_OK && mho_training_stage(t))
        status = mho_training_run_stage(t, error);
    if (status == MHO_OK)
        status = mho_training_finish(t, net, error);
    mho_training_destroy(t);
    return status;
}
