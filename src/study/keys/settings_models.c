/* settings_models.c - the models that the names in settings choose, with their parameters, and what is wrong with them.
 */
#include <stdio.h>
#include <string.h>

#include "net/graph/net.h"
#include "study/keys/settings_internal.h"

/* Seeds of studies have 31 bits; the key of a draw is a bijection of the seed. */
static const uint64_t training_seed = (uint64_t)1 << 63;

/* The model called name and its parameters, whose keys start with "prefix.name.". */
static MhoStatus pick(const MhoSettings *settings, const char *prefix, const MhoRegistry *registry, const char *name,
                      const MhoDescriptor **descriptor, const void **params, MhoError *error)
{
    *descriptor = mho_registry_find(registry, name, error);
    if (!*descriptor)
        return mho_fail_context(error, "%s.name", prefix);
    *params = mho_settings_block(settings, *descriptor, prefix);
    MhoStatus status = mho_descriptor_check(*descriptor, *params, error);
    return status == MHO_OK ? MHO_OK : mho_fail_context(error, "%s.name = %s", prefix, name);
}

MhoStatus mho_settings_allocator(const MhoSettings *settings, const MhoAllocator **allocator, const void **params,
                                 MhoError *error)
{
    const MhoAllocateParams *common = mho_settings_allocate(settings);
    const MhoDescriptor *descriptor = NULL;
    MhoStatus status = pick(settings, "allocate", &mho_allocator_registry, common->name, &descriptor, params, error);
    *allocator = (const MhoAllocator *)descriptor; /* its first member */
    return status == MHO_OK ? mho_descriptor_check(&mho_allocate_descriptor, common, error) : status;
}

/* Write the parameters of the quantizer that `policy` names after the name. prefix: "quant.weight". */
static MhoStatus complete_policy(const MhoSettings *settings, const char *prefix, char policy[MHO_TEXT_MAX],
                                 MhoError *error)
{
    char name[MHO_TEXT_MAX], section[MHO_KEY_MAX + MHO_TEXT_MAX];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(policy, " "), policy);
    if (!mho_registry_find(&mho_quantizer_registry, name, error))
        return mho_fail_context(error, "%s.name", prefix);
    snprintf(section, sizeof section, "%s.%s.", prefix, name);
    MhoSettingsKey key = {0};
    while (mho_settings_next(settings, &key)) {
        char value[MHO_TEXT_MAX];
        size_t length = strlen(policy);
        if (strcmp(key.section->prefix, section) != 0 || mho_settings_is_default(settings, &key))
            continue;
        mho_settings_format(settings, key.name, value, sizeof value);
        int n = snprintf(policy + length, MHO_TEXT_MAX - length, " %s=%s", key.param->key, value);
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

/* Noise on codes takes the place of a chip: with a cell, converter or wire that is not ideal, one of the two would do
 * nothing. */
static MhoStatus check_noise(const MhoSettings *settings, MhoError *error)
{
    const MhoChipModels *models = mho_settings_chip_models(settings);
    const char *on = mho_code_noise_key(mho_settings_noise(settings));
    const struct {
        const char *part, *name, *ideal;
    } parts[] = {{"cell", models->cell, "ideal"}, {"adc", models->adc, "ideal"}, {"wire", models->wire, "none"}};
    for (size_t i = 0; on && i < sizeof parts / sizeof *parts; i++)
        if (strcmp(parts[i].name, parts[i].ideal) != 0)
            return mho_fail(error, MHO_USAGE,
                            "noise.%s: noise on codes takes the place of a chip and chip.%s.name is %s: "
                            "--set chip.%s.name=%s, or --set noise.%s=0",
                            on, parts[i].part, parts[i].name, parts[i].part, parts[i].ideal, on);
    return MHO_OK;
}

/* The chip whose keys start with root. */
static MhoStatus read_chip(const MhoSettings *settings, const char *root, MhoChipConfig *config, MhoError *error)
{
    const MhoChipKeys keys = mho_chip_keys(settings, root);
    const MhoDescriptor *models[MHO_N_CHIP_DEVICES] = {NULL};
    const void *params[MHO_N_CHIP_DEVICES] = {NULL};
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < MHO_N_CHIP_DEVICES && status == MHO_OK; i++) {
        char prefix[MHO_KEY_MAX];
        snprintf(prefix, sizeof prefix, "%s%s", root, mho_chip_devices[i].kind);
        status = pick(settings, prefix, mho_chip_devices[i].registry, mho_chip_model_name(keys.models, i), &models[i],
                      &params[i], error);
    }
    *config = (MhoChipConfig){.chip = *keys.params,
                              .seed = (uint64_t)mho_settings_study(settings)->seed,
                              /* a descriptor is the first member of every model */
                              .cell = (const MhoCellModel *)models[0],
                              .cell_params = params[0],
                              .adc = (const MhoAdcModel *)models[1],
                              .adc_params = params[1],
                              .dac = (const MhoDacModel *)models[2],
                              .dac_params = params[2],
                              .wire = (const MhoWireModel *)models[3],
                              .wire_params = params[3]};
    if (status != MHO_OK)
        return status;
    status = mho_descriptor_check(&mho_chip_descriptor, &config->chip, error);
    return status == MHO_OK || root == mho_test_chip ? status : mho_fail_context(error, "train.chip");
}

MhoStatus mho_settings_chip_config(const MhoSettings *settings, MhoChipConfig *config, MhoError *error)
{
    MhoStatus status = read_chip(settings, mho_test_chip, config, error);
    return status == MHO_OK ? check_noise(settings, error) : status;
}

MhoStatus mho_settings_train_chip_config(const MhoSettings *settings, MhoChipConfig *config, MhoError *error)
{
    MhoStatus status = read_chip(settings, mho_train_chip, config, error);
    config->seed |= training_seed;
    return status;
}

bool mho_settings_has_train_chip(const MhoSettings *settings)
{
    MhoSettingsKey key = {0};
    while (mho_settings_next(settings, &key))
        if (mho_settings_of_train_chip(key.name) && !mho_settings_is_default(settings, &key))
            return true;
    return false;
}

static MhoStatus check_network(const MhoSettings *settings, MhoError *error)
{
    const char *name = mho_settings_train(settings)->net, *const *known = mho_net_builders();
    size_t n = 0;
    for (; known[n]; n++)
        if (strcmp(known[n], name) == 0)
            return MHO_OK;
    const int nearest = mho_nearest_word(name, known, n);
    if (nearest >= 0)
        return mho_fail(error, MHO_USAGE, "train.net: unknown network '%s'; did you mean '%s'?", name, known[nearest]);
    return mho_fail(error, MHO_USAGE, "train.net: unknown network '%s'; `mho list network` has them all", name);
}

MhoStatus mho_settings_check(const MhoSettings *settings, MhoError *error)
{
    MhoChipConfig config;
    MhoQuantParams quant;
    MhoStages stages;
    const MhoAllocator *allocator;
    const void *params;
    MhoStatus status = mho_settings_chip_config(settings, &config, error);
    if (status == MHO_OK)
        status = mho_settings_policies(settings, &quant, error);
    if (status == MHO_OK)
        status = mho_stages_parse(mho_settings_train(settings)->stages, &stages, error);
    if (status == MHO_OK && stages.epochs == 0 && !mho_stages_use(&stages).allocate)
        status = mho_fail(error, MHO_USAGE,
                          "train.stages: '%s': no stage has epochs, so nothing would be trained; write "
                          "for instance float:12 4/8:8",
                          mho_settings_train(settings)->stages);
    if (status == MHO_OK)
        status = check_network(settings, error);
    if (status == MHO_OK)
        status = mho_settings_train_chip_config(settings, &config, error);
    if (status == MHO_OK)
        status = mho_settings_allocator(settings, &allocator, &params, error);
    return status;
}
