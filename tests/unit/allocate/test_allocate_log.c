/* test_allocate_log.c - the log of an allocation: determined by the seed, read back, checked. */
#include "net/fakequant/onednn.h"
#include "support/allocate_stage.h"

static const char *const competitions[] = {"hedge", "exp3"};

/* All moves of a stage by ccq; the digest of the log. */
static void whole_stage(const char *competition, uint64_t seed, int threads, char digest[65])
{
    Stage stage;
    Contest contest;
    const int before = mho_onednn_set_threads(threads);
    stage_open(&stage);
    MhoNet *net = trained_net(&stage);
    choose_by_ccq(&stage, &contest, competition);
    stage.input.seed = seed;
    stage.input.threads = threads;
    stage_begin(&stage);
    while (!step(&stage, &net, 0.5))
        continue;
    MhoRecord *log = log_of(&stage);
    must(mho_record_digest(log, digest, &stage.error), &stage.error);
    mho_record_destroy(log);
    mho_net_destroy(net);
    stage_close(&stage);
    (void)mho_onednn_set_threads(before);
}

/* The log depends on the seed, and not on the number of threads. */
TEST_LOOP(test_determined_by_the_seed, 0, 2)
{
    char first[65], again[65], threads[65], other[65];
    whole_stage(competitions[_i], 1, 1, first);
    whole_stage(competitions[_i], 1, 1, again);
    whole_stage(competitions[_i], 1, 3, threads);
    whole_stage(competitions[_i], 2, 1, other);
    ck_assert_str_eq(first, again);
    ck_assert_str_eq(first, threads);
    ck_assert_str_ne(first, other);
}

/* Written and read back after three moves, another stage goes on as the first does: the same moves, the same log, and
 * the net to go back to. */
TEST_LOOP(test_record_round_trip, 0, 2)
{
    Stage stage, other;
    Contest contest;
    MhoNet *net, *twin;
    char mine[65], its[65];
    stage_open(&stage);
    net = trained_net(&stage);
    choose_by_ccq(&stage, &contest, competitions[_i]);
    stage_begin(&stage);
    for (int move = 0; move < 3; move++)
        ck_assert(!step(&stage, &net, 0.8));
    stage.allocation.moves[2].epochs = 2;
    stage_open(&other);
    other.params = stage.params;
    other.input.allocator = stage.input.allocator;
    other.input.allocator_params = stage.input.allocator_params;
    stage_begin(&other);
    MhoRecord *log = log_of(&stage);
    other.sample.validation.n_classes++;
    must_refuse(mho_moves_from_record(&other.allocation, log, "file", &other.error), &other.error, MHO_INPUT,
                "expects a different image shape");
    other.sample.validation.n_classes--;
    mho_allocation_destroy(&other.allocation);
    stage_begin(&other);
    must(mho_moves_from_record(&other.allocation, log, "file", &other.error), &other.error);
    must(mho_net_copy(net, &twin, &stage.error), &stage.error);
    mho_record_destroy(log);
    for (bool done = false; !done;) {
        MhoRecord *both[2] = {log_of(&stage), log_of(&other)};
        must(mho_record_digest(both[0], mine, &stage.error), &stage.error);
        must(mho_record_digest(both[1], its, &stage.error), &stage.error);
        ck_assert_str_eq(mine, its);
        mho_record_destroy(both[0]);
        mho_record_destroy(both[1]);
        const double accuracy = size_of(net) > 4.0 ? 0.8 : 0.2;
        done = step(&stage, &net, accuracy);
        ck_assert(step(&other, &twin, accuracy) == done);
        net_digest(net, mine);
        net_digest(twin, its);
        ck_assert_str_eq(mine, its);
    }
    log = log_of(&other);
    ck_assert_str_eq(mho_attribute_string(&log->attributes, "end"), "accuracy");
    mho_record_destroy(log);
    mho_net_destroy(net);
    mho_net_destroy(twin);
    stage_close(&stage);
    stage_close(&other);
}

/* What is wrong with a record, and what is said of it. */
static const char *damage(MhoRecord *log, int kind)
{
    MhoError error = {0};
    switch (kind) {
    case 0: ((MhoArray *)mho_record_array(log, "bits_to"))->shape[0]--; return "different lengths";
    case 1: ((MhoArray *)mho_record_array(log, "share"))->shape[1]--; return "different lengths";
    case 2: ((MhoArray *)mho_record_array(log, "state"))->type = MHO_I64; return "state";
    case 3: must(mho_attribute_text(&log->attributes, "reached", "yes", &error), &error); return "whether it has ended";
    case 4: must(mho_attribute_int(&log->attributes, "start_size", 8, &error), &error); return "start_size";
    case 5: ((MhoArray *)mho_record_array(log, "winner"))->rank = 0; return "winners";
    case 6: ((MhoArray *)mho_record_array(log, "feedback"))->shape[0]++; return "different lengths";
    case 7: ((double *)mho_record_array(log, "state")->data)[0] = NAN; return "not finite";
    default: must(mho_attribute_text(&log->attributes, "allocator", "any", &error), &error); return "another allocator";
    }
}
enum { DAMAGES = 9 };

/* Records of other recipes and damaged ones are refused; one from before the stage is none. */
TEST_LOOP(test_records_are_checked, 0, DAMAGES)
{
    Stage stage;
    Contest contest;
    MhoRecord *empty;
    stage_open(&stage);
    MhoNet *net = net_of(&stage, "allconv", 0.2, "float:0 8/8:0");
    choose_by_ccq(&stage, &contest, "hedge");
    stage_begin(&stage);
    must(mho_record_create(&empty, &stage.error), &stage.error);
    must(mho_moves_from_record(&stage.allocation, empty, "file", &stage.error), &stage.error);
    must(mho_moves_from_record(&stage.allocation, NULL, "file", &stage.error), &stage.error);
    ck_assert(!step(&stage, &net, 0.8));
    MhoRecord *log = log_of(&stage);
    mho_allocation_destroy(&stage.allocation);
    stage_begin(&stage);
    const char *words = damage(log, _i);
    must_refuse(mho_moves_from_record(&stage.allocation, log, "file", &stage.error), &stage.error, MHO_INPUT, words);
    mho_record_destroy(empty);
    mho_record_destroy(log);
    mho_net_destroy(net);
    stage_close(&stage);
}

/* A log of another net does not go on. */
TEST(test_log_of_another_net)
{
    Stage stage;
    MhoNet *next;
    bool done;
    stage_open(&stage);
    MhoNet *net = net_of(&stage, "allconv", 0.2, "float:0 8/8:0"),
           *other = net_of(&stage, "resnet20", 0.2, "float:0 8/8:0");
    stage_begin(&stage);
    ck_assert(!step(&stage, &net, 0.8));
    must_refuse(mho_allocation_move(&stage.allocation, other, 0.5, &next, &done, &stage.error), &stage.error,
                MHO_FAILED, "but the log has");
    mho_net_destroy(other);
    mho_net_destroy(net);
    stage_close(&stage);
}
