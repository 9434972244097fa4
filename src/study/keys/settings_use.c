/* settings_use.c - which keys a result depends on, so that a switch that does nothing is noticed and equal points are
 * run once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "study/keys/settings.h"

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* "chip.cell.pcm.t_read" with "chip.cell." and "pcm": the parameter of the chosen model. A quantizer's name may have
 * words behind it. */
static bool is_of(const char *key, const char *kind, const char *name)
{
    size_t length = strlen(kind), name_length = strcspn(name, " ");
    return starts_with(key, kind) && strncmp(key + length, name, name_length) == 0 && key[length + name_length] == '.';
}

static const MhoDescriptor *chosen(const MhoRegistry *registry, const char *name)
{
    for (size_t i = 0; i < registry->n; i++)
        if (strcmp(registry->descriptors[i]->name, name) == 0)
            return registry->descriptors[i];
    return NULL;
}

/* Common keys of the chip: used when some chosen model does not ignore them and no other switch takes them out. */
static bool uses_common(const MhoSettings *settings, const char *key)
{
    const MhoStudyParams *study = mho_settings_study(settings);
    const MhoChipParams *chip = mho_settings_chip(settings);
    const MhoDescriptor *models[] = {chosen(&mho_cell_registry, study->cell), chosen(&mho_adc_registry, study->adc),
                                     chosen(&mho_dac_registry, study->dac), chosen(&mho_wire_registry, study->wire)};
    const MhoCellModel *cell = (const MhoCellModel *)models[0];
    unsigned ignored = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        ignored &= models[i] ? models[i]->ignores : ~0U;
    bool reads = cell && cell->read_noise;
    bool split = chip->read == MHO_READ_CHOICE_SPLIT ||
                 (chip->read == MHO_READ_CHOICE_DEFAULT && cell && cell->default_read == MHO_READ_SPLIT);
    if (strcmp(key, "chip.time") == 0)
        return !(ignored & MHO_IGNORES_TIME);
    if (strcmp(key, "chip.temperature") == 0)
        return !(ignored & MHO_IGNORES_TEMPERATURE);
    if (strcmp(key, "chip.noise") == 0)
        return !(ignored & MHO_IGNORES_NOISE);
    if (strcmp(key, "chip.cell.read") == 0 || strcmp(key, "chip.cell.draw") == 0)
        return reads;
    if (strcmp(key, "chip.cell.t_observe") == 0)
        return reads && split;
    if (strcmp(key, "chip.adc.calibrate") == 0)
        return chip->range == MHO_RANGE_CALIBRATED;
    if (strcmp(key, "chip.adc.full_scale") == 0)
        return chip->range == MHO_RANGE_FIXED;
    return true;
}

/* What noise on codes leaves without use: the chip but for the names that must be ideal, and its layers' meters. */
static bool is_idle_beside_noise(const char *key)
{
    static const char *const names[] = {"chip.cell.name", "chip.adc.name", "chip.wire.name"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(key, names[i]) == 0)
            return false;
    return starts_with(key, "chip.") || strcmp(key, "data.measured") == 0;
}

static bool uses(const MhoSettings *settings, const MhoSection *section, const char *key)
{
    const MhoStudyParams *study = mho_settings_study(settings);
    const MhoQuantParams *quant = mho_settings_quant(settings);
    const MhoNoiseParams *noise = mho_settings_noise(settings);
    if (strcmp(key, "noise.draw") == 0)
        return noise->weight > 0.0;
    if (mho_code_noise_key(noise) && is_idle_beside_noise(key))
        return false;
    if (starts_with(section->prefix, "chip.cell."))
        return is_of(key, "chip.cell.", study->cell);
    if (starts_with(section->prefix, "chip.adc."))
        return is_of(key, "chip.adc.", study->adc);
    if (starts_with(section->prefix, "chip.dac."))
        return is_of(key, "chip.dac.", study->dac);
    if (starts_with(section->prefix, "chip.wire."))
        return is_of(key, "chip.wire.", study->wire);
    if (starts_with(section->prefix, "quant.weight."))
        return is_of(key, "quant.weight.", quant->weight_name);
    if (starts_with(section->prefix, "quant.activation."))
        return is_of(key, "quant.activation.", quant->activation_name);
    if (starts_with(section->prefix, "allocate.") && section->model != &mho_allocate_descriptor)
        return is_of(key, "allocate.", mho_settings_allocate(settings)->name);
    if (starts_with(key, "chip."))
        return uses_common(settings, key);
    return true;
}

/* Is there a word NAME:EPOCHS in the stages? "fq chip:3" is chip, too. */
static bool has_stage(const char *stages, const char *name)
{
    static const char blanks[] = " \t";
    size_t length = strlen(name);
    for (const char *word = stages + strspn(stages, blanks); *word; word += strspn(word, blanks)) {
        size_t n = strcspn(word, " \t");
        if (strcspn(word, ":@ \t") == length && strncmp(word, name, length) == 0)
            return true;
        word += n;
    }
    return false;
}

/* Is there a stage behind float? Only such stages know codes. */
static bool has_codes(const char *stages)
{
    const char *first = stages + strspn(stages, " \t"), *behind = first + strcspn(first, " \t");
    return !starts_with(first, "float") || behind[strspn(behind, " \t")] != '\0';
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
    return has_stage(mho_settings_train(settings)->stages, "allocate") &&
           (allocate->feedback == MHO_FEEDBACK_CHIP || allocate->adc_bit_widths[0]);
}

static bool recovers_on_chip(const MhoSettings *settings)
{
    return allocates_on_chip(settings) && mho_allocate_recovers_on_chip(mho_settings_allocate(settings));
}

/* Does training by this recipe read a key of train.*, quant.* or allocate.*? Without stages behind float only what acts
 * on float nets does, so recipes that begin alike share that net's recipe. */
static bool trains_with(const MhoSettings *settings, const char *key)
{
    const MhoTrainParams *train = mho_settings_train(settings);
    const char *stages = train->stages;
    bool codes = has_codes(stages);
    if (strcmp(key, "quant.weight.bits") == 0 || strcmp(key, "quant.activation.bits") == 0)
        return false; /* of quantization after training; the stages names its own */
    if (strcmp(key, "quant.shift") == 0)
        return has_stage(stages, "fq");
    if (starts_with(key, "quant.") || starts_with(key, "train.noise.") ||
        strcmp(key, "train.quant_learning_rate") == 0 || strcmp(key, "train.distill") == 0)
        return codes;
    if (strcmp(key, "train.distill_temperature") == 0)
        return codes && train->distill > 0.0;
    if (strcmp(key, "train.step_epochs") == 0 || strcmp(key, "train.step_factor") == 0)
        return train->schedule == MHO_SCHEDULE_STEP;
    if (strcmp(key, "train.gradual.layers") == 0)
        return codes && injects_noise(settings) && train->gradual_noise;
    if (starts_with(key, "train.gradual."))
        return codes && injects_noise(settings);
    if (strcmp(key, "train.chip") == 0)
        return has_stage(stages, "chip") || allocates_on_chip(settings);
    if (starts_with(key, "train.chip_") || strcmp(key, "train.validation_chips") == 0)
        return has_stage(stages, "chip") || recovers_on_chip(settings);
    if (strcmp(key, "allocate.trial_chips") == 0 || strcmp(key, "allocate.recovery") == 0)
        return allocates_on_chip(settings);
    return !starts_with(key, "allocate.") || has_stage(stages, "allocate");
}

/* Keys that name things or count repetitions: they identify a study but no trial depends on their value. */
static bool is_identity(const char *key)
{
    return strcmp(key, "title") == 0 || strcmp(key, "model") == 0 || strcmp(key, "repeat") == 0;
}

bool mho_settings_through_model(const char *key)
{
    return starts_with(key, "train.") || starts_with(key, "allocate.") || strcmp(key, "quant.shift") == 0;
}

bool mho_settings_uses(const MhoSettings *settings, const char *key)
{
    const MhoSection *section;
    if (is_identity(key) && strcmp(key, "model") != 0) /* two models are two results */
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
    if (strcmp(key, "data.calibration") == 0) /* sets converters' ranges of probes, where they are not learned */
        return allocates_on_chip(settings) && !recovers_on_chip(settings);
    return (mho_settings_through_model(key) || starts_with(key, "quant.")) && trains_with(settings, key);
}

static bool belongs(const MhoSettings *settings, const char *key, bool recipe)
{
    return !is_identity(key) && (recipe ? is_recipe(settings, key) : !mho_settings_through_model(key));
}

char *mho_settings_canonical(const MhoSettings *settings, bool recipe)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    const MhoSection *sections;
    size_t n = mho_settings_sections(settings, &sections);
    for (size_t i = 0; i < n; i++) {
        const MhoDescriptor *model = sections[i].model;
        for (size_t p = 0; p < model->n_params; p++) {
            char key[MHO_KEY_MAX * 2], value[MHO_TEXT_MAX];
            snprintf(key, sizeof key, "%s%s", sections[i].prefix, model->params[p].key);
            if (!belongs(settings, key, recipe) || !uses(settings, &sections[i], key))
                continue;
            mho_param_format(&model->params[p], mho_settings_values(settings, &sections[i]), value, sizeof value);
            fprintf(out, "%s=%s\n", key, value);
        }
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
