/* codes.c - the codes of a graph: policies of its nodes, largest codes, weight codes, the value of one code. */
#include "net/graph/codes.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernels/math.h"
#include "net/graph/graph_internal.h"

enum { IMAGE_CODES = 255, LAYER_MAX_SHIFT = 1 << 30 };

MhoStatus mho_policy_scratch(const MhoNode *node, MhoQuantShape *shape, MhoError *error)
{
    const size_t bytes = node->policy.quantizer->scratch;
    shape->scratch = NULL;
    if (bytes > 0)
        shape->scratch = mho_calloc(shape->per_channel, bytes, error, "the codes of '%s'", node->name);
    return bytes > 0 && !shape->scratch ? MHO_MEMORY : MHO_OK;
}

static MhoStatus check_policy(const MhoNode *node, int bits, bool is_signed, MhoError *error)
{
    const MhoQuantizer *quantizer = node->policy.quantizer;
    const char *name = quantizer->descriptor.name;
    if (bits < quantizer->min_bits || bits > quantizer->max_bits)
        return mho_fail(error, MHO_USAGE, "node '%s': quantizer '%s' takes %d to %d bits, not %d", node->name, name,
                        quantizer->min_bits, quantizer->max_bits, bits);
    if (mho_node_conv(node))
        return MHO_OK;
    if ((quantizer->normalizes_signed || quantizer->table) && is_signed)
        return mho_fail(error, MHO_USAGE,
                        "node '%s': quantizer '%s' has no signed activations, only weights and activations after a "
                        "ReLU",
                        node->name, name);
    if (quantizer->nonuniform && !quantizer->table)
        return mho_fail(error, MHO_USAGE,
                        "node '%s': quantizer '%s' is for weights; activations take a uniform one "
                        "(--set quant.activation.name=fqconv)",
                        node->name, name);
    return MHO_OK;
}

MhoStatus mho_node_resolve_policy(MhoNode *node, MhoError *error)
{
    const MhoConvSettings *conv = mho_node_conv(node);
    const MhoFakeQuantSettings *fake_quant = mho_node_fake_quant(node);
    const int bits = conv ? conv->bits : fake_quant ? fake_quant->bits : 0;
    const bool is_signed = conv || (fake_quant && fake_quant->is_signed);
    node->policy.quantizer = NULL;
    node->largest_code = 0;
    if (!fake_quant && bits == 0)
        return MHO_OK;
    MhoStatus status = mho_policy_open(conv ? conv->policy : fake_quant->policy, &node->policy, error);
    if (status != MHO_OK) {
        mho_fail_context(error, "node '%s'", node->name);
        return status;
    }
    status = check_policy(node, bits, is_signed, error);
    if (status == MHO_OK)
        node->largest_code = node->policy.quantizer->full_scale(node->policy.params, bits, is_signed);
    return status;
}

int mho_net_code_source(const MhoNet *net, int node)
{
    while (mho_node_is_max_pool(&net->nodes[node]))
        node = net->nodes[node].inputs[0];
    const MhoNode *source = &net->nodes[node];
    return mho_node_is(source, &mho_layer_input) || mho_node_fake_quant(source) ? node : -1;
}

MhoStatus mho_net_code_range(const MhoNet *net, int node, int *n, bool *is_signed, MhoError *error)
{
    const int source = mho_net_code_source(net, node);
    *n = IMAGE_CODES;
    *is_signed = false;
    if (source < 0)
        return mho_fail(error, MHO_USAGE,
                        "node '%s' is not quantized: its output is not codes; quantize the network first "
                        "(--set quant.weight.bits=8 --set quant.activation.bits=8)",
                        net->nodes[node].name);
    const MhoFakeQuantSettings *quantizer = mho_node_fake_quant(&net->nodes[source]);
    if (!quantizer)
        return MHO_OK;
    *is_signed = quantizer->is_signed;
    *n = net->nodes[source].largest_code;
    return MHO_OK;
}

bool mho_net_table(const MhoNet *net, int node, uint8_t *table)
{
    const MhoFakeQuantSettings *settings = mho_node_fake_quant(&net->nodes[node]);
    const MhoPolicy *policy = &net->nodes[node].policy;
    if (!settings || settings->is_signed || !policy->quantizer->table)
        return false;
    policy->quantizer->table(policy->params, settings->bits, table);
    return true;
}

MhoStatus mho_net_code_step(const MhoNet *net, int node, double *step, MhoError *error)
{
    int n;
    bool is_signed;
    const MhoStatus status = mho_net_code_range(net, node, &n, &is_signed, error);
    if (status != MHO_OK)
        return status;
    const int owner = mho_net_scale_owner(net, node);
    const float *log_scale = owner >= 0 ? mho_node_values(&net->nodes[owner], MHO_ARRAY_LOG_SCALE) : NULL;
    if (!log_scale || !isfinite(*log_scale))
        return mho_fail(error, MHO_USAGE, "node '%s': its scale is not set; calibrate or train the network first",
                        net->nodes[owner >= 0 ? owner : node].name);
    *step = mho_exp((double)*log_scale) / n;
    return MHO_OK;
}

MhoStatus mho_net_scale(const MhoNet *net, int node, double *scale, MhoError *error)
{
    double windows = 1.0;
    for (const MhoNode *at = &net->nodes[node]; mho_node_is(at, &mho_layer_pool) || mho_node_is(at, &mho_layer_add);
         at = &net->nodes[node]) {
        if (mho_node_is_sum_pool(at))
            windows *= mho_node_window(net, at);
        node = at->inputs[0];
    }
    const MhoNode *source = &net->nodes[node];
    if (mho_node_is(source, &mho_layer_input)) {
        *scale = 1.0 / ((const MhoInputSettings *)(const void *)source->settings)->divisor / windows;
        return MHO_OK;
    }
    if (!mho_node_fake_quant(source))
        return mho_fail(error, MHO_USAGE, "node '%s' is not quantized: its output has no scale", source->name);
    const MhoStatus status = mho_net_code_step(net, node, scale, error);
    *scale /= windows;
    return status;
}

static MhoStatus unset_scale(const MhoNode *node, MhoError *error)
{
    return mho_fail(error, MHO_USAGE, "node '%s': the scale of its weights is not set; fit or train it first",
                    node->name);
}

static MhoStatus round_shift(const MhoNode *node, int32_t *shift, MhoError *error)
{
    const float *master = mho_node_values(node, MHO_ARRAY_SHIFT);
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
    *n_weight = net->nodes[i].largest_code;
    return MHO_OK;
}

MhoStatus mho_net_sum_units(const MhoNet *net, int i, double *unit, MhoError *error)
{
    const MhoNode *node = &net->nodes[i];
    const float *log_scale = mho_node_values(node, MHO_ARRAY_LOG_SCALE);
    const bool per_channel = mho_node_conv(node)->scale == MHO_SCALE_PER_CHANNEL;
    double scale_x;
    int n_w = 0;
    MhoStatus status = mho_net_scale(net, node->inputs[0], &scale_x, error);
    if (status == MHO_OK)
        status = mho_net_weight_range(net, i, &n_w, error);
    for (size_t k = 0; k < (size_t)node->shape.c && status == MHO_OK; k++) {
        const float s_w = log_scale[per_channel ? k : 0];
        if (!isfinite(s_w))
            return unset_scale(node, error);
        unit[k] = scale_x * mho_exp((double)s_w) / n_w;
    }
    return status;
}

MhoStatus mho_net_weight_codes(const MhoNet *net, int i, int16_t *codes, int32_t *shift, MhoError *error)
{
    MhoNode *node = &net->nodes[i];
    const MhoConvSettings *conv = mho_node_conv(node);
    const MhoNodeArray *weight = mho_node_array(node, MHO_ARRAY_WEIGHT),
                       *scale = mho_node_array(node, MHO_ARRAY_LOG_SCALE);
    const MhoPolicy *policy = &node->policy;
    int n_w = 0;
    MhoStatus status = mho_net_weight_range(net, i, &n_w, error);
    if (status == MHO_OK && (!weight || !scale || n_w > INT16_MAX))
        status = mho_fail(error, MHO_USAGE, "node '%s' has no weights that become 16-bit codes", node->name);
    if (status != MHO_OK)
        return status;
    const size_t n = weight->n, channels = scale->n;
    MhoQuantShape shape = {.bits = conv->bits, .is_signed = true, .channels = channels, .per_channel = n / channels};
    for (size_t k = 0; k < channels; k++)
        if (!isfinite(scale->value[k]))
            return unset_scale(node, error);
    status = mho_policy_scratch(node, &shape, error);
    if (status != MHO_OK)
        return status;
    float *whole = mho_calloc(n, sizeof *whole, error, "the codes of '%s'", node->name);
    if (!whole)
        status = MHO_MEMORY;
    else
        policy->quantizer->encode(policy->params, shape, weight->value, scale->value, NULL, whole);
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
