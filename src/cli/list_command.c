/* list_command.c - mho list: what is registered, the built-in networks and the studies that come with mho. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocate/allocate.h"
#include "app/shared_files.h"
#include "base/json.h"
#include "base/yaml.h"
#include "cli/command.h"
#include "data/dataset.h"
#include "net/graph/net.h"
#include "quant/quantizer.h"

const MhoRegistry *const command_registries[] = {&mho_cell_registry,    &mho_adc_registry,       &mho_dac_registry,
                                                 &mho_wire_registry,    &mho_quantizer_registry, &mho_layer_registry,
                                                 &mho_dataset_registry, &mho_allocator_registry};
const size_t command_n_registries = sizeof command_registries / sizeof *command_registries;

static const MhoRegistry *find_kind(const char *kind)
{
    for (size_t i = 0; i < command_n_registries; i++)
        if (strcmp(command_registries[i]->kind, kind) == 0)
            return command_registries[i];
    return NULL;
}

/* One line of the list, or one object of the array. path: the file of a study, else NULL. */
static void list_row(MhoJson *json, const char *kind, const char *name, const char *summary, const char *path)
{
    if (!json) {
        printf("%-10s %-*s %s", kind, path ? 20 : 16, name, summary);
        if (path)
            printf(" (%s)", path);
        printf("\n");
        return;
    }
    mho_json_object(json, NULL);
    mho_json_text(json, "kind", kind);
    mho_json_text(json, "name", name);
    mho_json_text(json, "summary", summary);
    if (path)
        mho_json_text(json, "path", path);
    mho_json_end(json);
}

static void list_registry(MhoJson *json, const MhoRegistry *registry)
{
    for (size_t i = 0; i < registry->n; i++)
        list_row(json, registry->kind, registry->descriptors[i]->name, registry->descriptors[i]->summary, NULL);
}

static void list_networks(MhoJson *json)
{
    for (const char *const *name = mho_net_builders(); *name; name++) {
        char summary[MHO_TEXT_MAX];
        snprintf(summary, sizeof summary, "built-in network, train.net=%s", *name);
        list_row(json, "network", *name, summary, NULL);
    }
}

static void list_one_study(MhoJson *json, const char *folder, const char *name)
{
    char path[4600], text[MHO_ERROR_TEXT_MAX + MHO_TEXT_MAX];
    MhoYaml *root = NULL;
    MhoError problem = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const MhoYaml *title = mho_yaml_read(path, &root, &problem) == MHO_OK ? mho_yaml_get(root, "title") : NULL;
    snprintf(text, sizeof text, "%s%s", root ? "" : "cannot be read: ",
             !root                    ? problem.text
             : title && title->scalar ? title->scalar
                                      : "");
    list_row(json, "experiment", name, text, path);
    mho_yaml_destroy(root);
}

/* The studies that come with mho, found as files. */
static MhoStatus list_studies(MhoJson *json, MhoError *error)
{
    char path[MHO_SHARED_PATH_MAX];
    MhoStatus status = mho_shared_file("experiments", "quickstart.yaml", path, error);
    if (status != MHO_OK)
        return status;
    *strrchr(path, '/') = '\0';
    struct dirent **names;
    int n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(names[i]->d_name, '.');
        if (dot && strcmp(dot, ".yaml") == 0)
            list_one_study(json, path, names[i]->d_name);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return MHO_OK;
}

static MhoStatus unknown_kind(const char *kind, MhoError *error)
{
    const char *words[16];
    size_t n = 0;
    for (size_t i = 0; i < command_n_registries; i++)
        words[n++] = command_registries[i]->kind;
    words[n++] = "network";
    words[n++] = "experiment";
    int nearest = mho_nearest_word(kind, words, n);
    if (nearest >= 0)
        return mho_fail(error, MHO_USAGE, "unknown kind '%s'; did you mean '%s'?", kind, words[nearest]);
    return mho_fail(error, MHO_USAGE, "unknown kind '%s'; `mho list --help` names all kinds", kind);
}

static MhoStatus list_kind(MhoJson *json, const char *kind, MhoError *error)
{
    const MhoRegistry *registry = find_kind(kind);
    if (registry)
        list_registry(json, registry);
    else if (strcmp(kind, "network") == 0)
        list_networks(json);
    else if (strcmp(kind, "experiment") == 0)
        return list_studies(json, error);
    return MHO_OK;
}

static void list_all(MhoJson *json, MhoError *error)
{
    for (size_t i = 0; i < command_n_registries; i++)
        list_registry(json, command_registries[i]);
    list_networks(json);
    if (list_studies(json, error) != MHO_OK)
        list_row(json, "experiment", "-", error->text, NULL);
}

static MhoStatus run_list(MhoOptions *options, MhoError *error)
{
    MhoJson writer, *json = options->json ? &writer : NULL;
    const char *kind = options->n_arguments ? options->arguments[0] : NULL;
    MhoStatus status = MHO_OK;
    if (kind && !find_kind(kind) && strcmp(kind, "network") != 0 && strcmp(kind, "experiment") != 0)
        return unknown_kind(kind, error);
    if (json) {
        mho_json_start(json, stdout);
        mho_json_array(json, NULL);
    }
    if (kind)
        status = list_kind(json, kind, error);
    else
        list_all(json, error);
    if (json)
        mho_json_end(json);
    return status;
}

const Command command_list = {
    .name = "list",
    .usage = "[KIND]",
    .summary = "list the cells, converters, quantizers, layers, data sets, networks and studies",
    .help = "  mho list             everything\n"
            "  mho list cell        memory cells\n"
            "  mho list experiment  studies that come with mho\n"
            "Kinds: cell adc dac wire quantizer layer dataset allocator network experiment\n"
            "--json prints an array of objects with kind, name, summary and, for studies, path.",
    .options = MHO_OPTION_JSON,
    .max_arguments = 1,
    .run = run_list,
};
