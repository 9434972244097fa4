/* allocate_stage.h - the stage "allocate" around a small net, as a test drives it: nothing is trained between moves,
 * the test says which validation accuracy a recovery ended with.
 */
#ifndef MHO_TESTS_ALLOCATE_STAGE_H
#define MHO_TESTS_ALLOCATE_STAGE_H

#include <stdio.h>

#include "allocate/allocate_internal.h"
#include "net/transform/bits.h"
#include "support/allocate_sample.h"
#include "support/train_sample.h"

/* A choice at random among eligible candidates, without trial moves. */
static inline MhoStatus choose_any(const void *params, const MhoCandidate *candidates, size_t n,
                                   const MhoTrialMove *trial, MhoStream stream, int move, double progress,
                                   double *state, double *feedback, double *share, size_t *winner, MhoError *error)
{
    uint32_t eligible = 0, left;
    (void)params, (void)trial, (void)state, (void)error;
    ck_assert_uint_eq(stream.step, (uint32_t)move); /* every move has draws of its own */
    ck_assert(progress >= 0.0 && progress <= 1.0);
    for (size_t m = 0; m < n; m++) {
        feedback[m] = NAN;
        share[m] = 0.0;
        eligible += candidates[m].next_bits > 0;
    }
    left = mho_random_below(stream, MHO_DRAW_TEST, 0, eligible);
    for (*winner = 0; candidates[*winner].next_bits == 0 || left-- > 0; ++*winner)
        continue;
    return MHO_OK;
}

static const MhoAllocator any_allocator = {.descriptor = {.name = "any", .summary = "chance", .reference = "this test"},
                                           .choose = choose_any};

/* A stage over a small net, and what it has logged. */
typedef struct Stage {
    Sample sample;
    MhoAllocateParams params;
    MhoAllocateInput input;
    MhoAllocation allocation;
    MhoLog log;
    bool begun;             /* begin was called */
    MhoRecord *trained_log; /* of stage_train */
    int warnings;
    char last_warning[256];
    MhoError error;
} Stage;

static inline void note(void *context, MhoLogLevel level, const char *text)
{
    Stage *stage = context;
    if (level != MHO_LOG_WARNING)
        return;
    stage->warnings++;
    snprintf(stage->last_warning, sizeof stage->last_warning, "%s", text);
}

static inline void stage_open(Stage *stage)
{
    memset(stage, 0, sizeof *stage);
    sample_open(&stage->sample);
    mho_params_default(mho_allocate_descriptor.params, mho_allocate_descriptor.n_params, &stage->params);
    stage->params.trial_images = 4;
    stage->params.size = 3.0;
    stage->log = (MhoLog){.write = note, .context = stage};
    stage->input = (MhoAllocateInput){.params = &stage->params,
                                      .allocator = &any_allocator,
                                      .validation = &stage->sample.validation,
                                      .calibration = &stage->sample.training,
                                      .seed = 5,
                                      .threads = 1,
                                      .log = &stage->log};
}

static inline void stage_begin(Stage *stage)
{
    must(mho_allocation_create(&stage->input, &stage->allocation, &stage->error), &stage->error);
}

static inline void stage_close(Stage *stage)
{
    mho_allocation_destroy(&stage->allocation);
    mho_record_destroy(stage->trained_log);
    sample_close(&stage->sample);
}

static inline MhoStatus stage_checkpoint(void *context, MhoRecord *checkpoint, bool final, MhoError *error)
{
    Stage *stage = context;
    if (final) {
        must(mho_record_create(&stage->trained_log, error), error);
        copy_record(mho_record_find(checkpoint, "allocation"), stage->trained_log);
    }
    return sample_checkpoint(&stage->sample, checkpoint, final, error);
}

/* A whole training with this allocation; trained_log is the log in its model. */
static inline MhoStatus stage_train(Stage *stage)
{
    Sample *sample = &stage->sample;
    sample->input.checkpoint = stage_checkpoint;
    sample->input.context = stage;
    return mho_allocate_train(&sample->input, &stage->input, &sample->net, &sample->error);
}

static inline MhoNet *net_of(Stage *stage, const char *builder, double width, const char *stages)
{
    snprintf(stage->sample.train.net, sizeof stage->sample.train.net, "%s", builder);
    stage->sample.train.width = width;
    return sample_net_of(&stage->sample, stages, 1);
}

/* The same, trained for a few epochs, so that its layers lose different accuracy with fewer bits. */
static inline MhoNet *trained_net(Stage *stage)
{
    Sample *sample = &stage->sample;
    strcpy(sample->train.stages, "float:4 8/8:1");
    strcpy(sample->train.net, "allconv");
    sample->train.width = 0.2;
    must(sample_run(sample), &sample->error);
    MhoNet *net = sample->net;
    sample->net = NULL;
    return net;
}

static inline double size_of(const MhoNet *net)
{
    double weights = 0.0;
    for (size_t i = 0; i < net->n_nodes; i++)
        if (mho_node_conv(&net->nodes[i]))
            weights += (double)mho_node_array((MhoNode *)&net->nodes[i], MHO_ARRAY_WEIGHT)->n;
    return mho_net_weight_bits(net) / weights;
}

static inline double mbops_of(const MhoNet *net)
{
    MhoError error = {0};
    double bops;
    must(mho_net_bops(net, &bops, &error), &error);
    return bops * 1e-6;
}

/* The start of the stage: *net may be replaced. */
static inline void begin(Stage *stage, MhoNet **net)
{
    MhoNet *first;
    must(mho_allocation_begin(&stage->allocation, *net, &first, &stage->error), &stage->error);
    stage->begun = true;
    if (first) {
        mho_net_destroy(*net);
        *net = first;
    }
}

/* One call of move, the first after begin; *net is replaced by what follows. true: done. */
static inline bool step(Stage *stage, MhoNet **net, double accuracy)
{
    bool done;
    MhoNet *next;
    if (!stage->begun)
        begin(stage, net);
    must(mho_allocation_move(&stage->allocation, *net, accuracy, &next, &done, &stage->error), &stage->error);
    ck_assert(done || (next && mho_allocation_recovery(&stage->allocation).name[0]));
    if (next) {
        mho_net_destroy(*net);
        *net = next;
    }
    return done;
}

static inline MhoRecord *log_of(Stage *stage)
{
    MhoRecord *record;
    must(mho_record_create(&record, &stage->error), &stage->error);
    must(mho_moves_to_record(&stage->allocation, record, &stage->error), &stage->error);
    return record;
}

static inline const double *reals(const MhoRecord *record, const char *name, size_t *n)
{
    const MhoArray *array = mho_record_array(record, name);
    ck_assert_msg(array && array->type == MHO_F64, "no %s", name);
    *n = mho_array_count(array);
    return array->data;
}

static inline int64_t whole(const MhoRecord *record, const char *attribute)
{
    const MhoAttribute *found = mho_attribute_find(&record->attributes, attribute);
    ck_assert(found && found->type == MHO_I64);
    return *(const int64_t *)found->data;
}

/* Chosen by ccq with its defaults but a temperature at which accuracy counts. */
static inline void choose_by_ccq(Stage *stage, Contest *contest, const char *competition)
{
    contest_open(contest, "ccq", 1);
    contest_set(contest, "temperature", "30");
    contest_set(contest, "cumulative", "true");
    contest_set(contest, "competition", competition);
    stage->input.allocator = contest->allocator;
    stage->input.allocator_params = contest->params;
    stage->params.trial_images = 24;
    stage->params.accuracy = 50.0;
    strcpy(stage->params.bit_widths, "8 2"); /* a long way down, so that answers differ */
}

static inline void net_digest(const MhoNet *net, char hex[65])
{
    MhoRecord *record;
    MhoError error = {0};
    must(mho_record_create(&record, &error), &error);
    must(mho_net_to_record(net, record, &error), &error);
    must(mho_record_digest(record, hex, &error), &error);
    mho_record_destroy(record);
}

#endif
