/* calibrate.h - post-training quantization: ranges of activations from training images. */
#ifndef MHO_NET_CALIBRATE_CALIBRATE_H
#define MHO_NET_CALIBRATE_CALIBRATE_H

#include "net/graph/net.h"

/* Set the activation scales of a quantized net that are NaN, from training images (n, h, w, c), through mho's own float
 * kernels in one fixed order. threads <= 0: OpenMP's default. USAGE without images, FAILED (naming the node) for values
 * that are not finite. */
MhoStatus mho_net_calibrate(MhoNet *net, const uint8_t *images, size_t n, int threads, MhoError *error) MHO_CHECKED;

#endif
