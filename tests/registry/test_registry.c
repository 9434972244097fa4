/* test_registry.c - every registered model of every kind: described, in range at both ends, finite, repeatable.
 *
 * To add a kind: one line in `kinds`, with a run from runs.h that uses every callback; NULL where a model can only run
 * on files of the user (its parameters are then checked, not used). Where rules join parameters (a pad below the
 * window), one end may be refused with a reason while the others have their defaults.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adc/adc.h"
#include "allocate/allocate.h"
#include "cell/cell.h"
#include "cell_bench.h"
#include "dac/dac.h"
#include "data/dataset.h"
#include "harness.h"
#include "net/graph/net.h"
#include "quant/quantizer.h"
#include "runs.h"
#include "study/keys/settings.h"
#include "wire/wire.h"

static const struct Kind {
    const MhoRegistry *registry;
    Run run;
    bool joined; /* rules across parameters may refuse one at its end */
} kinds[] = {
    {&mho_cell_registry, run_cell, false},
    {&mho_adc_registry, run_adc, false},
    {&mho_dac_registry, run_dac, false},
    {&mho_wire_registry, run_wire, false},
    {&mho_quantizer_registry, run_quantizer, false},
    {&mho_layer_registry, run_layer, true},
    {&mho_dataset_registry, NULL, false},
    {&mho_allocator_registry, run_allocator, false},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* Two runs with the same parameters give the same numbers. */
static void run_twice(Run run, const MhoDescriptor *model, const void *params)
{
    static Trace first, second;
    MhoError error = {0};
    ck_assert_msg(mho_descriptor_check(model, params, &error) == MHO_OK, "%s: %s", model->name, error.text);
    if (run == NULL) {
        return;
    }
    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    run(model, params, &first);
    run(model, params, &second);
    ck_assert_msg(first.n > 0 || strcmp(model->name, "none") == 0, "%s: a run notes nothing", model->name);
    ck_assert_uint_eq(first.n, second.n);
    ck_assert_mem_eq(first.value, second.value, first.n * sizeof *first.value);
}

/* Every model has a unique name, a summary and a reference. */
TEST_LOOP(models_are_described, 0, N_KINDS)
{
    const MhoRegistry *registry = kinds[_i].registry;
    ck_assert_uint_gt(registry->n, 0);
    ck_assert(registry->kind[0] != '\0');
    for (size_t m = 0; m < registry->n; m++) {
        const MhoDescriptor *model = registry->descriptors[m];
        ck_assert(model->name[0] != '\0' && strlen(model->name) < MHO_NAME_MAX);
        ck_assert_msg(model->summary != NULL && model->summary[0] != '\0', "%s has no summary", model->name);
        ck_assert_msg(model->reference != NULL && model->reference[0] != '\0', "%s has no reference", model->name);
        ck_assert((model->n_params == 0) == (model->params_size == 0));
        ck_assert_ptr_eq(mho_registry_find(registry, model->name, NULL), model);
        for (size_t other = 0; other < m; other++) {
            ck_assert_str_ne(registry->descriptors[other]->name, model->name);
        }
    }
}

/* A misspelt name is refused with the nearest one. */
TEST_LOOP(misspelt_name_is_explained, 0, N_KINDS)
{
    const MhoRegistry *registry = kinds[_i].registry;
    char name[MHO_NAME_MAX + 1];
    MhoError error = {0};
    snprintf(name, sizeof name, "%sx", registry->descriptors[0]->name);
    ck_assert_ptr_null(mho_registry_find(registry, name, &error));
    ck_assert_ptr_nonnull(strstr(error.text, registry->descriptors[0]->name));
}

static void check_param(const MhoDescriptor *model, const MhoParam *param)
{
    ck_assert_msg(param->help != NULL && param->help[0] != '\0', "%s.%s has no help", model->name, param->key);
    ck_assert_msg(param->unit != NULL, "%s.%s has no unit", model->name, param->key);
    ck_assert_uint_lt(param->offset, model->params_size);
    ck_assert_ptr_eq(mho_params_find(model->params, model->n_params, param->key), param); /* unique */
    ck_assert((param->type == MHO_CHOICE) == (param->choices != NULL));
    if (param->type != MHO_TEXT) {
        ck_assert_msg(param->min <= param->value && param->value <= param->max, "%s.%s", model->name, param->key);
        ck_assert_msg(param->min < param->max, "%s.%s can have one value only", model->name, param->key);
    }
}

/* Nothing but a value in range is taken, and a refusal leaves the parameter as it was. */
static void check_refusals(const MhoDescriptor *model, const MhoParam *param)
{
    char outside[2][MHO_TEXT_MAX];
    const char *const bad[] = {"nan", "NaN", "inf", "-inf", "", "1x", "nonesuch", outside[0], outside[1]};
    void *params = params_new(model), *before = params_new(model);
    snprintf(outside[0], sizeof outside[0], "%.17g", param->min - 1.0);
    snprintf(outside[1], sizeof outside[1], "%.17g", param->max + 1.0);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        MhoError error = {0};
        ck_assert_msg(mho_param_set(param, params, bad[k], "test", &error) == MHO_USAGE, "%s.%s takes '%s'",
                      model->name, param->key, bad[k]);
        ck_assert(error.text[0] != '\0');
        ck_assert_mem_eq(params, before, model->params_size);
    }
    free(before);
    free(params);
}

static const char *label_of(const MhoParam *param)
{
    return param->label ? param->label : "";
}

/* A label is short, plain, differs from the others of its table and has no unit in it. */
static void check_labels(const MhoDescriptor *model)
{
    for (size_t p = 0; p < model->n_params; p++) {
        const MhoParam *param = &model->params[p];
        const char *label = label_of(param), *unit = param->unit;
        const size_t n = strlen(unit);
        ck_assert_msg(strlen(label) >= 4 || strcmp(label, "ADC") == 0 || strcmp(label, "DAC") == 0, "%s.%s: label '%s'",
                      model->name, param->key, label);
        ck_assert_msg(strlen(label) <= 28, "%s.%s: label '%s' is long", model->name, param->key, label);
        ck_assert_msg(!strpbrk(label, "_()[]$.,;:") && label[strlen(label) - 1] != ' ', "%s.%s: label '%s'",
                      model->name, param->key, label);
        ck_assert_str_eq(mho_param_label(param), label);
        for (const char *word = label; word; word = strchr(word, ' ') ? strchr(word, ' ') + 1 : NULL)
            ck_assert_msg(n == 0 || strncmp(word, unit, n) != 0 || (word[n] != '\0' && word[n] != ' '),
                          "%s.%s: the label '%s' has the unit in it", model->name, param->key, label);
        for (size_t other = 0; other < p; other++)
            ck_assert_msg(strcmp(label, label_of(&model->params[other])) != 0, "%s: two parameters are called '%s'",
                          model->name, label);
    }
}

/* Every parameter of every registered model, and every key of a study, has a label fit for an axis. */
TEST(labels_are_fit_for_axes)
{
    for (size_t k = 0; k < N_KINDS; k++)
        for (size_t m = 0; m < kinds[k].registry->n; m++)
            check_labels(kinds[k].registry->descriptors[m]);
    MhoSettings *settings;
    MhoError error = {0};
    ck_assert_int_eq(mho_settings_create(&settings, &error), MHO_OK);
    const MhoDescriptor *last = NULL;
    MhoSettingsKey key = {0};
    while (mho_settings_next(settings, &key)) {
        char label[MHO_LABEL_MAX];
        mho_settings_label(settings, key.name, label);
        ck_assert_msg(strlen(label) <= 40, "%s: label '%s' is long", key.name, label);
        ck_assert_msg(strstr(label, label_of(key.param)) != NULL, "%s: label '%s'", key.name, label);
        if (key.section->descriptor != last)
            check_labels(key.section->descriptor);
        last = key.section->descriptor;
    }
    mho_settings_destroy(settings);
}

/* The same parameter in two places has two names: a study may sweep both. */
TEST(labels_tell_places_apart)
{
    const char *const names[][2] = {{"chip.noise", "device noise"},
                                    {"train.chip.noise", "training device noise"},
                                    {"quant.weight.uniform.range", "range rule of weights"},
                                    {"quant.activation.uniform.range", "range rule of activations"},
                                    {"nonesuch", "nonesuch"}};
    MhoSettings *settings;
    MhoError error = {0};
    ck_assert_int_eq(mho_settings_create(&settings, &error), MHO_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char label[MHO_LABEL_MAX];
        mho_settings_label(settings, names[i][0], label);
        ck_assert_str_eq(label, names[i][1]);
    }
    mho_settings_destroy(settings);
}

/* Every parameter has help, unit and range, and refuses values out of range. */
TEST_LOOP(parameters_are_sound, 0, N_KINDS)
{
    const MhoRegistry *registry = kinds[_i].registry;
    for (size_t m = 0; m < registry->n; m++) {
        const MhoDescriptor *model = registry->descriptors[m];
        for (size_t p = 0; p < model->n_params; p++) {
            const MhoParam *param = &model->params[p];
            check_param(model, param);
            if (param->type != MHO_TEXT) {
                check_refusals(model, param);
            }
        }
    }
}

/* The printed form of a parameter reads back to the same value. */
static void check_format(const MhoDescriptor *model, const MhoParam *param, const void *params)
{
    void *again = params_new(model);
    char text[2 * MHO_TEXT_MAX], text_again[2 * MHO_TEXT_MAX];
    MhoError error = {0};
    ck_assert_uint_eq(mho_param_format(param, params, text, sizeof text), strlen(text));
    ck_assert_msg(mho_param_set(param, again, text, "test", &error) == MHO_OK, "%s", error.text);
    ck_assert_uint_gt(mho_param_format(param, again, text_again, sizeof text_again), 0);
    ck_assert_str_eq(text, text_again);
    free(again);
}

/* Whether the model's own rules refuse these parameters, each of which is in its range. */
static bool refused_together(const MhoDescriptor *model, const void *params)
{
    MhoError error = {0};
    if (model->check == NULL || mho_descriptor_check(model, params, &error) == MHO_OK) {
        return false;
    }
    ck_assert(error.status == MHO_USAGE && error.text[0] != '\0');
    return true;
}

/* Every model runs, finite and repeatable, at its defaults and at both ends of every range. Data sets have no
 * parameters and need files; their own tests load them. */
TEST_LOOP(models_run_at_both_ends_of_every_range, 0, N_KINDS)
{
    const struct Kind *kind = &kinds[_i];
    size_t n_ends = 0, n_refused = 0;
    for (size_t m = 0; m < kind->registry->n; m++) {
        const MhoDescriptor *model = kind->registry->descriptors[m];
        void *params = params_new(model);
        run_twice(kind->run, model, params);
        for (size_t p = 0; p < model->n_params; p++) {
            const MhoParam *param = &model->params[p];
            const double ends[2] = {param->min, param->max};
            for (size_t end = 0; end < 2 && param->type != MHO_TEXT; end++) {
                mho_params_default(model->params, model->n_params, params);
                param_put(model, params, param->key, ends[end]);
                check_format(model, param, params);
                n_ends++;
                if (kind->joined && refused_together(model, params)) {
                    n_refused++;
                } else {
                    run_twice(kind->run, model, params);
                }
            }
        }
        free(params);
    }
    ck_assert(2 * n_refused <= n_ends);
}
