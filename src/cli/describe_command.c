/* describe_command.c - mho describe: every plug-in and every key, from the parameter tables alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocate/allocate.h"
#include "base/json.h"
#include "cli/command.h"
#include "data/dataset.h"
#include "net/graph/net.h"
#include "quant/quantizer.h"

const MhoDescriptor *const command_sections[] = {
    &mho_study_descriptor, &mho_chip_models_descriptor, &mho_chip_descriptor,     &mho_noise_descriptor,
    &mho_quant_descriptor, &mho_train_descriptor,       &mho_allocate_descriptor, &mho_cluster_descriptor};
const size_t command_n_sections = sizeof command_sections / sizeof *command_sections;

/* ---- one parameter ---- */

static void print_param(const char *prefix, const MhoParam *param)
{
    char value[MHO_TEXT_MAX];
    mho_param_format_default(param, value, sizeof value);
    const char *unit = param->unit && strcmp(param->unit, "1") != 0 ? param->unit : ""; /* "1": a plain number */
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

static void write_choices(MhoJson *json, const MhoParam *param)
{
    char word[MHO_NAME_MAX];
    mho_json_array(json, "choices");
    for (int i = 0; mho_choice_name(param->choices, i, word); i++)
        mho_json_text(json, NULL, word);
    mho_json_end(json);
}

static void write_param(MhoJson *json, const char *prefix, const MhoParam *param)
{
    static const char *const types[] = {[MHO_REAL] = "real",
                                        [MHO_INT] = "integer",
                                        [MHO_BOOL] = "boolean",
                                        [MHO_CHOICE] = "choice",
                                        [MHO_TEXT] = "text"};
    char name[2 * MHO_KEY_MAX], value[MHO_TEXT_MAX];
    snprintf(name, sizeof name, "%s%s", prefix, param->key);
    mho_param_format_default(param, value, sizeof value);
    mho_json_object(json, NULL);
    mho_json_text(json, "key", name);
    mho_json_text(json, "label", mho_param_label(param));
    mho_json_text(json, "type", types[param->type]);
    if (param->type == MHO_REAL || param->type == MHO_INT) {
        mho_json_real(json, "default", param->value);
        mho_json_text(json, "unit", param->unit ? param->unit : "");
        mho_json_real(json, "min", param->min);
        mho_json_real(json, "max", param->max);
    } else if (param->type == MHO_BOOL) {
        mho_json_bool(json, "default", param->value != 0.0);
    } else {
        mho_json_text(json, "default", value);
    }
    if (param->type == MHO_CHOICE)
        write_choices(json, param);
    mho_json_text(json, "help", param->help);
    mho_json_end(json);
}

/* ---- one table ---- */

/* The common keys that a device does not use. */
static void describe_ignored(MhoJson *json, const MhoDescriptor *descriptor)
{
    static const struct {
        unsigned bit;
        const char *key;
    } rows[] = {{MHO_IGNORES_TIME, "chip.time"},
                {MHO_IGNORES_TEMPERATURE, "chip.temperature"},
                {MHO_IGNORES_NOISE, "chip.noise"}};
    if (json)
        mho_json_array(json, "does_not_use");
    else
        printf("  does not use:");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!(descriptor->ignores & rows[i].bit))
            continue;
        if (json)
            mho_json_text(json, NULL, rows[i].key);
        else
            printf(" %s", rows[i].key);
    }
    if (json)
        mho_json_end(json);
    else
        printf("\n");
}

/* What comes before the keys; ends with the start of their array. */
static void start_table(MhoJson *json, const char *kind, const char *prefix, const MhoDescriptor *descriptor)
{
    /* only devices could use them */
    const bool ignores = descriptor->ignores && strncmp(prefix, "chip.", strlen("chip.")) == 0;
    if (json) {
        mho_json_object(json, NULL);
        mho_json_text(json, "kind", kind);
        mho_json_text(json, "name", descriptor->name);
        mho_json_text(json, "summary", descriptor->summary);
        mho_json_text(json, "source", descriptor->reference);
    } else {
        printf("%s %s - %s\n  source: %s\n", kind, descriptor->name, descriptor->summary, descriptor->reference);
    }
    if (ignores)
        describe_ignored(json, descriptor);
    if (json)
        mho_json_array(json, "keys");
}

static void end_table(MhoJson *json)
{
    if (!json) {
        printf("\n");
        return;
    }
    mho_json_end(json);
    mho_json_end(json);
}

static void describe_param(MhoJson *json, const char *prefix, const MhoParam *param)
{
    if (json)
        write_param(json, prefix, param);
    else
        print_param(prefix, param);
}

static void describe_one(MhoJson *json, const char *kind, const MhoDescriptor *descriptor)
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
    start_table(json, kind, prefix, descriptor);
    for (size_t p = 0; p < descriptor->n_params; p++)
        describe_param(json, prefix, &descriptor->params[p]);
    if (!json && descriptor == &mho_train_descriptor)
        printf(
            "  train.chip.*\n      the chip of training in stages chip: every key of chip.* (`mho describe chip`)\n");
    else if (!json && strncmp(prefix, "chip.", strlen("chip.")) == 0)
        printf("  train.%s* are the same keys for the chip of training\n", prefix);
    end_table(json);
}

/* ---- what a name names ---- */

/* The section sweep: has no keys of its own. */
static const MhoDescriptor sweep_descriptor = {
    .name = "sweep",
    .summary = "lines KEY: [VALUE, ...] with keys of the other sections: every combination of the values is a point",
    .reference = "mho study file, format 1"};

/* Describe everything that [KIND.]NAME names; how many were found. */
static size_t describe_named(MhoJson *json, const char *name)
{
    const char *dot = strchr(name, '.');
    const char *plain = dot ? dot + 1 : name;
    size_t found = 0;
    if (strcmp(name, sweep_descriptor.name) == 0 && ++found)
        describe_one(json, "section", &sweep_descriptor);
    for (size_t i = 0; !dot && i < command_n_sections; i++)
        if (strcmp(command_sections[i]->name, plain) == 0 && ++found)
            describe_one(json, "section", command_sections[i]);
    for (size_t k = 0; k < command_n_registries; k++) {
        const MhoRegistry *registry = command_registries[k];
        if (dot && (strncmp(registry->kind, name, (size_t)(dot - name)) != 0 || registry->kind[dot - name] != '\0'))
            continue;
        for (size_t i = 0; i < registry->n; i++)
            if (strcmp(registry->descriptors[i]->name, plain) == 0 && ++found)
                describe_one(json, registry->kind, registry->descriptors[i]);
    }
    return found;
}

/* The kind of the registry that holds a descriptor, or "section". */
static const char *kind_of(const MhoDescriptor *descriptor)
{
    for (size_t k = 0; k < command_n_registries; k++)
        for (size_t i = 0; i < command_registries[k]->n; i++)
            if (command_registries[k]->descriptors[i] == descriptor)
                return command_registries[k]->kind;
    return "section";
}

/* Describe the key called name, or every key below "name." (also written "name.*"); how many were found. */
static MhoStatus describe_keys(MhoJson *json, const char *name, size_t *found, MhoError *error)
{
    MhoSettings *settings;
    MhoSettingsKey key = {0};
    const MhoSection *open = NULL;
    MhoStatus status = mho_settings_create(&settings, error);
    if (status != MHO_OK)
        return status;
    size_t length = strlen(name);
    if (length > 2 && strcmp(name + length - 2, ".*") == 0)
        length -= 2;
    while (mho_settings_next(settings, &key)) {
        if (strncmp(key.name, name, length) != 0 || (key.name[length] != '\0' && key.name[length] != '.'))
            continue;
        if (key.section != open) {
            if (open)
                end_table(json);
            open = key.section;
            start_table(json, kind_of(open->descriptor), open->prefix, open->descriptor);
        }
        ++*found;
        describe_param(json, open->prefix, key.param);
    }
    if (open)
        end_table(json);
    mho_settings_destroy(settings);
    return MHO_OK;
}

/* The first key whose last part is name, without the section: USAGE that names it in full. OK: there is none. */
static MhoStatus suggest_whole_key(const MhoSettings *settings, const char *name, MhoError *error)
{
    MhoSettingsKey key = {0};
    while (mho_settings_next(settings, &key)) {
        const char *last = strrchr(key.name, '.');
        if (last && strcmp(last + 1, name) == 0)
            return mho_fail(error, MHO_USAGE, "unknown name '%s'; did you mean '%s'?", name, key.name);
    }
    return MHO_OK;
}

/* USAGE that names the key that is meant. OK: none is near. */
static MhoStatus suggest_key(const char *name, MhoError *error)
{
    MhoSettings *settings;
    MhoStatus status = mho_settings_create(&settings, error);
    if (status != MHO_OK)
        return status;
    status = suggest_whole_key(settings, name, error);
    if (status == MHO_OK)
        status = mho_settings_unknown(settings, name, NULL, error);
    mho_settings_destroy(settings);
    if (strstr(error->text, "did you mean"))
        return status;
    *error = (MhoError){0};
    return MHO_OK;
}

static bool names_kind(const char *name, size_t length)
{
    for (size_t k = 0; k < command_n_registries; k++)
        if (strlen(command_registries[k]->kind) == length && strncmp(command_registries[k]->kind, name, length) == 0)
            return true;
    return false;
}

static MhoStatus unknown_name(const char *name, MhoError *error)
{
    const char *words[256];
    size_t n = 0;
    for (size_t i = 0; i < command_n_sections; i++)
        words[n++] = command_sections[i]->name;
    for (size_t k = 0; k < command_n_registries; k++)
        for (size_t i = 0; i < command_registries[k]->n && n < sizeof words / sizeof *words; i++)
            words[n++] = command_registries[k]->descriptors[i]->name;
    const char *dot = strchr(name, '.');
    MhoStatus status = dot && !names_kind(name, (size_t)(dot - name)) ? suggest_key(name, error) : MHO_OK;
    if (status != MHO_OK)
        return status;
    int nearest = mho_nearest_word(dot ? dot + 1 : name, words, n);
    if (nearest >= 0)
        return mho_fail(error, MHO_USAGE, "unknown name '%s'; did you mean '%s'?", name, words[nearest]);
    status = suggest_key(name, error);
    if (status != MHO_OK)
        return status;
    return mho_fail(error, MHO_USAGE,
                    "unknown name '%s'; give a key, a name of `mho list` or a section: study, data, chip, noise, "
                    "quant, train, allocate, sample, stop, sweep, cluster",
                    name);
}

static void describe_all(MhoJson *json)
{
    for (size_t i = 0; i < command_n_sections; i++)
        describe_one(json, "section", command_sections[i]);
    for (size_t k = 0; k < command_n_registries; k++)
        for (size_t i = 0; i < command_registries[k]->n; i++)
            describe_one(json, command_registries[k]->kind, command_registries[k]->descriptors[i]);
}

static MhoStatus run_describe(MhoOptions *options, MhoError *error)
{
    MhoJson writer, *json = options->json ? &writer : NULL;
    const char *name = options->n_arguments == 1 ? options->arguments[0] : NULL;
    MhoStatus status = MHO_OK;
    size_t found = 0, n = 0;
    char *text = NULL;
    FILE *out = json ? open_memstream(&text, &n) : NULL; /* nothing is printed beside an error */
    if (json && !out)
        return mho_fail(error, MHO_MEMORY, "out of memory for JSON");
    if (json) {
        mho_json_start(json, out);
        mho_json_array(json, NULL);
    }
    if (name)
        found = describe_named(json, name);
    else
        describe_all(json);
    if (name && !found)
        status = describe_keys(json, name, &found, error);
    if (status == MHO_OK && name && !found)
        status = unknown_name(name, error);
    if (json)
        mho_json_end(json);
    if (out && fclose(out) != 0 && status == MHO_OK)
        status = mho_fail(error, MHO_MEMORY, "out of memory for JSON");
    if (text && status == MHO_OK)
        fwrite(text, 1, n, stdout);
    free(text);
    return status;
}

const Command command_describe = {
    .name = "describe",
    .usage = "[[KIND.]NAME | KEY]",
    .summary = "explain the keys of a device, quantizer, ... or section: units, ranges, defaults",
    .help = "  mho describe pcm                       the phase-change cell\n"
            "  mho describe train                     the section train: of a study\n"
            "  mho describe adc.ideal                 the converter; `ideal` alone also names a cell\n"
            "  mho describe chip.cell.pcm.prog_scale  one key\n"
            "  mho describe data                      every key that starts with data.\n"
            "  mho describe                           everything\n"
            "--json prints an array of tables with kind, name, summary, source and keys.",
    .options = MHO_OPTION_JSON,
    .max_arguments = 1,
    .run = run_describe,
};
