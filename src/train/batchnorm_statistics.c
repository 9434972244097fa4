/* batchnorm_statistics.c - batch norm's mean and variance for the weights as they are, as a plain mean over batches. */
#include "train/train_internal.h"

enum { STATISTICS_BATCHES = 40 };

/* Weight of the newest batch in the running statistics. kept: NULL, or what stood there before. */
static void set_momentum(MhoNet *net, double momentum, double *kept)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        MhoBatchnormSettings *settings = (void *)net->nodes[i].settings;

        if (!mho_node_is(&net->nodes[i], &mho_layer_batchnorm))
            continue;
        if (kept)
            *kept = settings->momentum;
        settings->momentum = momentum;
    }
}

MhoStatus mho_batchnorm_reestimate(MhoTraining *t, MhoError *error)
{
    const size_t most = t->batches.n_batches, n = most < STATISTICS_BATCHES ? most : STATISTICS_BATCHES;
    MhoNet *net = t->state.net;
    double momentum = 0.0;
    MhoStatus status = MHO_OK;

    if (!mho_net_has_batchnorm(net))
        return MHO_OK;
    mho_fakequant_set_noise(t->pass, NULL);
    mho_fakequant_set_modes(t->pass, NULL, 0, 0);
    for (size_t i = 0; i < n && status == MHO_OK; i++) {
        set_momentum(net, 1.0 / (double)(i + 1), i == 0 ? &momentum : NULL);
        mho_batches_fill(&t->batches, i);
        if (mho_training_stage(t)->chip)
            mho_training_set_chip(t, i);
        status = mho_fakequant_forward(t->pass, t->batches.images, true, t->logits, error);
    }
    set_momentum(net, momentum, NULL);
    return status;
}
