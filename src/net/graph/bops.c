/* bops.c - see bops.h. */
#include "net/graph/bops.h"

#include "kernels/math.h"
#include "net/graph/codes.h"

enum { FLOAT_BITS = 32, IMAGE_BITS = 8 };

double mho_bops_layer(MhoBopsLayer layer)
{
    const double log2_fan_in = mho_ln(layer.fan_in) / 0.69314718055994530942;
    const double sum_bits = layer.activation_bits + layer.weight_bits + log2_fan_in;
    return layer.outputs * layer.positions * layer.fan_in * (layer.activation_bits * layer.weight_bits + sum_bits);
}

MhoStatus mho_net_bops_layer(const MhoNet *net, int node, MhoBopsLayer *layer, MhoError *error)
{
    MhoNode *self = &net->nodes[node];
    const MhoConvSettings *conv = mho_node_conv(self);
    const MhoNodeArray *weight = conv ? mho_node_array(self, MHO_ARRAY_WEIGHT) : NULL;
    if (!weight)
        return mho_fail(error, MHO_USAGE, "node '%s' has no weights, so no bit operations are counted", self->name);
    const int source = mho_net_code_source(net, self->inputs[0]);
    const MhoFakeQuantSettings *quantizer = source >= 0 ? mho_node_fake_quant(&net->nodes[source]) : NULL;
    *layer = (MhoBopsLayer){.outputs = self->shape.c,
                            .fan_in = (double)weight->n / self->shape.c,
                            .positions = (double)self->shape.h * self->shape.w,
                            .activation_bits = source < 0  ? FLOAT_BITS
                                               : quantizer ? quantizer->bits
                                                           : IMAGE_BITS,
                            .weight_bits = conv->bits > 0 ? conv->bits : FLOAT_BITS};
    return MHO_OK;
}
