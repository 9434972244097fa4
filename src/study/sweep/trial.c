/* trial.c - the workbench and one trial on it. */
#include "study/sweep/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "study/models/provenance.h"

enum { MAX_NETS = 64, USUAL_BATCH = 250 };

typedef struct BenchNet {
    char *key; /* model path and quantization */
    MhoNet *net;
    MhoLoweredNet *program;
    char digest[65];
} BenchNet;

struct MhoTrialCache {
    MhoModelOptions options;
    BenchNet nets[MAX_NETS];
    size_t n_nets;
    char *made; /* of options: models that were trained */
    char *images_key;
    MhoDataset images, calibration;
};

MhoStatus mho_trial_cache_create(const MhoModelOptions *options, MhoTrialCache **bench, MhoError *error)
{
    *bench = calloc(1, sizeof **bench);
    if (!*bench)
        return mho_fail(error, MHO_MEMORY, "out of memory for the images and nets of a study");
    (*bench)->options = *options;
    (*bench)->options.made = &(*bench)->made;
    return MHO_OK;
}

static void net_clear(BenchNet *entry)
{
    free(entry->key);
    mho_net_destroy(entry->net);
    mho_lowered_net_destroy(entry->program);
    *entry = (BenchNet){0};
}

void mho_trial_cache_destroy(MhoTrialCache *bench)
{
    if (!bench)
        return;
    for (size_t i = 0; i < bench->n_nets; i++)
        net_clear(&bench->nets[i]);
    free(bench->images_key);
    free(bench->made);
    mho_dataset_destroy(&bench->images);
    mho_dataset_destroy(&bench->calibration);
    free(bench);
}

/* The values of some keys as one text; NULL: out of memory. */
static char *key_text(const MhoSettings *settings, const char *const *keys, size_t n, const char *more)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        char value[MHO_TEXT_MAX];
        mho_settings_format(settings, keys[i], value, sizeof value);
        fprintf(out, "%s=%s\n", keys[i], value);
    }
    fputs(more, out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* Images of these settings; loaded again only when the data keys change. */
static MhoStatus bench_images(MhoTrialCache *bench, const MhoSettings *settings, MhoError *error)
{
    static const char *const keys[] = {"data.name",        "data.train",       "data.split",  "data.limit",
                                       "data.calibration", "train.validation", "train.limit", "seed"};
    char *key = key_text(settings, keys, sizeof keys / sizeof *keys, "");
    if (!key)
        return mho_fail(error, MHO_MEMORY, "out of memory for the images and nets of a study");
    if (bench->images_key && strcmp(bench->images_key, key) == 0) {
        free(key);
        return MHO_OK;
    }
    free(bench->images_key);
    bench->images_key = NULL;
    mho_dataset_destroy(&bench->images);
    mho_dataset_destroy(&bench->calibration);
    bench->images = bench->calibration = (MhoDataset){0};
    MhoStatus status = mho_study_images(settings, bench->options.data, &bench->images, error);
    if (status == MHO_OK)
        status = mho_study_calibration(settings, bench->options.data, &bench->calibration, error);
    if (status == MHO_OK)
        bench->images_key = key;
    else
        free(key);
    return status;
}

static MhoStatus net_load(MhoTrialCache *bench, const MhoSettings *settings, BenchNet *entry, MhoError *error)
{
    MhoStatus status = mho_model_ensure(settings, &bench->options, &entry->net, entry->digest, error);
    if (status == MHO_OK)
        status = mho_model_quantize(settings, &bench->calibration, bench->options.threads, bench->options.log,
                                    &entry->net, error);
    if (status == MHO_OK)
        status = mho_lowered_net_create(entry->net, &entry->program, error);
    if (status == MHO_OK && entry->program->n_matrices > MHO_TRIAL_MAX_LAYERS)
        status = mho_fail(error, MHO_USAGE, "the network has %zu analog layers; at most %d", entry->program->n_matrices,
                          MHO_TRIAL_MAX_LAYERS);
    return status;
}

static MhoStatus bench_net(MhoTrialCache *bench, const MhoSettings *settings, const BenchNet **found, MhoError *error)
{
    char path[4096], more[sizeof path + 2 * MHO_TEXT_MAX];
    MhoQuantParams quant;
    static const char *const keys[] = {"quant.weight.bits", "quant.activation.bits", "quant.weight.scale", "data.name",
                                       "data.train",        "data.calibration"};
    MhoStatus status = mho_model_path(settings, path, sizeof path, error);
    if (status == MHO_OK)
        status = mho_settings_policies(settings, &quant, error);
    if (status == MHO_OK)
        snprintf(more, sizeof more, "%s\n%s\n%s", quant.weight_name, quant.activation_name, path);
    char *key = status == MHO_OK ? key_text(settings, keys, sizeof keys / sizeof *keys, more) : NULL;
    if (!key)
        return status == MHO_OK ? mho_fail(error, MHO_MEMORY, "out of memory for the images and nets of a study")
                                : status;
    for (size_t i = 0; i < bench->n_nets; i++) {
        if (strcmp(bench->nets[i].key, key) != 0)
            continue;
        free(key);
        *found = &bench->nets[i];
        return MHO_OK;
    }
    if (bench->n_nets == MAX_NETS)
        net_clear(&bench->nets[--bench->n_nets]);
    BenchNet *entry = &bench->nets[bench->n_nets];
    *entry = (BenchNet){.key = key};
    status = net_load(bench, settings, entry, error);
    if (status != MHO_OK) {
        net_clear(entry);
        return status;
    }
    bench->n_nets++;
    *found = entry;
    return MHO_OK;
}

static MhoStatus check_shapes(const MhoTrialCache *bench, const MhoLoweredNet *program, MhoError *error)
{
    const MhoDataset *set = &bench->images;
    if (set->h != program->input.h || set->w != program->input.w || set->c != program->input.c)
        return mho_fail(error, MHO_USAGE, "data.name: images are %d x %d x %d and the model takes %d x %d x %d", set->h,
                        set->w, set->c, program->input.h, program->input.w, program->input.c);
    if (set->n_classes > program->n_classes)
        return mho_fail(error, MHO_USAGE, "data.name: %d classes and the model knows %d", set->n_classes,
                        program->n_classes);
    return MHO_OK;
}

/* Where every layer has converter bits of its own, asking for others would do nothing. */
static MhoStatus check_converters(const MhoLoweredNet *program, const MhoChipConfig *config, MhoError *error)
{
    const MhoAdcModel *adc = config->adc;
    _Alignas(8) unsigned char usual[MHO_LAYER_SETTINGS_MAX];
    for (size_t l = 0; l < program->n_matrices; l++)
        if (program->matrices[l].adc_bits == 0)
            return MHO_OK;
    if (!adc->set_bits || adc->descriptor.params_size > sizeof usual)
        return MHO_OK;
    mho_params_default(adc->descriptor.params, adc->descriptor.n_params, usual);
    if (adc->bits(config->adc_params) == adc->bits(usual))
        return MHO_OK;
    return mho_fail(
        error, MHO_USAGE,
        "chip.adc.%s.bits: all converters of the model have bits of their own (allocate.adc_bit_widths), so %d "
        "bit would change nothing; take the key out",
        adc->descriptor.name, adc->bits(config->adc_params));
}

/* The plan of a chip whose converters nobody asks, beside noise on codes: layers' own converter bits do not matter. */
static MhoStatus plan_without_converters(const MhoLoweredNet *program, const MhoChipConfig *config, MhoPlan **plan,
                                         MhoError *error)
{
    MhoMatrix *matrices = malloc((program->n_matrices + 1) * sizeof *matrices);
    if (!matrices)
        return mho_fail(error, MHO_MEMORY, "out of memory for the layers of a plan");
    for (size_t l = 0; l < program->n_matrices; l++) {
        matrices[l] = program->matrices[l];
        matrices[l].adc_bits = 0;
    }
    MhoStatus status = mho_plan_create(config, matrices, program->n_matrices, plan, error);
    free(matrices);
    return status;
}

MhoStatus mho_trial_cache_prepare(MhoTrialCache *bench, const MhoSettings *settings, const char *point_text,
                                  bool calibrate, MhoPointSetup *prepared, MhoError *error)
{
    const BenchNet *entry = NULL;
    *prepared = (MhoPointSetup){0};
    MhoStatus status = bench_images(bench, settings, error);
    if (status == MHO_OK)
        status = bench_net(bench, settings, &entry, error);
    if (status == MHO_OK)
        status = check_shapes(bench, entry->program, error);
    if (status == MHO_OK)
        status = mho_settings_chip_config(settings, &prepared->config, error);
    if (status == MHO_OK && !mho_code_noise_key(mho_settings_noise(settings)))
        status = check_converters(entry->program, &prepared->config, error);
    if (status != MHO_OK)
        return status;
    prepared->net = entry->net;
    prepared->program = entry->program;
    prepared->images = &bench->images;
    prepared->batch = bench->options.batch > 0 ? (size_t)bench->options.batch : USUAL_BATCH;
    prepared->calibration = &bench->calibration;
    memcpy(prepared->model_digest, entry->digest, sizeof prepared->model_digest);
    const MhoNoiseParams *noise = mho_settings_noise(settings);
    prepared->is_noisy = mho_code_noise_key(noise) != NULL;
    prepared->noise = (MhoCodeNoise){.weight = noise->weight,
                                     .activation = noise->activation,
                                     .sum = noise->sum,
                                     .weight_per_image = noise->draw == MHO_CODE_NOISE_PER_IMAGE,
                                     .seed = prepared->config.seed};
    if (prepared->is_noisy)
        status = plan_without_converters(entry->program, &prepared->config, &prepared->plan, error);
    else if (calibrate)
        status = mho_lowered_net_plan(entry->program, &prepared->config, bench->calibration.images,
                                      bench->calibration.n, bench->options.threads, &prepared->plan, error);
    else
        status = mho_plan_create(&prepared->config, entry->program->matrices, entry->program->n_matrices,
                                 &prepared->plan, error);
    if (status != MHO_OK)
        return status;
    prepared->measured = (size_t)mho_settings_study(settings)->measured;
    bool is_random = prepared->is_noisy || mho_plan_is_random(prepared->plan);
    prepared->n_chips = is_random ? (uint32_t)mho_settings_study(settings)->repeat : 1;
    char *text = NULL;
    if (asprintf(&text, "%s\nmodel %s\nmho %s\n", point_text, entry->digest, mho_version()) < 0)
        return mho_fail(error, MHO_MEMORY, "out of memory for a trial key");
    prepared->point = mho_digest64(text, strlen(text));
    free(text);
    return MHO_OK;
}

void mho_point_setup_clear(MhoPointSetup *prepared)
{
    mho_plan_destroy(prepared->plan);
    *prepared = (MhoPointSetup){0};
}

/* Images first .. first + n - 1, on the chip's state or, without one, with noise on codes. */
static MhoStatus classify_batch(const MhoPointSetup *prepared, const MhoChipState *state, size_t first, size_t n,
                                int threads, float *logits, MhoTrial *trial, MhoError *error)
{
    const MhoDataset *set = prepared->images;
    const uint8_t *images = set->images + first * (size_t)set->h * (size_t)set->w * (size_t)set->c;
    const MhoAnalogOptions options = {.image0 = (uint32_t)first,
                                      .threads = threads,
                                      .meters = trial->layers,
                                      .measured = prepared->measured > first ? prepared->measured - first : 0};
    MhoCodeNoise noise = prepared->noise;
    noise.chip = trial->chip;
    return state ? mho_analog_run(prepared->program, state, images, n, &options, logits, error)
                 : mho_code_noise_run(prepared->program, &noise, images, n, (uint32_t)first, threads, logits, error);
}

/* Classify in batches, so that a stop request is noticed in time; results do not depend on the batch. */
static MhoStatus classify(const MhoPointSetup *prepared, const MhoChipState *state, int threads, float *logits,
                          MhoTrial *trial, MhoError *error)
{
    const MhoDataset *set = prepared->images;
    size_t classes = (size_t)prepared->program->n_classes;
    for (size_t first = 0; first < set->n; first += prepared->batch) {
        size_t n = set->n - first < prepared->batch ? set->n - first : prepared->batch;
        MhoStatus status = classify_batch(prepared, state, first, n, threads, logits + first * classes, trial, error);
        if (status != MHO_OK)
            return status;
        if (mho_stop_requested())
            return mho_fail(error, MHO_STOPPED, "stopped; run the same command again to go on");
    }
    return MHO_OK;
}

MhoStatus mho_trial_run(const MhoPointSetup *prepared, uint32_t chip_number, int threads, float *logits,
                        MhoTrial *trial, MhoError *error)
{
    const MhoDataset *set = prepared->images;
    size_t classes = (size_t)prepared->program->n_classes, n_logits = set->n * classes;
    MhoCondition at = {.t = prepared->config.chip.time, .temperature = prepared->config.chip.temperature};
    MhoChip *chip = NULL;
    MhoChipState *state = NULL;
    float *own = logits ? NULL : malloc((n_logits ? n_logits : 1) * sizeof *own);
    float *out = logits ? logits : own;
    memset(trial, 0, sizeof *trial);
    trial->point = prepared->point;
    trial->chip = chip_number;
    trial->n_layers = (uint32_t)prepared->program->n_matrices;
    MhoStatus status = out ? MHO_OK : mho_fail(error, MHO_MEMORY, "out of memory for %zu logits", n_logits);
    if (status == MHO_OK && !prepared->is_noisy)
        status =
            mho_lowered_net_state(prepared->program, prepared->plan, chip_number, at, prepared->calibration->images,
                                  prepared->calibration->n, threads, &chip, &state, error);
    if (status == MHO_OK)
        status = classify(prepared, state, threads, out, trial, error);
    if (status == MHO_OK) {
        size_t hits;
        mho_logits_score(out, set->labels, set->n, (int)classes, &hits, &trial->loss);
        trial->accuracy = (double)hits / (double)set->n;
        trial->logits = mho_digest64(out, n_logits * sizeof *out);
    }
    mho_chip_state_destroy(state);
    mho_chip_destroy(chip);
    free(own);
    return status;
}
