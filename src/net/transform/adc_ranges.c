/* adc_ranges.c - gives every quantized layer an array for its converter range. */
#include "net/transform/transform_internal.h"

bool mho_node_lacks_adc_range(const MhoNode *node)
{
    const MhoConvSettings *conv = mho_node_conv(node);
    return conv && conv->bits > 0 && !conv->adc_range;
}

static MhoStatus add_range(MhoRebuild *rebuild, int i, void *settings, void *context, MhoError *error)
{
    (void)context;
    (void)error;
    if (mho_node_lacks_adc_range(&rebuild->old->nodes[i]))
        ((MhoConvSettings *)settings)->adc_range = true;
    return MHO_OK;
}

MhoStatus mho_net_add_adc_ranges(const MhoNet *net, MhoNet **made, MhoError *error)
{
    return mho_net_rebuild(net, add_range, NULL, made, error);
}
