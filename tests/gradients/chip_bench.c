/* chip_bench.c - see chip_bench.h. */
#include "chip_bench.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "must.h"
#include "quantized_bench.h"
#include "net/transform/transform.h"
#include "net/lowered/net_on_chip.h"

static MhoNet *dense_net(void)
{
    const MhoInputSettings input = {DENSE_SIDE, DENSE_SIDE, DENSE_CHANNELS, 255.0};
    const MhoConvSettings dense = {.channels = CHIP_CLASSES, .groups = 1, .bits = 4, .policy = "fqconv"};
    MhoError error = {0};
    MhoNet *net;
    must(mho_net_create("dense", &net, &error), &error);
    must(mho_net_add(net, "image", "input", &input, sizeof input, NULL, NULL, &error), &error);
    must(mho_net_add(net, "logits", "dense", &dense, sizeof dense, "image", NULL, &error), &error);
    must(mho_net_finish(net, &error), &error);
    must(mho_net_initialize(net, 4, &error), &error);
    mho_node_array(&net->nodes[1], MHO_ARRAY_LOG_SCALE)->value[0] = NAN;
    must(mho_net_fit_weights(net, &error), &error);
    return net;
}

MhoNet *chip_net(int which, uint8_t **images)
{
    static const QuantizedSetup setups[] = {
        [CHIP_LENET] = {"lenet", {28, 28, 1}, 0.5, 4, 4, MHO_SCALE_PER_CHANNEL, false, true},
        [CHIP_RESNET] = {"resnet20", {12, 12, 1}, 0.25, 3, 4, MHO_SCALE_PER_CHANNEL, true, false},
    };
    if (which == CHIP_DENSE) {
        *images = random_images((MhoShape){DENSE_SIDE, DENSE_SIDE, DENSE_CHANNELS}, CHIP_CALIBRATION, 3);
        return dense_net();
    }
    if (which == CHIP_GROUPED) {
        *images = random_images(grouped_input, CHIP_CALIBRATION, 3);
        return grouped_net(*images, CHIP_CALIBRATION);
    }
    *images = random_images(setups[which].input, CHIP_CALIBRATION, 3);
    return quantized_net(&setups[which], *images, CHIP_CALIBRATION);
}

void chip_open(ChipBench *bench, int which, const char *cell, const char *adc)
{
    MhoError error = {0};
    MhoNet *net;
    memset(bench, 0, sizeof *bench);
    array_open(&bench->arrays, cell, adc);
    bench->arrays.config.chip.range = MHO_RANGE_LEARNED;
    bench->at = (MhoCondition){.t = 0.0, .temperature = 298.15};
    net = chip_net(which, &bench->images);
    must(mho_net_calibrate_adc_ranges(net, &bench->arrays.config, bench->images, CHIP_CALIBRATION, 1, &bench->net,
                                      &error),
         &error);
    mho_net_destroy(net);
    for (int i = 0; i < CHIP_BATCH * CHIP_CLASSES; i++)
        bench->d_logits[i] = 0.125F * (float)random_int(7, (uint64_t)i, -8, 8);
    chip_threads(bench, 1);
}

void chip_threads(ChipBench *bench, int threads)
{
    MhoError error = {0};
    mho_fakequant_destroy(bench->pass);
    omp_set_num_threads(threads);
    must(mho_fakequant_create(bench->net, CHIP_BATCH, true, &bench->pass, &error), &error);
}

void chip_close(ChipBench *bench)
{
    mho_fakequant_destroy(bench->pass);
    mho_net_destroy(bench->net);
    free(bench->images);
    array_close(&bench->arrays);
}

void chip_step(ChipBench *bench, int step)
{
    MhoError error = {0};
    mho_fakequant_set_chip(bench->pass, step < 0 ? NULL : &bench->arrays.config, bench->at, (uint32_t)step);
    must(mho_fakequant_forward(bench->pass, bench->images, true, bench->logits, &error), &error);
    must(mho_fakequant_backward(bench->pass, bench->d_logits, &error), &error);
}

float *chip_gradients(const ChipBench *bench, size_t *n)
{
    float *all = NULL;
    *n = 0;
    for (int round = 0; round < 2; round++) {
        size_t at = 0;
        for (size_t i = 0; i < bench->net->n_nodes; i++)
            for (size_t a = 0; a < bench->net->nodes[i].n_arrays; a++) {
                const float *gradient = mho_fakequant_gradient(bench->pass, i, a);
                const size_t count = gradient ? bench->net->nodes[i].arrays[a].n : 0;
                if (all && count > 0)
                    memcpy(all + at, gradient, count * sizeof *all);
                at += count;
            }
        *n = at;
        all = all ? all : calloc(at, sizeof *all);
        ck_assert_ptr_nonnull(all);
    }
    return all;
}

MhoNode *chip_node(const ChipBench *bench, const char *name)
{
    const int i = mho_net_find(bench->net, name);
    ck_assert_msg(i >= 0, "there is no node %s", name);
    return &bench->net->nodes[i];
}

const float *chip_sums(const ChipBench *bench, const char *name, size_t *n)
{
    const MhoNode *node = chip_node(bench, name);
    const float *sums = mho_fakequant_output(bench->pass, (size_t)(node - bench->net->nodes));
    ck_assert_ptr_nonnull(sums);
    *n = CHIP_BATCH * (size_t)(node->shape.h * node->shape.w * node->shape.c);
    return sums;
}
