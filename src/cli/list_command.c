/* list_command.c - mho list and mho describe: every descriptor and every key, from the parameter tables alone. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocate/allocate.h"
#include "app/shared_files.h"
#include "base/yaml.h"
#include "cli/command.h"
#include "data/dataset.h"
#include "net/graph/net.h"
#include "quant/quantizer.h"

const MhoRegistry *const command_registries[] = {&mho_cell_registry,    &mho_adc_registry,       &mho_dac_registry,
                                                 &mho_wire_registry,    &mho_quantizer_registry, &mho_layer_registry,
                                                 &mho_dataset_registry, &mho_allocator_registry};
const size_t command_n_registries = sizeof command_registries / sizeof *command_registries;

static const MhoDescriptor *const fixed_tables[] = {
    &mho_study_descriptor, &mho_chip_models_descriptor, &mho_chip_descriptor,    &mho_noise_descriptor,
    &mho_quant_descriptor, &mho_train_descriptor,       &mho_allocate_descriptor};

enum { N_FIXED = sizeof fixed_tables / sizeof *fixed_tables };

static const MhoRegistry *find_kind(const char *kind)
{
    for (size_t i = 0; i < command_n_registries; i++)
        if (strcmp(command_registries[i]->kind, kind) == 0)
            return command_registries[i];
    return NULL;
}

static void list_registry(const MhoRegistry *registry)
{
    for (size_t i = 0; i < registry->n; i++)
        printf("%-10s %-16s %s\n", registry->kind, registry->descriptors[i]->name, registry->descriptors[i]->summary);
}

static void list_networks(void)
{
    for (const char *const *name = mho_net_builders(); *name; name++)
        printf("%-10s %-16s built-in network, train.net=%s\n", "network", *name, *name);
}

static void list_one_study(const char *folder, const char *name)
{
    char path[4600];
    MhoYaml *root = NULL;
    MhoError problem = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (mho_yaml_read(path, &root, &problem) == MHO_OK) {
        const MhoYaml *title = mho_yaml_get(root, "title");
        printf("%-10s %-20s %s (%s)\n", "experiment", name, title && title->scalar ? title->scalar : "", path);
    } else {
        printf("%-10s %-20s cannot be read: %s\n", "experiment", name, problem.text);
    }
    mho_yaml_destroy(root);
}

/* The studies that come with mho, found as files. */
static MhoStatus list_studies(MhoError *error)
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
            list_one_study(path, names[i]->d_name);
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

static MhoStatus run_list(MhoOptions *options, MhoError *error)
{
    const char *kind = options->n_arguments ? options->arguments[0] : NULL;
    const MhoRegistry *registry = kind ? find_kind(kind) : NULL;
    if (registry) {
        list_registry(registry);
        return MHO_OK;
    }
    if (kind && strcmp(kind, "network") == 0) {
        list_networks();
        return MHO_OK;
    }
    if (kind && strcmp(kind, "experiment") == 0)
        return list_studies(error);
    if (kind)
        return unknown_kind(kind, error);
    for (size_t i = 0; i < command_n_registries; i++)
        list_registry(command_registries[i]);
    list_networks();
    if (list_studies(error) != MHO_OK)
        printf("%-10s %s\n", "experiment", error->text);
    return MHO_OK;
}

const Command command_list = {
    .name = "list",
    .usage = "[KIND]",
    .summary = "list the cells, converters, quantizers, layers, data sets, networks and studies",
    .help = "  mho list             everything\n"
            "  mho list cell        memory cells\n"
            "  mho list experiment  studies that come with mho\n"
            "Kinds: cell adc dac wire quantizer layer dataset allocator network experiment",
    .max_arguments = 1,
    .run = run_list,
};

/* Help, default, range and unit of one parameter. */
static void describe_param(const char *prefix, const MhoParam *param)
{
    char value[MHO_TEXT_MAX];
    mho_param_format_default(param, value, sizeof value);
    const char *unit = param->unit ? param->unit : "";
    printf("  %s%s\n      %s\n      default %s%s%s", prefix, param->key, param->help, *value ? value : "(empty)",
           *unit ? " " : "", unit);
    if (param->type == MHO_REAL || param->type == MHO_INT)
        printf(", %g to %g%s%s", param->min, param->max, *unit ? " " : "", unit);
    else if (param->type == MHO_CHOICE)
        printf(", one of: %s", param->choices);
    else if (param->type == MHO_BOOL)
        printf(", true or false");
    printf("\n");
}

static void describe_one(const char *kind, const MhoDescriptor *descriptor)
{
    char prefix[MHO_KEY_MAX] = "";
    static const struct {
        const char *kind, *prefix;
    } places[] = {{"cell", "chip.cell."}, {"adc", "chip.adc."},           {"dac", "chip.dac."},
                  {"wire", "chip.wire."}, {"quantizer", "quant.weight."}, {"allocator", "allocate."}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(kind, places[i].kind) == 0)
            snprintf(prefix, sizeof prefix, "%s%s.", places[i].prefix, descriptor->name);
    if (strcmp(kind, "section") == 0 && descriptor != &mho_study_descriptor)
        snprintf(prefix, sizeof prefix, "%s.", descriptor->name);
    printf("%s %s - %s\n  source: %s\n", kind, descriptor->name, descriptor->summary, descriptor->reference);
    if (descriptor->ignores && strncmp(prefix, "chip.", strlen("chip.")) == 0) /* only devices could use them */
        printf("  does not use:%s%s%s\n", descriptor->ignores & MHO_IGNORES_TIME ? " chip.time" : "",
               descriptor->ignores & MHO_IGNORES_TEMPERATURE ? " chip.temperature" : "",
               descriptor->ignores & MHO_IGNORES_NOISE ? " chip.noise" : "");
    for (size_t p = 0; p < descriptor->n_params; p++)
        describe_param(prefix, &descriptor->params[p]);
    if (descriptor == &mho_train_descriptor)
        printf(
            "  train.chip.*\n      the chip of training in stages chip: every key of chip.* (`mho describe chip`)\n");
    else if (strncmp(prefix, "chip.", strlen("chip.")) == 0)
        printf("  train.%s* are the same keys for the chip of training\n", prefix);
    printf("\n");
}

/* Describe everything that [KIND.]NAME names; how many were found. */
static size_t describe_named(const char *name)
{
    const char *dot = strchr(name, '.');
    const char *plain = dot ? dot + 1 : name;
    size_t found = 0;
    for (size_t i = 0; !dot && i < N_FIXED; i++)
        if (strcmp(fixed_tables[i]->name, plain) == 0 && ++found)
            describe_one("section", fixed_tables[i]);
    for (size_t k = 0; k < command_n_registries; k++) {
        const MhoRegistry *registry = command_registries[k];
        if (dot && (strncmp(registry->kind, name, (size_t)(dot - name)) != 0 || registry->kind[dot - name] != '\0'))
            continue;
        for (size_t i = 0; i < registry->n; i++)
            if (strcmp(registry->descriptors[i]->name, plain) == 0 && ++found)
                describe_one(registry->kind, registry->descriptors[i]);
    }
    return found;
}

static MhoStatus unknown_name(const char *name, MhoError *error)
{
    const char *words[256];
    size_t n = 0;
    for (size_t i = 0; i < N_FIXED; i++)
        words[n++] = fixed_tables[i]->name;
    for (size_t k = 0; k < command_n_registries; k++)
        for (size_t i = 0; i < command_registries[k]->n && n < sizeof words / sizeof *words; i++)
            words[n++] = command_registries[k]->descriptors[i]->name;
    const char *dot = strchr(name, '.');
    int nearest = mho_nearest_word(dot ? dot + 1 : name, words, n);
    if (nearest >= 0)
        return mho_fail(error, MHO_USAGE, "unknown name '%s'; did you mean '%s'?", name, words[nearest]);
    return mho_fail(
        error, MHO_USAGE,
        "unknown name '%s'; give a name of `mho list` or a section: study, chip, noise, quant, train, allocate", name);
}

static MhoStatus run_describe(MhoOptions *options, MhoError *error)
{
    if (options->n_arguments == 1)
        return describe_named(options->arguments[0]) ? MHO_OK : unknown_name(options->arguments[0], error);
    for (size_t i = 0; i < N_FIXED; i++)
        describe_one("section", fixed_tables[i]);
    for (size_t k = 0; k < command_n_registries; k++)
        for (size_t i = 0; i < command_registries[k]->n; i++)
            describe_one(command_registries[k]->kind, command_registries[k]->descriptors[i]);
    return MHO_OK;
}

const Command command_describe = {
    .name = "describe",
    .usage = "[[KIND.]NAME]",
    .summary = "explain the keys of a device, quantizer, ... or section: units, ranges, defaults",
    .help = "  mho describe pcm        the phase-change cell\n"
            "  mho describe train      the section train: of a study\n"
            "  mho describe adc.ideal  the converter; `ideal` alone also names a cell\n"
            "  mho describe            everything",
    .max_arguments = 1,
    .run = run_describe,
};
