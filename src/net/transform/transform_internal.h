/* transform_internal.h - what the changes of a graph share. */
#ifndef MHO_NET_TRANSFORM_TRANSFORM_INTERNAL_H
#define MHO_NET_TRANSFORM_TRANSFORM_INTERNAL_H

#include "net/graph/graph_internal.h"
#include "net/transform/transform.h"

/* Ranges of activations of a policy that makes them a number of deviations, from the bits of `old` to those of `made`,
 * which has the same nodes and values. */
void mho_net_rescale_sigma_ranges(const MhoNet *old, MhoNet *made);

#endif
