/* run_once.h - an executor made, run once and destroyed, for tests that look at one run. */
#ifndef MHO_TESTS_SUPPORT_RUN_ONCE_H
#define MHO_TESTS_SUPPORT_RUN_ONCE_H

#include "net/lowered/code_noise.h"
#include "net/lowered/net_on_chip.h"

static inline MhoStatus run_and_destroy(MhoStatus status, MhoExecutor *executor, const MhoImageBatch *batch,
                                        MhoError *error)
{
    if (status == MHO_OK)
        status = mho_executor_run(executor, batch, error);
    mho_executor_destroy(executor);
    return status;
}

static inline MhoStatus run_integer(const MhoLoweredNet *net, const uint8_t *images, size_t n, int threads,
                                    float *logits, uint8_t *codes, MhoError *error)
{
    MhoExecutor *executor = NULL;
    const MhoStatus status = mho_integer_executor_create(net, threads, &executor, error);
    return run_and_destroy(status, executor,
                           &(MhoImageBatch){.images = images, .n = n, .logits = logits, .codes = codes}, error);
}

static inline MhoStatus run_code_noise(const MhoLoweredNet *net, const MhoCodeNoise *noise, const uint8_t *images,
                                       size_t n, uint32_t image0, int threads, float *logits, MhoError *error)
{
    MhoExecutor *executor = NULL;
    const MhoStatus status = mho_code_noise_executor_create(net, noise, threads, &executor, error);
    return run_and_destroy(status, executor,
                           &(MhoImageBatch){.images = images, .n = n, .image0 = image0, .logits = logits}, error);
}

/* As the setters of analog_executor.h. measured: images of this run. observer: NULL, or calibration. */
typedef struct AnalogRun {
    uint32_t image0;
    size_t measured;
    int threads;
    MhoRangeObserver *observer;
    MhoLayerMeter *meters;
    uint8_t *codes;
} AnalogRun;

static inline MhoStatus run_analog(const MhoLoweredNet *net, const MhoChipState *state, const uint8_t *images, size_t n,
                                   const AnalogRun *run, float *logits, MhoError *error)
{
    MhoExecutor *executor = NULL;
    const MhoImageBatch batch = {
        .images = images, .n = n, .image0 = run->image0, .logits = logits, .codes = run->codes};
    MhoStatus status = mho_analog_executor_create(net, mho_chip_state_plan(state), run->observer != NULL, run->threads,
                                                  &executor, error);
    if (status == MHO_OK) {
        mho_analog_executor_set_state(executor, state);
        mho_analog_executor_set_meters(executor, run->meters, run->image0 + run->measured);
        status = mho_executor_run(executor, &batch, error);
    }
    if (status == MHO_OK && run->observer)
        mho_analog_executor_merge_observed(executor, run->observer);
    mho_executor_destroy(executor);
    return status;
}

/* A net on a chip with or without (NULL) calibration images. */
static inline MhoStatus plan_net(const MhoLoweredNet *net, const MhoChipConfig *config, const uint8_t *images, size_t n,
                                 int threads, MhoNetOnChip **on_chip, MhoError *error)
{
    const MhoNetOnChipInput input = {
        .net = net, .config = config, .calibration = images, .n_calibration = n, .threads = threads};
    return mho_net_on_chip_create(&input, on_chip, error);
}

#endif
