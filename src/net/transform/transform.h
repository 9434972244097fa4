/* transform.h - changes of the graph: quantize it, fold its batch norm, give its layers converter ranges. */
#ifndef MHO_NET_TRANSFORM_TRANSFORM_H
#define MHO_NET_TRANSFORM_TRANSFORM_H

#include "net/graph/net.h"

/* How to quantize a net. */
typedef struct MhoQuantPlan {
    int weight_bits, activation_bits; /* of all layers; the residual stream has 8 */
    int scale;                        /* MhoWeightScale */
    char weight_policy[MHO_TEXT_MAX], activation_policy[MHO_TEXT_MAX];
} MhoQuantPlan;
/* A float net: replace ReLUs by fake_quant nodes, add signed 8-bit ones with a common scale on residual branches and
 * one after average pools. A quantized net: change its bits. New scales are unset (NaN) until mho_net_fit_weights and
 * the calibration of activations. */
MhoStatus mho_net_quantize(const MhoNet *net, const MhoQuantPlan *plan, MhoNet **quantized,
                           MhoError *error) MHO_CHECKED;
MhoStatus mho_net_fit_weights(MhoNet *net, MhoError *error) MHO_CHECKED; /* scales that are NaN */
/* Fold and remove batch norm (FQ-Conv). shift: its offset becomes an integer shift per channel; false: it is dropped,
 * as in the paper. */
MhoStatus mho_net_remove_batchnorm(const MhoNet *net, int scale, bool shift, MhoNet **removed,
                                   MhoError *error) MHO_CHECKED;

/* Whether a quantized weighted layer has no array for its converter range. */
bool mho_node_lacks_adc_range(const MhoNode *node);

/* A copy of a net in which every quantized layer has the array adc_log_range. New ranges are 0. */
MhoStatus mho_net_add_adc_ranges(const MhoNet *net, MhoNet **made, MhoError *error) MHO_CHECKED;

#endif
