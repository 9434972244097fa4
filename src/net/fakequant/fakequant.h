/* fakequant.h - float and fake-quant executor: forward and backward over the graph, convolutions by oneDNN.
 *
 * In training, batch norm uses batch statistics; in evaluation a quantizer applies the same float32 constants a, b
 * (net/graph/requant.h) as the integer and analog executors, on exact sums, so its codes equal theirs.
 */
#ifndef MHO_NET_FAKEQUANT_FAKEQUANT_H
#define MHO_NET_FAKEQUANT_FAKEQUANT_H

#include "crossbar/crossbar.h"
#include "net/graph/net.h"

typedef struct MhoFakeQuant MhoFakeQuant;

/* Gaussian noise injected in the forward pass, standard deviations in LSB of the tensor concerned: on the weight codes
 * of quantized layers; on the codes of the image and of every quantizer, after rounding; on what a quantizer reads, in
 * LSB of its codes, before rounding. Draws depend on (seed, step, node, element) only. Gradients take the noise as a
 * constant. */
typedef struct MhoFakeQuantNoise {
    double weight, activation, sum;
    uint64_t seed;
    uint32_t step;
    bool weight_per_image; /* fresh weight noise per image instead of per batch: evaluation only */
} MhoFakeQuantNoise;

/* All buffers and oneDNN primitives for a batch. The net is borrowed; its arrays may change between calls. training:
 * keep what backward needs. USAGE names a node whose input it cannot read (a scale per channel in front of a weighted
 * layer). */
MhoStatus mho_fakequant_create(MhoNet *net, size_t batch, bool training, MhoFakeQuant **fq,
                               MhoError *error) MHO_CHECKED;
void mho_fakequant_destroy(MhoFakeQuant *fq);
void mho_fakequant_set_noise(MhoFakeQuant *fq, const MhoFakeQuantNoise *noise); /* NULL: none */

/* What a quantized weighted layer or a quantizer does while batch statistics are in use; evaluation always uses codes.
 * Baskin et al., UNIQ, arXiv:1804.10969. */
typedef enum MhoNodeMode {
    MHO_MODE_CODES, /* quantized */
    MHO_MODE_NOISE, /* the policy's injected noise; codes where it has none */
    MHO_MODE_CLEAN  /* values that are not rounded; a quantizer with lower = 0 is a ReLU */
} MhoNodeMode;
/* modes (n_nodes) MhoNodeMode, borrowed until set again; NULL: codes everywhere. Draws depend on (seed, step, node,
 * element) only. */
void mho_fakequant_set_modes(MhoFakeQuant *fq, const uint8_t *modes, uint64_t seed, uint32_t step);

/* Hardware-aware training: while batch statistics are in use, sums of quantized layers that read codes are those of
 * chip number `step` of config, as the analog executor computes them with images numbered from 0: programming noise,
 * drift to `at`, compensation, read noise, converters. Ranges: unit, maximum and fixed as in crossbar.h; learned and
 * calibrated are the nodes' adc_log_range, which has a gradient where it is learned and is held where calibrated.
 * Backward is straight-through: weights and inputs as their clean codes, nothing through a clipped conversion, which
 * moves its range instead. Injected noise on weights or activations beside a chip, and a node without the range that it
 * needs, are USAGE errors of the forward pass. config is borrowed until set again; NULL: none.
 * Joshi et al., Nat. Commun. 11 (2020) 2473. */
void mho_fakequant_set_chip(MhoFakeQuant *fq, const MhoChipConfig *config, MhoCondition at, uint32_t step);

/* The configuration on which a net that trains on this one is judged: with the net's own ranges for calibrated ones. */
MhoChipConfig mho_chip_sums_config(const MhoChipConfig *config);

/* images (batch, h, w, c) u8; logits (batch, classes). use_batch_statistics: training mode of batch norm, which moves
 * its running statistics. false: evaluation; sums of codes are exact (beyond 2^24 by planes of weights; USAGE names
 * a layer where even these are not), codes those of every executor. USAGE also names a node whose scale is not set
 * (NaN). */
MhoStatus mho_fakequant_forward(MhoFakeQuant *fq, const uint8_t *images, bool use_batch_statistics, float *logits,
                                MhoError *error) MHO_CHECKED;

/* d_logits (batch, classes) -> gradients of every learned array (overwritten), read with mho_fakequant_gradient. Once
 * per forward pass of a training pass; after an evaluation forward, batch norm's statistics are constants. */
MhoStatus mho_fakequant_backward(MhoFakeQuant *fq, const float *d_logits, MhoError *error) MHO_CHECKED;
float *mho_fakequant_gradient(MhoFakeQuant *fq, size_t node, size_t array); /* (n) or NULL when not learned */

/* Stored output (batch, h, w, c) of a node after a forward pass: codes of a quantizer, sums of a convolution.
 * NULL in a training pass for batch norm and ReLU that only the next of batch norm, ReLU, quantizer reads: they are
 * never stored. */
const float *mho_fakequant_output(const MhoFakeQuant *fq, size_t node);

#endif
