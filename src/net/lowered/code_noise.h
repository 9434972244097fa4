/* code_noise.h - a lowered network with Gaussian noise on its codes, in place of a chip. */
#ifndef MHO_NET_LOWERED_CODE_NOISE_H
#define MHO_NET_LOWERED_CODE_NOISE_H

#include "net/lowered/executor.h"

/* Standard deviations in LSB of the weight codes, of the codes of the image and of every quantizer (after rounding),
 * and of the sums in steps of the codes that they become (before rounding; logits: in steps of the classifier's
 * accumulator). Draws depend on (seed, chip, image, layer, element) only. Source: FQ-Conv, Verhoef et al.,
 * arXiv:1912.09356. */
typedef struct MhoCodeNoise {
    double weight, activation, sum;
    bool weight_per_image; /* fresh weights for every image; else one draw per chip */
    uint64_t seed;
    uint32_t chip;
} MhoCodeNoise;

/* Runs by mho's own float kernels in one fixed order. Without any noise it is the integer executor. net is borrowed.
 * USAGE for a standard deviation outside 0 to 1e6. */
MhoStatus mho_code_noise_executor_create(const MhoLoweredNet *net, const MhoCodeNoise *noise, int threads,
                                         MhoExecutor **executor, MhoError *error) MHO_CHECKED;

/* The next runs draw the noise of this chip number. */
void mho_code_noise_executor_set_chip(MhoExecutor *executor, uint32_t chip);

/* The keys "noise.*" of a study. */
typedef enum MhoCodeNoiseDraw { MHO_CODE_NOISE_PER_CHIP, MHO_CODE_NOISE_PER_IMAGE } MhoCodeNoiseDraw;
typedef struct MhoNoiseParams {
    double weight, activation, sum; /* LSB */
    int draw;                       /* MhoCodeNoiseDraw: of the weights */
} MhoNoiseParams;
extern const MhoDescriptor mho_noise_descriptor; /* keys relative to "noise." */

/* The first key with noise, without its "noise."; NULL: no noise. */
const char *mho_code_noise_key(const MhoNoiseParams *noise);

#endif
