/* graph_internal.h - functions of the graph for the files of net. */
#ifndef MHO_NET_GRAPH_GRAPH_INTERNAL_H
#define MHO_NET_GRAPH_GRAPH_INTERNAL_H

#include "crossbar/crossbar.h"
#include "net/graph/codes.h"

enum { MHO_NET_MAX_VALUES = 1 << 28 }; /* array elements of a net (1 GiB), and elements of one output */

/* mho_net_finish in two halves, so that a file's arrays can be compared with the graph before memory is allocated:
 * first shapes, policies and arrays of every node (arrays of unchanged size keep their memory, others are NULL), then
 * memory. */
MhoStatus mho_net_infer(MhoNet *net, MhoError *error) MHO_CHECKED;
MhoStatus mho_net_allocate(MhoNet *net, MhoError *error) MHO_CHECKED;

/* What arrays of a role have in common. */
typedef struct MhoArrayKind {
    const char *name, *help;
    bool learned, decayed;
    bool optional; /* a file of another program may leave it out: unset or zero */
} MhoArrayKind;
extern const MhoArrayKind mho_array_kinds[MHO_ARRAY_ROLES];

/* For kinds/: one entry of a node's list of arrays; a shape function that gives the shape of the input. */
void mho_layer_array(MhoNodeArray *array, MhoArrayRole role, size_t rank, const size_t *shape);
MhoStatus mho_layer_same_shape(const void *settings, const MhoShape *inputs, MhoShape *output, MhoError *error);

/* kinds/conv.c, for convolutions and dense layers. */
extern const MhoParam mho_weighted_params[]; /* conv's table; the last MHO_DENSE_PARAMS rows are dense's */
enum { MHO_CONV_PARAMS = 12, MHO_DENSE_PARAMS = 8 };
MhoStatus mho_weighted_check(const void *settings, MhoError *error) MHO_CHECKED;
/* Arrays of a layer with weights of this shape. */
size_t mho_weighted_arrays(const MhoConvSettings *settings, const size_t weight_shape[4], MhoNodeArray *arrays);

/* Pools that take one of their codes, and pools that store sums of codes. */
static inline bool mho_node_is_max_pool(const MhoNode *node)
{
    const MhoPoolSettings *pool = mho_node_pool(node);
    return pool && pool->kind == MHO_POOL_MAX;
}

static inline bool mho_node_is_sum_pool(const MhoNode *node)
{
    return mho_node_pool(node) && !mho_node_is_max_pool(node);
}

/* Whether a fake_quant node shares its scale with others: a stream of a residual stage. */
bool mho_node_in_stage(const MhoNet *net, size_t quantizer);

/* Nodes that read `node`; *last is the last of them, -1 when no node reads it. */
int mho_net_readers(const MhoNet *net, int node, int *last);

/* Windows of a convolution, dense layer or pool on its input; for anything else one position at a time. Of group 0. */
MhoGather mho_node_gather(const MhoNet *net, const MhoNode *node);
double mho_node_window(const MhoNet *net, const MhoNode *node); /* positions of one window, padding included */

/* One channel of a batch norm node with its running statistics: y = gain (x - mean) + beta, gain = gamma / deviation,
 * deviation = sqrt(variance + epsilon). */
typedef struct MhoBatchnormChannel {
    double gamma, beta, mean, deviation, gain;
} MhoBatchnormChannel;
MhoBatchnormChannel mho_batchnorm_channel(const MhoNode *node, size_t k);

/* Resolve the policy of a quantized node and its largest code. USAGE names a node whose policy is unknown or does not
 * take its bits or sign. */
MhoStatus mho_node_resolve_policy(MhoNode *node, MhoError *error) MHO_CHECKED;

/* Memory that the node's policy needs to fit and encode this tensor into shape->scratch (NULL: none); free() it. */
MhoStatus mho_policy_scratch(const MhoNode *node, MhoQuantShape *shape, MhoError *error) MHO_CHECKED;

/* A network made from another one, node by node. map (n_nodes of the old net) says which node of the new net gives the
 * output of an old one; -1 until known. */
typedef struct MhoRebuild {
    const MhoNet *old;
    MhoNet *made;
    int *map;
} MhoRebuild;

/* A change of old node i: it may edit its settings (a copy), add other nodes to `made`, and set map[i]. Where map[i]
 * stays -1, the node is added with these settings. */
typedef MhoStatus MhoRebuildNode(MhoRebuild *rebuild, int i, void *settings, void *context, MhoError *error);

/* The changed network (change NULL: a copy), finished, with the recipe and the values of every array that has the same
 * node, name and size in both. *made is NULL after an error. */
MhoStatus mho_net_rebuild(const MhoNet *old, MhoRebuildNode *change, void *context, MhoNet **made,
                          MhoError *error) MHO_CHECKED;

/* Add old node i with these settings under its own name; inputs: nodes of `made`, NULL: those of the map. */
MhoStatus mho_rebuild_add(MhoRebuild *rebuild, int i, const void *settings, const int *inputs,
                          MhoError *error) MHO_CHECKED;

#endif
