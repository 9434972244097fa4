/* quantize.c - from a float graph to a graph of codes, and from one bit plan to the next.
 *
 * Weighted layers get weight bits; a fake_quant node makes codes of every tensor that they read and takes the place
 * of the ReLU: image -> conv -> batchnorm -> fake_quant -> conv ... Sums of average pools are quantized with at least 8
 * bits.
 *
 * Residual sums. Inputs and outputs of additions form a stage with ONE scale e^s and step e^s / 127: branches are
 * signed 8-bit codes (-127..127); ReLU outputs are the non-negative half of the same codes, which is a 7-bit unsigned
 * fake_quant node (0..127) of the same step. All fake_quant nodes of a stage share the scale of the first. An addition
 * adds codes; one fake_quant node after it makes the next stream, which the identity shortcut of the next block reads.
 * Weighted layers read the stream through a further fake_quant node at their bits; pools read the stream. Where the
 * stage changes, the shortcut's 1 x 1 convolution makes the new stage's signed branch.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/math.h"
#include "net/transform/transform_internal.h"

enum { STREAM_BITS_SIGNED = 8, STREAM_BITS_POSITIVE = 7, POOL_BITS = 8 };

/* A float graph being quantized. All arrays are (n_nodes of the old net); nodes of the new net are -1 until made. */
typedef struct Quantizing {
    MhoRebuild *rebuild; /* map: the value as stored before any fake_quant node; over ReLU that of its input */
    const MhoQuantPlan *plan;
    int *stage;     /* union-find parent: old nodes whose values share a stage */
    bool *in_stage; /* value of this node belongs to a residual stage */
    int *owner;     /* of a stage's root: first quantizer of the stage */
    int *stream;    /* value as codes of its stage */
    int *codes;     /* value as codes that weighted layers read */
    bool *positive; /* no value is below zero */
} Quantizing;

static int stage_root(const Quantizing *q, int i)
{
    while (q->stage[i] != i)
        i = q->stage[i];
    return i;
}

static void join(Quantizing *q, int i, int k)
{
    q->in_stage[i] = q->in_stage[k] = true;
    q->stage[stage_root(q, i)] = stage_root(q, k);
}

/* Stages: inputs of an addition, and its output with or without ReLU. */
static void find_stages(const MhoNet *old, Quantizing *q)
{
    for (int i = 0; i < (int)old->n_nodes; i++) {
        const MhoNode *source = &old->nodes[i];
        while (mho_node_is(source, &mho_layer_relu))
            source = &old->nodes[source->inputs[0]];
        if (!mho_node_is(source, &mho_layer_add))
            continue;
        join(q, source->inputs[0], source->inputs[1]);
        join(q, i, source->inputs[0]);
    }
}

/* "<stem>_<suffix>", unique in both nets; the stem is the node's name without "_relu" or "_norm". */
static void new_name(const Quantizing *q, int i, const char *suffix, char name[MHO_NAME_MAX])
{
    const char *old = q->rebuild->old->nodes[i].name;
    size_t stem = strlen(old);
    if (stem > 5 && (strcmp(old + stem - 5, "_relu") == 0 || strcmp(old + stem - 5, "_norm") == 0))
        stem -= 5;
    if (stem > MHO_NAME_MAX - 16)
        stem = MHO_NAME_MAX - 16;
    snprintf(name, MHO_NAME_MAX, "%.*s_%s", (int)stem, old, suffix);
    for (int k = 2; mho_net_find(q->rebuild->old, name) >= 0 || mho_net_find(q->rebuild->made, name) >= 0; k++)
        snprintf(name, MHO_NAME_MAX, "%.*s_%s%d", (int)stem, old, suffix, k);
}

/* A fake_quant node after node `input` of the new net, for the value of old node i. */
static MhoStatus add_quantizer(Quantizing *q, int i, int input, const char *suffix, int bits, bool is_signed, int owner,
                               int *made, MhoError *error)
{
    MhoNet *net = q->rebuild->made;
    MhoFakeQuantSettings settings;
    char name[MHO_NAME_MAX];
    memset(&settings, 0, sizeof settings);
    settings.bits = bits;
    settings.is_signed = is_signed;
    memcpy(settings.policy, q->plan->activation_policy, sizeof settings.policy);
    if (owner >= 0)
        snprintf(settings.share, sizeof settings.share, "%s", net->nodes[owner].name);
    new_name(q, i, suffix, name);
    const MhoStatus status =
        mho_net_add(net, name, "fake_quant", &settings, sizeof settings, net->nodes[input].name, NULL, error);
    *made = (int)net->n_nodes - 1;
    return status;
}

/* The value of old node i as codes of its stage. */
static MhoStatus need_stream(Quantizing *q, int i, MhoError *error)
{
    if (q->stream[i] >= 0)
        return MHO_OK;
    int *owner = &q->owner[stage_root(q, i)];
    const bool positive = q->positive[i];
    const MhoStatus status =
        add_quantizer(q, i, q->rebuild->map[i], "stream", positive ? STREAM_BITS_POSITIVE : STREAM_BITS_SIGNED,
                      !positive, *owner, &q->stream[i], error);
    if (*owner < 0)
        *owner = q->stream[i];
    return status;
}

/* The value of old node i as codes at the activation bits. */
static MhoStatus need_codes(Quantizing *q, int i, MhoError *error)
{
    const MhoNode *node = &q->rebuild->old->nodes[i];
    int input = q->rebuild->map[i], bits = q->plan->activation_bits;
    if (q->codes[i] >= 0)
        return MHO_OK;
    if (q->in_stage[i]) {
        const MhoStatus status = need_stream(q, i, error);
        if (status != MHO_OK)
            return status;
        input = q->stream[i];
    } else if (mho_node_is_sum_pool(node) && bits < POOL_BITS) {
        bits = POOL_BITS;
    }
    return add_quantizer(q, i, input, "codes", bits, !q->positive[i], -1, &q->codes[i], error);
}

/* The node of the new net that `node` reads for the value of old node `from`. */
static MhoStatus choose_input(Quantizing *q, const MhoNode *node, int from, int *chosen, MhoError *error)
{
    const bool relu = mho_node_is(&q->rebuild->old->nodes[from], &mho_layer_relu);
    MhoStatus status = MHO_OK;
    if (mho_node_is(node, &mho_layer_add) || (mho_node_is(node, &mho_layer_pool) && q->in_stage[from])) {
        status = need_stream(q, from, error);
        *chosen = q->stream[from];
    } else if (mho_node_conv(node) || mho_node_is(node, &mho_layer_pool) || relu) {
        status = need_codes(q, from, error);
        *chosen = q->codes[from];
    } else {
        *chosen = q->rebuild->map[from];
    }
    return status;
}

static void set_weight_bits(const MhoQuantPlan *plan, MhoConvSettings *conv)
{
    conv->bits = plan->weight_bits;
    conv->scale = plan->scale;
    memcpy(conv->policy, plan->weight_policy, sizeof conv->policy);
}

static MhoStatus quantize_node(MhoRebuild *rebuild, int i, void *settings, void *context, MhoError *error)
{
    Quantizing *q = context;
    const MhoNode *node = &rebuild->old->nodes[i];
    int inputs[MHO_NODE_MAX_INPUTS] = {-1, -1};
    MhoStatus status = MHO_OK;
    q->rebuild = rebuild;
    if (mho_node_is(node, &mho_layer_relu)) {
        rebuild->map[i] = rebuild->map[node->inputs[0]];
        q->positive[i] = true;
        return MHO_OK;
    }
    q->positive[i] = node->n_inputs == 0 || mho_node_is(node, &mho_layer_pool) || mho_node_is(node, &mho_layer_add);
    for (int k = 0; k < node->n_inputs && status == MHO_OK; k++) {
        q->positive[i] = q->positive[i] && q->positive[node->inputs[k]];
        status = choose_input(q, node, node->inputs[k], &inputs[k], error);
    }
    if (mho_node_conv(node))
        set_weight_bits(q->plan, settings);
    if (status == MHO_OK)
        status = mho_rebuild_add(rebuild, i, settings, inputs, error);
    if (node->n_inputs == 0 || mho_node_is_max_pool(node))
        q->codes[i] = rebuild->map[i];
    return status;
}

static MhoStatus quantize_float(const MhoNet *net, const MhoQuantPlan *plan, MhoNet **made, MhoError *error)
{
    const size_t n = net->n_nodes;
    int *numbers = mho_calloc(4 * n, sizeof *numbers, error, "quantizing network '%s'", net->name);
    bool *flags = mho_calloc(2 * n, sizeof *flags, error, "quantizing network '%s'", net->name);
    MhoStatus status = MHO_MEMORY;
    if (numbers && flags) {
        Quantizing q = {.plan = plan,
                        .stage = numbers,
                        .owner = numbers + n,
                        .stream = numbers + 2 * n,
                        .codes = numbers + 3 * n,
                        .in_stage = flags,
                        .positive = flags + n};
        for (size_t i = 0; i < 4 * n; i++)
            numbers[i] = i < n ? (int)i : -1;
        find_stages(net, &q);
        status = mho_net_rebuild(net, quantize_node, &q, made, error);
    }
    free(numbers);
    free(flags);
    return status;
}

/* The same graph at other bits. */
static MhoStatus change_bits(MhoRebuild *rebuild, int i, void *settings, void *context, MhoError *error)
{
    const MhoQuantPlan *plan = context;
    const MhoNet *net = rebuild->old;
    const MhoNode *node = &net->nodes[i];
    (void)error;
    if (mho_node_conv(node)) {
        set_weight_bits(plan, settings);
        ((MhoConvSettings *)settings)->adc_range = false; /* counts units of other sums */
    } else if (mho_node_fake_quant(node)) {
        MhoFakeQuantSettings *fake_quant = settings;
        const bool sums = mho_node_is_sum_pool(&net->nodes[node->inputs[0]]);
        if (!mho_node_in_stage(net, (size_t)i))
            fake_quant->bits = sums && plan->activation_bits < POOL_BITS ? POOL_BITS : plan->activation_bits;
        memcpy(fake_quant->policy, plan->activation_policy, sizeof fake_quant->policy);
    }
    return MHO_OK;
}

static bool has_codes(const MhoNet *net)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoConvSettings *conv = mho_node_conv(&net->nodes[i]);
        if (mho_node_fake_quant(&net->nodes[i]) || (conv && conv->bits > 0))
            return true;
    }
    return false;
}

static const char *node_policy(const MhoNode *node)
{
    const MhoConvSettings *conv = mho_node_conv(node);
    return conv ? conv->policy : mho_node_fake_quant(node)->policy;
}

/* Scales that the old net does not have, or has for another policy, are unset. */
static void unset_new_scales(const MhoNet *old, MhoNet *made)
{
    for (size_t i = 0; i < made->n_nodes; i++) {
        MhoNode *node = &made->nodes[i];
        MhoNodeArray *scale = mho_node_array(node, MHO_ARRAY_LOG_SCALE);
        if (!scale)
            continue;
        const int at = mho_net_find(old, node->name);
        const MhoNodeArray *before = at >= 0 ? mho_node_array(&old->nodes[at], MHO_ARRAY_LOG_SCALE) : NULL;
        const char *policy = node_policy(node);
        const bool kept = before && before->n == scale->n &&
                          strcspn(policy, " ") == strcspn(node_policy(&old->nodes[at]), " ") &&
                          strncmp(policy, node_policy(&old->nodes[at]), strcspn(policy, " ")) == 0;
        for (size_t k = 0; !kept && k < scale->n; k++)
            scale->value[k] = NAN;
    }
}

/* e^s of a fake_quant node in deviations; 0: its policy has another rule. */
static double range_deviations(const MhoNode *node)
{
    const MhoPolicy *policy = &node->policy;
    if (!policy->quantizer->range)
        return 0.0;
    const MhoRangeFit fit = policy->quantizer->range(policy->params, mho_node_fake_quant(node)->bits);
    return fit.rule == MHO_FIT_SIGMA ? fit.value : 0.0;
}

void mho_net_rescale_sigma_ranges(const MhoNet *old, MhoNet *made)
{
    for (size_t i = 0; i < made->n_nodes; i++) {
        MhoNode *node = &made->nodes[i];
        const int at = mho_net_find(old, node->name);
        MhoNodeArray *scale = mho_node_fake_quant(node) ? mho_node_array(node, MHO_ARRAY_LOG_SCALE) : NULL;
        if (!scale || at < 0 || !mho_node_fake_quant(&old->nodes[at]))
            continue;
        const double before = range_deviations(&old->nodes[at]), after = range_deviations(node);
        if (before > 0.0 && after > 0.0)
            scale->value[0] += (float)mho_ln(after / before);
    }
}

MhoStatus mho_net_quantize(const MhoNet *net, const MhoQuantPlan *plan, MhoNet **quantized, MhoError *error)
{
    MhoQuantPlan used = *plan;
    *quantized = NULL;
    if (plan->weight_bits < 1 || plan->activation_bits < 1)
        return mho_fail(error, MHO_USAGE,
                        "network '%s': a quantized network needs weight and activation bits, not %d and %d", net->name,
                        plan->weight_bits, plan->activation_bits);
    const MhoStatus status = has_codes(net) ? mho_net_rebuild(net, change_bits, &used, quantized, error)
                                            : quantize_float(net, plan, quantized, error);
    if (status != MHO_OK)
        return status;
    unset_new_scales(net, *quantized);
    mho_net_rescale_sigma_ranges(net, *quantized);
    return MHO_OK;
}

MhoStatus mho_net_fit_weights(MhoNet *net, MhoError *error)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        MhoNode *node = &net->nodes[i];
        const MhoConvSettings *conv = mho_node_conv(node);
        MhoNodeArray *scale = mho_node_array(node, MHO_ARRAY_LOG_SCALE),
                     *weight = mho_node_array(node, MHO_ARRAY_WEIGHT);
        bool unset = false;
        for (size_t k = 0; scale && k < scale->n; k++)
            unset = unset || isnan(scale->value[k]);
        if (!conv || conv->bits == 0 || !unset || !weight)
            continue;
        MhoQuantShape shape = {
            .bits = conv->bits, .is_signed = true, .channels = scale->n, .per_channel = weight->n / scale->n};
        const MhoStatus status = mho_policy_scratch(node, &shape, error);
        if (status != MHO_OK)
            return status;
        node->policy.quantizer->fit(node->policy.params, shape, weight->value, scale->value);
        free(shape.scratch);
    }
    return MHO_OK;
}
