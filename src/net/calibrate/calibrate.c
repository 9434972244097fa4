/* calibrate.c - ranges of activations from training images, for post-training quantization.
 *
 * Every quantizer whose log-scale is NaN gets ln of the range of least mean squared error over all values that it reads
 * (or another range of them that its policy sets); quantizers that share a scale are fitted together. Values
 * come from one run in float (float_net.c), so quantizers that are not set yet do not round what the next ones see.
 * Least squared error: Banner et al., NeurIPS 2019, arXiv 1810.05723.
 */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernels/math.h"
#include "net/calibrate/calibrate.h"
#include "net/calibrate/calibrate_internal.h"
#include "net/lowered/executor_internal.h"

static MhoStatus worker_create(const void *net, void *worker, MhoError *error)
{
    return mho_float_workspace_create(net, worker, error);
}

static void worker_destroy(void *worker)
{
    mho_float_workspace_destroy(worker);
}

static void run_image(void *context, void *worker, const MhoImageBatch *batch, size_t n, size_t slot)
{
    const MhoFloatNet *net = context;
    const MhoShape in = net->net->nodes[0].shape;
    (void)slot;
    mho_float_net_run_image(net, worker, batch->images + n * (size_t)in.h * (size_t)in.w * (size_t)in.c);
}

static void keep_net(void *context)
{
    (void)context; /* the caller's */
}

static const MhoExecutorKind kind = {.worker_size = sizeof(MhoFloatWorkspace),
                                     .worker_create = worker_create,
                                     .worker_destroy = worker_destroy,
                                     .run_image = run_image,
                                     .destroy = keep_net};

/* The histograms of all threads, added up in those of the first. */
static const MhoHistogram *merge_histograms(const MhoFloatNet *net, MhoExecutor *executor)
{
    MhoFloatWorkspace *first = mho_executor_worker(executor, 0);
    for (int t = 1; t < mho_executor_threads(executor); t++)
        for (size_t q = 0; q < net->n_counted; q++)
            mho_histogram_merge(&first->histograms[q],
                                &((const MhoFloatWorkspace *)mho_executor_worker(executor, t))->histograms[q]);
    return first->histograms;
}

/* The log-scale of one owner from the histograms of all quantizers that use it. */
static MhoStatus fit_owner(MhoNet *net, const MhoFloatNet *values, const MhoHistogram *histograms, int owner,
                           MhoHistogramUser *users, MhoError *error)
{
    size_t n_users = 0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoFloatNode *node = &values->nodes[i];
        if (node->counted < 0 || mho_net_scale_owner(net, (int)i) != owner)
            continue;
        if (histograms[node->counted].not_finite > 0)
            return mho_fail(error, MHO_FAILED,
                            "node '%s': it reads values that are not finite; the network is damaged or diverged in "
                            "training",
                            net->nodes[i].name);
        users[n_users++] = (MhoHistogramUser){.histogram = &histograms[node->counted], .n = node->n};
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

static MhoStatus fit_scales(MhoNet *net, const MhoFloatNet *values, const MhoHistogram *histograms, MhoError *error)
{
    MhoHistogramUser *users = mho_calloc(net->n_nodes, sizeof *users, error, "calibrating network '%s'", net->name);
    MhoStatus status = users ? MHO_OK : MHO_MEMORY;
    for (size_t i = 0; i < net->n_nodes && status == MHO_OK; i++)
        if (values->nodes[i].counted >= 0 && mho_net_scale_owner(net, (int)i) == (int)i)
            status = fit_owner(net, values, histograms, (int)i, users, error);
    free(users);
    return status;
}

MhoStatus mho_net_calibrate(MhoNet *net, const uint8_t *images, size_t n, int threads, MhoError *error)
{
    MhoFloatNet values;
    MhoExecutor *executor = NULL;
    MhoStatus status = mho_float_net_create(net, &values, error);
    if (status != MHO_OK || values.n_counted == 0) {
        mho_float_net_destroy(&values);
        return status;
    }
    if (!images || n == 0)
        status = mho_fail(error, MHO_USAGE, "network '%s': ranges of activations need training images", net->name);
    if (status == MHO_OK)
        status = mho_executor_create(&kind, &values, threads, &executor, error);
    if (status == MHO_OK)
        status = mho_executor_run(executor, &(MhoImageBatch){.images = images, .n = n}, error);
    if (status == MHO_OK)
        status = fit_scales(net, &values, merge_histograms(&values, executor), error);
    mho_executor_destroy(executor);
    mho_float_net_destroy(&values);
    return status;
}
