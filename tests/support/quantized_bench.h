/* quantized_bench.h - networks quantized by mho's own calibration, and what their programs look like from outside. */
#ifndef MHO_TESTS_QUANTIZED_BENCH_H
#define MHO_TESTS_QUANTIZED_BENCH_H

#include "net/lowered/executor.h"

/* How a builder's network is quantized. */
typedef struct QuantizedSetup {
    const char *builder;
    MhoShape input;
    double width;
    int weight_bits, activation_bits;
    int scale;             /* MhoWeightScale */
    bool batchnorm, shift; /* standing; or removed, with or without shift */
} QuantizedSetup;

/* Batch norm and biases as training leaves them: every channel its own, some gains negative. */
void draw_trained(MhoNet *net);

/* Built, drawn, quantized, weights fitted, ranges calibrated on images (n), batch norm removed if asked. */
MhoNet *quantized_net(const QuantizedSetup *setup, const uint8_t *images, size_t n);

/* A net by hand, calibrated on images (n): groups, signed codes, padded pools, a quantizer behind a quantizer. */
extern const MhoShape grouped_input;
MhoNet *grouped_net(const uint8_t *images, size_t n);

/* (n, shape) random bytes. */
uint8_t *random_images(MhoShape shape, size_t n, uint32_t seed);

/* The network's steps; logits (n, classes) and codes (n, codes_size) from the integer executor, owned by the caller. */
MhoLoweredNet *must_lower(const MhoNet *net);
typedef struct Outputs {
    size_t n, n_logits, codes_size; /* images; per image */
    float *logits;
    uint8_t *codes;
} Outputs;
Outputs outputs_new(const MhoLoweredNet *lowered, size_t n);
void outputs_free(Outputs *outputs);
bool outputs_equal(const Outputs *a, const Outputs *b);
Outputs integer_outputs(const MhoLoweredNet *lowered, const uint8_t *images, size_t n, int threads);
Outputs analog_outputs(const MhoLoweredNet *lowered, const MhoChipState *state, const uint8_t *images, size_t n,
                       int threads, MhoLayerMeter *meters);

/* Distinct codes of a step over all images, and the share of the most frequent one. */
typedef struct CodeSpread {
    int distinct;
    double largest_share;
} CodeSpread;
CodeSpread code_spread(const MhoLoweredNet *lowered, size_t step, const Outputs *outputs);

#endif
