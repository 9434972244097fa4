/* on_chip_api.c - a model on a chip, of mho.h: quantized when it is float, lowered, put on chips by number. */
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/memory.h"
#include "net/lowered/net_on_chip.h"
#include "study/models/model_file.h"

struct MhoOnChip {
    MhoSettings *settings; /* the configuration borrows from them */
    MhoNet *net;           /* quantized */
    MhoLoweredNet *lowered;
    MhoImages *calibration; /* NULL: none */
    MhoNetOnChip *net_on_chip;
    MhoLayerMeter *meters; /* (n_matrices) of the last images */
    size_t measured;       /* images with signal and noise */
};

MhoChipCondition mho_chip_condition_defaults(const MhoStudy *study)
{
    MhoChipParams usual;
    mho_params_default(mho_chip_descriptor.params, mho_chip_descriptor.n_params, &usual);
    const MhoChipParams *chip = study ? mho_settings_chip(study->settings) : &usual;
    return (MhoChipCondition){.time = chip->time, .temperature = chip->temperature};
}

static MhoStatus check_shape(const MhoImages *images, const MhoNet *net, MhoError *error)
{
    const MhoDataset *set = &images->set;
    const MhoShape shape = mho_api_input_shape(net);
    if (set->h == shape.h && set->w == shape.w && set->c == shape.c)
        return MHO_OK;
    return mho_fail(error, MHO_USAGE,
                    "images are %d x %d x %d and the model takes %d x %d x %d: give it images of that shape", set->h,
                    set->w, set->c, shape.h, shape.w, shape.c);
}

static MhoStatus check_create(const MhoModel *model, const MhoStudy *study, const MhoImages *calibration,
                              MhoError *error)
{
    const char *noise = mho_code_noise_key(mho_settings_noise(study->settings));
    const MhoQuantParams *quant = mho_settings_quant(study->settings);
    if (study->n_axes > 0)
        return mho_fail(error, MHO_USAGE,
                        "%s has several values and a model goes on one configuration: set it to one value, or call "
                        "mho_study_run",
                        study->axes[0].key);
    if (noise)
        return mho_fail(error, MHO_USAGE,
                        "noise.%s: noise on codes takes the place of a chip: set it to 0, or call mho_study_run",
                        noise);
    if (!calibration && !mho_net_is_quantized(model->net) && quant->weight_bits > 0)
        return mho_fail(error, MHO_USAGE,
                        "quant.weight.bits: quantization after training needs training images: open them with "
                        "MHO_IMAGES_CALIBRATION");
    return calibration ? check_shape(calibration, model->net, error) : MHO_OK;
}

/* Own copies of everything that the net on a chip borrows. */
static MhoStatus copy_inputs(MhoOnChip *on_chip, const MhoModel *model, const MhoStudy *study,
                             const MhoImages *calibration, MhoError *error)
{
    MhoStatus status = mho_settings_copy(study->settings, &on_chip->settings, error);
    if (status == MHO_OK)
        status = mho_net_copy(model->net, &on_chip->net, error);
    if (status == MHO_OK && calibration) {
        const MhoDataset *set = &calibration->set;
        status = mho_images_copy((MhoImageShape){set->h, set->w, set->c}, set->n, set->images, NULL, 0,
                                 &on_chip->calibration, error);
    }
    return status;
}

static MhoStatus place(MhoOnChip *on_chip, const MhoRunOptions *run, MhoError *error)
{
    const MhoLog log = {.write = run->log, .context = run->log_context};
    const MhoDataset none = {0}, *calibration = on_chip->calibration ? &on_chip->calibration->set : &none;
    MhoChipConfig config;
    MhoStatus status = mho_model_quantize(on_chip->settings, calibration, run->threads, &log, &on_chip->net, error);
    if (status == MHO_OK)
        status = mho_settings_chip_config(on_chip->settings, &config, error);
    if (status == MHO_OK)
        status = mho_lowered_net_create(on_chip->net, &on_chip->lowered, error);
    if (status == MHO_OK)
        status = mho_net_on_chip_create(&(MhoNetOnChipInput){.net = on_chip->lowered,
                                                             .config = &config,
                                                             .calibration = calibration->images,
                                                             .n_calibration = calibration->n,
                                                             .threads = run->threads},
                                        &on_chip->net_on_chip, error);
    if (status != MHO_OK)
        return status;
    on_chip->measured = (size_t)mho_settings_study(on_chip->settings)->measured;
    on_chip->meters =
        mho_calloc(on_chip->lowered->n_matrices, sizeof *on_chip->meters, error, "the meters of a chip's layers");
    return on_chip->meters ? MHO_OK : MHO_MEMORY;
}

MhoStatus mho_on_chip_create(const MhoModel *model, const MhoStudy *study, const MhoImages *calibration,
                             const MhoRunOptions *options, MhoOnChip **on_chip, MhoError *error)
{
    if (on_chip)
        *on_chip = NULL;
    MhoStatus status = mho_api_need(error, {model, "model"}, {study, "study"}, {on_chip, "on_chip"});
    if (status == MHO_OK)
        status = check_create(model, study, calibration, error);
    if (status != MHO_OK)
        return status;
    const MhoRunOptions run = mho_api_options(options);
    MhoOnChip *made = mho_calloc(1, sizeof *made, error, "a model on a chip");
    if (!made)
        return MHO_MEMORY;
    status = copy_inputs(made, model, study, calibration, error);
    if (status == MHO_OK)
        status = place(made, &run, error);
    if (status == MHO_OK)
        *on_chip = made;
    else
        mho_on_chip_free(made);
    return status;
}

void mho_on_chip_free(MhoOnChip *on_chip)
{
    if (!on_chip)
        return;
    mho_net_on_chip_destroy(on_chip->net_on_chip);
    mho_lowered_net_destroy(on_chip->lowered);
    mho_net_destroy(on_chip->net);
    mho_settings_destroy(on_chip->settings);
    mho_images_free(on_chip->calibration);
    free(on_chip->meters);
    free(on_chip);
}

MhoStatus mho_on_chip_set(MhoOnChip *on_chip, uint32_t chip, const MhoChipCondition *condition, MhoError *error)
{
    MhoStatus status = mho_api_need(error, {on_chip, "on_chip"});
    if (status != MHO_OK)
        return status;
    MhoChipParams params = *mho_settings_chip(on_chip->settings);
    if (condition) {
        params.time = condition->time;
        params.temperature = condition->temperature;
    }
    status = mho_descriptor_check(&mho_chip_descriptor, &params, error);
    if (status == MHO_OK)
        status = mho_net_on_chip_set(on_chip->net_on_chip, chip,
                                     (MhoCondition){.t = params.time, .temperature = params.temperature}, NULL, error);
    if (status != MHO_OK)
        mho_net_on_chip_drop_state(on_chip->net_on_chip);
    return status;
}

static MhoStatus check_classify(const MhoOnChip *on_chip, const MhoImages *images, size_t first, size_t n,
                                MhoError *error)
{
    if (!mho_net_on_chip_state(on_chip->net_on_chip))
        return mho_fail(error, MHO_USAGE, "no chip is set: call mho_on_chip_set with the chip's number first");
    if (first > images->set.n || n > images->set.n - first)
        return mho_fail(error, MHO_USAGE, "%zu images from image %zu: the set has %zu images", n, first, images->set.n);
    return check_shape(images, on_chip->net, error);
}

MhoStatus mho_on_chip_classify(MhoOnChip *on_chip, const MhoImages *images, size_t first, size_t n, float *logits,
                               int32_t *classes, MhoError *error)
{
    MhoStatus status = mho_api_need(error, {on_chip, "on_chip"}, {images, "images"});
    if (status == MHO_OK)
        status = check_classify(on_chip, images, first, n, error);
    if (status != MHO_OK)
        return status;
    const MhoDataset *set = &images->set;
    const size_t n_classes = (size_t)on_chip->lowered->n_classes,
                 size = (size_t)set->h * (size_t)set->w * (size_t)set->c;
    MhoExecutor *executor = mho_net_on_chip_executor(on_chip->net_on_chip);
    float *own = logits ? NULL : mho_calloc(n, n_classes * sizeof *own, error, "the logits of %zu images", n);
    float *out = logits ? logits : own;
    if (!out)
        return MHO_MEMORY;
    memset(on_chip->meters, 0, on_chip->lowered->n_matrices * sizeof *on_chip->meters);
    mho_analog_executor_set_meters(executor, on_chip->meters, on_chip->measured);
    if (n > 0)
        status = mho_executor_run(
            executor,
            &(MhoImageBatch){.images = set->images + first * size, .n = n, .image0 = (uint32_t)first, .logits = out},
            error);
    for (size_t i = 0; status == MHO_OK && classes && i < n; i++)
        classes[i] = mho_logits_top1(out + i * n_classes, (int)n_classes);
    free(own);
    return status;
}

MhoStatus mho_on_chip_evaluate(MhoOnChip *on_chip, const MhoImages *images, MhoMetrics *metrics, MhoError *error)
{
    MhoStatus status = mho_api_need(error, {on_chip, "on_chip"}, {images, "images"}, {metrics, "metrics"});
    if (status != MHO_OK)
        return status;
    const MhoDataset *set = &images->set;
    const int n_classes = on_chip->lowered->n_classes;
    if (!set->labels)
        return mho_fail(error, MHO_USAGE,
                        "the images have no labels, so there is no accuracy: call "
                        "mho_on_chip_classify, or give mho_images_copy labels");
    if (set->n_classes > n_classes)
        return mho_fail(error, MHO_USAGE, "the images have %d classes and the model knows %d", set->n_classes,
                        n_classes);
    float *logits = mho_calloc(set->n, (size_t)n_classes * sizeof *logits, error, "the logits of %zu images", set->n);
    if (!logits)
        return MHO_MEMORY;
    status = mho_on_chip_classify(on_chip, images, 0, set->n, logits, NULL, error);
    if (status == MHO_OK) {
        size_t hits;
        *metrics = (MhoMetrics){.n = set->n};
        mho_logits_score(logits, set->labels, set->n, n_classes, &hits, &metrics->loss);
        metrics->accuracy = (double)hits / (double)set->n;
    }
    free(logits);
    return status;
}

MhoStatus mho_on_chip_layer(const MhoOnChip *on_chip, size_t layer, MhoLayerMetrics *metrics, MhoError *error)
{
    const MhoStatus status = mho_api_need(error, {on_chip, "on_chip"}, {metrics, "metrics"});
    if (status != MHO_OK)
        return status;
    if (layer >= on_chip->lowered->n_matrices)
        return mho_fail(error, MHO_USAGE, "layer %zu: the model has layers 0 to %zu", layer,
                        on_chip->lowered->n_matrices - 1);
    const MhoMatrix *matrix = &on_chip->lowered->matrices[layer];
    const MhoLayerPlan plan = mho_plan_layer(mho_net_on_chip_plan(on_chip->net_on_chip), layer);
    const MhoLayerMeter *meter = &on_chip->meters[layer];
    *metrics = (MhoLayerMetrics){.name = matrix->name,
                                 .rows = matrix->rows + plan.shift_rows,
                                 .columns = matrix->cols,
                                 .groups = matrix->groups,
                                 .tiles = plan.row_tiles * plan.col_tiles,
                                 .devices = plan.devices,
                                 .conversions = plan.conversions,
                                 .adc_step = (double)plan.step,
                                 .measured_conversions = meter->conversions,
                                 .clipped = meter->clipped,
                                 .signal_energy = meter->signal,
                                 .noise_energy = meter->noise};
    return MHO_OK;
}
