/* staged.c - which layers of a net learn with injected noise, and which are codes or clean meanwhile.
 *
 * Weighted layers in node order form groups of `layers`; one group after the other learns over progress 0..1. Groups
 * before it are codes and their weights stand still, groups after it are clean. Batch norm and ranges of activations of
 * earlier groups go on learning, so that they follow the rounding (ours).
 * Source: Baskin et al., UNIQ, arXiv:1804.10969, gradual quantization.
 */
#include "train/train_internal.h"

/* What joins two layers has the mode of the later one, which is the larger number. */
_Static_assert(MHO_MODE_CODES < MHO_MODE_NOISE && MHO_MODE_NOISE < MHO_MODE_CLEAN, "modes in the order of progress");

int mho_staged_turns(const MhoNet *net, int layers)
{
    int weighted = 0;

    for (size_t i = 0; i < net->n_nodes; i++)
        weighted += mho_node_conv(&net->nodes[i]) ? 1 : 0;
    return layers > 0 && weighted > 0 ? (weighted + layers - 1) / layers : 1;
}

/* The group that learns. */
static size_t running_group(const MhoNet *net, double progress, int layers)
{
    const int groups = mho_staged_turns(net, layers);
    const double group = progress * groups;

    return !(group > 0.0) ? 0 : (size_t)(group < groups ? group : groups - 1);
}

void mho_staged_modes(const MhoNet *net, double progress, int layers, uint8_t *modes, bool *frozen)
{
    const size_t size = layers > 0 ? (size_t)layers : net->n_nodes, running = running_group(net, progress, layers);
    size_t weighted = 0;

    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoNode *node = &net->nodes[i];

        modes[i] = MHO_MODE_CODES;
        frozen[i] = false;
        if (mho_node_conv(node)) {
            const size_t group = weighted++ / size;

            modes[i] = group < running ? MHO_MODE_CODES : group == running ? MHO_MODE_NOISE : MHO_MODE_CLEAN;
            frozen[i] = group < running;
            continue;
        }
        for (int k = 0; k < node->n_inputs; k++)
            if (modes[node->inputs[k]] > modes[i])
                modes[i] = modes[node->inputs[k]];
    }
}
