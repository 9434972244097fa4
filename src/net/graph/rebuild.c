/* rebuild.c - a network from another one, node by node: copies and changes of the graph. */
#include <stdlib.h>
#include <string.h>

#include "net/graph/graph_internal.h"

void mho_net_copy_values(const MhoNet *old, MhoNet *made)
{
    for (size_t i = 0; i < old->n_nodes; i++) {
        const int at = mho_net_find(made, old->nodes[i].name);
        for (size_t a = 0; at >= 0 && a < old->nodes[i].n_arrays; a++) {
            const MhoNodeArray *from = &old->nodes[i].arrays[a];
            MhoNodeArray *to = mho_node_array(&made->nodes[at], from->name);
            if (to && to->n == from->n)
                memcpy(to->value, from->value, from->n * sizeof *from->value);
        }
    }
}

MhoStatus mho_rebuild_keep(MhoRebuild *rebuild, int i, const void *settings, MhoError *error)
{
    const MhoNode *node = &rebuild->old->nodes[i];
    const char *inputs[MHO_NODE_MAX_INPUTS] = {NULL, NULL};

    for (int k = 0; k < node->n_inputs; k++)
        inputs[k] = rebuild->made->nodes[rebuild->map[node->inputs[k]]].name;
    const MhoStatus status =
        mho_net_add(rebuild->made, node->name, node->layer->descriptor.name, settings ? settings : node->settings,
                    node->layer->descriptor.params_size, inputs[0], inputs[1], error);
    if (status == MHO_OK)
        rebuild->map[i] = (int)rebuild->made->n_nodes - 1;
    return status;
}

MhoStatus mho_net_copy(const MhoNet *net, MhoNet **copy, MhoError *error)
{
    MhoStatus status = mho_net_create(net->name, copy, error);
    MhoRebuild rebuild = {.old = net, .made = *copy, .map = calloc(net->n_nodes + 1, sizeof(int))};

    if (status == MHO_OK && !rebuild.map)
        status = mho_fail(error, MHO_MEMORY, "out of memory for a copy of network '%s'", net->name);
    for (size_t i = 0; i < net->n_nodes && status == MHO_OK; i++)
        status = mho_rebuild_keep(&rebuild, (int)i, NULL, error);
    free(rebuild.map);
    if (status == MHO_OK)
        status = mho_net_finish(*copy, error);
    if (status == MHO_OK) {
        mho_net_copy_values(net, *copy);
        memcpy((*copy)->recipe, net->recipe, sizeof net->recipe);
        return MHO_OK;
    }
    mho_net_destroy(*copy);
    *copy = NULL;
    return status;
}
