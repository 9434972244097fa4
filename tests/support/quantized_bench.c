/* quantized_bench.c - see quantized_bench.h. */
#include "quantized_bench.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/random.h"
#include "net/transform/transform.h"
#include "net/calibrate/calibrate.h"
#include "support/run_once.h"

#define must(call, error) ck_assert_msg((call) == MHO_OK, "%s", (error)->text)

static void *room(size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size);
    ck_assert_ptr_nonnull(p);
    return p;
}

static void uniform(uint32_t place, const MhoNodeArray *array, float low, float high)
{
    const MhoStream stream = {.seed = 11, .place = place};
    mho_uniform_fill(stream, MHO_DRAW_TEST, array->n, array->value);
    for (size_t k = 0; k < array->n; k++)
        array->value[k] = low + (high - low) * array->value[k];
}

void draw_trained(MhoNet *net)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        MhoNode *node = &net->nodes[i];
        MhoNodeArray *bias = mho_node_array(node, MHO_ARRAY_BIAS);
        const uint32_t place = (uint32_t)(4 * i);
        if (bias)
            uniform(place, bias, -0.5F, 0.5F);
        if (!mho_node_is(node, &mho_layer_batchnorm))
            continue;
        MhoNodeArray *gamma = mho_node_array(node, MHO_ARRAY_GAMMA);
        uniform(place, gamma, 0.5F, 1.5F);
        for (size_t k = 3; k < gamma->n; k += 7)
            gamma->value[k] = -gamma->value[k];
        uniform(place + 1, mho_node_array(node, MHO_ARRAY_BETA), -0.3F, 0.6F);
        uniform(place + 2, mho_node_array(node, MHO_ARRAY_MEAN), -0.2F, 0.2F);
        uniform(place + 3, mho_node_array(node, MHO_ARRAY_VARIANCE), 0.3F, 1.2F);
    }
}

MhoNet *quantized_net(const QuantizedSetup *setup, const uint8_t *images, size_t n)
{
    const MhoQuantPlan plan = {.weight_bits = setup->weight_bits,
                               .activation_bits = setup->activation_bits,
                               .scale = setup->scale,
                               .weight_policy = "fqconv",
                               .activation_policy = "fqconv"};
    MhoError error = {0};
    MhoNet *net, *made, *removed;
    must(mho_net_build(setup->builder, setup->input, 10, setup->width, 5, &net, &error), &error);
    draw_trained(net);
    must(mho_net_quantize(net, &plan, &made, &error), &error);
    must(mho_net_fit_weights(made, &error), &error);
    must(mho_net_calibrate(made, images, n, 0, &error), &error);
    mho_net_destroy(net);
    if (setup->batchnorm)
        return made;
    must(mho_net_remove_batchnorm(made, setup->scale, setup->shift, &removed, &error), &error);
    mho_net_destroy(made);
    return removed;
}

static void add_weighted(MhoNet *net, const char *name, const char *input, MhoConvSettings settings)
{
    MhoError error = {0};
    snprintf(settings.policy, sizeof settings.policy, "fqconv");
    settings.scale = MHO_SCALE_PER_CHANNEL;
    must(mho_net_add(net, name, settings.kernel ? "conv" : "dense", &settings, sizeof settings, input, NULL, &error),
         &error);
}

static void add_codes(MhoNet *net, const char *name, const char *input, int bits, bool is_signed)
{
    MhoFakeQuantSettings settings = {.bits = bits, .is_signed = is_signed, .policy = "fqconv"};
    MhoError error = {0};
    must(mho_net_add(net, name, "fake_quant", &settings, sizeof settings, input, NULL, &error), &error);
}

static void add_pool(MhoNet *net, const char *name, const char *input, MhoPoolSettings settings)
{
    MhoError error = {0};
    must(mho_net_add(net, name, "pool", &settings, sizeof settings, input, NULL, &error), &error);
}

const MhoShape grouped_input = {9, 7, 4};

MhoNet *grouped_net(const uint8_t *images, size_t n)
{
    MhoInputSettings input = {.h = grouped_input.h, .w = grouped_input.w, .c = grouped_input.c, .divisor = 255.0};
    MhoError error = {0};
    MhoNet *net;
    must(mho_net_create("by_hand", &net, &error), &error);
    must(mho_net_add(net, "image", "input", &input, sizeof input, NULL, NULL, &error), &error);
    add_weighted(net, "conv1", "image",
                 (MhoConvSettings){.channels = 6, .kernel = 3, .stride = 1, .pad = 1, .groups = 2, .bits = 4});
    add_codes(net, "signed1", "conv1", 5, true);
    add_pool(net, "maximum", "signed1", (MhoPoolSettings){.kind = MHO_POOL_MAX, .window = 2, .stride = 1});
    add_pool(net, "average", "maximum",
             (MhoPoolSettings){.kind = MHO_POOL_AVERAGE, .window = 3, .stride = 2, .pad = 1});
    add_codes(net, "signed2", "average", 8, true);
    add_codes(net, "signed3", "signed2", 3, true);
    add_weighted(
        net, "conv2", "signed3",
        (MhoConvSettings){.channels = 51, .kernel = 2, .stride = 1, .pad = 1, .groups = 3, .bits = 8, .bias = true});
    add_codes(net, "positive", "conv2", 4, false);
    add_weighted(net, "logits", "positive", (MhoConvSettings){.channels = 10, .groups = 1, .bits = 2, .bias = true});
    must(mho_net_finish(net, &error), &error);
    net->n_classes = 10;
    must(mho_net_initialize(net, 2, &error), &error);
    for (size_t i = 0; i < net->n_nodes; i++) {
        MhoNodeArray *scale = mho_node_array(&net->nodes[i], MHO_ARRAY_LOG_SCALE);
        MhoNodeArray *bias = mho_node_array(&net->nodes[i], MHO_ARRAY_BIAS);
        for (size_t k = 0; scale && k < scale->n; k++)
            scale->value[k] = NAN;
        for (size_t k = 0; bias && k < bias->n; k++)
            bias->value[k] = 0.02F * (float)k - 0.3F;
    }
    must(mho_net_fit_weights(net, &error), &error);
    must(mho_net_calibrate(net, images, n, 0, &error), &error);
    return net;
}

uint8_t *random_images(MhoShape shape, size_t n, uint32_t seed)
{
    const size_t bytes = n * (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
    const MhoStream stream = {.seed = seed};
    uint8_t *images = room(bytes + 4, 1);
    mho_random_words(stream, MHO_DRAW_TEST, 0, bytes / 4 + 1, (uint32_t *)(void *)images);
    return images;
}

MhoLoweredNet *must_lower(const MhoNet *net)
{
    MhoLoweredNet *lowered;
    MhoError error = {0};
    must(mho_lowered_net_create(net, &lowered, &error), &error);
    return lowered;
}

Outputs outputs_new(const MhoLoweredNet *lowered, size_t n)
{
    Outputs o = {.n = n, .n_logits = (size_t)lowered->n_classes, .codes_size = lowered->codes_size};
    o.logits = room(n * o.n_logits, sizeof *o.logits);
    o.codes = room(n * o.codes_size, 1);
    return o;
}

void outputs_free(Outputs *outputs)
{
    free(outputs->logits);
    free(outputs->codes);
}

bool outputs_equal(const Outputs *a, const Outputs *b)
{
    ck_assert_uint_eq(a->n, b->n);
    ck_assert_uint_eq(a->codes_size, b->codes_size);
    return memcmp(a->codes, b->codes, a->n * a->codes_size) == 0 &&
           memcmp(a->logits, b->logits, a->n * a->n_logits * sizeof *a->logits) == 0;
}

Outputs integer_outputs(const MhoLoweredNet *lowered, const uint8_t *images, size_t n, int threads)
{
    Outputs o = outputs_new(lowered, n);
    MhoError error = {0};
    must(run_integer(lowered, images, n, threads, o.logits, o.codes, &error), &error);
    return o;
}

Outputs analog_outputs(const MhoLoweredNet *lowered, const MhoChipState *state, const uint8_t *images, size_t n,
                       int threads, MhoLayerMeter *meters)
{
    Outputs o = outputs_new(lowered, n);
    const AnalogRun options = {.threads = threads, .measured = n, .meters = meters, .codes = o.codes};
    MhoError error = {0};
    must(run_analog(lowered, state, images, n, &options, o.logits, &error), &error);
    return o;
}

CodeSpread code_spread(const MhoLoweredNet *lowered, size_t step, const Outputs *outputs)
{
    const MhoShape shape = lowered->steps[step].shape;
    const size_t size = (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
    size_t count[256] = {0};
    CodeSpread spread = {0};
    for (size_t n = 0; n < outputs->n; n++)
        for (size_t i = 0; i < size; i++)
            count[outputs->codes[n * outputs->codes_size + lowered->codes_offset[step] + i]]++;
    for (int code = 0; code < 256; code++) {
        const double share = (double)count[code] / (double)(size * outputs->n);
        spread.distinct += count[code] > 0;
        spread.largest_share = share > spread.largest_share ? share : spread.largest_share;
    }
    return spread;
}
