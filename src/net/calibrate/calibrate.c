/* calibrate.c - ranges of activations from training images, for post-training quantization.
 *
 * Every quantizer whose log-scale is NaN gets ln of the range of least mean squared error over all values that it reads
 * (or another range of them that its policy asks for); quantizers that share a scale are fitted together. Values
 * come from one run in float (float_net.c), so quantizers that are not set yet do not round what the next ones see.
 * Least squared error: Banner et al., NeurIPS 2019, arXiv 1810.05723.
 */
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "kernels/math.h"
#include "net/calibrate/calibrate_internal.h"
#include "net/lowered/executor_internal.h"

static void count_images(const MhoFloatNet *net, const uint8_t *images, size_t n_images, int threads,
                         MhoFloatWorkspace *runs)
{
    const MhoShape in = net->net->nodes[0].shape;
    const size_t pixels = (size_t)in.h * (size_t)in.w * (size_t)in.c;

#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t n = 0; n < n_images; n++)
        mho_float_net_run_image(net, &runs[omp_get_thread_num()], images + n * pixels);
    for (int t = 1; t < threads; t++)
        for (size_t q = 0; q < net->n_counted; q++)
            mho_histogram_merge(&runs[0].counts[q], &runs[t].counts[q]);
}

/* The log-scale of one owner from the counts of all quantizers that use it. */
static MhoStatus fit_owner(MhoNet *net, const MhoFloatNet *values, const MhoHistogram *counts, int owner,
                           MhoHistogramUser *users, MhoError *error)
{
    size_t n_users = 0;

    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoFloatNode *node = &values->nodes[i];

        if (node->counted < 0 || mho_net_scale_owner(net, (int)i) != owner)
            continue;
        if (counts[node->counted].not_finite > 0)
            return mho_fail(error, MHO_FAILED,
                            "node '%s': it reads values that are not finite; the network is damaged or diverged in "
                            "training",
                            net->nodes[i].name);
        users[n_users++] = (MhoHistogramUser){.counts = &counts[node->counted], .n = node->n};
    }
    const MhoPolicy *policy = &net->nodes[owner].policy;
    const int bits = mho_node_fake_quant(&net->nodes[owner])->bits;
    const MhoRangeFit fit =
        policy->quantizer->range ? policy->quantizer->range(policy->params, bits) : (MhoRangeFit){.rule = MHO_FIT_MSE};
    const double range = fit.rule == MHO_FIT_PERCENTILE ? mho_histogram_percentile(users, n_users, fit.value)
                         : fit.rule == MHO_FIT_SIGMA    ? fit.value * mho_histogram_rms(users, n_users)
                                                        : mho_histogram_mse_range(users, n_users);
    mho_node_array(&net->nodes[owner], MHO_ARRAY_LOG_SCALE)->value[0] = (float)mho_ln(range);
    return MHO_OK;
}

static MhoStatus fit_scales(MhoNet *net, const MhoFloatNet *values, const MhoHistogram *counts, MhoError *error)
{
    MhoHistogramUser *users = calloc(net->n_nodes, sizeof *users);
    MhoStatus status =
        users ? MHO_OK : mho_fail(error, MHO_MEMORY, "out of memory for calibrating network '%s'", net->name);

    for (size_t i = 0; i < net->n_nodes && status == MHO_OK; i++)
        if (values->nodes[i].counted >= 0 && mho_net_scale_owner(net, (int)i) == (int)i)
            status = fit_owner(net, values, counts, (int)i, users, error);
    free(users);
    return status;
}

MhoStatus mho_net_calibrate(MhoNet *net, const uint8_t *images, size_t n, int threads, MhoError *error)
{
    MhoFloatNet values;
    MhoStatus status = mho_float_net_create(net, &values, error);

    if (status != MHO_OK || values.n_counted == 0) {
        mho_float_net_destroy(&values);
        return status;
    }
    const int n_threads = mho_image_threads(threads, n);
    MhoFloatWorkspace *runs = calloc((size_t)n_threads, sizeof *runs);
    if (!runs)
        status = mho_fail(error, MHO_MEMORY, "out of memory for %d threads", n_threads);
    else if (!images || n == 0)
        status = mho_fail(error, MHO_USAGE, "network '%s': ranges of activations need training images", net->name);
    for (int t = 0; t < n_threads && status == MHO_OK; t++)
        status = mho_float_workspace_create(&values, &runs[t], error);
    if (status == MHO_OK) {
        count_images(&values, images, n, n_threads, runs);
        status = fit_scales(net, &values, runs[0].counts, error);
    }
    for (int t = 0; t < n_threads && runs; t++)
        mho_float_workspace_destroy(&runs[t]);
    free(runs);
    mho_float_net_destroy(&values);
    return status;
}
