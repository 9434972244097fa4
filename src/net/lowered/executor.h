/* executor.h - integer and analog execution of a lowered network over many images.
 *
 * Both write the same logits and, on request, the codes of every step; images run in parallel, results do not depend on
 * threads or batch.
 */
#ifndef MHO_NET_LOWERED_EXECUTOR_H
#define MHO_NET_LOWERED_EXECUTOR_H

#include "net/lowered/lower.h"

/* images (n, h, w, c) u8 -> logits (n, classes). codes: NULL, or (n, program->codes_size). threads <= 0: OpenMP's
 * default. */
MhoStatus mho_integer_run(const MhoLoweredNet *program, const uint8_t *images, size_t n, int threads, float *logits,
                          uint8_t *codes, MhoError *error) MHO_CHECKED;

/* The same on a chip's state. image0: number of the first image in its set. meters: NULL or (n_matrices), added in
 * image order; the first `measured` images also measure signal and noise. probe: NULL, or calibration (sums recorded,
 * nothing converted). */
typedef struct MhoAnalogOptions {
    uint32_t image0;
    size_t measured;
    int threads;
    MhoRangeObserver *probe;
    MhoLayerMeter *meters;
    uint8_t *codes;
} MhoAnalogOptions;
MhoStatus mho_analog_run(const MhoLoweredNet *program, const MhoChipState *state, const uint8_t *images, size_t n,
                         const MhoAnalogOptions *options, float *logits, MhoError *error) MHO_CHECKED;

/* The network with Gaussian noise on its codes (FQ-Conv, Verhoef et al., arXiv:1912.09356): standard deviations in LSB
 * of the weight codes, of the codes of the image and of every quantizer (after rounding), and of the sums in steps of
 * the codes that they become (before rounding; logits: in steps of the classifier's accumulator). By mho's own float
 * kernels in one fixed order. Draws depend on (seed, chip, image, layer, element) only. */
typedef struct MhoCodeNoise {
    double weight, activation, sum;
    bool weight_per_image; /* fresh weights for every image; else one draw per chip */
    uint64_t seed;
    uint32_t chip;
} MhoCodeNoise;
/* image0: number of the first image in its set. Without any noise: the integer executor's logits. USAGE for a standard
 * deviation outside 0 to 1e6. */
MhoStatus mho_code_noise_run(const MhoLoweredNet *program, const MhoCodeNoise *noise, const uint8_t *images, size_t n,
                             uint32_t image0, int threads, float *logits, MhoError *error) MHO_CHECKED;

/* The keys "noise.*" of a study. */
typedef enum MhoCodeNoiseDraw { MHO_CODE_NOISE_PER_CHIP, MHO_CODE_NOISE_PER_IMAGE } MhoCodeNoiseDraw;
typedef struct MhoNoiseParams {
    double weight, activation, sum; /* LSB */
    int draw;                       /* MhoCodeNoiseDraw: of the weights */
} MhoNoiseParams;
extern const MhoDescriptor mho_noise_descriptor; /* keys relative to "noise." */

/* The first key with noise, without its "noise."; NULL: no noise. */
const char *mho_code_noise_key(const MhoNoiseParams *noise);

/* A plan for this program on this configuration, with ADC steps of calibrate = ideal from training images. */
MhoStatus mho_lowered_net_plan(const MhoLoweredNet *program, const MhoChipConfig *config, const uint8_t *images,
                               size_t n_images, int threads, MhoPlan **plan, MhoError *error) MHO_CHECKED;
/* Chip `number` in condition, calibrated (chip, state) and compensated as the plan asks. chip_cache: *chip is made when
 * NULL and kept. */
MhoStatus mho_lowered_net_state(const MhoLoweredNet *program, const MhoPlan *plan, uint32_t number, MhoCondition at,
                                const uint8_t *images, size_t n_images, int threads, MhoChip **chip,
                                MhoChipState **state, MhoError *error) MHO_CHECKED;

/* A copy of a quantized net (batch norm may stand) whose quantized layers all have adc_log_range: as it is where there
 * is one, else the range calibrated on the ideal chip with training images (n). USAGE as lowering and plans say. */
MhoStatus mho_net_calibrate_adc_ranges(const MhoNet *net, const MhoChipConfig *config, const uint8_t *images, size_t n,
                                       int threads, MhoNet **made, MhoError *error) MHO_CHECKED;

/* Post-training quantization: activation scales of a quantized net whose log-scales are NaN, from training images
 * through mho's own float kernels in one fixed order; the caller logs it. USAGE without images, FAILED (naming the
 * node) for values that are not finite. */
MhoStatus mho_net_calibrate(MhoNet *net, const uint8_t *images, size_t n, int threads, MhoError *error) MHO_CHECKED;

/* Top-1 hits and mean cross entropy of logits (n, classes), added in image order. */
void mho_logits_score(const float *logits, const uint8_t *labels, size_t n, int n_classes, size_t *hits, double *loss);

#endif
