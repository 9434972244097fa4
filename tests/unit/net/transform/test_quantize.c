/* test_quantize.c - where each graph has fake_quant nodes, which scales they share, what changes with the bits. */
#include <string.h>

#include "kernels/math.h"
#include "support/net_sample.h"

#include "net/transform/transform.h"

static const MhoFakeQuantSettings *quantizer_at(const MhoNet *net, const char *name)
{
    const int at = mho_net_find(net, name);
    ck_assert_msg(at >= 0, "no node %s", name);
    const MhoFakeQuantSettings *settings = mho_node_fake_quant(&net->nodes[at]);
    ck_assert_msg(settings != NULL, "%s is no quantizer", name);
    return settings;
}

static void reads(const MhoNet *net, const char *name, int input, const char *expected)
{
    const int at = mho_net_find(net, name);
    ck_assert_msg(at >= 0, "no node %s", name);
    ck_assert_str_eq(net->nodes[net->nodes[at].inputs[input]].name, expected);
}

static size_t count(const MhoNet *net, const char *kind)
{
    size_t n = 0;
    for (size_t i = 0; i < net->n_nodes; i++)
        n += strcmp(net->nodes[i].layer->descriptor.name, kind) == 0;
    return n;
}

/* In a chain every ReLU becomes a fake_quant node, and maximum pools stay on codes. */
TEST(test_chain)
{
    MhoNet *net = sample_quantized("lenet", 4, 3);
    ck_assert(mho_net_is_quantized(net));
    ck_assert_uint_eq(count(net, "relu"), 0);
    ck_assert_uint_eq(count(net, "fake_quant"), 4); /* one per ReLU; maximum pools work on codes */
    ck_assert_uint_eq(count(net, "batchnorm"), 4);
    reads(net, "conv1", 0, "image");
    reads(net, "conv1_codes", 0, "conv1_norm");
    reads(net, "pool1", 0, "conv1_codes");
    reads(net, "conv2", 0, "pool1");
    reads(net, "logits", 0, "dense2_codes");
    ck_assert_int_eq(quantizer_at(net, "conv1_codes")->bits, 3);
    ck_assert(!quantizer_at(net, "conv1_codes")->is_signed);
    ck_assert_int_eq(mho_node_conv(&net->nodes[mho_net_find(net, "conv2")])->bits, 4);
    mho_net_destroy(net);
}

/* Sums of an average pool have 8 bits even where activations have 2. */
TEST(test_pool_sums_get_eight_bits)
{
    MhoNet *net = sample_quantized("allconv", 2, 2);
    reads(net, "pool", 0, "conv5_codes");
    reads(net, "pool_codes", 0, "pool");
    reads(net, "logits", 0, "pool_codes");
    ck_assert_int_eq(quantizer_at(net, "pool_codes")->bits, 8);
    ck_assert(!quantizer_at(net, "pool_codes")->is_signed);
    mho_net_destroy(net);
}

/* Every addition's inputs: signed 8-bit or positive 7-bit codes of one scale per stage. */
TEST(test_residual_stages_share_a_scale)
{
    MhoNet *net = sample_quantized("resnet20", 4, 4);
    MhoError error = {0};
    int owner_of_stage[3] = {-1, -1, -1};
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoNode *node = &net->nodes[i];
        if (!mho_node_is(node, &mho_layer_add))
            continue;
        const int stage = node->name[5] - '1';
        for (int k = 0; k < 2; k++) {
            const int input = node->inputs[k], owner = mho_net_scale_owner(net, input);
            const MhoFakeQuantSettings *settings = mho_node_fake_quant(&net->nodes[input]);
            ck_assert_ptr_nonnull(settings);
            ck_assert_int_eq(settings->bits, settings->is_signed ? 8 : 7);
            if (owner_of_stage[stage] < 0)
                owner_of_stage[stage] = owner;
            ck_assert_int_eq(owner, owner_of_stage[stage]);
            int n;
            bool is_signed;
            must(mho_net_code_range(net, input, &n, &is_signed, &error), &error);
            ck_assert_int_eq(n, 127);
            ck_assert_int_eq(is_signed, settings->is_signed);
        }
    }
    ck_assert_int_ne(owner_of_stage[0], owner_of_stage[1]);
    ck_assert_int_ne(owner_of_stage[1], owner_of_stage[2]);
    /* the stem's stream is the first shortcut, convolutions read it at their own bits */
    reads(net, "block1a_add", 0, "block1a_conv2_stream");
    reads(net, "block1a_add", 1, "conv1_stream");
    reads(net, "block1a_conv1", 0, "conv1_codes");
    reads(net, "conv1_codes", 0, "conv1_stream");
    reads(net, "block1b_add", 1, "block1a_stream");
    ck_assert_int_eq(quantizer_at(net, "conv1_codes")->bits, 4);
    ck_assert_str_eq(quantizer_at(net, "conv1_codes")->share, "");
    /* a stage change: both branches of the new stage, its input at the bits of the convolutions */
    reads(net, "block2a_short", 0, "block1c_codes");
    reads(net, "block2a_conv1", 0, "block1c_codes");
    reads(net, "block1c_codes", 0, "block1c_stream");
    reads(net, "block2a_add", 1, "block2a_short_stream");
    ck_assert(quantizer_at(net, "block2a_short_stream")->is_signed);
    /* the last stream goes to the pool as it is */
    reads(net, "pool", 0, "block3c_stream");
    mho_net_destroy(net);
}

/* New scales are NaN and requantization refuses them until weights are fitted and ranges set. */
TEST(test_new_scales_are_unset_until_fitted)
{
    MhoNet *net = sample_float("lenet"), *quantized;
    MhoError error = {0};
    const MhoQuantPlan plan = sample_plan(8, 8);
    float a[16], b[16];
    MhoRequant requant;
    must(mho_net_quantize(net, &plan, &quantized, &error), &error);
    MhoNode *conv = &quantized->nodes[mho_net_find(quantized, "conv2")];
    const int codes = mho_net_find(quantized, "conv2_codes");
    ck_assert(isnan(mho_node_values(conv, MHO_ARRAY_LOG_SCALE)[3]));
    ck_assert(isnan(mho_node_values(&quantized->nodes[codes], MHO_ARRAY_LOG_SCALE)[0]));
    must_refuse(mho_net_requant(quantized, codes, a, b, &requant, &error), &error, MHO_USAGE,
                "node 'conv2_codes': its scale");
    sample_ranges(quantized);
    must_refuse(mho_net_requant(quantized, codes, a, b, &requant, &error), &error, MHO_USAGE,
                "node 'conv2': the scale of its weights");
    must(mho_net_fit_weights(quantized, &error), &error);
    ck_assert(isfinite(mho_node_values(conv, MHO_ARRAY_LOG_SCALE)[3]));
    must(mho_net_requant(quantized, codes, a, b, &requant, &error), &error);
    /* the float weights are kept as master weights */
    const MhoNode *from = &net->nodes[mho_net_find(net, "conv2")];
    ck_assert_mem_eq(mho_node_values(from, MHO_ARRAY_WEIGHT), mho_node_values(conv, MHO_ARRAY_WEIGHT),
                     16 * 150 * sizeof(float));
    /* fitting again changes nothing */
    mho_node_array(conv, MHO_ARRAY_LOG_SCALE)->value[3] = 0.25F;
    must(mho_net_fit_weights(quantized, &error), &error);
    ck_assert_float_eq(mho_node_values(conv, MHO_ARRAY_LOG_SCALE)[3], 0.25F);
    mho_net_destroy(net);
    mho_net_destroy(quantized);
}

/* Fewer bits change layers and codes, but neither arrays nor residual streams. */
TEST(test_fewer_bits_keep_scales_and_residual_codes)
{
    MhoNet *net = sample_quantized("resnet20", 8, 8), *less;
    MhoQuantPlan plan = sample_plan(2, 4);
    MhoError error = {0};
    must(mho_net_quantize(net, &plan, &less, &error), &error);
    ck_assert_uint_eq(less->n_nodes, net->n_nodes);
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoNode *before = &net->nodes[i], *after = &less->nodes[i];
        ck_assert_str_eq(before->name, after->name);
        for (size_t a = 0; a < before->n_arrays; a++)
            ck_assert_mem_eq(before->arrays[a].value, after->arrays[a].value, before->arrays[a].n * sizeof(float));
        if (mho_node_conv(after))
            ck_assert_int_eq(mho_node_conv(after)->bits, 2);
    }
    ck_assert_int_eq(quantizer_at(less, "block2b_conv1_codes")->bits, 4);
    ck_assert_int_eq(quantizer_at(less, "block2b_stream")->bits, 7);
    ck_assert_int_eq(quantizer_at(less, "conv1_stream")->bits, 7); /* the owner of stage 1 */
    ck_assert_int_eq(quantizer_at(less, "block2b_conv2_stream")->bits, 8);
    ck_assert_int_eq(quantizer_at(less, "pool_codes")->bits, 8);
    mho_net_destroy(net);
    plan.scale = MHO_SCALE_PER_TENSOR; /* other scales: to be fitted again */
    must(mho_net_quantize(less, &plan, &net, &error), &error);
    ck_assert(isnan(mho_node_values(&net->nodes[mho_net_find(net, "conv1")], MHO_ARRAY_LOG_SCALE)[0]));
    ck_assert(!isnan(mho_node_values(&net->nodes[mho_net_find(net, "conv1_stream")], MHO_ARRAY_LOG_SCALE)[0]));
    plan.weight_bits = 0;
    MhoNet *none;
    must_refuse(mho_net_quantize(net, &plan, &none, &error), &error, MHO_USAGE, "weight and activation bits");
    mho_net_destroy(net);
    mho_net_destroy(less);
}

/* Constants of one channel against the formula written out in long. */
TEST(test_constants)
{
    MhoNet *net = sample_quantized("resnet20", 4, 5);
    MhoError error = {0};
    float a[64], b[64];
    MhoRequant requant;
    const int conv = mho_net_find(net, "conv1"), norm = mho_net_find(net, "conv1_norm"),
              stream = mho_net_find(net, "conv1_stream");
    must(mho_net_requant(net, stream, a, b, &requant, &error), &error);
    ck_assert_int_eq(requant.source, conv);
    ck_assert_int_eq(requant.low, 0);
    ck_assert_int_eq(requant.high, 127);
    const MhoNode *bn = &net->nodes[norm];
    const double step = exp((double)mho_node_values(&net->nodes[stream], MHO_ARRAY_LOG_SCALE)[0]) / 127.0;
    for (int k = 0; k < 16; k++) {
        const double unit = exp((double)mho_node_values(&net->nodes[conv], MHO_ARRAY_LOG_SCALE)[k]) / 7.0 / 255.0;
        const double gain = (double)mho_node_values(bn, MHO_ARRAY_GAMMA)[k] /
                            sqrt((double)mho_node_values(bn, MHO_ARRAY_VARIANCE)[k] +
                                 ((const MhoBatchnormSettings *)(const void *)bn->settings)->epsilon);
        const double offset =
            (double)mho_node_values(bn, MHO_ARRAY_BETA)[k] - gain * (double)mho_node_values(bn, MHO_ARRAY_MEAN)[k];
        ck_assert_double_eq_tol((double)a[k] / (unit * gain / step), 1.0, 2e-7);
        ck_assert_double_eq_tol((double)b[k], offset / step, 1e-5);
    }
    /* fake_quant after fake_quant: the ratio of the steps */
    must(mho_net_requant(net, mho_net_find(net, "conv1_codes"), a, b, &requant, &error), &error);
    const double own =
        exp((double)mho_node_values(&net->nodes[mho_net_find(net, "conv1_codes")], MHO_ARRAY_LOG_SCALE)[0]) / 31.0;
    ck_assert_int_eq(requant.source, stream);
    ck_assert_double_eq_tol((double)a[3], step / own, 1e-6);
    ck_assert_float_eq(b[3], 0.0F);
    /* an addition within a stage: codes are on the step already */
    must(mho_net_requant(net, mho_net_find(net, "block1a_stream"), a, b, &requant, &error), &error);
    ck_assert_int_eq(requant.source, mho_net_find(net, "block1a_add"));
    ck_assert_float_eq(a[0], 1.0F);
    /* sums of 8 x 8 codes: 1/N is in the multiplier */
    must(mho_net_requant(net, mho_net_find(net, "pool_codes"), a, b, &requant, &error), &error);
    double stage, pooled;
    must(mho_net_scale(net, mho_net_find(net, "block3c_stream"), &stage, &error), &error);
    must(mho_net_scale(net, mho_net_find(net, "pool_codes"), &pooled, &error), &error);
    ck_assert_double_eq_tol((double)a[0] / (stage / 64.0 / pooled), 1.0, 2e-7);
    /* logits: the step is 1, the bias float */
    mho_node_array(&net->nodes[mho_net_find(net, "logits")], MHO_ARRAY_BIAS)->value[4] = 0.75F;
    must(mho_net_requant(net, mho_net_find(net, "logits"), a, b, &requant, &error), &error);
    ck_assert(requant.is_logits);
    ck_assert_float_eq(b[4], 0.75F);
    mho_net_destroy(net);
}

/* A ReLU before a signed fake_quant node cuts its range at 0; ReLU before batch norm does not fold. */
TEST(test_relu_left_in_front_of_a_signed_quantizer)
{
    const MhoInputSettings input = {.h = 4, .w = 4, .c = 2, .divisor = 255.0};
    const MhoFakeQuantSettings codes = {.bits = 4, .is_signed = true, .policy = "fqconv"};
    MhoError error = {0};
    MhoNet *net;
    float a[2], b[2];
    MhoRequant requant;
    must(mho_net_create("hand", &net, &error), &error);
    must(mho_net_add(net, "image", "input", &input, sizeof input, NULL, NULL, &error), &error);
    must(mho_net_add(net, "relu", "relu", NULL, 0, "image", NULL, &error), &error);
    must(mho_net_add(net, "norm", "batchnorm", NULL, 0, "relu", NULL, &error), &error);
    must(mho_net_add(net, "late", "fake_quant", &codes, sizeof codes, "norm", NULL, &error), &error);
    must(mho_net_add(net, "positive", "relu", NULL, 0, "late", NULL, &error), &error);
    must(mho_net_add(net, "codes", "fake_quant", &codes, sizeof codes, "positive", NULL, &error), &error);
    must(mho_net_add(net, "out", "dense", NULL, 0, "codes", NULL, &error), &error);
    must(mho_net_finish(net, &error), &error);
    must(mho_net_requant(net, mho_net_find(net, "codes"), a, b, &requant, &error), &error);
    ck_assert_int_eq(requant.low, 0);
    ck_assert_int_eq(requant.high, 7);
    must_refuse(mho_net_requant(net, mho_net_find(net, "late"), a, b, &requant, &error), &error, MHO_USAGE,
                "node 'norm'");
    must_refuse(mho_net_requant(net, mho_net_find(net, "norm"), a, b, &requant, &error), &error, MHO_USAGE,
                "node 'norm'");
    mho_net_destroy(net);
}

/* What a quantizer does not take is refused before a net is made, with the node and the reason. */
TEST(test_policy_limits)
{
    MhoNet *residual = sample_float("resnet20"), *plain = sample_float("allconv"), *none;
    MhoError error = {0};
    MhoQuantPlan plan = sample_plan(4, 4);
    strcpy(plan.activation_policy, "dorefa");
    must_refuse(mho_net_quantize(residual, &plan, &none, &error), &error, MHO_USAGE,
                "quantizer 'dorefa' has no signed activations");
    strcpy(plan.activation_policy, "pact");
    must_refuse(mho_net_quantize(residual, &plan, &none, &error), &error, MHO_USAGE,
                "quantizer 'pact' has no signed activations");
    ck_assert_ptr_null(none);
    strcpy(plan.weight_policy, "pact"); /* weights are signed, and these activations are not */
    must(mho_net_quantize(plain, &plan, &none, &error), &error);
    mho_net_destroy(none);
    plan.weight_bits = 9;
    must_refuse(mho_net_quantize(plain, &plan, &none, &error), &error, MHO_USAGE, "takes 2 to 8 bits, not 9");
    strcpy(plan.weight_policy, "pact alpha=3");
    must_refuse(mho_net_quantize(plain, &plan, &none, &error), &error, MHO_USAGE, "has no parameter 'alpha'");
    mho_net_destroy(plain);
    mho_net_destroy(residual);
}
