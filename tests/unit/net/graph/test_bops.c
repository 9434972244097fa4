/* test_bops.c - bit operations: the layer formula on published layer lists, and the bits and sizes read from networks.
 */
#include <math.h>

#include "net/graph/bops.h"
#include "support/net_sample.h"

/* ResNet-20 on 32 x 32 x 3 with shortcuts without weights (option A of He et al., CVPR 2016): 0.0406 billion
 * multiply-accumulates. */
static double resnet20(double weight_bits, double activation_bits, double *macs)
{
    static const struct {
        double outputs, fan_in, positions;
        int count;
    } rows[] = {{16, 27, 1024, 1}, {16, 144, 1024, 6}, {32, 144, 256, 1}, {32, 288, 256, 5},
                {64, 288, 64, 1},  {64, 576, 64, 5},   {10, 64, 1, 1}};
    double sum = 0.0;

    *macs = 0.0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const MhoBopsLayer layer = {rows[i].outputs, rows[i].fan_in, rows[i].positions, activation_bits, weight_bits};
        sum += rows[i].count * mho_bops_layer(layer);
        *macs += rows[i].count * rows[i].outputs * rows[i].fan_in * rows[i].positions;
    }
    return sum;
}

/* Derived from the formula of the paper's section 4.2, in billions. */
TEST(test_published_list)
{
    static const struct {
        double weight_bits, activation_bits, billions, tolerance;
    } rows[] = {{32, 32, 44.45, 0.005}, {8, 8, 3.57, 0.005},   {4, 4, 1.30, 0.005},
                {3, 3, 0.935, 0.0005},  {2, 4, 0.894, 0.0005}, {2, 2, 0.651, 0.0005}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double macs;
        const double billions = resnet20(rows[i].weight_bits, rows[i].activation_bits, &macs) * 1e-9;
        ck_assert_double_eq_tol(billions, rows[i].billions, rows[i].tolerance);
        ck_assert_double_eq_tol(macs, 40.55e6, 0.01e6);
    }
}

/* By hand: 16 channels of 3 x 3 x 4 inputs at 5 positions, 2-bit weights, 4-bit codes: 16 36 5 (8 + 6 + log2 36). */
TEST(test_one_layer)
{
    ck_assert_double_eq_tol(mho_bops_layer((MhoBopsLayer){16, 36, 5, 4, 2}), 2880.0 * (14.0 + 5.169925001442312), 1e-6);
    ck_assert_double_eq(mho_bops_layer((MhoBopsLayer){1, 1, 1, 8, 8}), 80.0);
}

static MhoBopsLayer layer_of(const MhoNet *net, const char *name)
{
    MhoBopsLayer layer;
    MhoError error = {0};
    must(mho_net_bops_layer(net, mho_net_find(net, name), &layer, &error), &error);
    return layer;
}

static void assert_layer(MhoBopsLayer layer, double outputs, double fan_in, double positions, double a, double w)
{
    ck_assert_double_eq(layer.outputs, outputs);
    ck_assert_double_eq(layer.fan_in, fan_in);
    ck_assert_double_eq(layer.positions, positions);
    ck_assert_double_eq(layer.activation_bits, a);
    ck_assert_double_eq(layer.weight_bits, w);
}

/* The image has 8 bits; the sums of the pool are quantized with 8 at least; strided 28 -> 14 -> 7. */
TEST(test_networks)
{
    MhoNet *plain = sample_float("allconv"), *net = sample_quantized("allconv", 2, 4);
    MhoError error = {0};
    MhoBopsLayer unused;
    double macs = 0.0;
    assert_layer(layer_of(net, "conv1"), 16, 9, 784, 8, 2);
    assert_layer(layer_of(net, "conv2"), 24, 144, 196, 4, 2);
    assert_layer(layer_of(net, "logits"), 10, 64, 1, 8, 2);
    assert_layer(layer_of(plain, "conv2"), 24, 144, 196, 32, 32);
    assert_layer(layer_of(plain, "conv1"), 16, 9, 784, 8, 32);
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_conv(&net->nodes[i])) {
            const MhoBopsLayer layer = layer_of(net, net->nodes[i].name);
            macs += layer.outputs * layer.fan_in * layer.positions;
        }
    ck_assert_double_eq(macs, mho_net_macs(net));
    must_refuse(mho_net_bops_layer(net, mho_net_find(net, "conv1_codes"), &unused, &error), &error, MHO_USAGE,
                "conv1_codes");
    mho_net_destroy(plain);
    mho_net_destroy(net);
}

/* A maximum pool passes the codes before it; a group reads its channels only. */
TEST(test_pools_and_groups)
{
    const MhoInputSettings image = {.h = 8, .w = 8, .c = 4, .divisor = 255.0};
    const MhoConvSettings grouped = {
        .channels = 6, .kernel = 3, .stride = 1, .pad = 1, .groups = 2, .bits = 3, .policy = "fqconv"};
    const MhoConvSettings dense = {.channels = 10, .stride = 1, .groups = 1, .bits = 5, .policy = "uniq"};
    const MhoFakeQuantSettings codes = {.bits = 6, .policy = "fqconv"};
    const MhoPoolSettings pool = {.kind = MHO_POOL_MAX, .window = 2, .stride = 2};
    MhoError error = {0};
    MhoNet *net;
    must(mho_net_create("grouped", &net, &error), &error);
    must(mho_net_add(net, "image", "input", &image, sizeof image, NULL, NULL, &error), &error);
    must(mho_net_add(net, "conv", "conv", &grouped, sizeof grouped, "image", NULL, &error), &error);
    must(mho_net_add(net, "codes", "fake_quant", &codes, sizeof codes, "conv", NULL, &error), &error);
    must(mho_net_add(net, "pool", "pool", &pool, sizeof pool, "codes", NULL, &error), &error);
    must(mho_net_add(net, "logits", "dense", &dense, sizeof dense, "pool", NULL, &error), &error);
    must(mho_net_finish(net, &error), &error);
    assert_layer(layer_of(net, "conv"), 6, 18, 64, 8, 3);
    assert_layer(layer_of(net, "logits"), 10, 96, 1, 6, 5);
    mho_net_destroy(net);
}
