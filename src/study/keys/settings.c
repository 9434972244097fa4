/* settings.c - one block of bytes for all parameter tables. */
#include "study/keys/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "study/keys/settings_internal.h"

enum { MAX_SECTIONS = 96, ALIGN = 16 };

/* The sections are the same in all settings: a copy (a point of a sweep) shares them. */
typedef struct SectionTable {
    MhoSection list[MAX_SECTIONS];
    size_t n, copies; /* copies: settings that share it, but one */
    char *folder;     /* of the study file; NULL: none */
} SectionTable;

struct MhoSettings {
    SectionTable *sections;
    unsigned char *block;
    size_t size;
    MhoStagesUse stages; /* of train.stages; where a word is wrong, of those before it */
    char training_digest[65];
};

const MhoChipDevice mho_chip_devices[MHO_N_CHIP_DEVICES] = {
    {"cell", &mho_cell_registry, offsetof(MhoChipModels, cell)},
    {"adc", &mho_adc_registry, offsetof(MhoChipModels, adc)},
    {"dac", &mho_dac_registry, offsetof(MhoChipModels, dac)},
    {"wire", &mho_wire_registry, offsetof(MhoChipModels, wire)},
};

static const char split_choices[] = "test validation train";

#define TEXT_OF(type, key, member, text, help, label)                               \
    {                                                                               \
        key, MHO_TEXT, offsetof(type, member), 0, 0, 0, "", help, NULL, text, label \
    }
#define STUDY_TEXT(key, member, text, help, label) TEXT_OF(MhoStudyParams, key, member, text, help, label)
#define STUDY_INT(key, member, value, min, max, unit, help, label)                                     \
    {                                                                                                  \
        key, MHO_INT, offsetof(MhoStudyParams, member), value, min, max, unit, help, NULL, NULL, label \
    }

static const MhoParam study_params[] = {
    STUDY_TEXT("title", title, "", "what the study asks, in one line", "title"),
    STUDY_TEXT("model", model, "models/model.h5",
               "model file; {recipe} in it becomes the first 8 digits of the recipe's digest", "model"),
    STUDY_INT("seed", seed, 1, 0, 2147483647, "", "seed of every random number", "seed"),
    STUDY_INT("repeat", repeat, 8, 1, 1000000, "chips", "chips a point; points without a random term run one",
              "repeats"),
    {"stop.half_width", MHO_REAL, offsetof(MhoStudyParams, stop_half_width), 0, 0, 0.5, "1",
     "a point stops once the 95 % interval of its mean accuracy is this narrow on either side; 0: it runs `repeat` "
     "chips",
     NULL, NULL, "accuracy half width to stop"},
    STUDY_INT("stop.first", stop_first, 4, 3, 65536, "chips",
              "chips of a point at the first look; then twice as many, and so on", "first look at a point"),
    STUDY_TEXT("data.name", data_name, "fashion-mnist",
               "data set: a registered name, idx:IMAGES,LABELS, cifar:FILE,... or an HDF5 file", "data set"),
    STUDY_TEXT("data.train", data_train, "", "training images where data.name is a path; empty: those of data.name",
               "training data"),
    {"data.split", MHO_CHOICE, offsetof(MhoStudyParams, split), MHO_DATA_TEST, 0, 2, "",
     "images that are classified; validation: the validation part of the training set", split_choices, NULL,
     "data split"},
    STUDY_INT("data.limit", limit, 0, 0, 100000000, "images", "first n images; 0: all", "image limit"),
    STUDY_INT("data.calibration", calibration, 256, 1, 1000000, "images",
              "training images that set converter and activation ranges", "calibration set size"),
    STUDY_INT("data.measured", measured, 16, 0, 1000000, "images",
              "images on which each layer's signal-to-noise ratio is measured", "SNR sample size"),
    {"sample.name", MHO_CHOICE, offsetof(MhoStudyParams, sample_name), MHO_SAMPLE_SOBOL, 0, 1, "",
     "how points are drawn where keys under sweep: have intervals low..high: evenly (Sobol's sequence) or at random",
     "sobol random", NULL, "sampling"},
    STUDY_INT("sample.n", sample_n, 0, 0, 1000000, "points",
              "points that are drawn; more of them include those of a smaller number", "sample size"),
    STUDY_INT("sample.seed", sample_seed, 1, 0, 2147483647, "", "seed of points that are drawn at random",
              "sampling seed"),
};

const MhoDescriptor mho_study_descriptor = {
    .name = "study",
    .summary = "the keys of a study that belong to no model",
    .reference = "mho study file, format 1",
    MHO_PARAM_TABLE(MhoStudyParams, study_params),
};

static const MhoParam chip_models_params[] = {
    TEXT_OF(MhoChipModels, "cell.name", cell, "ideal", "memory cell; `mho list cell`", "cell"),
    TEXT_OF(MhoChipModels, "adc.name", adc, "uniform", "analog-to-digital converter; `mho list adc`", "ADC"),
    TEXT_OF(MhoChipModels, "dac.name", dac, "amplitude", "digital-to-analog converter; `mho list dac`", "DAC"),
    TEXT_OF(MhoChipModels, "wire.name", wire, "none", "wires of the array; `mho list wire`", "wires"),
};

const MhoDescriptor mho_chip_models_descriptor = {
    .name = "chip",
    .summary = "the models of a chip's devices",
    .reference = "mho study file, format 1",
    MHO_PARAM_TABLE(MhoChipModels, chip_models_params),
};

static MhoStatus add_section(MhoSettings *settings, const char *prefix, const MhoDescriptor *descriptor,
                             MhoError *error)
{
    if (settings->sections->n == MAX_SECTIONS)
        return mho_fail(error, MHO_FAILED, "more than %d parameter tables", MAX_SECTIONS);
    MhoSection *section = &settings->sections->list[settings->sections->n++];
    snprintf(section->prefix, sizeof section->prefix, "%s", prefix);
    section->descriptor = descriptor;
    section->offset = settings->size;
    settings->size += mho_pad(descriptor->params_size ? descriptor->params_size : 1, ALIGN);
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

static MhoStatus add_devices(MhoSettings *settings, const char *root, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < MHO_N_CHIP_DEVICES && status == MHO_OK; i++) {
        char prefix[MHO_KEY_MAX];
        snprintf(prefix, sizeof prefix, "%s%s", root, mho_chip_devices[i].kind);
        status = add_registry(settings, prefix, mho_chip_devices[i].registry, error);
    }
    return status;
}

static MhoStatus add_all(MhoSettings *settings, MhoError *error)
{
    const struct {
        const char *prefix;
        const MhoDescriptor *descriptor; /* NULL: of a registry */
        const MhoRegistry *registry;     /* NULL: those of a chip's devices */
    } tables[] = {
        {"", &mho_study_descriptor, NULL},
        {"chip.", &mho_chip_models_descriptor, NULL},
        {"chip.", &mho_chip_descriptor, NULL},
        {"noise.", &mho_noise_descriptor, NULL},
        {"quant.", &mho_quant_descriptor, NULL},
        {"train.", &mho_train_descriptor, NULL},
        {"chip.", NULL, NULL},
        {"quant.weight", NULL, &mho_quantizer_registry},
        {"quant.activation", NULL, &mho_quantizer_registry},
        {"allocate.", &mho_allocate_descriptor, NULL},
        {"allocate", NULL, &mho_allocator_registry},
        {"train.chip.", &mho_chip_models_descriptor, NULL},
        {"train.chip.", &mho_chip_descriptor, NULL},
        {"train.chip.", NULL, NULL},
        {"cluster.", &mho_cluster_descriptor, NULL},
    };
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && status == MHO_OK; i++)
        status = tables[i].descriptor ? add_section(settings, tables[i].prefix, tables[i].descriptor, error)
                 : tables[i].registry ? add_registry(settings, tables[i].prefix, tables[i].registry, error)
                                      : add_devices(settings, tables[i].prefix, error);
    return status;
}

/* A word that is wrong is mho_points_create's to refuse. */
static void read_stages(MhoSettings *settings)
{
    MhoStages stages;
    MhoError ignored = {0};
    const MhoStatus status = mho_stages_parse(mho_settings_train(settings)->stages, &stages, &ignored);
    (void)status;
    settings->stages = mho_stages_use(&stages);
}

const MhoStagesUse *mho_settings_stages(const MhoSettings *settings)
{
    return &settings->stages;
}

MhoStatus mho_settings_create(MhoSettings **settings, MhoError *error)
{
    *settings = NULL;
    MhoSettings *made = mho_calloc(1, sizeof *made, error, "settings");
    if (!made)
        return MHO_MEMORY;
    made->sections = mho_calloc(1, sizeof *made->sections, error, "settings");
    MhoStatus status = made->sections ? add_all(made, error) : MHO_MEMORY;
    if (status == MHO_OK && !(made->block = mho_calloc(1, made->size, error, "settings")))
        status = MHO_MEMORY;
    if (status != MHO_OK) {
        mho_settings_destroy(made);
        return status;
    }
    for (size_t i = 0; i < made->sections->n; i++) {
        const MhoSection *section = &made->sections->list[i];
        mho_params_default(section->descriptor->params, section->descriptor->n_params, made->block + section->offset);
    }
    read_stages(made);
    *settings = made;
    return MHO_OK;
}

MhoStatus mho_settings_copy(const MhoSettings *from, MhoSettings **settings, MhoError *error)
{
    *settings = NULL;
    MhoSettings *made = mho_calloc(1, sizeof *made, error, "settings");
    unsigned char *block = made ? mho_calloc(1, from->size, error, "settings") : NULL;
    if (!block) {
        free(made);
        return MHO_MEMORY;
    }
    *made = *from;
    made->block = memcpy(block, from->block, from->size);
    made->sections->copies++;
    *settings = made;
    return MHO_OK;
}

void mho_settings_destroy(MhoSettings *settings)
{
    if (!settings)
        return;
    if (settings->sections && settings->sections->copies-- == 0) {
        free(settings->sections->folder);
        free(settings->sections);
    }
    free(settings->block);
    free(settings);
}

MhoStatus mho_settings_set_folder(MhoSettings *settings, const char *study_path, MhoError *error)
{
    const char *slash = strrchr(study_path, '/');
    char *folder = slash ? mho_strdup(study_path, error) : NULL;
    if (slash && !folder)
        return MHO_MEMORY;
    if (slash)
        folder[slash - study_path + 1] = '\0';
    free(settings->sections->folder);
    settings->sections->folder = folder;
    return MHO_OK;
}

const char *mho_settings_folder(const MhoSettings *settings)
{
    return settings->sections->folder ? settings->sections->folder : "";
}

const MhoParam *mho_settings_find(const MhoSettings *settings, const char *key, const MhoSection **section)
{
    for (size_t i = 0; i < settings->sections->n; i++) {
        const MhoSection *at = &settings->sections->list[i];
        size_t length = strlen(at->prefix);
        if (strncmp(key, at->prefix, length) != 0)
            continue;
        const MhoParam *param = mho_params_find(at->descriptor->params, at->descriptor->n_params, key + length);
        if (param) {
            if (section)
                *section = at;
            return param;
        }
    }
    return NULL;
}

bool mho_settings_next(const MhoSettings *settings, MhoSettingsKey *key)
{
    const SectionTable *sections = settings->sections;
    while (key->next_section < sections->n &&
           key->next_param == sections->list[key->next_section].descriptor->n_params) {
        key->next_section++;
        key->next_param = 0;
    }
    if (key->next_section == sections->n)
        return false;
    key->section = &sections->list[key->next_section];
    key->param = &key->section->descriptor->params[key->next_param++];
    snprintf(key->name, sizeof key->name, "%s%s", key->section->prefix, key->param->key);
    return true;
}

bool mho_settings_is_default(const MhoSettings *settings, const MhoSettingsKey *key)
{
    char value[MHO_TEXT_MAX], usual_value[MHO_TEXT_MAX];
    mho_param_format(key->param, settings->block + key->section->offset, value, sizeof value);
    mho_param_format_default(key->param, usual_value, sizeof usual_value);
    return strcmp(value, usual_value) == 0;
}

/* Whether every word of the last part of `key` ("rate", "quant_rate") is in that of `name`, which lies below the same
 * parts: a shortened name. */
static bool is_shortened(const char *key, const char *name)
{
    const char *dot = strrchr(key, '.'), *last = strrchr(name, '.');
    if (!dot || !last || strlen(dot + 1) < 3 || strncmp(key, name, (size_t)(dot + 1 - key)) != 0)
        return false;
    char word[MHO_KEY_MAX];
    for (const char *at = dot + 1; *at; at += strspn(at, "_")) {
        const size_t n = strcspn(at, "_");
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), at);
        if (!strstr(last + 1, word))
            return false;
        at += n;
    }
    return true;
}

/* The known key nearest to `key` into nearest: the first of a section that key names, the first that key shortens, or
 * the least misspelt. */
static bool find_nearest(const MhoSettings *settings, const char *key, char nearest[2 * MHO_KEY_MAX])
{
    const size_t length = strlen(key);
    const char *found = NULL;
    int distance = 0;
    MhoSettingsKey at = {0};
    while (mho_settings_next(settings, &at)) {
        const bool in_section = strncmp(at.name, key, length) == 0 && at.name[length] == '.';
        const bool is_short = (!found || distance > 0) && is_shortened(key, at.name);
        if (in_section || is_short || mho_nearest_step(key, at.name, &found, &distance))
            found = memcpy(nearest, at.name, sizeof at.name);
        if (is_short)
            distance = 0;
        if (in_section)
            break;
    }
    return found != NULL;
}

MhoStatus mho_settings_unknown(const MhoSettings *settings, const char *key, const char *where, MhoError *error)
{
    const char *lead = where ? where : "", *colon = where ? ": " : "";
    char nearest[2 * MHO_KEY_MAX];
    if (find_nearest(settings, key, nearest))
        return mho_fail(error, MHO_USAGE, "%s%sunknown key '%s'; did you mean '%s'?", lead, colon, key, nearest);
    return mho_fail(error, MHO_USAGE, "%s%sunknown key '%s'; `mho describe` lists every key", lead, colon, key);
}

static bool chooses_training_images(const char *key)
{
    return strcmp(key, "data.name") == 0 || strcmp(key, "data.train") == 0 || strcmp(key, "train.limit") == 0;
}

MhoStatus mho_settings_set(MhoSettings *settings, const char *key, const char *text, const char *where, MhoError *error)
{
    const MhoSection *section;
    const MhoParam *param = mho_settings_find(settings, key, &section);
    if (!param)
        return mho_settings_unknown(settings, key, where, error);
    char place[MHO_KEY_MAX * 3];
    snprintf(place, sizeof place, "%s%s%s", where ? where : "", where ? ": " : "", key);
    const MhoStatus status = mho_param_set(param, settings->block + section->offset, text, place, error);
    if (strcmp(key, "train.stages") == 0)
        read_stages(settings);
    if (chooses_training_images(key))
        settings->training_digest[0] = '\0';
    return status;
}

void mho_settings_set_training_digest(MhoSettings *settings, const char hex[65])
{
    snprintf(settings->training_digest, sizeof settings->training_digest, "%s", hex);
}

const char *mho_settings_training_digest(const MhoSettings *settings)
{
    return settings->training_digest;
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

void mho_settings_label(const MhoSettings *settings, const char *key, char label[MHO_LABEL_MAX])
{
    const MhoSection *section;
    const MhoParam *param = mho_settings_find(settings, key, &section);
    const char *before = "", *after = "";
    if (param && mho_settings_of_train_chip(key))
        before = "training ";
    else if (param && strncmp(section->prefix, "quant.weight.", 13) == 0)
        after = " of weights";
    else if (param && strncmp(section->prefix, "quant.activation.", 17) == 0)
        after = " of activations";
    snprintf(label, MHO_LABEL_MAX, "%s%s%s", before, param ? mho_param_label(param) : key, after);
}

/* The parameter struct of the section whose prefix starts with `prefix`. */
const void *mho_settings_block(const MhoSettings *settings, const MhoDescriptor *descriptor, const char *prefix)
{
    for (size_t i = 0; i < settings->sections->n; i++) {
        const MhoSection *at = &settings->sections->list[i];
        if (at->descriptor == descriptor && strncmp(at->prefix, prefix, strlen(prefix)) == 0)
            return settings->block + at->offset;
    }
    return NULL;
}

const char mho_test_chip[] = "chip.", mho_train_chip[] = "train.chip.";

MhoChipKeys mho_chip_keys(const MhoSettings *settings, const char *root)
{
    return (MhoChipKeys){.models = mho_settings_block(settings, &mho_chip_models_descriptor, root),
                         .params = mho_settings_block(settings, &mho_chip_descriptor, root)};
}

const char *mho_chip_model_name(const MhoChipModels *models, size_t device)
{
    return (const char *)models + mho_chip_devices[device].offset;
}

const MhoStudyParams *mho_settings_study(const MhoSettings *settings)
{
    return mho_settings_block(settings, &mho_study_descriptor, "");
}

const MhoClusterParams *mho_settings_cluster(const MhoSettings *settings)
{
    return mho_settings_block(settings, &mho_cluster_descriptor, "");
}

const MhoChipModels *mho_settings_chip_models(const MhoSettings *settings)
{
    return mho_chip_keys(settings, mho_test_chip).models;
}

const MhoChipParams *mho_settings_chip(const MhoSettings *settings)
{
    return mho_chip_keys(settings, mho_test_chip).params;
}

const MhoQuantParams *mho_settings_quant(const MhoSettings *settings)
{
    return mho_settings_block(settings, &mho_quant_descriptor, "quant.");
}

const MhoNoiseParams *mho_settings_noise(const MhoSettings *settings)
{
    return mho_settings_block(settings, &mho_noise_descriptor, "noise.");
}

const MhoTrainParams *mho_settings_train(const MhoSettings *settings)
{
    return mho_settings_block(settings, &mho_train_descriptor, "train.");
}

const MhoAllocateParams *mho_settings_allocate(const MhoSettings *settings)
{
    return mho_settings_block(settings, &mho_allocate_descriptor, "allocate.");
}
