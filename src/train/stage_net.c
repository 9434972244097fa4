/* stage_net.c - the net that a stage starts from: built, quantized, at other bits, without batch norm, or with
 * converter ranges to learn.
 *
 * Scales of activations are inherited where the net has them. Scales of weights are fitted again whenever their bits
 * change: a range that suits 8 bits makes most ternary weights zero.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/calibrate/calibrate.h"
#include "net/transform/bits.h"
#include "net/lowered/net_on_chip.h"
#include "net/transform/transform.h"
#include "train/train_internal.h"

enum { CALIBRATION_IMAGES = 512 };

static void unset_weight_scales(MhoNet *net)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        MhoNodeArray *scale =
            mho_node_conv(&net->nodes[i]) ? mho_node_array(&net->nodes[i], MHO_ARRAY_LOG_SCALE) : NULL;
        for (size_t k = 0; scale && k < scale->n; k++)
            scale->value[k] = NAN;
    }
}

static bool has_unset_scales(const MhoNet *net)
{
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_fake_quant(&net->nodes[i]) && !mho_node_fake_quant(&net->nodes[i])->share[0] &&
            isnan(*mho_node_values(&net->nodes[i], MHO_ARRAY_LOG_SCALE)))
            return true;
    return false;
}

MhoStatus mho_spread_images(const MhoDataset *set, size_t most, MhoDataset *spread, MhoError *error)
{
    const size_t n = set->n < most ? set->n : most, bytes = (size_t)set->h * (size_t)set->w * (size_t)set->c;
    *spread = *set;
    spread->n = n;
    spread->class_names = NULL;
    spread->images = mho_calloc(n, bytes, error, "%zu images", n);
    spread->labels = spread->images ? mho_calloc(n, 1, error, "the labels of %zu images", n) : NULL;
    if (!spread->labels) {
        mho_dataset_destroy(spread);
        return MHO_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(spread->images + i * bytes, set->images + i * (set->n / n) * bytes, bytes);
        spread->labels[i] = set->labels[i * (set->n / n)];
    }
    return MHO_OK;
}

/* Replace *net by `by`, unless that is NULL. */
static void replace(MhoNet **net, MhoNet *by)
{
    if (!by)
        return;
    mho_net_destroy(*net);
    *net = by;
}

/* Activation ranges of *net from training images; converter_ranges: converter ranges instead, for the stage to learn.
 */
static MhoStatus calibrate(const MhoTrainInput *input, bool converter_ranges, MhoNet **net, MhoError *error)
{
    MhoDataset images;
    MhoNet *made = NULL;
    MhoStatus status = mho_spread_images(input->training, CALIBRATION_IMAGES, &images, error);
    if (status != MHO_OK)
        return status;
    if (converter_ranges)
        status = mho_net_calibrate_adc_ranges(*net, input->chip, images.images, images.n, input->threads, &made, error);
    else
        status = mho_net_calibrate(*net, images.images, images.n, input->threads, error);
    mho_dataset_destroy(&images);
    replace(net, made);
    return status;
}

/* Codes at the stage's bits, every scale set. */
static MhoStatus quantize(const MhoTrainInput *input, const MhoStage *stage, const MhoStage *before,
                          const MhoNet *previous, MhoNet **net, MhoError *error)
{
    MhoQuantPlan plan = {
        .weight_bits = stage->weight_bits, .activation_bits = stage->activation_bits, .scale = input->quant->scale};
    snprintf(plan.weight_policy, sizeof plan.weight_policy, "%s", input->quant->weight_name);
    snprintf(plan.activation_policy, sizeof plan.activation_policy, "%s", input->quant->activation_name);
    MhoStatus status = mho_net_quantize(previous, &plan, net, error);
    if (status != MHO_OK)
        return status;
    if (stage->weight_bits != before->weight_bits)
        unset_weight_scales(*net);
    status = mho_net_fit_weights(*net, error);
    if (status == MHO_OK && has_unset_scales(*net))
        status = calibrate(input, false, net, error);
    if (status == MHO_OK)
        status = mho_net_rescale_sum_units(previous, *net, error);
    return status;
}

MhoStatus mho_stage_net(const MhoTrainInput *input, const MhoStage *stage, const MhoStage *before,
                        const MhoNet *previous, MhoNet **net, MhoError *error)
{
    const MhoDataset *set = input->training;
    MhoNet *removed = NULL;
    MhoStatus status;
    *net = NULL;
    if (stage->kind == MHO_STAGE_FLOAT)
        status = mho_net_build(input->train->net, (MhoShape){.h = set->h, .w = set->w, .c = set->c}, set->n_classes,
                               input->train->width, input->seed, net, error);
    else if (stage->weight_bits != before->weight_bits || stage->activation_bits != before->activation_bits)
        status = quantize(input, stage, before, previous, net, error);
    else
        status = mho_net_copy(previous, net, error);
    if (status == MHO_OK && stage->kind == MHO_STAGE_FULL && mho_net_has_batchnorm(*net))
        status = mho_net_remove_batchnorm(*net, input->quant->scale, input->quant->shift == 0, &removed, error);
    replace(net, removed);
    if (status == MHO_OK && stage->chip) /* ranges that the net has stay */
        status = calibrate(input, true, net, error);
    if (status == MHO_OK)
        snprintf((*net)->recipe, sizeof(*net)->recipe, "%s", input->recipe ? input->recipe : "");
    if (status != MHO_OK) {
        mho_net_destroy(*net);
        *net = NULL;
        return mho_fail_context(error, "stage %s", stage->name);
    }
    return MHO_OK;
}
