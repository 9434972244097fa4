/* relu.c - max(x, 0). */
#include "net/graph/graph_internal.h"

const MhoLayer mho_layer_relu = {
    .descriptor = {.name = "relu", .summary = "rectifier", .reference = "Nair and Hinton, ICML 2010"},
    .n_inputs = 1,
    .shape = mho_layer_same_shape,
};
