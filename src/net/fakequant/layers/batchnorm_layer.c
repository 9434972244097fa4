/* batchnorm_layer.c - normalization per channel over batch and positions.
 *
 *   y = gamma (z - mean) / sqrt(variance + epsilon) + beta,  z = scale_k stored + offset_k
 * In training mean and variance (biased) are those of the batch, and running = (1 - momentum) running + momentum batch,
 * variance unbiased. In evaluation they are the running ones. Sums are in double, so that a mean far above the
 * deviation loses no digits. Source: Ioffe and Szegedy, ICML 2015, algorithm 1 and the gradients of its section 3.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "kernels/clones.h"
#include "net/fakequant/fakequant_internal.h"
#include "net/graph/graph_internal.h"

static MhoStatus batchnorm_create(MhoFakeQuant *fq, int node, MhoError *error)
{
    MhoFakeQuantNode *self = &fq->nodes[node];
    /* mean of the stored values, slope of the normalized value */
    self->state = mho_calloc(2 * self->c, sizeof(double), error, "node '%s'", fq->net->nodes[node].name);
    return self->state ? MHO_OK : MHO_MEMORY;
}

static void batchnorm_destroy(MhoFakeQuant *fq, int node)
{
    free(fq->nodes[node].state);
}

MHO_CLONES void mho_batchnorm_statistics(size_t n, size_t width, const float *x, double *sums)
{
    double *squares = sums + width;
    for (size_t i = 0; i < n; i += width) {
        const size_t m = n - i < width ? n - i : width;
        for (size_t j = 0; j < m; j++) {
            const double value = (double)x[i + j];
            sums[j] += value;
            squares[j] = __builtin_fma(value, value, squares[j]);
        }
    }
}

MHO_CLONES void mho_batchnorm_reduce(size_t n, size_t width, const float *restrict x, const float *restrict d,
                                     float *restrict kept, double *restrict sums)
{
    double *restrict products = sums + width;
    for (size_t i = 0; i < n; i += width) {
        const size_t m = n - i < width ? n - i : width;
        for (size_t j = 0; j < m; j++) {
            kept[i + j] = d[i + j];
            sums[j] += (double)d[i + j];
            products[j] = __builtin_fma((double)d[i + j], (double)x[i + j], products[j]);
        }
    }
}

void mho_batchnorm_coefficients(MhoFakeQuant *fq, int node, const MhoFakeQuantNode *source, const double *sums,
                                float *a, float *b)
{
    const MhoBatchnormSettings *s = mho_fakequant_settings(fq, node);
    const size_t c = source->c;
    const double n = (double)source->positions, momentum = s->momentum;
    const float *gamma = mho_node_values(&fq->net->nodes[node], MHO_ARRAY_GAMMA),
                *beta = mho_node_values(&fq->net->nodes[node], MHO_ARRAY_BETA);
    MhoNode *self = &fq->net->nodes[node];
    float *mean = mho_node_array(self, MHO_ARRAY_MEAN)->value,
          *variance = mho_node_array(self, MHO_ARRAY_VARIANCE)->value;
    double *centre = fq->nodes[node].state, *slope = centre + c;
    for (size_t k = 0; k < c; k++) {
        const double scale = (double)source->scale[k], offset = (double)source->offset[k];
        if (fq->batch_statistics) {
            const double m = sums[k] / n, spread = sums[c + k] / n - m * m;
            const double var = scale * scale * (spread > 0.0 ? spread : 0.0);
            centre[k] = m;
            slope[k] = scale / __builtin_sqrt(var + s->epsilon);
            mean[k] = (float)((1.0 - momentum) * (double)mean[k] + momentum * (scale * m + offset));
            variance[k] =
                (float)((1.0 - momentum) * (double)variance[k] + momentum * var * (n > 1.0 ? n / (n - 1.0) : 1.0));
        } else {
            const MhoBatchnormChannel channel = mho_batchnorm_channel(self, k);
            slope[k] = scale / channel.deviation;
            centre[k] = (channel.mean - offset) / scale;
        }
        a[k] = (float)((double)gamma[k] * slope[k]);
        b[k] = (float)((double)beta[k] - (double)gamma[k] * slope[k] * centre[k]);
    }
}

void mho_batchnorm_gradient(MhoFakeQuant *fq, int node, const MhoFakeQuantNode *source, const double *sums, double unit,
                            float *a, float *p, float *q)
{
    const size_t c = source->c;
    const double n = (double)source->positions;
    const float *gamma = mho_node_values(&fq->net->nodes[node], MHO_ARRAY_GAMMA);
    float *d_gamma = mho_fakequant_gradient_of(fq, node, MHO_ARRAY_GAMMA),
          *d_beta = mho_fakequant_gradient_of(fq, node, MHO_ARRAY_BETA);
    const double *centre = fq->nodes[node].state, *slope = centre + c;
    for (size_t k = 0; k < c; k++) {
        const double sum = unit * sums[k], normalized = slope[k] * (unit * sums[c + k] - centre[k] * sum);
        const double gain = (double)gamma[k] * slope[k];
        d_gamma[k] += (float)normalized;
        d_beta[k] += (float)sum;
        a[k] = (float)(gain * unit);
        p[k] = fq->batch_statistics ? (float)(-gain * slope[k] * normalized / n) : 0.0F;
        q[k] = fq->batch_statistics ? (float)(gain * (slope[k] * centre[k] * normalized - sum) / n) : 0.0F;
    }
}

const MhoFakeQuantLayer mho_fakequant_layer_batchnorm = {
    .part = MHO_PART_BATCHNORM, .create = batchnorm_create, .destroy = batchnorm_destroy};
