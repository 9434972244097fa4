/* requant.c - from stored sums and codes to the next codes: the float32 constants a, b of every executor.
 *
 *   codes = clip(round(fma((float)sum, a_k, b_k)), low, high)
 *   value = unit_k sum + bias_k,  unit_k = scale_x e^(s_w,k) / n_w  for weights, the code's own step elsewhere
 *   batch norm: unit_k *= gain, bias_k = gain (bias_k - mean) + beta,  gain = gamma / sqrt(variance + epsilon)
 *   a_k = unit_k n_o / e^(s_o),  b_k = bias_k n_o / e^(s_o)
 * Source: Verhoef et al., "FQ-Conv", arXiv 1912.09356 (integer form of a quantized convolution); batch norm folded as
 * in Jacob et al., CVPR 2018, section 3.2. Computed in double, rounded to float once. Valid for scales that are set.
 */
#include "net/graph/requant.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "net/graph/graph_internal.h"

/* Per channel: value = unit * stored + bias. */
typedef struct Affine {
    size_t n;
    double *unit, *bias;
} Affine;

/* Sums of weight codes and input codes. */
static MhoStatus weighted_affine(const MhoNet *net, int i, Affine *affine, MhoError *error)
{
    const MhoNode *node = &net->nodes[i];
    const MhoConvSettings *conv = mho_node_conv(node);
    const float *log_scale = mho_node_values(node, MHO_ARRAY_LOG_SCALE), *bias = mho_node_values(node, MHO_ARRAY_BIAS);
    if (conv->bits == 0 || !log_scale)
        return mho_fail(error, MHO_USAGE,
                        "node '%s' is not quantized: its weights are float (--set quant.weight.bits=8)", node->name);
    if (mho_net_code_source(net, node->inputs[0]) < 0)
        return mho_fail(error, MHO_USAGE,
                        "node '%s' reads '%s', which is not quantized (--set quant.activation.bits=8)", node->name,
                        net->nodes[node->inputs[0]].name);
    for (size_t k = 0; k < affine->n; k++)
        affine->bias[k] = bias ? (double)bias[k] : 0.0;
    return mho_net_sum_units(net, i, affine->unit, error);
}

static MhoStatus source_affine(const MhoNet *net, int source, Affine *affine, MhoError *error)
{
    const MhoNode *node = &net->nodes[source];
    double scale = 0.0;
    if (mho_node_conv(node))
        return weighted_affine(net, source, affine, error);
    /* additions and pools store sums of codes: what they read must be codes */
    for (int k = 0; k < node->n_inputs && !mho_node_fake_quant(node); k++)
        if (mho_net_code_source(net, node->inputs[k]) < 0)
            return mho_fail(error, MHO_USAGE,
                            "node '%s' reads '%s', which is not quantized "
                            "(--set quant.activation.bits=8)",
                            node->name, net->nodes[node->inputs[k]].name);
    const MhoStatus status = mho_net_scale(net, source, &scale, error);
    for (size_t k = 0; k < affine->n; k++) {
        affine->unit[k] = scale;
        affine->bias[k] = 0.0;
    }
    return status;
}

static void apply_batchnorm(const MhoNode *node, Affine *affine)
{
    for (size_t k = 0; k < affine->n; k++) {
        const MhoBatchnormChannel channel = mho_batchnorm_channel(node, k);
        affine->unit[k] *= channel.gain;
        affine->bias[k] = channel.gain * (affine->bias[k] - channel.mean) + channel.beta;
    }
}

/* From the input of a fake_quant node back over [relu] and [batchnorm] to stored sums or codes. */
static MhoStatus find_source(const MhoNet *net, int from, int *source, int *batchnorm, bool *relu, MhoError *error)
{
    *batchnorm = -1;
    *relu = false;
    for (const MhoNode *node = &net->nodes[from];; from = node->inputs[0], node = &net->nodes[from]) {
        const bool is_relu = mho_node_is(node, &mho_layer_relu), is_batchnorm = mho_node_is(node, &mho_layer_batchnorm);
        if (!is_relu && !is_batchnorm)
            break;
        if (*batchnorm >= 0)
            return mho_fail(error, MHO_USAGE,
                            "node '%s': only convolution, batch norm, ReLU in this order fold into a "
                            "fake_quant node; put a fake_quant node after '%s'",
                            net->nodes[*batchnorm].name, node->name);
        *relu = *relu || is_relu;
        *batchnorm = is_batchnorm ? from : -1;
    }
    *source = from;
    return MHO_OK;
}

/* Output: a step of the target's codes, or 1 for logits. */
static MhoStatus target_step(const MhoNet *net, int target, bool relu, double *step, MhoRequant *requant,
                             MhoError *error)
{
    const MhoFakeQuantSettings *quantizer = mho_node_fake_quant(&net->nodes[target]);
    *step = 1.0;
    requant->is_logits = !quantizer;
    requant->low = requant->high = 0;
    if (!quantizer)
        return MHO_OK;
    requant->high = net->nodes[target].largest_code;
    requant->low = quantizer->is_signed && !relu ? -requant->high : 0;
    return mho_net_code_step(net, target, step, error);
}

MhoStatus mho_net_requant(const MhoNet *net, int target, float *a, float *b, MhoRequant *requant, MhoError *error)
{
    const MhoNode *node = &net->nodes[target];
    int batchnorm = -1;
    bool relu = false;
    double step;
    MhoStatus status = MHO_OK;
    requant->source = target;
    if (mho_node_fake_quant(node))
        status = find_source(net, node->inputs[0], &requant->source, &batchnorm, &relu, error);
    else if (!mho_node_is(node, &mho_layer_dense))
        return mho_fail(error, MHO_USAGE, "node '%s': it is neither a fake_quant node nor the classifier", node->name);
    if (status == MHO_OK)
        status = target_step(net, target, relu, &step, requant, error);
    if (status != MHO_OK || !a)
        return status;
    const size_t n = (size_t)net->nodes[requant->source].shape.c;
    Affine affine = {.n = n};
    affine.unit = mho_calloc(2 * n, sizeof *affine.unit, error, "the constants of '%s'", node->name);
    if (!affine.unit)
        return MHO_MEMORY;
    affine.bias = affine.unit + n;
    status = source_affine(net, requant->source, &affine, error);
    if (status == MHO_OK && batchnorm >= 0)
        apply_batchnorm(&net->nodes[batchnorm], &affine);
    for (size_t k = 0; k < n && status == MHO_OK; k++) {
        a[k] = (float)(affine.unit[k] / step);
        b[k] = (float)(affine.bias[k] / step);
        if (!isfinite(a[k]) || !isfinite(b[k]))
            status =
                mho_fail(error, MHO_FAILED, "node '%s': the constants of channel %zu are not finite", node->name, k);
    }
    free(affine.unit);
    return status;
}
