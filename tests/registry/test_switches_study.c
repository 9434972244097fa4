/* test_switches_study.c - what every key of the study itself does, on trials of a one-layer network. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "switches.h"
#include "tiny.h"
#include "support/run_once.h"
#include "study/sweep/stop_rule.h"

#define must(call, error) ck_assert_msg((call) == MHO_OK, "%s", (error)->text)

/* The trial that a study with these keys runs on these devices. */
static void run_study(Tiny *tiny, const void *params, const char *cell, const char *adc)
{
    MhoSettings *settings = tiny_settings();
    tiny_put(settings, "", &mho_study_descriptor, params);
    tiny_set(settings, "chip.cell.name", cell);
    tiny_set(settings, "chip.adc.name", adc);
    tiny_run(tiny, settings);
}

static bool same_images(const MhoDataset *a, const MhoDataset *b)
{
    return a->n == b->n && a->n > 0 && memcmp(a->images, b->images, a->n * TINY_PIXELS) == 0 &&
           memcmp(a->labels, b->labels, a->n) == 0;
}

/* Whether set is the first `limit` (0: all) images of the files called name. */
static bool is_set(const MhoDataset *set, const char *name, size_t limit)
{
    MhoDataset wanted;
    MhoError error = {0};
    must(mho_dataset_load(name, NULL, MHO_SPLIT_TRAIN, limit, &wanted, &error), &error);
    const bool same = same_images(set, &wanted);
    mho_dataset_destroy(&wanted);
    return same;
}

/* Logits of the same chip, made by hand from its configuration with another seed. */
static bool seeds_chip(const MhoDescriptor *model, const void *params, double on)
{
    Tiny tiny;
    MhoError error = {0};
    MhoNetOnChip *on_chip;
    float logits[TINY_LOGITS];
    (void)model;
    run_study(&tiny, params, "pcm", "ideal");
    const MhoPointSetup *p = &tiny.setup;
    const AnalogRun options = {.threads = 1};
    MhoChipConfig config = p->config;
    config.seed = (uint64_t)on;
    must(plan_net(p->lowered, &config, p->calibration->images, p->calibration->n, 1, &on_chip, &error), &error);
    must(mho_net_on_chip_set(on_chip, 0, (MhoCondition){.temperature = 298.15}, NULL, &error), &error);
    must(run_analog(p->lowered, mho_net_on_chip_state(on_chip), p->images->images, p->images->n, &options, logits,
                    &error),
         &error);
    const bool same = memcmp(logits, tiny.logits, sizeof logits) == 0;
    mho_net_on_chip_destroy(on_chip);
    tiny_close(&tiny);
    return same;
}

static bool repeats_chips(const MhoDescriptor *model, const void *params, double on)
{
    Tiny tiny;
    (void)model;
    run_study(&tiny, params, "pcm", "ideal");
    const bool holds = tiny.setup.n_chips == (uint32_t)on;
    tiny_close(&tiny);
    return holds;
}

/* Chips that a point of 64 nearly equal accuracies needs. */
static uint32_t chips_of_rule(const void *params)
{
    MhoSettings *settings;
    MhoTrials trials = {0};
    MhoError error = {0};
    must(mho_settings_create(&settings, &error), &error);
    tiny_put(settings, "", &mho_study_descriptor, params);
    for (uint32_t chip = 0; chip < 64; chip++) {
        const MhoTrial trial = {.point = 1, .chip = chip, .accuracy = 0.5 + 1e-4 * (chip % 2)};
        must(mho_trials_add(&trials, &trial, &error), &error);
    }
    const MhoStopRule rule = mho_stop_rule(settings);
    const uint32_t chips = mho_stop_chips(&rule, &trials, 1, 64);
    mho_trials_clear(&trials);
    mho_settings_destroy(settings);
    return chips;
}

static bool stops_at_first_look(const MhoDescriptor *model, const void *params, double on)
{
    (void)model, (void)on;
    return chips_of_rule(params) == 4;
}

static bool looks_first_at(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return chips_of_rule(params) == (uint32_t)on;
}

/* Accuracy over the first `on` images of the files, from the logits of the trial. */
static bool limits_images(const MhoDescriptor *model, const void *params, double on)
{
    Tiny tiny;
    MhoDataset all;
    MhoError error = {0};
    size_t hits;
    double loss;
    (void)model;
    run_study(&tiny, params, "ideal", "uniform");
    must(mho_dataset_load(TINY_TEST_SET, NULL, MHO_SPLIT_TEST, 0, &all, &error), &error);
    mho_logits_score(tiny.logits, all.labels, (size_t)on, TINY_CLASSES, &hits, &loss);
    const bool holds = is_set(tiny.setup.images, TINY_TEST_SET, (size_t)on) &&
                       tiny.trial.accuracy == (double)hits / on && tiny.trial.loss == loss;
    mho_dataset_destroy(&all);
    tiny_close(&tiny);
    return holds;
}

/* test: the test files; train: the training files; validation: the validation part of these, which the seed chooses. */
static bool chooses_split(const MhoDescriptor *model, const void *params, double on)
{
    Tiny tiny;
    MhoDataset all, training, validation;
    MhoError error = {0};
    (void)model;
    run_study(&tiny, params, "ideal", "uniform");
    const MhoDataset *images = tiny.setup.images;
    must(mho_dataset_load(TINY_TRAIN_SET, NULL, MHO_SPLIT_TRAIN, 0, &all, &error), &error);
    must(mho_dataset_split(&all, TINY_VALIDATION, tiny.setup.config.seed, &training, &validation, &error), &error);
    const bool holds = on == MHO_DATA_TEST    ? is_set(images, TINY_TEST_SET, 0)
                       : on == MHO_DATA_TRAIN ? same_images(images, &all)
                                              : same_images(images, &validation);
    mho_dataset_destroy(&all);
    mho_dataset_destroy(&training);
    mho_dataset_destroy(&validation);
    tiny_close(&tiny);
    return holds;
}

/* The converter's step is that of the first `on` training images. */
static bool calibrates_with(const MhoDescriptor *model, const void *params, double on)
{
    Tiny tiny;
    MhoNetOnChip *on_chip;
    MhoDataset first;
    MhoError error = {0};
    (void)model;
    run_study(&tiny, params, "ideal", "uniform");
    const MhoPointSetup *p = &tiny.setup;
    must(mho_dataset_load(TINY_TRAIN_SET, NULL, MHO_SPLIT_TRAIN, (size_t)on, &first, &error), &error);
    must(plan_net(p->lowered, &p->config, first.images, first.n, 1, &on_chip, &error), &error);
    const bool holds = p->calibration->n == (size_t)on &&
                       mho_plan_layer(mho_net_on_chip_plan(on_chip), 0).step > 1.0F &&
                       mho_plan_layer(mho_net_on_chip_plan(on_chip), 0).step == mho_plan_layer(p->plan, 0).step;
    mho_net_on_chip_destroy(on_chip);
    mho_dataset_destroy(&first);
    tiny_close(&tiny);
    return holds;
}

/* Signal of the first `on` images: a logit of an ideal chip is a * sum. */
static bool measures_images(const MhoDescriptor *model, const void *params, double on)
{
    Tiny tiny;
    double signal = 0.0;
    (void)model;
    run_study(&tiny, params, "ideal", "ideal");
    for (size_t i = 0; i < (size_t)on * TINY_CLASSES; i++) {
        const double sum = rint((double)tiny.logits[i] / (double)tiny.setup.lowered->steps[0].a[i % TINY_CLASSES]);
        signal += sum * sum;
    }
    const bool holds = signal > 0.0 && fabs(tiny.trial.layers[0].meter.signal / signal - 1.0) < 1e-9;
    tiny_close(&tiny);
    return holds;
}

/* A study's text, by which results name and repeat it. */
static bool is_titled(const MhoDescriptor *model, const void *params, double on)
{
    MhoStudy study;
    MhoError error = {0};
    (void)model, (void)on;
    must(mho_study_read(NULL, &study, &error), &error);
    tiny_put(study.settings, "", &mho_study_descriptor, params);
    char *text = mho_study_text(&study);
    ck_assert_ptr_nonnull(text);
    const bool holds = strstr(text, "title=Why\n") != NULL;
    free(text);
    mho_study_destroy(&study);
    return holds;
}

/* The first point that two keys are drawn for, with these parameters of sampling. */
static void draw(const void *params, double row[2], size_t *n)
{
    MhoStudy study;
    MhoPointList list;
    MhoError error = {0};
    must(mho_study_read(NULL, &study, &error), &error);
    tiny_put(study.settings, "", &mho_study_descriptor, params);
    if (mho_settings_study(study.settings)->sample_n == 0)
        must(mho_settings_set(study.settings, "sample.n", "3", NULL, &error), &error);
    must(mho_study_set(&study, "chip.array.rows=100..200", &error), &error);
    must(mho_study_set(&study, "chip.array.cols=100..200", &error), &error);
    must(mho_points_create(&study, &list, &error), &error);
    row[0] = mho_settings_chip(list.points[0].settings)->rows;
    row[1] = mho_settings_chip(list.points[0].settings)->cols;
    *n = list.n_points;
    mho_points_destroy(&list);
    mho_study_destroy(&study);
}

/* Sobol's sequence begins at the middle, random points do not. */
static bool draws_by(const MhoDescriptor *model, const void *params, double on)
{
    double row[2];
    size_t n;
    (void)model;
    draw(params, row, &n);
    const bool is_middle = row[0] == 150 && row[1] == 150;
    return is_middle == (on == MHO_SAMPLE_SOBOL);
}

static bool draws_points(const MhoDescriptor *model, const void *params, double on)
{
    double row[2];
    size_t n;
    (void)model;
    draw(params, row, &n);
    return n == (size_t)on;
}

/* The points of another seed are other points. */
static bool draws_by_seed(const MhoDescriptor *model, const void *params, double on)
{
    double row[2], other[2];
    size_t n;
    MhoStudyParams changed = *(const MhoStudyParams *)params;
    (void)model;
    draw(params, row, &n);
    changed.sample_seed = (int)on;
    draw(&changed, other, &n);
    return row[0] == other[0] && row[1] == other[1];
}

static bool loads_other_model(const MhoDescriptor *model, const void *params, double on)
{
    Tiny tiny;
    MhoNet *net;
    MhoError error = {0};
    char digest[65];
    (void)model, (void)on;
    run_study(&tiny, params, "ideal", "uniform");
    must(mho_model_load("other.h5", &net, digest, &error), &error);
    const bool holds = strcmp(digest, tiny.setup.model_digest) == 0;
    mho_net_destroy(net);
    tiny_close(&tiny);
    return holds;
}

static bool names_images(const MhoDescriptor *model, const void *params, double on)
{
    Tiny tiny;
    (void)model, (void)on;
    run_study(&tiny, params, "ideal", "uniform");
    const bool holds = is_set(tiny.setup.images, TINY_TRAIN_SET, 0);
    tiny_close(&tiny);
    return holds;
}

static bool names_training(const MhoDescriptor *model, const void *params, double on)
{
    Tiny tiny;
    (void)model, (void)on;
    run_study(&tiny, params, "ideal", "uniform");
    const bool holds = is_set(tiny.setup.calibration, TINY_TEST_SET, 0);
    tiny_close(&tiny);
    return holds;
}

/* A model of the chip's configuration. */
static const MhoDescriptor *part_of(const MhoChipConfig *config, int part)
{
    switch (part) {
    case 0: return &config->cell->descriptor;
    case 1: return &config->adc->descriptor;
    case 2: return &config->dac->descriptor;
    default: return &config->wire->descriptor;
    }
}

/* A name that is not registered is refused. */
static bool picks(const void *params, int part, const char *name)
{
    MhoSettings *settings = tiny_settings();
    Tiny tiny;
    tiny_put(settings, "chip.", &mho_chip_models_descriptor, params);
    const bool holds = tiny_try(&tiny, settings) && strcmp(part_of(&tiny.setup.config, part)->name, name) == 0;
    tiny_close(&tiny);
    return holds;
}

static bool picks_cell(const MhoDescriptor *model, const void *params, double on)
{
    (void)model, (void)on;
    return picks(params, 0, "pcm");
}

static bool picks_adc(const MhoDescriptor *model, const void *params, double on)
{
    (void)model, (void)on;
    return picks(params, 1, "uniform");
}

static bool picks_dac(const MhoDescriptor *model, const void *params, double on)
{
    (void)model, (void)on;
    return picks(params, 2, "amplitude");
}

static bool picks_wire(const MhoDescriptor *model, const void *params, double on)
{
    (void)model, (void)on;
    return picks(params, 3, "none");
}

/* A trial's logits are those of the executor with this noise, and not those without. */
static bool adds_noise(const void *params, MhoCodeNoise wanted)
{
    MhoSettings *settings = tiny_settings();
    Tiny tiny;
    MhoError error = {0};
    float noisy[TINY_LOGITS], clean[TINY_LOGITS];
    tiny_put(settings, "noise.", &mho_noise_descriptor, params);
    tiny_run(&tiny, settings);
    const MhoPointSetup *p = &tiny.setup;
    wanted.seed = (uint64_t)mho_settings_study(tiny.settings)->seed;
    must(run_code_noise(p->lowered, &wanted, p->images->images, p->images->n, 0, 1, noisy, &error), &error);
    must(run_integer(p->lowered, p->images->images, p->images->n, 1, clean, NULL, &error), &error);
    const bool holds = memcmp(noisy, tiny.logits, sizeof noisy) == 0 && memcmp(clean, noisy, sizeof noisy) != 0 &&
                       p->n_chips == (uint32_t)mho_settings_study(tiny.settings)->repeat &&
                       tiny.trial.layers[0].meter.conversions == 0;
    tiny_close(&tiny);
    return holds;
}

static bool adds_weight_noise(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return adds_noise(params, (MhoCodeNoise){.weight = on});
}

static bool adds_activation_noise(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return adds_noise(params, (MhoCodeNoise){.activation = on});
}

static bool adds_sum_noise(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return adds_noise(params, (MhoCodeNoise){.sum = on});
}

static bool draws_weights(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return adds_noise(params, (MhoCodeNoise){.weight = 0.4, .weight_per_image = on == MHO_CODE_NOISE_PER_IMAGE});
}

#define FILES "model=tiny.h5;data.name=" TINY_TEST_SET ";data.train=" TINY_TRAIN_SET

static const Switch switches[] = {
    {"study", "seed", "7", "8", seeds_chip, FILES},
    {"study", "repeat", "5", "3", repeats_chips, FILES},
    {"study", "stop.half_width", "0.01", "0", stops_at_first_look, NULL},
    {"study", "stop.first", "8", "4", looks_first_at, "stop.half_width=0.01"},
    {"study", "data.limit", "12", "0", limits_images, FILES},
    {"study", "data.split", "test", "train", chooses_split, FILES},
    {"study", "data.split", "train", "test", chooses_split, FILES},
    {"study", "data.split", "validation", "train", chooses_split, FILES},
    {"study", "data.calibration", "3", "60", calibrates_with, FILES},
    {"study", "data.measured", "9", "10", measures_images, FILES},
    {"study", "title", "Why", "", is_titled, NULL},
    {"study", "sample.name", "sobol", "random", draws_by, NULL},
    {"study", "sample.name", "random", "sobol", draws_by, NULL},
    {"study", "sample.n", "7", "3", draws_points, NULL},
    {"study", "sample.seed", "5", "6", draws_by_seed, "sample.name=random"},
    {"study", "model", "other.h5", "tiny.h5", loads_other_model, FILES},
    {"study", "data.name", TINY_TRAIN_SET, TINY_TEST_SET, names_images, FILES},
    {"study", "data.train", TINY_TEST_SET, TINY_TRAIN_SET, names_training, FILES},
    {"chip", "cell.name", "pcm", "nor_flash", picks_cell, NULL},
    {"chip", "adc.name", "uniform", "ideal", picks_adc, NULL},
    {"chip", "dac.name", "amplitude", "nonesuch", picks_dac, NULL}, /* the only one */
    {"chip", "wire.name", "none", "nonesuch", picks_wire, NULL},    /* the only one */
    {"noise", "weight", "0.3", "0", adds_weight_noise, NULL},
    {"noise", "activation", "0.5", "0", adds_activation_noise, NULL},
    {"noise", "sum", "2", "0", adds_sum_noise, NULL},
    {"noise", "draw", "chip", "image", draws_weights, "weight=0.4"},
    {"noise", "draw", "image", "chip", draws_weights, "weight=0.4"},
};

static const MhoDescriptor *const tables[] = {&mho_study_descriptor, &mho_chip_models_descriptor, &mho_noise_descriptor,
                                              NULL};
const SwitchBook book = {.rows = switches, .n_rows = sizeof switches / sizeof *switches, .tables = tables};

int test_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const int code = tiny_enter() ? test_run() : 1;

    tiny_leave();
    return code;
}
