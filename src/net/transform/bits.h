/* bits.h - the bits of a quantized network, layer by layer. */
#ifndef MHO_NET_TRANSFORM_BITS_H
#define MHO_NET_TRANSFORM_BITS_H

#include "net/graph/net.h"

enum { MHO_UNIT_MAX_QUANTIZERS = 8 };

/* A weighted layer and the fake_quant nodes of its output whose bits can be chosen (streams of residual stages and sums
 * of average pools have fixed bits). Every such node belongs to one layer: the nearest before it, the later one where
 * an addition joins two. */
typedef struct MhoBitUnit {
    int layer, quantizers[MHO_UNIT_MAX_QUANTIZERS]; /* nodes */
    int n_quantizers;
    double weights; /* count */
} MhoBitUnit;

/* Units of a quantized net in node order, the caller frees them. USAGE when a weighted layer has no bits. */
MhoStatus mho_net_bit_units(const MhoNet *net, MhoBitUnit **units, size_t *n, MhoError *error) MHO_CHECKED;

/* The same graph and values with other bits: weight and quantizer bits, and converter bits, per node (n_nodes); 0: as
 * they are (a NULL array: all as they are). Weight scales of layers whose bits change are fitted again; activation
 * ranges stay. USAGE when a policy does not take its bits. */
MhoStatus mho_net_with_bits(const MhoNet *net, const int *bits, const int *adc_bits, MhoNet **made,
                            MhoError *error) MHO_CHECKED;

/* Shifts and learned converter ranges count units of a layer's sum, which other bits and scales change: those of net,
 * copied from `before` (the same nodes), keep their value. Scales of both are set. */
MhoStatus mho_net_rescale_sum_units(const MhoNet *before, MhoNet *net, MhoError *error) MHO_CHECKED;

double mho_net_weight_bits(const MhoNet *net); /* of all weights, summed; 32 for a float */
/* Bit operations of one image: the sum over weighted layers (net/graph/bops.h). */
MhoStatus mho_net_bops(const MhoNet *net, double *bops, MhoError *error) MHO_CHECKED;

#endif
