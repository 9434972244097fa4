/* rebuild.c - a network from another one, node by node: copies and changes of the graph. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/graph/graph_internal.h"

static void copy_values(const MhoNet *old, MhoNet *made)
{
    for (size_t i = 0; i < old->n_nodes; i++) {
        const int at = mho_net_find(made, old->nodes[i].name);
        for (size_t a = 0; at >= 0 && a < old->nodes[i].n_arrays; a++) {
            const MhoNodeArray *from = &old->nodes[i].arrays[a];
            MhoNodeArray *to = mho_node_array(&made->nodes[at], from->role);
            if (to && to->n == from->n)
                memcpy(to->value, from->value, from->n * sizeof *from->value);
        }
    }
}

MhoStatus mho_rebuild_add(MhoRebuild *rebuild, int i, const void *settings, const int *inputs, MhoError *error)
{
    const MhoNode *node = &rebuild->old->nodes[i];
    const char *names[MHO_NODE_MAX_INPUTS] = {NULL, NULL};
    for (int k = 0; k < node->n_inputs; k++)
        names[k] = rebuild->made->nodes[inputs ? inputs[k] : rebuild->map[node->inputs[k]]].name;
    rebuild->map[i] = (int)rebuild->made->n_nodes;
    return mho_net_add(rebuild->made, node->name, node->layer->descriptor.name, settings,
                       node->layer->descriptor.params_size, names[0], names[1], error);
}

static MhoStatus rebuild_nodes(MhoRebuild *rebuild, MhoRebuildNode *change, void *context, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (int i = 0; i < (int)rebuild->old->n_nodes && status == MHO_OK; i++) {
        _Alignas(8) unsigned char settings[MHO_LAYER_SETTINGS_MAX];
        memcpy(settings, rebuild->old->nodes[i].settings, sizeof settings);
        rebuild->map[i] = -1;
        if (change)
            status = change(rebuild, i, settings, context, error);
        if (status == MHO_OK && rebuild->map[i] < 0)
            status = mho_rebuild_add(rebuild, i, settings, NULL, error);
    }
    return status;
}

MhoStatus mho_net_rebuild(const MhoNet *old, MhoRebuildNode *change, void *context, MhoNet **made, MhoError *error)
{
    MhoStatus status = mho_net_create(old->name, made, error);
    if (status != MHO_OK)
        return status;
    MhoRebuild rebuild = {.old = old, .made = *made};
    rebuild.map = mho_calloc(old->n_nodes, sizeof *rebuild.map, error, "a network made from '%s'", old->name);
    status = rebuild.map ? rebuild_nodes(&rebuild, change, context, error) : MHO_MEMORY;
    free(rebuild.map);
    if (status == MHO_OK)
        status = mho_net_finish(*made, error);
    if (status != MHO_OK) {
        mho_net_destroy(*made);
        *made = NULL;
        return status;
    }
    copy_values(old, *made);
    memcpy((*made)->recipe, old->recipe, sizeof old->recipe);
    return MHO_OK;
}

MhoStatus mho_net_copy(const MhoNet *net, MhoNet **copy, MhoError *error)
{
    return mho_net_rebuild(net, NULL, NULL, copy, error);
}
