/* net_on_chip.h - matrices of a network on one chip: plan, chip, condition, calibration, compensation, executor.
 *
 * Made once for a configuration, put on chips and into conditions any number of times:
 *     mho_net_on_chip_create(&input, &on_chip, error)
 *     mho_net_on_chip_set(on_chip, number, condition, NULL, error)     programs, ages, calibrates, compensates
 *     mho_executor_run(mho_net_on_chip_executor(on_chip), &batch, error)
 */
#ifndef MHO_NET_LOWERED_NET_ON_CHIP_H
#define MHO_NET_LOWERED_NET_ON_CHIP_H

#include "net/lowered/analog_executor.h"

typedef struct MhoNetOnChip MhoNetOnChip;

/* Everything is borrowed while the object lives. The configuration's own time and temperature are not used. */
typedef struct MhoNetOnChipInput {
    const MhoLoweredNet *net;
    const MhoChipConfig *config;
    const uint8_t *calibration; /* (n_calibration, h, w, c) training images for calibrated ranges; NULL: none */
    size_t n_calibration;
    int threads; /* <= 0: OpenMP's default */
} MhoNetOnChipInput;

/* Plan the chip; with calibrate = ideal its converter steps are set here. USAGE as plans say, and when calibrated
 * ranges have no images. */
MhoStatus mho_net_on_chip_create(const MhoNetOnChipInput *input, MhoNetOnChip **on_chip, MhoError *error) MHO_CHECKED;
void mho_net_on_chip_destroy(MhoNetOnChip *on_chip);

/* Put chip `number` into a condition. The chip is programmed unless it is in place already. Then the
 * converters are calibrated (calibrate = chip or state) and the compensation is measured. twin: a net on a chip whose
 * devices may be shared (mho_chip_create_twin); NULL: none. */
MhoStatus mho_net_on_chip_set(MhoNetOnChip *on_chip, uint32_t number, MhoCondition at, const MhoNetOnChip *twin,
                              MhoError *error) MHO_CHECKED;
/* Free the state, which is made again by the next set; the chip stays. */
void mho_net_on_chip_drop_state(MhoNetOnChip *on_chip);

const MhoPlan *mho_net_on_chip_plan(const MhoNetOnChip *on_chip);
const MhoChipState *mho_net_on_chip_state(const MhoNetOnChip *on_chip); /* NULL before set; for tests */
MhoExecutor *mho_net_on_chip_executor(MhoNetOnChip *on_chip);

/* Top-1 accuracy (0..1) and mean cross entropy on images (n) with labels, numbered from 0, of the chip in its
 * condition. logits (n, classes) is scratch. */
MhoStatus mho_net_on_chip_score(MhoNetOnChip *on_chip, const uint8_t *images, const uint8_t *labels, size_t n,
                                float *logits, double *accuracy, double *loss, MhoError *error) MHO_CHECKED;

/* Read one image through one layer, outside a run; thread: 0 .. threads - 1. */
void mho_net_on_chip_read_layer(MhoNetOnChip *on_chip, int thread, const MhoLayerCall *call);

/* A copy of a quantized net (batch norm may be there) whose quantized layers all have adc_log_range: as it is where
 * there is one, else the range calibrated on the ideal chip with training images (n). USAGE as lowering and plans say.
 */
MhoStatus mho_net_calibrate_adc_ranges(const MhoNet *net, const MhoChipConfig *config, const uint8_t *images, size_t n,
                                       int threads, MhoNet **made, MhoError *error) MHO_CHECKED;

#endif
