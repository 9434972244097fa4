/* test_bits.c - which activations belong to which layer, the same network at other bits, and its cost. */
#include <stdlib.h>

#include "kernels/math.h"
#include "net/transform/bits.h"
#include "net/graph/bops.h"
#include "net/transform/transform.h"
#include "support/net_sample.h"

static const char *const builders[] = {"lenet", "allconv", "resnet20"};

static bool is_sum_pool(const MhoNode *node)
{
    return mho_node_pool(node) && mho_node_pool(node)->kind != MHO_POOL_MAX;
}

/* Streams of residual stages share scales, or are shared; sums of pools keep their bits. */
static bool has_own_bits(const MhoNet *net, size_t i)
{
    const MhoFakeQuantSettings *self = mho_node_fake_quant(&net->nodes[i]);
    if (!self || self->share[0] || is_sum_pool(&net->nodes[net->nodes[i].inputs[0]]))
        return false;
    for (size_t k = 0; k < net->n_nodes; k++)
        if (mho_node_fake_quant(&net->nodes[k]) &&
            strcmp(mho_node_fake_quant(&net->nodes[k])->share, net->nodes[i].name) == 0)
            return false;
    return true;
}

static MhoBitUnit *units_of(const MhoNet *net, size_t *n)
{
    MhoBitUnit *units;
    MhoError error = {0};
    must(mho_net_bit_units(net, &units, n, &error), &error);
    return units;
}

static const MhoBitUnit *unit_called(const MhoNet *net, const MhoBitUnit *units, size_t n, const char *name)
{
    for (size_t u = 0; u < n; u++)
        if (strcmp(net->nodes[units[u].layer].name, name) == 0)
            return &units[u];
    ck_abort_msg("no unit %s", name);
    return NULL;
}

static void assert_owns(const MhoNet *net, const MhoBitUnit *unit, const char *quantizer)
{
    if (!quantizer) {
        ck_assert_int_eq(unit->n_quantizers, 0);
        return;
    }
    ck_assert_int_eq(unit->n_quantizers, 1);
    ck_assert_str_eq(net->nodes[unit->quantizers[0]].name, quantizer);
}

/* Every weighted layer is one unit, every quantizer with bits of its own is in one unit, no other is in any. */
TEST_LOOP(test_units_share_out_all_quantizers, 0, 3)
{
    MhoNet *net = sample_quantized(builders[_i], 8, 8);
    size_t n, layers = 0;
    MhoBitUnit *units = units_of(net, &n);
    for (size_t i = 0; i < net->n_nodes; i++) {
        int owners = 0;
        layers += mho_node_conv(&net->nodes[i]) != NULL;
        for (size_t u = 0; u < n; u++)
            for (int q = 0; q < units[u].n_quantizers; q++)
                owners += units[u].quantizers[q] == (int)i;
        ck_assert_msg(owners == has_own_bits(net, i), "%s: %d owners", net->nodes[i].name, owners);
    }
    ck_assert_uint_eq(n, layers);
    for (size_t u = 0; u < n; u++) {
        ck_assert(u == 0 || units[u].layer > units[u - 1].layer);
        ck_assert_double_eq(units[u].weights, (double)mho_node_array(&net->nodes[units[u].layer], MHO_ARRAY_WEIGHT)->n);
        for (int q = 0; q < units[u].n_quantizers; q++)
            ck_assert_int_gt(units[u].quantizers[q], units[u].layer);
    }
    free(units);
    mho_net_destroy(net);
}

/* The stem has the codes after its stream, an addition belongs to the later layer, the classifier has none. */
TEST(test_residual_owners)
{
    MhoNet *net = sample_quantized("resnet20", 8, 8);
    size_t n;
    MhoBitUnit *units = units_of(net, &n);
    const int main_branch = mho_net_find(net, "block2a_conv2"), shortcut = mho_net_find(net, "block2a_short");
    assert_owns(net, unit_called(net, units, n, "conv1"), "conv1_codes");
    assert_owns(net, unit_called(net, units, n, "block1a_conv1"), "block1a_conv1_codes");
    assert_owns(net, unit_called(net, units, n, "block1a_conv2"), "block1a_codes");
    assert_owns(net, unit_called(net, units, n, main_branch > shortcut ? "block2a_conv2" : "block2a_short"),
                "block2a_codes");
    assert_owns(net, unit_called(net, units, n, main_branch > shortcut ? "block2a_short" : "block2a_conv2"), NULL);
    assert_owns(net, unit_called(net, units, n, "logits"), NULL);
    free(units);
    mho_net_destroy(net);
}

/* Bits of a float layer are refused with its name. */
TEST(test_float_layers_have_no_bits)
{
    MhoNet *net = sample_float("lenet"), *made;
    int bits[64] = {0};
    MhoBitUnit *units;
    MhoError error = {0};
    size_t n;
    must_refuse(mho_net_bit_units(net, &units, &n, &error), &error, MHO_USAGE, "'conv1' is not quantized");
    ck_assert_ptr_null(units);
    bits[mho_net_find(net, "conv1")] = 4;
    must_refuse(mho_net_with_bits(net, bits, NULL, &made, &error), &error, MHO_USAGE, "'conv1' is not quantized");
    mho_net_destroy(net);
}

static double product(const MhoNet *net)
{
    double sum = 0.0;
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays; a++)
            for (size_t k = 0; k < net->nodes[i].arrays[a].n; k++)
                sum += (double)net->nodes[i].arrays[a].value[k] * (double)(1 + k % 7 + i % 5);
    return sum;
}

/* Nothing asked: nothing changed. Other converter bits: only these. */
TEST_LOOP(test_unchanged, 0, 3)
{
    MhoNet *net = sample_quantized(builders[_i], 8, 8), *made;
    int *adc_bits = calloc(net->n_nodes, sizeof *adc_bits);
    MhoError error = {0};
    ck_assert_ptr_nonnull(adc_bits);
    must(mho_net_with_bits(net, NULL, NULL, &made, &error), &error);
    ck_assert_double_eq(product(net), product(made));
    for (size_t i = 0; i < net->n_nodes; i++)
        ck_assert_mem_eq(net->nodes[i].settings, made->nodes[i].settings, net->nodes[i].layer->descriptor.params_size);
    mho_net_destroy(made);
    adc_bits[mho_net_find(net, "conv2") > 0 ? mho_net_find(net, "conv2") : mho_net_find(net, "conv1")] = 5;
    must(mho_net_with_bits(net, NULL, adc_bits, &made, &error), &error);
    ck_assert_double_eq(product(net), product(made));
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_conv(&made->nodes[i]))
            ck_assert_int_eq(mho_node_conv(&made->nodes[i])->adc_bits, adc_bits[i]);
    adc_bits[mho_net_find(net, "conv1_codes")] = 5;
    mho_net_destroy(made);
    must_refuse(mho_net_with_bits(net, NULL, adc_bits, &made, &error), &error, MHO_USAGE, "no converters");
    free(adc_bits);
    mho_net_destroy(net);
}

/* Weight scales of the layer that changed are those of a fit at its bits; everything else stays. */
TEST(test_other_bits)
{
    MhoNet *net = sample_quantized("lenet", 8, 8), *low = sample_quantized("lenet", 3, 3), *made;
    const int conv = mho_net_find(net, "conv2"), codes = mho_net_find(net, "conv2_codes");
    int bits[64] = {0};
    MhoError error = {0};
    bits[conv] = bits[codes] = 3;
    must(mho_net_with_bits(net, bits, NULL, &made, &error), &error);
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays; a++) {
            const MhoNodeArray *was = &net->nodes[i].arrays[a];
            const bool fitted = (int)i == conv && strcmp(was->name, "log_scale") == 0;
            const float *expected = fitted ? mho_node_values(&low->nodes[i], MHO_ARRAY_LOG_SCALE) : was->value;
            ck_assert_mem_eq(made->nodes[i].arrays[a].value, expected, was->n * sizeof *expected);
        }
    ck_assert_int_eq(mho_node_conv(&made->nodes[conv])->bits, 3);
    ck_assert_int_eq(mho_node_fake_quant(&made->nodes[codes])->bits, 3);
    ck_assert_int_eq(mho_node_conv(&made->nodes[mho_net_find(net, "conv1")])->bits, 8);
    ck_assert(mho_node_values(&made->nodes[conv], MHO_ARRAY_LOG_SCALE)[0] !=
              mho_node_values(&net->nodes[conv], MHO_ARRAY_LOG_SCALE)[0]);
    mho_net_destroy(made);
    bits[conv] = 9;
    must_refuse(mho_net_with_bits(net, bits, NULL, &made, &error), &error, MHO_USAGE, "conv2");
    ck_assert_ptr_null(made);
    mho_net_destroy(net);
    mho_net_destroy(low);
}

/* A stream of a residual stage cannot change alone. */
TEST(test_streams_keep_their_bits)
{
    MhoNet *net = sample_quantized("resnet20", 8, 8), *made;
    int *bits = calloc(net->n_nodes, sizeof *bits);
    MhoError error = {0};
    ck_assert_ptr_nonnull(bits);
    bits[mho_net_find(net, "conv1_stream")] = 4;
    must_refuse(mho_net_with_bits(net, bits, NULL, &made, &error), &error, MHO_USAGE, "different steps");
    free(bits);
    mho_net_destroy(net);
}

/* Value of one accumulator unit of channel k. */
static double unit_of(const MhoNet *net, int node, size_t k)
{
    double scale_x;
    int n_w;
    MhoError error = {0};
    must(mho_net_scale(net, net->nodes[node].inputs[0], &scale_x, &error), &error);
    must(mho_net_weight_range(net, node, &n_w, &error), &error);
    return scale_x * exp((double)mho_node_values(&net->nodes[node], MHO_ARRAY_LOG_SCALE)[k]) / n_w;
}

/* Without batch norm: the shift's value stays when weights, or the codes that are read, have other bits. */
TEST_LOOP(test_shifts_keep_their_value, 0, 2)
{
    MhoNet *with = sample_quantized("lenet", 8, 8), *net, *made;
    int bits[64] = {0};
    MhoError error = {0};
    must(mho_net_remove_batchnorm(with, MHO_SCALE_PER_CHANNEL, true, &net, &error), &error);
    const int first = mho_net_find(net, "conv1"), conv = mho_net_find(net, "conv2");
    bits[_i == 0 ? conv : mho_net_find(net, "conv1_codes")] = 3;
    must(mho_net_with_bits(net, bits, NULL, &made, &error), &error);
    const float *before = mho_node_values(&net->nodes[conv], MHO_ARRAY_SHIFT),
                *after = mho_node_values(&made->nodes[conv], MHO_ARRAY_SHIFT);
    for (size_t k = 0; k < (size_t)net->nodes[conv].shape.c; k++) {
        const double value = (double)before[k] * unit_of(net, conv, k);
        ck_assert_double_eq_tol((double)after[k] * unit_of(made, conv, k), value, 1e-5 * fabs(value));
        ck_assert(before[k] == 0.0F || fabs((double)(after[k] / before[k])) < 0.7);
    }
    ck_assert_mem_eq(mho_node_values(&net->nodes[first], MHO_ARRAY_SHIFT),
                     mho_node_values(&made->nodes[first], MHO_ARRAY_SHIFT),
                     (size_t)net->nodes[first].shape.c * sizeof(float));
    mho_net_destroy(made);
    mho_net_destroy(net);
    mho_net_destroy(with);
}

/* A learned converter range counts the same units: it shrinks with the largest weight code and with the largest input.
 */
TEST(test_converter_ranges_keep_their_value)
{
    MhoNet *net = sample_quantized("lenet", 8, 8), *made;
    const int conv = mho_net_find(net, "conv2"), codes = mho_net_find(net, "conv1_codes");
    int bits[64] = {0};
    MhoError error = {0};
    ((MhoConvSettings *)(void *)net->nodes[conv].settings)->adc_range = true;
    must(mho_net_finish(net, &error), &error);
    mho_node_array(&net->nodes[conv], MHO_ARRAY_ADC_LOG_RANGE)->value[0] = 9.0F;
    bits[conv] = 3;  /* codes to 3 instead of 127 */
    bits[codes] = 4; /* to 15 instead of 255 */
    must(mho_net_with_bits(net, bits, NULL, &made, &error), &error);
    ck_assert_double_eq_tol((double)mho_node_values(&made->nodes[conv], MHO_ARRAY_ADC_LOG_RANGE)[0],
                            9.0 + log(3.0 / 127.0 * 15.0 / 255.0), 1e-5);
    mho_net_destroy(made);
    mho_net_destroy(net);
}

/* Bits of weights and bit operations of a net are the sums over its layers. */
TEST(test_costs)
{
    MhoNet *net = sample_quantized("lenet", 8, 8), *plain = sample_float("lenet"), *made;
    int bits[64] = {0};
    MhoError error = {0};
    MhoBopsLayer layer;
    double weights = 0.0, bops, other, expected = 0.0;
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_conv(&net->nodes[i])) {
            weights += (double)mho_node_array(&net->nodes[i], MHO_ARRAY_WEIGHT)->n;
            must(mho_net_bops_layer(net, (int)i, &layer, &error), &error);
            expected += mho_bops_layer(layer);
        }
    const int conv = mho_net_find(net, "conv2");
    const double n = (double)mho_node_array(&net->nodes[conv], MHO_ARRAY_WEIGHT)->n;
    must(mho_net_bops(net, &bops, &error), &error);
    ck_assert_double_eq(bops, expected);
    ck_assert_double_eq(mho_net_weight_bits(net), 8.0 * weights);
    ck_assert_double_eq(mho_net_weight_bits(plain), 32.0 * weights);
    bits[conv] = 2;
    must(mho_net_with_bits(net, bits, NULL, &made, &error), &error);
    ck_assert_double_eq(mho_net_weight_bits(made), 8.0 * weights - 6.0 * n);
    must(mho_net_bops(made, &other, &error), &error);
    must(mho_net_bops_layer(net, conv, &layer, &error), &error);
    ck_assert_double_eq_tol(bops - other, layer.outputs * layer.positions * layer.fan_in * (8 * 6 + 6), 1e-6 * bops);
    mho_net_destroy(made);
    mho_net_destroy(plain);
    mho_net_destroy(net);
}
