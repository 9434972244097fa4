/* test_train_methods.c - one trainer for three methods: chips in the forward pass, an allocator's moves, layers that
 * take turns; all of them resume to the same bytes. */
#include "support/train_methods.h"

static int bits_of(const MhoNet *net, const char *layer)
{
    return mho_node_conv(&net->nodes[mho_net_find(net, layer)])->bits;
}

/* Methods -----------------------------------------------------------------------------------------------------------
 */

static void allocates(Bench *b)
{
    strcpy(b->sample.train.stages, "float:2 4/4:2 allocate fq:1");
}
static void allocates_staged(Bench *b)
{
    strcpy(b->sample.train.stages, "float:2 4/4:1 allocate");
    strcpy(b->sample.quant.weight_name, "uniq");
}
static void takes_turns(Bench *b)
{
    strcpy(b->sample.train.stages, "float:2 4/4:3");
    strcpy(b->sample.quant.weight_name, "uniq");
}
static void through_chips(Bench *b)
{
    strcpy(b->sample.train.stages, "float:2 4/4:1 chip:2 fq:1 chip:1");
    b->sample.train.chip_curriculum = MHO_CURRICULUM_SPREAD;
}
static void stops_early(Bench *b)
{
    strcpy(b->sample.train.stages, "float:5 4/4:4 2/4:2 fq:6");
    b->sample.train.patience = 2;
    b->sample.train.gradient_clip = 0.5;
    b->sample.train.weight_clip = 2.0;
}

static void allocates_on_a_chip(Bench *b)
{
    strcpy(b->sample.train.stages, "float:2 4/4:2 allocate");
    b->sample.train.chip_curriculum = MHO_CURRICULUM_GROWING;
    b->sample.input.recovers_on_chip = true;
}
static void allocates_staged_on_a_chip(Bench *b) /* no noise beside that of the chip */
{
    allocates_on_a_chip(b);
    allocates_staged(b);
}

static const BenchChange methods[] = {
    allocates,           allocates_staged,          takes_turns, through_chips, stops_early,
    allocates_on_a_chip, allocates_staged_on_a_chip};
enum { N_METHODS = sizeof methods / sizeof *methods };

/* Stopped after a checkpoint and resumed from it: the bytes of a training that was left alone. */
static void resume_after(BenchChange method, int epoch, int all_epochs, const char *whole)
{
    Bench bench;
    Sample *sample = &bench.sample;
    bench_open(&bench, method);
    sample->stop_after = epoch;
    ck_assert_int_eq(bench_run(&bench), MHO_STOPPED);
    bench.fake = (FakeAllocator){0};
    sample->stop_after = 0;
    sample->input.resume = sample->checkpoints[epoch - 1];
    sample->input.resume_file = "partial.h5";
    must(bench_run(&bench), &sample->error);
    ck_assert_msg(strcmp(sample->digest, whole) == 0, "other bytes when stopped after epoch %d", epoch);
    ck_assert_int_eq(sample->n_checkpoints, all_epochs);
    bench_close(&bench);
}

/* A training that stops after any epoch and resumes ends with the bytes of one that never stopped. */
TEST_LOOP(test_every_method_resumes, 0, N_METHODS)
{
    Bench bench;
    char whole[65];
    bench_open(&bench, methods[_i]);
    must(bench_run(&bench), &bench.sample.error);
    memcpy(whole, bench.sample.digest, sizeof whole);
    const int epochs = bench.sample.n_checkpoints;
    bench_close(&bench);
    ck_assert_int_ge(epochs, 5);
    for (int epoch = 1; epoch <= epochs; epoch++)
        resume_after(methods[_i], epoch, epochs, whole);
}

/* A training that stops after any step of an epoch and resumes ends with the same bytes. Every 17th checkpoint of a
 * training that writes one after each of its ten steps an epoch: other steps in every epoch. */
TEST_LOOP(test_every_method_resumes_within_epochs, 0, N_METHODS)
{
    Bench bench;
    Sample *sample = &bench.sample;
    char whole[65];
    bench_open(&bench, methods[_i]);
    sample_stop_within(sample, 1 << 30);
    must(bench_run(&bench), &sample->error);
    memcpy(whole, sample->digest, sizeof whole);
    const int n = sample->n_calls;
    bench_close(&bench);
    ck_assert_int_ge(n, 50);
    for (int call = 1; call <= n; call += 17) {
        bench_open(&bench, methods[_i]);
        sample_stop_within(sample, call);
        ck_assert_int_eq(bench_run(&bench), MHO_STOPPED);
        ck_assert_int_eq(sample->n_calls, call);
        const MhoRecord *training = mho_record_find(last_checkpoint(sample), "training");
        const int64_t steps = *(const int64_t *)mho_attribute_find(&training->attributes, "steps")->data;
        ck_assert_int_eq(steps, call % 10);
        bench.fake = (FakeAllocator){0};
        sample_go_on(sample);
        must(bench_run(&bench), &sample->error);
        ck_assert_msg(strcmp(sample->digest, whole) == 0, "other bytes when stopped at checkpoint %d, step %d", call,
                      (int)steps);
        bench_close(&bench);
    }
}

/* Every move of an allocator starts a recovery with its own name, epochs and rate in the history, and with the
 * stage's teacher. */
TEST(test_allocation_recovers_after_every_move)
{
    static const char *const stages[] = {"float",      "float",      "4/4",        "4/4",        "allocate 0",
                                         "allocate 0", "allocate 1", "allocate 2", "allocate 2", "fq"};
    Bench bench;
    const Sample *sample = &bench.sample;
    bench_open(&bench, allocates);
    must(bench_run(&bench), &bench.sample.error);
    assert_stages(sample, stages, sizeof stages / sizeof *stages);
    for (size_t epoch = 4; epoch < 9; epoch++) /* the recovery's rate, at the end of the first or second epoch */
        ck_assert_double_eq_tol(of_history(sample, "learning_rate", epoch), epoch == 5 || epoch == 8 ? 0.002 : 0.001,
                                0.0002);
    ck_assert_int_eq(bits_of(sample->net, "conv1"), 3);
    ck_assert_int_eq(bits_of(sample->net, "conv2"), 3);
    ck_assert(!mho_net_has_batchnorm(sample->net)); /* fq after it keeps the bits */
    ck_assert_ptr_nonnull(mho_record_find(sample->checkpoints[4], "allocation"));
    ck_assert_ptr_null(mho_record_find(sample->checkpoints[3], "allocation"));
    /* Every recovery learns from the net that the stage began with: the best of 4/4. */
    MhoNet *teacher;
    must(mho_net_from_record(mho_record_find(sample->checkpoints[8], "training/teacher"), "teacher", &teacher, &error),
         &error);
    ck_assert_int_eq(bits_of(teacher, "conv1"), 4);
    mho_net_destroy(teacher);
    bench_close(&bench);
}

static float range_of(const MhoNet *net, const char *layer)
{
    return *mho_node_values(&net->nodes[mho_net_find(net, layer)], MHO_ARRAY_ADC_LOG_RANGE);
}

/* Recoveries go forward and backward through the chip: what nothing else moves, converter ranges that learn do;
 * calibrated ones stay from the layer's own move on. */
TEST(test_recoveries_on_a_chip)
{
    static const char *const layers[] = {"conv1", "conv2", "conv3", "conv4", "conv5", "logits"};
    Bench learned, calibrated, codes;
    int moved = 0;
    bench_open(&learned, allocates_on_a_chip);
    must(bench_run(&learned), &learned.sample.error);
    bench_open(&calibrated, allocates_on_a_chip);
    calibrated.chip.config.chip.range = MHO_RANGE_CALIBRATED;
    must(bench_run(&calibrated), &calibrated.sample.error);
    bench_open(&codes, allocates_on_a_chip);
    codes.sample.input.recovers_on_chip = false;
    must(bench_run(&codes), &codes.sample.error);
    for (size_t l = 0; l < sizeof layers / sizeof *layers; l++)
        moved += range_of(learned.sample.net, layers[l]) != range_of(calibrated.sample.net, layers[l]);
    ck_assert_int_gt(moved, 0);
    const MhoArray *first = mho_record_array(calibrated.sample.checkpoints[4], "layers/conv1/adc_log_range");
    ck_assert_float_eq(*(const float *)first->data, range_of(calibrated.sample.net, "conv1"));
    ck_assert_double_eq(of_history(&learned.sample, "loss", 3), of_history(&codes.sample, "loss", 3));
    ck_assert_double_ne(of_history(&learned.sample, "loss", 4), of_history(&codes.sample, "loss", 4));
    bench_close(&codes);
    bench_close(&calibrated);
    bench_close(&learned);
}

static void ends_with_another(Bench *b)
{
    strcpy(b->sample.train.stages, "float:1 4/4:1 allocate");
    b->fake.moves = FAKE_MOVES;
    b->fake.ends_with_another = true;
}

/* An allocator may end with a net that has no recovery. */
TEST(test_allocator_may_end_with_another_net)
{
    Bench bench;
    bench_open(&bench, ends_with_another);
    must(bench_run(&bench), &bench.sample.error);
    ck_assert_int_eq(bits_of(bench.sample.net, "conv1"), 2);
    ck_assert_int_eq(bits_of(bench.sample.net, "conv2"), 4);
    ck_assert_int_eq(bench.sample.n_checkpoints, 2); /* no move, no recovery */
    bench_close(&bench);
}

/* A stage without its allocator or chip, and settings that do not fit together, are refused before the first
 * epoch. */
TEST(test_methods_need_their_input)
{
    Bench bench;
    Sample *sample = &bench.sample;
    bench_open(&bench, allocates);
    must_refuse(sample_run(sample), &sample->error, MHO_USAGE, "allocate.name");
    sample->input.recovers_on_chip = true;
    sample->input.chip = NULL;
    must_refuse(bench_run(&bench), &sample->error, MHO_USAGE, "stage allocate: there is no chip to train on");
    through_chips(&bench);
    must_refuse(bench_run(&bench), &sample->error, MHO_USAGE, "train.chip.cell.name");
    sample->input.chip = &bench.chip.config;
    bench.chip.config.chip.time = 20.0;
    must_refuse(bench_run(&bench), &sample->error, MHO_USAGE, "train.chip_curriculum");
    takes_turns(&bench);
    sample->train.patience = 1;
    must_refuse(bench_run(&bench), &sample->error, MHO_USAGE, "train.patience: quantizer 'uniq' learns layer after");
    ck_assert_int_eq(sample->n_checkpoints, 0);
    bench_close(&bench);
}

/* Without noise there are no turns: any number of layers learns the same, which is not what noise teaches. */
TEST(test_levels_without_noise)
{
    char digest[4][65]; /* noise or none, by layers or all at once */
    for (int i = 0; i < 4; i++) {
        Bench bench;
        bench_open(&bench, takes_turns);
        bench.sample.train.gradual_noise = i < 2;
        bench.sample.train.gradual_layers = i % 2;
        must(bench_run(&bench), &bench.sample.error);
        memcpy(digest[i], bench.sample.digest, sizeof digest[i]);
        bench_close(&bench);
    }
    ck_assert_str_eq(digest[2], digest[3]);
    ck_assert_str_ne(digest[0], digest[2]);
    ck_assert_str_ne(digest[1], digest[2]);
    ck_assert_str_ne(digest[0], digest[1]);
}

/* Whatever layers did in the epoch, batch norm's statistics are those of codes, which everything after training runs.
 */
TEST(test_statistics_are_those_of_codes)
{
    Bench bench;
    Sample *sample = &bench.sample;
    MhoNet *net, *again;
    MhoBatches batches;
    MhoFakeQuant *pass;
    float logits[SAMPLE_TRAINING * SAMPLE_CLASSES];
    size_t n_norms = 0;
    bench_open(&bench, takes_turns);
    strcpy(sample->train.stages, "float:2 4/4:1");
    sample->train.batch = SAMPLE_TRAINING;
    must(bench_run(&bench), &sample->error);
    must(mho_net_from_record(last_checkpoint(sample), "checkpoint", &net, &error), &error);
    must(mho_net_copy(net, &again, &error), &error);
    for (size_t i = 0; i < again->n_nodes; i++)
        if (mho_node_is(&again->nodes[i], &mho_layer_batchnorm))
            ((MhoBatchnormSettings *)(void *)again->nodes[i].settings)->momentum = 1.0;
    must(mho_batches_create(&sample->input, &batches, &error), &error);
    mho_batches_shuffle(&batches, 2);
    mho_batches_fill(&batches, 0);
    must(mho_fakequant_create(again, SAMPLE_TRAINING, true, &pass, &error), &error);
    must(mho_fakequant_forward(pass, batches.images, true, logits, &error), &error);
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoNodeArray *mean = mho_node_array(&net->nodes[i], MHO_ARRAY_MEAN);
        for (size_t k = 0; mean && k < mean->n; k++)
            ck_assert_float_eq(mean->value[k], mho_node_values(&again->nodes[i], MHO_ARRAY_MEAN)[k]);
        n_norms += mean ? 1 : 0;
    }
    ck_assert_uint_gt(n_norms, 2);
    mho_fakequant_destroy(pass);
    mho_batches_destroy(&batches);
    mho_net_destroy(again);
    mho_net_destroy(net);
    bench_close(&bench);
}

/* Two turns in two epochs: the rate runs its whole schedule in each, and once where all layers learn together. */
TEST(test_every_group_has_the_whole_schedule)
{
    for (int together = 0; together < 2; together++) {
        Bench bench;
        const double peak = 0.01;
        bench_open(&bench, takes_turns);
        strcpy(bench.sample.train.stages, "float:1 4/4:2@0.01");
        bench.sample.train.warmup = 0.0;
        bench.sample.train.schedule = MHO_SCHEDULE_COSINE;
        bench.sample.train.gradual_layers = together ? 0 : 3; /* of six */
        must(bench_run(&bench), &bench.sample.error);
        ck_assert_double_eq_tol(of_history(&bench.sample, "learning_rate", 1), together ? 0.5 * peak : 0.0,
                                1e-6 * peak);
        ck_assert_double_eq_tol(of_history(&bench.sample, "learning_rate", 2), 0.0, 1e-6 * peak);
        bench_close(&bench);
    }
}

/* Chips ---------------------------------------------------------------------------------------------------------------
 */

static void one_epoch_on_chips(Bench *b)
{
    strcpy(b->sample.train.stages, "float:3 4/4:2 chip:1");
    b->sample.train.validation_chips = 3;
}

/* Validation accuracy is that of chips which no step trained on, and the net that the stage starts from is a candidate.
 */
TEST(test_chip_stage_is_validated_on_chips)
{
    Bench bench;
    Sample *sample = &bench.sample;
    double accuracy, loss, clean, clean_loss;
    MhoNet *net;
    bench_open(&bench, one_epoch_on_chips);
    must(bench_run(&bench), &sample->error);
    must(mho_net_from_record(last_checkpoint(sample), "checkpoint", &net, &error), &error);
    must(mho_train_evaluate_chip(net, &sample->validation, NULL, &bench.chip.config, 1U << 31, 3, 1, &accuracy, &loss,
                                 &error),
         &error);
    must(mho_train_evaluate(net, &sample->validation, 16, &clean, &clean_loss, &error), &error);
    ck_assert_double_eq(of_history(sample, "validation_accuracy", 5), accuracy);
    ck_assert_double_eq(of_history(sample, "validation_loss", 5), loss);
    ck_assert_double_ne(loss, clean_loss);
    mho_net_destroy(net);
    bench_close(&bench);
}

/* A stage that only harms hands on the net that it got. */
TEST(test_chip_stage_never_hands_on_worse)
{
    Bench bench;
    Sample *sample = &bench.sample;
    bench_open(&bench, one_epoch_on_chips);
    strcpy(sample->train.stages, "float:3 4/4:2 chip:1@30");
    sample->train.batch = SAMPLE_TRAINING; /* one step, far too large */
    sample->train.warmup = 0.0;
    sample->train.schedule = MHO_SCHEDULE_CONSTANT;
    sample->train.gradient_clip = 1.0;
    must(bench_run(&bench), &sample->error);
    const MhoAttribute *best =
        mho_attribute_find(&mho_record_find(last_checkpoint(sample), "training")->attributes, "best_accuracy");
    ck_assert_double_lt(of_history(sample, "validation_accuracy", 5), *(const double *)best->data);
    const int conv = mho_net_find(sample->net, "conv1");
    const MhoArray *before = mho_record_array(sample->checkpoints[4], "training/best/layers/conv1/weight");
    const float *weights = mho_node_values(&sample->net->nodes[conv], MHO_ARRAY_WEIGHT);
    ck_assert_mem_eq(weights, before->data, mho_array_count(before) * sizeof *weights);
    bench_close(&bench);
}

/* Log-uniform: a mean of half the logarithm; growing with the stage. */
TEST(test_curriculum)
{
    enum { N = 4000 };
    const double time = 86400.0, span = log(time / 20.0);
    double spread = 0.0, growing = 0.0;
    for (uint32_t step = 0; step < N; step++) {
        const double a = log(mho_curriculum_time(MHO_CURRICULUM_SPREAD, time, 3, step, 0.5) / 20.0);
        const double b = log(mho_curriculum_time(MHO_CURRICULUM_GROWING, time, 3, step, 0.25) / 20.0);
        ck_assert_double_eq(mho_curriculum_time(MHO_CURRICULUM_FIXED, time, 3, step, 0.25), time);
        ck_assert(a >= 0.0 && a <= span * (1.0 + 1e-9) && b >= 0.0 && b <= 0.25 * span * (1.0 + 1e-9));
        spread += a / span / N;
        growing += b / span / N;
    }
    ck_assert_double_eq_tol(spread, 0.5, 4.0 * sqrt(1.0 / 12.0 / N));
    ck_assert_double_eq_tol(growing, 0.125, sqrt(1.0 / 12.0 / N));
    ck_assert_double_ne(mho_curriculum_time(MHO_CURRICULUM_SPREAD, time, 3, 1, 0.0),
                        mho_curriculum_time(MHO_CURRICULUM_SPREAD, time, 4, 1, 0.0));
    ck_assert_double_eq_tol(mho_curriculum_time(MHO_CURRICULUM_GROWING, time, 3, 1, 0.0), 20.0, 1e-9);
}

/* Finished first stages -----------------------------------------------------------------------------------------------
 */

static MhoStatus keep_final(void *context, MhoRecord *checkpoint, bool final, MhoError *e)
{
    if (final)
        copy_record(checkpoint, context);
    (void)e;
    return MHO_OK;
}

/* A finished float model in place of the first stage gives the bytes of a whole training. */
TEST(test_start_replaces_the_first_stage)
{
    Sample sample;
    MhoRecord *finished;
    char whole[65];
    sample_digest(NULL, whole);
    must(mho_record_create(&finished, &error), &error);
    sample_open(&sample);
    char stages[MHO_TEXT_MAX];
    memcpy(stages, sample.train.stages, sizeof stages);
    strcpy(sample.train.stages, "float:3");
    sample.input.checkpoint = keep_final;
    sample.input.context = finished;
    must(mho_train(&sample.input, &sample.net, &error), &error);
    mho_net_destroy(sample.net);
    sample.net = NULL;
    memcpy(sample.train.stages, stages, sizeof stages);
    sample.input.checkpoint = sample_checkpoint;
    sample.input.start = finished;
    sample.input.start_file = "float.h5";
    must(sample_run(&sample), &sample.error);
    ck_assert_str_eq(sample.digest, whole);
    ck_assert_int_eq(sample.n_checkpoints, 6); /* of nine epochs */
    mho_net_destroy(sample.net);
    sample.input.start = last_checkpoint(&sample);
    must_refuse(sample_run(&sample), &sample.error, MHO_INPUT, "float.h5: not");
    sample.input.start = finished;
    strcpy(sample.train.stages, "float:2 4/4:1");
    must_refuse(sample_run(&sample), &sample.error, MHO_INPUT, "another length");
    mho_record_destroy(finished);
    sample_close(&sample);
}
