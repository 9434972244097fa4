/* train_effects.c - what the keys of training's methods do: turns of layers, patience, bounds, chips. */
#include "train_effects.h"

#include <stdio.h>

#include "numbers.h"
#include "support/train_chip.h"

/* Layers whose weights have no momentum at the end of an epoch of UNIQ, of all. */
static size_t layers_at_rest(const MhoTrainParams *train, size_t *n_weighted)
{
    size_t n_still = 0;
    Sample sample;
    *n_weighted = 0;
    open_sample(&sample, train);
    strcpy(sample.quant.weight_name, "uniq");
    must(sample_run(&sample), &sample.error);
    for (size_t i = 0; i < sample.net->n_nodes; i++) {
        char path[3 * MHO_NAME_MAX];
        bool moves = false;
        if (!mho_node_conv(&sample.net->nodes[i])) {
            continue;
        }
        snprintf(path, sizeof path, "training/velocity/%s/weight", sample.net->nodes[i].name);
        const MhoArray *momentum = mho_record_array(sample.checkpoints[0], path);
        for (size_t k = 0; k < mho_array_count(momentum); k++) {
            moves = moves || ((const float *)momentum->data)[k] != 0.0F;
        }
        n_still += moves ? 0 : 1;
        ++*n_weighted;
    }
    sample_close(&sample);
    return n_still;
}

/* At the end of an epoch all groups but the last stand still. */
bool takes_turns(const MhoDescriptor *model, const void *params, double on)
{
    const size_t group = (size_t)on;
    size_t n_weighted;
    const size_t n_still = layers_at_rest(params, &n_weighted);
    (void)model;
    return n_still == (n_weighted - 1) / group * group;
}

/* Off, there are no turns. */
bool learns_by_codes(const MhoDescriptor *model, const void *params, double on)
{
    size_t n_weighted;
    (void)model, (void)on;
    return layers_at_rest(params, &n_weighted) == 0;
}

/* Steps of stage fq that change no code: nothing is better than the net as it came. */
bool loses_patience(const MhoDescriptor *model, const void *params, double on)
{
    Sample sample;
    (void)model;
    open_sample(&sample, params);
    must(sample_run(&sample), &sample.error);
    const bool holds = sample.n_checkpoints == 2 + (int)on;
    sample_close(&sample);
    return holds;
}

/* A plain step moves all that is learned by rate * bound. */
bool clips_gradients(const MhoDescriptor *model, const void *params, double on)
{
    double sum = 0.0;
    Sample sample;
    (void)model;
    open_sample(&sample, params);
    MhoNet *start = sample_net_of(&sample, sample.train.stages, 0);
    must(sample_run(&sample), &sample.error);
    for (size_t i = 0; i < start->n_nodes; i++) {
        for (size_t a = 0; a < start->nodes[i].n_arrays; a++) {
            const MhoNodeArray *old = &start->nodes[i].arrays[a], *now = &sample.net->nodes[i].arrays[a];
            for (size_t k = 0; now->learned && k < now->n; k++) {
                sum += pow((double)now->value[k] - (double)old->value[k], 2.0);
            }
        }
    }
    const double rate = sample.train.learning_rate;
    mho_net_destroy(start);
    sample_close(&sample);
    return is_close(sqrt(sum), rate * on, 1e-4);
}

/* At rate 0: the largest weight of the first layer is now so many of its standard deviations. */
bool clips_weights(const MhoDescriptor *model, const void *params, double on)
{
    static double weights[MAX_WEIGHTS], clipped[MAX_WEIGHTS];
    MhoTrainParams free_ones = *(const MhoTrainParams *)params;
    double mean = 0.0, variance = 0.0, largest = 0.0;
    (void)model;
    free_ones.weight_clip = 0.0;
    const size_t n = weights_after(&free_ones, weights);
    ck_assert_uint_eq(weights_after(params, clipped), n);
    for (size_t i = 0; i < n; i++) {
        mean += weights[i] / (double)n;
        largest = fabs(clipped[i]) > largest ? fabs(clipped[i]) : largest;
    }
    for (size_t i = 0; i < n; i++) {
        variance += (weights[i] - mean) * (weights[i] - mean) / (double)n;
    }
    return is_close(largest, on * sqrt(variance), 1e-5);
}

/* chips -------------------------------------------------------------------------------------------------------------
 */

static void open_chip_sample(Sample *sample, TrainChip *chip, const MhoTrainParams *train)
{
    open_sample(sample, train);
    train_chip_open(chip, "cell.name=pcm time=86400 adc.range=learned");
    sample->input.chip = &chip->config;
}

/* Mean over chips that no step of training read. */
bool is_judged_on(const MhoDescriptor *model, const void *params, double on)
{
    double losses[SAMPLE_MAX_CHECKPOINTS], accuracy, loss;
    Sample sample;
    TrainChip chip;
    MhoNet *net;
    (void)model;
    open_chip_sample(&sample, &chip, params);
    must(sample_run(&sample), &sample.error);
    const size_t n = history(&sample, "validation_loss", losses);
    must(mho_net_from_record(sample.checkpoints[n - 1], "checkpoint", &net, &sample.error), &sample.error);
    must(mho_train_evaluate_chip(net, &sample.validation, NULL, &chip.config, 1U << 31, (uint32_t)on, 1, &accuracy,
                                 &loss, &sample.error),
         &sample.error);
    mho_net_destroy(net);
    sample_close(&sample);
    train_chip_close(&chip);
    return is_close(losses[n - 1], loss, 1e-9);
}

/* Loss of the first step on a chip as old as the curriculum says, from a pass made by hand. */
static double loss_on_chip(const MhoTrainParams *train, int curriculum)
{
    static float logits[SAMPLE_TRAINING * SAMPLE_CLASSES];
    Sample sample;
    TrainChip chip;
    MhoBatches batches;
    MhoFakeQuant *pass;
    open_chip_sample(&sample, &chip, train);
    MhoError *error = &sample.error;
    MhoNet *net = sample_net_of(&sample, train->stages, 2);
    const MhoStream stream = {.seed = sample.input.seed};
    float u;
    mho_uniform_fill(stream, MHO_DRAW_CURRICULUM, 1, &u);
    const double times[] = {[MHO_CURRICULUM_FIXED] = 86400.0,
                            [MHO_CURRICULUM_SPREAD] = 20.0 * pow(86400.0 / 20.0, (double)u),
                            [MHO_CURRICULUM_GROWING] = 20.0};
    must(mho_batches_create(&sample.input, &batches, error), error);
    mho_batches_shuffle(&batches, 0);
    mho_batches_fill(&batches, 0);
    must(mho_fakequant_create(net, SAMPLE_TRAINING, true, &pass, error), error);
    const MhoCondition at = {.t = times[curriculum], .temperature = chip.config.chip.temperature};
    mho_fakequant_set_chip(pass, &chip.config, at, 0);
    must(mho_fakequant_forward(pass, batches.images, true, logits, error), error);
    const double loss = loss_formula(train, logits, logits, batches.labels);
    mho_fakequant_destroy(pass);
    mho_batches_destroy(&batches);
    mho_net_destroy(net);
    sample_close(&sample);
    train_chip_close(&chip);
    return loss;
}

bool ages(const MhoDescriptor *model, const void *params, double on)
{
    double loss[SAMPLE_MAX_CHECKPOINTS];
    Sample sample;
    TrainChip chip;
    (void)model;
    open_chip_sample(&sample, &chip, params);
    must(sample_run(&sample), &sample.error);
    (void)history(&sample, "loss", loss);
    sample_close(&sample);
    train_chip_close(&chip);
    return is_close(loss[0], loss_on_chip(params, (int)on), 1e-6);
}
