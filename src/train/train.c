/* train.c - down the ladder: every stage starts from the net of the stage before, which is its teacher.
 *
 * A stage hands on the net of the epoch that was best on the held-out images: ternary weights on a threshold flip until
 * the last step, so that the last net is a draw among its neighbours. Where batch norm was just removed, and where the
 * device model comes in, the net as it came competes too. Gradual quantization with distillation: Verhoef et al.,
 * FQ-Conv, arXiv 1912.09356; through the device model: Joshi et al., Nat. Commun. 11 (2020) 2473.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/fakequant/onednn.h"
#include "net/graph/requant.h"
#include "train/train_internal.h"

/* Held-out images of an accuracy on chips: two chips see 2000, which say it within a point, and are done in the time of
 * some hundred training steps. Ours. */
enum { JUDGED_IMAGES = 1000 };

static MhoStatus check_input(const MhoTrainInput *input, MhoError *error)
{
    const MhoDataset *sets[] = {input->kept, input->held};
    MhoStatus status = mho_model_check(&mho_train_model, input->train, error);

    if (status == MHO_OK)
        status = mho_model_check(&mho_quant_model, input->quant, error);
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

    if (t->injects && params->staged_layers > 0 && params->patience > 0)
        return mho_fail(error, MHO_USAGE,
                        "train.patience: quantizer '%s' learns layer after layer, and patience could end the stage "
                        "before the last; leave it at 0, or let all layers learn at once: train.staged.layers = 0",
                        t->input->quant->weight_name);
    return MHO_OK;
}

/* Said before hours of training: some levels are of weights only, and non-uniform weights need batch norm. */
static MhoStatus check_policies(MhoTraining *t, const MhoStage *stage, MhoError *error)
{
    MhoPolicy weight, activation;
    MhoStatus status = mho_policy_find(t->input->quant->weight_name, &weight, error);

    if (status == MHO_OK)
        status = mho_policy_find(t->input->quant->activation_name, &activation, error);
    if (status == MHO_OK && activation.quantizer->nonuniform && !activation.quantizer->table)
        status = mho_fail(error, MHO_USAGE, "quant.activation.name: quantizer '%s' is for weights",
                          activation.quantizer->model.name);
    if (status == MHO_OK && weight.quantizer->nonuniform && stage->kind == MHO_STAGE_FULL)
        status = mho_fail(error, MHO_USAGE,
                          "batch norm stays with weights of quantizer '%s'; leave fq out of train.ladder",
                          weight.quantizer->model.name);
    if (status == MHO_OK)
        t->injects = weight.quantizer->inject != NULL && t->input->train->staged_noise;
    if (status == MHO_OK)
        status = check_turns(t, error);
    return status == MHO_OK ? MHO_OK : mho_fail_context(error, "stage %s", stage->name);
}

/* What a stage needs from the caller. */
static MhoStatus check_devices(const MhoTraining *t, const MhoStage *stage, MhoError *error)
{
    const MhoTrainInput *input = t->input;

    if (stage->chip && !input->chip)
        return mho_fail(error, MHO_USAGE, "stage %s: there is no chip to train on; name one in train.chip, for "
                        "instance \"cell.name=pcm time=86400\"", stage->name);
    if (stage->kind == MHO_STAGE_ALLOCATE && !input->allocation)
        return mho_fail(error, MHO_USAGE, "stage allocate: there is no allocator; allocate.name chooses one");
    return stage->chip ? mho_curriculum_check(input->train->chip_curriculum, input->chip->chip.time, error) : MHO_OK;
}

/* Keys that this ladder has no use for: no error, because a study may sweep the ladder. */
static void warn_of_idle_keys(const MhoTraining *t, bool has_chip, bool allocates)
{
    const MhoTrainParams *params = t->input->train;

    if (params->chip[0] && !has_chip && !allocates)
        mho_log(t->input->log, MHO_LOG_WARNING, "train.chip does nothing: train.ladder has no stage chip:EPOCHS");
    if (params->staged_layers != 1 && !t->injects)
        mho_log(t->input->log, MHO_LOG_WARNING,
                "train.staged.layers does nothing: no noise is injected (quantizer '%s')",
                t->input->quant->weight_name);
}

static MhoStatus read_ladder(MhoTraining *t, MhoError *error)
{
    MhoLadder *ladder = &t->course.ladder;
    const MhoAllocation *allocation = t->input->allocation;
    bool has_chip = false, allocates = false;
    MhoStatus status = mho_ladder_parse(t->input->train->ladder, ladder, error);

    for (size_t s = 0; s < ladder->n && status == MHO_OK; s++) {
        MhoStage *stage = &ladder->stages[s];

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
        status = mho_spread_images(t->input->held, JUDGED_IMAGES, &t->judged, error);
    return status;
}

static MhoStatus open_training(MhoTraining *t, MhoError *error)
{
    const MhoTrainParams *params = t->input->train;
    const size_t n = (size_t)params->batch * (size_t)t->input->kept->n_classes;
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
        status = mho_checkpoint_read(t->input, &t->course, error);
    else if (t->input->start)
        status = mho_checkpoint_start(t->input, &t->course, error);
    const size_t images = t->batches.n_batches * t->batches.batch;
    mho_progress_start(&t->progress, t->input->log, "train", "images", images * (size_t)t->course.ladder.epochs,
                       images * t->course.n_history);
    return status;
}

static void close_training(MhoTraining *t)
{
    mho_batches_destroy(&t->batches);
    mho_dataset_destroy(&t->judged);
    mho_optimizer_destroy(&t->course.optimizer);
    mho_net_destroy(t->course.net);
    mho_net_destroy(t->course.teacher);
    mho_net_destroy(t->course.best);
    free(t->course.history);
    free(t->logits);
    free(t->teacher_logits);
    free(t->d_logits);
}

/* The net of the stage before becomes the teacher of its successor. */
static MhoStatus next_net(MhoTraining *t, MhoError *error)
{
    MhoCourse *course = &t->course;
    MhoNet *previous = course->net;
    const MhoStage *stage = mho_training_stage(t), *before = course->stage > 0 ? stage - 1 : NULL;

    memcpy(course->name, stage->name, sizeof course->name);
    course->net = NULL;
    const MhoStatus status = mho_stage_net(t->input, stage, before, previous, &course->net, error);
    mho_net_destroy(course->teacher);
    course->teacher = previous;
    return status;
}

static MhoStatus run_stage(MhoTraining *t, MhoError *error)
{
    const MhoStage *stage = mho_training_stage(t);
    const bool judged = stage->kind == MHO_STAGE_FULL || stage->chip || stage->epochs == 0;
    MhoStatus status = t->course.resumed ? MHO_OK : next_net(t, error);

    if (status == MHO_OK && stage->kind == MHO_STAGE_ALLOCATE)
        return mho_training_allocate(t, error);
    if (status == MHO_OK && !t->course.resumed)
        status = mho_training_begin(t, judged, error);
    t->course.resumed = false;
    return status == MHO_OK ? mho_training_descend(t, error) : status;
}

static MhoStatus run(MhoTraining *t, MhoError *error)
{
    MhoStatus status = check_input(t->input, error);

    if (status == MHO_OK)
        status = open_training(t, error);
    while (status == MHO_OK && t->course.stage < t->course.ladder.n) {
        status = run_stage(t, error);
        t->course.stage++;
    }
    return status == MHO_OK ? mho_checkpoint_write(t->input, &t->course, true, error) : status;
}

MhoStatus mho_train(const MhoTrainInput *input, MhoNet **net, MhoError *error)
{
    MhoTraining t = {.input = input};
    const int threads = mho_net_threads(input->threads);

    *net = NULL;
    const MhoStatus status = run(&t, error);
    if (status == MHO_OK) {
        *net = t.course.net;
        t.course.net = NULL;
    }
    close_training(&t);
    (void)mho_net_threads(threads);
    return status;
}
