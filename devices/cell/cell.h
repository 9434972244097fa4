/* cell.h - what an array asks of a memory cell.
 *
 * A cell model turns target conductances into a population of devices, says how that same population looks at a
 * later time and temperature, and states the law of the noise of one read. It never draws read noise itself: the
 * array decides between one draw per cell and the exact one draw per column.
 *
 * Conductances are in units of the model's g_max. All arrays hold one tile and polarity, row-major, (rows * cols).
 */
#ifndef MHO_DEVICES_CELL_H
#define MHO_DEVICES_CELL_H

#include "base/descriptor.h"
#include "kernels/random.h"

enum { MHO_CELL_MAX_STATE = 4 };

/* One tile's devices. The chip owns the arrays; a model fills g and state once, in program(). */
typedef struct MhoCells {
    size_t n;
    const float *g_target;            /* (n) asked for, 0..1 */
    float *g;                         /* (n) as programmed, at t = 0 */
    float *state[MHO_CELL_MAX_STATE]; /* (n) each: what a device keeps for life, e.g. its drift exponent */
} MhoCells;

/* When and how warm the devices are read. */
typedef struct MhoCondition {
    double t;           /* s since programming ended, >= 0 */
    double temperature; /* K */
} MhoCondition;

/* Whether one read's noise is a fixed error of the device, fresh at every read, or cut at t_observe into both. */
typedef enum MhoReadMode { MHO_READ_FROZEN, MHO_READ_PER_READ, MHO_READ_SPLIT } MhoReadMode;

/* Time scales (s) of the noise asked for; the model clips them to its own. White noise lies in the fast part only,
 * that is: it is counted when `from` is 0. */
typedef struct MhoBand {
    double from, to;
} MhoBand;

/* Variance of one read of a column: sum over cells of linear x + square x^2, x in 0..1 of full input.
 * Both arrays are the caller's, zeroed; a model fills those that it has.
 * row_*: noise of the row's shared input branch, drawn once per row and read, entering every column as x + e; variance
 * of e = row_linear x + row_square x^2. */
typedef struct MhoReadNoise {
    float *linear; /* (n) shot noise */
    float *square; /* (n) flicker, 1/f */
    double row_linear, row_square;
} MhoReadNoise;

typedef struct MhoCellModel {
    MhoDescriptor descriptor; /* name, reference, parameter table: first in every descriptor */
    size_t n_state;
    MhoReadMode default_read;
    bool ohmic;               /* current proportional to voltage: takes bipolar inputs */
    const char *noise_scales; /* what chip.noise multiplies where the law is not Gaussian; "" otherwise */

    /* Smallest conductance the cell can be programmed to (units of g_max) for a target of 0. NULL: 0. */
    double (*g_min)(const void *params);

    /* Fill cells->g and cells->state from cells->g_target. Called once per chip. */
    void (*program)(const void *params, MhoCells *cells, MhoStream stream);

    /* (n) conductance of the same devices under a condition. NULL: they do not age. */
    void (*age)(const void *params, const MhoCells *cells, MhoCondition at, float *g);

    /* The law of one read around g. NULL: reads are noiseless. */
    void (*read_noise)(const void *params, const MhoCells *cells, MhoCondition at, MhoBand band, const float *g,
                       MhoReadNoise *noise);
} MhoCellModel;

extern const MhoRegistry mho_cell_registry;

#endif
