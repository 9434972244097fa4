/* transform.h - changes of the graph: quantize it, fold its batch norm, give its layers converter ranges. */
#ifndef MHO_NET_TRANSFORM_TRANSFORM_H
#define MHO_NET_TRANSFORM_TRANSFORM_H

#include "net/graph/net.h"

/* Graph transformations of gradual quantization (fqconv.c and others read them from train). */
typedef struct MhoQuantPlan {
    int weight_bits, activation_bits; /* of all layers; the residual stream has 8 */
    int scale;                        /* MhoWeightScale */
    char weight_policy[MHO_TEXT_MAX], activation_policy[MHO_TEXT_MAX];
} MhoQuantPlan;
/* Replace ReLUs by quantizers, put signed 8-bit shared-scale quantizers on residual branches, one after average
 * pooling; on a net that is quantized already change its bits. New scales are unset (NaN) until fitted:
 * mho_net_fit_weights, and ranges of activations. */
MhoStatus mho_net_quantize(const MhoNet *net, const MhoQuantPlan *plan, MhoNet **quantized,
                           MhoError *error) MHO_CHECKED;
MhoStatus mho_net_fit_weights(MhoNet *net, MhoError *error) MHO_CHECKED; /* log-scales that are NaN */
/* Fold and remove batch norm (design: FQ-Conv). shift: keep it as an integer shift per channel; else drop it (the
 * paper's form). */
MhoStatus mho_net_remove_batchnorm(const MhoNet *net, int scale, bool shift, MhoNet **removed,
                                   MhoError *error) MHO_CHECKED;

/* Whether a quantized weighted layer has no array for its converter range. */
bool mho_node_lacks_adc_range(const MhoNode *node);

/* A copy of a net in which every quantized layer has the array adc_log_range. New ranges are 0. */
MhoStatus mho_net_add_adc_ranges(const MhoNet *net, MhoNet **made, MhoError *error) MHO_CHECKED;

#endif
