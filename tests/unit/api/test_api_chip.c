/* test_api_chip.c - a model on a chip, of mho.h: chips by number, conditions, batches, threads, layers, refusals. */
#include <stdio.h>
#include <string.h>

#include "../../registry/tiny.h"
#include "mho/mho.h"
#include "must.h"
#include "store/store.h"

static MhoError error;
static MhoStudy *study;
static MhoModel *model;
static MhoImages *images, *training;

static void set_key(const char *key, const char *value)
{
    must(mho_study_set_key(study, key, value, &error), &error);
}

static void set_up(void)
{
    ck_assert(tiny_enter());
    must(mho_study_open(NULL, &study, &error), &error);
    set_key("data.name", TINY_TEST_SET);
    set_key("data.train", TINY_TRAIN_SET);
    set_key("chip.cell.name", "pcm");
    must(mho_model_open("tiny.h5", &model, &error), &error);
    must(mho_images_open(study, MHO_IMAGES_TEST, NULL, &images, &error), &error);
    must(mho_images_open(study, MHO_IMAGES_CALIBRATION, NULL, &training, &error), &error);
}

static void tear_down(void)
{
    mho_images_free(images);
    mho_images_free(training);
    mho_model_free(model);
    mho_study_free(study);
    tiny_leave();
}

TEST_FIXTURE(set_up, tear_down);

static MhoOnChip *create(int threads)
{
    MhoRunOptions options = mho_run_options_defaults();
    MhoOnChip *on_chip;
    options.threads = threads;
    must(mho_on_chip_create(model, study, training, &options, &on_chip, &error), &error);
    return on_chip;
}

/* Logits of all images on a chip at a time, in batches. */
static void read_chip(MhoOnChip *on_chip, uint32_t chip, double time, size_t batch, float logits[TINY_LOGITS])
{
    MhoChipCondition at = mho_chip_condition_defaults(study);
    at.time = time;
    must(mho_on_chip_set(on_chip, chip, &at, &error), &error);
    for (size_t first = 0; first < TINY_TEST; first += batch)
        must(mho_on_chip_classify(on_chip, images, first, first + batch > TINY_TEST ? TINY_TEST - first : batch,
                                  logits + first * TINY_CLASSES, NULL, &error),
             &error);
}

#define same(a, b) (memcmp(a, b, sizeof(float[TINY_LOGITS])) == 0)

/* The number of a chip always counts: chips 0 and 1 differ, and 0 after 1 gives the bytes of 0. */
TEST(a_chip_is_its_number)
{
    MhoOnChip *on_chip = create(1), *other = create(1);
    float zero[TINY_LOGITS], one[TINY_LOGITS], again[TINY_LOGITS], alone[TINY_LOGITS];
    read_chip(on_chip, 0, 60.0, TINY_TEST, zero);
    read_chip(on_chip, 1, 60.0, TINY_TEST, one);
    read_chip(on_chip, 0, 60.0, TINY_TEST, again);
    read_chip(other, 1, 60.0, TINY_TEST, alone);
    ck_assert(!same(zero, one));
    ck_assert(same(zero, again));
    ck_assert(same(one, alone));
    mho_on_chip_free(on_chip);
    mho_on_chip_free(other);
    mho_on_chip_free(NULL);
}

/* Time changes what a chip returns, and the same time again gives the same bytes. */
TEST(a_condition_comes_back)
{
    MhoOnChip *on_chip = create(1);
    float young[TINY_LOGITS], old[TINY_LOGITS], again[TINY_LOGITS];
    read_chip(on_chip, 3, 60.0, TINY_TEST, young);
    read_chip(on_chip, 3, 1e7, TINY_TEST, old);
    read_chip(on_chip, 3, 60.0, TINY_TEST, again);
    ck_assert(!same(young, old));
    ck_assert(same(young, again));
    mho_on_chip_free(on_chip);
}

/* Threads and batches do not change a bit. */
TEST(threads_and_batches_change_nothing)
{
    float whole[TINY_LOGITS], parts[TINY_LOGITS];
    MhoOnChip *on_chip = create(1);
    read_chip(on_chip, 2, 60.0, TINY_TEST, whole);
    mho_on_chip_free(on_chip);
    on_chip = create(3);
    read_chip(on_chip, 2, 60.0, 7, parts);
    mho_on_chip_free(on_chip);
    ck_assert(same(whole, parts));
}

/* The handle gives the accuracy, the loss and the classes of the same chip in a study, and keeps copies of its inputs.
 */
TEST(metrics_equal_those_of_a_study)
{
    MhoOnChip *on_chip = create(2);
    MhoResult *result;
    MhoMetrics metrics;
    int32_t classes[TINY_TEST];
    double accuracy[2], loss[2];
    size_t hits = 0;
    set_key("repeat", "2");
    set_key("model", "tiny.h5");
    must(mho_study_run(study, NULL, "out.h5", NULL, 0, &error), &error);
    mho_images_free(training);
    mho_model_free(model);
    training = NULL;
    model = NULL;
    must(mho_result_open("out.h5", &result, &error), &error);
    must(mho_result_numbers(result, "accuracy", accuracy, 2, &error), &error);
    must(mho_result_numbers(result, "loss", loss, 2, &error), &error);
    must(mho_on_chip_set(on_chip, 1, NULL, &error), &error);
    must(mho_on_chip_evaluate(on_chip, images, &metrics, &error), &error);
    ck_assert_uint_eq(metrics.n, TINY_TEST);
    ck_assert(metrics.accuracy == accuracy[1]);
    ck_assert(metrics.loss == loss[1]);
    must(mho_on_chip_classify(on_chip, images, 0, TINY_TEST, NULL, classes, &error), &error);
    for (size_t i = 0; i < TINY_TEST; i++)
        hits += classes[i] == mho_images_info(images).labels[i];
    ck_assert_uint_eq(hits, (size_t)(metrics.accuracy * TINY_TEST + 0.5));
    mho_result_free(result);
    mho_on_chip_free(on_chip);
}

/* A layer reports its plan, and what the last images measured. */
TEST(layers_are_metered)
{
    MhoOnChip *on_chip = create(1);
    MhoLayerMetrics layer;
    float logits[TINY_LOGITS];
    read_chip(on_chip, 0, 60.0, TINY_TEST, logits);
    must(mho_on_chip_layer(on_chip, 0, &layer, &error), &error);
    ck_assert_str_eq(layer.name, "logits");
    ck_assert_uint_ge(layer.rows, TINY_PIXELS);
    ck_assert_uint_eq(layer.columns, TINY_CLASSES);
    ck_assert_uint_eq(layer.groups, 1);
    ck_assert_uint_ge(layer.devices, 2 * TINY_PIXELS * TINY_CLASSES);
    ck_assert_uint_eq(layer.measured_conversions, TINY_TEST * layer.conversions);
    ck_assert_uint_le(layer.clipped, layer.measured_conversions);
    ck_assert(layer.adc_step > 0.0 && layer.signal_energy > 0.0 && layer.noise_energy > 0.0);
    must_refuse(mho_on_chip_layer(on_chip, 1, &layer, &error), &error, MHO_USAGE, "layer 1");
    must_refuse(mho_on_chip_layer(on_chip, 0, NULL, &error), &error, MHO_USAGE, "metrics is NULL");
    must_refuse(mho_on_chip_layer(NULL, 0, &layer, &error), &error, MHO_USAGE, "on_chip is NULL");
    mho_on_chip_free(on_chip);
}

/* A float model is quantized by the keys quant.*, and refused without them or without training images. */
TEST(a_float_model_is_quantized)
{
    const MhoShape shape = {TINY_SIDE, TINY_SIDE, 1};
    MhoNet *net;
    MhoRecord *record;
    MhoOnChip *on_chip;
    MhoMetrics metrics;
    must(mho_net_build("allconv", shape, TINY_CLASSES, 0.25, 1, &net, &error), &error);
    must(mho_record_create(&record, &error), &error);
    must(mho_net_to_record(net, record, &error), &error);
    must(mho_store_write("float.h5", record, &error), &error);
    mho_record_destroy(record);
    mho_net_destroy(net);
    mho_model_free(model);
    must(mho_model_open("float.h5", &model, &error), &error);
    ck_assert_int_eq(mho_model_info(model).is_quantized, 0);
    must_refuse(mho_on_chip_create(model, study, training, NULL, &on_chip, &error), &error, MHO_USAGE,
                "quant.weight.bits=8");
    set_key("quant.weight.bits", "8");
    set_key("quant.activation.bits", "8");
    must_refuse(mho_on_chip_create(model, study, NULL, NULL, &on_chip, &error), &error, MHO_USAGE, "training images");
    on_chip = create(1);
    must(mho_on_chip_set(on_chip, 0, NULL, &error), &error);
    must(mho_on_chip_evaluate(on_chip, images, &metrics, &error), &error);
    MhoLayerMetrics layer;
    must(mho_on_chip_layer(on_chip, mho_model_info(model).n_layers - 1, &layer, &error), &error);
    must_refuse(mho_on_chip_layer(on_chip, mho_model_info(model).n_layers, &layer, &error), &error, MHO_USAGE, "layer");
    mho_on_chip_free(on_chip);
}

/* Studies and images that do not fit a model are refused at create. */
TEST(wrong_setups_are_refused)
{
    static const uint8_t pixels[4 * 4];
    MhoOnChip *on_chip;
    MhoImages *small;
    must(mho_images_copy((MhoImageShape){4, 4, 1}, 1, pixels, NULL, 0, &small, &error), &error);
    must_refuse(mho_on_chip_create(model, study, small, NULL, &on_chip, &error), &error, MHO_USAGE, "4 x 4 x 1");
    ck_assert_ptr_null(on_chip);
    must_refuse(mho_on_chip_create(model, study, NULL, NULL, &on_chip, &error), &error, MHO_USAGE, "training images");
    must_refuse(mho_on_chip_create(NULL, study, training, NULL, &on_chip, &error), &error, MHO_USAGE, "model is NULL");
    must_refuse(mho_on_chip_create(model, NULL, training, NULL, &on_chip, &error), &error, MHO_USAGE, "study is NULL");
    must_refuse(mho_on_chip_create(model, study, training, NULL, NULL, &error), &error, MHO_USAGE, "on_chip is NULL");
    set_key("quant.weight.bits", "8");
    must_refuse(mho_on_chip_create(model, study, training, NULL, &on_chip, &error), &error, MHO_USAGE,
                "quant.weight.bits");
    set_key("quant.weight.bits", "0");
    set_key("noise.weight", "0.5");
    must_refuse(mho_on_chip_create(model, study, training, NULL, &on_chip, &error), &error, MHO_USAGE, "noise.weight");
    set_key("noise.weight", "0");
    set_key("chip.time", "[1, 2]");
    must_refuse(mho_on_chip_create(model, study, training, NULL, &on_chip, &error), &error, MHO_USAGE, "chip.time");
    mho_images_free(small);
}

/* Classifying needs a chip, images of the model's shape that the set has, and labels for an accuracy. */
TEST(wrong_images_are_refused)
{
    static const uint8_t pixels[TINY_PIXELS], label[1] = {TINY_CLASSES};
    MhoOnChip *on_chip = create(1);
    MhoImages *small, *unlabelled, *many;
    MhoMetrics metrics;
    MhoChipCondition at = mho_chip_condition_defaults(study);
    const MhoImageShape shape = {TINY_SIDE, TINY_SIDE, 1};
    must(mho_images_copy((MhoImageShape){4, 4, 1}, 1, pixels, NULL, 0, &small, &error), &error);
    must(mho_images_copy(shape, 1, pixels, NULL, 0, &unlabelled, &error), &error);
    must(mho_images_copy(shape, 1, pixels, label, TINY_CLASSES + 1, &many, &error), &error);
    must_refuse(mho_on_chip_evaluate(on_chip, images, &metrics, &error), &error, MHO_USAGE, "mho_on_chip_set");
    at.time = -1.0;
    must_refuse(mho_on_chip_set(on_chip, 0, &at, &error), &error, MHO_USAGE, "time");
    must_refuse(mho_on_chip_set(NULL, 0, NULL, &error), &error, MHO_USAGE, "on_chip is NULL");
    must(mho_on_chip_set(on_chip, 0, NULL, &error), &error);
    must_refuse(mho_on_chip_set(on_chip, 0, &at, &error), &error, MHO_USAGE, "time");
    must_refuse(mho_on_chip_classify(on_chip, images, 0, 1, NULL, NULL, &error), &error, MHO_USAGE, "no chip is set");
    must(mho_on_chip_set(on_chip, 0, NULL, &error), &error);
    must_refuse(mho_on_chip_classify(on_chip, small, 0, 1, NULL, NULL, &error), &error, MHO_USAGE, "4 x 4 x 1");
    must_refuse(mho_on_chip_classify(on_chip, images, 1, TINY_TEST, NULL, NULL, &error), &error, MHO_USAGE,
                "40 images");
    must_refuse(mho_on_chip_classify(on_chip, images, TINY_TEST + 1, 0, NULL, NULL, &error), &error, MHO_USAGE, "40");
    must(mho_on_chip_classify(on_chip, images, TINY_TEST, 0, NULL, NULL, &error), &error);
    must_refuse(mho_on_chip_classify(on_chip, NULL, 0, 1, NULL, NULL, &error), &error, MHO_USAGE, "images is NULL");
    must_refuse(mho_on_chip_evaluate(on_chip, unlabelled, &metrics, &error), &error, MHO_USAGE, "no labels");
    must_refuse(mho_on_chip_evaluate(on_chip, many, &metrics, &error), &error, MHO_USAGE, "5 classes");
    must_refuse(mho_on_chip_evaluate(on_chip, images, NULL, &error), &error, MHO_USAGE, "metrics is NULL");
    mho_images_free(small);
    mho_images_free(unlabelled);
    mho_images_free(many);
    mho_on_chip_free(on_chip);
}
