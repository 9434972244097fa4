/* lower.c - a quantized graph as integer matrices and the few steps between them.
 *
 * Every weighted layer is one matrix, in the order of the graph. Every quantizer is one step: the node before it, past
 * ReLU and batch norm, says what the step does. Maximum pools act on codes; the classifier writes
 * logits. A layer that feeds two quantizers gives two steps that read the same matrix with the same random numbers.
 */
#include "net/lowered/lower.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernels/math.h"
#include "net/graph/graph_internal.h"
#include "net/graph/requant.h"

enum { STEP_IMAGE = -1, STEP_NONE = -2, CODE_MAX = 255, SIGNED_CODE_MAX = 127 };

/* Which step or matrix of the lowered net a node became. */
typedef struct Lowering {
    const MhoNet *net;
    MhoLoweredNet *lowered;
    int *step_of;      /* (n_nodes) step that writes the node's codes, STEP_IMAGE or STEP_NONE */
    size_t *matrix_of; /* (n_nodes) of weighted nodes */
} Lowering;

static bool writes_step(const MhoNet *net, size_t i)
{
    const MhoNode *node = &net->nodes[i];
    return mho_node_fake_quant(node) || mho_node_is_max_pool(node) || (mho_node_conv(node) && i + 1 == net->n_nodes);
}

/* Counts steps and matrices and plans every array; lowering takes the arrays in another order. */
static void plan_arrays(const MhoNet *net, MhoLoweredNet *lowered)
{
    MhoArena *memory = &lowered->memory;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoNodeArray *weight = mho_node_array(&net->nodes[i], MHO_ARRAY_WEIGHT);
        const size_t c = (size_t)net->nodes[i].shape.c;
        if (writes_step(net, i)) {
            lowered->n_steps++;
            mho_arena_take(memory, c, sizeof(float)); /* a */
            mho_arena_take(memory, c, sizeof(float)); /* b */
            mho_arena_take(memory, MHO_TABLE_SIZE, 1);
        }
        if (weight) {
            lowered->n_matrices++;
            mho_arena_take(memory, weight->n, sizeof(int16_t));
            mho_arena_take(memory, weight->n, sizeof(int16_t)); /* codes_khwc */
            mho_arena_take(memory, c, sizeof(int32_t));
        }
    }
    mho_arena_take(memory, lowered->n_steps, sizeof *lowered->steps);
    mho_arena_take(memory, lowered->n_steps, sizeof *lowered->codes_offset);
    mho_arena_take(memory, lowered->n_matrices, sizeof *lowered->matrices);
}

/* Codes (groups, rows, cols) from those of the layer, (k, rows) with k = group * cols + j. */
static void turn_codes(const MhoMatrix *matrix, const int16_t *layer, int16_t *codes)
{
    for (size_t g = 0; g < matrix->groups; g++)
        for (size_t r = 0; r < matrix->rows; r++)
            for (size_t j = 0; j < matrix->cols; j++)
                codes[(g * matrix->rows + r) * matrix->cols + j] = layer[(g * matrix->cols + j) * matrix->rows + r];
}

static bool any_shift(const int32_t *shift, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (shift[k] != 0)
            return true;
    return false;
}

MhoStatus mho_net_matrix(const MhoNet *net, int i, int16_t *codes_khwc, int16_t *codes, int32_t *shift,
                         MhoMatrix *matrix, MhoError *error)
{
    const MhoNode *node = &net->nodes[i];
    const MhoConvSettings *conv = mho_node_conv(node);
    const size_t c = (size_t)node->shape.c;
    MhoStatus status = mho_net_code_range(net, node->inputs[0], &matrix->n_input, &matrix->signed_input, error);
    if (status != MHO_OK) {
        mho_fail_context(error, "input of node '%s'", node->name);
        return status;
    }
    status = mho_net_weight_codes(net, i, codes_khwc, shift, error);
    if (status == MHO_OK)
        status = mho_net_weight_range(net, i, &matrix->n_weight, error);
    if (status != MHO_OK)
        return status;
    const MhoGather gather = mho_node_gather(net, node);
    snprintf(matrix->name, sizeof matrix->name, "%s", node->name);
    matrix->groups = mho_node_is(node, &mho_layer_dense) ? 1 : (size_t)conv->groups;
    matrix->cols = c / matrix->groups;
    matrix->rows = (size_t)gather.kernel_h * (size_t)gather.kernel_w * (size_t)gather.c_count;
    matrix->codes = codes;
    matrix->shift = any_shift(shift, c) ? shift : NULL;
    matrix->positions = (size_t)node->shape.h * (size_t)node->shape.w;
    matrix->adc_bits = conv->adc_bits;
    matrix->adc_range = conv->adc_range ? mho_exp((double)*mho_node_values(node, MHO_ARRAY_ADC_LOG_RANGE)) : 0.0;
    turn_codes(matrix, codes_khwc, codes);
    return MHO_OK;
}

static MhoStatus lower_matrix(Lowering *lowering, size_t i, MhoError *error)
{
    MhoLoweredNet *lowered = lowering->lowered;
    MhoNode *node = &lowering->net->nodes[i];
    const size_t n = mho_node_array(node, MHO_ARRAY_WEIGHT)->n, c = (size_t)node->shape.c;
    if (mho_node_conv(node)->bits == 0)
        return mho_fail(error, MHO_USAGE,
                        "node '%s' is not quantized: its weights are float; a chip and the integer "
                        "executor need codes (--set quant.weight.bits=8 --set quant.activation.bits=8)",
                        node->name);
    int16_t *codes_khwc = mho_arena_take(&lowered->memory, n, sizeof *codes_khwc);
    int16_t *codes = mho_arena_take(&lowered->memory, n, sizeof *codes);
    int32_t *shift = mho_arena_take(&lowered->memory, c, sizeof *shift);
    lowering->matrix_of[i] = lowered->n_matrices++;
    return mho_net_matrix(lowering->net, (int)i, codes_khwc, codes, shift, &lowered->matrices[lowering->matrix_of[i]],
                          error);
}

/* The next step, writing the codes (or logits) of node i. */
static MhoStep *next_step(Lowering *lowering, size_t i, MhoStepKind kind, size_t geometry)
{
    MhoLoweredNet *lowered = lowering->lowered;
    const MhoNode *node = &lowering->net->nodes[i], *source = &lowering->net->nodes[geometry];
    MhoStep *step = &lowered->steps[lowered->n_steps];
    step->kind = kind;
    step->shape = node->shape;
    snprintf(step->name, sizeof step->name, "%s", node->name);
    if (source->n_inputs > 0)
        step->gather = mho_node_gather(lowering->net, source);
    lowered->codes_offset[lowered->n_steps] = lowered->codes_size;
    lowering->step_of[i] = (int)lowered->n_steps++;
    return step;
}

static MhoStatus step_input(const Lowering *lowering, MhoStep *step, int node, MhoError *error)
{
    const int from = lowering->step_of[node];
    if (from == STEP_NONE)
        return mho_fail(error, MHO_USAGE,
                        "node '%s' is not quantized: '%s' needs its codes (--set "
                        "quant.activation.bits=8)",
                        lowering->net->nodes[node].name, step->name);
    step->inputs[step->n_inputs++] = from;
    return MHO_OK;
}

static void count_codes(MhoLoweredNet *lowered, const MhoStep *step)
{
    lowered->codes_size += (size_t)step->shape.h * (size_t)step->shape.w * (size_t)step->shape.c;
}

static MhoStatus lower_max_pool(Lowering *lowering, size_t i, MhoError *error)
{
    const MhoNode *node = &lowering->net->nodes[i];
    MhoStep *step = next_step(lowering, i, MHO_STEP_MAX_POOL, i);
    bool is_signed;
    MhoStatus status = mho_net_code_range(lowering->net, (int)i, &step->high, &is_signed, error);
    if (status == MHO_OK)
        status = step_input(lowering, step, node->inputs[0], error);
    if (status != MHO_OK)
        return status;
    if (is_signed && step->gather.pad > 0) /* positions outside the image are code 0, the maximum of negative codes */
        return mho_fail(error, MHO_USAGE, "node '%s': a padded maximum pool of signed codes is not supported",
                        node->name);
    step->low = is_signed ? -step->high : 0;
    count_codes(lowering->lowered, step);
    return MHO_OK;
}

static MhoStepKind kind_of_source(const MhoNode *source)
{
    if (mho_node_conv(source))
        return MHO_STEP_MATRIX;
    if (mho_node_is(source, &mho_layer_add))
        return MHO_STEP_ADD;
    return mho_node_is_sum_pool(source) ? MHO_STEP_SUM_POOL : MHO_STEP_REQUANTIZE;
}

/* A quantizer, or the classifier. */
static MhoStatus lower_output(Lowering *lowering, size_t i, MhoError *error)
{
    const MhoNet *net = lowering->net;
    MhoRequant requant;
    MhoStatus status = mho_net_requant(net, (int)i, NULL, NULL, &requant, error);
    if (status != MHO_OK)
        return status;
    const MhoNode *from = &net->nodes[requant.source];
    MhoStep *step = next_step(lowering, i, kind_of_source(from), (size_t)requant.source);
    step->a = mho_arena_take(&lowering->lowered->memory, (size_t)step->shape.c, sizeof *step->a);
    step->b = mho_arena_take(&lowering->lowered->memory, (size_t)step->shape.c, sizeof *step->b);
    status = mho_net_requant(net, (int)i, step->a, step->b, &requant, error);
    if (status != MHO_OK)
        return status;
    step->low = requant.low;
    step->high = requant.high;
    step->is_logits = requant.is_logits;
    if (requant.high > CODE_MAX || requant.low < -SIGNED_CODE_MAX)
        return mho_fail(error, MHO_USAGE, "node '%s': codes %d..%d do not fit 8 bits (--set quant.activation.bits=8)",
                        step->name, requant.low, requant.high);
    uint8_t *table = mho_arena_take(&lowering->lowered->memory, MHO_TABLE_SIZE, 1);
    step->table = mho_net_table(net, (int)i, table) ? table : NULL;
    if (step->kind == MHO_STEP_MATRIX)
        step->matrix = lowering->matrix_of[requant.source];
    if (step->kind == MHO_STEP_REQUANTIZE)
        status = step_input(lowering, step, requant.source, error);
    for (int k = 0; k < from->n_inputs && step->kind != MHO_STEP_REQUANTIZE && status == MHO_OK; k++)
        status = step_input(lowering, step, from->inputs[k], error);
    if (!step->is_logits)
        count_codes(lowering->lowered, step);
    return status;
}

static MhoStatus lower_node(Lowering *lowering, size_t i, MhoError *error)
{
    const MhoNode *node = &lowering->net->nodes[i];
    const bool last = i + 1 == lowering->net->n_nodes;
    MhoStatus status = MHO_OK;
    lowering->step_of[i] = mho_node_is(node, &mho_layer_input) ? STEP_IMAGE : STEP_NONE;
    if (last && !mho_node_is(node, &mho_layer_dense))
        return mho_fail(error, MHO_USAGE,
                        "node '%s': the last node must be a dense classifier, whose sums are the logits", node->name);
    if (mho_node_conv(node))
        status = lower_matrix(lowering, i, error);
    if (status != MHO_OK || !writes_step(lowering->net, i))
        return status;
    return mho_node_pool(node) ? lower_max_pool(lowering, i, error) : lower_output(lowering, i, error);
}

static MhoStatus lower_net(const MhoNet *net, MhoLoweredNet *lowered, MhoError *error)
{
    Lowering lowering = {.net = net,
                         .lowered = lowered,
                         .step_of = mho_calloc(net->n_nodes, sizeof(int), error, "the steps of '%s'", net->name)};
    if (lowering.step_of)
        lowering.matrix_of = mho_calloc(net->n_nodes, sizeof(size_t), error, "the matrices of '%s'", net->name);
    MhoStatus status = lowering.matrix_of ? MHO_OK : MHO_MEMORY;

    for (size_t i = 0; i < net->n_nodes && status == MHO_OK; i++)
        status = lower_node(&lowering, i, error);
    free(lowering.step_of);
    free(lowering.matrix_of);
    return status;
}

MhoStatus mho_lowered_net_create(const MhoNet *net, MhoLoweredNet **lowered, MhoError *error)
{
    MhoLoweredNet *made = mho_calloc(1, sizeof *made, error, "the lowered network '%s'", net->name);
    *lowered = NULL;
    if (!made)
        return MHO_MEMORY;
    plan_arrays(net, made);
    MhoStatus status = mho_arena_create(&made->memory, error);
    if (status == MHO_OK) {
        made->steps = mho_arena_take(&made->memory, made->n_steps, sizeof *made->steps);
        made->codes_offset = mho_arena_take(&made->memory, made->n_steps, sizeof *made->codes_offset);
        made->matrices = mho_arena_take(&made->memory, made->n_matrices, sizeof *made->matrices);
        made->n_steps = made->n_matrices = 0;
        made->input = net->nodes[0].shape;
        made->n_classes = net->n_classes;
        status = lower_net(net, made, error);
    }
    if (status == MHO_OK)
        *lowered = made;
    else
        mho_lowered_net_destroy(made);
    return status;
}

void mho_lowered_net_destroy(MhoLoweredNet *lowered)
{
    if (!lowered)
        return;
    mho_arena_destroy(&lowered->memory);
    free(lowered);
}
