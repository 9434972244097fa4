/* builders.c - float networks by name, with batch norm and ReLU, their weights drawn.
 *
 *   lenet     LeNet-5 (LeCun et al., Proc. IEEE 86 (1998) 2278) with maximum pools, ReLU and batch norm
 *   allconv   3 x 3 convolutions only, stride instead of pooling (Springenberg et al., arXiv 1412.6806), global pool
 *             and a dense layer
 *   resnet20  CIFAR ResNet-20 (He et al., CVPR 2016, section 4.2); where the width changes, the shortcut is a 1 x 1
 *             convolution with batch norm (option B): an array can compute it, and padding with zeros has no common
 *             scale
 * width multiplies all channels. Weights: N(0, 2 / fan_in) (He et al., ICCV 2015).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/random.h"
#include "net/graph/graph_internal.h"

/* A network being built: the first failure stays, later calls do nothing. */
typedef struct Builder {
    MhoNet *net;
    double width;
    MhoStatus status;
    MhoError *error;
    char last[MHO_NAME_MAX]; /* node that the next layer reads */
} Builder;

static void add(Builder *builder, const char *name, const char *layer, const void *settings, size_t size,
                const char *input_a, const char *input_b)
{
    if (builder->status == MHO_OK)
        builder->status = mho_net_add(builder->net, name, layer, settings, size, input_a, input_b, builder->error);
    snprintf(builder->last, sizeof builder->last, "%s", name);
}

/* "<stem>_<suffix>" reading the last node, with default settings. */
static void add_after(Builder *builder, const char *stem, const char *suffix, const char *layer)
{
    char name[MHO_NAME_MAX];
    snprintf(name, sizeof name, "%.30s_%s", stem, suffix);
    add(builder, name, layer, NULL, 0, builder->last, NULL);
}

static int scaled(const Builder *builder, int channels)
{
    const int n = (int)(builder->width * channels + 0.5);
    return n > 0 ? n : 1;
}

/* Defaults of a weighted layer, from its table. */
static MhoConvSettings conv_defaults(const MhoLayer *layer)
{
    MhoConvSettings settings;
    memset(&settings, 0, sizeof settings);
    mho_params_default(layer->descriptor.params, layer->descriptor.n_params, &settings);
    return settings;
}

/* Convolution (kernel 0: dense) and batch norm after the last node; both names begin with `name`. */
static void weights_and_norm(Builder *builder, const char *name, int channels, int kernel, int stride, int pad)
{
    const MhoLayer *layer = kernel > 0 ? &mho_layer_conv : &mho_layer_dense;
    MhoConvSettings settings = conv_defaults(layer);
    settings.channels = scaled(builder, channels);
    settings.bias = false; /* batch norm has one */
    if (kernel > 0) {
        settings.kernel = kernel;
        settings.stride = stride;
        settings.pad = pad;
    }
    add(builder, name, layer->descriptor.name, &settings, sizeof settings, builder->last, NULL);
    add_after(builder, name, "norm", "batchnorm");
}

static void block(Builder *builder, const char *name, int channels, int kernel, int stride, int pad)
{
    weights_and_norm(builder, name, channels, kernel, stride, pad);
    add_after(builder, name, "relu", "relu");
}

static void pool(Builder *builder, const char *name, MhoPoolKind kind)
{
    const MhoPoolSettings settings = {.kind = (int)kind, .window = 2, .stride = 2};
    add(builder, name, "pool", &settings, sizeof settings, builder->last, NULL);
}

static void classifier(Builder *builder, int n_classes)
{
    MhoConvSettings settings = conv_defaults(&mho_layer_dense);
    settings.channels = n_classes;
    settings.bias = true;
    add(builder, "logits", "dense", &settings, sizeof settings, builder->last, NULL);
}

static void build_lenet(Builder *builder)
{
    block(builder, "conv1", 6, 5, 1, 2);
    pool(builder, "pool1", MHO_POOL_MAX);
    block(builder, "conv2", 16, 5, 1, 0);
    pool(builder, "pool2", MHO_POOL_MAX);
    block(builder, "dense1", 120, 0, 1, 0);
    block(builder, "dense2", 84, 0, 1, 0);
}

/* 2.2 million multiply-accumulates on 28 x 28 x 1. */
static void build_allconv(Builder *builder)
{
    block(builder, "conv1", 16, 3, 1, 1);
    block(builder, "conv2", 24, 3, 2, 1);
    block(builder, "conv3", 32, 3, 2, 1);
    block(builder, "conv4", 48, 3, 1, 1);
    block(builder, "conv5", 64, 3, 2, 1);
    pool(builder, "pool", MHO_POOL_GLOBAL);
}

/* Two convolutions beside a shortcut, added, then ReLU. */
static void residual(Builder *builder, int stage, int number, int channels, int stride)
{
    char stem[32], name[MHO_NAME_MAX], shortcut[MHO_NAME_MAX], branch[MHO_NAME_MAX];
    snprintf(stem, sizeof stem, "block%d%c", stage, 'a' + number);
    memcpy(shortcut, builder->last, sizeof shortcut);
    snprintf(name, sizeof name, "%s_conv1", stem);
    block(builder, name, channels, 3, stride, 1);
    snprintf(name, sizeof name, "%s_conv2", stem);
    weights_and_norm(builder, name, channels, 3, 1, 1);
    memcpy(branch, builder->last, sizeof branch);
    if (stride > 1) {
        memcpy(builder->last, shortcut, sizeof shortcut);
        snprintf(name, sizeof name, "%s_short", stem);
        weights_and_norm(builder, name, channels, 1, stride, 0);
        memcpy(shortcut, builder->last, sizeof shortcut);
    }
    snprintf(name, sizeof name, "%s_add", stem);
    add(builder, name, "add", NULL, 0, branch, shortcut);
    add_after(builder, stem, "relu", "relu");
}

static void build_resnet20(Builder *builder)
{
    block(builder, "conv1", 16, 3, 1, 1);
    for (int stage = 1; stage <= 3; stage++)
        for (int number = 0; number < 3; number++)
            residual(builder, stage, number, 8 << stage, stage > 1 && number == 0 ? 2 : 1);
    pool(builder, "pool", MHO_POOL_GLOBAL);
}

static const char *const builder_names[] = {"lenet", "allconv", "resnet20", NULL};
static void (*const builders[])(Builder *) = {build_lenet, build_allconv, build_resnet20};

const char *const *mho_net_builders(void)
{
    return builder_names;
}

static void draw_weights(MhoNodeArray *weight, int channels, uint32_t layer, uint64_t seed)
{
    const float fan_in = (float)weight->n / (float)channels;
    const float sigma = __builtin_sqrtf(2.0F / fan_in);
    const MhoStream stream = {.seed = seed, .place = mho_place(layer, 0, 0), .noise = sigma};
    mho_normal_fill(stream, MHO_DRAW_INIT, weight->n, weight->value);
}

static void fill(MhoNodeArray *array, float value)
{
    for (size_t k = 0; array && k < array->n; k++)
        array->value[k] = value;
}

MhoStatus mho_net_initialize(MhoNet *net, uint64_t seed, MhoError *error)
{
    uint32_t layer = 0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        MhoNode *node = &net->nodes[i];
        for (size_t a = 0; a < node->n_arrays; a++)
            fill(&node->arrays[a], 0.0F);
        fill(mho_node_array(node, MHO_ARRAY_GAMMA), 1.0F);
        fill(mho_node_array(node, MHO_ARRAY_VARIANCE), 1.0F);
        MhoNodeArray *weight = mho_node_array(node, MHO_ARRAY_WEIGHT);
        if (!weight)
            continue;
        if (layer >= 1U << MHO_LAYER_BITS)
            return mho_fail(error, MHO_USAGE, "network '%s': more than %d weighted layers", net->name,
                            1 << MHO_LAYER_BITS);
        draw_weights(weight, node->shape.c, layer++, seed);
    }
    return MHO_OK;
}

static MhoStatus find_builder(const char *name, int *index, MhoError *error)
{
    const size_t n = sizeof builders / sizeof *builders;
    for (*index = 0; builder_names[*index]; (*index)++)
        if (strcmp(builder_names[*index], name) == 0)
            return MHO_OK;
    const int nearest = mho_nearest_word(name, builder_names, n);
    if (nearest >= 0)
        return mho_fail(error, MHO_USAGE, "unknown network '%s'; did you mean '%s'?", name, builder_names[nearest]);
    return mho_fail(error, MHO_USAGE, "unknown network '%s'; one of: lenet allconv resnet20", name);
}

MhoStatus mho_net_build(const char *name, MhoShape input, int n_classes, double width, uint64_t seed, MhoNet **net,
                        MhoError *error)
{
    int index;
    MhoInputSettings settings = {.h = input.h, .w = input.w, .c = input.c, .divisor = 255.0};
    Builder builder = {.width = width, .error = error};
    *net = NULL;
    MhoStatus status = find_builder(name, &index, error);
    if (status == MHO_OK && !(width >= 0.01 && width <= 100.0))
        status = mho_fail(error, MHO_USAGE, "network '%s': a width of %g is outside 0.01 to 100", name, width);
    if (status == MHO_OK)
        status = mho_net_create(name, &builder.net, error);
    if (status != MHO_OK)
        return status;
    add(&builder, "image", "input", &settings, sizeof settings, NULL, NULL);
    builders[index](&builder);
    classifier(&builder, n_classes);
    status = builder.status;
    if (status == MHO_OK)
        status = mho_net_finish(builder.net, error);
    if (status == MHO_OK)
        status = mho_net_initialize(builder.net, seed, error);
    if (status == MHO_OK)
        *net = builder.net;
    else
        mho_net_destroy(builder.net);
    return status;
}
