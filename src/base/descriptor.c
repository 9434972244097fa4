/* descriptor.c - the search in a registry, and the check of a whole parameter struct. */
#include "base/descriptor.h"

#include <string.h>

const MhoDescriptor *mho_registry_find(const MhoRegistry *registry, const char *name, MhoError *error)
{
    for (size_t i = 0; i < registry->n; i++)
        if (strcmp(registry->descriptors[i]->name, name) == 0)
            return registry->descriptors[i];
    const char *nearest = NULL;
    int distance = 0;
    for (size_t i = 0; i < registry->n; i++)
        mho_nearest_step(name, registry->descriptors[i]->name, &nearest, &distance);
    if (nearest)
        mho_fail(error, MHO_USAGE, "unknown %s '%s'; did you mean '%s'?", registry->kind, name, nearest);
    else
        mho_fail(error, MHO_USAGE, "unknown %s '%s'; `mho list %s` names all %zu", registry->kind, name, registry->kind,
                 registry->n);
    return NULL;
}

MhoStatus mho_descriptor_check(const MhoDescriptor *descriptor, const void *block, MhoError *error)
{
    for (size_t i = 0; i < descriptor->n_params; i++) {
        MhoStatus status = mho_param_check(&descriptor->params[i], block, NULL, error);
        if (status != MHO_OK) {
            mho_fail_context(error, "%s", descriptor->name);
            return status;
        }
    }
    return descriptor->check ? descriptor->check(block, error) : MHO_OK;
}
