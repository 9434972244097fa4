/* chip_bench.h - a quantized network that trains on a chip: configuration, images, one step's sums and gradients. */
#ifndef MHO_TESTS_CHIP_BENCH_H
#define MHO_TESTS_CHIP_BENCH_H

#include "array_bench.h"
#include "net/lowered/executor.h"
#include "net/fakequant/fakequant.h"

enum { CHIP_BATCH = 6, CHIP_CALIBRATION = 20, CHIP_CLASSES = 10 };
enum { CHIP_DENSE, CHIP_LENET, CHIP_RESNET, CHIP_GROUPED, CHIP_NETS };
enum { DENSE_SIDE = 4, DENSE_CHANNELS = 3, DENSE_ROWS = DENSE_SIDE * DENSE_SIDE * DENSE_CHANNELS };

typedef struct ChipBench {
    ArrayBench arrays; /* of its configuration only: learned ranges */
    MhoNet *net;       /* with converter ranges of that configuration */
    uint8_t *images;   /* (CHIP_CALIBRATION) */
    MhoFakeQuant *pass;
    MhoCondition at;
    float logits[CHIP_BATCH * CHIP_CLASSES], d_logits[CHIP_BATCH * CHIP_CLASSES];
} ChipBench;

/* Without batch norm but for the residual net: one dense layer; shift rows; signed inputs and batch norm; groups and
 * signed inputs. */
MhoNet *chip_net(int which, uint8_t **images);
void chip_open(ChipBench *bench, int which, const char *cell, const char *adc);
void chip_close(ChipBench *bench);

/* Forward and backward on chip number `step`; step < 0: without a chip. */
void chip_step(ChipBench *bench, int step);

/* All gradients of the last step one after the other, the caller's. */
float *chip_gradients(const ChipBench *bench, size_t *n);

/* Node called name; its stored sums of the last step and their number. */
MhoNode *chip_node(const ChipBench *bench, const char *name);
const float *chip_sums(const ChipBench *bench, const char *name, size_t *n);

/* A pass of its own with this many threads. */
void chip_threads(ChipBench *bench, int threads);

#endif
