/* models_only.c - trains the models of a study and runs no trial: the job before the parts of a sweep. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "study/sweep/sweep.h"

/* Paths of models that are there by now. */
typedef struct Done {
    char **list;
    size_t n;
} Done;

static MhoStatus ensure(const MhoSettings *settings, const MhoModelOptions *options, Done *done, MhoError *error)
{
    char path[4096], digest[65];
    MhoNet *net = NULL;
    MhoStatus status = mho_model_path(settings, path, sizeof path, error);
    for (size_t i = 0; i < done->n && status == MHO_OK; i++)
        if (strcmp(done->list[i], path) == 0)
            return MHO_OK;
    if (status == MHO_OK)
        status = mho_model_ensure(settings, options, &net, digest, error);
    mho_net_destroy(net);
    char **grown = status == MHO_OK ? mho_list_grow(done->list, done->n, sizeof *grown, error) : NULL;
    if (!grown)
        return status == MHO_OK ? MHO_MEMORY : status;
    done->list = grown;
    grown[done->n] = mho_strdup(path, error);
    return grown[done->n] && ++done->n ? MHO_OK : MHO_MEMORY;
}

MhoStatus mho_sweep_models(const MhoStudy *study, const MhoModelOptions *options, MhoError *error)
{
    MhoPointList points = {0};
    Done done = {0};
    MhoStatus status = mho_points_create(study, &points, error);
    if (status == MHO_OK && study->has_train)
        status = mho_sweep_identify_data(&points, options->data, error);
    for (size_t p = 0; p < points.n_points && status == MHO_OK; p++)
        status = ensure(points.points[p].settings, options, &done, error);
    for (size_t i = 0; i < done.n; i++)
        free(done.list[i]);
    if (status == MHO_OK)
        mho_log(options->log, MHO_LOG_INFO, "%zu model%s there", done.n, done.n == 1 ? " is" : "s are");
    free(done.list);
    mho_points_destroy(&points);
    return status;
}
