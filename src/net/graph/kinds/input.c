/* input.c - the image: 8-bit pixel codes, value = code / divisor. */
#include <stddef.h>

#include "net/graph/graph_internal.h"

static MhoStatus input_shape(const void *settings, const MhoShape *inputs, MhoShape *output, MhoError *error)
{
    const MhoInputSettings *s = settings;
    (void)inputs;
    (void)error;
    *output = (MhoShape){s->h, s->w, s->c};
    return MHO_OK;
}

static const MhoParam input_params[] = {
    {"h", MHO_INT, offsetof(MhoInputSettings, h), 28, 1, 4096, "pixels", "height of the image", NULL, NULL,
     "image height"},
    {"w", MHO_INT, offsetof(MhoInputSettings, w), 28, 1, 4096, "pixels", "width of the image", NULL, NULL,
     "image width"},
    {"c", MHO_INT, offsetof(MhoInputSettings, c), 1, 1, 4096, "", "channels of the image", NULL, NULL,
     "image channels"},
    {"divisor", MHO_REAL, offsetof(MhoInputSettings, divisor), 255.0, 1e-6, 1e6, "", "value = pixel code / divisor",
     NULL, NULL, "code divisor"},
};

const MhoLayer mho_layer_input = {
    .descriptor = {.name = "input",
                   .summary = "8-bit pixel codes of the image",
                   .reference = "by definition: value = code / divisor",
                   MHO_PARAM_TABLE(MhoInputSettings, input_params)},
    .n_inputs = 0,
    .shape = input_shape,
};
