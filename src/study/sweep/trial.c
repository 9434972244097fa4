/* trial.c - the trial cache, and one trial of a point on a chip. */
#include "study/sweep/trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "net/graph/bops.h"
#include "study/models/provenance.h"

enum { MAX_NETS = 64, USUAL_BATCH = 250 };

/* A network without a chip on the images of the cache. */
typedef struct Baseline {
    char images[65]; /* digest of the images it is of; "": not known yet */
    double integer_accuracy, float_accuracy;
} Baseline;

typedef struct CachedNet {
    char *key; /* model path and quantization */
    MhoNet *net;
    MhoNet *float_net; /* before quantization after training; NULL: the model file is quantized */
    MhoLoweredNet *lowered;
    char digest[65];
    Baseline baseline;
} CachedNet;

/* A net on a chip, or an executor with noise on codes, and the settings that they borrow from. */
typedef struct CachedRunner {
    char *key; /* settings without time and temperature, and the net's key */
    MhoSettings *settings;
    MhoNetOnChip *on_chip;
    MhoExecutor *code_noise;
    uint64_t last_use;
} CachedRunner;

struct MhoTrialCache {
    MhoModelOptions options;
    CachedNet nets[MAX_NETS];
    size_t n_nets;
    char *made; /* of options: models that were trained */
    char *images_key;
    MhoDataset images, calibration;
    CachedRunner runners[MHO_TRIAL_CACHE_CHIPS];
    size_t n_runners;
    uint64_t uses;
    MhoNetOnChip *last; /* the net on a chip of the last trial; NULL: none */
};

MhoStatus mho_trial_cache_create(const MhoModelOptions *options, MhoTrialCache **cache, MhoError *error)
{
    *cache = mho_calloc(1, sizeof **cache, error, "the images and nets of a study");
    if (!*cache)
        return MHO_MEMORY;
    (*cache)->options = *options;
    (*cache)->options.made = &(*cache)->made;
    return MHO_OK;
}

static void net_clear(CachedNet *entry)
{
    free(entry->key);
    mho_net_destroy(entry->net);
    mho_net_destroy(entry->float_net);
    mho_lowered_net_destroy(entry->lowered);
    *entry = (CachedNet){0};
}

static void runner_clear(MhoTrialCache *cache, CachedRunner *runner)
{
    if (cache->last == runner->on_chip)
        cache->last = NULL;
    mho_net_on_chip_destroy(runner->on_chip);
    mho_executor_destroy(runner->code_noise);
    mho_settings_destroy(runner->settings);
    free(runner->key);
    *runner = (CachedRunner){0};
}

/* Runners borrow images and nets, so they go first. */
static void clear_runners(MhoTrialCache *cache)
{
    while (cache->n_runners > 0)
        runner_clear(cache, &cache->runners[--cache->n_runners]);
}

void mho_trial_cache_destroy(MhoTrialCache *cache)
{
    if (!cache)
        return;
    clear_runners(cache);
    for (size_t i = 0; i < cache->n_nets; i++)
        net_clear(&cache->nets[i]);
    free(cache->images_key);
    free(cache->made);
    mho_dataset_destroy(&cache->images);
    mho_dataset_destroy(&cache->calibration);
    free(cache);
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
static MhoStatus load_images(MhoTrialCache *cache, const MhoSettings *settings, MhoError *error)
{
    static const char *const keys[] = {"data.name",        "data.train",       "data.split",  "data.limit",
                                       "data.calibration", "train.validation", "train.limit", "seed"};
    char *key = key_text(settings, keys, sizeof keys / sizeof *keys, "");
    if (!key)
        return mho_fail(error, MHO_MEMORY, "out of memory for the images and nets of a study");
    if (cache->images_key && strcmp(cache->images_key, key) == 0) {
        free(key);
        return MHO_OK;
    }
    clear_runners(cache);
    free(cache->images_key);
    cache->images_key = NULL;
    mho_dataset_destroy(&cache->images);
    mho_dataset_destroy(&cache->calibration);
    cache->images = cache->calibration = (MhoDataset){0};
    MhoStatus status = mho_study_images(settings, cache->options.data, &cache->images, error);
    if (status == MHO_OK)
        status = mho_study_calibration(settings, cache->options.data, &cache->calibration, error);
    if (status == MHO_OK)
        cache->images_key = key;
    else
        free(key);
    return status;
}

static MhoStatus net_load(MhoTrialCache *cache, const MhoSettings *settings, CachedNet *entry, MhoError *error)
{
    MhoStatus status = mho_model_ensure(settings, &cache->options, &entry->net, entry->digest, error);
    if (status == MHO_OK && !mho_net_is_quantized(entry->net))
        status = mho_net_copy(entry->net, &entry->float_net, error);
    if (status == MHO_OK)
        status = mho_model_quantize(settings, &cache->calibration, cache->options.threads, cache->options.log,
                                    &entry->net, error);
    if (status == MHO_OK)
        status = mho_lowered_net_create(entry->net, &entry->lowered, error);
    if (status == MHO_OK && entry->lowered->n_matrices > MHO_TRIAL_MAX_LAYERS)
        status = mho_fail(error, MHO_USAGE, "the network has %zu analog layers; at most %d", entry->lowered->n_matrices,
                          MHO_TRIAL_MAX_LAYERS);
    return status;
}

static MhoStatus find_net(MhoTrialCache *cache, const MhoSettings *settings, CachedNet **found, MhoError *error)
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
    for (size_t i = 0; i < cache->n_nets; i++) {
        if (strcmp(cache->nets[i].key, key) != 0)
            continue;
        free(key);
        *found = &cache->nets[i];
        return MHO_OK;
    }
    if (cache->n_nets == MAX_NETS) {
        clear_runners(cache);
        net_clear(&cache->nets[--cache->n_nets]);
    }
    CachedNet *entry = &cache->nets[cache->n_nets];
    *entry = (CachedNet){.key = key};
    status = net_load(cache, settings, entry, error);
    if (status != MHO_OK) {
        net_clear(entry);
        return status;
    }
    cache->n_nets++;
    *found = entry;
    return MHO_OK;
}

static MhoStatus check_shapes(const MhoTrialCache *cache, const MhoLoweredNet *lowered, MhoError *error)
{
    const MhoDataset *set = &cache->images;
    if (set->h != lowered->input.h || set->w != lowered->input.w || set->c != lowered->input.c)
        return mho_fail(error, MHO_USAGE, "data.name: images are %d x %d x %d and the model takes %d x %d x %d", set->h,
                        set->w, set->c, lowered->input.h, lowered->input.w, lowered->input.c);
    if (set->n_classes > lowered->n_classes)
        return mho_fail(error, MHO_USAGE, "data.name: %d classes and the model knows %d", set->n_classes,
                        lowered->n_classes);
    return MHO_OK;
}

/* USAGE when every layer has its own converter bits and the study sets others, which would have no effect. */
static MhoStatus check_converters(const MhoLoweredNet *lowered, const MhoChipConfig *config, MhoError *error)
{
    const MhoAdcModel *adc = config->adc;
    _Alignas(8) unsigned char usual[MHO_LAYER_SETTINGS_MAX];
    for (size_t l = 0; l < lowered->n_matrices; l++)
        if (lowered->matrices[l].adc_bits == 0)
            return MHO_OK;
    if (!adc->set_bits || adc->descriptor.params_size > sizeof usual)
        return MHO_OK;
    mho_params_default(adc->descriptor.params, adc->descriptor.n_params, usual);
    if (adc->bits(config->adc_params) == adc->bits(usual))
        return MHO_OK;
    return mho_fail(
        error, MHO_USAGE,
        "chip.adc.%s.bits: the model sets the bits of all its converters (allocate.adc_bit_widths), so %d bit "
        "would change nothing; take the key out",
        adc->descriptor.name, adc->bits(config->adc_params));
}

/* A plan to read n_chips and digests from. Noise on codes has no converters, so a layer's own converter bits do not
 * matter there. */
static MhoStatus plan_only(const MhoLoweredNet *lowered, const MhoChipConfig *config, bool without_converters,
                           MhoPlan **plan, MhoError *error)
{
    const size_t n = lowered->n_matrices;
    MhoMatrix *matrices = mho_calloc(n, sizeof *matrices, error, "the layers of a plan");
    if (!matrices)
        return MHO_MEMORY;
    for (size_t l = 0; l < n; l++) {
        matrices[l] = lowered->matrices[l];
        matrices[l].adc_bits = without_converters ? 0 : matrices[l].adc_bits;
    }
    MhoStatus status = mho_plan_create(config, matrices, n, plan, error);
    free(matrices);
    return status;
}

/* The key of a runner: every key that the result depends on but time and temperature, and the net's. NULL: out of
 * memory. */
static char *runner_key(const MhoSettings *settings, const CachedNet *net)
{
    char *all = mho_settings_canonical(settings, false), *key = NULL, *rest = all;
    size_t size = 0;
    FILE *out = all ? open_memstream(&key, &size) : NULL;
    for (char *line; out && (line = strsep(&rest, "\n"));)
        if (strncmp(line, "chip.time=", 10) != 0 && strncmp(line, "chip.temperature=", 17) != 0)
            fprintf(out, "%s\n", line);
    free(all);
    if (!out)
        return NULL;
    fputs(net->key, out);
    if (fclose(out) == 0)
        return key;
    free(key);
    return NULL;
}

static MhoStatus runner_create(const MhoTrialCache *cache, const MhoSettings *settings, const CachedNet *net,
                               CachedRunner *runner, MhoError *error)
{
    const MhoNoiseParams *noise = mho_settings_noise(settings);
    MhoChipConfig config;
    MhoStatus status = mho_settings_copy(settings, &runner->settings, error);
    if (status == MHO_OK)
        status = mho_settings_chip_config(runner->settings, &config, error);
    if (status != MHO_OK)
        return status;
    if (mho_code_noise_key(noise))
        return mho_code_noise_executor_create(
            net->lowered,
            &(MhoCodeNoise){.weight = noise->weight,
                            .activation = noise->activation,
                            .sum = noise->sum,
                            .weight_per_image = noise->draw == MHO_CODE_NOISE_PER_IMAGE,
                            .seed = config.seed},
            cache->options.threads, &runner->code_noise, error);
    return mho_net_on_chip_create(&(MhoNetOnChipInput){.net = net->lowered,
                                                       .config = &config,
                                                       .calibration = cache->calibration.images,
                                                       .n_calibration = cache->calibration.n,
                                                       .threads = cache->options.threads},
                                  &runner->on_chip, error);
}

/* Room for a runner: a new place, or that of the runner which was used longest ago. */
static CachedRunner *free_runner(MhoTrialCache *cache)
{
    if (cache->n_runners < MHO_TRIAL_CACHE_CHIPS)
        return &cache->runners[cache->n_runners++];
    CachedRunner *oldest = &cache->runners[0];
    for (size_t i = 1; i < cache->n_runners; i++)
        if (cache->runners[i].last_use < oldest->last_use)
            oldest = &cache->runners[i];
    runner_clear(cache, oldest);
    return oldest;
}

/* Takes over key. */
static MhoStatus find_runner(MhoTrialCache *cache, const MhoSettings *settings, const CachedNet *net, char *key,
                             const CachedRunner **found, MhoError *error)
{
    for (size_t i = 0; i < cache->n_runners; i++)
        if (strcmp(cache->runners[i].key, key) == 0) {
            free(key);
            cache->runners[i].last_use = ++cache->uses;
            *found = &cache->runners[i];
            return MHO_OK;
        }
    CachedRunner made = {.key = key, .last_use = ++cache->uses};
    const MhoStatus status = runner_create(cache, settings, net, &made, error);
    if (status != MHO_OK) {
        runner_clear(cache, &made);
        return status;
    }
    CachedRunner *place = free_runner(cache);
    *place = made;
    *found = place;
    return MHO_OK;
}

/* What the network does on the images without a chip; once for a net and a set of images. */
static MhoStatus find_baseline(const MhoTrialCache *cache, CachedNet *net, MhoError *error)
{
    const MhoDataset *set = &cache->images;
    const size_t classes = (size_t)net->lowered->n_classes;
    double loss;
    size_t hits = 0;
    if (strcmp(net->baseline.images, set->digest) == 0)
        return MHO_OK;
    net->baseline = (Baseline){.float_accuracy = NAN};
    MhoExecutor *executor = NULL;
    float *logits = mho_calloc(set->n, classes * sizeof *logits, error, "the logits of %zu images", set->n);
    if (!logits)
        return MHO_MEMORY;
    MhoStatus status = mho_integer_executor_create(net->lowered, cache->options.threads, &executor, error);
    const MhoImageBatch batch = {.images = set->images, .n = set->n, .logits = logits};
    if (status == MHO_OK)
        status = mho_executor_run(executor, &batch, error);
    if (status == MHO_OK)
        mho_logits_score(logits, set->labels, set->n, (int)classes, &hits, &loss);
    net->baseline.integer_accuracy = (double)hits / (double)set->n;
    if (status == MHO_OK && net->float_net)
        status = mho_train_evaluate(net->float_net, set, USUAL_BATCH, &net->baseline.float_accuracy, &loss, error);
    if (status == MHO_OK)
        memcpy(net->baseline.images, set->digest, sizeof net->baseline.images);
    mho_executor_destroy(executor);
    free(logits);
    return status;
}

/* Plan or runner of a point, and the digests by which points share devices and runners. */
static MhoStatus prepare_runner(MhoTrialCache *cache, const MhoSettings *settings, const CachedNet *net, bool ready,
                                MhoPointSetup *setup, MhoError *error)
{
    const CachedRunner *runner = NULL;
    char *key = runner_key(settings, net);
    MhoStatus status = MHO_OK;
    if (!key)
        return mho_fail(error, MHO_MEMORY, "out of memory for the key of a point");
    setup->configuration = mho_digest64(key, strlen(key));
    if (ready) {
        status = find_runner(cache, settings, net, key, &runner, error);
        setup->on_chip = status == MHO_OK ? runner->on_chip : NULL;
        setup->code_noise = status == MHO_OK ? runner->code_noise : NULL;
    } else {
        free(key);
    }
    if (status == MHO_OK && !setup->on_chip)
        status = plan_only(net->lowered, &setup->config, setup->is_noisy, &setup->plan_only, error);
    setup->plan = setup->on_chip ? mho_net_on_chip_plan(setup->on_chip) : setup->plan_only;
    if (status == MHO_OK && !ready && !setup->is_noisy) {
        const uint64_t parts[] = {mho_plan_devices_digest(setup->plan), mho_digest64(net->key, strlen(net->key)),
                                  mho_digest64(cache->images_key, strlen(cache->images_key))};
        setup->devices = parts[0] ? mho_digest64(parts, sizeof parts) : 0;
    }
    return status;
}

MhoStatus mho_trial_cache_prepare(MhoTrialCache *cache, const MhoSettings *settings, const char *point_text, bool ready,
                                  MhoPointSetup *setup, MhoError *error)
{
    CachedNet *entry = NULL;
    *setup = (MhoPointSetup){.cache = cache};
    MhoStatus status = load_images(cache, settings, error);
    if (status == MHO_OK)
        status = find_net(cache, settings, &entry, error);
    if (status == MHO_OK)
        status = check_shapes(cache, entry->lowered, error);
    if (status == MHO_OK)
        status = mho_settings_chip_config(settings, &setup->config, error);
    setup->is_noisy = mho_code_noise_key(mho_settings_noise(settings)) != NULL;
    if (status == MHO_OK && !setup->is_noisy)
        status = check_converters(entry->lowered, &setup->config, error);
    if (status == MHO_OK)
        status = prepare_runner(cache, settings, entry, ready, setup, error);
    if (status == MHO_OK && ready)
        status = find_baseline(cache, entry, error);
    if (status != MHO_OK)
        return status;
    setup->integer_accuracy = ready ? entry->baseline.integer_accuracy : NAN;
    setup->float_accuracy = ready ? entry->baseline.float_accuracy : NAN;
    setup->net = entry->net;
    setup->lowered = entry->lowered;
    setup->images = &cache->images;
    setup->batch = cache->options.batch > 0 ? (size_t)cache->options.batch : USUAL_BATCH;
    setup->calibration = &cache->calibration;
    memcpy(setup->model_digest, entry->digest, sizeof setup->model_digest);
    setup->measured = (size_t)mho_settings_study(settings)->measured;
    bool is_random = setup->is_noisy || mho_plan_is_random(setup->plan);
    setup->n_chips = is_random ? (uint32_t)mho_settings_study(settings)->repeat : 1;
    char *text = NULL;
    if (asprintf(&text, "%s\nmodel %s\ntest %s\ncalibration %s\nmho %s\n", point_text, entry->digest,
                 cache->images.digest, cache->calibration.digest, mho_version()) < 0)
        return mho_fail(error, MHO_MEMORY, "out of memory for a trial key");
    setup->point = mho_digest64(text, strlen(text));
    free(text);
    return MHO_OK;
}

void mho_point_setup_clear(MhoPointSetup *setup)
{
    mho_plan_destroy(setup->plan_only);
    *setup = (MhoPointSetup){0};
}

/* Classify in batches, so that a stop request is noticed in time. Results do not depend on the batch. */
static MhoStatus classify(const MhoPointSetup *setup, MhoExecutor *executor, float *logits, MhoError *error)
{
    const MhoDataset *set = setup->images;
    const size_t pixels = (size_t)set->h * (size_t)set->w * (size_t)set->c, classes = (size_t)setup->lowered->n_classes;
    for (size_t first = 0; first < set->n; first += setup->batch) {
        const MhoImageBatch batch = {.images = set->images + first * pixels,
                                     .n = set->n - first < setup->batch ? set->n - first : setup->batch,
                                     .image0 = (uint32_t)first,
                                     .logits = logits + first * classes};
        MhoStatus status = mho_executor_run(executor, &batch, error);
        if (status != MHO_OK)
            return status;
        if (mho_stop_requested())
            return mho_fail(error, MHO_STOPPED, "stopped; run the same command again to go on");
    }
    return MHO_OK;
}

/* The chip of a trial in its condition. The net on a chip of the trial before may share its devices. */
static MhoStatus set_chip(const MhoPointSetup *setup, uint32_t chip, MhoLayerMeter *meters, MhoExecutor **executor,
                          MhoError *error)
{
    MhoTrialCache *cache = setup->cache;
    MhoCondition at = {.t = setup->config.chip.time, .temperature = setup->config.chip.temperature};
    if (cache->last && cache->last != setup->on_chip)
        mho_net_on_chip_drop_state(cache->last);
    MhoStatus status = mho_net_on_chip_set(setup->on_chip, chip, at, cache->last, error);
    cache->last = setup->on_chip;
    *executor = mho_net_on_chip_executor(setup->on_chip);
    mho_analog_executor_set_meters(*executor, meters, setup->measured);
    return status;
}

/* What the chip's layers are made of, and what they did. */
static MhoStatus note_layers(const MhoPointSetup *setup, const MhoLayerMeter *meters, MhoTrial *trial, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t l = 0; l < trial->n_layers && status == MHO_OK; l++) {
        const MhoMatrix *matrix = &setup->lowered->matrices[l];
        MhoTrialLayer *layer = &trial->layers[l];
        MhoBopsLayer bits;
        status = mho_net_bops_layer(setup->net, mho_net_find(setup->net, matrix->name), &bits, error);
        *layer = (MhoTrialLayer){.meter = meters[l], .adc_step = NAN, .adc_range = NAN};
        if (status == MHO_OK) {
            layer->bops = mho_bops_layer(bits);
            layer->weights = (int64_t)(bits.outputs * bits.fan_in);
            layer->weight_bits = (int64_t)bits.weight_bits;
            layer->activation_bits = (int64_t)bits.activation_bits;
        }
        if (!setup->on_chip)
            continue;
        const MhoAdcModel *adc = setup->config.adc;
        const MhoLayerPlan plan = mho_plan_layer(setup->plan, l);
        layer->tiles = (int64_t)(matrix->groups * plan.row_tiles * plan.col_tiles);
        layer->adc_step = (double)mho_chip_state_step(mho_net_on_chip_state(setup->on_chip), l);
        layer->adc_range = adc->set_bits ? layer->adc_step * plan.largest_code : INFINITY;
        if (adc->set_bits)
            layer->adc_bits = matrix->adc_bits ? matrix->adc_bits : adc->bits(setup->config.adc_params);
    }
    return status;
}

static void score(const MhoPointSetup *setup, const float *logits, MhoTrial *trial)
{
    const MhoDataset *set = setup->images;
    const size_t classes = (size_t)setup->lowered->n_classes;
    size_t hits;
    mho_logits_score(logits, set->labels, set->n, (int)classes, &hits, &trial->loss);
    trial->accuracy = (double)hits / (double)set->n;
    trial->logits = mho_digest64(logits, set->n * classes * sizeof *logits);
}

MhoStatus mho_trial_run(const MhoPointSetup *setup, uint32_t chip, float *logits, MhoTrial *trial, MhoError *error)
{
    const MhoDataset *set = setup->images;
    const double started = mho_clock();
    const size_t n_logits = set->n * (size_t)setup->lowered->n_classes;
    MhoLayerMeter meters[MHO_TRIAL_MAX_LAYERS] = {0};
    MhoExecutor *executor = setup->code_noise;
    float *own = logits ? NULL : mho_calloc(n_logits, sizeof *own, error, "the logits of %zu images", set->n);
    float *out = logits ? logits : own;
    memset(trial, 0, sizeof *trial);
    trial->point = setup->point;
    trial->chip = chip;
    trial->integer_accuracy = setup->integer_accuracy;
    trial->float_accuracy = setup->float_accuracy;
    trial->n_layers = (uint32_t)setup->lowered->n_matrices;
    MhoStatus status = out ? MHO_OK : MHO_MEMORY;
    if (executor)
        mho_code_noise_executor_set_chip(executor, chip);
    else if (status == MHO_OK)
        status = set_chip(setup, chip, meters, &executor, error);
    if (status == MHO_OK)
        status = classify(setup, executor, out, error);
    if (setup->on_chip) /* the meters are this function's */
        mho_analog_executor_set_meters(mho_net_on_chip_executor(setup->on_chip), NULL, 0);
    if (status == MHO_OK)
        status = note_layers(setup, meters, trial, error);
    if (status == MHO_OK)
        score(setup, out, trial);
    trial->seconds = mho_clock() - started;
    free(own);
    return status;
}
