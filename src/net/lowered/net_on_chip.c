/* net_on_chip.c - from a lowered network to a chip that is ready to run: plan, converter ranges, compensation.
 *
 * Ranges come from training images, whose sums are recorded without being converted: on the ideal chip once, on the
 * chip just after programming, or on the chip in its condition. Reads of calibration have image numbers of their own.
 */
#include <stdlib.h>

#include "net/lowered/executor_internal.h"

/* Just after programming at the reference temperature, whatever the condition of a trial: a chip is calibrated once. */
static const MhoCondition fresh = {.t = 0.0, .temperature = 298.15};

#define CALIBRATION_IMAGE UINT32_C(0x80000000) /* test images are numbered from 0 */

/* Record the sums of training images on a state. */
static MhoStatus probe_state(const MhoLoweredNet *program, const MhoChipState *state, const uint8_t *images, size_t n,
                             int threads, MhoRangeObserver *probe, MhoError *error)
{
    const MhoAnalogOptions options = {.image0 = CALIBRATION_IMAGE, .threads = threads, .probe = probe};

    if (!images || n == 0)
        return mho_fail(error, MHO_USAGE,
                        "chip.adc.range=calibrated needs training images; set chip.adc.range=maximum to do without");
    float *logits = calloc(n, (size_t)program->n_classes * sizeof *logits);
    if (!logits)
        return mho_fail(error, MHO_MEMORY, "out of memory for the logits of %zu calibration images", n);
    const MhoStatus status = mho_analog_run(program, state, images, n, &options, logits, error);
    free(logits);
    return status;
}

/* A new probe with the sums of a fresh chip. */
static MhoStatus probe_chip(const MhoLoweredNet *program, const MhoChip *chip, const uint8_t *images, size_t n,
                            int threads, MhoRangeObserver **probe, MhoError *error)
{
    MhoChipState *state = NULL;
    MhoStatus status = mho_range_observer_create(program->n_matrices, probe, error);

    if (status == MHO_OK)
        status = mho_chip_state_create(chip, fresh, &state, error);
    if (status == MHO_OK)
        status = probe_state(program, state, images, n, threads, *probe, error);
    mho_chip_state_destroy(state);
    return status;
}

static MhoStatus calibrate_plan(const MhoLoweredNet *program, MhoPlan *plan, const uint8_t *images, size_t n,
                                int threads, MhoError *error)
{
    MhoChip *ideal = NULL;
    MhoRangeObserver *probe = NULL;
    MhoStatus status = mho_chip_create_ideal(plan, &ideal, error);

    if (status == MHO_OK)
        status = probe_chip(program, ideal, images, n, threads, &probe, error);
    if (status == MHO_OK)
        status = mho_plan_calibrate(plan, probe, error);
    mho_range_observer_destroy(probe);
    mho_chip_destroy(ideal);
    return status;
}

MhoStatus mho_lowered_net_plan(const MhoLoweredNet *program, const MhoChipConfig *config, const uint8_t *images,
                               size_t n_images, int threads, MhoPlan **plan, MhoError *error)
{
    MhoPlan *made = NULL;

    *plan = NULL;
    MhoStatus status = mho_plan_create(config, program->matrices, program->n_matrices, &made, error);
    if (status == MHO_OK && mho_plan_needs_calibration(made) && mho_plan_calibrate_when(made) == MHO_CALIBRATE_IDEAL)
        status = calibrate_plan(program, made, images, n_images, threads, error);
    if (status != MHO_OK) {
        mho_plan_destroy(made);
        return status;
    }
    *plan = made;
    return MHO_OK;
}

/* A chip, calibrated just after programming where the plan asks for that. */
static MhoStatus make_chip(const MhoLoweredNet *program, const MhoPlan *plan, uint32_t number, const uint8_t *images,
                           size_t n, int threads, MhoChip **chip, MhoError *error)
{
    MhoRangeObserver *probe = NULL;
    MhoChip *made = NULL;
    MhoStatus status = mho_chip_create(plan, number, &made, error);

    if (status == MHO_OK && mho_plan_needs_calibration(plan) && mho_plan_calibrate_when(plan) == MHO_CALIBRATE_CHIP) {
        status = probe_chip(program, made, images, n, threads, &probe, error);
        if (status == MHO_OK)
            status = mho_chip_calibrate(made, probe, error);
    }
    mho_range_observer_destroy(probe);
    if (status == MHO_OK)
        *chip = made;
    else
        mho_chip_destroy(made);
    return status;
}

static MhoStatus calibrate_state(const MhoLoweredNet *program, MhoChipState *state, const uint8_t *images, size_t n,
                                 int threads, MhoError *error)
{
    MhoRangeObserver *probe = NULL;
    MhoStatus status = mho_range_observer_create(program->n_matrices, &probe, error);

    if (status == MHO_OK)
        status = probe_state(program, state, images, n, threads, probe, error);
    if (status == MHO_OK)
        status = mho_chip_state_calibrate(state, probe, error);
    mho_range_observer_destroy(probe);
    return status;
}

static MhoStatus compensate(const MhoPlan *plan, MhoChipState *state, MhoError *error)
{
    MhoWorkspace *run = NULL;
    MhoStatus status = mho_workspace_create(plan, &run, error);

    if (status == MHO_OK)
        status = mho_chip_state_compensate(state, run, error);
    mho_workspace_destroy(run);
    return status;
}

MhoStatus mho_lowered_net_state(const MhoLoweredNet *program, const MhoPlan *plan, uint32_t number, MhoCondition at,
                                const uint8_t *images, size_t n_images, int threads, MhoChip **chip,
                                MhoChipState **state, MhoError *error)
{
    MhoChipState *made = NULL;
    MhoStatus status = MHO_OK;

    *state = NULL;
    if (!*chip)
        status = make_chip(program, plan, number, images, n_images, threads, chip, error);
    if (status == MHO_OK)
        status = mho_chip_state_create(*chip, at, &made, error);
    if (status == MHO_OK && mho_plan_needs_calibration(plan) && mho_plan_calibrate_when(plan) == MHO_CALIBRATE_STATE)
        status = calibrate_state(program, made, images, n_images, threads, error);
    if (status == MHO_OK)
        status = compensate(plan, made, error);
    if (status == MHO_OK)
        *state = made;
    else
        mho_chip_state_destroy(made);
    return status;
}
