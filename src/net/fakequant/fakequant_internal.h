/* fakequant_internal.h - what the files of the float and fake-quant executor share.
 *
 * Every stored tensor is (positions, c), NHWC, positions = batch h w; value = scale_k stored + offset_k. Layers that
 * combine positions or channels (conv, dense, pool, add) run on whole tensors. The elementwise ones that follow
 * (batch norm, ReLU, fake_quant) run together as one epilogue, tile by tile, so that a tensor crosses memory once.
 */
#ifndef MHO_NET_FAKEQUANT_FAKEQUANT_INTERNAL_H
#define MHO_NET_FAKEQUANT_FAKEQUANT_INTERNAL_H

#include <oneapi/dnnl/dnnl.h>

#include "net/fakequant/fakequant.h"
#include "net/graph/requant.h"

enum { MHO_TILE_VALUES = 2048, MHO_ROW_VALUES = 64, MHO_MAX_CHUNKS = 64, MHO_TILE_BUFFERS = 4 };

/* Forward and backward of a layer kind. Elementwise kinds have no forward: the epilogue runs them. NULL: nothing to do.
 */
typedef enum MhoFakeQuantPart {
    MHO_PART_TENSOR,
    MHO_PART_BATCHNORM,
    MHO_PART_RELU,
    MHO_PART_FAKE_QUANT
} MhoFakeQuantPart;
typedef struct MhoFakeQuantLayer {
    MhoFakeQuantPart part;
    /* Set the node's flags (coded, largest, scale_owner ...) from its inputs; called in node order, before buffers
     * exist. */
    MhoStatus (*plan)(MhoFakeQuant *fq, int node, MhoError *error);
    MhoStatus (*create)(MhoFakeQuant *fq, int node, MhoError *error); /* state; buffers exist */
    void (*destroy)(MhoFakeQuant *fq, int node);
    /* Scale (1 before the call), offset (0) and weight codes of this forward pass; called before forward. */
    MhoStatus (*prepare)(MhoFakeQuant *fq, int node, MhoError *error);
    MhoStatus (*forward)(MhoFakeQuant *fq, int node, MhoError *error);
    MhoStatus (*backward)(MhoFakeQuant *fq, int node, MhoError *error);
} MhoFakeQuantLayer;
extern const MhoFakeQuantLayer mho_fakequant_layer_input, mho_fakequant_layer_conv, mho_fakequant_layer_dense,
    mho_fakequant_layer_pool, mho_fakequant_layer_add, mho_fakequant_layer_batchnorm, mho_fakequant_layer_relu,
    mho_fakequant_layer_fake_quant;
/* Training's part of a layer kind; NULL: it has none. Generated from the word list of net/graph/kinds. */
const MhoFakeQuantLayer *mho_fakequant_layer(const MhoLayer *layer);

/* One node of the executor. */
typedef struct MhoFakeQuantNode {
    const MhoFakeQuantLayer *layer;
    size_t positions, c, n; /* n = positions * c */
    float *stored;          /* (positions, c); NULL inside an epilogue in training */
    float *d_stored;        /* (positions, c) gradient; NULL when nothing before it is learned. May be shared with its
                               epilogue's end */
    float *scale, *offset;  /* (c) */
    bool coded;             /* stored values are whole numbers (without noise) */
    bool per_channel;       /* scale differs between channels */
    bool has_offset;
    double largest;  /* coded: largest |stored|, sums of a convolution excepted */
    int scale_owner; /* quantizer whose log_scale gives the scale, -1: none */
    int n_users;
    bool differentiable; /* this node or one before it has a learned array */
    bool d_written;      /* some user has stored its gradient in this backward pass */
    float *gradient[MHO_NODE_MAX_ARRAYS];
    void *state; /* private to the layer, made by its create() */
} MhoFakeQuantNode;

/* Consecutive elementwise nodes after `source`: at most one of each kind, in this order; -1: absent. */
typedef struct MhoEpilogue {
    int source, batchnorm, relu, quantizer, end;
    size_t width, tile; /* c repeated to at least MHO_ROW_VALUES values; whole rows of it per tile */
    size_t n_tiles, n_chunks;
    float *a, *b, *p, *q; /* (width) value = a stored + b; gradient = a d + p stored + q */
    double *partial;      /* (n_chunks, 2 width + 1): two sums per channel and the log-scale's gradient */
} MhoEpilogue;

struct MhoFakeQuant {
    MhoNet *net;
    size_t batch;
    bool training;
    int threads;
    bool batch_statistics, forward_done; /* of the last forward pass */
    bool noisy;
    MhoFakeQuantNoise noise;
    const uint8_t *modes; /* (net->n_nodes) MhoNodeMode, NULL: codes everywhere */
    uint64_t modes_seed;
    uint32_t modes_step;
    const MhoChipConfig *chip_config; /* NULL: none */
    MhoCondition chip_at;
    uint32_t chip_step;
    struct MhoChipSums *chip; /* chip_sums.c; NULL until needed */
    const uint8_t *images;    /* during a forward pass */
    MhoArena arena;
    MhoFakeQuantNode *nodes; /* (net->n_nodes) */
    MhoEpilogue *epilogues;
    size_t n_epilogues;
    int *epilogue_of; /* (net->n_nodes) index of the epilogue that ends here, -1: none */
    float *tiles;     /* (threads, MHO_TILE_BUFFERS, tile_max) */
    size_t tile_max;
    float *spare; /* gradient of a second user before it is added */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    void *scratchpad;
    size_t scratchpad_bytes;
};

/* fakequant.c */

static inline const void *mho_fakequant_settings(const MhoFakeQuant *fq, int node)
{
    return fq->net->nodes[node].settings;
}

static inline MhoFakeQuantNode *mho_fakequant_input(const MhoFakeQuant *fq, int node, int i)
{
    return &fq->nodes[fq->net->nodes[node].inputs[i]];
}

/* Gradient of a node's array, NULL when it is not learned or absent. */
float *mho_fakequant_gradient_of(const MhoFakeQuant *fq, int node, MhoArrayRole role);

/* Where a user of `node` writes its gradient (node n values), and the call that ends the writing. NULL: not wanted. */
float *mho_fakequant_gradient_begin(MhoFakeQuant *fq, int node);
void mho_fakequant_gradient_end(MhoFakeQuant *fq, int node);

/* Stream of injected noise of sigma LSB at a node. */
MhoStream mho_fakequant_stream(const MhoFakeQuant *fq, int node, double sigma, uint32_t image);
/* Add activation noise to values first .. first + n - 1 of a node's codes; buffer (n). */
void mho_fakequant_activation_noise(const MhoFakeQuant *fq, int node, size_t first, size_t n, float *codes,
                                    float *buffer);

/* Mode of a node with this policy: CODES where the policy injects no noise, and in evaluation. */
MhoNodeMode mho_fakequant_mode(const MhoFakeQuant *fq, int node, const MhoQuantizer *quantizer);
/* Stream of a policy's injected noise at a node; part: tile of its values. */
MhoStream mho_fakequant_inject_stream(const MhoFakeQuant *fq, int node, uint32_t part);

/* The same scale for every channel, no offset. */
void mho_fakequant_set_scale(MhoFakeQuantNode *node, double scale);

/* epilogue.c */

void mho_epilogue_plan(MhoFakeQuant *fq, MhoEpilogue *epilogue, MhoArena *arena);
MhoStatus mho_epilogue_forward(MhoFakeQuant *fq, MhoEpilogue *epilogue, MhoError *error) MHO_CHECKED;
void mho_epilogue_backward(MhoFakeQuant *fq, MhoEpilogue *epilogue);

/* layers/: the elementwise arithmetic on one tile of n values; coefficients repeat every width values. */

/* Two sums per column of width, added to (2, width) doubles: of x and x^2; of d and d x, with a copy of d. */
void mho_batchnorm_statistics(size_t n, size_t width, const float *x, double *sums);
void mho_batchnorm_reduce(size_t n, size_t width, const float *x, const float *d, float *kept, double *sums);
/* Per channel from sums over the batch (c): value = a stored + b; running statistics are updated. */
void mho_batchnorm_coefficients(MhoFakeQuant *fq, int node, const MhoFakeQuantNode *source, const double *sums,
                                float *a, float *b);
/* Gradients of gamma and beta, and d_stored = a d + p stored + q, from the reduced sums; unit: value of one unit of d.
 */
void mho_batchnorm_gradient(MhoFakeQuant *fq, int node, const MhoFakeQuantNode *source, const double *sums, double unit,
                            float *a, float *p, float *q);
void mho_relu_forward(size_t n, float *x);
void mho_relu_backward(size_t n, const float *x, float *d);

/* State of a fake_quant node. */
typedef struct MhoFakeQuantizer {
    const MhoPolicy *policy;
    MhoQuantShape shape; /* one channel; per_channel is set per tile */
    int n, owner;
    float log_scale;
    double step;
    MhoNodeMode mode;
    bool has_table;
    uint8_t table[MHO_TABLE_SIZE]; /* codes of the rounded steps */
    bool folded; /* the constants of net/graph/requant.h apply to the stored values of requant_source */
    int requant_source;
    float low, high;
    float *a, *b; /* (c) */
} MhoFakeQuantizer;

/* Codes of x (n values, first element number `first`), noise as set; buffers (n) each. */
void mho_fake_quantizer_tile(const MhoFakeQuant *fq, int node, size_t first, size_t n, float *x, float *buffer,
                             float *codes);
/* The same from x that counts steps already (folded constants). */
void mho_fake_quantizer_folded_tile(const MhoFakeQuant *fq, int node, size_t first, size_t n, float *x, float *buffer,
                                    float *codes);
/* d_x from d_codes (unit: 1 / step); returns the gradient of the log-scale in the same unit. x is overwritten. */
double mho_fake_quantizer_tile_gradient(const MhoFakeQuant *fq, int node, size_t first, size_t n, float *x,
                                        float *buffer, const float *d_codes, float *d_x);

/* convolution.c */

typedef struct MhoConvGeometry {
    int batch, h, w, c, k, kernel, stride, pad, groups, out_h, out_w;
    bool bias, training, needs_d_source;
    float *source, *destination, *d_source, *d_destination; /* buffers of the executor */
    float *weights, *d_weights;                             /* (k, kernel, kernel, c / groups) */
    float *offset, *d_offset;                               /* (k) added to the sums; with bias only */
} MhoConvGeometry;

typedef struct MhoConvolution MhoConvolution;
MhoStatus mho_convolution_create(MhoFakeQuant *fq, const MhoConvGeometry *geometry, MhoConvolution **made,
                                 MhoError *error) MHO_CHECKED;
void mho_convolution_destroy(MhoConvolution *convolution);
/* Both bring the weights into the primitives' order first. */
MhoStatus mho_convolution_forward(MhoFakeQuant *fq, MhoConvolution *convolution, const float *source,
                                  float *destination, MhoError *error) MHO_CHECKED;
/* d_source NULL: not wanted. Weight and offset gradients are overwritten. */
MhoStatus mho_convolution_backward(MhoFakeQuant *fq, MhoConvolution *convolution, float *d_source,
                                   MhoError *error) MHO_CHECKED;

/* layers/weighted_layer.c */

/* Fit the scale of a quantized layer's levels to its weights where the tensor places them. */
void mho_weighted_refit_scale(MhoFakeQuant *fq, int node);

/* chip_sums.c */

typedef struct MhoChipSums MhoChipSums;
/* Program the chip of this forward pass, if one is set; before any layer runs. */
MhoStatus mho_chip_sums_program(MhoFakeQuant *fq, MhoError *error) MHO_CHECKED;
void mho_chip_sums_destroy(MhoFakeQuant *fq);
/* Whether the chip computes the sums of a weighted layer in this forward pass. */
bool mho_fakequant_on_chip(const MhoFakeQuant *fq, int node);
/* Stored sums, shift included, from the chip. */
void mho_chip_sums_forward(MhoFakeQuant *fq, int node);
/* Mask the gradient of clipped sums and write the gradient of the range; nothing for a layer that was not on the chip.
 */
void mho_chip_sums_backward(MhoFakeQuant *fq, int node);

#endif
