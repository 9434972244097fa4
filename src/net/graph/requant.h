/* requant.h - the float32 constants of requantization; every executor uses these.
 *
 * codes = clip(round(fma((float)(sum + shift), a_k, b_k)), low, high), a_k = scale_x e^(s_w,k) / n_w * [gamma / sigma]
 * * n_o / e^(s_o), b_k from batch norm or bias; both computed in double with mho_exp and rounded once.
 */
#ifndef MHO_NET_GRAPH_REQUANT_H
#define MHO_NET_GRAPH_REQUANT_H

#include "net/graph/codes.h"

typedef struct MhoRequant {
    int source; /* node whose stored sums or codes are requantized: conv, dense, add, pool, fake_quant */
    int low, high;
    bool is_logits;
} MhoRequant;

/* Constants of node `target` (fake_quant, or the final dense layer) into a, b (channels; both NULL: only *requant).
 * Looks back through relu and batchnorm. The sum of a layer includes its rounded shift. USAGE names a node that is not
 * quantized or has no scale yet. */
MhoStatus mho_net_requant(const MhoNet *net, int target, float *a, float *b, MhoRequant *requant,
                          MhoError *error) MHO_CHECKED;

#endif
