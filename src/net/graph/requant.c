/* requant.c - from stored sums and codes to the next codes: the float32 constants a, b of every executor.
 *
 *   codes = clip(round(fma((float)sum, a_k, b_k)), low, high)
 *   value = unit_k sum + bias_k,  unit_k = scale_x e^(s_w,k) / n_w  for weights, the code's own step elsewhere
 *   batch norm: unit_k *= gamma / sigma, bias_k = gamma (bias_k - mean) / sigma + beta,  sigma = sqrt(variance +
 * epsilon) a_k = unit_k n_o / e^(s_o),  b_k = bias_k n_o / e^(s_o) Source: Verhoef et al., "FQ-Conv", arXiv 1912.09356
 * (integer form of a quantized convolution); batch norm folded as in Jacob et al., CVPR 2018, section 3.2. In double,
 * rounded to float once. Valid for scales that are set.
 */
#include "net/graph/requant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/math.h"
#include "net/graph/graph_internal.h"

enum { IMAGE_CODES = 255, LAYER_MAX_SHIFT = 1 << 30 };

/* Per channel: value = unit * stored + bias. */
typedef struct Affine {
    size_t n;
    double *unit, *bias;
} Affine;

MhoStatus mho_policy_find(const char *name, MhoPolicy *policy, MhoError *error)
{
    return mho_quantizer_open(name, &policy->quantizer, policy->params, sizeof policy->params, error);
}

MhoStatus mho_policy_open(const MhoNode *node, MhoPolicy *policy, MhoError *error)
{
    const MhoConvSettings *conv = mho_node_conv(node);
    const MhoStatus status = mho_policy_find(conv ? conv->policy : mho_node_fake_quant(node)->policy, policy, error);

    if (status != MHO_OK)
        mho_fail_context(error, "node '%s'", node->name);
    return status;
}

MhoStatus mho_policy_scratch(const MhoNode *node, const MhoQuantizer *quantizer, MhoQuantShape *shape, MhoError *error)
{
    shape->scratch = quantizer->scratch > 0 ? calloc(shape->per_channel, quantizer->scratch) : NULL;
    if (quantizer->scratch > 0 && !shape->scratch)
        return mho_fail(error, MHO_MEMORY, "out of memory for the codes of '%s'", node->name);
    return MHO_OK;
}

MhoStatus mho_policy_full_scale(const MhoNode *node, int bits, bool is_signed, int *n, MhoError *error)
{
    MhoPolicy policy;
    const MhoStatus status = mho_policy_open(node, &policy, error);

    if (status != MHO_OK)
        return status;
    if (bits < policy.quantizer->min_bits || bits > policy.quantizer->max_bits)
        return mho_fail(error, MHO_USAGE, "node '%s': quantizer '%s' takes %d to %d bits, not %d", node->name,
                        policy.quantizer->descriptor.name, policy.quantizer->min_bits, policy.quantizer->max_bits,
                        bits);
    if ((policy.quantizer->normalizes_signed || policy.quantizer->table) && is_signed && !mho_node_conv(node))
        return mho_fail(error, MHO_USAGE,
                        "node '%s': quantizer '%s' has no signed activations, only weights and activations behind a "
                        "ReLU",
                        node->name, policy.quantizer->descriptor.name);
    if (policy.quantizer->nonuniform && !policy.quantizer->table && !mho_node_conv(node))
        return mho_fail(error, MHO_USAGE,
                        "node '%s': quantizer '%s' is for weights; activations take a uniform one "
                        "(--set quant.activation.name=fqconv)",
                        node->name, policy.quantizer->descriptor.name);
    *n = policy.quantizer->full_scale(policy.params, bits, is_signed);
    return MHO_OK;
}

MhoStatus mho_policy_check(const MhoNode *node, MhoError *error)
{
    const MhoConvSettings *conv = mho_node_conv(node);
    const MhoFakeQuantSettings *quantizer = mho_node_fake_quant(node);
    int n;

    if (conv && conv->bits > 0)
        return mho_policy_full_scale(node, conv->bits, -1, &n, error);
    return quantizer ? mho_policy_full_scale(node, quantizer->bits, quantizer->is_signed, &n, error) : MHO_OK;
}

int mho_net_code_source(const MhoNet *net, int node)
{
    while (mho_node_is_max_pool(&net->nodes[node]))
        node = net->nodes[node].inputs[0];
    const MhoNode *source = &net->nodes[node];
    return mho_node_is(source, "input") || mho_node_fake_quant(source) ? node : -1;
}

int mho_net_scale_owner(const MhoNet *net, int quantizer)
{
    const MhoFakeQuantSettings *settings = mho_node_fake_quant(&net->nodes[quantizer]);

    return settings && settings->share[0] ? mho_net_find(net, settings->share) : quantizer;
}

MhoStatus mho_net_code_range(const MhoNet *net, int node, int *n, bool *is_signed, MhoError *error)
{
    const int source = mho_net_code_source(net, node);

    *n = IMAGE_CODES;
    *is_signed = false;
    if (source < 0)
        return mho_fail(error, MHO_USAGE,
                        "node '%s' is not quantized: its output is no codes; quantize the network first "
                        "(--set quant.weight.bits=8 --set quant.activation.bits=8)",
                        net->nodes[node].name);
    const MhoFakeQuantSettings *quantizer = mho_node_fake_quant(&net->nodes[source]);
    if (!quantizer)
        return MHO_OK;
    *is_signed = quantizer->is_signed;
    return mho_policy_full_scale(&net->nodes[source], quantizer->bits, quantizer->is_signed, n, error);
}

MhoStatus mho_net_table(const MhoNet *net, int node, uint8_t *table, bool *has_table, MhoError *error)
{
    const MhoFakeQuantSettings *settings = mho_node_fake_quant(&net->nodes[node]);
    MhoPolicy policy;

    *has_table = false;
    if (!settings || settings->is_signed)
        return MHO_OK;
    const MhoStatus status = mho_policy_open(&net->nodes[node], &policy, error);
    if (status != MHO_OK || !policy.quantizer->table)
        return status;
    policy.quantizer->table(policy.params, settings->bits, table);
    *has_table = true;
    return MHO_OK;
}

/* e^s / n of a quantizer node. */
static MhoStatus quantizer_step(const MhoNet *net, int node, double *step, MhoError *error)
{
    int n;
    bool is_signed;
    const MhoStatus status = mho_net_code_range(net, node, &n, &is_signed, error);

    if (status != MHO_OK)
        return status;
    const int owner = mho_net_scale_owner(net, node);
    const float *log_scale = owner >= 0 ? mho_node_values(&net->nodes[owner], "log_scale") : NULL;
    if (!log_scale || !isfinite(*log_scale))
        return mho_fail(error, MHO_USAGE, "node '%s': its scale is not set; calibrate or train the network first",
                        net->nodes[owner >= 0 ? owner : node].name);
    *step = mho_exp((double)*log_scale) / n;
    return MHO_OK;
}

/* Codes that one output of a pool sums up. */
static double pool_window(const MhoNet *net, const MhoNode *node)
{
    const MhoPoolSettings *pool = mho_node_pool(node);
    const MhoShape in = net->nodes[node->inputs[0]].shape;

    return pool->kind == MHO_POOL_GLOBAL ? (double)in.h * in.w : (double)pool->window * pool->window;
}

MhoStatus mho_net_scale(const MhoNet *net, int node, double *scale, MhoError *error)
{
    double windows = 1.0;

    for (const MhoNode *at = &net->nodes[node]; mho_node_is(at, "pool") || mho_node_is(at, "add");
         at = &net->nodes[node]) {
        if (mho_node_is_sum_pool(at))
            windows *= pool_window(net, at);
        node = at->inputs[0];
    }
    const MhoNode *source = &net->nodes[node];
    if (mho_node_is(source, "input")) {
        *scale = 1.0 / ((const MhoInputSettings *)(const void *)source->settings)->divisor / windows;
        return MHO_OK;
    }
    if (!mho_node_fake_quant(source))
        return mho_fail(error, MHO_USAGE, "node '%s' is not quantized: its output has no scale", source->name);
    const MhoStatus status = quantizer_step(net, node, scale, error);
    *scale /= windows;
    return status;
}

static MhoStatus unset_scale(const MhoNode *node, MhoError *error)
{
    return mho_fail(error, MHO_USAGE, "node '%s': the scale of its weights is not set; fit or train it first",
                    node->name);
}

/* Sums of weight codes and input codes. */
static MhoStatus weighted_affine(const MhoNet *net, int i, Affine *affine, MhoError *error)
{
    const MhoNode *node = &net->nodes[i];
    const MhoConvSettings *conv = mho_node_conv(node);
    const float *log_scale = mho_node_values(node, "log_scale"), *bias = mho_node_values(node, "bias");
    double scale_x;
    int n_w;

    if (conv->bits == 0 || !log_scale)
        return mho_fail(error, MHO_USAGE,
                        "node '%s' is not quantized: its weights are float (--set quant.weight.bits=8)", node->name);
    if (mho_net_code_source(net, node->inputs[0]) < 0)
        return mho_fail(error, MHO_USAGE,
                        "node '%s' reads '%s', which is not quantized (--set quant.activation.bits=8)", node->name,
                        net->nodes[node->inputs[0]].name);
    MhoStatus status = mho_net_scale(net, node->inputs[0], &scale_x, error);
    if (status == MHO_OK)
        status = mho_policy_full_scale(node, conv->bits, -1, &n_w, error);
    for (size_t k = 0; k < affine->n && status == MHO_OK; k++) {
        const float s_w = log_scale[conv->scale == MHO_SCALE_PER_CHANNEL ? k : 0];
        if (!isfinite(s_w))
            return unset_scale(node, error);
        affine->unit[k] = scale_x * mho_exp((double)s_w) / n_w;
        affine->bias[k] = bias ? (double)bias[k] : 0.0;
    }
    return status;
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

static void batchnorm_affine(const MhoNode *node, Affine *affine)
{
    const MhoBatchnormSettings *settings = (const void *)node->settings;
    const float *gamma = mho_node_values(node, "gamma"), *beta = mho_node_values(node, "beta");
    const float *mean = mho_node_values(node, "mean"), *variance = mho_node_values(node, "variance");

    for (size_t k = 0; k < affine->n; k++) {
        const double gain = (double)gamma[k] / __builtin_sqrt((double)variance[k] + settings->epsilon);
        affine->unit[k] *= gain;
        affine->bias[k] = gain * (affine->bias[k] - (double)mean[k]) + (double)beta[k];
    }
}

/* Walk back from what a quantizer reads over [relu] and [batchnorm] to stored sums or codes. */
static MhoStatus find_source(const MhoNet *net, int from, int *source, int *batchnorm, bool *relu, MhoError *error)
{
    *batchnorm = -1;
    *relu = false;
    for (const MhoNode *node = &net->nodes[from];; from = node->inputs[0], node = &net->nodes[from]) {
        const bool is_relu = mho_node_is(node, "relu"), is_batchnorm = mho_node_is(node, "batchnorm");
        if (!is_relu && !is_batchnorm)
            break;
        if (*batchnorm >= 0)
            return mho_fail(error, MHO_USAGE,
                            "node '%s': only convolution, batch norm, ReLU in this order fold into a "
                            "quantizer; put a quantizer behind '%s'",
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
    bool is_signed;
    int n;

    *step = 1.0;
    requant->is_logits = !mho_node_fake_quant(&net->nodes[target]);
    requant->low = requant->high = 0;
    if (requant->is_logits)
        return MHO_OK;
    MhoStatus status = mho_net_code_range(net, target, &n, &is_signed, error);
    if (status == MHO_OK)
        status = quantizer_step(net, target, step, error);
    if (status != MHO_OK)
        return status;
    requant->high = n;
    requant->low = is_signed && !relu ? -n : 0;
    return MHO_OK;
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
    else if (!mho_node_is(node, "dense"))
        return mho_fail(error, MHO_USAGE, "node '%s': neither a quantizer nor the classifier", node->name);
    if (status == MHO_OK)
        status = target_step(net, target, relu, &step, requant, error);
    if (status != MHO_OK || !a)
        return status;
    const size_t n = (size_t)net->nodes[requant->source].shape.c;
    Affine affine = {.n = n, .unit = calloc(n, sizeof(double)), .bias = calloc(n, sizeof(double))};
    if (!affine.unit || !affine.bias)
        status = mho_fail(error, MHO_MEMORY, "out of memory for the constants of '%s'", node->name);
    else
        status = source_affine(net, requant->source, &affine, error);
    if (status == MHO_OK && batchnorm >= 0)
        batchnorm_affine(&net->nodes[batchnorm], &affine);
    for (size_t k = 0; k < n && status == MHO_OK; k++) {
        a[k] = (float)(affine.unit[k] / step);
        b[k] = (float)(affine.bias[k] / step);
        if (!isfinite(a[k]) || !isfinite(b[k]))
            status =
                mho_fail(error, MHO_FAILED, "node '%s': the constants of channel %zu are not finite", node->name, k);
    }
    free(affine.unit);
    free(affine.bias);
    return status;
}

static MhoStatus round_shift(const MhoNode *node, int32_t *shift, MhoError *error)
{
    const float *master = mho_node_values(node, "shift");

    for (size_t k = 0; k < (size_t)node->shape.c; k++) {
        const float rounded = master ? mho_round(master[k]) : 0.0F;
        if (!(rounded >= -(float)LAYER_MAX_SHIFT && rounded <= (float)LAYER_MAX_SHIFT))
            return mho_fail(error, MHO_FAILED, "node '%s': the shift of channel %zu is outside 2^30 accumulator units",
                            node->name, k);
        shift[k] = (int32_t)rounded;
    }
    return MHO_OK;
}

MhoStatus mho_net_weight_range(const MhoNet *net, int i, int *n_weight, MhoError *error)
{
    const MhoConvSettings *conv = mho_node_conv(&net->nodes[i]);

    if (!conv || conv->bits == 0)
        return mho_fail(error, MHO_USAGE, "node '%s' has no quantized weights", net->nodes[i].name);
    return mho_policy_full_scale(&net->nodes[i], conv->bits, -1, n_weight, error);
}

MhoStatus mho_net_weight_codes(const MhoNet *net, int i, int16_t *codes, int32_t *shift, MhoError *error)
{
    MhoNode *node = &net->nodes[i];
    const MhoConvSettings *conv = mho_node_conv(node);
    const MhoNodeArray *weight = mho_node_array(node, "weight"), *scale = mho_node_array(node, "log_scale");
    MhoPolicy policy;
    int n_w;

    MhoStatus status = mho_net_weight_range(net, i, &n_w, error);
    if (status == MHO_OK && (!weight || !scale || n_w > INT16_MAX))
        status = mho_fail(error, MHO_USAGE, "node '%s' has no weights that become 16-bit codes", node->name);
    if (status == MHO_OK)
        status = mho_policy_open(node, &policy, error);
    if (status != MHO_OK)
        return status;
    const size_t n = weight->n, channels = scale->n;
    MhoQuantShape shape = {.bits = conv->bits, .is_signed = true, .channels = channels, .per_channel = n / channels};
    for (size_t k = 0; k < channels; k++)
        if (!isfinite(scale->value[k]))
            return unset_scale(node, error);
    status = mho_policy_scratch(node, policy.quantizer, &shape, error);
    if (status != MHO_OK)
        return status;
    float *whole = malloc(n * sizeof *whole);
    if (!whole)
        status = mho_fail(error, MHO_MEMORY, "out of memory for the codes of '%s'", node->name);
    else
        policy.quantizer->encode(policy.params, shape, weight->value, scale->value, NULL, whole);
    for (size_t r = 0; r < n && status == MHO_OK; r++) {
        if (!(whole[r] >= -(float)n_w && whole[r] <= (float)n_w))
            status = mho_fail(error, MHO_FAILED, "node '%s': a weight has no code within %d", node->name, n_w);
        else
            codes[r] = (int16_t)whole[r];
    }
    free(whole);
    free(shape.scratch);
    return status == MHO_OK && shift ? round_shift(node, shift, error) : status;
}
