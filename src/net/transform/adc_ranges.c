/* adc_ranges.c - gives every quantized layer an array for its converter range. */
#include "net/transform/transform.h"

bool mho_node_lacks_adc_range(const MhoNode *node)
{
    const MhoConvSettings *conv = mho_node_conv(node);

    return conv && conv->bits > 0 && !conv->adc_range;
}

MhoStatus mho_net_add_adc_ranges(const MhoNet *net, MhoNet **made, MhoError *error)
{
    MhoStatus status = mho_net_copy(net, made, error);

    if (status != MHO_OK)
        return status;
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_lacks_adc_range(&(*made)->nodes[i]))
            ((MhoConvSettings *)(void *)(*made)->nodes[i].settings)->adc_range = true;
    status = mho_net_finish(*made, error);
    if (status != MHO_OK) {
        mho_net_destroy(*made);
        *made = NULL;
    }
    return status;
}
