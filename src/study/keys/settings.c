/* settings.c - one block of bytes behind all parameter tables. */
#include "study/keys/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "study/keys/train_chip.h"

enum { MAX_SECTIONS = 96, ALIGN = 16 };

/* The sections are the same in all settings: a copy (a grid point) shares them. */
typedef struct SectionTable {
    MhoSection list[MAX_SECTIONS];
    size_t n, users;
} SectionTable;

struct MhoSettings {
    SectionTable *sections;
    unsigned char *block;
    size_t size;
};

static const char split_choices[] = "test validation train";

#define STUDY_TEXT(key, member, text, help)                                            \
    {                                                                                  \
        key, MHO_TEXT, offsetof(MhoStudyParams, member), 0, 0, 0, "", help, NULL, text \
    }
#define STUDY_INT(key, member, value, min, max, unit, help)                                     \
    {                                                                                           \
        key, MHO_INT, offsetof(MhoStudyParams, member), value, min, max, unit, help, NULL, NULL \
    }

static const MhoParam study_params[] = {
    STUDY_TEXT("title", title, "", "what the study asks, in one line"),
    STUDY_TEXT("model", model, "models/model.h5",
               "model file; {recipe} in it becomes the first 8 digits of the recipe's digest"),
    STUDY_INT("seed", seed, 1, 0, 2147483647, "", "seed of every random number"),
    STUDY_INT("repeat", repeat, 8, 1, 1000000, "", "chips a point; points without a random term run one"),
    STUDY_TEXT("data.name", data_name, "fashion-mnist",
               "data set: a registered name, idx:IMAGES,LABELS, cifar:FILE,... or an HDF5 file"),
    STUDY_TEXT("data.train", data_train, "", "training images where data.name is a path; empty: those of data.name"),
    {"data.split", MHO_CHOICE, offsetof(MhoStudyParams, split), MHO_DATA_TEST, 0, 2, "",
     "images that are classified; validation: the validation part of the training set", split_choices, NULL},
    STUDY_INT("data.limit", limit, 0, 0, 100000000, "", "first n images; 0: all"),
    STUDY_INT("data.calibration", calibration, 256, 1, 1000000, "",
              "training images that set converter and activation ranges"),
    STUDY_INT("data.measured", measured, 16, 0, 1000000, "",
              "images on which each layer's signal-to-noise ratio is measured"),
    STUDY_TEXT("chip.cell.name", cell, "ideal", "memory cell; `mho list cell`"),
    STUDY_TEXT("chip.adc.name", adc, "uniform", "analog-to-digital converter; `mho list adc`"),
    STUDY_TEXT("chip.dac.name", dac, "amplitude", "digital-to-analog converter; `mho list dac`"),
    STUDY_TEXT("chip.wire.name", wire, "none", "wires of the array; `mho list wire`"),
};

const MhoDescriptor mho_study_descriptor = {
    .name = "study",
    .summary = "the keys of a study that belong to no model",
    .reference = "mho study file, format 1",
    .params_size = sizeof(MhoStudyParams),
    .params = study_params,
    .n_params = sizeof study_params / sizeof *study_params,
};

static MhoStatus add_section(MhoSettings *settings, const char *prefix, const MhoDescriptor *model, MhoError *error)
{
    if (settings->sections->n == MAX_SECTIONS)
        return mho_fail(error, MHO_FAILED, "more than %d parameter tables", MAX_SECTIONS);
    MhoSection *section = &settings->sections->list[settings->sections->n++];
    snprintf(section->prefix, sizeof section->prefix, "%s", prefix);
    section->model = model;
    section->offset = settings->size;
    settings->size += mho_pad(model->params_size ? model->params_size : 1, ALIGN);
    return MHO_OK;
}

static MhoStatus add_registry(MhoSettings *settings, const char *prefix, const MhoRegistry *registry, MhoError *error)
{
    for (size_t i = 0; i < registry->n; i++) {
        char path[MHO_KEY_MAX];
        snprintf(path, sizeof path, "%s.%s.", prefix, registry->descriptors[i]->name);
        MhoStatus status = add_section(settings, path, registry->descriptors[i], error);
        if (status != MHO_OK)
            return status;
    }
    return MHO_OK;
}

static MhoStatus add_all(MhoSettings *settings, MhoError *error)
{
    const struct {
        const char *prefix;
        const MhoDescriptor *model;
        const MhoRegistry *registry;
    } tables[] = {
        {"", &mho_study_descriptor, NULL},
        {"chip.", &mho_chip_descriptor, NULL},
        {"noise.", &mho_noise_descriptor, NULL},
        {"quant.", &mho_quant_descriptor, NULL},
        {"train.", &mho_train_descriptor, NULL},
        {"chip.cell", NULL, &mho_cell_registry},
        {"chip.adc", NULL, &mho_adc_registry},
        {"chip.dac", NULL, &mho_dac_registry},
        {"chip.wire", NULL, &mho_wire_registry},
        {"quant.weight", NULL, &mho_quantizer_registry},
        {"quant.activation", NULL, &mho_quantizer_registry},
        {"allocate.", &mho_allocate_descriptor, NULL},
        {"allocate", NULL, &mho_allocator_registry},
    };
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && status == MHO_OK; i++)
        status = tables[i].model ? add_section(settings, tables[i].prefix, tables[i].model, error)
                                 : add_registry(settings, tables[i].prefix, tables[i].registry, error);
    return status;
}

MhoStatus mho_settings_create(MhoSettings **settings, MhoError *error)
{
    *settings = NULL;
    MhoSettings *made = calloc(1, sizeof *made);
    if (made)
        made->sections = calloc(1, sizeof *made->sections);
    if (!made || !made->sections) {
        free(made);
        return mho_fail(error, MHO_MEMORY, "out of memory for settings");
    }
    made->sections->users = 1;
    MhoStatus status = add_all(made, error);
    if (status == MHO_OK && !(made->block = calloc(1, made->size)))
        status = mho_fail(error, MHO_MEMORY, "out of memory for settings");
    if (status != MHO_OK) {
        mho_settings_destroy(made);
        return status;
    }
    for (size_t i = 0; i < made->sections->n; i++) {
        const MhoSection *section = &made->sections->list[i];
        mho_params_default(section->model->params, section->model->n_params, made->block + section->offset);
    }
    *settings = made;
    return MHO_OK;
}

MhoStatus mho_settings_copy(const MhoSettings *from, MhoSettings **settings, MhoError *error)
{
    *settings = NULL;
    MhoSettings *made = malloc(sizeof *made);
    unsigned char *block = malloc(from->size);
    if (!made || !block) {
        free(made);
        free(block);
        return mho_fail(error, MHO_MEMORY, "out of memory for settings");
    }
    *made = *from;
    made->block = memcpy(block, from->block, from->size);
    made->sections->users++;
    *settings = made;
    return MHO_OK;
}

void mho_settings_destroy(MhoSettings *settings)
{
    if (!settings)
        return;
    if (--settings->sections->users == 0)
        free(settings->sections);
    free(settings->block);
    free(settings);
}

const MhoParam *mho_settings_find(const MhoSettings *settings, const char *key, const MhoSection **section)
{
    for (size_t i = 0; i < settings->sections->n; i++) {
        const MhoSection *at = &settings->sections->list[i];
        size_t length = strlen(at->prefix);
        if (strncmp(key, at->prefix, length) != 0)
            continue;
        const MhoParam *param = mho_params_find(at->model->params, at->model->n_params, key + length);
        if (param) {
            if (section)
                *section = at;
            return param;
        }
    }
    return NULL;
}

MhoStatus mho_settings_unknown(const MhoSettings *settings, const char *key, const char *where, MhoError *error)
{
    size_t n = 0, capacity = 0;
    for (size_t i = 0; i < settings->sections->n; i++)
        capacity += settings->sections->list[i].model->n_params;
    char(*keys)[MHO_KEY_MAX] = calloc(capacity, sizeof *keys);
    const char **words = calloc(capacity, sizeof *words);
    int nearest = -1;
    if (keys && words) {
        for (size_t i = 0; i < settings->sections->n; i++) {
            const MhoSection *at = &settings->sections->list[i];
            for (size_t p = 0; p < at->model->n_params; p++, n++) {
                snprintf(keys[n], sizeof keys[n], "%s%s", at->prefix, at->model->params[p].key);
                words[n] = keys[n];
            }
        }
        nearest = mho_nearest_word(key, words, n);
    }
    const char *lead = where ? where : "", *colon = where ? ": " : "";
    MhoStatus status =
        nearest >= 0
            ? mho_fail(error, MHO_USAGE, "%s%sunknown key '%s'; did you mean '%s'?", lead, colon, key, keys[nearest])
            : mho_fail(error, MHO_USAGE, "%s%sunknown key '%s'; `mho describe` lists every key", lead, colon, key);
    free(keys);
    free(words);
    return status;
}

/* "train.chip" is a text; "train.chip.time" one assignment of it, so that a mapping spells the same chip. */
static bool is_train_chip(const char *key)
{
    size_t length = strlen("train.chip");
    return strncmp(key, "train.chip", length) == 0 && (key[length] == '\0' || key[length] == '.');
}

static MhoStatus set_train_chip(MhoSettings *settings, const char *key, const char *text, const char *where,
                                MhoError *error)
{
    const MhoSection *section;
    const MhoParam *param = mho_settings_find(settings, "train.chip", &section);
    if (!param)
        return mho_settings_unknown(settings, key, where, error);
    const char *assigned = key[strlen("train.chip")] ? key + strlen("train.chip.") : NULL;
    return mho_train_chip_set((char *)settings->block + section->offset + param->offset, assigned, text, where, error);
}

MhoStatus mho_settings_set(MhoSettings *settings, const char *key, const char *text, const char *where, MhoError *error)
{
    const MhoSection *section;
    if (is_train_chip(key))
        return set_train_chip(settings, key, text, where, error);
    const MhoParam *param = mho_settings_find(settings, key, &section);
    if (!param)
        return mho_settings_unknown(settings, key, where, error);
    char place[MHO_KEY_MAX * 3];
    snprintf(place, sizeof place, "%s%s%s", where ? where : "", where ? ": " : "", key);
    return mho_param_set(param, settings->block + section->offset, text, place, error);
}

size_t mho_settings_format(const MhoSettings *settings, const char *key, char *text, size_t size)
{
    const MhoSection *section;
    const MhoParam *param = mho_settings_find(settings, key, &section);
    if (!param) {
        text[0] = '\0';
        return 0;
    }
    return mho_param_format(param, settings->block + section->offset, text, size);
}

size_t mho_settings_sections(const MhoSettings *settings, const MhoSection **sections)
{
    *sections = settings->sections->list;
    return settings->sections->n;
}

const void *mho_settings_values(const MhoSettings *settings, const MhoSection *section)
{
    return settings->block + section->offset;
}

/* The parameter struct of a section, by its model: the fixed sections come first and exist always. */
static const void *block_of(const MhoSettings *settings, const MhoDescriptor *model, const char *prefix)
{
    for (size_t i = 0; i < settings->sections->n; i++) {
        const MhoSection *at = &settings->sections->list[i];
        if (at->model == model && strncmp(at->prefix, prefix, strlen(prefix)) == 0)
            return settings->block + at->offset;
    }
    return NULL;
}

const MhoStudyParams *mho_settings_study(const MhoSettings *settings)
{
    return block_of(settings, &mho_study_descriptor, "");
}

const MhoChipParams *mho_settings_chip(const MhoSettings *settings)
{
    return block_of(settings, &mho_chip_descriptor, "chip.");
}

const MhoQuantParams *mho_settings_quant(const MhoSettings *settings)
{
    return block_of(settings, &mho_quant_descriptor, "quant.");
}

const MhoNoiseParams *mho_settings_noise(const MhoSettings *settings)
{
    return block_of(settings, &mho_noise_descriptor, "noise.");
}

const MhoTrainParams *mho_settings_train(const MhoSettings *settings)
{
    return block_of(settings, &mho_train_descriptor, "train.");
}

const MhoAllocateParams *mho_settings_allocate(const MhoSettings *settings)
{
    return block_of(settings, &mho_allocate_descriptor, "allocate.");
}

/* The model called name, which stands under the key prefix.name, and its parameters. */
static MhoStatus pick(const MhoSettings *settings, const char *prefix, const MhoRegistry *registry, const char *name,
                      const MhoDescriptor **model, const void **params, MhoError *error)
{
    *model = mho_registry_find(registry, name, error);
    if (!*model)
        return mho_fail_context(error, "%s.name", prefix);
    *params = block_of(settings, *model, prefix);
    MhoStatus status = mho_descriptor_check(*model, *params, error);
    return status == MHO_OK ? MHO_OK : mho_fail_context(error, "%s.name = %s", prefix, name);
}

MhoStatus mho_settings_allocator(const MhoSettings *settings, const MhoAllocator **allocator, const void **params,
                                 MhoError *error)
{
    const MhoAllocateParams *common = mho_settings_allocate(settings);
    const MhoDescriptor *model = NULL;
    MhoStatus status = pick(settings, "allocate", &mho_allocator_registry, common->name, &model, params, error);
    *allocator = (const MhoAllocator *)model; /* a MhoDescriptor is the first member of every descriptor */
    return status == MHO_OK ? mho_descriptor_check(&mho_allocate_descriptor, common, error) : status;
}

/* Write the parameters of the quantizer that `policy` names behind the name. prefix: "quant.weight". */
static MhoStatus complete_policy(const MhoSettings *settings, const char *prefix, char policy[MHO_TEXT_MAX],
                                 MhoError *error)
{
    char name[MHO_TEXT_MAX];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(policy, " "), policy);
    const MhoDescriptor *model = mho_registry_find(&mho_quantizer_registry, name, error);
    if (!model)
        return mho_fail_context(error, "%s.name", prefix);
    const void *values = block_of(settings, model, prefix);
    for (size_t p = 0; p < model->n_params; p++) {
        char value[MHO_TEXT_MAX], usual[MHO_TEXT_MAX];
        _Alignas(8) unsigned char defaults[MHO_LAYER_SETTINGS_MAX];
        size_t length = strlen(policy);
        mho_params_default(model->params, model->n_params, defaults);
        mho_param_format(&model->params[p], values, value, sizeof value);
        mho_param_format(&model->params[p], defaults, usual, sizeof usual);
        if (strcmp(value, usual) == 0)
            continue;
        int n = snprintf(policy + length, MHO_TEXT_MAX - length, " %s=%s", model->params[p].key, value);
        if (n < 0 || (size_t)n >= MHO_TEXT_MAX - length)
            return mho_fail(error, MHO_USAGE, "%s.%s: the quantizer's parameters take more than %d characters", prefix,
                            name, MHO_TEXT_MAX - 1);
    }
    return MHO_OK;
}

MhoStatus mho_settings_policies(const MhoSettings *settings, MhoQuantParams *quant, MhoError *error)
{
    *quant = *mho_settings_quant(settings);
    MhoStatus status = complete_policy(settings, "quant.weight", quant->weight_name, error);
    return status == MHO_OK ? complete_policy(settings, "quant.activation", quant->activation_name, error) : status;
}

/* Noise on codes stands for a chip: with any other device beside it, one of the two would do nothing. */
static MhoStatus check_noise(const MhoSettings *settings, MhoError *error)
{
    const MhoStudyParams *study = mho_settings_study(settings);
    const char *on = mho_code_noise_key(mho_settings_noise(settings));
    const struct {
        const char *part, *name, *ideal;
    } parts[] = {{"cell", study->cell, "ideal"}, {"adc", study->adc, "ideal"}, {"wire", study->wire, "none"}};
    for (size_t i = 0; on && i < sizeof parts / sizeof *parts; i++)
        if (strcmp(parts[i].name, parts[i].ideal) != 0)
            return mho_fail(error, MHO_USAGE,
                            "noise.%s: noise on codes takes the place of a chip and chip.%s.name is %s: "
                            "--set chip.%s.name=%s, or --set noise.%s=0",
                            on, parts[i].part, parts[i].name, parts[i].part, parts[i].ideal, on);
    return MHO_OK;
}

MhoStatus mho_settings_chip_config(const MhoSettings *settings, MhoChipConfig *config, MhoError *error)
{
    const MhoStudyParams *study = mho_settings_study(settings);
    const MhoDescriptor *cell = NULL, *adc = NULL, *dac = NULL, *wire = NULL;
    *config = (MhoChipConfig){.chip = *mho_settings_chip(settings), .seed = (uint64_t)study->seed};
    MhoStatus status = pick(settings, "chip.cell", &mho_cell_registry, study->cell, &cell, &config->cell_params, error);
    if (status == MHO_OK)
        status = pick(settings, "chip.adc", &mho_adc_registry, study->adc, &adc, &config->adc_params, error);
    if (status == MHO_OK)
        status = pick(settings, "chip.dac", &mho_dac_registry, study->dac, &dac, &config->dac_params, error);
    if (status == MHO_OK)
        status = pick(settings, "chip.wire", &mho_wire_registry, study->wire, &wire, &config->wire_params, error);
    if (status == MHO_OK)
        status = mho_descriptor_check(&mho_chip_descriptor, &config->chip, error);
    if (status == MHO_OK)
        status = check_noise(settings, error);
    /* a MhoDescriptor is the first member of every descriptor */
    config->cell = (const MhoCellModel *)cell;
    config->adc = (const MhoAdcModel *)adc;
    config->dac = (const MhoDacModel *)dac;
    config->wire = (const MhoWireModel *)wire;
    return status;
}
