/* reference.c - see reference.h. */
#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nets.h"

static size_t node_size(const Reference *r, size_t i)
{
    const MhoShape s = r->net->nodes[i].shape;
    return r->batch * (size_t)s.h * (size_t)s.w * (size_t)s.c;
}

static size_t weight_size(const MhoNode *node)
{
    return mho_node_conv(node) ? node->arrays[0].n : 1;
}

Reference *reference_create(const MhoNet *net, size_t batch)
{
    Reference *r = calloc(1, sizeof *r);
    r->net = net;
    r->batch = batch;
    r->value = calloc(net->n_nodes, sizeof *r->value);
    r->kink = calloc(net->n_nodes, sizeof *r->kink);
    r->weight_kink = calloc(net->n_nodes, sizeof *r->weight_kink);
    r->log_scale = calloc(net->n_nodes, sizeof *r->log_scale);
    for (size_t a = 0; a < MHO_NODE_MAX_ARRAYS; a++)
        r->parameter[a] = calloc(net->n_nodes, sizeof *r->parameter[a]);
    for (size_t i = 0; i < net->n_nodes; i++) {
        r->value[i] = calloc(node_size(r, i), sizeof(double));
        r->kink[i] = calloc(2 * node_size(r, i), sizeof(double));
        r->weight_kink[i] = calloc(2 * weight_size(&net->nodes[i]), sizeof(double));
        for (size_t a = 0; a < net->nodes[i].n_arrays; a++)
            r->parameter[a][i] = calloc(net->nodes[i].arrays[a].n, sizeof(double));
    }
    reference_load(r);
    return r;
}

void reference_destroy(Reference *r)
{
    for (size_t i = 0; i < r->net->n_nodes; i++) {
        free(r->value[i]);
        free(r->kink[i]);
        free(r->weight_kink[i]);
        for (size_t a = 0; a < r->net->nodes[i].n_arrays; a++)
            free(r->parameter[a][i]);
    }
    for (size_t a = 0; a < MHO_NODE_MAX_ARRAYS; a++)
        free(r->parameter[a]);
    free(r->value);
    free(r->kink);
    free(r->weight_kink);
    free(r->log_scale);
    free(r);
}

void reference_load(Reference *r)
{
    for (size_t i = 0; i < r->net->n_nodes; i++) {
        const MhoNode *node = &r->net->nodes[i];
        for (size_t a = 0; a < node->n_arrays; a++)
            for (size_t j = 0; j < node->arrays[a].n; j++)
                r->parameter[a][i][j] = (double)node->arrays[a].value[j];
        if (mho_node_fake_quant(node))
            r->log_scale[i] =
                (double)mho_node_values(&r->net->nodes[mho_net_scale_owner(r->net, (int)i)], MHO_ARRAY_LOG_SCALE)[0];
    }
}

static const double *parameter(const Reference *r, size_t i, MhoArrayRole role)
{
    for (size_t a = 0; a < r->net->nodes[i].n_arrays; a++)
        if (r->net->nodes[i].arrays[a].role == role)
            return r->parameter[a][i];
    return NULL;
}

/* Frozen quantizer of one value: kink = {side (-1, 0, 1), residue}. */
static double quantize(double x, double s, int n, int lower, bool straight, bool frozen, double kink[2])
{
    const double u = x / exp(s), low = lower * (double)n, clipped = fmin(fmax(u * n, low), (double)n);
    if (!frozen) {
        kink[0] = straight ? 0.0 : u >= 1.0 ? 1.0 : u <= lower ? -1.0 : 0.0;
        kink[1] = rint(clipped) - u * n;
    }
    if (kink[0] > 0.0)
        return exp(s);
    if (kink[0] < 0.0)
        return lower * exp(s);
    return exp(s) * (u * n + kink[1]) / n;
}

/* The layer's weights as values, (k, rows). */
static void weight_values(Reference *r, size_t i, double *out)
{
    const MhoConvSettings *s = mho_node_conv(&r->net->nodes[i]);
    const size_t n = r->net->nodes[i].arrays[0].n, rows = n / (size_t)s->channels;
    const double *weight = parameter(r, i, MHO_ARRAY_WEIGHT), *log_scale = parameter(r, i, MHO_ARRAY_LOG_SCALE);
    for (size_t j = 0; j < n; j++)
        out[j] = s->bits ? quantize(weight[j], log_scale[s->scale == MHO_SCALE_PER_CHANNEL ? j / rows : 0],
                                    (1 << (s->bits - 1)) - 1, -1, r->straight, r->frozen, r->weight_kink[i] + 2 * j)
                         : weight[j];
}

/* Sum of one window, rows of weight (rows) times values of the image; outside is 0. */
static double dot_window(const MhoGather *g, int position, const double *x, const double *weight)
{
    double sum = 0.0;
    for (int r = 0; r < naive_rows(g); r++) {
        const int at = naive_source(g, position, r);
        sum += at < 0 ? 0.0 : weight[r] * x[at];
    }
    return sum;
}

/* Value of one step of a layer's sums: input step times weight step. */
static double sum_step(const Reference *r, size_t i, size_t k)
{
    const MhoConvSettings *s = mho_node_conv(&r->net->nodes[i]);
    int input = mho_net_code_source(r->net, r->net->nodes[i].inputs[0]), n;
    bool is_signed;
    double step = 1.0 / 255.0;
    if (mho_node_fake_quant(&r->net->nodes[input])) {
        if (mho_net_code_range(r->net, input, &n, &is_signed, NULL) != MHO_OK)
            abort();
        step = exp(r->log_scale[input]) / n;
    }
    const double *log_scale = parameter(r, i, MHO_ARRAY_LOG_SCALE);
    return step * exp(log_scale[s->scale == MHO_SCALE_PER_CHANNEL ? k : 0]) / ((1 << (s->bits - 1)) - 1);
}

static void run_weighted(Reference *r, size_t i)
{
    const MhoNode *node = &r->net->nodes[i];
    const size_t input = (size_t)node->inputs[0], n_weights = node->arrays[0].n;
    const MhoShape in = r->net->nodes[input].shape, out = node->shape;
    const double *bias = parameter(r, i, MHO_ARRAY_BIAS), *shift = parameter(r, i, MHO_ARRAY_SHIFT);
    const int groups = mho_node_is(node, &mho_layer_dense) ? 1 : mho_node_conv(node)->groups;
    const size_t rows = n_weights / (size_t)out.c;
    double *weight = calloc(n_weights, sizeof *weight), *to = r->value[i];
    weight_values(r, i, weight);
    for (size_t n = 0; n < r->batch; n++)
        for (int p = 0; p < out.h * out.w; p++)
            for (int k = 0; k < out.c; k++) {
                const MhoGather g = naive_gather(r->net, node, k / (out.c / groups));
                double *kink = r->kink[i] + 2 * (size_t)k;
                double z =
                    dot_window(&g, p, r->value[input] + n * (size_t)(in.h * in.w * in.c), weight + (size_t)k * rows);
                if (shift && !r->frozen)
                    kink[0] = rint(shift[k]) - shift[k];
                if (shift && !r->frozen)
                    kink[1] = sum_step(r, i, (size_t)k);
                z += bias ? bias[k] : 0.0;
                z += shift ? kink[1] * (shift[k] + kink[0]) : 0.0;
                *to++ = z;
            }
    free(weight);
}

static void run_batchnorm(Reference *r, size_t i)
{
    const MhoNode *node = &r->net->nodes[i];
    const MhoBatchnormSettings *s = (const void *)node->settings;
    const double *x = r->value[node->inputs[0]];
    const size_t c = (size_t)node->shape.c, rows = node_size(r, i) / c;
    const double *gamma = parameter(r, i, MHO_ARRAY_GAMMA), *beta = parameter(r, i, MHO_ARRAY_BETA);
    for (size_t k = 0; k < c; k++) {
        double mean = parameter(r, i, MHO_ARRAY_MEAN)[k], variance = parameter(r, i, MHO_ARRAY_VARIANCE)[k];
        if (r->batch_statistics) {
            mean = variance = 0.0;
            for (size_t j = 0; j < rows; j++)
                mean += x[j * c + k] / (double)rows;
            for (size_t j = 0; j < rows; j++)
                variance += (x[j * c + k] - mean) * (x[j * c + k] - mean) / (double)rows;
        }
        for (size_t j = 0; j < rows; j++)
            r->value[i][j * c + k] = gamma[k] * (x[j * c + k] - mean) / sqrt(variance + s->epsilon) + beta[k];
    }
}

static double pool_window(const MhoPoolSettings *s, const double *x, MhoShape in, int y0, int z0, int h, int w, int k,
                          bool frozen, double *winner)
{
    double best = -INFINITY, sum = 0.0;
    if (s->kind == MHO_POOL_MAX && frozen)
        return x[(size_t)*winner];
    for (int y = y0; y < y0 + h; y++)
        for (int z = z0; z < z0 + w; z++) {
            if (y < 0 || y >= in.h || z < 0 || z >= in.w)
                continue;
            const int at = (y * in.w + z) * in.c + k;

            sum += x[at];
            if (x[at] > best) {
                best = x[at];
                *winner = at;
            }
        }
    return s->kind == MHO_POOL_MAX ? best : sum / (h * w);
}

static void run_pool(Reference *r, size_t i)
{
    const MhoNode *node = &r->net->nodes[i];
    const MhoPoolSettings *s = (const void *)node->settings;
    const MhoShape in = r->net->nodes[node->inputs[0]].shape, out = node->shape;
    const bool global = s->kind == MHO_POOL_GLOBAL;
    const int h = global ? in.h : s->window, w = global ? in.w : s->window;
    for (size_t n = 0; n < r->batch; n++)
        for (int p = 0; p < out.h * out.w * out.c; p++) {
            const size_t at = n * (size_t)(out.h * out.w * out.c) + (size_t)p;
            const int y = p / out.c / out.w, z = p / out.c % out.w;
            r->value[i][at] = pool_window(s, r->value[node->inputs[0]] + n * (size_t)(in.h * in.w * in.c), in,
                                          global ? 0 : y * s->stride - s->pad, global ? 0 : z * s->stride - s->pad, h,
                                          w, p % out.c, r->frozen, &r->kink[i][at]);
        }
}

static void run_elementwise(Reference *r, size_t i)
{
    const MhoNode *node = &r->net->nodes[i];
    const MhoFakeQuantSettings *q = mho_node_fake_quant(node);
    const double *x = r->value[node->inputs[0]];
    for (size_t j = 0; j < node_size(r, i); j++) {
        double *kink = r->kink[i] + 2 * j;
        if (mho_node_is(node, &mho_layer_add)) {
            r->value[i][j] = x[j] + r->value[node->inputs[1]][j];
        } else if (q) {
            const int n = q->is_signed ? (1 << (q->bits - 1)) - 1 : (1 << q->bits) - 1;
            r->value[i][j] = quantize(x[j], r->log_scale[i], n, q->is_signed ? -1 : 0, false, r->frozen, kink);
        } else {
            if (!r->frozen)
                kink[0] = x[j] > 0.0;
            r->value[i][j] = kink[0] > 0.0 ? x[j] : 0.0;
        }
    }
}

const double *reference_run(Reference *r, const uint8_t *images)
{
    const MhoInputSettings *input = (const void *)r->net->nodes[0].settings;
    for (size_t j = 0; j < node_size(r, 0); j++)
        r->value[0][j] = images[j] / input->divisor;
    for (size_t i = 1; i < r->net->n_nodes; i++) {
        const MhoNode *node = &r->net->nodes[i];
        if (mho_node_conv(node))
            run_weighted(r, i);
        else if (mho_node_is(node, &mho_layer_batchnorm))
            run_batchnorm(r, i);
        else if (mho_node_is(node, &mho_layer_pool))
            run_pool(r, i);
        else
            run_elementwise(r, i);
    }
    return r->value[r->net->n_nodes - 1];
}
