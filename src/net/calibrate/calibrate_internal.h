/* calibrate_internal.h - what calibration is made of: a network run in float, counts of its values, their ranges. */
#ifndef MHO_NET_CALIBRATE_CALIBRATE_INTERNAL_H
#define MHO_NET_CALIBRATE_CALIBRATE_INTERNAL_H

#include "base/arena.h"
#include "net/graph/graph_internal.h"
#include "net/lowered/float_ops_internal.h"

/* |value| in 64 bins per octave from 2^-32 to 2^32, read from the float's bit pattern. Smaller ones are not
 * counted. */
enum {
    MHO_HISTOGRAM_BITS = 6,
    MHO_HISTOGRAM_OCTAVES = 64,
    MHO_HISTOGRAM_BINS = MHO_HISTOGRAM_OCTAVES << MHO_HISTOGRAM_BITS
};

typedef struct MhoHistogram {
    uint64_t count[MHO_HISTOGRAM_BINS];
    uint64_t not_finite;
} MhoHistogram;

/* Values (n) that a quantizer reads; values below zero count only if it is signed. */
void mho_histogram_add(MhoHistogram *histogram, size_t n, const float *values, bool is_signed);
void mho_histogram_merge(MhoHistogram *into, const MhoHistogram *from);

/* A quantizer of a group that shares one range e^s: its counts and its largest code n. */
typedef struct MhoHistogramUser {
    const MhoHistogram *histogram;
    int n;
} MhoHistogramUser;

/* The range of least squared error over all users; 1 when all values are 0 (any range encodes zeros). */
double mho_histogram_mse_range(const MhoHistogramUser *users, size_t n_users);
/* The smallest range that holds this share of all users' values (1: the largest value), by its bin: at most 1/64 more;
 * 1 when all values are 0. */
double mho_histogram_percentile(const MhoHistogramUser *users, size_t n_users, double share);
/* Root of the mean square of all users' values, spread evenly within their bins; 1 when all values are 0. */
double mho_histogram_rms(const MhoHistogramUser *users, size_t n_users);

/* A network as float operations of mho's own kernels. Batch norm is a x + b by running statistics; quantized weights
 * are codes times their step. A quantizer whose scale is set quantizes; one without a scale only clips below zero (when
 * unsigned), and its values are counted. */
typedef struct MhoFloatNode {
    size_t value0;  /* place of its output among the values of an image */
    float *weights; /* (groups, rows, columns) */
    size_t groups, rows, columns;
    float *a, *b; /* (c) batch norm; b: bias and shift of a weighted node */
    bool is_set, is_signed;
    int n; /* largest code of a quantizer */
    float step, inverse;
    bool has_table;
    uint8_t table[MHO_TABLE_SIZE]; /* of a quantizer whose codes are not evenly spaced */
    int counted;                   /* number among the counted quantizers, -1: none */
} MhoFloatNode;

typedef struct MhoFloatNet {
    const MhoNet *net;
    MhoFloatNode *nodes;
    size_t n_values, n_rows, n_columns; /* scratch: values of an image, gathered rows, sums */
    size_t n_counted;
    MhoArena arena;
} MhoFloatNet;

MhoStatus mho_float_net_create(const MhoNet *net, MhoFloatNet *made, MhoError *error) MHO_CHECKED;
void mho_float_net_destroy(MhoFloatNet *net);

/* A thread's scratch. */
typedef struct MhoFloatWorkspace {
    const MhoFloatNet *net;
    float *values, *rows, *sums;
    MhoHistogram *histograms; /* (n_counted) */
    MhoArena arena;
} MhoFloatWorkspace;

MhoStatus mho_float_workspace_create(const MhoFloatNet *net, MhoFloatWorkspace *work, MhoError *error) MHO_CHECKED;
void mho_float_workspace_destroy(MhoFloatWorkspace *work);
/* One image (h, w, c) through all nodes; the values of node i are at work->values + net->nodes[i].value0. */
void mho_float_net_run_image(const MhoFloatNet *net, MhoFloatWorkspace *work, const uint8_t *image);

#endif
