/* float_net.c - a network run in float by mho's own kernels, one image at a time, every sum in one fixed order.
 *
 * Unlike the float executor of training it gives the same bits on every machine, for any number of threads; calibration
 * uses it, so that a quantized model made from a float one is the same everywhere.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/clones.h"
#include "kernels/kernels.h"
#include "kernels/math.h"
#include "net/calibrate/calibrate_internal.h"

enum { BLOCK = 32 };

static size_t shape_size(MhoShape shape)
{
    return (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
}

/* Sizes of every node and the arrays that it needs. */
static void carve_net(void *object)
{
    MhoFloatNet *made = object;
    const MhoNet *net = made->net;
    made->nodes = mho_arena_take(&made->arena, net->n_nodes, sizeof *made->nodes);
    made->n_values = made->n_rows = made->n_columns = 0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoNode *node = &net->nodes[i];
        const MhoConvSettings *conv = mho_node_conv(node);
        MhoFloatNode self = {.value0 = made->n_values, .counted = -1};
        const size_t c = (size_t)node->shape.c;
        if (conv) {
            self.groups = mho_node_is(node, &mho_layer_conv) ? (size_t)conv->groups : 1;
            self.rows = mho_node_array(&net->nodes[i], MHO_ARRAY_WEIGHT)->n / c;
            self.columns = mho_pad(c / self.groups, MHO_LANES);
            self.weights = mho_arena_take(&made->arena, self.groups * self.rows * self.columns, sizeof(float));
            made->n_rows = self.rows > made->n_rows ? self.rows : made->n_rows;
            made->n_columns = self.columns > made->n_columns ? self.columns : made->n_columns;
        }
        if (conv || mho_node_is(node, &mho_layer_batchnorm)) {
            self.a = mho_arena_take(&made->arena, c, sizeof(float));
            self.b = mho_arena_take(&made->arena, c, sizeof(float));
        }
        if (made->nodes)
            made->nodes[i] = self;
        made->n_values += shape_size(node->shape);
    }
}

/* Value of one weight code of channel k. */
static double weight_step(const MhoNode *node, int n_weight, size_t k)
{
    const float *log_scale = mho_node_values(node, MHO_ARRAY_LOG_SCALE);
    return mho_exp((double)log_scale[mho_node_conv(node)->scale == MHO_SCALE_PER_CHANNEL ? k : 0]) / n_weight;
}

static void fill_floats(const MhoNode *node, const MhoFloatNode *self, const float *weight)
{
    const size_t cols = (size_t)node->shape.c / self->groups;
    for (size_t k = 0; k < (size_t)node->shape.c; k++)
        for (size_t r = 0; r < self->rows; r++)
            self->weights[(k / cols * self->rows + r) * self->columns + k % cols] = weight[k * self->rows + r];
}

/* Codes as values; a shift counts steps of weight times input, so the input's scale must be known. */
static MhoStatus fill_codes(const MhoNet *net, int i, const MhoFloatNode *self, MhoError *error)
{
    const MhoNode *node = &net->nodes[i];
    const size_t c = (size_t)node->shape.c, n = c * self->rows;
    float *values = mho_calloc(n, sizeof *values, error, "the weights of '%s'", node->name);
    int16_t *codes = values ? mho_calloc(n, sizeof *codes, error, "the codes of '%s'", node->name) : NULL;
    int32_t *shift = codes ? mho_calloc(c, sizeof *shift, error, "the shift of '%s'", node->name) : NULL;
    double scale_x = 0.0;
    int n_weight;
    bool shifted = false;
    MhoStatus status = shift ? mho_net_weight_codes(net, i, codes, shift, error) : MHO_MEMORY;
    if (status == MHO_OK)
        status = mho_net_weight_range(net, i, &n_weight, error);
    for (size_t k = 0; k < c && status == MHO_OK; k++) {
        const double step = weight_step(node, n_weight, k);
        if (shift[k] != 0 && !shifted && (status = mho_net_scale(net, node->inputs[0], &scale_x, error)) != MHO_OK)
            mho_fail_context(error, "node '%s' has a shift: calibrate before batch norm is removed", node->name);
        shifted = shifted || shift[k] != 0;
        self->b[k] += (float)(scale_x * step * shift[k]);
        for (size_t r = 0; r < self->rows; r++)
            values[k * self->rows + r] = (float)(step * codes[k * self->rows + r]);
    }
    if (status == MHO_OK)
        fill_floats(node, self, values);
    free(values);
    free(codes);
    free(shift);
    return status;
}

static void fill_batchnorm(const MhoNode *node, const MhoFloatNode *self)
{
    for (size_t k = 0; k < (size_t)node->shape.c; k++) {
        const MhoBatchnormChannel channel = mho_batchnorm_channel(node, k);
        self->a[k] = (float)channel.gain;
        self->b[k] = (float)(channel.beta - channel.gain * channel.mean);
    }
}

static MhoStatus fill_quantizer(MhoFloatNet *made, int i, MhoError *error)
{
    const MhoNet *net = made->net;
    MhoFloatNode *self = &made->nodes[i];
    const int owner = mho_net_scale_owner(net, i);
    const float *log_scale = owner >= 0 ? mho_node_values(&net->nodes[owner], MHO_ARRAY_LOG_SCALE) : NULL;
    const MhoStatus status = mho_net_code_range(net, i, &self->n, &self->is_signed, error);
    if (status != MHO_OK)
        return status;
    if (!log_scale)
        return mho_fail(error, MHO_USAGE, "node '%s': no quantizer gives its scale", net->nodes[i].name);
    self->is_set = !isnan(*log_scale);
    if (self->is_set) {
        self->step = (float)(mho_exp((double)*log_scale) / self->n);
        self->inverse = (float)(self->n / mho_exp((double)*log_scale));
        self->has_table = mho_net_table(net, i, self->table);
    } else {
        self->counted = (int)made->n_counted++;
    }
    return MHO_OK;
}

static MhoStatus fill_node(MhoFloatNet *made, int i, MhoError *error)
{
    const MhoNode *node = &made->net->nodes[i];
    const MhoConvSettings *conv = mho_node_conv(node);
    const float *bias = mho_node_values(node, MHO_ARRAY_BIAS);
    if (mho_node_fake_quant(node))
        return fill_quantizer(made, i, error);
    if (mho_node_is(node, &mho_layer_batchnorm))
        fill_batchnorm(node, &made->nodes[i]);
    if (!conv)
        return MHO_OK;
    for (size_t k = 0; bias && k < (size_t)node->shape.c; k++)
        made->nodes[i].b[k] = bias[k];
    if (conv->bits > 0)
        return fill_codes(made->net, i, &made->nodes[i], error);
    fill_floats(node, &made->nodes[i], mho_node_values(node, MHO_ARRAY_WEIGHT));
    return MHO_OK;
}

MhoStatus mho_float_net_create(const MhoNet *net, MhoFloatNet *made, MhoError *error)
{
    *made = (MhoFloatNet){.net = net};
    MhoStatus status = mho_arena_build(&made->arena, carve_net, made, error);
    for (size_t i = 0; i < net->n_nodes && status == MHO_OK; i++)
        status = fill_node(made, (int)i, error);
    if (status != MHO_OK)
        mho_float_net_destroy(made);
    return status;
}

void mho_float_net_destroy(MhoFloatNet *net)
{
    mho_arena_destroy(&net->arena);
}

static void carve_workspace(void *object)
{
    MhoFloatWorkspace *work = object;
    const MhoFloatNet *net = work->net;
    work->values = mho_arena_take(&work->arena, net->n_values, sizeof *work->values);
    work->rows = mho_arena_take(&work->arena, BLOCK * net->n_rows, sizeof *work->rows);
    work->sums = mho_arena_take(&work->arena, BLOCK * net->n_columns, sizeof *work->sums);
    work->histograms = mho_arena_take(&work->arena, net->n_counted, sizeof *work->histograms);
}

MhoStatus mho_float_workspace_create(const MhoFloatNet *net, MhoFloatWorkspace *work, MhoError *error)
{
    *work = (MhoFloatWorkspace){.net = net};
    return mho_arena_build(&work->arena, carve_workspace, work, error);
}

void mho_float_workspace_destroy(MhoFloatWorkspace *work)
{
    mho_arena_destroy(&work->arena);
}

static void run_weighted(const MhoFloatNet *net, MhoFloatWorkspace *work, size_t i, const float *x, float *y)
{
    const MhoNode *node = &net->net->nodes[i];
    const MhoFloatNode *self = &net->nodes[i];
    const size_t c = (size_t)node->shape.c, cols = c / self->groups, positions = shape_size(node->shape) / c;
    MhoGather geometry = mho_node_gather(net->net, node);
    for (size_t g = 0; g < self->groups; g++, geometry.c_first += geometry.c_count)
        for (size_t first = 0; first < positions; first += BLOCK) {
            const size_t P = positions - first < BLOCK ? positions - first : BLOCK;
            memset(work->sums, 0, P * self->columns * sizeof *work->sums);
            mho_float_products(&geometry, x, first, P, self->weights + g * self->rows * self->columns, self->rows,
                               self->columns, work->rows, work->sums);
            for (size_t p = 0; p < P; p++)
                for (size_t j = 0; j < cols; j++)
                    y[(first + p) * c + g * cols + j] = work->sums[p * self->columns + j] + self->b[g * cols + j];
        }
}

/* Averages count positions outside the image as 0. */
static void run_pool(const MhoFloatNet *net, size_t i, const float *x, float *y)
{
    const MhoNode *node = &net->net->nodes[i];
    const bool maximum = ((const MhoPoolSettings *)(const void *)node->settings)->kind == MHO_POOL_MAX;
    const MhoGather g = mho_node_gather(net->net, node);
    const float size = (float)g.kernel_h * (float)g.kernel_w;
    mho_float_pool(&g, maximum, x, y);
    for (size_t j = 0; j < shape_size(node->shape) && !maximum; j++)
        y[j] /= size;
}

MHO_CLONES static void run_batchnorm(size_t n, size_t c, const float *a, const float *b, const float *x, float *y)
{
    for (size_t p = 0; p < n; p += c)
        for (size_t k = 0; k < c; k++)
            y[p + k] = __builtin_fmaf(x[p + k], a[k], b[k]);
}

MHO_CLONES static void run_quantizer(size_t n, const MhoFloatNode *self, const float *x, float *y)
{
    const float high = (float)self->n, low = self->is_signed ? -high : 0.0F, inverse = self->inverse, step = self->step;
    if (self->has_table) {
        for (size_t j = 0; j < n; j++)
            y[j] = step * mho_table_code(self->table, mho_round(mho_clampf(x[j] * inverse, low, high)));
        return;
    }
    for (size_t j = 0; j < n; j++)
        y[j] = step * mho_round(mho_clampf(x[j] * inverse, low, high));
}

MHO_CLONES static void run_relu(size_t n, const float *x, float *y)
{
    for (size_t j = 0; j < n; j++)
        y[j] = x[j] > 0.0F ? x[j] : 0.0F;
}

static void run_uncalibrated(MhoFloatWorkspace *work, const MhoFloatNode *self, size_t n, const float *x, float *y)
{
    mho_histogram_add(&work->histograms[self->counted], n, x, self->is_signed);
    if (self->is_signed)
        memcpy(y, x, n * sizeof *y);
    else
        run_relu(n, x, y);
}

static void run_node(const MhoFloatNet *net, MhoFloatWorkspace *work, size_t i, const uint8_t *image)
{
    const MhoNode *node = &net->net->nodes[i];
    const MhoFloatNode *self = &net->nodes[i];
    const size_t n = shape_size(node->shape);
    const float *x = node->n_inputs > 0 ? work->values + net->nodes[node->inputs[0]].value0 : NULL;
    float *y = work->values + self->value0;
    if (!x) {
        const float divisor = (float)((const MhoInputSettings *)(const void *)node->settings)->divisor;
        for (size_t j = 0; j < n; j++)
            y[j] = (float)image[j] / divisor;
    } else if (mho_node_conv(node)) {
        run_weighted(net, work, i, x, y);
    } else if (mho_node_is(node, &mho_layer_batchnorm)) {
        run_batchnorm(n, (size_t)node->shape.c, self->a, self->b, x, y);
    } else if (mho_node_fake_quant(node)) {
        if (self->is_set)
            run_quantizer(n, self, x, y);
        else
            run_uncalibrated(work, self, n, x, y);
    } else if (mho_node_is(node, &mho_layer_relu)) {
        run_relu(n, x, y);
    } else if (mho_node_is(node, &mho_layer_pool)) {
        run_pool(net, i, x, y);
    } else { /* add */
        const float *other = work->values + net->nodes[node->inputs[1]].value0;
        for (size_t j = 0; j < n; j++)
            y[j] = x[j] + other[j];
    }
}

void mho_float_net_run_image(const MhoFloatNet *net, MhoFloatWorkspace *work, const uint8_t *image)
{
    for (size_t i = 0; i < net->net->n_nodes; i++)
        run_node(net, work, i, image);
}
