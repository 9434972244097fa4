/* bits.c - the bits of a quantized network: which layer they belong to, the same net at other bits, their cost.
 *
 * Other bits change the unit that a layer's integer sums are counted in,
 *   unit_k = scale_x e^(s_w,k) / n_w,
 * so shifts are multiplied by old unit / new unit and keep their value. A learned converter range covers all channels
 * of a layer: it grows with the largest codes, n_x n_w new / n_x n_w old.
 */
#include "net/transform/bits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/math.h"
#include "net/graph/bops.h"
#include "net/transform/transform_internal.h"

enum { FLOAT_BITS = 32 };

/* Whether the bits of a node can be chosen: not those of a stream of a residual stage or of sums of an average pool. */
static bool has_own_bits(const MhoNet *net, size_t i)
{
    const MhoNode *node = &net->nodes[i];
    return mho_node_fake_quant(node) && !mho_node_in_stage(net, i) &&
           !mho_node_is_sum_pool(&net->nodes[node->inputs[0]]);
}

/* last (n_nodes): the weighted layer nearest before each node, itself included; -1: none. Where two branches join, the
 * later layer. */
static void find_layers(const MhoNet *net, int *last)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoNode *node = &net->nodes[i];
        last[i] = mho_node_conv(node) ? (int)i : -1;
        for (int k = 0; k < node->n_inputs && !mho_node_conv(node); k++)
            if (last[node->inputs[k]] > last[i])
                last[i] = last[node->inputs[k]];
    }
}

/* Add fake_quant node i to the unit of its layer. */
static MhoStatus add_quantizer(const MhoNet *net, size_t i, int layer, MhoBitUnit *units, size_t n, MhoError *error)
{
    for (size_t u = 0; u < n; u++) {
        if (units[u].layer != layer)
            continue;
        if (units[u].n_quantizers == MHO_UNIT_MAX_QUANTIZERS)
            return mho_fail(error, MHO_USAGE, "node '%s': more than %d fake_quant nodes after layer '%s'",
                            net->nodes[i].name, MHO_UNIT_MAX_QUANTIZERS, net->nodes[layer].name);
        units[u].quantizers[units[u].n_quantizers++] = (int)i;
    }
    return MHO_OK;
}

static MhoStatus fill_units(const MhoNet *net, int *last, MhoBitUnit *units, size_t *n, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoConvSettings *conv = mho_node_conv(&net->nodes[i]);
        if (conv && conv->bits == 0)
            return mho_fail(error, MHO_USAGE,
                            "node '%s' is not quantized, so it has no bits to choose (--set quant.weight.bits=8 "
                            "--set quant.activation.bits=8)",
                            net->nodes[i].name);
        if (conv)
            units[(*n)++] =
                (MhoBitUnit){.layer = (int)i, .weights = (double)mho_node_array(&net->nodes[i], MHO_ARRAY_WEIGHT)->n};
    }
    find_layers(net, last);
    for (size_t i = 0; i < net->n_nodes && status == MHO_OK; i++)
        if (has_own_bits(net, i) && last[i] >= 0)
            status = add_quantizer(net, i, last[i], units, *n, error);
    return status;
}

MhoStatus mho_net_bit_units(const MhoNet *net, MhoBitUnit **units, size_t *n, MhoError *error)
{
    MhoBitUnit *made = mho_calloc(net->n_nodes, sizeof *made, error, "the layers of network '%s'", net->name);
    int *last = mho_calloc(net->n_nodes, sizeof *last, error, "the layers of network '%s'", net->name);
    MhoStatus status = MHO_MEMORY;
    *units = NULL;
    *n = 0;
    if (made && last)
        status = fill_units(net, last, made, n, error);
    free(last);
    if (status != MHO_OK) {
        free(made);
        *n = 0;
        return status;
    }
    *units = made;
    return MHO_OK;
}

/* Bits per node; 0 and NULL: as they are. */
typedef struct OtherBits {
    const int *bits, *adc_bits;
} OtherBits;

static MhoStatus change_bits_of(MhoRebuild *rebuild, int i, void *settings, void *context, MhoError *error)
{
    const OtherBits *other = context;
    const int bits = other->bits ? other->bits[i] : 0, adc_bits = other->adc_bits ? other->adc_bits[i] : 0;
    const MhoNode *node = &rebuild->old->nodes[i];
    MhoConvSettings *conv = mho_node_conv(node) ? settings : NULL;
    MhoFakeQuantSettings *fake_quant = mho_node_fake_quant(node) ? settings : NULL;
    if (adc_bits > 0 && !conv)
        return mho_fail(error, MHO_USAGE, "node '%s' has no weights, so it has no converters", node->name);
    if (bits > 0 && !fake_quant && !(conv && conv->bits > 0))
        return mho_fail(error, MHO_USAGE, "node '%s' is not quantized, so its bits cannot be changed", node->name);
    if (bits > 0 && conv)
        conv->bits = bits;
    if (bits > 0 && fake_quant)
        fake_quant->bits = bits;
    if (adc_bits > 0)
        conv->adc_bits = adc_bits;
    return MHO_OK;
}

/* Weight scales of layers whose bits changed. */
static MhoStatus fit_changed(const MhoNet *net, MhoNet *made, MhoError *error)
{
    for (size_t i = 0; i < made->n_nodes; i++) {
        const MhoConvSettings *conv = mho_node_conv(&made->nodes[i]);
        MhoNodeArray *scale = conv ? mho_node_array(&made->nodes[i], MHO_ARRAY_LOG_SCALE) : NULL;
        for (size_t k = 0; scale && conv->bits != mho_node_conv(&net->nodes[i])->bits && k < scale->n; k++)
            scale->value[k] = NAN;
    }
    return mho_net_fit_weights(made, error);
}

MhoStatus mho_net_with_bits(const MhoNet *net, const int *bits, const int *adc_bits, MhoNet **made, MhoError *error)
{
    MhoStatus status = mho_net_rebuild(net, change_bits_of, &(OtherBits){bits, adc_bits}, made, error);
    if (status != MHO_OK)
        return status;
    mho_net_rescale_sigma_ranges(net, *made);
    status = fit_changed(net, *made, error);
    if (status == MHO_OK)
        status = mho_net_rescale_sum_units(net, *made, error);
    if (status != MHO_OK) {
        mho_net_destroy(*made);
        *made = NULL;
    }
    return status;
}

/* Of a layer's sums: scale of its input, largest codes. */
typedef struct SumUnit {
    double scale_x;
    int n_x, n_w;
} SumUnit;

static MhoStatus sum_unit(const MhoNet *net, size_t i, SumUnit *unit, MhoError *error)
{
    const int input = net->nodes[i].inputs[0];
    bool is_signed;
    MhoStatus status = mho_net_scale(net, input, &unit->scale_x, error);
    if (status == MHO_OK)
        status = mho_net_code_range(net, input, &unit->n_x, &is_signed, error);
    return status == MHO_OK ? mho_net_weight_range(net, (int)i, &unit->n_w, error) : status;
}

static MhoStatus keep_layer_sums(const MhoNet *before, MhoNet *net, size_t i, MhoError *error)
{
    MhoNode *node = &net->nodes[i];
    MhoNodeArray *shift = mho_node_array(node, MHO_ARRAY_SHIFT), *range = mho_node_array(node, MHO_ARRAY_ADC_LOG_RANGE);
    SumUnit old_unit, unit;
    if (!shift && !range)
        return MHO_OK;
    MhoStatus status = sum_unit(before, i, &old_unit, error);
    if (status == MHO_OK)
        status = sum_unit(net, i, &unit, error);
    if (status != MHO_OK)
        return status;
    const double codes = (double)unit.n_w / old_unit.n_w, scale_x = old_unit.scale_x / unit.scale_x;
    const MhoNodeArray *old_scale = mho_node_array(&before->nodes[i], MHO_ARRAY_LOG_SCALE);
    const MhoNodeArray *scale = mho_node_array(node, MHO_ARRAY_LOG_SCALE);
    for (size_t k = 0; shift && k < shift->n; k++) {
        const double log_old = (double)old_scale->value[old_scale->n > 1 ? k : 0];
        const double scale_w = mho_exp(log_old - (double)scale->value[scale->n > 1 ? k : 0]);
        shift->value[k] = (float)((double)shift->value[k] * scale_x * scale_w * codes);
    }
    if (range)
        range->value[0] += (float)mho_ln(codes * unit.n_x / old_unit.n_x);
    return MHO_OK;
}

MhoStatus mho_net_rescale_sum_units(const MhoNet *before, MhoNet *net, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < net->n_nodes && status == MHO_OK; i++)
        status = keep_layer_sums(before, net, i, error);
    return status;
}

double mho_net_weight_bits(const MhoNet *net)
{
    double bits = 0.0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoConvSettings *conv = mho_node_conv(&net->nodes[i]);
        if (conv)
            bits += (double)mho_node_array(&net->nodes[i], MHO_ARRAY_WEIGHT)->n *
                    (conv->bits > 0 ? conv->bits : FLOAT_BITS);
    }
    return bits;
}

MhoStatus mho_net_bops(const MhoNet *net, double *bops, MhoError *error)
{
    *bops = 0.0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        MhoBopsLayer layer;
        if (!mho_node_conv(&net->nodes[i]))
            continue;
        const MhoStatus status = mho_net_bops_layer(net, (int)i, &layer, error);
        if (status != MHO_OK)
            return status;
        *bops += mho_bops_layer(layer);
    }
    return MHO_OK;
}
