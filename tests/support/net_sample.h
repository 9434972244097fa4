/* net_sample.h - networks in a state that training would leave: every scale set, batch norm with statistics. */
#ifndef MHO_TESTS_NET_SAMPLE_H
#define MHO_TESTS_NET_SAMPLE_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "kernels/random.h"
#include "must.h"
#include "net/graph/requant.h"
#include "net/transform/transform.h"

/* (n) uniform values in low .. high. */
static inline void sample_uniform(uint32_t place, size_t n, float low, float high, float *x)
{
    const MhoStream stream = {.seed = 7, .place = place, .noise = 1.0F};
    mho_uniform_fill(stream, MHO_DRAW_TEST, n, x);
    for (size_t i = 0; i < n; i++)
        x[i] = low + (high - low) * x[i];
}

/* Batch norm as after training: gains of both signs, offsets and means of the size of a layer's sums. */
static inline void sample_norms(MhoNet *net)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        MhoNode *node = &net->nodes[i];
        if (!mho_node_is(node, &mho_layer_batchnorm))
            continue;
        const uint32_t place = (uint32_t)(4 * i);
        MhoNodeArray *gamma = mho_node_array(node, MHO_ARRAY_GAMMA);
        sample_uniform(place, gamma->n, 0.3F, 1.7F, gamma->value);
        for (size_t k = 2; k < gamma->n; k += 5)
            gamma->value[k] = -gamma->value[k];
        sample_uniform(place + 1, gamma->n, -0.8F, 0.8F, mho_node_array(node, MHO_ARRAY_BETA)->value);
        sample_uniform(place + 2, gamma->n, -0.5F, 0.5F, mho_node_array(node, MHO_ARRAY_MEAN)->value);
        sample_uniform(place + 3, gamma->n, 0.2F, 2.0F, mho_node_array(node, MHO_ARRAY_VARIANCE)->value);
    }
}

/* Ranges of activations: 2, 2.1, 2.2 ... */
static inline void sample_ranges(MhoNet *net)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        MhoNodeArray *scale =
            mho_node_fake_quant(&net->nodes[i]) ? mho_node_array(&net->nodes[i], MHO_ARRAY_LOG_SCALE) : NULL;
        if (scale)
            scale->value[0] = logf(2.0F + 0.1F * (float)i);
    }
}

static inline MhoNet *sample_float(const char *builder)
{
    const bool cifar = strcmp(builder, "resnet20") == 0;
    const MhoShape shape = cifar ? (MhoShape){32, 32, 3} : (MhoShape){28, 28, 1};
    MhoError error = {0};
    MhoNet *net;
    must(mho_net_build(builder, shape, 10, 1.0, 1, &net, &error), &error);
    sample_norms(net);
    return net;
}

static inline MhoQuantPlan sample_plan(int weight_bits, int activation_bits)
{
    return (MhoQuantPlan){.weight_bits = weight_bits,
                          .activation_bits = activation_bits,
                          .scale = MHO_SCALE_PER_CHANNEL,
                          .weight_policy = "fqconv",
                          .activation_policy = "fqconv"};
}

/* Quantized, with batch norm, every scale set; policy: of weights and activations. */
static inline MhoNet *sample_quantized_by(const char *builder, const char *policy, int weight_bits, int activation_bits)
{
    MhoQuantPlan plan = sample_plan(weight_bits, activation_bits);
    snprintf(plan.weight_policy, sizeof plan.weight_policy, "%s", policy);
    snprintf(plan.activation_policy, sizeof plan.activation_policy, "%s", policy);
    MhoNet *net = sample_float(builder), *made;
    MhoError error = {0};
    must(mho_net_quantize(net, &plan, &made, &error), &error);
    must(mho_net_fit_weights(made, &error), &error);
    sample_ranges(made);
    mho_net_destroy(net);
    return made;
}

static inline MhoNet *sample_quantized(const char *builder, int weight_bits, int activation_bits)
{
    return sample_quantized_by(builder, "fqconv", weight_bits, activation_bits);
}

#endif
