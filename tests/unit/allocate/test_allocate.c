/* test_allocate.c - the stage around an allocator: budgets, undo, recovery. */
#include "support/train_chip.h"
#include "support/allocate_stage.h"
#include "net/lowered/net_on_chip.h"

/* Random numbers of this test, uniform in low .. high. */
static double uniform(uint64_t seed, uint32_t place, double low, double high)
{
    float u;
    mho_uniform_fill((MhoStream){.seed = seed, .place = place}, MHO_DRAW_TEST, 1, &u);
    return low + (high - low) * (double)u;
}

/* Bits are those of bit_widths, and a layer's activations have the bit_width of its weights. */
static void assert_bit_widths(const MhoNet *net)
{
    MhoBitUnit *units;
    size_t n;
    MhoError error = {0};
    must(mho_net_bit_units(net, &units, &n, &error), &error);
    for (size_t u = 0; u < n; u++) {
        const int bits = mho_node_conv(&net->nodes[units[u].layer])->bits;
        ck_assert(bits == 8 || bits == 6 || bits == 4 || bits == 3 || bits == 2);
        for (int q = 0; q < units[u].n_quantizers; q++)
            ck_assert_int_eq(mho_node_fake_quant(&net->nodes[units[u].quantizers[q]])->bits, bits);
    }
    free(units);
}

/* Nets of random widths, budgets of size and operations at random places of the way down: the end is at or below every
 * budget, and without its last move it is not. */
TEST_LOOP(test_targets_are_met_and_not_overshot, 0, 18)
{
    const uint64_t seed = (uint64_t)_i;
    Stage stage;
    stage_open(&stage);
    MhoNet *net = net_of(&stage, _i % 6 == 5 ? "resnet20" : "allconv", uniform(seed, 1, 0.1, 0.6), "float:0 8/8:0");
    MhoNet *low = net_of(&stage, _i % 6 == 5 ? "resnet20" : "allconv", stage.sample.train.width, "float:0 2/2:0");
    const double most = mbops_of(net), least = mbops_of(low);
    double size_before = 0.0, bops_before = 0.0;
    stage.params.size = _i % 3 != 1 ? uniform(seed, 2, 2.0, 8.0) : 0.0;
    stage.params.bops = _i % 3 != 0 ? uniform(seed, 3, least, most) : 0.0;
    stage.input.seed = seed;
    stage_begin(&stage);
    for (int moves = 0;; moves++) {
        const double size = size_of(net), bops = mbops_of(net);
        if (step(&stage, &net, 0.5))
            break;
        ck_assert(size_of(net) < size && mbops_of(net) < bops);
        assert_bit_widths(net);
        size_before = size;
        bops_before = bops;
    }
    ck_assert(stage.params.size == 0.0 || size_of(net) <= stage.params.size);
    ck_assert(stage.params.bops == 0.0 || mbops_of(net) <= stage.params.bops);
    ck_assert((stage.params.size > 0.0 && size_before > stage.params.size) ||
              (stage.params.bops > 0.0 && bops_before > stage.params.bops));
    MhoRecord *log = log_of(&stage);
    ck_assert_int_eq(whole(log, "reached"), 1);
    ck_assert_int_eq(stage.warnings, 0);
    mho_record_destroy(log);
    mho_net_destroy(net);
    mho_net_destroy(low);
    stage_close(&stage);
}

/* Accuracies that wander: the end never lost more than the budget; the last move, if it did, is undone to the byte. */
TEST_LOOP(test_accuracy_budget, 0, 8)
{
    const uint64_t seed = (uint64_t)_i;
    const double budget = uniform(seed, 4, 0.5, 4.0), start = 0.9;
    Stage stage;
    char before[65] = "", after[65], given[65];
    double accuracy = start;
    int moves = 0;
    stage_open(&stage);
    MhoNet *net = net_of(&stage, "allconv", 0.2, "float:0 8/8:0");
    stage.params.size = 0.0;
    stage.params.accuracy = budget;
    stage.input.seed = seed;
    stage_begin(&stage);
    for (bool done = false; !done;) {
        memcpy(after, before, sizeof after);
        net_digest(net, before);
        memcpy(given, before, sizeof given);
        const double told = accuracy;
        done = step(&stage, &net, told);
        if (!done)
            ck_assert_double_le(100.0 * (start - told), budget);
        else if (100.0 * (start - told) > budget)
            memcpy(given, after, sizeof given); /* the net before the last move */
        else
            ck_assert_double_eq(size_of(net), 2.0);
        moves += !done;
        accuracy = start - uniform(seed, 100 + (uint32_t)moves, 0.0, 0.012) * moves * 0.5;
    }
    net_digest(net, after);
    ck_assert_str_eq(after, given);
    MhoRecord *log = log_of(&stage);
    const MhoArray *undone = mho_record_array(log, "undone");
    const int32_t *flags = undone->data;
    const char *end = mho_attribute_string(&log->attributes, "end");
    ck_assert_uint_eq(undone->shape[0], (size_t)moves);
    for (int i = 0; i + 1 < moves; i++)
        ck_assert_int_eq(flags[i], 0);
    ck_assert_str_eq(end, flags[moves - 1] ? "accuracy" : "bottom");
    ck_assert_ptr_null(mho_record_find(log, "accepted"));
    mho_record_destroy(log);
    mho_net_destroy(net);
    stage_close(&stage);
}

/* Ended early, by moves or by accuracy: it says that the target is not reached. */
TEST_LOOP(test_missed_targets_are_reported, 0, 2)
{
    Stage stage;
    stage_open(&stage);
    MhoNet *net = net_of(&stage, "allconv", 0.2, "float:0 8/8:0");
    stage.params.size = 2.5;
    stage.params.moves = _i == 0 ? 2 : 0;
    stage.params.accuracy = _i == 0 ? 0.0 : 1.0;
    stage_begin(&stage);
    ck_assert(!step(&stage, &net, 0.9));
    ck_assert(!step(&stage, &net, 0.9));
    ck_assert(step(&stage, &net, 0.8));
    MhoRecord *log = log_of(&stage);
    ck_assert_int_eq(whole(log, "reached"), 0);
    ck_assert_str_eq(mho_attribute_string(&log->attributes, "end"), _i == 0 ? "moves" : "accuracy");
    ck_assert_int_eq(stage.warnings, 1);
    ck_assert_ptr_nonnull(strstr(stage.last_warning, "allocate.size"));
    mho_record_destroy(log);
    mho_net_destroy(net);
    stage_close(&stage);
}

/* The refusal names what can be reached; that can. */
TEST(test_unreachable_operations_are_refused_at_once)
{
    Stage stage;
    char lowest[64];
    bool done;
    MhoNet *next;
    stage_open(&stage);
    MhoNet *net = net_of(&stage, "allconv", 0.2, "float:0 8/8:0"),
           *low = net_of(&stage, "allconv", 0.2, "float:0 5/5:0");
    strcpy(stage.params.bit_widths, "8 5");
    stage.params.size = 0.0;
    stage.params.bops = 0.9999 * mbops_of(low);
    stage_begin(&stage);
    snprintf(lowest, sizeof lowest, "takes %.6g MBOP an image", mbops_of(low));
    must_refuse(mho_allocation_move(&stage.allocation, net, 0.5, &next, &done, &stage.error), &stage.error, MHO_USAGE,
                lowest);
    ck_assert_ptr_null(next);
    stage.params.bops = mbops_of(low);
    while (!step(&stage, &net, 0.5))
        continue;
    ck_assert_double_eq(mbops_of(net), mbops_of(low));
    mho_net_destroy(low);
    mho_net_destroy(net);
    stage_close(&stage);
}

/* A net that is there already stays as it is. */
TEST(test_no_move_is_needed)
{
    Stage stage;
    char before[65], after[65];
    stage_open(&stage);
    MhoNet *net = net_of(&stage, "allconv", 0.2, "float:0 2/2:0");
    net_digest(net, before);
    stage_begin(&stage);
    ck_assert(step(&stage, &net, 0.5));
    net_digest(net, after);
    ck_assert_str_eq(before, after);
    MhoRecord *log = log_of(&stage);
    ck_assert_ptr_null(mho_record_array(log, "winner"));
    ck_assert_str_eq(mho_attribute_string(&log->attributes, "end"), "size");
    mho_record_destroy(log);
    mho_net_destroy(net);
    stage_close(&stage);
}

static void refuse(Stage *stage, const char *words)
{
    must_refuse(mho_allocation_create(&stage->input, &stage->allocation, &stage->error), &stage->error, MHO_USAGE,
                words);
    mho_allocation_destroy(&stage->allocation);
}

/* Bad bit widths, budgets that cannot be reached and a missing chip are refused with key and remedy. */
TEST(test_refusals)
{
    static const struct {
        const char *bit_widths, *words;
    } bad[] = {{"", "no bit width"}, {"8 6 6", "6 follows 6"}, {"8 4 6", "6 follows 4"}, {"8 x", "'x'"},
               {"17 8", "'17'"},     {"8 0", "'0'"},           {"8 2.5", "'2.5'"}};
    Stage stage;

    stage_open(&stage);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        strcpy(stage.params.bit_widths, bad[i].bit_widths);
        refuse(&stage, bad[i].words);
    }
    strcpy(stage.params.bit_widths, "8 4");
    refuse(&stage, "allocate.size = 3 bit cannot be reached");
    stage.params.size = 4.5;
    strcpy(stage.params.adc_bit_widths, "8 7");
    refuse(&stage, "allocate.feedback=chip");
    stage.params.feedback = MHO_FEEDBACK_CHIP;
    refuse(&stage, "train.chip.cell.name");
    strcpy(stage.params.adc_bit_widths, "");
    stage.params.feedback = MHO_FEEDBACK_CODES;
    stage.params.trial_images = SAMPLE_VALIDATION + 1;
    refuse(&stage, "train.validation");
    stage.params.trial_images = SAMPLE_VALIDATION;
    stage.params.learning_rate_high = 0.001;
    refuse(&stage, "allocate.learning_rate_high");
    stage.params.learning_rate_high = 0.02;
    stage.params.size = 0.0;
    refuse(&stage, "no target, budget or limit");
    stage_close(&stage);
}

/* A plateau_epochs, a restart, half a cosine down, the plateau again: as published, and with other lengths. */
TEST_LOOP(test_hybrid_rate, 0, 2)
{
    Stage stage;
    stage_open(&stage);
    stage.params.learning_rate_low = 1e-4;
    stage.params.learning_rate_high = 5e-4;
    stage.params.plateau_epochs = _i == 0 ? 5 : 1;
    stage.params.restart_epochs = _i == 0 ? 10 : 2;
    MhoNet *net = net_of(&stage, "allconv", 0.2, "float:0 8/8:0");
    stage_begin(&stage);
    ck_assert(!step(&stage, &net, 0.5));
    const MhoRecovery recovery = mho_allocation_recovery(&stage.allocation);
    const double first = stage.params.plateau_epochs, length = stage.params.restart_epochs;
    for (double e = 0.05; e < 20.0; e += 0.1) {
        const double at = (e - first) / length;
        const double expected = at < 0.0 || at >= 1.0 ? 1e-4 : 1e-4 + 2e-4 * (1.0 + cos(acos(-1.0) * at));
        ck_assert_double_eq_tol(mho_recovery_rate(&recovery, e), expected, 1e-13);
    }
    ck_assert_double_eq_tol(mho_recovery_rate(&recovery, first), 5e-4, 1e-13);
    mho_net_destroy(net);
    stage_close(&stage);
}

/* A recovery ends at a share of the accuracy before the move, or after so many epochs; the log has both accuracies. */
TEST(test_recovery)
{
    Stage stage;
    size_t n;
    stage_open(&stage);
    MhoNet *net = net_of(&stage, "allconv", 0.2, "float:0 8/8:0");
    stage.params.recovery_share = 0.99;
    stage.params.recovery_epochs = 4;
    stage_begin(&stage);
    ck_assert(!step(&stage, &net, 0.8));
    MhoRecovery recovery = mho_allocation_recovery(&stage.allocation);
    ck_assert(!mho_recovery_ends(&recovery, 1, 0.791));
    ck_assert(mho_recovery_ends(&recovery, 2, 0.793));
    ck_assert(!step(&stage, &net, 0.793));
    recovery = mho_allocation_recovery(&stage.allocation);
    ck_assert(!mho_recovery_ends(&recovery, 3, 0.1));
    ck_assert(mho_recovery_ends(&recovery, 4, 0.1));
    MhoRecord *log = log_of(&stage);
    const double *before = reals(log, "accuracy_before", &n), *after = reals(log, "accuracy_after", &n);
    ck_assert_uint_eq(n, 2);
    ck_assert(before[0] == 0.8 && before[1] == 0.793 && after[0] == 0.793 && isnan(after[1]));
    mho_record_destroy(log);
    mho_net_destroy(net);
    stage_close(&stage);
}

/* The logged accuracy of a trial move is that of the net one bit width lower, on the first validation images. */
TEST(test_feedback_is_validation_accuracy)
{
    Stage stage;
    Contest contest;
    size_t n, n_units;
    MhoBitUnit *units;
    stage_open(&stage);
    MhoNet *net = trained_net(&stage), *first, *lower;
    choose_by_ccq(&stage, &contest, "hedge");
    stage_begin(&stage);
    must(mho_net_copy(net, &first, &stage.error), &stage.error);
    ck_assert(!step(&stage, &net, 0.5));
    MhoRecord *log = log_of(&stage);
    const double *feedback = reals(log, "feedback", &n), *share = reals(log, "share", &n);
    const double *trial = reals(log, "accuracy_trial", &n_units);
    const char *winner = *(char *const *)mho_record_array(log, "winner")->data;
    MhoDataset trial_set = stage.sample.validation;
    trial_set.n = 24;
    must(mho_net_bit_units(first, &units, &n_units, &stage.error), &stage.error);
    n = n_units;
    double total = 0.0;
    bool differ = false;
    for (size_t u = 0; u < n; u++) {
        int bits[64] = {0};
        double accuracy, loss;
        bits[units[u].layer] = 2;
        for (int q = 0; q < units[u].n_quantizers; q++)
            bits[units[u].quantizers[q]] = 2;
        must(mho_net_with_bits(first, bits, NULL, &lower, &stage.error), &stage.error);
        must(mho_train_evaluate(lower, &trial_set, 24, &accuracy, &loss, &stage.error), &stage.error);
        ck_assert_double_eq(feedback[u], accuracy);
        differ = differ || feedback[u] != feedback[0];
        if (strcmp(winner, first->nodes[units[u].layer].name) == 0)
            ck_assert_double_eq(trial[0], accuracy);
        total += share[u];
        mho_net_destroy(lower);
    }
    ck_assert(differ);
    ck_assert_double_eq_tol(total, 1.0, 1e-12);
    free(units);
    mho_record_destroy(log);
    mho_net_destroy(first);
    mho_net_destroy(net);
    stage_close(&stage);
}

/* A net whose converters clip nearly everything. */
static MhoNet *narrow_net(Stage *stage, const MhoChipConfig *config)
{
    const MhoDataset *training = &stage->sample.training;
    MhoNet *trained = trained_net(stage), *net;
    must(mho_net_calibrate_adc_ranges(trained, config, training->images, training->n, 1, &net, &stage->error),
         &stage->error);
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_conv(&net->nodes[i]))
            mho_node_array(&net->nodes[i], MHO_ARRAY_ADC_LOG_RANGE)->value[0] -= 3.0F;
    mho_net_destroy(trained);
    return net;
}

/* With recoveries on a chip whose ranges are calibrated once, trial moves use them: the net's own.
 * With recoveries on codes every trial move calibrates. */
TEST_LOOP(test_ranges_of_trial_moves, 0, 2)
{
    Stage stage;
    TrainChip chip;
    double own, calibrated, loss;
    size_t n;
    stage_open(&stage);
    train_chip_open(&chip, "cell.name=pcm");
    stage.input.chip = &chip.config;
    stage.params.feedback = MHO_FEEDBACK_CHIP;
    stage.params.recovery = _i;
    MhoNet *net = narrow_net(&stage, &chip.config);
    MhoDataset trial_set = stage.sample.validation;
    stage.params.trial_images = 30;
    trial_set.n = 30;
    stage_begin(&stage);
    ck_assert(!step(&stage, &net, 0.5));
    const MhoChipConfig learned = mho_chip_sums_config(&chip.config);
    must(mho_train_evaluate_chip(net, &trial_set, NULL, &learned, MHO_TRIAL_MOVE_CHIP, 2, 1, &own, &loss, &stage.error),
         &stage.error);
    must(mho_train_evaluate_chip(net, &trial_set, &stage.sample.training, &chip.config, MHO_TRIAL_MOVE_CHIP, 2, 1,
                                 &calibrated, &loss, &stage.error),
         &stage.error);
    ck_assert_double_gt(calibrated, own);
    MhoRecord *log = log_of(&stage);
    const double expected = _i == MHO_RECOVERY_SAME ? own : calibrated;
    ck_assert_double_eq(reals(log, "accuracy_trial", &n)[0], expected);
    mho_record_destroy(log);
    mho_net_destroy(net);
    stage_close(&stage);
    train_chip_close(&chip);
}

/* Learned ranges, when recoveries do not learn them: the net has to bring them. */
TEST(test_ranges_without_a_stage_to_learn_them)
{
    Stage stage;
    TrainChip chip;
    MhoNet *first;
    stage_open(&stage);
    train_chip_open(&chip, "cell.name=pcm adc.range=learned");
    stage.input.chip = &chip.config;
    stage.params.feedback = MHO_FEEDBACK_CHIP;
    stage.params.recovery = MHO_RECOVERY_CODES;
    stage_begin(&stage);
    MhoNet *bare = net_of(&stage, "allconv", 0.2, "float:0 8/8:0"), *ranged = narrow_net(&stage, &chip.config);
    must_refuse(mho_allocation_begin(&stage.allocation, bare, &first, &stage.error), &stage.error, MHO_USAGE,
                "allocate.recovery = codes: no stage learns the converter range of layer 'conv1'");
    ck_assert_ptr_null(first);
    must(mho_allocation_begin(&stage.allocation, ranged, &first, &stage.error), &stage.error);
    ck_assert_ptr_null(first); /* converters are not candidates: the net as it is */
    mho_net_destroy(bare);
    mho_net_destroy(ranged);
    stage_close(&stage);
    train_chip_close(&chip);
}
