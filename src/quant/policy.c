/* policy.c - a quantizer by its text: a name, then key=value for parameters that differ from their defaults. */
#include <stdio.h>
#include <string.h>

#include "quant/quantizer.h"

/* One "key=value" word into the parameter block. */
static MhoStatus set_word(const MhoDescriptor *model, char *word, void *params, MhoError *error)
{
    char *equals = strchr(word, '=');

    if (!equals)
        return mho_fail(error, MHO_USAGE, "quantizer %s: '%s' is not key=value", model->name, word);
    *equals = '\0';
    const MhoParam *param = mho_params_find(model->params, model->n_params, word);
    if (!param)
        return mho_fail(error, MHO_USAGE, "quantizer %s has no parameter '%s'", model->name, word);
    return mho_param_set(param, params, equals + 1, word, error);
}

MhoStatus mho_quantizer_open(const char *policy, const MhoQuantizer **quantizer, void *params, size_t params_size,
                             MhoError *error)
{
    char text[MHO_TEXT_MAX], *rest = NULL;

    if (snprintf(text, sizeof text, "%s", policy) >= (int)sizeof text)
        return mho_fail(error, MHO_USAGE, "a quantizer's name and parameters take at most %d characters",
                        MHO_TEXT_MAX - 1);
    const char *name = strtok_r(text, " ", &rest);
    const MhoDescriptor *model = mho_registry_find(&mho_quantizer_registry, name ? name : "", error);
    if (!model)
        return MHO_USAGE;
    if (model->params_size > params_size)
        return mho_fail(error, MHO_FAILED, "quantizer %s: its parameters need %zu bytes, the caller gave %zu",
                        model->name, model->params_size, params_size);
    mho_params_default(model->params, model->n_params, params);
    for (char *word = strtok_r(NULL, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        const MhoStatus status = set_word(model, word, params, error);

        if (status != MHO_OK)
            return status;
    }
    *quantizer = (const MhoQuantizer *)(const void *)model; /* its first member */
    return mho_descriptor_check(model, params, error);
}
