/* candidates.c - the layers that can go down a bit width, what that saves, and the accuracy of the network after it.
 *
 * Candidates are the weighted layers in the order of the graph, then, with allocate.adc_bit_widths, their converters.
 *   weights     cost = bits of all weights
 *   converters  cost = conversions of an image 2^bits: a constant energy per conversion step (Walden, IEEE J. Sel.
 *               Areas Commun. 17 (1999) 539), so one bit doubles it
 * A saving is a share of the cost of all candidates of its kind. A layer's activations go down to the bit width of its
 * weights where they have more bits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocate/allocate_internal.h"
#include "base/memory.h"
#include "net/lowered/lower.h"
#include "net/fakequant/fakequant.h"

enum { TRIAL_BATCH = 100 };

MhoStatus mho_candidates_cost(const MhoNet *net, double *size, double *bops, MhoError *error)
{
    double weights = 0.0;
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_conv(&net->nodes[i]))
            weights += (double)mho_node_array(&net->nodes[i], MHO_ARRAY_WEIGHT)->n;
    const MhoStatus status = mho_net_bops(net, bops, error);
    *size = mho_net_weight_bits(net) / weights;
    *bops *= 1e-6;
    return status;
}

/* Conversions of an image by each layer (n_units). */
static MhoStatus count_conversions(const MhoAllocation *a, const MhoNet *net, size_t n_units, double *conversions,
                                   MhoError *error)
{
    MhoLoweredNet *lowered = NULL;
    MhoPlan *plan = NULL;
    MhoStatus status = mho_lowered_net_create(net, &lowered, error);
    if (status == MHO_OK)
        status = mho_plan_create(a->input.chip, lowered->matrices, lowered->n_matrices, &plan, error);
    for (size_t l = 0; l < n_units && status == MHO_OK; l++)
        conversions[l] = (double)mho_plan_layer(plan, l).conversions;
    mho_plan_destroy(plan);
    mho_lowered_net_destroy(lowered);
    return status;
}

MhoStatus mho_candidates_reserve(MhoAllocation *a, size_t n, MhoError *error)
{
    const size_t n_state = a->input.allocator->n_state;
    if (a->n > 0 && a->n != n)
        return mho_fail(error, MHO_FAILED, "there are %zu candidate layers and converters, but the log has %zu", n,
                        a->n);
    a->n = n;
    if (!a->candidates)
        a->candidates = mho_calloc(n, sizeof *a->candidates, error, "%zu candidates", n);
    if (a->candidates && !a->state)
        a->state = mho_calloc(n * n_state, sizeof *a->state, error, "the state of %zu candidates", n);
    return a->candidates && a->state ? MHO_OK : MHO_MEMORY;
}

static void fill_one(MhoCandidate *candidate, const MhoNode *layer, bool converter, int bits,
                     const MhoBitWidths *bit_widths)
{
    *candidate =
        (MhoCandidate){.converter = converter, .bits = bits, .next_bits = mho_bit_widths_below(bit_widths, bits)};
    snprintf(candidate->name, sizeof candidate->name, "%s", layer->name);
}

/* A converter without bits of its layer starts at the first bit width. */
static int converter_bits(const MhoAllocation *a, const MhoNode *layer)
{
    const int bits = mho_node_conv(layer)->adc_bits;
    return bits > 0 ? bits : a->adc_bit_widths.bits[0];
}

static double steps(int bits)
{
    return (double)((uint64_t)1 << bits);
}

static MhoStatus fill_converters(const MhoAllocation *a, const MhoNet *net, const MhoBitUnit *units, size_t n_units,
                                 MhoCandidate *candidates, MhoError *error)
{
    double *conversions = mho_calloc(n_units, sizeof *conversions, error, "the conversions of %zu layers", n_units);
    double total = 0.0;
    if (!conversions)
        return MHO_MEMORY;
    MhoStatus status = count_conversions(a, net, n_units, conversions, error);
    for (size_t u = 0; u < n_units && status == MHO_OK; u++) {
        const MhoNode *layer = &net->nodes[units[u].layer];
        fill_one(&candidates[u], layer, true, converter_bits(a, layer), &a->adc_bit_widths);
        total += conversions[u] * steps(candidates[u].bits);
    }
    for (size_t u = 0; u < n_units && status == MHO_OK; u++)
        if (candidates[u].next_bits > 0)
            candidates[u].saving =
                conversions[u] * (steps(candidates[u].bits) - steps(candidates[u].next_bits)) / total;
    free(conversions);
    return status;
}

static void fill_weights(const MhoAllocation *a, const MhoNet *net, const MhoBitUnit *units, size_t n_units,
                         MhoCandidate *candidates)
{
    const double total = mho_net_weight_bits(net);
    for (size_t u = 0; u < n_units; u++) {
        const MhoNode *layer = &net->nodes[units[u].layer];
        fill_one(&candidates[u], layer, false, mho_node_conv(layer)->bits, &a->bit_widths);
        if (candidates[u].next_bits > 0)
            candidates[u].saving = units[u].weights * (candidates[u].bits - candidates[u].next_bits) / total;
    }
}

MhoStatus mho_candidates_fill(MhoAllocation *a, const MhoNet *net, MhoError *error)
{
    MhoBitUnit *units = NULL;
    size_t n = 0;
    MhoStatus status = mho_net_bit_units(net, &units, &n, error);
    if (status == MHO_OK)
        status = mho_candidates_reserve(a, a->adc_bit_widths.n > 0 ? 2 * n : n, error);
    if (status == MHO_OK)
        fill_weights(a, net, units, n, a->candidates);
    if (status == MHO_OK && a->adc_bit_widths.n > 0)
        status = fill_converters(a, net, units, n, a->candidates + n, error);
    free(units);
    return status;
}

/* Bits per node (n_nodes) of weights and activations, and of converters: 0, as they are. */
typedef struct BitPlan {
    MhoBitUnit *units;
    size_t n_units;
    int *bits, *adc_bits;
} BitPlan;

static MhoStatus plan_create(const MhoNet *net, BitPlan *plan, MhoError *error)
{
    *plan = (BitPlan){
        .bits = mho_calloc(2 * net->n_nodes, sizeof *plan->bits, error, "the bits of network '%s'", net->name)};
    if (!plan->bits)
        return MHO_MEMORY;
    plan->adc_bits = plan->bits + net->n_nodes;
    return mho_net_bit_units(net, &plan->units, &plan->n_units, error);
}

/* The net with the planned bits, where the plan was made. Ends the plan. */
static MhoStatus plan_apply(BitPlan *plan, MhoStatus planned, const MhoNet *net, MhoNet **made, MhoError *error)
{
    *made = NULL;
    if (planned == MHO_OK)
        planned = mho_net_with_bits(net, plan->bits, plan->adc_bits, made, error);
    free(plan->units);
    free(plan->bits);
    return planned;
}

static void plan_unit(BitPlan *plan, const MhoNet *net, size_t u, int bits)
{
    const MhoBitUnit *unit = &plan->units[u];
    plan->bits[unit->layer] = bits;
    for (int q = 0; q < unit->n_quantizers; q++)
        if (mho_node_fake_quant(&net->nodes[unit->quantizers[q]])->bits > bits)
            plan->bits[unit->quantizers[q]] = bits;
}

MhoStatus mho_candidates_lower(const MhoAllocation *a, const MhoNet *net, size_t m, MhoNet **made, MhoError *error)
{
    BitPlan plan;
    const MhoStatus status = plan_create(net, &plan, error);
    if (status == MHO_OK && a->candidates[m].converter)
        plan.adc_bits[plan.units[m - plan.n_units].layer] = a->candidates[m].next_bits;
    else if (status == MHO_OK)
        plan_unit(&plan, net, m, a->candidates[m].next_bits);
    return plan_apply(&plan, status, net, made, error);
}

MhoStatus mho_candidates_lowest_net(const MhoAllocation *a, const MhoNet *net, MhoNet **made, MhoError *error)
{
    const int bottom = a->bit_widths.bits[a->bit_widths.n - 1];
    BitPlan plan;
    const MhoStatus status = plan_create(net, &plan, error);
    for (size_t u = 0; u < plan.n_units && status == MHO_OK; u++)
        if (mho_node_conv(&net->nodes[plan.units[u].layer])->bits > bottom)
            plan_unit(&plan, net, u, bottom);
    return plan_apply(&plan, status, net, made, error);
}

MhoStatus mho_candidates_first_net(const MhoAllocation *a, const MhoNet *net, MhoNet **made, MhoError *error)
{
    BitPlan plan;
    const MhoStatus status = plan_create(net, &plan, error);
    for (size_t u = 0; u < plan.n_units && status == MHO_OK && a->adc_bit_widths.n > 0; u++)
        plan.adc_bits[plan.units[u].layer] = converter_bits(a, &net->nodes[plan.units[u].layer]);
    return plan_apply(&plan, status, net, made, error);
}

MhoStatus mho_candidates_accuracy(const MhoAllocation *a, MhoNet *net, double *accuracy, MhoError *error)
{
    const MhoAllocateInput *input = &a->input;
    const size_t batch = a->trial_set.n < TRIAL_BATCH ? a->trial_set.n : TRIAL_BATCH;
    double loss;
    if (mho_stop_requested())
        return mho_fail(error, MHO_STOPPED, "stopped during trial moves");
    if (input->params->feedback != MHO_FEEDBACK_CHIP)
        return mho_train_evaluate(net, &a->trial_set, batch, accuracy, &loss, error);
    const bool learns = mho_allocate_recovers_on_chip(input->params);
    const MhoChipConfig config = learns ? mho_chip_sums_config(input->chip) : *input->chip;
    return mho_train_evaluate_chip(net, &a->trial_set, learns ? NULL : input->calibration, &config, MHO_TRIAL_MOVE_CHIP,
                                   (uint32_t)input->params->trial_chips, input->threads, accuracy, &loss, error);
}
