/* eval_command.c - mho eval: one model on one chip configuration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/command.h"
#include "cli/eval_report.h"
#include "study/keys/points.h"
#include "study/models/provenance.h"
#include "study/models/record_file.h"

/* The accuracy of a float model. */
static MhoStatus evaluate_float(const Evaluation *at, MhoNet *net, MhoError *error)
{
    MhoDataset images = {0};
    double accuracy, loss;
    if (at->options->layers || at->options->trace >= 0 || at->options->logits)
        return mho_fail(error, MHO_USAGE,
                        "--layers, --trace and --logits need a quantized model, and this one is float: add --set "
                        "quant.weight.bits=8 --set quant.activation.bits=8");
    MhoStatus status = mho_study_images(at->study.settings, at->options->data, &images, error);
    const double start = mho_clock();
    if (status == MHO_OK)
        status = mho_train_evaluate(net, &images, 250, &accuracy, &loss, error);
    if (status == MHO_OK)
        eval_report_network(at, "float", accuracy, loss, images.n, mho_clock() - start);
    if (status == MHO_OK && !at->json)
        printf("add --set quant.weight.bits=8 --set quant.activation.bits=8 to run it on a chip\n");
    mho_dataset_destroy(&images);
    return status;
}

/* Logits (n, classes) and, if wanted, codes of images by the integer network. */
static MhoStatus run_integer(const Evaluation *at, const uint8_t *images, size_t n, float *logits, uint8_t *codes,
                             MhoError *error)
{
    MhoExecutor *executor = NULL;
    MhoStatus status = mho_integer_executor_create(at->setup.lowered, at->options->threads, &executor, error);
    if (status == MHO_OK)
        status = mho_executor_run(executor,
                                  &(MhoImageBatch){.images = images, .n = n, .logits = logits, .codes = codes}, error);
    mho_executor_destroy(executor);
    return status;
}

static MhoStatus evaluate_integer(const Evaluation *at, MhoError *error)
{
    const int n_classes = at->setup.lowered->n_classes;
    const MhoDataset *images = at->setup.images;
    float *logits =
        mho_calloc(images->n, (size_t)n_classes * sizeof *logits, error, "the logits of %zu images", images->n);
    if (!logits)
        return MHO_MEMORY;
    const double start = mho_clock();
    MhoStatus status = run_integer(at, images->images, images->n, logits, NULL, error);
    const double seconds = mho_clock() - start;
    if (status == MHO_OK) {
        size_t hits;
        double loss;
        mho_logits_score(logits, images->labels, images->n, n_classes, &hits, &loss);
        eval_report_network(at, "integer", (double)hits / (double)images->n, loss, images->n, seconds);
    }
    free(logits);
    return status;
}

static const char *trace_path(const MhoOptions *options)
{
    return options->output ? options->output : "trace.h5";
}

/* What makes an output file, as lines "key=value"; the caller frees it. kind: "trace" or "logits". */
static MhoStatus describe_run(const Evaluation *at, const char *kind, char **text, MhoError *error)
{
    char *keys = mho_settings_canonical(at->study.settings, false), number[48];
    if (strcmp(kind, "trace") == 0)
        snprintf(number, sizeof number, "image=%d", at->options->trace);
    else
        snprintf(number, sizeof number, "chips=%u", at->setup.n_chips);
    const int made = keys ? asprintf(text, "model_sha256=%s\nimages_sha256=%s\n%s\n%s", at->setup.model_digest,
                                     at->setup.images->digest, number, keys)
                          : -1;
    free(keys);
    return made < 0 ? mho_fail(error, MHO_MEMORY, "out of memory for the settings of a run") : MHO_OK;
}

/* Refuse a file that another run made, before this one. */
static MhoStatus check_outputs(const Evaluation *at, MhoError *error)
{
    const MhoOptions *options = at->options;
    const struct {
        const char *path, *kind, *option;
    } outputs[] = {{options->logits, "logits", "--logits"},
                   {options->trace >= 0 ? trace_path(options) : NULL, "trace", "-o"}};
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs && status == MHO_OK; i++) {
        char *text = NULL;
        if (!outputs[i].path)
            continue;
        status = describe_run(at, outputs[i].kind, &text, error);
        if (status == MHO_OK)
            status = mho_file_check_output(outputs[i].path, outputs[i].kind, text, outputs[i].option, error);
        free(text);
    }
    return status;
}

/* Say what made an output file. */
static MhoStatus add_origin(const Evaluation *at, const char *kind, MhoRecord *record, MhoError *error)
{
    char *text = NULL;
    MhoRecord *group;
    MhoStatus status = mho_attribute_text(&record->attributes, "kind", kind, error);
    if (status == MHO_OK)
        status = mho_attribute_text(&record->attributes, "model_digest", at->setup.model_digest, error);
    if (status == MHO_OK)
        status = mho_provenance_add(record, NULL, mho_clock() - at->started, error);
    if (status == MHO_OK)
        status = mho_record_child(record, "provenance", &group, error);
    if (status == MHO_OK)
        status = describe_run(at, kind, &text, error);
    if (status == MHO_OK)
        status = mho_attribute_text(&group->attributes, "settings", text, error);
    free(text);
    return status;
}

static MhoStatus add_codes(MhoRecord *record, const char *group_name, const MhoLoweredNet *lowered,
                           const uint8_t *codes, MhoError *error)
{
    MhoRecord *group;
    MhoStatus status = mho_record_child(record, group_name, &group, error);
    for (size_t s = 0; s < lowered->n_steps && status == MHO_OK; s++) {
        const MhoStep *step = &lowered->steps[s];
        if (step->is_logits)
            continue;
        char names[3][MHO_NAME_MAX + 4];
        const size_t shape[] = {(size_t)step->shape.h, (size_t)step->shape.w, (size_t)step->shape.c};
        for (size_t d = 0; d < 3; d++)
            snprintf(names[d], sizeof names[d], "%s.%c", step->name, "hwc"[d]);
        const char *const axes[] = {names[0], names[1], names[2]};
        status = mho_record_add(group, step->name, step->low < 0 ? MHO_I8 : MHO_U8, 3, shape, axes, "",
                                "activation codes", codes + lowered->codes_offset[s], NULL, error);
    }
    return status;
}

/* Codes of every layer for one image: of the integer network and of the chip. */
static MhoStatus write_trace(const Evaluation *at, MhoError *error)
{
    const MhoLoweredNet *lowered = at->setup.lowered;
    const MhoDataset *images = at->setup.images;
    size_t n = (size_t)at->options->trace, size = (size_t)images->h * (size_t)images->w * (size_t)images->c;
    const char *path = trace_path(at->options);
    float *logits = mho_calloc((size_t)lowered->n_classes, sizeof *logits, error, "a trace");
    uint8_t *codes = mho_calloc(lowered->codes_size, 1, error, "a trace");
    MhoRecord *record = NULL;
    const MhoImageBatch batch = {
        .images = images->images + n * size, .n = 1, .image0 = (uint32_t)n, .logits = logits, .codes = codes};
    MhoCondition when = {.t = at->setup.config.chip.time, .temperature = at->setup.config.chip.temperature};
    MhoStatus status = logits && codes ? mho_record_create(&record, error) : MHO_MEMORY;
    if (status == MHO_OK)
        status = add_origin(at, "trace", record, error);
    if (status == MHO_OK)
        status = run_integer(at, batch.images, 1, logits, codes, error);
    if (status == MHO_OK)
        status = add_codes(record, "integer", lowered, codes, error);
    if (status == MHO_OK)
        status = mho_net_on_chip_set(at->setup.on_chip, 0, when, NULL, error);
    if (status == MHO_OK)
        status = mho_executor_run(mho_net_on_chip_executor(at->setup.on_chip), &batch, error);
    if (status == MHO_OK)
        status = add_codes(record, "chip", lowered, codes, error);
    if (status == MHO_OK)
        status = mho_file_write(path, record, error);
    if (status == MHO_OK) {
        char text[96];
        snprintf(text, sizeof text, "codes of image %zu, in the groups integer and chip", n);
        eval_report_file(at, "trace", path, text);
    }
    mho_record_destroy(record);
    free(codes);
    free(logits);
    return status;
}

static MhoStatus write_logits(const Evaluation *at, const float *logits, MhoError *error)
{
    const MhoDataset *images = at->setup.images;
    const size_t n_classes = (size_t)at->setup.lowered->n_classes;
    const size_t shape[] = {at->setup.n_chips, images->n, n_classes};
    static const char *const axes[] = {"chip", "image", "class"};
    int32_t *predicted =
        mho_calloc(shape[0] * shape[1], sizeof *predicted, error, "the predictions of %zu images", images->n);
    MhoRecord *record = NULL;
    MhoStatus status = predicted ? mho_record_create(&record, error) : MHO_MEMORY;
    for (size_t i = 0; i < shape[0] * shape[1] && status == MHO_OK; i++)
        predicted[i] = mho_logits_top1(logits + i * n_classes, (int)n_classes);
    if (status == MHO_OK)
        status = add_origin(at, "logits", record, error);
    if (status == MHO_OK)
        status = mho_record_add(record, "logits", MHO_F32, 3, shape, axes, "1", "outputs of the classifier", logits,
                                NULL, error);
    if (status == MHO_OK)
        status = mho_record_add(record, "predicted", MHO_I32, 2, shape, axes, "", "class of the largest logit",
                                predicted, NULL, error);
    if (status == MHO_OK)
        status = mho_record_add(record, "label", MHO_U8, 1, &shape[1], &axes[1], "", "true class", images->labels, NULL,
                                error);
    if (status == MHO_OK)
        status = mho_file_write(at->options->logits, record, error);
    if (status == MHO_OK) {
        char text[128];
        snprintf(text, sizeof text, "logits, predicted and true labels of %zu images on %zu chips", shape[1], shape[0]);
        eval_report_file(at, "logits", at->options->logits, text);
    }
    mho_record_destroy(record);
    free(predicted);
    return status;
}

/* Run the chips one after another: accuracy (n_chips); logits NULL or (n_chips, images, classes). */
static MhoStatus run_each_chip(const Evaluation *at, double *accuracy, float *logits, MhoTrial *first, MhoTrial *trial,
                               MhoError *error)
{
    const size_t n_logits = at->setup.images->n * (size_t)at->setup.lowered->n_classes;
    MhoProgress progress;
    MhoStatus status = MHO_OK;
    mho_progress_start(&progress, &at->options->log, "eval", "chips", at->setup.n_chips, 0);
    for (uint32_t chip = 0; chip < at->setup.n_chips && status == MHO_OK; chip++) {
        status = mho_trial_run(&at->setup, chip, logits ? logits + chip * n_logits : NULL, trial, error);
        if (status != MHO_OK)
            break;
        accuracy[chip] = trial->accuracy;
        if (chip == 0)
            *first = *trial;
        mho_progress_step(&progress, chip + 1, "");
    }
    return status;
}

static MhoStatus run_chips(const Evaluation *at, MhoTrial *first, MhoError *error)
{
    const size_t n_chips = at->setup.n_chips, n_images = at->setup.images->n;
    const size_t n_logits = n_images * (size_t)at->setup.lowered->n_classes;
    double *accuracy = mho_calloc(n_chips, sizeof *accuracy, error, "the accuracies of %zu chips", n_chips);
    MhoTrial *trial = mho_calloc(1, sizeof *trial, error, "a trial");
    float *logits = NULL;
    MhoStatus status = accuracy && trial ? MHO_OK : MHO_MEMORY;
    if (status == MHO_OK && at->options->logits) {
        logits = mho_calloc(n_chips * n_logits, sizeof *logits, error, "the logits of %zu images on %zu chips",
                            n_images, n_chips);
        status = logits ? MHO_OK : MHO_MEMORY;
    }
    const double start = mho_clock();
    if (status == MHO_OK)
        status = run_each_chip(at, accuracy, logits, first, trial, error);
    if (status == MHO_OK)
        eval_report_chips(at, accuracy, mho_clock() - start);
    if (status == MHO_OK && logits)
        status = write_logits(at, logits, error);
    free(logits);
    free(trial);
    free(accuracy);
    return status;
}

static MhoStatus evaluate_chip(Evaluation *at, MhoError *error)
{
    MhoTrial *first = mho_calloc(1, sizeof *first, error, "a trial");
    MhoStatus status =
        first ? mho_trial_cache_prepare(at->cache, at->study.settings, "eval", true, &at->setup, error) : MHO_MEMORY;
    if (status == MHO_OK && at->options->trace >= 0 && (size_t)at->options->trace >= at->setup.images->n)
        status = mho_fail(error, MHO_USAGE, "--trace %d: the set has images 0 to %zu", at->options->trace,
                          at->setup.images->n - 1);
    if (status == MHO_OK)
        status = check_outputs(at, error);
    if (status == MHO_OK && at->options->trace >= 0)
        status = write_trace(at, error);
    if (status == MHO_OK && (at->options->trace < 0 || at->options->layers || at->options->logits)) {
        status = evaluate_integer(at, error);
        if (status == MHO_OK)
            status = run_chips(at, first, error);
        if (status == MHO_OK && at->options->layers)
            status = eval_report_layers(at, first, error);
    }
    free(first);
    return status;
}

static bool stays_float(const MhoSettings *settings, const MhoNet *net)
{
    return !mho_net_is_quantized(net) && mho_settings_quant(settings)->weight_bits == 0;
}

/* Noise on codes replaces the chip, so its converter becomes ideal unless --set names one. Without a chip there are
 * neither layers to meter nor codes to trace. */
static MhoStatus choose_no_chip(Evaluation *at, MhoError *error)
{
    static const char key[] = "chip.adc.name";
    const char *on = mho_code_noise_key(mho_settings_noise(at->study.settings));
    if (!on)
        return MHO_OK;
    if (at->options->layers || at->options->trace >= 0)
        return mho_fail(error, MHO_USAGE,
                        "--layers and --trace need a chip, and noise.%s replaces it: "
                        "--set noise.%s=0, or leave them out",
                        on, on);
    for (size_t i = 0; i < at->options->n_sets; i++)
        if (strncmp(at->options->sets[i], key, strlen(key)) == 0)
            return MHO_OK;
    return mho_settings_set(at->study.settings, key, "ideal", NULL, error);
}

static MhoStatus evaluate(Evaluation *at, MhoNet *net, MhoError *error)
{
    return stays_float(at->study.settings, net) ? evaluate_float(at, net, error) : evaluate_chip(at, error);
}

/* One object, printed when all of it is known. */
static MhoStatus evaluate_as_json(Evaluation *at, MhoNet *net, const char *digest, MhoError *error)
{
    char *text = NULL;
    size_t size = 0;
    MhoJson json;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return mho_fail(error, MHO_MEMORY, "no memory for the output");
    mho_json_start(&json, out);
    at->json = &json;
    mho_json_object(&json, NULL);
    mho_json_text(&json, "model", at->options->arguments[0]);
    mho_json_text(&json, "model_digest", digest);
    MhoStatus status = evaluate(at, net, error);
    mho_json_end(&json);
    if (fclose(out) != 0 && status == MHO_OK)
        status = mho_fail(error, MHO_MEMORY, "no memory for the output");
    if (status == MHO_OK)
        fputs(text, stdout);
    free(text);
    return status;
}

/* A study in the place of the model. */
static MhoStatus check_model_name(const char *path, MhoError *error)
{
    const char *dot = strrchr(path, '.');
    if (!dot || (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".yml") != 0))
        return MHO_OK;
    return mho_fail(error, MHO_USAGE,
                    "%s: eval takes a model file, and this is a study: name the model that it makes, MODEL.h5, or run "
                    "the study with `mho sweep %s`",
                    path, path);
}

/* Refuse what does not fit together, and tell which keys do nothing. */
static MhoStatus check_keys(const Evaluation *at, MhoError *error)
{
    MhoPointList list;
    const MhoStatus status = mho_points_create(&at->study, &list, error);
    if (status == MHO_OK)
        mho_points_warn(&list, &at->options->log);
    mho_points_destroy(&list);
    return status;
}

/* One configuration, and outputs that are new: said before any work. */
static MhoStatus check_request(const Evaluation *at, MhoError *error)
{
    const MhoOptions *options = at->options;
    MhoStatus status = MHO_OK;
    if (at->study.n_axes > 0)
        return mho_fail(error, MHO_USAGE,
                        "eval runs one configuration, but --set %s gives several; `mho sweep` runs them",
                        at->study.axes[0].key);
    if (options->output && options->trace < 0)
        return mho_fail(error, MHO_USAGE,
                        "eval prints its result; -o belongs to --trace N, and `mho sweep` writes a result file");
    if (options->logits)
        status = mho_file_check_output(options->logits, "logits", NULL, "--logits", error);
    if (status == MHO_OK && options->trace >= 0)
        status = mho_file_check_output(trace_path(options), "trace", NULL, "-o", error);
    return status;
}

static MhoStatus run_eval(MhoOptions *options, MhoError *error)
{
    Evaluation at = {.options = options, .started = mho_clock()};
    MhoNet *net = NULL;
    char digest[65];
    MhoStatus status = check_model_name(options->arguments[0], error);
    if (status == MHO_OK)
        status = mho_options_study(options, NULL, &at.study, error);
    if (status != MHO_OK)
        return status;
    status = check_request(&at, error);
    MhoModelOptions model = mho_options_model(options, false);
    if (status == MHO_OK)
        status = choose_no_chip(&at, error);
    if (status == MHO_OK)
        status = mho_settings_set(at.study.settings, "model", options->arguments[0], NULL, error);
    if (status == MHO_OK)
        status = check_keys(&at, error);
    if (status == MHO_OK)
        status = mho_model_load(options->arguments[0], &net, digest, error);
    if (status == MHO_OK)
        status = mho_trial_cache_create(&model, &at.cache, error);
    if (status == MHO_OK)
        status = options->json ? evaluate_as_json(&at, net, digest, error) : evaluate(&at, net, error);
    if (status == MHO_STOPPED) /* nothing is kept that another run could go on from */
        status = mho_fail(error, MHO_STOPPED, "stopped");
    mho_point_setup_clear(&at.setup);
    mho_trial_cache_destroy(at.cache);
    mho_net_destroy(net);
    mho_study_destroy(&at.study);
    return status;
}

const Command command_eval = {
    .name = "eval",
    .usage = "MODEL.h5",
    .summary = "classify the test images with a model on simulated chips",
    .help =
        "  mho eval models/quickstart.h5 --set chip.cell.name=pcm --set chip.time=86400 --layers\n"
        "prints the accuracy of the integer network (no device errors) and the mean accuracy of `repeat` PCM\n"
        "chips one day (86400 s) after programming, with its 95 % interval.\n"
        "  mho eval models/quickstart.h5 --set chip.cell.name=pcm --logits logits.h5\n"
        "writes logits, predicted and true labels of every image on every chip.\n"
        "  mho eval models/quickstart.h5 --set chip.cell.name=pcm --trace 7 -o trace.h5\n"
        "writes the codes of every layer for image 7. What another run wrote is not replaced. A float model is "
        "quantized\n"
        "first by\n"
        "  --set quant.weight.bits=8 --set quant.activation.bits=8\n"
        "which folds batch norm into the layers and takes activation ranges from training images.\n"
        "--json prints one object: accuracies from 0 to 1 with their interval, images per second, settings, layers.",
    .options = MHO_OPTIONS_RUN | MHO_OPTION_BATCH | MHO_OPTION_LAYERS | MHO_OPTION_TRACE | MHO_OPTION_OUTPUT |
               MHO_OPTION_LOGITS | MHO_OPTION_JSON,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_eval,
};
