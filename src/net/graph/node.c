/* node.c - questions about a graph that need its nodes alone: names, kinds, arrays, readers, sizes. */
#include <stdio.h>
#include <string.h>

#include "net/graph/graph_internal.h"

int mho_net_find(const MhoNet *net, const char *name)
{
    for (size_t i = 0; i < net->n_nodes; i++)
        if (strcmp(net->nodes[i].name, name) == 0)
            return (int)i;
    return -1;
}

MhoNodeArray *mho_node_array(MhoNode *node, const char *name)
{
    for (size_t a = 0; a < node->n_arrays; a++)
        if (strcmp(node->arrays[a].name, name) == 0)
            return &node->arrays[a];
    return NULL;
}

const float *mho_node_values(const MhoNode *node, const char *name)
{
    for (size_t a = 0; a < node->n_arrays; a++)
        if (strcmp(node->arrays[a].name, name) == 0)
            return node->arrays[a].value;
    return NULL;
}

bool mho_node_is(const MhoNode *node, const char *kind)
{
    return strcmp(node->layer->descriptor.name, kind) == 0;
}

const MhoConvSettings *mho_node_conv(const MhoNode *node)
{
    return mho_node_is(node, "conv") || mho_node_is(node, "dense") ? (const void *)node->settings : NULL;
}

const MhoPoolSettings *mho_node_pool(const MhoNode *node)
{
    return mho_node_is(node, "pool") ? (const void *)node->settings : NULL;
}

const MhoFakeQuantSettings *mho_node_fake_quant(const MhoNode *node)
{
    return mho_node_is(node, "fake_quant") ? (const void *)node->settings : NULL;
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
    const MhoFakeQuantSettings *settings = mho_node_fake_quant(&net->nodes[quantizer]);

    return settings && settings->share[0] ? mho_net_find(net, settings->share) : quantizer;
}

bool mho_node_in_stage(const MhoNet *net, size_t i)
{
    const MhoFakeQuantSettings *own = mho_node_fake_quant(&net->nodes[i]);

    if (own->share[0])
        return true;
    for (size_t k = 0; k < net->n_nodes; k++) {
        const MhoFakeQuantSettings *other = mho_node_fake_quant(&net->nodes[k]);
        if (other && strcmp(other->share, net->nodes[i].name) == 0)
            return true;
    }
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

    if (mho_node_is(node, "dense") || (pool && pool->kind == MHO_POOL_GLOBAL)) {
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

double mho_net_macs(const MhoNet *net)
{
    double macs = 0.0;

    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoNodeArray *weight = mho_node_array(&net->nodes[i], "weight");
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
        if (mho_node_is(&net->nodes[i], "batchnorm"))
            return true;
    return false;
}

void mho_layer_array(MhoNodeArray *array, const char *name, size_t rank, const size_t *shape, bool learned,
                     bool decayed)
{
    memset(array, 0, sizeof *array);
    snprintf(array->name, sizeof array->name, "%s", name);
    array->rank = rank;
    array->n = 1;
    for (size_t i = 0; i < rank; i++) {
        array->shape[i] = shape[i];
        array->n *= shape[i];
    }
    array->learned = learned;
    array->decayed = decayed;
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
    MhoBatchnormChannel channel = {.gamma = (double)mho_node_values(node, "gamma")[k],
                                   .beta = (double)mho_node_values(node, "beta")[k],
                                   .mean = (double)mho_node_values(node, "mean")[k]};

    channel.deviation = __builtin_sqrt((double)mho_node_values(node, "variance")[k] + settings->epsilon);
    channel.gain = channel.gamma / channel.deviation;
    return channel;
}
