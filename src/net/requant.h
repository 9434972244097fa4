/* requant.h - the one function that makes the float32 constants of requantization, used by every executor.
 *
 * codes = clip(round(fma((float)(sum + shift), a_k, b_k)), low, high), a_k = scale_x e^(s_w,k) / n_w * [gamma / sigma] * n_o / e^(s_o),
 * b_k from batch norm or bias; both computed in double with mho_exp and rounded once.
 */
#ifndef MHO_NET_REQUANT_H
#define MHO_NET_REQUANT_H

#include "net/net.h"

typedef struct MhoRequant {
    int source;      /* node whose stored sums or codes are requantized: conv, dense, add, pool, quantizer */
    int low, high;
    bool is_logits;
} MhoRequant;

/* Constants of node `target` (a quantizer, or the final dense layer) into a, b (channels). Looks back through relu and batchnorm. */
MhoStatus mho_net_requant(const MhoNet *net, int target, float *a, float *b, MhoRequant *requant, MhoError *error) MHO_CHECKED;

/* Value of one stored unit of a node's output (scale per tensor): quantizers e^s / n, pools and additions their input's, input 1 / divisor. */
MhoStatus mho_net_scale(const MhoNet *net, int node, double *scale, MhoError *error) MHO_CHECKED;

/* Weight codes (k, rows) of a quantized layer as int16, rounded shift (k) in accumulator units (NULL allowed). */
MhoStatus mho_net_weight_codes(const MhoNet *net, int node, int16_t *codes, int32_t *shift, MhoError *error) MHO_CHECKED;

#endif
