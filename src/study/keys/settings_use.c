/* settings_use.c - which keys a result depends on, so that a switch that does nothing is noticed and equal points are
 * run once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "study/keys/settings_internal.h"

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether key is "kind.NAME.…" for the chosen name, the first word of `name`. */
static bool is_of(const char *key, const char *kind, const char *name)
{
    size_t length = strlen(kind), name_length = strcspn(name, " ");
    return starts_with(key, kind) && key[length] == '.' && strncmp(key + length + 1, name, name_length) == 0 &&
           key[length + 1 + name_length] == '.';
}

static const MhoDescriptor *chosen(const MhoRegistry *registry, const char *name)
{
    for (size_t i = 0; i < registry->n; i++)
        if (strcmp(registry->descriptors[i]->name, name) == 0)
            return registry->descriptors[i];
    return NULL;
}

/* Whether these models use what all models but some have in common: one of MHO_IGNORES_. */
static bool is_ignored(const MhoChipModels *models, unsigned what)
{
    for (size_t i = 0; i < MHO_N_CHIP_DEVICES; i++) {
        const MhoDescriptor *model = chosen(mho_chip_devices[i].registry, mho_chip_model_name(models, i));
        if (model && !(model->ignores & what))
            return false;
    }
    return true;
}

/* Whether a chip uses a common key, written without its root: "time". */
static bool uses_common(const MhoChipKeys *chip, const char *key)
{
    const MhoCellModel *cell = (const MhoCellModel *)chosen(&mho_cell_registry, chip->models->cell);
    bool reads = cell && cell->read_noise;
    bool split = chip->params->read == MHO_READ_CHOICE_SPLIT ||
                 (chip->params->read == MHO_READ_CHOICE_DEFAULT && cell && cell->default_read == MHO_READ_SPLIT);
    if (strcmp(key, "time") == 0)
        return !is_ignored(chip->models, MHO_IGNORES_TIME);
    if (strcmp(key, "temperature") == 0)
        return !is_ignored(chip->models, MHO_IGNORES_TEMPERATURE);
    if (strcmp(key, "noise") == 0)
        return !is_ignored(chip->models, MHO_IGNORES_NOISE);
    if (strcmp(key, "cell.read") == 0 || strcmp(key, "cell.draw") == 0)
        return reads;
    if (strcmp(key, "cell.t_observe") == 0)
        return reads && split;
    if (strcmp(key, "adc.calibrate") == 0)
        return chip->params->range == MHO_RANGE_CALIBRATED;
    if (strcmp(key, "adc.full_scale") == 0)
        return chip->params->range == MHO_RANGE_FIXED;
    return true;
}

/* Whether the chip whose keys start with root uses key, which is one of them. */
static bool uses_chip_key(const MhoSettings *settings, const MhoSection *section, const char *root, const char *key)
{
    const MhoChipKeys chip = mho_chip_keys(settings, root);
    const char *own = key + strlen(root);
    for (size_t i = 0; i < MHO_N_CHIP_DEVICES; i++)
        if (strlen(section->prefix) > strlen(root) &&
            is_of(own, mho_chip_devices[i].kind, mho_chip_model_name(chip.models, i)))
            return true;
    return strcmp(section->prefix, root) == 0 && uses_common(&chip, own);
}

/* Noise on codes leaves the chip without use, but for the names that must be ideal, and the measurements of layers. */
static bool is_idle_with_code_noise(const char *key)
{
    static const char *const names[] = {"chip.cell.name", "chip.adc.name", "chip.wire.name"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(key, names[i]) == 0)
            return false;
    return starts_with(key, mho_test_chip) || strcmp(key, "data.measured") == 0;
}

static bool uses(const MhoSettings *settings, const MhoSection *section, const char *key)
{
    const MhoQuantParams *quant = mho_settings_quant(settings);
    const MhoNoiseParams *noise = mho_settings_noise(settings);
    if (strcmp(key, "noise.draw") == 0)
        return noise->weight > 0.0;
    if (mho_code_noise_key(noise) && is_idle_with_code_noise(key))
        return false;
    if (starts_with(section->prefix, mho_test_chip))
        return uses_chip_key(settings, section, mho_test_chip, key);
    if (starts_with(section->prefix, mho_train_chip))
        return uses_chip_key(settings, section, mho_train_chip, key);
    if (starts_with(section->prefix, "quant.weight."))
        return is_of(key, "quant.weight", quant->weight_name);
    if (starts_with(section->prefix, "quant.activation."))
        return is_of(key, "quant.activation", quant->activation_name);
    if (starts_with(section->prefix, "allocate.") && section->descriptor != &mho_allocate_descriptor)
        return is_of(key, "allocate", mho_settings_allocate(settings)->name);
    return true;
}

static bool injects_noise(const MhoSettings *settings)
{
    char name[MHO_TEXT_MAX];
    const char *policy = mho_settings_quant(settings)->weight_name;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(policy, " "), policy);
    const MhoQuantizer *quantizer = (const MhoQuantizer *)chosen(&mho_quantizer_registry, name);
    return quantizer && quantizer->inject;
}

static bool allocates_on_chip(const MhoSettings *settings)
{
    const MhoAllocateParams *allocate = mho_settings_allocate(settings);
    return mho_settings_stages(settings)->allocate &&
           (allocate->feedback == MHO_FEEDBACK_CHIP || allocate->adc_bit_widths[0]);
}

static bool recovers_on_chip(const MhoSettings *settings)
{
    return allocates_on_chip(settings) && mho_allocate_recovers_on_chip(mho_settings_allocate(settings));
}

/* Whether training by this recipe reads a key of train.*, quant.* or allocate.*. A recipe of a float stage alone reads
 * only what acts on float nets, so recipes that begin alike share that net's recipe. */
static bool trains_with(const MhoSettings *settings, const char *key)
{
    const MhoTrainParams *train = mho_settings_train(settings);
    const MhoStagesUse *stages = mho_settings_stages(settings);
    if (strcmp(key, "quant.weight.bits") == 0 || strcmp(key, "quant.activation.bits") == 0)
        return false; /* of quantization after training; the stages name their own */
    if (strcmp(key, "quant.shift") == 0)
        return stages->full;
    if (starts_with(key, "quant.") || starts_with(key, "train.noise.") ||
        strcmp(key, "train.quant_learning_rate") == 0 || strcmp(key, "train.distill") == 0)
        return stages->quantized;
    if (strcmp(key, "train.distill_temperature") == 0)
        return stages->quantized && train->distill > 0.0;
    if (strcmp(key, "train.step_epochs") == 0 || strcmp(key, "train.step_factor") == 0)
        return train->schedule == MHO_SCHEDULE_STEP;
    if (strcmp(key, "train.gradual.layers") == 0)
        return stages->quantized && injects_noise(settings) && train->gradual_noise;
    if (starts_with(key, "train.gradual."))
        return stages->quantized && injects_noise(settings);
    if (mho_settings_of_train_chip(key))
        return stages->chip || allocates_on_chip(settings);
    if (strcmp(key, "train.chip_curriculum") == 0 || strcmp(key, "train.validation_chips") == 0)
        return stages->chip || recovers_on_chip(settings);
    if (strcmp(key, "allocate.trial_chips") == 0 || strcmp(key, "allocate.recovery") == 0)
        return allocates_on_chip(settings);
    return !starts_with(key, "allocate.") || stages->allocate;
}

bool mho_settings_names_study(const char *key)
{
    return strcmp(key, "title") == 0 || strcmp(key, "model") == 0 || strcmp(key, "repeat") == 0 ||
           starts_with(key, "sample.") || starts_with(key, "stop.") || mho_settings_of_cluster(key);
}

bool mho_settings_of_cluster(const char *key)
{
    return starts_with(key, "cluster.");
}

bool mho_settings_of_train_chip(const char *key)
{
    return starts_with(key, mho_train_chip);
}

bool mho_settings_through_model(const char *key)
{
    return starts_with(key, "train.") || starts_with(key, "allocate.") || strcmp(key, "quant.shift") == 0;
}

bool mho_settings_uses(const MhoSettings *settings, const char *key)
{
    const MhoSection *section;
    if (mho_settings_names_study(key) && strcmp(key, "model") != 0) /* two models are two results */
        return false;
    if (!mho_settings_find(settings, key, &section) || !uses(settings, section, key))
        return false;
    return !mho_settings_through_model(key) || trains_with(settings, key);
}

bool mho_settings_needs_stage(const char *key)
{
    return starts_with(key, "train.noise.") || starts_with(key, "train.gradual.") || starts_with(key, "train.chip") ||
           strcmp(key, "train.validation_chips") == 0 || starts_with(key, "allocate.");
}

/* Keys that a trained model depends on. */
static bool is_recipe(const MhoSettings *settings, const char *key)
{
    if (strcmp(key, "data.name") == 0) /* the test images only, where training images have a path of their own */
        return mho_settings_study(settings)->data_train[0] == '\0';
    if (strcmp(key, "seed") == 0 || strcmp(key, "data.train") == 0)
        return true;
    if (strcmp(key, "data.calibration") == 0) /* sets converter ranges of trial moves, where they are not learned */
        return allocates_on_chip(settings) && !recovers_on_chip(settings);
    return (mho_settings_through_model(key) || starts_with(key, "quant.")) && trains_with(settings, key);
}

static bool belongs(const MhoSettings *settings, const char *key, bool recipe)
{
    return !mho_settings_names_study(key) && (recipe ? is_recipe(settings, key) : !mho_settings_through_model(key));
}

char *mho_settings_canonical(const MhoSettings *settings, bool recipe)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    MhoSettingsKey key = {0};
    while (mho_settings_next(settings, &key)) {
        char value[MHO_TEXT_MAX];
        if (!belongs(settings, key.name, recipe) || !uses(settings, key.section, key.name))
            continue;
        mho_settings_format(settings, key.name, value, sizeof value);
        fprintf(out, "%s=%s\n", key.name, value);
    }
    if (recipe && mho_settings_training_digest(settings)[0] != '\0')
        fprintf(out, "data.training_sha256=%s\n", mho_settings_training_digest(settings));
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
