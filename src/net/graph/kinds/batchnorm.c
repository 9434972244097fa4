/* batchnorm.c - normalization per channel over batch and positions. */
#include <stddef.h>

#include "net/graph/graph_internal.h"

static size_t batchnorm_arrays(const void *settings, const MhoShape *inputs, MhoNodeArray *arrays)
{
    const size_t c = (size_t)inputs[0].c;
    (void)settings;
    mho_layer_array(&arrays[0], MHO_ARRAY_GAMMA, 1, &c);
    mho_layer_array(&arrays[1], MHO_ARRAY_BETA, 1, &c);
    mho_layer_array(&arrays[2], MHO_ARRAY_MEAN, 1, &c);
    mho_layer_array(&arrays[3], MHO_ARRAY_VARIANCE, 1, &c);
    return 4;
}

static const MhoParam batchnorm_params[] = {
    {"epsilon", MHO_REAL, offsetof(MhoBatchnormSettings, epsilon), 1e-5, 1e-12, 1.0, "", "added to the variance", NULL,
     NULL, "epsilon"},
    {"momentum", MHO_REAL, offsetof(MhoBatchnormSettings, momentum), 0.1, 0.0, 1.0, "",
     "weight of the batch in running statistics", NULL, NULL, "statistics momentum"},
};

const MhoLayer mho_layer_batchnorm = {
    .descriptor = {.name = "batchnorm",
                   .summary = "normalization per channel",
                   .reference = "Ioffe and Szegedy, ICML 2015, algorithm 1",
                   MHO_PARAM_TABLE(MhoBatchnormSettings, batchnorm_params)},
    .n_inputs = 1,
    .shape = mho_layer_same_shape,
    .arrays = batchnorm_arrays,
};
