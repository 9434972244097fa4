/* test_train_run.c - whole trainings: they learn, repeat to the byte, feel every parameter, resume, and fail clearly.
 */
#include <unistd.h>

#include "base/digest.h"
#include "data/formats_internal.h"
#include "support/data_files.h"
#include "quant/quantizer.h"
#include "support/train_sample.h"

static MhoError error;

static double attribute_of_history(const MhoRecord *record, const char *column, size_t epoch)
{
    char path[64];
    const MhoArray *array;
    snprintf(path, sizeof path, "history/%s", column);
    must(mho_record_require(record, "checkpoint", path, MHO_F64, 1, &array, &error), &error);
    ck_assert_uint_lt(epoch, mho_array_count(array));
    return ((const double *)array->data)[epoch];
}

/* A training through all kinds of stages learns, and its last net has the bits of its last stage. */
TEST(test_learns_through_all_stages)
{
    static const char *const stages[] = {"float", "float", "float", "4/4", "4/4", "2/4", "2/4", "fq", "fq"};
    Sample sample;
    double accuracy, loss;
    sample_open(&sample);
    must(sample_run(&sample), &sample.error);
    ck_assert_int_eq(sample.n_checkpoints, 9);
    const MhoRecord *last = sample.checkpoints[8];
    const MhoArray *stage = mho_record_array(last, "history/stage");
    for (size_t i = 0; i < 9; i++)
        ck_assert_str_eq(((char **)stage->data)[i], stages[i]);
    ck_assert_double_lt(attribute_of_history(last, "loss", 2), attribute_of_history(last, "loss", 0));
    ck_assert_ptr_nonnull(mho_record_array(last, "provenance/epoch_seconds"));
    ck_assert_ptr_nonnull(mho_record_find(last, "training/teacher"));
    must(mho_train_evaluate(sample.net, &sample.validation, 16, &accuracy, &loss, &error), &error);
    ck_assert_double_ge(accuracy, attribute_of_history(last, "validation_accuracy", 7)); /* the best of the stage */
    ck_assert_double_ge(accuracy, attribute_of_history(last, "validation_accuracy", 8));
    ck_assert_double_ge(accuracy, 0.9);
    for (size_t i = 0; i < sample.net->n_nodes; i++) {
        const MhoNode *node = &sample.net->nodes[i];
        ck_assert(!mho_node_is(node, &mho_layer_batchnorm) && !mho_node_is(node, &mho_layer_relu));
        if (mho_node_conv(node)) {
            ck_assert_int_eq(mho_node_conv(node)->bits, 2);
            ck_assert_int_eq(mho_node_conv(node)->shift, mho_node_is(node, &mho_layer_conv));
        }
    }
    sample_close(&sample);
}

/* Weights and activations by every registered policy: learned down to few bits, and fully where batch norm can go. */
TEST(test_every_policy_learns)
{
    for (size_t m = 0; m < mho_quantizer_registry.n; m++) {
        const MhoQuantizer *q = (const void *)mho_quantizer_registry.descriptors[m];
        Sample sample;
        double accuracy, loss;
        sample_open(&sample);
        const bool foldable = !q->normalizes_signed && !q->nonuniform;
        strcpy(sample.train.stages, foldable ? "float:3 4/4:2 3/4:2 fq:2" : "float:3 4/4:2 3/4:2");
        snprintf(sample.quant.weight_name, sizeof sample.quant.weight_name, "%s", q->descriptor.name);
        snprintf(sample.quant.activation_name, sizeof sample.quant.activation_name, "%s",
                 q->nonuniform && !q->table ? "fqconv" : q->descriptor.name);
        must(sample_run(&sample), &sample.error);
        must(mho_train_evaluate(sample.net, &sample.validation, 16, &accuracy, &loss, &error), &error);
        ck_assert_msg(accuracy >= 0.9, "%s: %g", q->descriptor.name, accuracy);
        sample_close(&sample);
        if (!q->normalizes_signed)
            continue;
        sample_open(&sample);
        strcpy(sample.train.stages, "float:1 4/4:1 fq:1");
        snprintf(sample.quant.weight_name, sizeof sample.quant.weight_name, "%s", q->descriptor.name);
        must_refuse(sample_run(&sample), &sample.error, MHO_USAGE, "batch norm cannot move");
        sample_close(&sample);
    }
}

/* The last batch is filled up; its filling must not count. */
TEST(test_evaluation_does_not_depend_on_the_batch)
{
    Sample sample;
    double accuracy, loss, other_accuracy, other_loss;
    sample_open(&sample);
    must(sample_run(&sample), &sample.error);
    must(mho_train_evaluate(sample.net, &sample.validation, SAMPLE_VALIDATION, &accuracy, &loss, &error), &error);
    for (size_t batch = 1; batch < 60; batch += 13) {
        must(mho_train_evaluate(sample.net, &sample.validation, batch, &other_accuracy, &other_loss, &error), &error);
        ck_assert_double_eq(accuracy, other_accuracy);
        ck_assert_double_eq(loss, other_loss);
    }
    sample_close(&sample);
}

static void other_seed(Sample *s)
{
    s->input.seed = 12;
}
static void noise_weight(Sample *s)
{
    s->train.noise_weight = 0.2;
}
static void noise_activation(Sample *s)
{
    s->train.noise_activation = 0.2;
}
static void noise_sum(Sample *s)
{
    s->train.noise_sum = 0.5;
}
static void no_distillation(Sample *s)
{
    s->train.distill = 0.0;
}
static void temperature(Sample *s)
{
    s->train.distill_temperature = 4.0;
}
static void crops(Sample *s)
{
    s->train.crop = 1;
}
static void flips(Sample *s)
{
    s->train.flip = true;
}
static void smoothing(Sample *s)
{
    s->train.label_smoothing = 0.1;
}
static void momentum(Sample *s)
{
    s->train.momentum = 0.8;
}
static void decay(Sample *s)
{
    s->train.weight_decay = 0.01;
}
static void warmup(Sample *s)
{
    s->train.warmup = 1.0;
}
static void schedule(Sample *s)
{
    s->train.schedule = MHO_SCHEDULE_CONSTANT;
}
static void rate(Sample *s)
{
    s->train.learning_rate = 0.04;
}
static void quant_learning_rate(Sample *s)
{
    s->train.quant_learning_rate = 0.02;
}
static void batch(Sample *s)
{
    s->train.batch = 20;
}
static void width(Sample *s)
{
    s->train.width = 0.5;
}
static void per_tensor(Sample *s)
{
    s->quant.scale = MHO_SCALE_PER_TENSOR;
}
static void no_shift(Sample *s)
{
    s->quant.shift = 1;
}
static void stage_rate(Sample *s)
{
    strcpy(s->train.stages, "float:3 4/4:2 2/4:2 fq:2@0.02");
}
static void weight_policy(Sample *s)
{
    strcpy(s->quant.weight_name, "fqconv gradient=straight");
}
static void activation_policy(Sample *s)
{
    strcpy(s->quant.activation_name, "fqconv fit=maximum");
}

static const SampleChange changes[] = {other_seed,
                                       noise_weight,
                                       noise_activation,
                                       noise_sum,
                                       no_distillation,
                                       temperature,
                                       crops,
                                       flips,
                                       smoothing,
                                       momentum,
                                       decay,
                                       warmup,
                                       schedule,
                                       rate,
                                       quant_learning_rate,
                                       batch,
                                       width,
                                       per_tensor,
                                       no_shift,
                                       stage_rate,
                                       weight_policy,
                                       activation_policy};
enum { N_CHANGES = sizeof changes / sizeof *changes };

/* Every parameter of training changes the result. */
TEST(test_every_parameter_acts)
{
    char plain[65], changed[65];
    sample_digest(NULL, plain);
    for (int i = 0; i < N_CHANGES; i++) {
        sample_digest(changes[i], changed);
        ck_assert_msg(strcmp(plain, changed) != 0, "change %d does nothing", i);
    }
}

/* Noise is a matter of quantized stages. */
static void float_only(Sample *s)
{
    strcpy(s->train.stages, "float:2");
}
static void two_threads(Sample *s)
{
    strcpy(s->train.stages, "float:1 4/4:1 fq:1");
    s->train.batch = 50;
    s->input.threads = 2;
}
static void float_with_noise(Sample *s)
{
    float_only(s);
    s->train.noise_weight = s->train.noise_activation = s->train.noise_sum = 1.0;
}

/* The same input gives the same bytes, with any number of threads. */
TEST(test_same_bytes_again)
{
    char first[65], second[65];
    sample_digest(two_threads, first);
    sample_digest(two_threads, second);
    ck_assert_str_eq(first, second);
    sample_digest(float_only, first);
    sample_digest(float_with_noise, second);
    ck_assert_str_eq(first, second);
}

static void noise_and_no_shift(Sample *s)
{
    noise_weight(s);
    no_shift(s);
}

enum { ALL_EPOCHS = 9 };

/* Stopped after a checkpoint and resumed from it: the bytes of a training that was left alone. */
static void resume_after(int epoch, const char *whole)
{
    Sample sample;
    sample_open(&sample);
    noise_and_no_shift(&sample);
    sample.stop_after = epoch;
    ck_assert_int_eq(sample_run(&sample), MHO_STOPPED);
    ck_assert_ptr_null(sample.net);
    ck_assert_str_eq(sample.digest, "");
    sample.stop_after = 0;
    sample.input.resume = sample.checkpoints[epoch - 1];
    sample.input.resume_file = "partial.h5";
    must(sample_run(&sample), &sample.error);
    ck_assert_msg(strcmp(sample.digest, whole) == 0, "other bytes when stopped after epoch %d", epoch);
    ck_assert_int_eq(sample.n_checkpoints, ALL_EPOCHS);
    sample_close(&sample);
}

/* A resumed training ends with the bytes of one that never stopped. */
TEST(test_resume)
{
    char whole[65];
    sample_digest(noise_and_no_shift, whole);
    for (int epoch = 1; epoch <= ALL_EPOCHS; epoch++)
        resume_after(epoch, whole);
}

/* The same where it stops within an epoch, with noise on weights, distillation and crops. */
TEST(test_resume_within_an_epoch)
{
    static const int steps[] = {1, 9, 32, 58, 89};
    char whole[65];
    sample_digest(noise_and_no_shift, whole);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        Sample sample;
        sample_open(&sample);
        noise_and_no_shift(&sample);
        sample_stop_within(&sample, steps[i]);
        ck_assert_int_eq(sample_run(&sample), MHO_STOPPED);
        sample_go_on(&sample);
        must(sample_run(&sample), &sample.error);
        ck_assert_msg(strcmp(sample.digest, whole) == 0, "other bytes when stopped after step %d", steps[i]);
        sample_close(&sample);
    }
}

/* Damaged attributes of a checkpoint within an epoch: none of them is believed. */
TEST(test_resume_refuses_damaged_positions)
{
    static const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"steps", -1}, {"steps", 10}, {"hits", 51}, {"over", 1}};
    static const char *const reals[] = {"loss_sum", "gradient_norm", "seconds", "best_accuracy"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers + sizeof reals / sizeof *reals; i++) {
        Sample sample;
        sample_open(&sample);
        sample_stop_within(&sample, 35);
        ck_assert_int_eq(sample_run(&sample), MHO_STOPPED);
        sample_go_on(&sample);
        MhoRecord *training = (MhoRecord *)(uintptr_t)mho_record_find(sample.input.resume, "training");
        const size_t r = i - sizeof numbers / sizeof *numbers;
        if (i < sizeof numbers / sizeof *numbers)
            must(mho_attribute_int(&training->attributes, numbers[i].name, numbers[i].value, &error), &error);
        else
            must(mho_attribute_real(&training->attributes, reals[r], (double)NAN, &error), &error);
        must_refuse(sample_run(&sample), &sample.error, MHO_INPUT, "partial.h5: not a checkpoint of this recipe");
        sample_close(&sample);
    }
}

/* A checkpoint of another recipe, or with a damaged history, is refused. */
TEST(test_resume_refuses_strangers)
{
    Sample sample;
    sample_open(&sample);
    must(sample_run(&sample), &sample.error);
    mho_net_destroy(sample.net);
    sample.input.resume = sample.checkpoints[4];
    sample.input.resume_file = "partial.h5";
    sample.input.recipe = "another";
    must_refuse(sample_run(&sample), &sample.error, MHO_INPUT, "partial.h5: not a checkpoint of this recipe");
    sample.input.recipe = "";
    strcpy(sample.train.stages, "float:3");
    must_refuse(sample_run(&sample), &sample.error, MHO_INPUT, "its stage is not in the stages");
    strcpy(sample.train.stages, "float:2 4/4:2");
    must_refuse(sample_run(&sample), &sample.error, MHO_INPUT, "its history has another length");
    strcpy(sample.train.stages, "float:3 4/4:2");
    sample.checkpoints[4]->n_children--; /* groups stand in the order they were made: provenance is before training */
    must_refuse(sample_run(&sample), &sample.error, MHO_INPUT, "no stage, or no position");
    sample.checkpoints[4]->n_children++;
    sample_close(&sample);
}

/* A damaged file's stage is read nowhere. */
TEST(test_resume_refuses_stages_that_are_not_there)
{
    static const int64_t stages[] = {-1, 4, INT64_C(1) << 40, INT64_MAX, INT64_MIN};
    Sample sample;
    sample_open(&sample);
    must(sample_run(&sample), &sample.error);
    mho_net_destroy(sample.net);
    sample.input.resume = sample.checkpoints[4];
    sample.input.resume_file = "partial.h5";
    MhoRecord *training = (MhoRecord *)(uintptr_t)mho_record_find(sample.checkpoints[4], "training");
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        must(mho_attribute_int(&training->attributes, "stage", stages[i], &error), &error);
        must_refuse(sample_run(&sample), &sample.error, MHO_INPUT, "its stage is not in the stages");
    }
    sample_close(&sample);
}

/* A damaged file whose net, best net or teacher expects another image shape is refused. */
TEST(test_resume_refuses_nets_of_other_images)
{
    static const char *const nets[] = {"best", "teacher"};
    const MhoShape input = {SAMPLE_SIDE, SAMPLE_SIDE, 1};
    Sample sample;
    MhoNet *other;
    sample_open(&sample);
    must(sample_run(&sample), &sample.error);
    mho_net_destroy(sample.net);
    MhoRecord *training = (MhoRecord *)(uintptr_t)mho_record_find(sample.checkpoints[4], "training");
    sample.input.resume = sample.checkpoints[4];
    sample.input.resume_file = "partial.h5";
    must(mho_net_build("allconv", input, SAMPLE_CLASSES + 60, 0.25, 3, &other, &error), &error);
    for (size_t i = 0; i < 2; i++) {
        MhoRecord *record, *right = (MhoRecord *)(uintptr_t)mho_record_find(training, nets[i]);
        right->name[0]++; /* out of sight */
        must(mho_record_child(training, nets[i], &record, &error), &error);
        must(mho_net_to_record(other, record, &error), &error);
        must_refuse(sample_run(&sample), &sample.error, MHO_INPUT, "its network expects a different image shape");
        record->name[0] = '-';
        right->name[0]--;
    }
    must(sample_run(&sample), &sample.error);
    mho_net_destroy(sample.net);
    sample.net = NULL;
    sample.training.n_classes++;
    must_refuse(sample_run(&sample), &sample.error, MHO_INPUT, "its network expects a different image shape");
    mho_net_destroy(other);
    sample_close(&sample);
}

/* A training that diverges fails with stage, epoch, step and a remedy. */
TEST(test_divergence_is_reported)
{
    Sample sample;
    sample_open(&sample);
    strcpy(sample.train.stages, "float:2 4/4:3");
    sample.train.warmup = 0.0;
    sample.train.weight_decay = 1.0;
    sample.train.learning_rate = 100.0;
    must_refuse(sample_run(&sample), &sample.error, MHO_FAILED, "training diverged");
    ck_assert_ptr_nonnull(strstr(sample.error.text, "stage float, epoch"));
    ck_assert_ptr_nonnull(strstr(sample.error.text, "step"));
    ck_assert_ptr_null(sample.net);
    sample.train.learning_rate = 0.05; /* a scale goes first: not a fault of the caller's */
    sample.train.quant_learning_rate = 100.0;
    must_refuse(sample_run(&sample), &sample.error, MHO_FAILED, "training diverged");
    ck_assert_ptr_nonnull(strstr(sample.error.text, "stage 4/4, epoch"));
    sample_close(&sample);
}

/* Missing images, labels out of range and batches that are too large are refused. */
TEST(test_bad_input)
{
    Sample sample;
    sample_open(&sample);
    sample.training.labels[7] = 3;
    must_refuse(sample_run(&sample), &sample.error, MHO_INPUT, "training image 7 has label 3");
    sample.training.labels[7] = 1;
    strcpy(sample.train.net, "lenett");
    must_refuse(sample_run(&sample), &sample.error, MHO_USAGE, "lenet");
    strcpy(sample.train.net, "allconv");
    strcpy(sample.quant.weight_name, "fqcnov");
    must_refuse(sample_run(&sample), &sample.error, MHO_USAGE, "stage 4/4");
    strcpy(sample.quant.weight_name, "uniq");
    strcpy(sample.train.stages, "float:1 4/4:1 fq:1");
    must_refuse(sample_run(&sample), &sample.error, MHO_USAGE, "stage fq: batch norm stays");
    ck_assert_ptr_null(sample.net);
    strcpy(sample.quant.activation_name, "kmeans");
    must_refuse(sample_run(&sample), &sample.error, MHO_USAGE, "stage 4/4: quant.activation.name");
    sample.validation.n = 0;
    must_refuse(sample_run(&sample), &sample.error, MHO_USAGE, "validate");
    sample_close(&sample);
}

/* Bits may change after batch norm is gone: shifts keep their values, not their counts. */
TEST(test_other_bits_without_batchnorm)
{
    Sample sample;
    sample_open(&sample);
    strcpy(sample.train.stages, "float:3 8/8:2 fq:1 fq 8/4:0");
    sample.train.quant_learning_rate = 0.0;
    must(sample_run(&sample), &sample.error);
    MhoNet *fine;
    must(mho_net_from_record(sample.checkpoints[5], "checkpoint", &fine, &error), &error);
    const int at = mho_net_find(fine, "conv2");
    const float before = mho_node_array(&fine->nodes[at], MHO_ARRAY_SHIFT)->value[0];
    const float after =
        mho_node_array(&sample.net->nodes[mho_net_find(sample.net, "conv2")], MHO_ARRAY_SHIFT)->value[0];
    ck_assert_float_ne(before, 0.0F);
    ck_assert_float_eq_tol(after, before * 15.0F / 255.0F,
                           1e-5F * fabsf(before)); /* the unit grew with the input's step */
    mho_net_destroy(fine);
    sample_close(&sample);
}

/* A data folder that holds the training files alone is enough to load, split and train. */
TEST(test_trains_without_test_files)
{
    char folder[] = "/tmp/mho-train-XXXXXX";
    static Buffer images, labels;
    MhoDataset all;
    Sample sample;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("HOME", folder, 1);
    unsetenv("MHO_DATA");
    ck_assert_int_eq(mkdir(in(folder, "mnist"), 0777), 0);
    make_idx(&images, 3, (uint32_t[]){60, 28, 28}, 7, 251);
    make_idx(&labels, 1, (uint32_t[]){60}, 1, 10);
    write_bytes(in(folder, "mnist/train-images-idx3-ubyte"), images.data, images.n);
    write_bytes(in(folder, "mnist/train-labels-idx1-ubyte"), labels.data, labels.n);
    sample_open(&sample);
    mho_dataset_destroy(&sample.training);
    mho_dataset_destroy(&sample.validation);
    char digests[2][65], place[MHO_PATH_MAX];
    mho_sha256(images.data, images.n, digests[0]);
    mho_sha256(labels.data, labels.n, digests[1]);
    const MhoDataFile files[] = {{"train-images-idx3-ubyte", digests[0], MHO_SPLIT_TRAIN},
                                 {"train-labels-idx1-ubyte", digests[1], MHO_SPLIT_TRAIN},
                                 {"t10k-images-idx3-ubyte", "", MHO_SPLIT_TEST}};
    const MhoDatasetDescriptor own = {
        .descriptor = {.name = "mnist"}, .files = files, .n_files = 3, .n_classes = 10, .h = 28, .w = 28, .c = 1};
    must(mho_dataset_locate_splits(&own, folder, MHO_WANT_TRAIN, place, sizeof place, &error), &error);
    must(mho_idx_load(&own, place, MHO_SPLIT_TRAIN, &all, &error), &error);
    must(mho_dataset_split(&all, 20, 1, &sample.training, &sample.validation, &error), &error);
    strcpy(sample.train.stages, "float:1 4/4:1 fq:1");
    must(sample_run(&sample), &sample.error);
    MhoDataset none;
    ck_assert_int_eq(mho_dataset_load("mnist", folder, MHO_SPLIT_TEST, 0, &none, &error), MHO_INPUT);
    mho_dataset_destroy(&all);
    sample_close(&sample);
    remove_tree(folder);
}
