/* train.c - down the ladder: every stage starts from the net of the stage before, which is its teacher.
 *
 * A stage hands on the net of the epoch that was best on the held-out images: ternary weights on a threshold flip until
 * the last step, so that the last net is a draw among its neighbours. Where batch norm was just removed the net as it
 * came competes too. Gradual quantization with distillation: Verhoef et al., FQ-Conv, arXiv 1912.09356.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/library.h"
#include "net/requant.h"
#include "train/train_internal.h"

/* One call of mho_train. */
typedef struct Training {
    const MhoTrainInput *input;
    MhoCourse course;
    MhoBatches batches;
    MhoLoss loss;
    MhoPass *pass, *teacher; /* of the running stage; teacher: NULL when it has no weight */
    float *logits, *teacher_logits, *d_logits; /* (batch, classes) */
    MhoProgress progress;
} Training;

static const MhoStage *running(const Training *t)
{
    return &t->course.ladder.stages[t->course.stage];
}

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

/* Said before hours of training: non-uniform levels are of weights, and do not go without batch norm. */
static MhoStatus check_policies(const Training *t, const MhoStage *stage, MhoError *error)
{
    MhoPolicy weight, activation;
    MhoStatus status = mho_policy_find(t->input->quant->weight_name, &weight, error);

    if (status == MHO_OK)
        status = mho_policy_find(t->input->quant->activation_name, &activation, error);
    if (status == MHO_OK && activation.quantizer->nonuniform)
        status = mho_fail(error, MHO_USAGE, "quant.activation.name: quantizer '%s' is for weights",
                          activation.quantizer->model.name);
    if (status == MHO_OK && weight.quantizer->nonuniform && stage->kind == MHO_STAGE_FULL)
        status = mho_fail(error, MHO_USAGE,
                          "batch norm stays with weights of quantizer '%s'; leave fq out of train.ladder",
                          weight.quantizer->model.name);
    return status == MHO_OK ? MHO_OK : mho_fail_context(error, "stage %s", stage->name);
}

static MhoStatus open_training(Training *t, MhoError *error)
{
    const MhoTrainParams *params = t->input->train;
    const size_t n = (size_t)params->batch * (size_t)t->input->kept->n_classes;
    MhoStatus status = mho_ladder_parse(params->ladder, &t->course.ladder, error);

    for (size_t s = 0; s < t->course.ladder.n && status == MHO_OK; s++)
        if (t->course.ladder.stages[s].kind != MHO_STAGE_FLOAT)
            status = check_policies(t, &t->course.ladder.stages[s], error);
    if (status == MHO_OK)
        status = mho_batches_create(t->input, &t->batches, error);
    if (status != MHO_OK)
        return status;
    t->loss = (MhoLoss){.label_smoothing = params->label_smoothing, .temperature = params->distill_temperature};
    t->course.history = calloc((size_t)t->course.ladder.epochs + 1, sizeof *t->course.history);
    t->logits = calloc(n, sizeof *t->logits);
    t->teacher_logits = calloc(n, sizeof *t->teacher_logits);
    t->d_logits = calloc(n, sizeof *t->d_logits);
    if (!t->course.history || !t->logits || !t->teacher_logits || !t->d_logits)
        return mho_fail(error, MHO_MEMORY, "out of memory for training");
    if (t->input->resume)
        status = mho_checkpoint_read(t->input, &t->course, error);
    const size_t images = t->batches.n_batches * t->batches.batch;
    mho_progress_start(&t->progress, t->input->log, "train", "images", images * (size_t)t->course.ladder.epochs,
                       images * t->course.n_history);
    return status;
}

static void close_passes(Training *t)
{
    mho_pass_destroy(t->pass);
    mho_pass_destroy(t->teacher);
    t->pass = t->teacher = NULL;
}

static void close_training(Training *t)
{
    close_passes(t);
    mho_batches_destroy(&t->batches);
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
static MhoStatus next_net(Training *t, MhoError *error)
{
    MhoCourse *course = &t->course;
    MhoNet *previous = course->net;

    const MhoStage *stage = running(t), *before = course->stage > 0 ? stage - 1 : NULL;

    mho_optimizer_destroy(&course->optimizer);
    course->net = NULL;
    course->stage_epochs = 0;
    MhoStatus status = mho_stage_net(t->input, stage, before, previous, &course->net, error);
    mho_net_destroy(course->teacher);
    course->teacher = previous;
    if (status == MHO_OK)
        status = mho_optimizer_create(course->net, t->input->train, &course->optimizer, error);
    return status;
}

/* Keep a copy of the net when it is the best of its stage. */
static MhoStatus keep_best(MhoCourse *course, double accuracy, MhoError *error)
{
    if (course->best && accuracy <= course->best_accuracy)
        return MHO_OK;
    mho_net_destroy(course->best);
    course->best = NULL;
    course->best_accuracy = accuracy;
    return mho_net_copy(course->net, &course->best, error);
}

/* The net as it came is the first to beat where it is complete: batch norm just folded, or a stage without epochs. */
static MhoStatus judge_start(Training *t, MhoError *error)
{
    double accuracy, loss;

    if (running(t)->kind != MHO_STAGE_FULL && running(t)->epochs > 0)
        return MHO_OK;
    MhoStatus status = mho_train_evaluate(t->course.net, t->input->held, t->batches.batch, &accuracy, &loss, error);
    if (status == MHO_OK)
        status = keep_best(&t->course, accuracy, error);
    if (status == MHO_OK)
        mho_log(t->input->log, MHO_LOG_INFO, "stage %s  starts  held out %.2f %%", running(t)->name, 100.0 * accuracy);
    return status;
}

/* The stage's best net takes the place of its last one. */
static void end_stage(MhoCourse *course)
{
    mho_optimizer_destroy(&course->optimizer);
    mho_net_destroy(course->net);
    course->net = course->best;
    course->best = NULL;
}

static MhoStatus open_passes(Training *t, MhoError *error)
{
    const size_t batch = t->batches.batch;
    MhoStatus status = mho_pass_create(t->course.net, batch, true, &t->pass, error);

    t->loss.distill = t->course.teacher ? t->input->train->distill : 0.0;
    if (status == MHO_OK && t->loss.distill > 0.0)
        status = mho_pass_create(t->course.teacher, batch, false, &t->teacher, error);
    return status;
}

static void set_noise(Training *t, uint32_t step)
{
    const MhoTrainParams *params = t->input->train;
    const MhoPassNoise noise = {.weight = params->noise_weight,
                                .activation = params->noise_activation,
                                .sum = params->noise_sum,
                                .seed = t->input->seed,
                                .step = step};

    mho_pass_set_noise(t->pass, running(t)->kind == MHO_STAGE_FLOAT ? NULL : &noise);
}

static bool is_finite(const MhoNet *net)
{
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays; a++)
            for (size_t k = 0; k < net->nodes[i].arrays[a].n; k++)
                if (!isfinite(net->nodes[i].arrays[a].value[k]))
                    return false;
    return true;
}

static MhoStatus diverged(const Training *t, size_t number, const char *what, MhoError *error)
{
    const MhoStage *stage = running(t);

    return mho_fail(error, MHO_FAILED,
                    "training diverged: %s is not finite in stage %s, epoch %d, step %zu; a lower %s may help", what,
                    stage->name, t->course.stage_epochs + 1, number + 1,
                    stage->kind == MHO_STAGE_FLOAT ? "train.rate" : "train.quant_rate");
}

/* Forward, loss, backward, update on batch `number` of the running epoch. */
static MhoStatus step(Training *t, size_t number, double *loss, size_t *hits, MhoError *error)
{
    const MhoStage *stage = running(t);
    const MhoTrainParams *params = t->input->train;
    const double recipe = stage->kind == MHO_STAGE_FLOAT ? params->rate : params->quant_rate;
    const double peak = stage->rate > 0.0 ? stage->rate : recipe;
    const double done = t->course.stage_epochs + ((double)number + 1.0) / (double)t->batches.n_batches;
    MhoEpoch *epoch = &t->course.history[t->course.n_history];
    MhoStatus status = MHO_OK;

    mho_batches_fill(&t->batches, number);
    set_noise(t, (uint32_t)(t->course.n_history * t->batches.n_batches + number));
    if (t->teacher)
        status = mho_pass_forward(t->teacher, t->batches.images, false, t->teacher_logits, error);
    if (status == MHO_OK)
        status = mho_pass_forward(t->pass, t->batches.images, true, t->logits, error);
    if (status != MHO_OK)
        return is_finite(t->course.net) ? status : diverged(t, number, "a weight or scale", error);
    *loss = mho_loss(&t->loss, t->batches.batch, t->course.net->n_classes, t->logits, t->batches.labels,
                     t->teacher_logits, t->d_logits, hits);
    if (!isfinite(*loss))
        return diverged(t, number, "the loss", error);
    epoch->rate = mho_schedule_rate(params, peak, done, stage->epochs);
    status = mho_pass_backward(t->pass, t->d_logits, error);
    return status == MHO_OK ? mho_optimizer_step(&t->course.optimizer, t->pass, epoch->rate, error) : status;
}

static MhoStatus stop(const Training *t, MhoError *error)
{
    return mho_fail(error, MHO_STOPPED, "training stopped in stage %s, epoch %d; %s", running(t)->name,
                    t->course.stage_epochs + 1,
                    t->course.n_history > 0 ? "--resume goes on from the epoch before" : "no epoch was finished");
}

static void report_step(Training *t, size_t number, double loss)
{
    const MhoStage *stage = running(t);
    const size_t before = t->course.n_history;
    char note[160];
    int n = snprintf(note, sizeof note, "%s epoch %d/%d  loss %.4f", stage->name, t->course.stage_epochs + 1,
                     stage->epochs, loss);

    if (before > 0 && n > 0 && (size_t)n < sizeof note)
        snprintf(note + n, sizeof note - (size_t)n, "  held %.2f %%",
                 100.0 * t->course.history[before - 1].held_accuracy);
    mho_progress_step(&t->progress, (before * t->batches.n_batches + number + 1) * t->batches.batch, note);
}

static MhoStatus run_epoch(Training *t, MhoError *error)
{
    MhoEpoch *epoch = &t->course.history[t->course.n_history];
    const double started = mho_clock();
    double sum = 0.0;
    size_t all_hits = 0;

    mho_batches_shuffle(&t->batches, (uint32_t)t->course.n_history);
    for (size_t number = 0; number < t->batches.n_batches; number++) {
        double loss = 0.0;
        size_t hits = 0;
        const MhoStatus status = mho_stop_requested() ? stop(t, error) : step(t, number, &loss, &hits, error);

        if (status != MHO_OK)
            return status;
        sum += loss;
        all_hits += hits;
        report_step(t, number, sum / (double)(number + 1));
    }
    memcpy(epoch->stage, running(t)->name, sizeof epoch->stage);
    epoch->loss = sum / (double)t->batches.n_batches;
    epoch->train_accuracy = (double)all_hits / (double)(t->batches.n_batches * t->batches.batch);
    MhoStatus status = MHO_OK;
    if (running(t)->kind == MHO_STAGE_QUANTIZED)
        status = mho_statistics_anew(t->course.net, t->pass, &t->batches, t->logits, error);
    if (status == MHO_OK)
        status = mho_train_evaluate(t->course.net, t->input->held, t->batches.batch, &epoch->held_accuracy,
                                    &epoch->held_loss, error);
    epoch->seconds = mho_clock() - started;
    return status;
}

/* Count the finished epoch, say so, keep it. */
static MhoStatus end_epoch(Training *t, MhoError *error)
{
    const MhoEpoch *epoch = &t->course.history[t->course.n_history++];

    t->course.stage_epochs++;
    const MhoStatus status = keep_best(&t->course, epoch->held_accuracy, error);
    if (status != MHO_OK)
        return status;
    mho_log(t->input->log, MHO_LOG_INFO,
            "stage %s  epoch %d/%d  loss %.4f  train %.2f %%  held out %.2f %%  %.0f images/s  %.1f s", epoch->stage,
            t->course.stage_epochs, running(t)->epochs, epoch->loss, 100.0 * epoch->train_accuracy,
            100.0 * epoch->held_accuracy, (double)(t->batches.n_batches * t->batches.batch) / epoch->seconds,
            epoch->seconds);
    return mho_checkpoint_write(t->input, &t->course, false, error);
}

static MhoStatus run_stage(Training *t, MhoError *error)
{
    MhoStatus status = t->course.resumed ? MHO_OK : next_net(t, error);

    if (status == MHO_OK && !t->course.resumed)
        status = judge_start(t, error);
    t->course.resumed = false;
    if (status == MHO_OK)
        status = open_passes(t, error);
    while (status == MHO_OK && t->course.stage_epochs < running(t)->epochs) {
        status = run_epoch(t, error);
        if (status == MHO_OK)
            status = end_epoch(t, error);
    }
    close_passes(t);
    if (status == MHO_OK)
        end_stage(&t->course);
    return status;
}

static MhoStatus run(Training *t, MhoError *error)
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
    Training t = {.input = input};
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
