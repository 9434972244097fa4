/* requant.h - the one function that makes the float32 constants of requantization, used by every executor.
 *
 * codes = clip(round(fma((float)(sum + shift), a_k, b_k)), low, high), a_k = scale_x e^(s_w,k) / n_w * [gamma / sigma]
 * * n_o / e^(s_o), b_k from batch norm or bias; both computed in double with mho_exp and rounded once.
 */
#ifndef MHO_NET_GRAPH_REQUANT_H
#define MHO_NET_GRAPH_REQUANT_H

#include "net/graph/net.h"

typedef struct MhoRequant {
    int source; /* node whose stored sums or codes are requantized: conv, dense, add, pool, quantizer */
    int low, high;
    bool is_logits;
} MhoRequant;

/* Constants of node `target` (a quantizer, or the final dense layer) into a, b (channels; both NULL: only *requant).
 * Looks back through relu and batchnorm. The sum of a layer includes its rounded shift. USAGE names a node that is not
 * quantized or has no scale yet. */
MhoStatus mho_net_requant(const MhoNet *net, int target, float *a, float *b, MhoRequant *requant,
                          MhoError *error) MHO_CHECKED;

/* Value of one stored unit of a node's output (scale per tensor): input 1 / divisor; quantizer e^s / n; maximum pool
 * and addition as their input; a stored sum of an average or global pool its input's / N, N = codes per window (padding
 * counts). Other kinds: USAGE. */
MhoStatus mho_net_scale(const MhoNet *net, int node, double *scale, MhoError *error) MHO_CHECKED;

/* The node itself, or what stands before maximum pools: the input or quantizer whose codes this node's output consists
 * of; -1: the output is no codes. */
int mho_net_code_source(const MhoNet *net, int node);

/* Largest code n of a tensor of codes (255 for the image) and whether it has negative codes. */
MhoStatus mho_net_code_range(const MhoNet *net, int node, int *n, bool *is_signed, MhoError *error) MHO_CHECKED;

/* Table (256) of a quantizer node whose codes are not evenly spaced (quant/quantizer.h); *has_table false: it has none.
 */
MhoStatus mho_net_table(const MhoNet *net, int quantizer, uint8_t *table, bool *has_table, MhoError *error) MHO_CHECKED;

/* The quantizer node whose log_scale a quantizer node uses: the one it shares, or itself. */
int mho_net_scale_owner(const MhoNet *net, int quantizer);

/* A policy by its text with its parameters (quant/quantizer.h). */
typedef struct MhoPolicy {
    const MhoQuantizer *quantizer;
    _Alignas(8) unsigned char params[MHO_LAYER_SETTINGS_MAX];
} MhoPolicy;
MhoStatus mho_policy_find(const char *name, MhoPolicy *policy, MhoError *error) MHO_CHECKED;

/* Weight codes (k, rows) of a quantized layer as int16, rounded shift (k) in accumulator units (NULL allowed). The
 * stored sums of a layer include its shift. */
MhoStatus mho_net_weight_codes(const MhoNet *net, int node, int16_t *codes, int32_t *shift,
                               MhoError *error) MHO_CHECKED;

/* Largest weight code of a quantized layer. */
MhoStatus mho_net_weight_range(const MhoNet *net, int node, int *n_weight, MhoError *error) MHO_CHECKED;

#endif
