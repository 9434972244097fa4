/* candidates.c - who can go down a bit width, what that saves, and what the network would say to it.
 *
 * Competitors are the weighted layers in the order of the graph, then, with allocate.adc_bit_widths, their converters.
 *   weights     cost = bits of all weights
 *   converters  cost = conversions of an image 2^bits: a constant energy per conversion step (Walden, IEEE J. Sel.
 *               Areas Commun. 17 (1999) 539), so one bit doubles it
 * A saving is a share of the cost of all competitors of its kind. A layer's activations come down to the bit width of
 * its weights where they have more bits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocate/allocate_internal.h"
#include "net/lowered/lower.h"
#include "net/fakequant/fakequant.h"

enum { PROBE_BATCH = 100 };

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
static MhoStatus count_conversions(const MhoAllocationStage *c, const MhoNet *net, size_t n_units, double *conversions,
                                   MhoError *error)
{
    MhoLoweredNet *program = NULL;
    MhoPlan *plan = NULL;
    MhoStatus status = mho_lowered_net_create(net, &program, error);

    if (status == MHO_OK)
        status = mho_plan_create(c->input.chip, program->matrices, program->n_matrices, &plan, error);
    for (size_t l = 0; l < n_units && status == MHO_OK; l++)
        conversions[l] = (double)mho_plan_layer(plan, l).conversions;
    mho_plan_destroy(plan);
    mho_lowered_net_destroy(program);
    return status;
}

/* Memory for n competitors, once; later nets must have the same. */
static MhoStatus open_competitors(MhoAllocationStage *c, size_t n, MhoError *error)
{
    const size_t n_state = c->input.allocator->n_state;

    if (c->n > 0 && c->n != n)
        return mho_fail(error, MHO_FAILED, "%zu layers and converters compete, but the log has %zu", n, c->n);
    c->n = n;
    if (!c->competitors)
        c->competitors = calloc(n, sizeof *c->competitors);
    if (!c->state)
        c->state = calloc(n * n_state + 1, sizeof *c->state);
    return c->competitors && c->state ? MHO_OK : mho_fail(error, MHO_MEMORY, "out of memory for %zu competitors", n);
}

static void fill_one(MhoCandidate *competitor, const MhoNode *layer, bool converter, int bits,
                     const MhoBitWidths *bit_widths)
{
    *competitor =
        (MhoCandidate){.converter = converter, .bits = bits, .next_bits = mho_bit_widths_below(bit_widths, bits)};
    snprintf(competitor->name, sizeof competitor->name, "%s", layer->name);
}

/* Converters that have no bits of their own yet stand at the first bit width, where they start. */
static int converter_bits(const MhoAllocationStage *c, const MhoNode *layer)
{
    const int bits = mho_node_conv(layer)->adc_bits;

    return bits > 0 ? bits : c->adc_bit_widths.bits[0];
}

static double steps(int bits)
{
    return (double)((uint64_t)1 << bits);
}

static MhoStatus fill_converters(const MhoAllocationStage *c, const MhoNet *net, const MhoBitUnit *units,
                                 size_t n_units, MhoCandidate *competitors, MhoError *error)
{
    double *conversions = calloc(n_units, sizeof *conversions), total = 0.0;
    MhoStatus status = MHO_OK;

    if (!conversions)
        return mho_fail(error, MHO_MEMORY, "out of memory for %zu layers", n_units);
    status = count_conversions(c, net, n_units, conversions, error);
    for (size_t u = 0; u < n_units && status == MHO_OK; u++) {
        const MhoNode *layer = &net->nodes[units[u].layer];

        fill_one(&competitors[u], layer, true, converter_bits(c, layer), &c->adc_bit_widths);
        total += conversions[u] * steps(competitors[u].bits);
    }
    for (size_t u = 0; u < n_units && status == MHO_OK; u++)
        if (competitors[u].next_bits > 0)
            competitors[u].saving =
                conversions[u] * (steps(competitors[u].bits) - steps(competitors[u].next_bits)) / total;
    free(conversions);
    return status;
}

static void fill_weights(const MhoAllocationStage *c, const MhoNet *net, const MhoBitUnit *units, size_t n_units,
                         MhoCandidate *competitors)
{
    const double total = mho_net_weight_bits(net);

    for (size_t u = 0; u < n_units; u++) {
        const MhoNode *layer = &net->nodes[units[u].layer];

        fill_one(&competitors[u], layer, false, mho_node_conv(layer)->bits, &c->bit_widths);
        if (competitors[u].next_bits > 0)
            competitors[u].saving = units[u].weights * (competitors[u].bits - competitors[u].next_bits) / total;
    }
}

MhoStatus mho_candidates_fill(MhoAllocationStage *c, const MhoNet *net, MhoError *error)
{
    MhoBitUnit *units = NULL;
    size_t n = 0;
    MhoStatus status = mho_net_bit_units(net, &units, &n, error);

    if (status == MHO_OK)
        status = open_competitors(c, c->adc_bit_widths.n > 0 ? 2 * n : n, error);
    if (status == MHO_OK)
        fill_weights(c, net, units, n, c->competitors);
    if (status == MHO_OK && c->adc_bit_widths.n > 0)
        status = fill_converters(c, net, units, n, c->competitors + n, error);
    free(units);
    return status;
}

/* Bits per node (n_nodes) of weights and activations, and of converters: 0, as they are. */
typedef struct BitPlan {
    MhoBitUnit *units;
    size_t n_units;
    int *bits, *adc_bits;
} BitPlan;

static void plan_destroy(BitPlan *plan)
{
    free(plan->units);
    free(plan->bits);
}

static MhoStatus plan_create(const MhoNet *net, BitPlan *plan, MhoError *error)
{
    *plan = (BitPlan){.bits = calloc(2 * net->n_nodes, sizeof *plan->bits)};
    if (!plan->bits)
        return mho_fail(error, MHO_MEMORY, "out of memory for the bits of network '%s'", net->name);
    plan->adc_bits = plan->bits + net->n_nodes;
    return mho_net_bit_units(net, &plan->units, &plan->n_units, error);
}

static void plan_unit(BitPlan *plan, const MhoNet *net, size_t u, int bits)
{
    const MhoBitUnit *unit = &plan->units[u];

    plan->bits[unit->layer] = bits;
    for (int q = 0; q < unit->n_quantizers; q++)
        if (mho_node_fake_quant(&net->nodes[unit->quantizers[q]])->bits > bits)
            plan->bits[unit->quantizers[q]] = bits;
}

MhoStatus mho_candidates_lower(const MhoAllocationStage *c, const MhoNet *net, size_t m, MhoNet **made, MhoError *error)
{
    BitPlan plan;
    MhoStatus status = plan_create(net, &plan, error);

    *made = NULL;
    if (status == MHO_OK && c->competitors[m].converter)
        plan.adc_bits[plan.units[m - plan.n_units].layer] = c->competitors[m].next_bits;
    else if (status == MHO_OK)
        plan_unit(&plan, net, m, c->competitors[m].next_bits);
    if (status == MHO_OK)
        status = mho_net_with_bits(net, plan.bits, plan.adc_bits, made, error);
    plan_destroy(&plan);
    return status;
}

MhoStatus mho_candidates_lowest_net(const MhoAllocationStage *c, const MhoNet *net, MhoNet **made, MhoError *error)
{
    const int bottom = c->bit_widths.bits[c->bit_widths.n - 1];
    BitPlan plan;
    MhoStatus status = plan_create(net, &plan, error);

    *made = NULL;
    for (size_t u = 0; u < plan.n_units && status == MHO_OK; u++)
        if (mho_node_conv(&net->nodes[plan.units[u].layer])->bits > bottom)
            plan_unit(&plan, net, u, bottom);
    if (status == MHO_OK)
        status = mho_net_with_bits(net, plan.bits, NULL, made, error);
    plan_destroy(&plan);
    return status;
}

MhoStatus mho_candidates_first_net(const MhoAllocationStage *c, const MhoNet *net, MhoNet **made, MhoError *error)
{
    BitPlan plan;
    MhoStatus status = plan_create(net, &plan, error);

    *made = NULL;
    for (size_t u = 0; u < plan.n_units && status == MHO_OK && c->adc_bit_widths.n > 0; u++)
        plan.adc_bits[plan.units[u].layer] = converter_bits(c, &net->nodes[plan.units[u].layer]);
    if (status == MHO_OK)
        status = mho_net_with_bits(net, NULL, plan.adc_bits, made, error);
    plan_destroy(&plan);
    return status;
}

MhoStatus mho_candidates_accuracy(const MhoAllocationStage *c, MhoNet *net, double *accuracy, MhoError *error)
{
    const MhoAllocateInput *input = &c->input;
    const size_t batch = c->probe_set.n < PROBE_BATCH ? c->probe_set.n : PROBE_BATCH;
    double loss;

    if (mho_stop_requested())
        return mho_fail(error, MHO_STOPPED, "stopped while layers compete; --resume goes on from the epoch before");
    if (input->params->feedback != MHO_FEEDBACK_CHIP)
        return mho_train_evaluate(net, &c->probe_set, batch, accuracy, &loss, error);
    const bool learns = mho_allocate_recovers_on_chip(input->params);
    const MhoChipConfig config = learns ? mho_chip_sums_config(input->chip) : *input->chip;
    return mho_train_evaluate_chip(net, &c->probe_set, learns ? NULL : input->calibration, &config, MHO_TRIAL_MOVE_CHIP,
                                   (uint32_t)input->params->trial_chips, input->threads, accuracy, &loss, error);
}
