/* test_chip_memory.c - every allocation of a step on a chip, of ranges and of accuracy on chips fails once, in turn;
 * each time the caller gets MHO_MEMORY and nothing leaks (the sanitizer build watches).
 */
#include "chip_bench.h"
#include "failing_memory.h"
#include "must.h"
#include "train/train.h"
#include "net/lowered/net_on_chip.h"

static MhoStatus train_step(ChipBench *bench, MhoError *error)
{
    MhoStatus status;
    mho_fakequant_set_chip(bench->pass, &bench->arrays.config, bench->at, 1);
    status = mho_fakequant_forward(bench->pass, bench->images, true, bench->logits, error);
    return status == MHO_OK ? mho_fakequant_backward(bench->pass, bench->d_logits, error) : status;
}

static MhoStatus make_ranges(ChipBench *bench, MhoError *error)
{
    MhoNet *made;
    const MhoStatus status = mho_net_calibrate_adc_ranges(bench->net, &bench->arrays.config, bench->images,
                                                          CHIP_CALIBRATION, 1, &made, error);
    mho_net_destroy(made);
    return status;
}

static MhoStatus evaluate(ChipBench *bench, MhoError *error)
{
    uint8_t labels[CHIP_CALIBRATION] = {0};
    const MhoDataset set = {.n = CHIP_CALIBRATION,
                            .h = DENSE_SIDE,
                            .w = DENSE_SIDE,
                            .c = DENSE_CHANNELS,
                            .n_classes = CHIP_CLASSES,
                            .images = bench->images,
                            .labels = labels};
    double accuracy, loss;
    return mho_train_evaluate_chip(bench->net, &set, &set, &bench->arrays.config, 0, 2, 1, &accuracy, &loss, error);
}

/* Whichever allocation of training on a chip fails, the call returns MHO_MEMORY with a text. */
TEST_LOOP(every_failed_allocation_is_reported, 0, 3)
{
    MhoStatus (*const calls[])(ChipBench * bench, MhoError * error) = {train_step, make_ranges, evaluate};
    MhoError error = {0};
    ChipBench bench;
    int failures = 0;

    chip_open(&bench, CHIP_DENSE, "pcm", "uniform");
    bench.arrays.config.chip.compensation = MHO_COMPENSATE_GLOBAL;
    if (_i == 1)
        ((MhoConvSettings *)(void *)chip_node(&bench, "logits")->settings)->adc_range = false;
    for (;; failures++) {
        memory_fail_after(failures);
        const MhoStatus status = calls[_i](&bench, &error);
        if (!memory_has_failed()) {
            ck_assert_msg(status == MHO_OK, "%s", error.text);
            break;
        }
        ck_assert_msg(status == MHO_MEMORY, "allocation %d: %s", failures, error.text);
        ck_assert_int_lt(failures, 1000);
    }
    ck_assert_int_ge(failures, 10);
    chip_close(&bench);
}
