/* nets.h - small networks built in a few words, with weights, scales and images drawn, for tests of
 * net/fakequant/fakequant.h. */
#ifndef MHO_TESTS_NETS_H
#define MHO_TESTS_NETS_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "net/fakequant/fakequant.h"
#include "net/graph/requant.h"
#include "support/naive_window.h"

#define must(call, error) ck_assert_msg((call) == MHO_OK, "%s", (error)->text)

static inline MhoNet *net_start(int h, int w, int c)
{
    MhoError error = {0};
    MhoNet *net;
    const MhoInputSettings input = {h, w, c, 255.0};
    must(mho_net_create("sample", &net, &error), &error);
    must(mho_net_add(net, "image", "input", &input, sizeof input, NULL, NULL, &error), &error);
    return net;
}

/* name <- kind(input) */
static inline void net_put(MhoNet *net, const char *name, const char *kind, const void *settings, size_t size,
                           const char *a, const char *b)
{
    MhoError error = {0};
    must(mho_net_add(net, name, kind, settings, size, a, b, &error), &error);
}

/* Windows of one group of a convolution, or of a dense layer, from the settings. */
static inline MhoGather naive_gather(const MhoNet *net, const MhoNode *node, int group)
{
    const MhoConvSettings *s = mho_node_conv(node);
    const bool dense = mho_node_is(node, &mho_layer_dense);
    const MhoShape in = net->nodes[node->inputs[0]].shape;
    const int c = in.c / (dense ? 1 : s->groups);
    return (MhoGather){.h = in.h,
                       .w = in.w,
                       .c = in.c,
                       .c_first = group * c,
                       .c_count = c,
                       .kernel_h = dense ? in.h : s->kernel,
                       .kernel_w = dense ? in.w : s->kernel,
                       .stride = dense ? 1 : s->stride,
                       .pad = dense ? 0 : s->pad,
                       .out_h = node->shape.h,
                       .out_w = node->shape.w};
}

typedef struct Conv {
    int channels, kernel, stride, pad, groups, bits;
    bool per_tensor, bias, shift, straight;
} Conv;

static inline void put_weighted(MhoNet *net, const char *name, const char *kind, Conv c, const char *input)
{
    MhoConvSettings s = {.channels = c.channels,
                         .kernel = c.kernel,
                         .stride = c.stride ? c.stride : 1,
                         .pad = c.pad,
                         .groups = c.groups ? c.groups : 1,
                         .bias = c.bias,
                         .bits = c.bits,
                         .scale = c.per_tensor ? MHO_SCALE_PER_TENSOR : MHO_SCALE_PER_CHANNEL,
                         .shift = c.shift};
    snprintf(s.policy, sizeof s.policy, "%s", c.straight ? "fqconv gradient=straight" : "fqconv");
    net_put(net, name, kind, &s, sizeof s, input, NULL);
}

static inline void put_conv(MhoNet *net, const char *name, Conv c, const char *input)
{
    put_weighted(net, name, "conv", c, input);
}

static inline void put_dense(MhoNet *net, const char *name, Conv c, const char *input)
{
    put_weighted(net, name, "dense", c, input);
}

static inline void put_norm(MhoNet *net, const char *name, const char *input)
{
    const MhoBatchnormSettings s = {.epsilon = 1e-5, .momentum = 0.1};
    net_put(net, name, "batchnorm", &s, sizeof s, input, NULL);
}

static inline void put_relu(MhoNet *net, const char *name, const char *input)
{
    net_put(net, name, "relu", NULL, 0, input, NULL);
}

static inline void put_quantizer(MhoNet *net, const char *name, int bits, bool is_signed, const char *share,
                                 const char *input)
{
    MhoFakeQuantSettings s = {.bits = bits, .is_signed = is_signed, .policy = "fqconv"};
    snprintf(s.share, sizeof s.share, "%s", share);
    net_put(net, name, "fake_quant", &s, sizeof s, input, NULL);
}

static inline void put_pool(MhoNet *net, const char *name, MhoPoolKind kind, int window, int stride, int pad,
                            const char *input)
{
    const MhoPoolSettings s = {.kind = (int)kind, .window = window, .stride = stride, .pad = pad};
    net_put(net, name, "pool", &s, sizeof s, input, NULL);
}

static inline void draw(uint32_t place, size_t n, float low, float high, float *x)
{
    const MhoStream stream = {.seed = 11, .place = place, .noise = 1.0F};
    mho_uniform_fill(stream, MHO_DRAW_TEST, n, x);
    for (size_t i = 0; i < n; i++)
        x[i] = low + (high - low) * x[i];
}

/* Weights of He's size, biases, batch norm away from the identity, scales that clip some values. */
static inline void net_draw(MhoNet *net)
{
    MhoError error = {0};
    must(mho_net_finish(net, &error), &error);
    must(mho_net_initialize(net, 5, &error), &error);
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays; a++) {
            MhoNodeArray *array = &net->nodes[i].arrays[a];
            const uint32_t place = (uint32_t)(16 * i + a);
            if (strcmp(array->name, "gamma") == 0 || strcmp(array->name, "variance") == 0)
                draw(place, array->n, 0.6F, 1.4F, array->value);
            else if (strcmp(array->name, "beta") == 0 || strcmp(array->name, "mean") == 0 ||
                     strcmp(array->name, "bias") == 0)
                draw(place, array->n, -0.3F, 0.6F, array->value);
            else if (strcmp(array->name, "shift") == 0)
                draw(place, array->n, -9.0F, 9.0F, array->value);
            else if (strcmp(array->name, "log_scale") == 0)
                draw(place, array->n, mho_node_conv(&net->nodes[i]) ? -1.2F : -0.2F,
                     mho_node_conv(&net->nodes[i]) ? -0.8F : 0.2F, array->value);
        }
}

static inline uint8_t *draw_images(const MhoNet *net, size_t batch)
{
    const MhoShape s = net->nodes[0].shape;
    const size_t n = batch * (size_t)s.h * (size_t)s.w * (size_t)s.c;
    float *u = malloc(n * sizeof *u);
    uint8_t *images = malloc(n);
    draw(9999, n, 0.0F, 255.99F, u);
    for (size_t i = 0; i < n; i++)
        images[i] = (uint8_t)u[i];
    free(u);
    return images;
}

#endif
