/* origins.c - where each key of a study was given, so that a later error or warning names the line. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "study/keys/sweep_axes_internal.h"

void mho_origins_clear(MhoStudy *study)
{
    for (size_t i = 0; i < study->n_origins; i++)
        free(study->origins[i].where);
    free(study->origins);
    study->origins = NULL;
    study->n_origins = 0;
}

const MhoOrigin *mho_origins_find(const MhoStudy *study, const char *key)
{
    const MhoOrigin *found = NULL;
    for (size_t i = 0; i < study->n_origins; i++) /* a key under sweep: too: the sweep counts */
        if (strcmp(study->origins[i].key, key) == 0 && (!found || study->origins[i].swept))
            found = &study->origins[i];
    return found;
}

static MhoStatus note(MhoStudy *study, const char *key, const char *where, bool swept, MhoError *error)
{
    MhoOrigin *origin = NULL;
    for (size_t i = 0; i < study->n_origins && !origin; i++)
        if (strcmp(study->origins[i].key, key) == 0 && study->origins[i].swept == swept)
            origin = &study->origins[i];
    if (!origin) {
        MhoOrigin *grown = mho_list_grow(study->origins, study->n_origins, sizeof *grown, error);
        if (!grown)
            return MHO_MEMORY;
        study->origins = grown;
        origin = &grown[study->n_origins];
        *origin = (MhoOrigin){.swept = swept};
        memcpy(origin->key, key, strnlen(key, MHO_KEY_MAX - 1));
        study->n_origins++;
    }
    char *copy = mho_strdup(where, error);
    if (!copy)
        return MHO_MEMORY;
    free(origin->where);
    origin->where = copy;
    return MHO_OK;
}

/* A key that is swept no more. */
static void forget_sweep(MhoStudy *study, const char *key)
{
    for (size_t i = 0; i < study->n_origins; i++) {
        if (strcmp(study->origins[i].key, key) != 0 || !study->origins[i].swept || mho_is_axis(study, key))
            continue;
        free(study->origins[i].where);
        study->origins[i] = study->origins[--study->n_origins];
        return;
    }
}

MhoStatus mho_origins_note(MhoStudy *study, const MhoKeys *keys, const char *where, bool swept, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t k = 0; k < keys->n && status == MHO_OK; k++) {
        if (!swept)
            forget_sweep(study, keys->name[k]);
        if (where)
            status = note(study, keys->name[k], where, swept, error);
    }
    return status;
}

MhoStatus mho_study_fail_place(const MhoStudy *study, MhoError *error)
{
    static const char lead[] = "sweep.";
    if (!error)
        return MHO_FAILED;
    const char *text = error->text;
    text += strncmp(text, lead, strlen(lead)) == 0 ? strlen(lead) : 0;
    char key[MHO_KEY_MAX];
    const size_t length = strcspn(text, ": =");
    if (length >= sizeof key)
        return error->status;
    memcpy(key, text, length);
    key[length] = '\0';
    const MhoOrigin *origin = mho_origins_find(study, key);
    return origin ? mho_fail_context(error, "%s", origin->where) : error->status;
}
