/* codes.h - the codes of a graph: which tensors are codes, their range and value, weight codes. */
#ifndef MHO_NET_GRAPH_CODES_H
#define MHO_NET_GRAPH_CODES_H

#include "net/graph/net.h"

/* Value of one stored unit of a node's output (scale per tensor): input 1 / divisor; fake_quant e^s / n; maximum pool
 * and addition that of their input; average and global pools, which store sums, that of their input / N, N = codes per
 * window with padding. USAGE: other kinds. */
MhoStatus mho_net_scale(const MhoNet *net, int node, double *scale, MhoError *error) MHO_CHECKED;

/* Value of one code of a fake_quant node, e^s / n. */
MhoStatus mho_net_code_step(const MhoNet *net, int node, double *step, MhoError *error) MHO_CHECKED;

/* Values of one unit of the sums of a quantized layer's channels (k): scale of the input e^(s_w,k) / n_w. */
MhoStatus mho_net_sum_units(const MhoNet *net, int node, double *unit, MhoError *error) MHO_CHECKED;

/* The input or fake_quant node whose codes a node's output consists of: the node itself, or the one before its maximum
 * pools. -1: the output is not codes. */
int mho_net_code_source(const MhoNet *net, int node);

/* Largest code n of a tensor of codes (255 for the image) and whether it has negative codes. */
MhoStatus mho_net_code_range(const MhoNet *net, int node, int *n, bool *is_signed, MhoError *error) MHO_CHECKED;

/* Table (256) of a fake_quant node whose codes are not evenly spaced (quant/quantizer.h); false: it has none. */
bool mho_net_table(const MhoNet *net, int node, uint8_t *table);

/* The node whose log_scale a fake_quant node uses: the one that it shares, or itself. */
int mho_net_scale_owner(const MhoNet *net, int quantizer);

/* Weight codes (k, rows) of a quantized layer as int16, rounded shift (k) in accumulator units (NULL allowed). The
 * stored sums of a layer include its shift. */
MhoStatus mho_net_weight_codes(const MhoNet *net, int node, int16_t *codes, int32_t *shift,
                               MhoError *error) MHO_CHECKED;

/* Largest weight code of a quantized layer. */
MhoStatus mho_net_weight_range(const MhoNet *net, int node, int *n_weight, MhoError *error) MHO_CHECKED;

#endif
