/* array_bench.h - one analog layer on the bench: configuration, matrix, chip, state, one image's read.
 *
 * The layer is a 1 x 1 convolution over (positions, 1) pixels, so position p reads input codes (groups * rows) of pixel
 * p. Every failure of a call fails the test, except in array_try_plan().
 */
#ifndef MHO_TESTS_ARRAY_BENCH_H
#define MHO_TESTS_ARRAY_BENCH_H

#include "crossbar/crossbar.h"

typedef struct ArrayBench {
    MhoChipConfig config;
    void *params[4]; /* cell, adc, dac, wire: owned */
    MhoMatrix matrix;
    int16_t *codes;
    int32_t *shift;
    uint8_t *input; /* (positions, groups * rows) */
    float *a, *b;   /* (channels) */
    size_t channels;
    MhoPlan *plan;
    MhoChip *chip;
    MhoChipState *state;
    MhoWorkspace *work;
} ArrayBench;

/* A whole number in low..high from item of a test stream. */
int random_int(uint32_t seed, uint64_t item, int low, int high);

void array_open(ArrayBench *bench, const char *cell, const char *adc);
void array_close(ArrayBench *bench);
void array_cell(ArrayBench *bench, const char *key, double value);
void array_adc(ArrayBench *bench, const char *key, double value);
void array_dac(ArrayBench *bench, const char *key, double value);

/* Geometry: weights, inputs and shift are zero, a = 1, b = 0. */
void array_shape(ArrayBench *bench, size_t groups, size_t rows, size_t cols, size_t positions);
/* Random weights -n_weight..n_weight, inputs 0..n_input (or -n_input..n_input), shifts -shift..shift (0: none). */
void array_fill(ArrayBench *bench, uint32_t seed, int n_weight, int n_input, bool is_signed, int shift);

MhoStatus array_try_plan(ArrayBench *bench, MhoError *error);
void array_plan(ArrayBench *bench);
void array_chip(ArrayBench *bench, uint32_t number);
void array_state(ArrayBench *bench, double t);
void array_make(ArrayBench *bench, uint32_t number, double t); /* plan (if none), chip and state */

/* One image: logits (positions, channels) = sum in accumulator units. meter and probe may be NULL. */
void array_read(ArrayBench *bench, uint32_t image, float *logits, MhoLayerMeter *meter, MhoRangeObserver *probe);

/* The exact integer sum with shift. */
int64_t array_exact(const ArrayBench *bench, size_t p, size_t k);

#endif
