/* train_methods.h - an allocator and a chip for trainings on the sample. */
#ifndef MHO_TESTS_TRAIN_METHODS_H
#define MHO_TESTS_TRAIN_METHODS_H

#include <stdio.h>

#include "net/transform/bits.h"
#include "support/train_chip.h"
#include "support/train_sample.h"

enum { FAKE_MOVES = 3 };

/* Lowers layer after layer to 3-bit weights; each second recovery has two epochs, the others one. The sum of all
 * accuracies that it is given enters its learning rate, so that training notices one that is missing or given twice. */
typedef struct FakeAllocator {
    int moves;
    double sum;
    bool ends_with_another; /* the last move brings a net but no recovery */
} FakeAllocator;

static inline MhoStatus fake_lower(const MhoNet *net, int layer, int bits, MhoNet **next, MhoError *error)
{
    int *all = calloc(net->n_nodes, sizeof *all);
    MhoBitUnit *units;
    size_t n;
    ck_assert_ptr_nonnull(all);
    must(mho_net_bit_units(net, &units, &n, error), error);
    ck_assert_uint_lt((size_t)layer, n);
    all[units[layer].layer] = bits;
    const MhoStatus status = mho_net_with_bits(net, all, NULL, next, error);
    free(units);
    free(all);
    return status;
}

static MhoError error;

/* A sample with an allocator and a chip. */
typedef struct Bench {
    Sample sample;
    FakeAllocator fake;
    MhoTraining *training; /* while it runs */
    TrainChip chip;
} Bench;

typedef void (*BenchChange)(Bench *bench);

static inline void bench_open(Bench *bench, BenchChange change)
{
    memset(bench, 0, sizeof *bench);
    sample_open(&bench->sample);
    train_chip_open(&bench->chip, "cell.name=pcm time=86400 adc.range=learned");
    bench->sample.input.chip = &bench->chip.config;
    if (change)
        change(bench);
}

static inline void bench_close(Bench *bench)
{
    train_chip_close(&bench->chip);
    sample_close(&bench->sample);
}

/* The sample's checkpoint, with the allocator's state once it has moved. */
static inline MhoStatus bench_checkpoint(void *context, MhoRecord *checkpoint, bool final, MhoError *e)
{
    Bench *bench = context;
    MhoRecord *group;
    if (bench->fake.moves > 0) {
        must(mho_record_child(checkpoint, "allocation", &group, e), e);
        must(mho_attribute_int(&group->attributes, "moves", bench->fake.moves, e), e);
        must(mho_attribute_real(&group->attributes, "sum", bench->fake.sum, e), e);
    }
    return sample_checkpoint(&bench->sample, checkpoint, final, e);
}

static inline void bench_resume(Bench *bench)
{
    const MhoRecord *group =
        bench->sample.input.resume ? mho_record_find(bench->sample.input.resume, "allocation") : NULL;
    if (!group)
        return;
    bench->fake.moves = (int)*(const int64_t *)mho_attribute_find(&group->attributes, "moves")->data;
    bench->fake.sum = *(const double *)mho_attribute_find(&group->attributes, "sum")->data;
}

static inline MhoRecovery fake_recovery(const FakeAllocator *fake)
{
    const double rate = 0.001 * (1.0 + 0.01 * fake->sum);
    MhoRecovery recovery = {.accuracy = 2.0,
                            .epochs = 1 + fake->moves % 2,
                            .rate_low = rate,
                            .rate_high = 2.0 * rate,
                            .plateau_epochs = 2.0,
                            .restart_epochs = 1.0};
    snprintf(recovery.name, sizeof recovery.name, "allocate %d", fake->moves - 1);
    return recovery;
}

static inline MhoStatus fake_stage(Bench *bench, MhoError *e)
{
    FakeAllocator *fake = &bench->fake;
    bool resumed, done = false;
    double accuracy = 0.0, loss;
    MhoStatus status = mho_training_begin_stage(bench->training, &resumed, e);
    if (status == MHO_OK && !resumed)
        status = mho_training_validate(bench->training, &accuracy, &loss, e);
    while (status == MHO_OK && !done) {
        if (!resumed) {
            MhoNet *next = NULL;
            const bool last = fake->moves == FAKE_MOVES;
            fake->sum += accuracy;
            if (!last || fake->ends_with_another)
                must(fake_lower(mho_training_net(bench->training), last ? 0 : fake->moves, last ? 2 : 3, &next, e), e);
            if (next)
                mho_training_set_net(bench->training, next);
            done = last;
            fake->moves += !last;
        }
        resumed = false;
        const MhoRecovery recovery = fake_recovery(fake);
        if (!done)
            status = mho_training_recover(bench->training, &recovery, &accuracy, e);
    }
    mho_training_end_stage(bench->training);
    return status;
}

/* Train, with the stage "allocate" by the fake allocator. */
static inline MhoStatus bench_run(Bench *bench)
{
    MhoTrainInput *input = &bench->sample.input;
    MhoError *e = &bench->sample.error;
    input->checkpoint = bench_checkpoint;
    input->context = bench;
    bench_resume(bench);
    MhoStatus status = mho_training_create(input, &bench->training, e);
    for (const MhoStage *stage; status == MHO_OK && (stage = mho_training_stage(bench->training));)
        status = stage->kind == MHO_STAGE_ALLOCATE ? fake_stage(bench, e) : mho_training_run_stage(bench->training, e);
    if (status == MHO_OK)
        status = mho_training_finish(bench->training, &bench->sample.net, e);
    mho_training_destroy(bench->training);
    bench->training = NULL;
    return status;
}

static inline const MhoRecord *last_checkpoint(const Sample *sample)
{
    return sample->checkpoints[sample->n_checkpoints - 1];
}

static inline double of_history(const Sample *sample, const char *column, size_t epoch)
{
    const MhoArray *array = mho_record_array(mho_record_find(last_checkpoint(sample), "history"), column);
    ck_assert_ptr_nonnull(array);
    ck_assert_uint_lt(epoch, mho_array_count(array));
    return ((const double *)array->data)[epoch];
}

static inline void assert_stages(const Sample *sample, const char *const *stages, size_t n)
{
    const MhoArray *array = mho_record_array(last_checkpoint(sample), "history/stage");
    ck_assert_uint_eq(mho_array_count(array), n);
    for (size_t i = 0; i < n; i++)
        ck_assert_str_eq(((char **)array->data)[i], stages[i]);
}

#endif
