/* fakequant.h - the executor of training: forward and backward over a float or quantized graph, convolutions by oneDNN.
 *
 * In training, batch norm uses batch statistics. In evaluation a fake_quant node applies the float32 constants a, b of
 * net/graph/requant.h to exact sums, as the integer and analog executors do, so its codes equal theirs.
 */
#ifndef MHO_NET_FAKEQUANT_FAKEQUANT_H
#define MHO_NET_FAKEQUANT_FAKEQUANT_H

#include "crossbar/crossbar.h"
#include "net/graph/net.h"

typedef struct MhoFakeQuant MhoFakeQuant;

/* Gaussian noise injected in the forward pass, standard deviations in LSB: on the weight codes of quantized layers; on
 * the codes of the image and of every fake_quant node, after rounding; on the input of a fake_quant node, in LSB of its
 * codes, before rounding. Draws depend on (seed, step, node, element) only. Gradients treat the noise as a constant. */
typedef struct MhoFakeQuantNoise {
    double weight, activation, sum;
    uint64_t seed;
    uint32_t step;
    bool weight_per_image; /* fresh weight noise per image instead of per batch: evaluation only */
} MhoFakeQuantNoise;

/* All buffers and oneDNN primitives for a batch. The finished net is borrowed; values of its arrays may change between
 * calls, its settings may not. training: backward is possible. USAGE names a weighted layer whose input has a scale per
 * channel. */
MhoStatus mho_fakequant_create(MhoNet *net, size_t batch, bool training, MhoFakeQuant **fq,
                               MhoError *error) MHO_CHECKED;
void mho_fakequant_destroy(MhoFakeQuant *fq);
void mho_fakequant_set_noise(MhoFakeQuant *fq, const MhoFakeQuantNoise *noise); /* NULL: none */

/* Output of a quantized weighted layer or a fake_quant node while batch statistics are in use; evaluation always uses
 * codes. Baskin et al., UNIQ, arXiv:1804.10969. */
typedef enum MhoNodeMode {
    MHO_MODE_CODES, /* quantized */
    MHO_MODE_NOISE, /* the policy's injected noise; codes where it has none */
    MHO_MODE_CLEAN  /* values that are not rounded; an unsigned fake_quant node is a ReLU */
} MhoNodeMode;
/* modes (n_nodes) MhoNodeMode, borrowed until set again; NULL: codes everywhere. Draws depend on (seed, step, node,
 * element) only. */
void mho_fakequant_set_modes(MhoFakeQuant *fq, const uint8_t *modes, uint64_t seed, uint32_t step);

/* Hardware-aware training: while batch statistics are in use, sums of quantized layers that read codes are those of
 * chip number `step` of config, as the analog executor computes them with images numbered from 0: programming noise,
 * drift to `at`, compensation, read noise, converters. Ranges unit, maximum and fixed are those of crossbar.h. Ranges
 * learned and calibrated are the nodes' adc_log_range, which has a gradient where it is learned and is constant where
 * it is calibrated. Backward is straight-through: gradients pass the clean codes of weights and inputs; a clipped
 * conversion passes none and moves its range instead. The forward pass returns USAGE for injected noise on weights or
 * activations together with a chip, and for a node without the range that it needs. config is borrowed until set
 * again; NULL: no chip.
 * Joshi et al., Nat. Commun. 11 (2020) 2473. */
void mho_fakequant_set_chip(MhoFakeQuant *fq, const MhoChipConfig *config, MhoCondition at, uint32_t step);

/* The configuration for validating a net that trains on this one: calibrated ranges become the net's own. */
MhoChipConfig mho_chip_sums_config(const MhoChipConfig *config);

/* images (batch, h, w, c) u8; logits (batch, classes). use_batch_statistics: batch norm uses the batch and updates its
 * running statistics. false: evaluation; sums of codes are exact (beyond 2^24 by planes of weights) and codes are those
 * of every executor. USAGE names a layer whose sums cannot be exact, or a node whose scale is not set (NaN). */
MhoStatus mho_fakequant_forward(MhoFakeQuant *fq, const uint8_t *images, bool use_batch_statistics, float *logits,
                                MhoError *error) MHO_CHECKED;

/* d_logits (batch, classes) -> gradients of every learned array (overwritten), read with mho_fakequant_gradient. Once
 * per forward pass, created with training = true. After an evaluation forward the statistics of batch norm are
 * constants. */
MhoStatus mho_fakequant_backward(MhoFakeQuant *fq, const float *d_logits, MhoError *error) MHO_CHECKED;
float *mho_fakequant_gradient(MhoFakeQuant *fq, size_t node, size_t array); /* (n) or NULL when not learned */

/* Stored output (batch, h, w, c) of a node after a forward pass: codes of a fake_quant node, sums of a convolution.
 * NULL with training = true where only the next of batch norm, ReLU, fake_quant reads a batch norm or ReLU: such
 * outputs are not stored. */
const float *mho_fakequant_output(const MhoFakeQuant *fq, size_t node);

#endif
