/* fake_quant.c - values to whole codes on a learned scale; with unsigned codes it is the ReLU as well. */
#include <stddef.h>

#include "net/graph/graph_internal.h"

static size_t fake_quant_arrays(const void *settings, const MhoShape *inputs, MhoNodeArray *arrays)
{
    const MhoFakeQuantSettings *s = settings;
    const size_t one = 1;
    (void)inputs;
    if (s->share[0])
        return 0;
    mho_layer_array(&arrays[0], MHO_ARRAY_LOG_SCALE, 1, &one);
    return 1;
}

static const MhoParam fake_quant_params[] = {
    {"bits", MHO_INT, offsetof(MhoFakeQuantSettings, bits), 8, 1, 16, "bit", "bits of a code", NULL, NULL, "precision"},
    {"is_signed", MHO_BOOL, offsetof(MhoFakeQuantSettings, is_signed), 0, 0, 1, "",
     "signed codes; otherwise negative values become 0", NULL, NULL, "signed codes"},
    {"policy", MHO_TEXT, offsetof(MhoFakeQuantSettings, policy), 0, 0, 0, "", "quantizer of the activations", NULL,
     "fqconv", "activation quantizer"},
    {"share", MHO_TEXT, offsetof(MhoFakeQuantSettings, share), 0, 0, 0, "",
     "fake_quant node whose log_scale this one uses", NULL, "", "shared scale"},
};

const MhoLayer mho_layer_fake_quant = {
    .descriptor = {.name = "fake_quant",
                   .summary = "values to codes on a learned scale",
                   .reference = "Verhoef et al., FQ-Conv, arXiv:1912.09356 (2019)",
                   MHO_PARAM_TABLE(MhoFakeQuantSettings, fake_quant_params)},
    .n_inputs = 1,
    .shape = mho_layer_same_shape,
    .arrays = fake_quant_arrays,
};
