/* bops.h - the complexity of a network in bit operations. */
#ifndef MHO_NET_GRAPH_BOPS_H
#define MHO_NET_GRAPH_BOPS_H

#include "net/graph/net.h"

/* One weighted layer; bits may be 32 for floats. */
typedef struct MhoBopsLayer {
    double outputs, fan_in, positions; /* channels; inputs of one sum, n k^2; sums of a channel and image */
    double activation_bits, weight_bits;
} MhoBopsLayer;

/* Bit operations of one image: outputs positions fan_in (b_a b_w + b_a + b_w + log2(fan_in)), a product and an addition
 * to an accumulator of b_a + b_w + log2(fan_in) bits each. Baskin et al., UNIQ, arXiv:1804.10969, section 4.2. */
double mho_bops_layer(MhoBopsLayer layer);

/* A convolution or dense node: bits of its weights and of the codes that it reads (8 for the image), 32 for floats.
 * USAGE: another kind of node. */
MhoStatus mho_net_bops_layer(const MhoNet *net, int node, MhoBopsLayer *layer, MhoError *error) MHO_CHECKED;

#endif
