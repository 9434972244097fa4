/* train_sample.h - a small set that a small network learns, and trainings on it that keep their checkpoints. */
#ifndef MHO_TESTS_TRAIN_SAMPLE_H
#define MHO_TESTS_TRAIN_SAMPLE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "kernels/random.h"
#include "must.h"
#include "train/train_internal.h"

enum {
    SAMPLE_SIDE = 8,
    SAMPLE_CLASSES = 3,
    SAMPLE_TRAINING = 100,
    SAMPLE_VALIDATION = 40,
    SAMPLE_MAX_CHECKPOINTS = 16
};

/* Images with a bright band whose row tells the class, under noise. The caller destroys set. */
static inline void sample_set(MhoDataset *set, size_t n, uint64_t seed)
{
    const size_t bytes = SAMPLE_SIDE * SAMPLE_SIDE;
    const MhoStream stream = {.seed = seed};
    *set = (MhoDataset){.name = "bands",
                        .n = n,
                        .h = SAMPLE_SIDE,
                        .w = SAMPLE_SIDE,
                        .c = 1,
                        .n_classes = SAMPLE_CLASSES,
                        .images = malloc(n * bytes),
                        .labels = malloc(n)};
    ck_assert(set->images && set->labels);
    for (size_t i = 0; i < n; i++) {
        set->labels[i] = (uint8_t)(i % SAMPLE_CLASSES);
        for (size_t p = 0; p < bytes; p++) {
            const bool bright = p / SAMPLE_SIDE / 2 == set->labels[i];
            set->images[i * bytes + p] =
                (uint8_t)(mho_random_below(stream, MHO_DRAW_TEST, i * bytes + p, 120) + (bright ? 120 : 0));
        }
    }
}

/* What a training leaves. */
typedef struct Sample {
    MhoDataset training, validation;
    MhoTrainParams train;
    MhoQuantParams quant;
    MhoTrainInput input;
    MhoError error;
    MhoNet *net;
    MhoRecord *checkpoints[SAMPLE_MAX_CHECKPOINTS]; /* unfinished ones */
    int n_checkpoints, stop_after;                  /* stop_after: that checkpoint is refused with STOPPED; 0: none */
    int n_calls, only;                              /* only: the one call whose checkpoint is kept, and that is refused
                                                     * with STOPPED; 0: all are kept */
    char digest[65];                                /* of the final record */
} Sample;

/* A copy of a record's arrays and attributes by way of the caller's memory. */
static inline void copy_record(const MhoRecord *from, MhoRecord *to)
{
    MhoError error = {0};
    for (size_t i = 0; i < from->attributes.n; i++) {
        const MhoAttribute *a = &from->attributes.list[i];
        must(mho_attribute_set(&to->attributes, a->name, a->type, a->n, a->data, &error), &error);
    }
    for (size_t i = 0; i < from->n_arrays; i++) {
        const MhoArray *a = from->arrays[i];
        MhoArray *made;
        must(mho_record_add(to, a->name, a->type, a->rank, a->shape, (const char *const *)a->axis, a->unit, a->help,
                            a->data, &made, &error),
             &error);
        for (size_t k = 0; k < a->attributes.n; k++) {
            const MhoAttribute *b = &a->attributes.list[k];
            must(mho_attribute_set(&made->attributes, b->name, b->type, b->n, b->data, &error), &error);
        }
    }
    for (size_t i = 0; i < from->n_children; i++) {
        MhoRecord *child;
        must(mho_record_child(to, from->children[i]->name, &child, &error), &error);
        copy_record(from->children[i], child);
    }
}

static inline MhoStatus sample_checkpoint(void *context, MhoRecord *checkpoint, bool final, MhoError *error)
{
    Sample *sample = context;
    if (final)
        return mho_record_digest(checkpoint, sample->digest, error);
    if (++sample->n_calls != sample->only && sample->only != 0)
        return MHO_OK;
    ck_assert_int_lt(sample->n_checkpoints, SAMPLE_MAX_CHECKPOINTS);
    MhoRecord **copy = &sample->checkpoints[sample->n_checkpoints++];
    must(mho_record_create(copy, error), error);
    copy_record(checkpoint, *copy);
    if (sample->n_checkpoints == sample->stop_after || sample->only != 0)
        return mho_fail(error, MHO_STOPPED, "the test stops here");
    return MHO_OK;
}

/* A training of a few channels: every kind of stage, teacher, crops and noise off. */
static inline void sample_open(Sample *sample)
{
    memset(sample, 0, sizeof *sample);
    sample_set(&sample->training, SAMPLE_TRAINING, 1);
    sample_set(&sample->validation, SAMPLE_VALIDATION, 2);
    mho_params_default(mho_train_descriptor.params, mho_train_descriptor.n_params, &sample->train);
    mho_params_default(mho_quant_descriptor.params, mho_quant_descriptor.n_params, &sample->quant);
    strcpy(sample->train.stages, "float:3 4/4:2 2/4:2 fq:2");
    sample->train.width = 0.25;
    sample->train.batch = 10;
    sample->train.learning_rate = 0.05;
    sample->train.quant_learning_rate = 0.01;
    sample->train.distill = 0.5;
    sample->train.crop = 0;
    sample->train.flip = false;
    sample->input = (MhoTrainInput){.training = &sample->training,
                                    .validation = &sample->validation,
                                    .train = &sample->train,
                                    .quant = &sample->quant,
                                    .seed = 11,
                                    .recipe = "",
                                    .threads = 1,
                                    .checkpoint = sample_checkpoint};
}

/* Checkpoints after every step, of which call number `only` is kept and stops the training. The number may be too
 * large: then nothing stops it and n_calls says how many there are. */
static inline void sample_stop_within(Sample *sample, int only)
{
    sample->input.checkpoint_seconds = 1e-9;
    sample->only = only;
}

/* Go on from the checkpoint that stopped the training. */
static inline void sample_go_on(Sample *sample)
{
    sample->only = sample->stop_after = 0;
    sample->input.checkpoint_seconds = 0.0;
    sample->input.resume = sample->checkpoints[sample->n_checkpoints - 1];
    sample->input.resume_file = "partial.h5";
}

static inline MhoStatus sample_run(Sample *sample)
{
    sample->input.context = sample;
    return mho_train(&sample->input, &sample->net, &sample->error);
}

static inline void sample_close(Sample *sample)
{
    mho_net_destroy(sample->net);
    for (int i = 0; i < sample->n_checkpoints; i++)
        mho_record_destroy(sample->checkpoints[i]);
    mho_dataset_destroy(&sample->training);
    mho_dataset_destroy(&sample->validation);
}

/* The net that a stage of this stages starts from, without any training. */
static inline MhoNet *sample_net_of(Sample *sample, const char *text, size_t stage)
{
    MhoStages stages;
    MhoNet *net = NULL;
    must(mho_stages_parse(text, &stages, &sample->error), &sample->error);
    for (size_t i = 0; i <= stage; i++) {
        const MhoStage *before = i > 0 ? &stages.stages[i - 1] : NULL;
        MhoNet *previous = net;
        must(mho_stage_net(&sample->input, &stages.stages[i], before, previous, &net, &sample->error), &sample->error);
        mho_net_destroy(previous);
    }
    return net;
}

/* Digest of a training with a change to its parameters. */
typedef void (*SampleChange)(Sample *sample);

static inline void sample_digest(SampleChange change, char digest[65])
{
    Sample sample;
    sample_open(&sample);
    if (change)
        change(&sample);
    must(sample_run(&sample), &sample.error);
    memcpy(digest, sample.digest, 65);
    sample_close(&sample);
}

#endif
