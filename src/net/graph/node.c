/* node.c - queries of nodes: names, settings, arrays, readers, windows, sizes. */
#include <string.h>

#include "net/graph/graph_internal.h"

int mho_net_find(const MhoNet *net, const char *name)
{
    for (size_t i = 0; i < net->n_nodes; i++)
        if (strcmp(net->nodes[i].name, name) == 0)
            return (int)i;
    return -1;
}

const MhoArrayKind mho_array_kinds[MHO_ARRAY_ROLES] = {
    [MHO_ARRAY_WEIGHT] = {"weight", "float master weights, output channel first (OHWI)", .learned = true,
                          .decayed = true},
    [MHO_ARRAY_BIAS] = {"bias", "added to the output in float", .learned = true},
    [MHO_ARRAY_LOG_SCALE] = {"log_scale", "natural logarithm of the quantizer's range; NaN: not set yet",
                             .learned = true, .optional = true},
    [MHO_ARRAY_SHIFT] = {"shift", "added to the integer sums, rounded when used", .learned = true, .optional = true},
    [MHO_ARRAY_ADC_LOG_RANGE] = {"adc_log_range",
                                 "natural logarithm of the largest sum that a converter returns, accumulator units",
                                 .learned = true},
    [MHO_ARRAY_GAMMA] = {"gamma", "batch norm: gain", .learned = true},
    [MHO_ARRAY_BETA] = {"beta", "batch norm: offset", .learned = true},
    [MHO_ARRAY_MEAN] = {"mean", "batch norm: running mean", .learned = false},
    [MHO_ARRAY_VARIANCE] = {"variance", "batch norm: running variance", .learned = false},
};

MhoArrayRole mho_array_role(const char *name)
{
    int role = 0;
    while (role < MHO_ARRAY_ROLES && strcmp(mho_array_kinds[role].name, name) != 0)
        role++;
    return (MhoArrayRole)role;
}

MhoNodeArray *mho_node_array(MhoNode *node, MhoArrayRole role)
{
    for (size_t a = 0; a < node->n_arrays; a++)
        if (node->arrays[a].role == role)
            return &node->arrays[a];
    return NULL;
}

const float *mho_node_values(const MhoNode *node, MhoArrayRole role)
{
    for (size_t a = 0; a < node->n_arrays; a++)
        if (node->arrays[a].role == role)
            return node->arrays[a].value;
    return NULL;
}

const MhoConvSettings *mho_node_conv(const MhoNode *node)
{
    return mho_node_is(node, &mho_layer_conv) || mho_node_is(node, &mho_layer_dense) ? (const void *)node->settings
                                                                                     : NULL;
}

const MhoPoolSettings *mho_node_pool(const MhoNode *node)
{
    return mho_node_is(node, &mho_layer_pool) ? (const void *)node->settings : NULL;
}

const MhoFakeQuantSettings *mho_node_fake_quant(const MhoNode *node)
{
    return mho_node_is(node, &mho_layer_fake_quant) ? (const void *)node->settings : NULL;
}

int mho_net_readers(const MhoNet *net, int node, int *last)
{
    int readers = 0;
    *last = -1;
    for (size_t i = 0; i < net->n_nodes; i++)
        for (int k = 0; k < net->nodes[i].n_inputs; k++)
            if (net->nodes[i].inputs[k] == node) {
                readers++;
                *last = (int)i;
            }
    return readers;
}

int mho_net_scale_owner(const MhoNet *net, int quantizer)
{
    return net->nodes[quantizer].scale_owner;
}

bool mho_node_in_stage(const MhoNet *net, size_t i)
{
    const int owner = net->nodes[i].scale_owner;
    for (size_t k = 0; k < net->n_nodes; k++)
        if (k != i && owner >= 0 && net->nodes[k].scale_owner == owner)
            return true;
    return false;
}

MhoGather mho_node_gather(const MhoNet *net, const MhoNode *node)
{
    const MhoShape in = net->nodes[node->inputs[0]].shape;
    const MhoConvSettings *conv = mho_node_conv(node);
    const MhoPoolSettings *pool = mho_node_pool(node);
    MhoGather gather = {.h = in.h,
                        .w = in.w,
                        .c = in.c,
                        .c_count = in.c,
                        .kernel_h = 1,
                        .kernel_w = 1,
                        .stride = 1,
                        .out_h = node->shape.h,
                        .out_w = node->shape.w};
    if (mho_node_is(node, &mho_layer_dense) || (pool && pool->kind == MHO_POOL_GLOBAL)) {
        gather.kernel_h = in.h;
        gather.kernel_w = in.w;
    } else if (conv) {
        gather.kernel_h = gather.kernel_w = conv->kernel;
        gather.stride = conv->stride;
        gather.pad = conv->pad;
        gather.c_count = in.c / conv->groups;
    } else if (pool) {
        gather.kernel_h = gather.kernel_w = pool->window;
        gather.stride = pool->stride;
        gather.pad = pool->pad;
    }
    return gather;
}

double mho_node_window(const MhoNet *net, const MhoNode *node)
{
    const MhoGather gather = mho_node_gather(net, node);
    return (double)gather.kernel_h * gather.kernel_w;
}

double mho_net_macs(const MhoNet *net)
{
    double macs = 0.0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoNodeArray *weight = mho_node_array(&net->nodes[i], MHO_ARRAY_WEIGHT);
        if (weight)
            macs += (double)weight->n * net->nodes[i].shape.h * net->nodes[i].shape.w;
    }
    return macs;
}

bool mho_net_is_quantized(const MhoNet *net)
{
    bool any = false;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoConvSettings *conv = mho_node_conv(&net->nodes[i]);
        if (conv && conv->bits == 0)
            return false;
        any = any || conv;
    }
    return any;
}

bool mho_net_has_batchnorm(const MhoNet *net)
{
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_is(&net->nodes[i], &mho_layer_batchnorm))
            return true;
    return false;
}

void mho_layer_array(MhoNodeArray *array, MhoArrayRole role, size_t rank, const size_t *shape)
{
    const MhoArrayKind *kind = &mho_array_kinds[role];
    *array = (MhoNodeArray){
        .role = role, .name = kind->name, .rank = rank, .n = 1, .learned = kind->learned, .decayed = kind->decayed};
    for (size_t i = 0; i < rank; i++) {
        array->shape[i] = shape[i];
        array->n *= shape[i];
    }
}

MhoStatus mho_layer_same_shape(const void *settings, const MhoShape *inputs, MhoShape *output, MhoError *error)
{
    (void)settings;
    (void)error;
    *output = inputs[0];
    return MHO_OK;
}

MhoBatchnormChannel mho_batchnorm_channel(const MhoNode *node, size_t k)
{
    const MhoBatchnormSettings *settings = (const void *)node->settings;
    MhoBatchnormChannel channel = {.gamma = (double)mho_node_values(node, MHO_ARRAY_GAMMA)[k],
                                   .beta = (double)mho_node_values(node, MHO_ARRAY_BETA)[k],
                                   .mean = (double)mho_node_values(node, MHO_ARRAY_MEAN)[k]};
    channel.deviation = __builtin_sqrt((double)mho_node_values(node, MHO_ARRAY_VARIANCE)[k] + settings->epsilon);
    channel.gain = channel.gamma / channel.deviation;
    return channel;
}
