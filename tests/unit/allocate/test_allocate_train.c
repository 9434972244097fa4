/* test_allocate_train.c - allocations within a training: by codes, with an accuracy budget, and on the chip with
 * converters as candidates, with recoveries on the chip or on codes; each is stopped and resumed to the same bytes.
 */
#include "support/train_chip.h"
#include "support/allocate_stage.h"

/* A stage whose moves are a training's. */
typedef struct Case {
    Stage stage;
    Contest contest; /* ccq with its parameters */
    TrainChip chip;
} Case;

typedef void (*CaseChange)(Case *setup);

static void by_hedge(Case *setup)
{
    setup->stage.params.size = 4.0;
}

static void by_exp3(Case *setup)
{
    contest_set(&setup->contest, "competition", "exp3");
    setup->stage.params.bops = 0.3;
    setup->stage.params.size = 0.0;
}

/* The first move that costs anything is one too many. */
static void until_it_hurts(Case *setup)
{
    contest_set(&setup->contest, "competition", "size");
    setup->stage.params.size = 0.0;
    setup->stage.params.accuracy = 0.1;
    setup->stage.params.recovery_epochs = 1;
}

static void on_a_chip(Case *setup)
{
    train_chip_open(&setup->chip, "cell.name=pcm cell.pcm.prog_scale=10 adc.range=learned");
    setup->stage.input.chip = &setup->chip.config;
    setup->stage.sample.input.chip = &setup->chip.config;
    setup->stage.sample.train.validation_chips = 3;
    setup->stage.params.feedback = MHO_FEEDBACK_CHIP;
    setup->stage.params.moves = 3;
    setup->stage.params.size = 0.0;
    strcpy(setup->stage.params.adc_bit_widths, "4 3 2"); /* no loss of codes, much of the chip */
}

/* Trial moves calibrate the chip's converters; recoveries do not use it. */
static void recovers_on_codes(Case *setup)
{
    on_a_chip(setup);
    setup->chip.config.chip.range = MHO_RANGE_CALIBRATED;
    setup->stage.params.recovery = MHO_RECOVERY_CODES;
}

/* Loss on the chip is what the budget is of: 2-bit converters, that codes do not feel. */
static void until_it_hurts_on_a_chip(Case *setup)
{
    on_a_chip(setup);
    until_it_hurts(setup);
    setup->stage.params.accuracy = 8.0;
    setup->stage.params.learning_rate_low = setup->stage.params.learning_rate_high = 0.0; /* else it comes out ahead */
    setup->stage.params.moves = 8;
}

static const CaseChange changes[] = {by_hedge,  by_exp3,           until_it_hurts,
                                     on_a_chip, recovers_on_codes, until_it_hurts_on_a_chip};
static bool is_chip(CaseChange change)
{
    return change == on_a_chip || change == until_it_hurts_on_a_chip;
}
enum { N_CHANGES = sizeof changes / sizeof *changes };

static void case_open(Case *setup, CaseChange change)
{
    Stage *stage = &setup->stage;
    memset(&setup->chip, 0, sizeof setup->chip);
    stage_open(stage);
    choose_by_ccq(stage, &setup->contest, "hedge");
    stage->params.accuracy = 0.0;
    stage->params.recovery_epochs = 2;
    change(setup);
    strcpy(stage->sample.train.stages, "float:3 8/8:1 allocate");
    stage->sample.train.width = 0.2;
}

static void case_close(Case *setup)
{
    stage_close(&setup->stage);
    train_chip_close(&setup->chip);
}

static const int32_t *wholes(const MhoRecord *log, const char *name, size_t n)
{
    const MhoArray *array = mho_record_array(log, name);
    ck_assert(array && array->type == MHO_I32 && array->rank == 1 && array->shape[0] == n);
    return array->data;
}

/* The bits of the last net are where the log's moves that stand lead from 8. */
static void assert_bits(const MhoNet *net, const MhoRecord *log, const char *const *winner, size_t n)
{
    const int32_t *from = wholes(log, "bits_from", n), *to = wholes(log, "bits_to", n),
                  *undone = wholes(log, "undone", n);
    const int32_t *converter = wholes(log, "winner_converter", n);
    const bool converters = mho_array_count(mho_record_array(log, "candidate")) > net->n_nodes / 3;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoConvSettings *conv = mho_node_conv(&net->nodes[i]);
        int bits[2] = {8, converters ? 4 : 0};
        for (size_t move = 0; conv && move < n; move++)
            if (!undone[move] && strcmp(winner[move], net->nodes[i].name) == 0) {
                ck_assert_int_eq(from[move], bits[converter[move]]);
                bits[converter[move]] = to[move];
            }
        ck_assert(!conv || (conv->bits == bits[0] && conv->adc_bits == bits[1]));
    }
}

/* A recovery's epochs, its name in the history and its best accuracy are those of the log. */
static void assert_history(const Sample *sample, const MhoRecord *log, const char *const *winner, size_t n)
{
    const MhoRecord *history = mho_record_find(sample->checkpoints[sample->n_checkpoints - 1], "history");
    const char *const *stage = mho_record_array(history, "stage")->data;
    const int32_t *epochs = wholes(log, "recovery_epochs", n);
    size_t n_epochs, n_moves, epoch = 4;
    const double *validation = reals(history, "validation_accuracy", &n_epochs),
                 *after = reals(log, "accuracy_after", &n_moves), *before = reals(log, "accuracy_before", &n_moves);
    for (size_t move = 0; move < n; move++) {
        char name[MHO_NAME_MAX];
        snprintf(name, sizeof name, "move %zu %s", move + 1, winner[move]);
        ck_assert(epochs[move] >= 1 && (move == 0 || before[move] == after[move - 1]));
        for (int32_t k = 0; k < epochs[move]; k++, epoch++) {
            ck_assert_uint_lt(epoch, n_epochs);
            ck_assert_int_eq(strncmp(stage[epoch], name, strlen(name)), 0);
            ck_assert_double_le(validation[epoch], after[move]);
        }
    }
    ck_assert_uint_eq(epoch, n_epochs);
}

/* The last net's accuracy is that of its recovery: three chips that no step trained on, or codes. */
static void assert_accuracy(Case *setup, const MhoRecord *log, bool chip)
{
    Sample *sample = &setup->stage.sample;
    const MhoArray *undone = mho_record_array(log, "undone");
    double codes, chips = 0.0, loss;
    size_t n;
    const double *after = reals(log, "accuracy_after", &n);
    const size_t last = n - 1 - (((const int32_t *)undone->data)[n - 1] ? 1 : 0);
    for (size_t i = 0; i < sample->net->n_nodes; i++)
        ck_assert(!mho_node_conv(&sample->net->nodes[i]) || mho_node_conv(&sample->net->nodes[i])->adc_range == chip);
    must(mho_train_evaluate(sample->net, &sample->validation, 10, &codes, &loss, &sample->error), &sample->error);
    if (chip) {
        must(mho_train_evaluate_chip(sample->net, &sample->validation, NULL, &setup->chip.config, 1U << 31, 3, 1,
                                     &chips, &loss, &sample->error),
             &sample->error);
        ck_assert_double_ne(chips, codes);
    }
    const double logged = last < n ? after[last] : reals(log, "accuracy_before", &n)[0];
    ck_assert_double_eq(logged, (chip ? chips : codes));
}

/* What accuracies are of is said where any is of the chip. */
static void assert_basis(const MhoRecord *log, CaseChange change)
{
    const char *feedback = mho_attribute_string(&log->attributes, "feedback"),
               *recovery = mho_attribute_string(&log->attributes, "recovery");
    ck_assert_int_eq(feedback != NULL, is_chip(change) || change == recovers_on_codes);
    ck_assert(!feedback || strcmp(feedback, "chip") == 0);
    ck_assert(!feedback || strcmp(recovery, is_chip(change) ? "chip" : "codes") == 0);
}

/* What all have in common; what each ended with. */
TEST_LOOP(test_allocation_in_training, 0, N_CHANGES)
{
    Case one;
    Sample *sample = &one.stage.sample;
    case_open(&one, changes[_i]);
    must(stage_train(&one.stage), &sample->error);
    const MhoRecord *log = one.stage.trained_log;
    const MhoArray *winners = mho_record_array(log, "winner");
    ck_assert_ptr_nonnull(winners);
    const size_t n = winners->shape[0];
    const char *end = mho_attribute_string(&log->attributes, "end");
    ck_assert_uint_gt(n, 1);
    assert_bits(sample->net, log, winners->data, n);
    assert_history(sample, log, winners->data, n);
    ck_assert(changes[_i] != by_hedge || (strcmp(end, "size") == 0 && size_of(sample->net) <= 4.0));
    ck_assert(changes[_i] != by_exp3 || (strcmp(end, "bops") == 0 && mbops_of(sample->net) <= 0.3));
    ck_assert((changes[_i] != until_it_hurts && changes[_i] != until_it_hurts_on_a_chip) ||
              (strcmp(end, "accuracy") == 0 && wholes(log, "undone", n)[n - 1] == 1));
    ck_assert((changes[_i] != on_a_chip && changes[_i] != recovers_on_codes) || (strcmp(end, "moves") == 0 && n == 3));
    assert_accuracy(&one, log, is_chip(changes[_i]));
    assert_basis(log, changes[_i]);
    case_close(&one);
}

/* Digest of the model of a training that is stopped after an epoch and goes on with another allocation; 0: not
 * stopped.
 */
static int resumed(CaseChange change, int epoch, char digest[65])
{
    Case one;
    Sample *sample = &one.stage.sample;
    case_open(&one, change);
    if (epoch > 0) {
        sample->stop_after = epoch;
        ck_assert_int_eq(stage_train(&one.stage), MHO_STOPPED);
        sample->stop_after = 0;
        sample->input.resume = sample->checkpoints[epoch - 1];
        sample->input.resume_file = "partial.h5";
    }
    must(stage_train(&one.stage), &sample->error);
    memcpy(digest, sample->digest, 65);
    const int epochs = sample->n_checkpoints;
    case_close(&one);
    return epochs;
}

/* An allocation that stops within an epoch of a stage or recovery, its first ones included, and resumes ends with the
 * same bytes. */
TEST_LOOP(test_resumes_within_epochs_to_the_same_bytes, 0, N_CHANGES)
{
    char whole_digest[65];
    (void)resumed(changes[_i], 0, whole_digest);
    for (int call = 13; call > 0; call += 23) {
        Case one;
        Sample *sample = &one.stage.sample;
        case_open(&one, changes[_i]);
        sample_stop_within(sample, call);
        const MhoStatus status = stage_train(&one.stage);
        const bool is_whole = status == MHO_OK; /* it has fewer checkpoints */
        ck_assert(is_whole || status == MHO_STOPPED);
        if (!is_whole) {
            sample_go_on(sample);
            must(stage_train(&one.stage), &sample->error);
        }
        ck_assert_msg(strcmp(sample->digest, whole_digest) == 0, "other bytes when stopped at checkpoint %d", call);
        case_close(&one);
        if (is_whole)
            break;
    }
}

/* An allocation that stops after any epoch and resumes ends with the same bytes. */
TEST_LOOP(test_resumes_to_the_same_bytes, 0, N_CHANGES)
{
    char whole_digest[65], digest[65];
    const int epochs = resumed(changes[_i], 0, whole_digest);
    ck_assert_int_ge(epochs, 6);
    for (int epoch = 4; epoch <= epochs; epoch++) {
        (void)resumed(changes[_i], epoch, digest);
        ck_assert_msg(strcmp(digest, whole_digest) == 0, "other bytes when stopped after epoch %d", epoch);
    }
}
