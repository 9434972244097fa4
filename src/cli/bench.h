/* bench.h - what `mho bench` measures, and the proofs that come first. */
#ifndef MHO_CLI_BENCH_H
#define MHO_CLI_BENCH_H

#include "net/lowered/net_on_chip.h"
#include "study/keys/settings.h"

/* The networks and images of the benchmark: allconv on 28 x 28, with batch norm and fully quantized (ternary weights,
 * 4-bit activations). */
typedef struct BenchSubject {
    MhoNet *with_norm, *net;
    MhoLoweredNet *lowered; /* of net */
    uint8_t *images;        /* (n, h, w, c) */
    uint8_t *labels;        /* (n) */
    size_t n;
    int threads;
} BenchSubject;

/* A programmed chip of the subject's network. */
typedef struct BenchChip {
    MhoSettings *settings;
    MhoNetOnChip *on_chip;
} BenchChip;

/* sets: "key", "value", ... NULL. */
MhoStatus bench_chip_create(const BenchSubject *subject, const char *const *sets, BenchChip *chip,
                            MhoError *error) MHO_CHECKED;
void bench_chip_clear(BenchChip *chip);

/* Chips whose rate is shown. */
typedef struct BenchCell {
    const char *name;
    const char *sets[8];
} BenchCell;
enum { BENCH_N_CELLS = 3 };
extern const BenchCell bench_cells[BENCH_N_CELLS];

/* Proofs, cheapest first; FAILED names the first thing that is not equal. */
typedef struct BenchProof {
    const char *name;
    MhoStatus (*prove)(const BenchSubject *subject, MhoError *error);
} BenchProof;
enum { BENCH_N_PROOFS = 5 };
extern const BenchProof bench_proofs[BENCH_N_PROOFS];

#endif
