/* study_api.c - studies of mho.h: keys and values, and running every point. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/memory.h"
#include "study/sweep/sweep.h"

MhoStatus mho_api_need_all(const char *function, const MhoNeed *needs, size_t n, MhoError *error)
{
    if (!error)
        return MHO_USAGE;
    for (size_t i = 0; i < n; i++)
        if (!needs[i].pointer)
            return mho_fail(error, MHO_USAGE, "%s: %s is NULL", function, needs[i].name);
    return MHO_OK;
}

MhoRunOptions mho_run_options_defaults(void)
{
    return (MhoRunOptions){0};
}

MhoRunOptions mho_api_options(const MhoRunOptions *options)
{
    return options ? *options : mho_run_options_defaults();
}

MhoStatus mho_study_open(const char *path, MhoStudy **study, MhoError *error)
{
    if (study)
        *study = NULL;
    MhoStatus status = mho_api_need(error, {study, "study"});
    MhoStudy *made = status == MHO_OK ? mho_calloc(1, sizeof *made, error, "a study") : NULL;
    if (!made)
        return status == MHO_OK ? MHO_MEMORY : status;
    status = mho_study_read(path, made, error);
    if (status == MHO_OK)
        *study = made;
    else
        free(made);
    return status;
}

MhoStatus mho_study_set_key(MhoStudy *study, const char *key, const char *value, MhoError *error)
{
    const MhoStatus status = mho_api_need(error, {study, "study"}, {key, "key"}, {value, "value"});
    return status == MHO_OK ? mho_study_assign(study, key, value, __func__, error) : status;
}

MhoStatus mho_study_get_key(const MhoStudy *study, const char *key, char *text, size_t size, MhoError *error)
{
    const MhoStatus status = mho_api_need(error, {study, "study"}, {key, "key"}, {text, "text"});
    if (status != MHO_OK)
        return status;
    if (!mho_settings_find(study->settings, key, NULL))
        return mho_settings_unknown(study->settings, key, NULL, error);
    char value[MHO_TEXT_MAX];
    const size_t length = mho_settings_format(study->settings, key, value, sizeof value);
    if (length >= size)
        return mho_fail(error, MHO_USAGE, "%s: its value has %zu characters and text has room for %zu", key, length,
                        size > 0 ? size - 1 : 0);
    memcpy(text, value, length + 1);
    return MHO_OK;
}

void mho_study_free(MhoStudy *study)
{
    if (study)
        mho_study_destroy(study);
    free(study);
}

MhoStatus mho_study_run(const MhoStudy *study, const MhoRunOptions *options, const char *output, char *path,
                        size_t size, MhoError *error)
{
    MhoStatus status = mho_api_need(error, {study, "study"});
    if (status != MHO_OK)
        return status;
    const MhoRunOptions run = mho_api_options(options);
    const MhoLog log = {.write = run.log, .context = run.log_context};
    const MhoSweepOptions sweep = {.model = {.data = run.data_folder,
                                             .threads = run.threads,
                                             .resume = MHO_RESUME_FOUND,
                                             .may_train = study->has_train,
                                             .log = &log},
                                   .output = output,
                                   .shard = 1,
                                   .n_shards = 1};
    char place[4096];
    status = mho_result_path(study, &sweep, place, sizeof place, error);
    if (status == MHO_OK && path && strlen(place) >= size)
        status = mho_fail(error, MHO_USAGE, "mho_study_run: the path %s is longer than path has room for", place);
    if (status == MHO_OK)
        status = mho_sweep(study, &sweep, place, sizeof place, error);
    if (status == MHO_OK && path)
        memcpy(path, place, strlen(place) + 1);
    return status;
}
