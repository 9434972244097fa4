/* test_switches_allocate.c - what every key of allocation and every parameter of an allocator does. */
#include <omp.h>

#include "numbers.h"
#include "support/train_chip.h"
#include "switches.h"
#include "tiny.h"
#include "support/allocate_stage.h"

static const char noisy_chip[] = "cell.name=pcm cell.pcm.prog_scale=2 adc.range=maximum";
enum { N_TRIED = 5 };

/* the stage ----------------------------------------------------------------------------------------------------------
 */

/* A stage with these keys over a trained net, on a chip. */
typedef struct Run {
    Stage stage;
    TrainChip chip;
    MhoNet *net;
} Run;

static void run_open(Run *run, const void *params)
{
    stage_open(&run->stage);
    memcpy(&run->stage.params, params, sizeof run->stage.params);
    train_chip_open(&run->chip, noisy_chip);
    run->stage.input.chip = &run->chip.config;
    run->net = trained_net(&run->stage);
    stage_begin(&run->stage);
}

static void run_close(Run *run)
{
    mho_net_destroy(run->net);
    stage_close(&run->stage);
    train_chip_close(&run->chip);
}

static bool chooses_allocator(const MhoDescriptor *model, const void *params, double on)
{
    MhoSettings *settings = tiny_settings();
    const MhoAllocator *allocator;
    const void *of_allocator;
    MhoError error = {0};
    (void)on;
    tiny_put(settings, "allocate.", model, params);
    must(mho_settings_allocator(settings, &allocator, &of_allocator, &error), &error);
    const bool holds = strcmp(allocator->descriptor.name, "uniform") == 0;
    mho_settings_destroy(settings);
    return holds;
}

/* The first move goes to 5 bits, all moves to 5 or 3. */
static bool has_bit_widths(const MhoDescriptor *model, const void *params, double on)
{
    Run run;
    bool holds = true;
    (void)model, (void)on;
    run_open(&run, params);
    ck_assert(!step(&run.stage, &run.net, 0.5));
    for (size_t i = 0; i < run.net->n_nodes; i++)
        if (mho_node_conv(&run.net->nodes[i])) {
            const int bits = mho_node_conv(&run.net->nodes[i])->bits;
            holds = holds && (bits == 8 || bits == 5);
        }
    run_close(&run);
    return holds;
}

/* There are twice as many candidates; converters start at 7 bits and go to 5. */
static bool converters_are_candidates(const MhoDescriptor *model, const void *params, double on)
{
    Run run;
    size_t layers = 0;
    int at_7 = 0, at_5 = 0;
    (void)model, (void)on;
    run_open(&run, params);
    ck_assert(!step(&run.stage, &run.net, 0.5));
    for (size_t i = 0; i < run.net->n_nodes; i++)
        if (mho_node_conv(&run.net->nodes[i])) {
            layers++;
            at_7 += mho_node_conv(&run.net->nodes[i])->adc_bits == 7;
            at_5 += mho_node_conv(&run.net->nodes[i])->adc_bits == 5;
        }
    MhoRecord *log = log_of(&run.stage);
    const bool converter = *(const int32_t *)mho_record_array(log, "winner_converter")->data != 0;
    const bool holds = mho_array_count(mho_record_array(log, "candidate")) == 2 * layers && at_5 == converter &&
                       (size_t)(at_7 + at_5) == layers;
    mho_record_destroy(log);
    run_close(&run);
    return holds;
}

/* Ends at or below `on`, with a net before the last move that was above. */
static bool goes_down_to(const void *params, double on, double (*cost)(const MhoNet *))
{
    Run run;
    double before = 0.0, now;
    run_open(&run, params);
    for (bool done = false; !done;) {
        now = cost(run.net);
        done = step(&run.stage, &run.net, 0.5);
        before = done ? before : now;
    }
    const bool holds = cost(run.net) <= on && before > on;
    run_close(&run);
    return holds;
}

static bool reaches_size(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return goes_down_to(params, on, size_of);
}

static bool reaches_bops(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return goes_down_to(params, on, mbops_of);
}

/* A loss of less is taken, one of more ends it. */
static bool ends_at_a_loss(const MhoDescriptor *model, const void *params, double on)
{
    Run run;
    (void)model;
    run_open(&run, params);
    ck_assert(!step(&run.stage, &run.net, 0.9));
    const bool goes_on = !step(&run.stage, &run.net, 0.9 - 0.009 * on);
    const bool holds = goes_on && step(&run.stage, &run.net, 0.9 - 0.011 * on);
    run_close(&run);
    return holds;
}

static bool ends_after_moves(const MhoDescriptor *model, const void *params, double on)
{
    Run run;
    int moves = 0;
    (void)model;
    run_open(&run, params);
    while (!step(&run.stage, &run.net, 0.5))
        moves++;
    run_close(&run);
    return moves == (int)on;
}

/* Accuracy of the net after N_TRIED moves on the first n validation images; on so many chips, 0: of its codes. */
static bool trial_is(const void *params, size_t n, uint32_t chips)
{
    Run run;
    double accuracy, loss;
    size_t n_moves;
    run_open(&run, params);
    Stage *stage = &run.stage;
    MhoDataset trial_set = stage->sample.validation;
    for (size_t move = 0; move < N_TRIED; move++)
        ck_assert(!step(stage, &run.net, 0.5));
    trial_set.n = n;
    if (chips > 0)
        must(mho_train_evaluate_chip(run.net, &trial_set, NULL, &run.chip.config, MHO_TRIAL_MOVE_CHIP, chips, 1,
                                     &accuracy, &loss, &stage->error),
             &stage->error);
    else
        must(mho_train_evaluate(run.net, &trial_set, n, &accuracy, &loss, &stage->error), &stage->error);
    MhoRecord *log = log_of(stage);
    const bool holds = reals(log, "accuracy_trial", &n_moves)[N_TRIED - 1] == accuracy;
    mho_record_destroy(log);
    run_close(&run);
    return holds;
}

static bool tries_on_chip_or_codes(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return trial_is(params, 30, on > 0.5 ? 2 : 0);
}

static bool tries_on_images(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return trial_is(params, (size_t)on, 0);
}

static bool tries_on_chips(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return trial_is(params, 30, (uint32_t)on);
}

/* The last recovery's accuracy is that of chips which no step trained on, whose ranges the net has, or of codes. */
static bool recovers_on_chip_or_codes(const MhoDescriptor *model, const void *params, double on)
{
    Run run;
    double accuracy, loss;
    size_t n_moves;
    (void)model;
    run_open(&run, params);
    Sample *sample = &run.stage.sample;
    mho_net_destroy(sample->net);
    strcpy(sample->train.stages, "float:4 8/8:1 allocate");
    sample->input.chip = &run.chip.config;
    must(stage_train(&run.stage), &sample->error);
    if (on > 0.5)
        must(mho_train_evaluate(sample->net, &sample->validation, 10, &accuracy, &loss, &sample->error),
             &sample->error);
    else
        must(mho_train_evaluate_chip(sample->net, &sample->validation, NULL, &run.chip.config, (uint32_t)1 << 31, 2, 1,
                                     &accuracy, &loss, &sample->error),
             &sample->error);
    const double *after = reals(run.stage.trained_log, "accuracy_after", &n_moves);
    const bool learns = mho_node_conv(&sample->net->nodes[mho_net_find(sample->net, "conv1")])->adc_range;
    const bool holds = after[n_moves - 1] == accuracy && learns == (on < 0.5);
    run_close(&run);
    return holds;
}

static bool recovers_to(const MhoDescriptor *model, const void *params, double on)
{
    Run run;
    (void)model;
    run_open(&run, params);
    ck_assert(!step(&run.stage, &run.net, 0.8));
    const MhoRecovery recovery = mho_allocation_recovery(&run.stage.allocation);
    const bool holds =
        mho_recovery_ends(&recovery, 1, 0.8 * (on + 0.001)) && !mho_recovery_ends(&recovery, 1, 0.8 * (on - 0.001));
    run_close(&run);
    return holds;
}

static bool recovers_within(const MhoDescriptor *model, const void *params, double on)
{
    Run run;
    (void)model;
    run_open(&run, params);
    ck_assert(!step(&run.stage, &run.net, 0.8));
    const MhoRecovery recovery = mho_allocation_recovery(&run.stage.allocation);
    const bool holds = mho_recovery_ends(&recovery, (int)on, 0.1) && !mho_recovery_ends(&recovery, (int)on - 1, 0.1);
    run_close(&run);
    return holds;
}

/* The rate at some epochs, with all four keys: low 0.001, high 0.01, plateau 2, restart 4 but for the one that is `on`.
 */
static bool has_rate(const void *params, double low, double high, double plateau_epochs, double restart_epochs)
{
    Run run;
    bool holds = true;
    run_open(&run, params);
    ck_assert(!step(&run.stage, &run.net, 0.5));
    const MhoRecovery recovery = mho_allocation_recovery(&run.stage.allocation);
    for (double e = 0.125; e < 10.0; e += 0.25) {
        const double at = (e - plateau_epochs) / restart_epochs, half = 0.5 * (1.0 + cos(acos(-1.0) * at));
        const double expected = at < 0.0 || at >= 1.0 ? low : low + (high - low) * half;
        holds = holds && is_close(mho_recovery_rate(&recovery, e), expected, 1e-9);
    }
    run_close(&run);
    return holds;
}

static bool rate_is_low(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return has_rate(params, on, 0.01, 2.0, 4.0);
}

static bool rate_is_high(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return has_rate(params, 0.001, on, 2.0, 4.0);
}

static bool rate_waits(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return has_rate(params, 0.001, 0.01, on, 4.0);
}

static bool rate_falls(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return has_rate(params, 0.001, 0.01, 2.0, on);
}

/* ccq ----------------------------------------------------------------------------------------------------------------
 */

/* Two layers: the first saves three times as much, the second is 0.2 more accurate. */
static void open_contest(Contest *contest, const void *params)
{
    contest_open(contest, "ccq", 2);
    memcpy(contest->params, params, contest->allocator->descriptor.params_size);
    contest->candidates[0].saving = 0.3;
    contest->candidates[1].saving = 0.1;
    contest->accuracy[1] = 0.7;
}

/* Share of the first layer by accuracy exp(T acc), mixed with its 3/4 of the size. */
static bool share_is(const void *params, int move, double progress, double temperature, double lambda)
{
    Contest contest;
    const double p = 1.0 / (1.0 + exp(0.2 * temperature));
    open_contest(&contest, params);
    contest_run(&contest, 1, move, progress);
    return is_close(contest.share[0], (1.0 - lambda) * p + 0.75 * lambda, 1e-9);
}

static bool tries_as_chosen(const MhoDescriptor *model, const void *params, double on)
{
    Contest contest;
    (void)model;
    open_contest(&contest, params);
    contest_run(&contest, 1, 0, 0.0);
    const int tried = contest.tried[0] + contest.tried[1];
    return tried == (on > 1.5 ? 0 : on > 0.5 ? 5 : 2);
}

static bool heats(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return share_is(params, 0, 0.0, on, 0.0);
}

static bool explores(const MhoDescriptor *model, const void *params, double on)
{
    Contest contest;
    (void)model;
    open_contest(&contest, params);
    contest.state[1] = 300.0;
    contest_run(&contest, 1, 0, 0.0);
    return is_close(contest.share[0], 0.5 * on, 1e-9);
}

static bool remembers(const MhoDescriptor *model, const void *params, double on)
{
    Contest contest;
    (void)model, (void)on;
    open_contest(&contest, params);
    contest_run(&contest, 1, 0, 0.0);
    contest_run(&contest, 1, 1, 0.0);
    return is_close(contest.share[0], 1.0 / (1.0 + exp(0.4)), 1e-9);
}

static bool begins_with(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return share_is(params, 0, 0.0, 1.0, on) && share_is(params, 1, 1.0, 1.0, 0.4);
}

static bool ends_with(const MhoDescriptor *model, const void *params, double on)
{
    (void)model;
    return share_is(params, 0, 0.0, 1.0, 1.0) && share_is(params, 1, 1.0, 1.0, on);
}

static bool alternates(const MhoDescriptor *model, const void *params, double on)
{
    (void)model, (void)on;
    return share_is(params, 0, 0.0, 1.0, 1.0) && share_is(params, 1, 0.0, 1.0, 0.0);
}

static bool tries_so_often(const MhoDescriptor *model, const void *params, double on)
{
    Contest contest;
    (void)model;
    open_contest(&contest, params);
    contest_run(&contest, 1, 0, 0.0);
    return contest.tried[0] + contest.tried[1] == (int)on;
}

/* Never the smaller share in 40 draws of 1 to 3. */
static bool takes_the_largest(const MhoDescriptor *model, const void *params, double on)
{
    Contest contest;
    bool holds = true;
    (void)model, (void)on;
    open_contest(&contest, params);
    for (uint64_t seed = 0; seed < 40; seed++) {
        contest_run(&contest, seed, 0, 0.0);
        holds = holds && contest.winner == 0;
    }
    return holds;
}

#define STAGE     "trial_images=30;moves=6;"
#define TRIED     STAGE "bit_widths=8 2;"
#define RECOVERED "trial_images=30;moves=2;bit_widths=8 2;recovery_epochs=1;feedback=chip"
#define RATE      STAGE "learning_rate_low=0.001;learning_rate_high=0.01;plateau_epochs=2;restart_epochs=4"
#define EQUAL     "lambda_first=0;lambda_last=0"

static const Switch switches[] = {
    {"allocate", "name", "uniform", "ccq", chooses_allocator, NULL},
    {"allocate", "bit_widths", "5 3", "6 4 2", has_bit_widths, STAGE},
    {"allocate", "adc_bit_widths", "7 5", "", converters_are_candidates, STAGE "feedback=chip"},
    {"allocate", "size", "5", "4", reaches_size, "trial_images=30"},
    {"allocate", "bops", "0.35", "0.25", reaches_bops, "trial_images=30"},
    {"allocate", "accuracy", "5", "8", ends_at_a_loss, "trial_images=30"},
    {"allocate", "moves", "2", "3", ends_after_moves, "trial_images=30"},
    {"allocate", "feedback", "chip", "codes", tries_on_chip_or_codes, TRIED},
    {"allocate", "feedback", "codes", "chip", tries_on_chip_or_codes, TRIED},
    {"allocate", "recovery", "codes", "same", recovers_on_chip_or_codes, RECOVERED},
    {"allocate", "recovery", "same", "codes", recovers_on_chip_or_codes, RECOVERED},
    {"allocate", "trial_images", "7", "30", tries_on_images, "moves=6;bit_widths=8 2"},
    {"allocate", "trial_chips", "3", "1", tries_on_chips, TRIED "feedback=chip"},
    {"allocate", "recovery_share", "0.9", "0.995", recovers_to, STAGE},
    {"allocate", "recovery_epochs", "2", "3", recovers_within, STAGE},
    {"allocate", "learning_rate_low", "0.002", "0.001", rate_is_low, RATE},
    {"allocate", "learning_rate_high", "0.02", "0.01", rate_is_high, RATE},
    {"allocate", "plateau_epochs", "3", "2", rate_waits, RATE},
    {"allocate", "restart_epochs", "6", "4", rate_falls, RATE},
    {"allocator.ccq", "competition", "hedge", "exp3", tries_as_chosen, "rounds=5"},
    {"allocator.ccq", "competition", "exp3", "size", tries_as_chosen, "rounds=5"},
    {"allocator.ccq", "competition", "size", "hedge", tries_as_chosen, "rounds=5"},
    {"allocator.ccq", "temperature", "8", "1", heats, EQUAL},
    {"allocator.ccq", "exploration", "0.3", "0.1", explores, EQUAL ";competition=exp3;cumulative=true"},
    {"allocator.ccq", "cumulative", "true", "false", remembers, EQUAL},
    {"allocator.ccq", "lambda_first", "0.8", "1", begins_with, NULL},
    {"allocator.ccq", "lambda_last", "0.2", "0.4", ends_with, NULL},
    {"allocator.ccq", "alternate", "true", "false", alternates, NULL},
    {"allocator.ccq", "rounds", "9", "1", tries_so_often, "competition=exp3"},
    {"allocator.ccq", "draw", "largest", "sample", takes_the_largest, NULL},
};

static const MhoDescriptor *const tables[] = {&mho_allocate_descriptor, NULL};
static const MhoRegistry *const registries[] = {&mho_allocator_registry, NULL};
const SwitchBook book = {
    .rows = switches, .n_rows = sizeof switches / sizeof *switches, .tables = tables, .registries = registries};

int test_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    omp_set_num_threads(1); /* many small passes: waking threads would take longer than the work */
    const int code = tiny_enter() ? test_run() : 1;

    tiny_leave();
    return code;
}
