/* cell_bench.h - a tile of one cell model on the bench, used through its public descriptor only. */
#ifndef MHO_TESTS_CELL_BENCH_H
#define MHO_TESTS_CELL_BENCH_H

#include "cell/cell.h"

typedef struct Bench {
    const MhoCellModel *model;
    void *params;
    float *target; /* (n) cells.g_target, writable */
    MhoCells cells;
    float *g;           /* (n) after bench_age() */
    MhoReadNoise noise; /* after bench_read() */
} Bench;

/* Text of a parameter's value as a user would write it, in a buffer of MHO_TEXT_MAX. */
const char *param_text(const MhoParam *param, double value, char *text);

/* Set a parameter by key; fails the test when it is unknown or refused. */
void param_put(const MhoDescriptor *model, void *params, const char *key, double value);

/* A parameter block at its defaults, from malloc. */
void *params_new(const MhoDescriptor *model);

/* n cells of the model called name, parameters at their defaults, targets 0. Every failure fails the test. */
void bench_open(Bench *bench, const char *name, size_t n);
void bench_close(Bench *bench);
void bench_set(Bench *bench, const char *key, double value);
void bench_target(Bench *bench, float x); /* the same target for all */

/* The stream from which all benches program, with a chip number and noise factor. */
MhoStream bench_stream(uint32_t chip, float noise);
void bench_program(Bench *bench, float noise);

/* g under a condition. */
void bench_age(Bench *bench, double t, double temperature);

/* The law of one read around g, for the time scales from..to. */
void bench_read(Bench *bench, double t, double from, double to);

/* g programmed without any random term, then aged and read over all time scales. */
void bench_mean(Bench *bench, float x, double t, double temperature);

#endif
