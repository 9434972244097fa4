/* net.h - a network as a directed acyclic graph of layers, with its trained arrays.
 *
 * Nodes are stored in topological order. Arrays are NHWC; convolution weights are (k, kernel_h, kernel_w, c / groups),
 * so a row index of the analog array is r = (ky * kernel_w + kx) * c_count + c.
 *
 * Every node's output is a stored tensor and a scale: value = scale * stored (scale per tensor, or per channel). Float
 * layers store values (scale 1); fake_quant nodes store whole codes; a convolution of codes stores exact integer
 * sums. Gradients are derivatives by stored values.
 */
#ifndef MHO_NET_GRAPH_NET_H
#define MHO_NET_GRAPH_NET_H

#include "base/arena.h"
#include "base/descriptor.h"
#include "base/record.h"
#include "quant/quantizer.h"

enum { MHO_NODE_MAX_INPUTS = 2, MHO_NODE_MAX_ARRAYS = 6, MHO_LAYER_SETTINGS_MAX = 640, MHO_NET_MAX_NODES = 4096 };

typedef struct MhoShape {
    int h, w, c;
} MhoShape;

/* What an array of a node is; a node has at most one of each. */
typedef enum MhoArrayRole {
    MHO_ARRAY_WEIGHT,
    MHO_ARRAY_BIAS,
    MHO_ARRAY_LOG_SCALE,
    MHO_ARRAY_SHIFT,
    MHO_ARRAY_ADC_LOG_RANGE,
    MHO_ARRAY_GAMMA,
    MHO_ARRAY_BETA,
    MHO_ARRAY_MEAN,
    MHO_ARRAY_VARIANCE,
    MHO_ARRAY_ROLES
} MhoArrayRole;

typedef struct MhoNodeArray {
    MhoArrayRole role;
    const char *name; /* of the role in files and messages: "weight", "log_scale" ... */
    size_t rank, shape[4], n;
    float *value; /* (n), owned by the net; only mho_net_finish moves it */
    bool learned; /* has a gradient; running statistics have none */
    bool decayed; /* weight decay applies */
} MhoNodeArray;

struct MhoLayer;

typedef struct MhoNode {
    char name[MHO_NAME_MAX];
    const struct MhoLayer *layer;
    int inputs[MHO_NODE_MAX_INPUTS]; /* node indices, all smaller than this node's */
    int n_inputs;
    _Alignas(8) unsigned char settings[MHO_LAYER_SETTINGS_MAX]; /* the layer's parameter struct */
    MhoShape shape;                                             /* of the output */
    MhoNodeArray arrays[MHO_NODE_MAX_ARRAYS];
    size_t n_arrays;
    /* Resolved by mho_net_finish. */
    MhoPolicy policy; /* of quantized weights or of a fake_quant node; quantizer NULL: none */
    int largest_code; /* of these codes; 0: none */
    int scale_owner;  /* node whose log_scale gives the scale of a fake_quant node; -1: other kinds */
} MhoNode;

typedef struct MhoNet {
    char name[MHO_NAME_MAX];
    MhoNode *nodes;
    size_t n_nodes;
    int n_classes;
    char recipe[65]; /* digest of the recipe that made it, "" when unknown */
} MhoNet;

/* A layer kind: its settings, the shape of its output and its arrays. kinds/NAME.c is one kind. Training's forward and
 * backward of it are in net/fakequant, its form on codes is in net/lowered/lower.h. */
typedef struct MhoLayer {
    MhoDescriptor descriptor; /* settings table */
    int n_inputs;
    MhoStatus (*shape)(const void *settings, const MhoShape *inputs, MhoShape *output, MhoError *error);
    /* Describe the node's arrays from the shapes of its inputs, without memory (mho_layer_array); returns their number.
     * NULL: no arrays. */
    size_t (*arrays)(const void *settings, const MhoShape *inputs, MhoNodeArray *arrays);
} MhoLayer;

extern const MhoRegistry mho_layer_registry;
extern const MhoLayer mho_layer_input, mho_layer_conv, mho_layer_dense, mho_layer_pool, mho_layer_add,
    mho_layer_batchnorm, mho_layer_relu, mho_layer_fake_quant;

/* Settings of the layer kinds (parameter structs). */
typedef struct MhoInputSettings {
    int h, w, c;
    double divisor;
} MhoInputSettings; /* value = code / divisor (255) */
typedef enum MhoWeightScale { MHO_SCALE_PER_TENSOR, MHO_SCALE_PER_CHANNEL } MhoWeightScale;
typedef struct MhoConvSettings {
    int channels, kernel, stride, pad, groups; /* dense: kernel = 0, the whole input is one position */
    bool bias;
    int bits;                  /* weight bits; 0: float */
    int scale;                 /* MhoWeightScale */
    bool shift;                /* learned shift per channel in accumulator units, after batch norm is gone */
    char policy[MHO_TEXT_MAX]; /* of the weights: "fqconv" or another quantizer, with parameters */
    int adc_bits;              /* of this layer's converters; 0: the chip's */
    bool adc_range; /* has the array adc_log_range: ln of the largest |sum| that its converters return, in accumulator
                     * units; hardware-aware training learns it */
} MhoConvSettings;
typedef enum MhoPoolKind { MHO_POOL_MAX, MHO_POOL_AVERAGE, MHO_POOL_GLOBAL } MhoPoolKind;
typedef struct MhoPoolSettings {
    int kind, window, stride, pad;
} MhoPoolSettings;
typedef struct MhoBatchnormSettings {
    double epsilon;
    double momentum;
} MhoBatchnormSettings;
typedef struct MhoFakeQuantSettings {
    int bits;
    bool is_signed; /* false: negative values become 0, a built-in ReLU */
    char policy[MHO_TEXT_MAX];
    char share[MHO_TEXT_MAX]; /* name of the fake_quant node whose log_scale this one uses; "": its own */
} MhoFakeQuantSettings;

/* Build by hand: create, add nodes in order (inputs by name), finish. Errors name the node. */
MhoStatus mho_net_create(const char *name, MhoNet **net, MhoError *error) MHO_CHECKED;
MhoStatus mho_net_add(MhoNet *net, const char *name, const char *layer, const void *settings, size_t settings_size,
                      const char *input_a, const char *input_b, MhoError *error) MHO_CHECKED;
/* Check the graph, infer shapes, resolve policies, allocate arrays (zeroed; arrays of unchanged size keep their
 * memory). Again after every change of nodes or settings. */
MhoStatus mho_net_finish(MhoNet *net, MhoError *error) MHO_CHECKED;
MhoStatus mho_net_copy(const MhoNet *net, MhoNet **copy, MhoError *error) MHO_CHECKED;
void mho_net_destroy(MhoNet *net);
int mho_net_find(const MhoNet *net, const char *name);                /* node index or -1 */
MhoNodeArray *mho_node_array(MhoNode *node, MhoArrayRole role);       /* NULL when absent */
const float *mho_node_values(const MhoNode *node, MhoArrayRole role); /* (n) of that array, NULL when absent */
MhoArrayRole mho_array_role(const char *name);                        /* MHO_ARRAY_ROLES when unknown */
static inline bool mho_node_is(const MhoNode *node, const MhoLayer *kind)
{
    return node->layer == kind;
}
/* Settings of a conv or dense node, of a pool, of a fake_quant node; NULL for other kinds. */
const MhoConvSettings *mho_node_conv(const MhoNode *node);
const MhoPoolSettings *mho_node_pool(const MhoNode *node);
const MhoFakeQuantSettings *mho_node_fake_quant(const MhoNode *node);

/* Named builders: lenet, allconv (small, 3x3 all-convolutional), resnet20. Float nets with batch norm and ReLU, weights
 * drawn (He) from seed. */
MhoStatus mho_net_build(const char *builder, MhoShape input, int n_classes, double width, uint64_t seed, MhoNet **net,
                        MhoError *error) MHO_CHECKED;
const char *const *mho_net_builders(void); /* NULL-terminated */
/* Weights drawn as N(0, 2 / fan_in) (He et al., ICCV 2015), gamma and variance 1, everything else 0. */
MhoStatus mho_net_initialize(MhoNet *net, uint64_t seed, MhoError *error) MHO_CHECKED;
double mho_net_macs(const MhoNet *net); /* multiply-accumulates of one image */

bool mho_net_is_quantized(const MhoNet *net); /* every weighted layer has bits */
bool mho_net_has_batchnorm(const MhoNet *net);

/* The model file's content: group "graph" (names, kinds, inputs, settings), group "layers/<node>" (arrays, codes),
 * attributes. */
MhoStatus mho_net_to_record(const MhoNet *net, MhoRecord *record, MhoError *error) MHO_CHECKED;
MhoStatus mho_net_from_record(const MhoRecord *record, const char *file, MhoNet **net, MhoError *error) MHO_CHECKED;

#endif
