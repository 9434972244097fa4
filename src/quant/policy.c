/* policy.c - a quantizer by its text: a name, then key=value for parameters that differ from their defaults. */
#include <stdio.h>
#include <string.h>

#include "quant/quantizer.h"

/* One "key=value" word into the parameter block. */
static MhoStatus set_word(const MhoDescriptor *descriptor, char *word, void *params, MhoError *error)
{
    char *equals = strchr(word, '=');
    if (!equals)
        return mho_fail(error, MHO_USAGE, "quantizer %s: '%s' is not key=value", descriptor->name, word);
    *equals = '\0';
    const MhoParam *param = mho_params_find(descriptor->params, descriptor->n_params, word);
    if (!param)
        return mho_fail(error, MHO_USAGE, "quantizer %s has no parameter '%s'", descriptor->name, word);
    return mho_param_set(param, params, equals + 1, word, error);
}

MhoStatus mho_policy_open(const char *text, MhoPolicy *policy, MhoError *error)
{
    char words[MHO_TEXT_MAX], *rest = NULL;
    if (snprintf(words, sizeof words, "%s", text) >= (int)sizeof words)
        return mho_fail(error, MHO_USAGE, "a quantizer's name and parameters take at most %d characters",
                        MHO_TEXT_MAX - 1);
    const char *name = strtok_r(words, " ", &rest);
    const MhoDescriptor *descriptor = mho_registry_find(&mho_quantizer_registry, name ? name : "", error);
    if (!descriptor)
        return MHO_USAGE;
    if (descriptor->params_size > sizeof policy->params)
        return mho_fail(error, MHO_FAILED, "quantizer %s: its parameters need %zu bytes; there are %zu",
                        descriptor->name, descriptor->params_size, sizeof policy->params);
    mho_params_default(descriptor->params, descriptor->n_params, policy->params);
    for (char *word = strtok_r(NULL, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        const MhoStatus status = set_word(descriptor, word, policy->params, error);
        if (status != MHO_OK)
            return status;
    }
    policy->quantizer = (const MhoQuantizer *)(const void *)descriptor; /* its first member */
    return mho_descriptor_check(descriptor, policy->params, error);
}
