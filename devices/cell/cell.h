/* cell.h - the interface of a memory cell.
 *
 * A cell model programs devices to target conductances, gives the conductances of the same devices at a later time and
 * temperature, and gives the variance of the noise of one read. It never draws read noise: the array draws it once per
 * cell, or once per column with the same variance.
 *
 * Conductances are in units of the model's g_max. All arrays hold one tile and polarity, row-major, (rows * cols).
 */
#ifndef MHO_DEVICES_CELL_H
#define MHO_DEVICES_CELL_H

#include "base/descriptor.h"
#include "kernels/random.h"

enum { MHO_CELL_MAX_STATE = 4 };

/* The devices of one tile. The chip owns the arrays; program() fills g and state once. */
typedef struct MhoCells {
    size_t n;
    const float *g_target;            /* (n) 0..1 */
    float *g;                         /* (n) as programmed, at t = 0 */
    float *state[MHO_CELL_MAX_STATE]; /* (n) each: fixed for the life of a device, e.g. its drift exponent */
} MhoCells;

/* The time and temperature of a read. */
typedef struct MhoCondition {
    double t;           /* s since programming ended, >= 0 */
    double temperature; /* K */
} MhoCondition;

/* Read noise is a fixed error of the device, new at every read, or split at the time scale t_observe into both. */
typedef enum MhoReadMode { MHO_READ_FROZEN, MHO_READ_PER_READ, MHO_READ_SPLIT } MhoReadMode;

/* The time scales (s) of the wanted noise; the model clips them to its own. White noise is included when `from` is 0.
 */
typedef struct MhoBand {
    double from, to;
} MhoBand;

/* Variance of one read of a column: sum over cells of linear x + square x^2, x in 0..1 of full input.
 * Both arrays are the caller's and zeroed; a model fills those that it has.
 * row_*: noise of the row's shared input branch, drawn once per row and read; every column sees x + e, where the
 * variance of e is row_linear x + row_square x^2. */
typedef struct MhoReadNoise {
    float *linear; /* (n) shot noise */
    float *square; /* (n) flicker, 1/f */
    double row_linear, row_square;
} MhoReadNoise;

typedef struct MhoCellModel {
    MhoDescriptor descriptor;
    size_t n_state;
    MhoReadMode default_read;
    bool ohmic;               /* current proportional to voltage: takes bipolar inputs */
    const char *noise_scales; /* what chip.noise multiplies when the law is not Gaussian; else "" */

    /* The conductance (units of g_max) of a cell programmed to a target of 0. NULL: 0. */
    double (*g_min)(const void *params);

    /* Fill cells->g and cells->state from cells->g_target. Called once per chip. */
    void (*program)(const void *params, MhoCells *cells, MhoStream stream);

    /* The conductances (n) of the same devices under a condition. NULL: they do not age. */
    void (*age)(const void *params, const MhoCells *cells, MhoCondition at, float *g);

    /* The variance of one read of conductances g. NULL: reads are noiseless. */
    void (*read_noise)(const void *params, const MhoCells *cells, MhoCondition at, MhoBand band, const float *g,
                       MhoReadNoise *noise);
} MhoCellModel;

extern const MhoRegistry mho_cell_registry;

#endif
