/* model_api.c - models of mho.h: trained networks from files. */
#include <stdlib.h>

#include "api/api_internal.h"
#include "base/memory.h"
#include "study/models/model_file.h"

MhoStatus mho_model_open(const char *path, MhoModel **model, MhoError *error)
{
    if (model)
        *model = NULL;
    MhoStatus status = mho_api_need(error, {path, "path"}, {model, "model"});
    MhoModel *made = status == MHO_OK ? mho_calloc(1, sizeof *made, error, "a model") : NULL;
    if (!made)
        return status == MHO_OK ? MHO_MEMORY : status;
    status = mho_model_load(path, &made->net, made->digest, error);
    if (status == MHO_OK)
        *model = made;
    else
        mho_model_free(made);
    return status;
}

size_t mho_api_n_layers(const MhoNet *net)
{
    size_t n = 0;
    for (size_t i = 0; i < net->n_nodes; i++)
        n += mho_node_conv(&net->nodes[i]) != NULL;
    return n;
}

MhoShape mho_api_input_shape(const MhoNet *net)
{
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_is(&net->nodes[i], &mho_layer_input))
            return net->nodes[i].shape;
    return (MhoShape){0};
}

MhoModelInfo mho_model_info(const MhoModel *model)
{
    if (!model)
        return (MhoModelInfo){0};
    const MhoShape shape = mho_api_input_shape(model->net);
    return (MhoModelInfo){.name = model->net->name,
                          .digest = model->digest,
                          .shape = {.h = shape.h, .w = shape.w, .c = shape.c},
                          .n_classes = model->net->n_classes,
                          .n_layers = mho_api_n_layers(model->net),
                          .is_quantized = mho_net_is_quantized(model->net)};
}

void mho_model_free(MhoModel *model)
{
    if (model)
        mho_net_destroy(model->net);
    free(model);
}
