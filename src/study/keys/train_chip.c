/* train_chip.c - the text of train.chip and the configuration it stands for. */
#include "study/keys/train_chip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seeds of studies have 31 bits; the key of a draw is a bijection of the seed. */
static const uint64_t training_seed = (uint64_t)1 << 63;

/* "time=3600" */
static MhoStatus assign(MhoSettings *settings, const char *word, const char *where, MhoError *error)
{
    char key[MHO_KEY_MAX];
    const char *equals = strchr(word, '=');
    int n = equals ? snprintf(key, sizeof key, "chip.%.*s", (int)(equals - word), word) : -1;
    if (n < 0 || equals == word || (size_t)n >= sizeof key)
        return mho_fail(error, MHO_USAGE, "%s: '%s': write key=value, relative to chip., as cell.name=pcm time=86400",
                        where, word);
    return mho_settings_set(settings, key, equals + 1, where, error);
}

static bool given_before(const char *const *words, size_t n)
{
    size_t length = strcspn(words[n], "=");
    for (size_t i = 0; i < n; i++)
        if (strncmp(words[i], words[n], length) == 0 && words[i][length] == '=')
            return true;
    return false;
}

static MhoStatus assign_all(MhoSettings *settings, const char *text, const char *where, MhoError *error)
{
    enum { MAX_WORDS = MHO_TEXT_MAX / 2 };
    char copy[MHO_TEXT_MAX], *rest = copy, *word;
    const char *words[MAX_WORDS];
    size_t n = 0;
    if (strlen(text) >= sizeof copy)
        return mho_fail(error, MHO_USAGE, "%s: more than %d characters", where, MHO_TEXT_MAX - 1);
    snprintf(copy, sizeof copy, "%s", text);
    MhoStatus status = MHO_OK;
    while (status == MHO_OK && (word = strsep(&rest, " \t\n")) != NULL) {
        if (*word == '\0')
            continue;
        words[n] = word;
        status = given_before(words, n)
                     ? mho_fail(error, MHO_USAGE, "%s: %.*s is given twice", where, (int)strcspn(word, "="), word)
                     : assign(settings, word, where, error);
        n++;
    }
    return status;
}

/* Called with each key of chip.* that is not at its default. */
typedef MhoStatus (*Visit)(void *context, const char *key, const char *value, MhoError *error);

static MhoStatus walk_changed(const MhoSettings *settings, Visit visit, void *context, MhoError *error)
{
    MhoSettings *defaults = NULL;
    const MhoSection *sections;
    size_t n = mho_settings_sections(settings, &sections);
    MhoStatus status = mho_settings_create(&defaults, error);
    for (size_t i = 0; i < n; i++) {
        for (size_t p = 0; p < sections[i].model->n_params && status == MHO_OK; p++) {
            char key[MHO_KEY_MAX * 2], value[MHO_TEXT_MAX], usual[MHO_TEXT_MAX];
            snprintf(key, sizeof key, "%s%s", sections[i].prefix, sections[i].model->params[p].key);
            if (strncmp(key, "chip.", 5) != 0)
                continue;
            mho_settings_format(settings, key, value, sizeof value);
            mho_settings_format(defaults, key, usual, sizeof usual);
            if (strcmp(value, usual) != 0)
                status = visit(context, key, value, error);
        }
    }
    mho_settings_destroy(defaults);
    return status;
}

static MhoStatus append(void *context, const char *key, const char *value, MhoError *error)
{
    char *text = context;
    size_t length = strlen(text), room = MHO_TEXT_MAX - length;
    int n = snprintf(text + length, room, "%s%s=%s", length ? " " : "", key + strlen("chip."), value);
    return n >= 0 && (size_t)n < room
               ? MHO_OK
               : mho_fail(error, MHO_USAGE, "train.chip: more than %d characters", MHO_TEXT_MAX - 1);
}

MhoStatus mho_train_chip_set(char chip[MHO_TEXT_MAX], const char *key, const char *text, const char *where,
                             MhoError *error)
{
    char place[MHO_KEY_MAX * 3], word[MHO_KEY_MAX + MHO_TEXT_MAX], made[MHO_TEXT_MAX] = "";
    MhoSettings *settings = NULL;
    snprintf(place, sizeof place, "%s%strain.chip", where ? where : "", where ? ": " : "");
    MhoStatus status = mho_settings_create(&settings, error);
    if (status == MHO_OK)
        status = assign_all(settings, key ? chip : text, place, error);
    if (status == MHO_OK && key) {
        int n = snprintf(word, sizeof word, "%s=%s", key, text);
        status = n >= 0 && (size_t)n < sizeof word ? assign(settings, word, place, error)
                                                   : mho_fail(error, MHO_USAGE, "%s: %.40s...: too long", place, key);
    }
    if (status == MHO_OK)
        status = walk_changed(settings, append, made, error);
    if (status == MHO_OK)
        memcpy(chip, made, sizeof made);
    mho_settings_destroy(settings);
    return status;
}

static MhoStatus check_used(void *context, const char *key, const char *value, MhoError *error)
{
    if (mho_settings_uses(context, key))
        return MHO_OK;
    return mho_fail(error, MHO_USAGE, "train.chip: %s=%s does nothing with the models it names; take it out",
                    key + strlen("chip."), value);
}

MhoStatus mho_train_chip_create(const char *text, uint64_t seed, MhoTrainChip *chip, MhoError *error)
{
    *chip = (MhoTrainChip){0};
    MhoStatus status = mho_settings_create(&chip->settings, error);
    if (status == MHO_OK)
        status = assign_all(chip->settings, text, "train.chip", error);
    if (status == MHO_OK && mho_settings_chip_config(chip->settings, &chip->config, error) != MHO_OK)
        status = mho_fail_context(error, "train.chip");
    if (status == MHO_OK)
        status = walk_changed(chip->settings, check_used, chip->settings, error);
    if (status != MHO_OK)
        mho_train_chip_destroy(chip);
    else
        chip->config.seed = training_seed | seed;
    return status;
}

void mho_train_chip_destroy(MhoTrainChip *chip)
{
    mho_settings_destroy(chip->settings);
    *chip = (MhoTrainChip){0};
}
