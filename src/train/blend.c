/* blend.c - from batch norm to none in small steps: z = (1-t) BN(z) + t FQ(z), t from 0 to 1.
 *
 * With statistics frozen both are affine, so the blend is batch norm itself with gain (1-t) g + t g_FQ and offset (1-t) b: the gain
 * goes to its geometric mean over channels (one scale per tensor), the offset to zero (no shift). What the form without batch norm can hold
 * stays. FQ(z): Verhoef et al., arXiv:1912.09356; the steps are this project's.
 */
#include "kernels/math.h"
#include "train/train_internal.h"

/* y = gamma z + beta from here on: mean 0, sigma 1. */
static void freeze(MhoNode *node)
{
    const MhoBatchnormSettings *settings = (const void *)node->settings;
    MhoNodeArray *gamma = mho_node_array(node, "gamma"), *beta = mho_node_array(node, "beta");
    MhoNodeArray *mean = mho_node_array(node, "mean"), *variance = mho_node_array(node, "variance");

    for (size_t k = 0; k < gamma->n; k++) {
        const double gain = (double)gamma->value[k] / __builtin_sqrt((double)variance->value[k] + settings->epsilon);

        beta->value[k] = (float)((double)beta->value[k] - gain * (double)mean->value[k]);
        gamma->value[k] = (float)gain;
        mean->value[k] = 0.0F;
        variance->value[k] = (float)(1.0 - settings->epsilon);
    }
}

void mho_blend_start(MhoNet *net)
{
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_is(&net->nodes[i], "batchnorm"))
            freeze(&net->nodes[i]);
}

/* Geometric mean of |gamma|. Channels that have none are left out. */
static double mean_gain(const MhoNodeArray *gamma)
{
    double sum = 0.0;
    size_t n = 0;

    for (size_t k = 0; k < gamma->n; k++) {
        const double size = __builtin_fabs((double)gamma->value[k]);

        if (size > 1e-6) {
            sum += mho_ln(size);
            n++;
        }
    }
    return n > 0 ? mho_exp(sum / (double)n) : 0.0;
}

void mho_blend_move(MhoNet *net, const MhoQuantParams *quant, double from, double to)
{
    const double left = to < 1.0 ? (1.0 - to) / (1.0 - from) : 0.0; /* of the way that was left */

    for (size_t i = 0; i < net->n_nodes; i++) {
        MhoNodeArray *gamma = mho_node_is(&net->nodes[i], "batchnorm") ? mho_node_array(&net->nodes[i], "gamma") : NULL;
        MhoNodeArray *beta = gamma ? mho_node_array(&net->nodes[i], "beta") : NULL;
        const double mean = gamma ? mean_gain(gamma) : 0.0;

        for (size_t k = 0; gamma && k < gamma->n; k++) {
            const double goal = gamma->value[k] < 0.0F ? -mean : mean;

            if (quant->scale == MHO_SCALE_PER_TENSOR)
                gamma->value[k] = (float)(goal + left * ((double)gamma->value[k] - goal));
            if (quant->shift != 0)
                beta->value[k] = (float)(left * (double)beta->value[k]);
        }
    }
}
