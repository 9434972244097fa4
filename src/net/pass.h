/* pass.h - float and fake-quant executor: forward and backward over the graph, convolutions by oneDNN.
 *
 * In training, batch norm uses batch statistics; in evaluation a quantizer applies the same float32 constants a, b
 * (net/requant.h) as the integer and analog executors, on exact sums, so its codes equal theirs.
 */
#ifndef MHO_NET_PASS_H
#define MHO_NET_PASS_H

#include "net/net.h"

typedef struct MhoPass MhoPass;

/* Gaussian noise injected in the forward pass, standard deviations in LSB of the tensor concerned: on the weight codes
 * of quantized layers; on the codes of the image and of every quantizer, after rounding; on what a quantizer reads, in
 * LSB of its codes, before rounding. Draws depend on (seed, step, node, element) only. Gradients take the noise as a
 * constant. */
typedef struct MhoPassNoise {
    double weight, activation, sum;
    uint64_t seed;
    uint32_t step;
    bool weight_per_image; /* fresh weight noise per image instead of per batch: evaluation only */
} MhoPassNoise;

/* All buffers and oneDNN primitives for a batch. The net is borrowed; its arrays may change between calls. training:
 * keep what backward needs. USAGE names a node whose input it cannot read (a scale per channel in front of a weighted
 * layer). */
MhoStatus mho_pass_create(MhoNet *net, size_t batch, bool training, MhoPass **pass, MhoError *error) MHO_CHECKED;
void mho_pass_destroy(MhoPass *pass);
void mho_pass_set_noise(MhoPass *pass, const MhoPassNoise *noise); /* NULL: none */

/* images (batch, h, w, c) u8; logits (batch, classes). use_batch_statistics: training mode of batch norm, which moves
 * its running statistics. false: evaluation; sums of codes are exact (beyond 2^24 by planes of weights; USAGE names
 * a layer where even these are not), codes those of every executor. USAGE also names a node whose scale is not set
 * (NaN). */
MhoStatus mho_pass_forward(MhoPass *pass, const uint8_t *images, bool use_batch_statistics, float *logits,
                           MhoError *error) MHO_CHECKED;

/* d_logits (batch, classes) -> gradients of every learned array (overwritten), read with mho_pass_gradient. Once per
 * forward pass of a training pass; after an evaluation forward, batch norm's statistics are constants. */
MhoStatus mho_pass_backward(MhoPass *pass, const float *d_logits, MhoError *error) MHO_CHECKED;
float *mho_pass_gradient(MhoPass *pass, size_t node, size_t array); /* (n) or NULL when not learned */

/* Stored output (batch, h, w, c) of a node after a forward pass: codes of a quantizer, sums of a convolution.
 * NULL in a training pass for batch norm and ReLU that only the next of batch norm, ReLU, quantizer reads: they are
 * never stored. */
const float *mho_pass_output(const MhoPass *pass, size_t node);

#endif
