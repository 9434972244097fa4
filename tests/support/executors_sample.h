/* executors_sample.h - the nets that the tests of both executors run. */
#ifndef MHO_TESTS_EXECUTORS_SAMPLE_H
#define MHO_TESTS_EXECUTORS_SAMPLE_H

#include "array_bench.h"
#include "harness.h"
#include "must.h"
#include "quantized_bench.h"

enum { N_IMAGES = 12, MAX_LAYERS = 32 };

static const QuantizedSetup setups[] = {
    {"allconv", {12, 12, 1}, 0.3, 2, 4, MHO_SCALE_PER_CHANNEL, true, false},
    {"allconv", {12, 12, 1}, 0.3, 2, 4, MHO_SCALE_PER_CHANNEL, false, true},
    {"allconv", {12, 12, 1}, 0.3, 2, 4, MHO_SCALE_PER_TENSOR, false, false},
    {"allconv", {12, 12, 1}, 0.7, 4, 3, MHO_SCALE_PER_TENSOR, false, true},
    {"lenet", {16, 16, 1}, 0.5, 8, 8, MHO_SCALE_PER_CHANNEL, true, false},
    {"lenet", {16, 16, 1}, 0.5, 3, 5, MHO_SCALE_PER_CHANNEL, false, true},
    {"resnet20", {8, 8, 3}, 0.25, 4, 4, MHO_SCALE_PER_CHANNEL, true, false},
    {"resnet20", {8, 8, 3}, 0.25, 2, 6, MHO_SCALE_PER_TENSOR, true, false},
    {"resnet20", {8, 8, 3}, 0.25, 3, 4, MHO_SCALE_PER_CHANNEL, false, true},
};
enum { N_SETUPS = sizeof setups / sizeof *setups };

#endif
