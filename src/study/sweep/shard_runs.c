/* shard_runs.c - where, when and by what each shard of a merged result was run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "study/sweep/merge_internal.h"

/* The words of a run and the arrays of provenance that hold them. */
static const struct {
    const char *array, *attribute, *help; /* attribute: of a shard's own provenance; NULL: not from there */
    size_t place;
} words[] = {
    {"shard_file", NULL, "file that a shard was read from", offsetof(MhoShardRun, file)},
    {"shard_part", NULL, "part i/n of the sweep", offsetof(MhoShardRun, part)},
    {"shard_host", "host", "host that ran the shard", offsetof(MhoShardRun, host)},
    {"shard_commit", "git_commit", "commit of the mho that ran the shard", offsetof(MhoShardRun, commit)},
    {"shard_version", "mho_version", "version of the mho that ran the shard", offsetof(MhoShardRun, version)},
    {"shard_written", "written", "when the shard was finished, UTC", offsetof(MhoShardRun, written)},
};

enum { N_WORDS = sizeof words / sizeof *words };

static char **word_of(const MhoShardRun *run, size_t i)
{
    return (char **)(uintptr_t)((const char *)run + words[i].place);
}

void mho_shard_runs_clear(MhoShardRuns *runs)
{
    for (size_t r = 0; r < runs->n; r++)
        for (size_t i = 0; i < N_WORDS; i++)
            free(*word_of(&runs->list[r], i));
    free(runs->list);
    *runs = (MhoShardRuns){0};
}

static MhoStatus append(MhoShardRuns *runs, MhoShardRun **run, MhoError *error)
{
    MhoShardRun *grown = mho_list_grow(runs->list, runs->n, sizeof *grown, error);
    if (!grown)
        return MHO_MEMORY;
    runs->list = grown;
    *run = &grown[runs->n++];
    **run = (MhoShardRun){.seconds = NAN};
    return MHO_OK;
}

/* Drop the last run where another file has told of it: a partial merge and its shards may lie in one folder. */
static void drop_repeated(MhoShardRuns *runs)
{
    const MhoShardRun *last = &runs->list[runs->n - 1];
    if (*last->part == '\0' || *last->written == '\0')
        return;
    for (size_t r = 0; r + 1 < runs->n; r++) {
        MhoShardRun *run = &runs->list[r];
        if (strcmp(run->part, last->part) != 0 || strcmp(run->written, last->written) != 0 ||
            strcmp(run->host, last->host) != 0)
            continue;
        run->is_edited = run->is_edited || last->is_edited;
        runs->n--;
        for (size_t i = 0; i < N_WORDS; i++)
            free(*word_of(last, i));
        return;
    }
}

/* String r of an array of provenance, or "". */
static const char *string_at(const MhoRecord *provenance, const char *name, size_t r)
{
    const MhoArray *array = mho_record_array(provenance, name);
    return array && array->type == MHO_STRING && array->rank == 1 && r < array->shape[0]
               ? ((char *const *)array->data)[r]
               : "";
}

/* The runs that a partial merge names. */
static MhoStatus add_merged(MhoShardRuns *runs, const MhoRecord *provenance, size_t n, bool is_edited, MhoError *error)
{
    const MhoArray *seconds = mho_record_array(provenance, "shard_seconds");
    const MhoArray *edited = mho_record_array(provenance, "shard_edited");
    const bool has_seconds = seconds && seconds->type == MHO_F64 && mho_array_count(seconds) == n;
    const bool has_edited = edited && edited->type == MHO_U8 && mho_array_count(edited) == n;
    MhoStatus status = MHO_OK;
    for (size_t r = 0; r < n && status == MHO_OK; r++) {
        MhoShardRun *run;
        status = append(runs, &run, error);
        for (size_t i = 0; i < N_WORDS && status == MHO_OK; i++)
            if (!(*word_of(run, i) = mho_strdup(string_at(provenance, words[i].array, r), error)))
                status = MHO_MEMORY;
        if (status != MHO_OK)
            break;
        if (has_seconds)
            run->seconds = ((const double *)seconds->data)[r];
        run->is_edited = is_edited || (has_edited && ((const uint8_t *)edited->data)[r]);
        drop_repeated(runs);
    }
    return status;
}

MhoStatus mho_shard_runs_add(MhoShardRuns *runs, const MhoRecord *shard, const char *path, bool is_edited,
                             MhoError *error)
{
    const MhoRecord *provenance = mho_record_find(shard, "provenance");
    const MhoArray *names = provenance ? mho_record_array(provenance, words[0].array) : NULL;
    if (names && names->type == MHO_STRING && names->rank == 1)
        return add_merged(runs, provenance, names->shape[0], is_edited, error);
    MhoShardRun *run;
    MhoStatus status = append(runs, &run, error);
    for (size_t i = 0; i < N_WORDS && status == MHO_OK; i++) {
        const char *text = i == 0   ? path
                           : i == 1 ? mho_attribute_string(&shard->attributes, "shard")
                           : provenance && words[i].attribute
                               ? mho_attribute_string(&provenance->attributes, words[i].attribute)
                               : NULL;
        if (!(*word_of(run, i) = mho_strdup(text ? text : "", error)))
            status = MHO_MEMORY;
    }
    if (status != MHO_OK)
        return status;
    const MhoAttribute *seconds = provenance ? mho_attribute_find(&provenance->attributes, "seconds") : NULL;
    if (seconds && seconds->type == MHO_F64 && seconds->n == 1)
        run->seconds = *(const double *)seconds->data;
    run->is_edited = is_edited;
    drop_repeated(runs);
    return MHO_OK;
}

MhoStatus mho_shard_runs_write(const MhoShardRuns *runs, MhoRecord *result, MhoError *error)
{
    static const char *const axis = "shard";
    MhoRecord *group;
    MhoArray *array;
    MhoStatus status = mho_record_child(result, "provenance", &group, error);
    for (size_t i = 0; i < N_WORDS && status == MHO_OK; i++) {
        status = mho_record_add(group, words[i].array, MHO_STRING, 1, &runs->n, &axis, "", words[i].help, NULL, &array,
                                error);
        for (size_t r = 0; r < runs->n && status == MHO_OK; r++) {
            char *copy = mho_strdup(*word_of(&runs->list[r], i), error), **place = (char **)array->data + r;
            if (!copy)
                return MHO_MEMORY;
            free(*place);
            *place = copy;
        }
    }
    if (status == MHO_OK)
        status = mho_record_add(group, "shard_seconds", MHO_F64, 1, &runs->n, &axis, "s",
                                "wall time of the run that finished the shard", NULL, &array, error);
    for (size_t r = 0; r < runs->n && status == MHO_OK; r++)
        ((double *)array->data)[r] = runs->list[r].seconds;
    if (status == MHO_OK)
        status =
            mho_record_add(group, "shard_edited", MHO_U8, 1, &runs->n, &axis, "",
                           "1: the file was edited by another program after mho had written it", NULL, &array, error);
    for (size_t r = 0; r < runs->n && status == MHO_OK; r++)
        ((uint8_t *)array->data)[r] = runs->list[r].is_edited;
    return status;
}
