/* train_methods.h - an allocator and a chip for trainings on the sample. */
#ifndef MHO_TESTS_TRAIN_METHODS_H
#define MHO_TESTS_TRAIN_METHODS_H

#include <stdio.h>

#include "net/transform/bits.h"
#include "support/train_chip.h"
#include "support/train_sample.h"

enum { FAKE_MOVES = 3 };

/* Lowers layer after layer to 3-bit weights; recovery_share after one epoch, every second time after two. Its sum of
 * all that it heard enters its rate, so that training feels every question that is forgotten or asked twice. */
typedef struct FakeAllocator {
    int moves, questions;
    double heard;
    bool ends_with_another; /* the last answer brings a net */
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

static inline MhoStatus fake_move(void *context, const MhoNet *net, double validation_accuracy, MhoNet **next,
                                  char name[MHO_NAME_MAX], bool *done, MhoError *error)
{
    FakeAllocator *fake = context;

    fake->heard += validation_accuracy;
    *done = fake->moves == FAKE_MOVES;
    if (*done)
        return fake->ends_with_another ? fake_lower(net, 0, 2, next, error) : MHO_OK;
    const MhoStatus status = fake_lower(net, fake->moves, 3, next, error);
    snprintf(name, MHO_NAME_MAX, "allocate %d", fake->moves++);
    return status;
}

static inline bool fake_recovered(void *context, int epochs, double validation_accuracy)
{
    FakeAllocator *fake = context;

    fake->questions++;
    fake->heard += validation_accuracy;
    return epochs >= 1 + fake->moves % 2;
}

static inline double fake_rate(const void *context, double epochs)
{
    const FakeAllocator *fake = context;

    return 0.001 * epochs * (1.0 + 0.01 * fake->heard);
}

static inline MhoStatus fake_to_record(const void *context, MhoRecord *group, MhoError *error)
{
    const FakeAllocator *fake = context;

    must(mho_attribute_int(&group->attributes, "moves", fake->moves, error), error);
    must(mho_attribute_int(&group->attributes, "questions", fake->questions, error), error);
    return mho_attribute_real(&group->attributes, "heard", fake->heard, error);
}

static inline MhoStatus fake_from_record(void *context, const MhoRecord *group, const char *file, MhoError *error)
{
    FakeAllocator *fake = context;

    (void)file, (void)error;
    fake->moves = (int)*(const int64_t *)mho_attribute_find(&group->attributes, "moves")->data;
    fake->questions = (int)*(const int64_t *)mho_attribute_find(&group->attributes, "questions")->data;
    fake->heard = *(const double *)mho_attribute_find(&group->attributes, "heard")->data;
    return MHO_OK;
}

static inline MhoAllocation fake_allocation(FakeAllocator *fake)
{
    return (MhoAllocation){.context = fake,
                           .move = fake_move,
                           .recovered = fake_recovered,
                           .rate = fake_rate,
                           .to_record = fake_to_record,
                           .from_record = fake_from_record};
}

static MhoError error;

/* A sample with what every method needs at hand. */
typedef struct Bench {
    Sample sample;
    FakeAllocator fake;
    MhoAllocation allocation;
    TrainChip chip;
} Bench;

typedef void (*BenchChange)(Bench *bench);

static inline void bench_open(Bench *bench, BenchChange change)
{
    memset(bench, 0, sizeof *bench);
    sample_open(&bench->sample);
    bench->allocation = fake_allocation(&bench->fake);
    train_chip_open(&bench->chip, "cell.name=pcm time=86400 adc.range=learned");
    bench->sample.input.allocation = &bench->allocation;
    bench->sample.input.chip = &bench->chip.config;
    if (change)
        change(bench);
}

static inline void bench_close(Bench *bench)
{
    train_chip_close(&bench->chip);
    sample_close(&bench->sample);
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
