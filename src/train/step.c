/* step.c - one step of training: forward with noise or through a chip, loss, backward, update; and batch norm's
 * statistics after an epoch. */
#include <math.h>
#include <stdio.h>

#include "train/train_internal.h"

enum { STATISTICS_BATCHES = 40 };

/* Training steps are numbered over all stages. */
static uint32_t step_number(const MhoTraining *t, size_t number)
{
    return (uint32_t)(t->state.n_history * t->batches.n_batches + number);
}

/* Progress of the running stage before batch `number`, 0..1. A recovery may end at any epoch: it is that of the epoch.
 */
static double progress_of(const MhoTraining *t, size_t number)
{
    const MhoStage *stage = mho_training_running(t);
    const double epoch = (double)number / (double)t->batches.n_batches;
    return stage->kind == MHO_STAGE_ALLOCATE ? epoch : (t->state.stage_epochs + epoch) / stage->epochs;
}

void mho_training_set_chip(MhoTraining *t, size_t number)
{
    const MhoChipConfig *config = t->input->chip;
    const uint32_t step = step_number(t, number);
    const MhoCondition at = {.t = mho_curriculum_time(t->input->train->chip_curriculum, config->chip.time,
                                                      t->input->seed, step, progress_of(t, number)),
                             .temperature = config->chip.temperature};
    mho_fakequant_set_chip(t->fq, config, at, step);
}

/* Set the noise of quantized stages, the layers that learn, or the chip of this step. */
static void disturb(MhoTraining *t, size_t number)
{
    const MhoTrainParams *params = t->input->train;
    const MhoStage *stage = mho_training_running(t);
    const MhoFakeQuantNoise noise = {.weight = params->noise_weight,
                                     .activation = params->noise_activation,
                                     .sum = params->noise_sum,
                                     .seed = t->input->seed,
                                     .step = step_number(t, number)};
    mho_fakequant_set_noise(t->fq, stage->kind == MHO_STAGE_FLOAT || stage->chip ? NULL : &noise);
    if (stage->chip)
        mho_training_set_chip(t, number);
    if (t->modes) {
        mho_gradual_modes(t->state.net, progress_of(t, number), params->gradual_layers, t->modes, t->frozen);
        mho_fakequant_set_modes(t->fq, t->modes, t->input->seed, noise.step);
    }
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

static MhoStatus diverged(const MhoTraining *t, size_t number, const char *what, MhoError *error)
{
    static const char *const rates[] = {[MHO_STAGE_FLOAT] = "train.learning_rate",
                                        [MHO_STAGE_QUANTIZED] = "train.quant_learning_rate",
                                        [MHO_STAGE_FULL] = "train.quant_learning_rate",
                                        [MHO_STAGE_ALLOCATE] = "allocate.learning_rate_high"};
    return mho_fail(error, MHO_FAILED,
                    "training diverged: %s is not finite in stage %s, epoch %d, step %zu; a lower %s may help, or "
                    "train.gradient_clip",
                    what, t->state.name, t->state.stage_epochs + 1, number + 1, rates[mho_training_running(t)->kind]);
}

static MhoStatus clip_gradients(MhoTraining *t, size_t number, MhoError *error)
{
    const MhoNet *net = t->state.net;
    const MhoGradient gradient = mho_gradient_clip(net, t->fq, t->frozen, t->input->train->gradient_clip);
    char what[3 * MHO_NAME_MAX];
    if (gradient.node >= 0) {
        const MhoNode *node = &net->nodes[gradient.node];
        snprintf(what, sizeof what, "the gradient of %s/%s", node->name, node->arrays[gradient.array].name);
        return diverged(t, number, what, error);
    }
    t->state.history[t->state.n_history].gradient_norm += gradient.norm / (double)t->batches.n_batches;
    return MHO_OK;
}

static double rate_of(const MhoTraining *t, size_t number)
{
    const MhoStage *stage = mho_training_running(t);
    const MhoTrainParams *params = t->input->train;
    const double recipe = stage->kind == MHO_STAGE_FLOAT ? params->learning_rate : params->quant_learning_rate;
    const double done = t->state.stage_epochs + ((double)number + 1.0) / (double)t->batches.n_batches;
    double at = done;
    if (stage->kind == MHO_STAGE_ALLOCATE)
        return mho_recovery_rate(t->recovery, done);
    if (t->modes) { /* the rate runs through its whole schedule for every group of layers */
        const int groups = mho_gradual_groups(t->state.net, params->gradual_layers);
        const double before = progress_of(t, number) * groups;
        const double step = groups / (stage->epochs * (double)t->batches.n_batches);
        at = fmin(before - floor(before) + step, 1.0) * stage->epochs;
    }
    return mho_schedule_rate(params, stage->learning_rate > 0.0 ? stage->learning_rate : recipe, at, stage->epochs);
}

MhoStatus mho_training_step(MhoTraining *t, size_t number, double *loss, size_t *hits, MhoError *error)
{
    MhoEpoch *epoch = &t->state.history[t->state.n_history];
    MhoStatus status = MHO_OK;
    mho_batches_fill(&t->batches, number);
    disturb(t, number);
    if (t->teacher)
        status = mho_fakequant_forward(t->teacher, t->batches.images, false, t->teacher_logits, error);
    if (status == MHO_OK)
        status = mho_fakequant_forward(t->fq, t->batches.images, true, t->logits, error);
    if (status != MHO_OK)
        return is_finite(t->state.net) ? status : diverged(t, number, "a weight or scale", error);
    *loss = mho_loss(&t->loss, t->batches.batch, t->state.net->n_classes, t->logits, t->batches.labels,
                     t->teacher_logits, t->d_logits, hits);
    if (!isfinite(*loss))
        return diverged(t, number, "the loss", error);
    epoch->learning_rate = rate_of(t, number);
    status = mho_fakequant_backward(t->fq, t->d_logits, error);
    if (status == MHO_OK)
        status = clip_gradients(t, number, error);
    return status == MHO_OK ? mho_optimizer_step(&t->state.optimizer, t->fq, epoch->learning_rate, error) : status;
}

/* Set the weight of the newest batch in the running statistics. before: NULL, or the weight until now. */
static void set_momentum(MhoNet *net, double momentum, double *before)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        MhoBatchnormSettings *settings = (void *)net->nodes[i].settings;
        if (!mho_node_is(&net->nodes[i], &mho_layer_batchnorm))
            continue;
        if (before)
            *before = settings->momentum;
        settings->momentum = momentum;
    }
}

MhoStatus mho_batchnorm_reestimate(MhoTraining *t, MhoError *error)
{
    const size_t most = t->batches.n_batches, n = most < STATISTICS_BATCHES ? most : STATISTICS_BATCHES;
    MhoNet *net = t->state.net;
    double momentum = 0.0;
    MhoStatus status = MHO_OK;
    if (!mho_net_has_batchnorm(net))
        return MHO_OK;
    mho_fakequant_set_noise(t->fq, NULL);
    mho_fakequant_set_modes(t->fq, NULL, 0, 0);
    for (size_t i = 0; i < n && status == MHO_OK; i++) {
        set_momentum(net, 1.0 / (double)(i + 1), i == 0 ? &momentum : NULL);
        mho_batches_fill(&t->batches, i);
        if (mho_training_running(t)->chip)
            mho_training_set_chip(t, i);
        status = mho_fakequant_forward(t->fq, t->batches.images, true, t->logits, error);
    }
    set_momentum(net, momentum, NULL);
    return status;
}
