/* points_check.c - keys of a study that none of its points uses: refused where they are swept or belong to a stage of
 * training that is not there, otherwise one line each. */
#include <string.h>

#include "study/keys/points_internal.h"
#include "study/keys/sweep_axes_internal.h"

static MhoStatus check_axes(const MhoPointList *list, MhoError *error)
{
    for (size_t i = 0; i < list->n_axes; i++) {
        const char *key = list->axes[i].key;
        if (mho_settings_through_model(key) && !list->study->has_train)
            return mho_fail(error, MHO_USAGE,
                            "sweep.%s: the study has no train: section, so no model is trained and "
                            "the sweep would change nothing",
                            key);
        if (mho_settings_names_study(key) && strcmp(key, "model") != 0)
            return mho_fail(error, MHO_USAGE,
                            "sweep.%s: it is one value for the whole study and cannot be swept; take the axis out",
                            key);
        bool used = false;
        for (size_t p = 0; p < list->n_points && !used; p++)
            used = list->points[p].applies[i];
        if (!used)
            return mho_fail(error, MHO_USAGE,
                            "sweep.%s: no point of this study uses it, so the sweep would change "
                            "nothing; choose a model that does or take the axis out",
                            key);
    }
    return MHO_OK;
}

static bool is_used(const MhoPointList *list, const char *key)
{
    for (size_t p = 0; p < list->n_points; p++)
        if (mho_settings_uses(list->points[p].settings, key))
            return true;
    return false;
}

/* What would use a key of training. */
static const char *user_of(const char *key)
{
    static const struct {
        const char *lead, *user;
    } users[] = {
        {"train.noise.", "a quantized stage"},
        {"train.gradual.layers", "a quantized stage with injected noise (quant.weight.name=uniq, train.gradual.noise)"},
        {"train.gradual.", "a quantized stage whose quantizer of weights injects noise (quant.weight.name=uniq)"},
        {"train.validation_chips", "a stage chip or a stage allocate with allocate.feedback=chip"},
        {"train.chip", "a stage chip or a stage allocate with allocate.feedback=chip"}, /* train.chip_curriculum too */
        {"allocate.trial_chips", "a stage allocate with allocate.feedback=chip"},
        {"allocate.recovery_", "a stage allocate"},
        {"allocate.recovery", "a stage allocate with allocate.feedback=chip"},
    };
    for (size_t i = 0; i < sizeof users / sizeof *users; i++)
        if (strncmp(key, users[i].lead, strlen(users[i].lead)) == 0)
            return users[i].user;
    bool own = strchr(key + strlen("allocate."), '.') != NULL;
    return own ? "a stage allocate by this allocator (allocate.name)" : "a stage allocate";
}

/* Refuse a key of training that no point uses and that is not at its default. */
static MhoStatus check_stages(const MhoPointList *list, MhoError *error)
{
    const MhoSettings *settings = list->study->settings;
    MhoSettingsKey key = {0};
    while (mho_settings_next(settings, &key)) {
        if (!mho_settings_needs_stage(key.name) || mho_settings_is_default(settings, &key) || is_used(list, key.name))
            continue;
        if (mho_settings_of_train_chip(key.name) && is_used(list, "train.chip.cell.name"))
            return mho_fail(error, MHO_USAGE,
                            "%s does nothing with the other keys train.chip.*; take it out or choose a model that "
                            "uses it",
                            key.name);
        return mho_fail(error, MHO_USAGE,
                        "%s: only %s uses it, and with train.stages = %s it would change nothing; add what is missing "
                        "or take the key out",
                        key.name, user_of(key.name), mho_settings_train(settings)->stages);
    }
    return MHO_OK;
}

MhoStatus mho_points_check_drawn(const MhoStudy *study, MhoError *error)
{
    for (size_t i = 0; i < study->n_axes; i++)
        if (study->axes[i].drawn && mho_settings_study(study->settings)->sample_n == 0)
            return mho_fail(error, MHO_USAGE,
                            "sweep.%s: %g..%g is an interval to draw points from, and sample.n says how many; for even "
                            "steps write first:last:step, as %g:%g:%g",
                            study->axes[i].key, study->axes[i].low, study->axes[i].high, study->axes[i].low,
                            study->axes[i].high, (study->axes[i].high - study->axes[i].low) / 4.0);
    return MHO_OK;
}

MhoStatus mho_points_check(const MhoPointList *list, MhoError *error)
{
    const MhoStatus status = check_axes(list, error);
    return status == MHO_OK ? check_stages(list, error) : status;
}

/* Keys that say what the study is about, and act before there are points. */
static bool acts_before(const char *key)
{
    static const char *const leads[] = {"title", "model", "repeat", "seed", "data.", "sample.", "stop.", "cluster."};
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++)
        if (strncmp(key, leads[i], strlen(leads[i])) == 0)
            return true;
    return false;
}

/* What would use a key that no point uses. */
static void advise(const MhoPointList *list, const char *key, char advice[256])
{
    static const char *const kinds[] = {"chip.cell", "chip.adc",     "chip.dac",
                                        "chip.wire", "quant.weight", "quant.activation"};
    const MhoSettings *settings = list->study->settings;
    snprintf(advice, 256, "it has no effect and may go");
    if (mho_code_noise_key(mho_settings_noise(settings)) && strncmp(key, "chip.", 5) == 0)
        snprintf(advice, 256, "noise on codes takes the place of the chip");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char name_key[MHO_KEY_MAX], chosen[MHO_TEXT_MAX];
        const size_t length = strlen(kinds[i]);
        if (strncmp(key, kinds[i], length) != 0 || key[length] != '.' || !strchr(key + length + 1, '.'))
            continue;
        snprintf(name_key, sizeof name_key, "%s.name", kinds[i]);
        mho_settings_format(settings, name_key, chosen, sizeof chosen);
        const int n = (int)strcspn(key + length + 1, ".");
        if (!mho_is_axis(list->study, name_key))
            snprintf(advice, 256, "%s is %.40s; set it to %.*s to use it", name_key, chosen, n, key + length + 1);
    }
}

void mho_points_warn(const MhoPointList *list, const MhoLog *log)
{
    const MhoStudy *study = list->study;
    bool drawn = false;
    for (size_t i = 0; i < study->n_axes; i++)
        drawn = drawn || study->axes[i].drawn;
    MhoSettingsKey key = {0};
    while (mho_settings_next(study->settings, &key)) {
        const MhoOrigin *origin = mho_origins_find(study, key.name);
        char advice[256];
        if (!origin || origin->swept || mho_settings_is_default(study->settings, &key))
            continue;
        if (strncmp(key.name, "sample.", 7) == 0 && !drawn)
            mho_log(log, MHO_LOG_WARNING, "%s: %s: no key under sweep: has an interval low..high to draw from",
                    origin->where, key.name);
        if (acts_before(key.name) || is_used(list, key.name))
            continue;
        advise(list, key.name, advice);
        mho_log(log, MHO_LOG_WARNING, "%s: %s: nothing in this study uses it: %s", origin->where, key.name, advice);
    }
}
