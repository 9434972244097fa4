/* test_step_names.c - a training step knows its nodes, arrays and policies: it compares no strings. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chip_bench.h"
#include "must.h"
#include "net/transform/transform.h"
#include "train/train_internal.h"

int __real_strcmp(const char *a, const char *b);
int __real_strncmp(const char *a, const char *b, size_t n);
int __wrap_strcmp(const char *a, const char *b);
int __wrap_strncmp(const char *a, const char *b, size_t n);

static int n_comparisons; /* by mho's own code: libraries are not wrapped */

int __wrap_strcmp(const char *a, const char *b)
{
    n_comparisons++;
    return __real_strcmp(a, b);
}

int __wrap_strncmp(const char *a, const char *b, size_t n)
{
    n_comparisons++;
    return __real_strncmp(a, b, n);
}

static void step_optimizer(MhoNet *net, MhoFakeQuant *fq)
{
    const MhoTrainParams params = {.momentum = 0.9, .weight_decay = 1e-4, .weight_clip = 2.5};
    MhoOptimizer optimizer;
    MhoError error = {0};
    must(mho_optimizer_create(net, &params, &optimizer, &error), &error);
    must(mho_optimizer_step(&optimizer, fq, 0.01, &error), &error);
    mho_optimizer_destroy(&optimizer);
}

/* The hook works: making a network looks names up. */
TEST(making_a_network_looks_names_up)
{
    MhoNet *net;
    MhoError error = {0};
    n_comparisons = 0;
    must(mho_net_build("allconv", (MhoShape){8, 8, 1}, 4, 0.25, 1, &net, &error), &error);
    ck_assert_int_gt(n_comparisons, 0);
    mho_net_destroy(net);
}

/* Forward, backward and optimizer of quantized networks with shifts, batch norm, groups and residual sums. */
TEST_LOOP(a_step_without_a_chip_looks_no_name_up, 0, CHIP_NETS)
{
    ChipBench bench;
    chip_open(&bench, _i, "ideal", "ideal");
    n_comparisons = 0;
    chip_step(&bench, -1);
    step_optimizer(bench.net, bench.pass);
    ck_assert_int_eq(n_comparisons, 0);
    chip_close(&bench);
}

/* The same with the sums of a chip: codes of weights, their matrices, learned converter ranges. */
TEST_LOOP(a_step_on_a_chip_looks_no_name_up, 0, CHIP_NETS)
{
    ChipBench bench;
    chip_open(&bench, _i, "pcm", "uniform");
    chip_step(&bench, 0);
    n_comparisons = 0;
    chip_step(&bench, 1);
    step_optimizer(bench.net, bench.pass);
    ck_assert_int_eq(n_comparisons, 0);
    chip_close(&bench);
}

/* Levels that are fitted to the weights again at every step, with codes and with injected noise. */
TEST_LOOP(a_step_that_fits_scales_looks_no_name_up, MHO_MODE_CODES, MHO_MODE_CLEAN + 1)
{
    enum { BATCH = 3, SIDE = 8, CLASSES = 4 };
    const MhoQuantPlan plan = {.weight_bits = 4,
                               .activation_bits = 4,
                               .scale = MHO_SCALE_PER_CHANNEL,
                               .weight_policy = "uniq cdf=empirical",
                               .activation_policy = "uniq"};
    uint8_t images[BATCH * SIDE * SIDE], modes[64];
    float logits[BATCH * CLASSES], d_logits[BATCH * CLASSES];
    MhoNet *floats, *net;
    MhoFakeQuant *fq;
    MhoError error = {0};
    must(mho_net_build("allconv", (MhoShape){SIDE, SIDE, 1}, CLASSES, 0.25, 1, &floats, &error), &error);
    must(mho_net_quantize(floats, &plan, &net, &error), &error);
    must(mho_net_fit_weights(net, &error), &error);
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_fake_quant(&net->nodes[i]))
            mho_node_array(&net->nodes[i], MHO_ARRAY_LOG_SCALE)->value[0] = 0.0F;
    for (int i = 0; i < BATCH * SIDE * SIDE; i++)
        images[i] = (uint8_t)(37 * i);
    for (int i = 0; i < BATCH * CLASSES; i++)
        d_logits[i] = 0.25F * (float)(i % 5 - 2);
    memset(modes, _i, sizeof modes);
    must(mho_fakequant_create(net, BATCH, true, &fq, &error), &error);
    n_comparisons = 0;
    mho_fakequant_set_modes(fq, modes, 1, 0);
    must(mho_fakequant_forward(fq, images, true, logits, &error), &error);
    must(mho_fakequant_backward(fq, d_logits, &error), &error);
    step_optimizer(net, fq);
    ck_assert_int_eq(n_comparisons, 0);
    mho_fakequant_destroy(fq);
    mho_net_destroy(net);
    mho_net_destroy(floats);
}
