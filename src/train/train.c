/* train.c - down the stages: every stage starts from the net of the stage before, which is its teacher.
 *
 * A stage hands on the net of the epoch that was best on the validation images: ternary weights on a threshold flip
 * until the last step, so that the last net is a draw among its neighbours. Where batch norm was just removed, and
 * where the device model comes in, the net as it came competes too. Gradual quantization with distillation: Verhoef et
 * al., FQ-Conv, arXiv 1912.09356; through the device model: Joshi et al., Nat. Commun. 11 (2020) 2473.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/fakequant/onednn.h"
#include "net/graph/requant.h"
#include "train/train_internal.h"

/* Validation images of an accuracy on chips: two chips see 2000, which say it within a point, and are done in the time
 * of some hundred training steps. Ours. */
enum { JUDGED_IMAGES = 1000 };

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

/* Layers that take turns, and a stage that may end before the last had one, do not go together. */
static MhoStatus check_turns(const MhoTraining *t, MhoError *error)
{
    const MhoTrainParams *params = t->input->train;

    if (t->injects && params->gradual_layers > 0 && params->patience > 0)
        return mho_fail(error, MHO_USAGE,
                        "train.patience: quantizer '%s' learns layer after layer, and patience could end the stage "
                        "before the last; leave it at 0, or let all layers learn at once: train.gradual.layers = 0",
                        t->input->quant->weight_name);
    return MHO_OK;
}

/* Said before hours of training: some levels are of weights only, and non-uniform weights need batch norm. */
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
        status = check_turns(t, error);
    return status == MHO_OK ? MHO_OK : mho_fail_context(error, "stage %s", stage->name);
}

/* What a stage needs from the caller. */
static MhoStatus check_devices(const MhoTraining *t, const MhoStage *stage, MhoError *error)
{
    const MhoTrainInput *input = t->input;

    if (stage->chip && !input->chip)
        return mho_fail(error, MHO_USAGE,
                        "stage %s: there is no chip to train on; name one in train.chip, for "
                        "instance \"cell.name=pcm time=86400\"",
                        stage->name);
    if (stage->kind == MHO_STAGE_ALLOCATE && !input->allocation)
        return mho_fail(error, MHO_USAGE, "stage allocate: there is no allocator; allocate.name chooses one");
    return stage->chip ? mho_curriculum_check(input->train->chip_curriculum, input->chip->chip.time, error) : MHO_OK;
}

/* Keys that this stages has no use for: no error, because a study may sweep the stages. */
static void warn_of_idle_keys(const MhoTraining *t, bool has_chip, bool allocates)
{
    const MhoTrainParams *params = t->input->train;

    if (params->chip[0] && !has_chip && !allocates)
        mho_log(t->input->log, MHO_LOG_WARNING, "train.chip does nothing: train.stages has no stage chip:EPOCHS");
    if (params->gradual_layers != 1 && !t->injects)
        mho_log(t->input->log, MHO_LOG_WARNING,
                "train.gradual.layers does nothing: no noise is injected (quantizer '%s')",
                t->input->quant->weight_name);
}

static MhoStatus read_ladder(MhoTraining *t, MhoError *error)
{
    MhoStages *stages = &t->state.stages;
    const MhoAllocation *allocation = t->input->allocation;
    bool has_chip = false, allocates = false;
    MhoStatus status = mho_stages_parse(t->input->train->stages, stages, error);

    for (size_t s = 0; s < stages->n && status == MHO_OK; s++) {
        MhoStage *stage = &stages->stages[s];

        if (stage->kind == MHO_STAGE_ALLOCATE) {
            allocates = true;
            stage->chip = allocation && allocation->chip;
        }
        has_chip = has_chip || stage->chip;
        status = check_devices(t, stage, error);
        if (status == MHO_OK && stage->kind != MHO_STAGE_FLOAT)
            status = check_policies(t, stage, error);
    }
    if (status == MHO_OK)
        warn_of_idle_keys(t, has_chip, allocates);
    if (status == MHO_OK && has_chip)
        status = mho_spread_images(t->input->validation, JUDGED_IMAGES, &t->judged, error);
    return status;
}

static MhoStatus open_training(MhoTraining *t, MhoError *error)
{
    const MhoTrainParams *params = t->input->train;
    const size_t n = (size_t)params->batch * (size_t)t->input->training->n_classes;
    MhoStatus status = read_ladder(t, error);

    if (status == MHO_OK)
        status = mho_batches_create(t->input, &t->batches, error);
    if (status != MHO_OK)
        return status;
    t->loss = (MhoLoss){.label_smoothing = params->label_smoothing, .temperature = params->distill_temperature};
    t->logits = calloc(n, sizeof *t->logits);
    t->teacher_logits = calloc(n, sizeof *t->teacher_logits);
    t->d_logits = calloc(n, sizeof *t->d_logits);
    if (!t->logits || !t->teacher_logits || !t->d_logits)
        return mho_fail(error, MHO_MEMORY, "out of memory for training");
    if (t->input->resume)
        status = mho_checkpoint_read(t->input, &t->state, error);
    else if (t->input->start)
        status = mho_checkpoint_start(t->input, &t->state, error);
    const size_t images = t->batches.n_batches * t->batches.batch;
    mho_progress_start(&t->progress, t->input->log, "train", "images", images * (size_t)t->state.stages.epochs,
                       images * t->state.n_history);
    return status;
}

static void close_training(MhoTraining *t)
{
    mho_batches_destroy(&t->batches);
    mho_dataset_destroy(&t->judged);
    mho_optimizer_destroy(&t->state.optimizer);
    mho_net_destroy(t->state.net);
    mho_net_destroy(t->state.teacher);
    mho_net_destroy(t->state.best);
    free(t->state.history);
    free(t->logits);
    free(t->teacher_logits);
    free(t->d_logits);
}

/* The net of the stage before becomes the teacher of its successor. */
static MhoStatus next_net(MhoTraining *t, MhoError *error)
{
    MhoTrainingState *state = &t->state;
    MhoNet *previous = state->net;
    const MhoStage *stage = mho_training_stage(t), *before = state->stage > 0 ? stage - 1 : NULL;

    memcpy(state->name, stage->name, sizeof state->name);
    state->net = NULL;
    const MhoStatus status = mho_stage_net(t->input, stage, before, previous, &state->net, error);
    mho_net_destroy(state->teacher);
    state->teacher = previous;
    return status;
}

static MhoStatus run_stage(MhoTraining *t, MhoError *error)
{
    const MhoStage *stage = mho_training_stage(t);
    const bool judged = stage->kind == MHO_STAGE_FULL || stage->chip || stage->epochs == 0;
    MhoStatus status = t->state.resumed ? MHO_OK : next_net(t, error);

    if (status == MHO_OK && stage->kind == MHO_STAGE_ALLOCATE)
        return mho_training_allocate(t, error);
    if (status == MHO_OK && !t->state.resumed)
        status = mho_training_begin(t, judged, error);
    t->state.resumed = false;
    return status == MHO_OK ? mho_training_run_epochs(t, error) : status;
}

static MhoStatus run(MhoTraining *t, MhoError *error)
{
    MhoStatus status = check_input(t->input, error);

    if (status == MHO_OK)
        status = open_training(t, error);
    while (status == MHO_OK && t->state.stage < t->state.stages.n) {
        status = run_stage(t, error);
        t->state.stage++;
    }
    return status == MHO_OK ? mho_checkpoint_write(t->input, &t->state, true, error) : status;
}

MhoStatus mho_train(const MhoTrainInput *input, MhoNet **net, MhoError *error)
{
    MhoTraining t = {.input = input};
    const int threads = mho_onednn_set_threads(input->threads);

    *net = NULL;
    const MhoStatus status = run(&t, error);
    if (status == MHO_OK) {
        *net = t.state.net;
        t.state.net = NULL;
    }
    close_training(&t);
    (void)mho_onednn_set_threads(threads);
    return status;
}
