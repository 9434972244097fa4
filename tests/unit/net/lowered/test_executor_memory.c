/* test_executor_memory.c - executors take all their memory when they are made: runs allocate nothing. */
#include <stdlib.h>

#include "failing_memory.h"
#include "support/executors_sample.h"
#include "support/run_once.h"

/* Allocations of a second run, after a first one. */
static int allocations_of_a_run(MhoExecutor *executor, const MhoImageBatch *batch)
{
    MhoError error = {0};
    int before, after;
    must(mho_executor_run(executor, batch, &error), &error);
    before = memory_allocations();
    const MhoStatus status = mho_executor_run(executor, batch, &error);
    after = memory_allocations();
    ck_assert_int_eq(status, MHO_OK);
    return after - before;
}

typedef struct Sample {
    uint8_t *images;
    MhoNet *net;
    MhoLoweredNet *lowered;
    Outputs outputs;
    MhoImageBatch batch;
} Sample;

static void sample_open(Sample *at)
{
    at->images = random_images(setups[6].input, N_IMAGES, 8);
    at->net = quantized_net(&setups[6], at->images, N_IMAGES);
    at->lowered = must_lower(at->net);
    at->outputs = outputs_new(at->lowered, N_IMAGES);
    at->batch = (MhoImageBatch){.images = at->images, .n = N_IMAGES, .logits = at->outputs.logits};
}

static void sample_close(Sample *at)
{
    outputs_free(&at->outputs);
    mho_lowered_net_destroy(at->lowered);
    mho_net_destroy(at->net);
    free(at->images);
}

/* The counter sees the allocations of the library: a run of a new executor has some when it is made. */
TEST(counter_sees_allocations)
{
    Sample at;
    MhoExecutor *executor;
    MhoError error = {0};
    sample_open(&at);
    const int before = memory_allocations();
    must(mho_integer_executor_create(at.lowered, 2, &executor, &error), &error);
    ck_assert_int_gt(memory_allocations(), before);
    mho_executor_destroy(executor);
    sample_close(&at);
}

/* A run of the integer network, with and without codes asked for, allocates nothing. */
TEST(integer_run_allocates_nothing)
{
    Sample at;
    MhoExecutor *executor;
    MhoError error = {0};
    sample_open(&at);
    must(mho_integer_executor_create(at.lowered, 2, &executor, &error), &error);
    ck_assert_int_eq(allocations_of_a_run(executor, &at.batch), 0);
    at.batch.codes = at.outputs.codes;
    ck_assert_int_eq(allocations_of_a_run(executor, &at.batch), 0);
    mho_executor_destroy(executor);
    sample_close(&at);
}

/* A run with noise on weights, activations and sums allocates nothing, neither does another chip's noise. */
TEST(code_noise_run_allocates_nothing)
{
    for (int per_image = 0; per_image < 2; per_image++) {
        const MhoCodeNoise noise = {
            .weight = 0.1, .activation = 0.2, .sum = 0.3, .weight_per_image = per_image == 1, .seed = 1};
        Sample at;
        MhoExecutor *executor;
        MhoError error = {0};
        sample_open(&at);
        must(mho_code_noise_executor_create(at.lowered, &noise, 2, &executor, &error), &error);
        ck_assert_int_eq(allocations_of_a_run(executor, &at.batch), 0);
        const int before = memory_allocations();
        mho_code_noise_executor_set_chip(executor, 7);
        ck_assert_int_eq(memory_allocations(), before);
        mho_executor_destroy(executor);
        sample_close(&at);
    }
}

/* A run on a noisy chip with meters allocates nothing. */
TEST(analog_run_allocates_nothing)
{
    Sample at;
    ArrayBench bench;
    MhoNetOnChip *on_chip;
    MhoLayerMeter meters[MAX_LAYERS] = {{0}};
    MhoError error = {0};
    sample_open(&at);
    array_open(&bench, "pcm", "uniform");
    bench.config.chip.range = MHO_RANGE_MAXIMUM;
    bench.config.chip.read = MHO_READ_CHOICE_PER_READ;
    must(plan_net(at.lowered, &bench.config, NULL, 0, 2, &on_chip, &error), &error);
    must(mho_net_on_chip_set(on_chip, 0, (MhoCondition){.t = 60.0, .temperature = 300.0}, NULL, &error), &error);
    mho_analog_executor_set_meters(mho_net_on_chip_executor(on_chip), meters, 4);
    ck_assert_int_eq(allocations_of_a_run(mho_net_on_chip_executor(on_chip), &at.batch), 0);
    ck_assert(meters[0].conversions > 0 && meters[0].signal > 0.0);
    mho_net_on_chip_destroy(on_chip);
    array_close(&bench);
    sample_close(&at);
}
