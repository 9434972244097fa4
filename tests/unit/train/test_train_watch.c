/* test_train_watch.c - what ends a stage early, and the watch on gradients: norms, clips, what is not finite. */
#include "support/train_methods.h"

/* Steps too small to change a code: the net as it came stays the best, and the rate keeps to nine epochs. */
TEST(test_patience)
{
    static const char *const stages[] = {"float", "float", "4/4", "fq", "fq"};
    Bench bench;
    Sample *sample = &bench.sample;
    bench_open(&bench, NULL);
    strcpy(sample->train.stages, "float:2 4/4:1 fq:9@0.0000000001");
    sample->train.patience = 2;
    sample->train.warmup = 0.0;
    must(sample_run(sample), &sample->error);
    assert_stages(sample, stages, 5);
    ck_assert_double_eq_tol(of_history(sample, "learning_rate", 4), 0.5e-10 * (1.0 + cos(3.14159265358979 * 2.0 / 9.0)),
                            1e-16);
    bench_close(&bench);
}

/* Sum of squares of all that a step moved. */
static double movement(const MhoNet *before, const MhoNet *after)
{
    double sum = 0.0;
    for (size_t i = 0; i < after->n_nodes; i++)
        for (size_t a = 0; a < after->nodes[i].n_arrays; a++) {
            const MhoNodeArray *x = &before->nodes[i].arrays[a], *y = &after->nodes[i].arrays[a];
            for (size_t k = 0; y->learned && k < y->n; k++)
                sum += pow((double)y->value[k] - (double)x->value[k], 2.0);
        }
    return sum;
}

/* One plain step moves everything by rate times the gradient, whose norm is at most the bound. */
TEST(test_gradient_norm)
{
    static const double bounds[] = {0.0, 0.25, 1000.0};
    double norm = 0.0;
    for (int i = 0; i < 3; i++) {
        Sample sample;
        sample_open(&sample);
        strcpy(sample.train.stages, "float:1");
        sample.train.batch = SAMPLE_TRAINING;
        sample.train.momentum = sample.train.weight_decay = sample.train.warmup = 0.0;
        sample.train.schedule = MHO_SCHEDULE_CONSTANT;
        sample.train.gradient_clip = bounds[i];
        MhoNet *start = sample_net_of(&sample, "float:1", 0);
        must(sample_run(&sample), &sample.error);
        const double found = of_history(&sample, "gradient_norm", 0);
        norm = i == 0 ? found : norm;
        ck_assert_double_gt(norm, 0.5);
        ck_assert_double_eq(found, norm); /* as it was before the bound */
        ck_assert_double_eq_tol(sqrt(movement(start, sample.net)) / sample.train.learning_rate, i == 1 ? 0.25 : norm,
                                1e-4 * norm);
        mho_net_destroy(start);
        sample_close(&sample);
    }
}

/* The check of gradients names the first array that is not finite. */
TEST(test_check_names_what_is_not_finite)
{
    Sample sample;
    MhoFakeQuant *pass;
    float logits[10 * SAMPLE_CLASSES], d_logits[10 * SAMPLE_CLASSES] = {1.0F};
    sample_open(&sample);
    MhoNet *net = sample_net_of(&sample, "float:0", 0);
    must(mho_fakequant_create(net, 10, true, &pass, &error), &error);
    must(mho_fakequant_forward(pass, sample.training.images, true, logits, &error), &error);
    must(mho_fakequant_backward(pass, d_logits, &error), &error);
    bool *frozen = calloc(net->n_nodes, sizeof *frozen);
    const MhoGradient whole = mho_gradient_clip(net, pass, NULL, 0.0);
    ck_assert_int_eq(whole.node, -1);
    double sum = 0.0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        for (size_t j = 0; j < net->n_nodes; j++)
            frozen[j] = j != i;
        sum += pow(mho_gradient_clip(net, pass, frozen, 0.0).norm, 2.0);
    }
    ck_assert_double_gt(whole.norm, 0.0);
    ck_assert_double_eq_tol(sqrt(sum), whole.norm, 1e-9 * whole.norm);
    const size_t conv = (size_t)mho_net_find(net, "conv2");
    ck_assert_str_eq(net->nodes[conv].arrays[0].name, "weight");
    mho_fakequant_gradient(pass, conv, 0)[5] = NAN;
    const MhoGradient bad = mho_gradient_clip(net, pass, NULL, 1.0);
    ck_assert_int_eq(bad.node, (int)conv);
    ck_assert_int_eq(bad.array, 0);
    frozen[conv] = true;
    ck_assert_int_eq(mho_gradient_clip(net, pass, frozen, 0.0).node, -1);
    free(frozen);
    mho_fakequant_destroy(pass);
    mho_net_destroy(net);
    sample_close(&sample);
}

static void scale_array(const MhoRecord *record, const char *path, float factor)
{
    const MhoArray *array = mho_record_array(record, path);
    ck_assert_ptr_nonnull(array);
    for (size_t i = 0; i < mho_array_count(array); i++)
        ((float *)array->data)[i] *= factor;
}

/* A finite loss with a gradient that overflows: a large gain after a layer of tiny sums. */
TEST(test_overflowing_gradient_stops)
{
    Sample sample;
    sample_open(&sample);
    strcpy(sample.train.stages, "float:3");
    must(sample_run(&sample), &sample.error);
    MhoRecord *record = sample.checkpoints[0];
    scale_array(record, "layers/conv2/weight", 1e-20F);
    scale_array(record, "layers/conv2_norm/gamma", 1e37F);
    sample.input.resume = record;
    sample.input.resume_file = "partial.h5";
    mho_net_destroy(sample.net);
    sample.net = NULL;
    must_refuse(sample_run(&sample), &sample.error, MHO_FAILED, "training diverged: the gradient of ");
    ck_assert_ptr_nonnull(strstr(sample.error.text, "is not finite in stage float, epoch 2, step 1"));
    sample_close(&sample);
}
