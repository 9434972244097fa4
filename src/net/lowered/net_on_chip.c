/* net_on_chip.c - from a lowered network to a chip that is ready to run: plan, converter ranges, compensation.
 *
 * Ranges come from training images, whose sums are recorded without being converted: on the ideal chip once, on the
 * chip just after programming, or on the chip in its condition. Calibration images have numbers that no test image has.
 */
#include "net/lowered/net_on_chip.h"

#include <stdlib.h>

#include "base/memory.h"

/* Just after programming at the reference temperature, whatever the condition of a trial: a chip is calibrated once. */
static const MhoCondition fresh = {.t = 0.0, .temperature = 298.15};

#define CALIBRATION_IMAGE UINT32_C(0x80000000) /* test images are numbered from 0 */

struct MhoNetOnChip {
    MhoNetOnChipInput input;
    MhoChipConfig config;
    MhoPlan *plan;
    MhoChip *chip;       /* NULL before the first set */
    MhoChipState *state; /* NULL before the first set and after drop_state */
    MhoCondition at;     /* of state */
    MhoExecutor *executor;
};

/* Sums of the calibration images on a state, as a new observer of the caller's. */
static MhoStatus observe_state(const MhoNetOnChip *on_chip, const MhoChipState *state, MhoRangeObserver **observer,
                               MhoError *error)
{
    const MhoNetOnChipInput *input = &on_chip->input;
    const size_t n = input->n_calibration;
    MhoExecutor *executor = NULL;
    *observer = NULL;
    if (!input->calibration || n == 0)
        return mho_fail(error, MHO_USAGE,
                        "chip.adc.range=calibrated needs training images; set chip.adc.range=maximum to do without");
    float *logits =
        mho_calloc(n, (size_t)input->net->n_classes * sizeof *logits, error, "the logits of %zu calibration images", n);
    if (!logits)
        return MHO_MEMORY;
    const MhoImageBatch batch = {.images = input->calibration, .n = n, .image0 = CALIBRATION_IMAGE, .logits = logits};
    MhoStatus status = mho_analog_executor_create(input->net, on_chip->plan, true, input->threads, &executor, error);
    if (status == MHO_OK) {
        mho_analog_executor_set_state(executor, state);
        status = mho_executor_run(executor, &batch, error);
    }
    if (status == MHO_OK)
        status = mho_range_observer_create(input->net->n_matrices, observer, error);
    if (status == MHO_OK)
        mho_analog_executor_merge_observed(executor, *observer);
    mho_executor_destroy(executor);
    free(logits);
    return status;
}

/* Sums of the calibration images on a chip just after programming. */
static MhoStatus observe_chip(const MhoNetOnChip *on_chip, const MhoChip *chip, MhoRangeObserver **observer,
                              MhoError *error)
{
    MhoChipState *state = NULL;
    MhoStatus status = mho_chip_state_create(chip, fresh, &state, error);
    *observer = NULL;
    if (status == MHO_OK)
        status = observe_state(on_chip, state, observer, error);
    mho_chip_state_destroy(state);
    return status;
}

static bool calibrates(const MhoNetOnChip *on_chip, MhoCalibrate when)
{
    return mho_plan_needs_calibration(on_chip->plan) && mho_plan_calibrate_when(on_chip->plan) == when;
}

static MhoStatus calibrate_plan(MhoNetOnChip *on_chip, MhoError *error)
{
    MhoChip *ideal = NULL;
    MhoRangeObserver *observer = NULL;
    MhoStatus status = mho_chip_create_ideal(on_chip->plan, &ideal, error);
    if (status == MHO_OK)
        status = observe_chip(on_chip, ideal, &observer, error);
    if (status == MHO_OK)
        status = mho_plan_calibrate(on_chip->plan, observer, error);
    mho_range_observer_destroy(observer);
    mho_chip_destroy(ideal);
    return status;
}

MhoStatus mho_net_on_chip_create(const MhoNetOnChipInput *input, MhoNetOnChip **on_chip, MhoError *error)
{
    MhoNetOnChip *made = mho_calloc(1, sizeof *made, error, "a net on a chip");
    *on_chip = NULL;
    if (!made)
        return MHO_MEMORY;
    *made = (MhoNetOnChip){.input = *input, .config = *input->config};
    made->input.config = &made->config;
    MhoStatus status = mho_plan_create(&made->config, input->net->matrices, input->net->n_matrices, &made->plan, error);
    if (status == MHO_OK && calibrates(made, MHO_CALIBRATE_IDEAL))
        status = calibrate_plan(made, error);
    if (status == MHO_OK)
        status = mho_analog_executor_create(input->net, made->plan, false, input->threads, &made->executor, error);
    if (status != MHO_OK) {
        mho_net_on_chip_destroy(made);
        return status;
    }
    *on_chip = made;
    return MHO_OK;
}

void mho_net_on_chip_destroy(MhoNetOnChip *on_chip)
{
    if (!on_chip)
        return;
    mho_executor_destroy(on_chip->executor);
    mho_chip_state_destroy(on_chip->state);
    mho_chip_destroy(on_chip->chip);
    mho_plan_destroy(on_chip->plan);
    free(on_chip);
}

/* A chip, calibrated just after programming where the plan asks for that. */
static MhoStatus make_chip(MhoNetOnChip *on_chip, uint32_t number, const MhoNetOnChip *twin, MhoError *error)
{
    MhoRangeObserver *observer = NULL;
    MhoChip *made = NULL;
    MhoStatus status = mho_chip_create_twin(on_chip->plan, number, twin ? twin->chip : NULL, &made, error);
    if (status == MHO_OK && calibrates(on_chip, MHO_CALIBRATE_CHIP)) {
        status = observe_chip(on_chip, made, &observer, error);
        if (status == MHO_OK)
            status = mho_chip_calibrate(made, observer, error);
    }
    mho_range_observer_destroy(observer);
    if (status != MHO_OK) {
        mho_chip_destroy(made);
        return status;
    }
    mho_chip_destroy(on_chip->chip);
    on_chip->chip = made;
    return MHO_OK;
}

static MhoStatus make_state(MhoNetOnChip *on_chip, MhoCondition at, MhoError *error)
{
    MhoRangeObserver *observer = NULL;
    MhoStatus status = mho_chip_state_create(on_chip->chip, at, &on_chip->state, error);
    if (status == MHO_OK && calibrates(on_chip, MHO_CALIBRATE_STATE)) {
        status = observe_state(on_chip, on_chip->state, &observer, error);
        if (status == MHO_OK)
            status = mho_chip_state_calibrate(on_chip->state, observer, error);
    }
    mho_range_observer_destroy(observer);
    if (status == MHO_OK)
        status = mho_chip_state_compensate(on_chip->state, mho_analog_executor_workspace(on_chip->executor, 0), error);
    on_chip->at = at;
    if (status == MHO_OK)
        mho_analog_executor_set_state(on_chip->executor, on_chip->state);
    else
        mho_net_on_chip_drop_state(on_chip);
    return status;
}

MhoStatus mho_net_on_chip_set(MhoNetOnChip *on_chip, uint32_t number, MhoCondition at, const MhoNetOnChip *twin,
                              MhoError *error)
{
    const bool same_chip = on_chip->chip && mho_chip_number(on_chip->chip) == number;
    MhoStatus status = MHO_OK;
    if (same_chip && on_chip->state && on_chip->at.t == at.t && on_chip->at.temperature == at.temperature)
        return MHO_OK;
    mho_net_on_chip_drop_state(on_chip);
    if (!same_chip)
        status = make_chip(on_chip, number, twin, error);
    return status == MHO_OK ? make_state(on_chip, at, error) : status;
}

void mho_net_on_chip_drop_state(MhoNetOnChip *on_chip)
{
    mho_chip_state_destroy(on_chip->state);
    on_chip->state = NULL;
    mho_analog_executor_set_state(on_chip->executor, NULL);
}

const MhoPlan *mho_net_on_chip_plan(const MhoNetOnChip *on_chip)
{
    return on_chip->plan;
}

const MhoChipState *mho_net_on_chip_state(const MhoNetOnChip *on_chip)
{
    return on_chip->state;
}

MhoExecutor *mho_net_on_chip_executor(MhoNetOnChip *on_chip)
{
    return on_chip->executor;
}

MhoStatus mho_net_on_chip_score(MhoNetOnChip *on_chip, const uint8_t *images, const uint8_t *labels, size_t n,
                                float *logits, double *accuracy, double *loss, MhoError *error)
{
    const MhoImageBatch batch = {.images = images, .n = n, .logits = logits};
    const MhoStatus status = mho_executor_run(on_chip->executor, &batch, error);
    size_t hits;
    if (status != MHO_OK)
        return status;
    mho_logits_score(logits, labels, n, on_chip->input.net->n_classes, &hits, loss);
    *accuracy = n > 0 ? (double)hits / (double)n : 0.0;
    return MHO_OK;
}

void mho_net_on_chip_read_layer(MhoNetOnChip *on_chip, int thread, const MhoLayerCall *call)
{
    mho_chip_state_forward(on_chip->state, mho_analog_executor_workspace(on_chip->executor, thread), call);
}
