/* tiny.h - a data set and one-layer networks in files, and one trial on them: the whole way of a study in milliseconds.
 *
 * The networks have one dense layer of ternary weights, the same number of +1 and -1 everywhere, so that a full-scale
 * device is behind every weight that is not zero and logits are a * sum. Failures fail the test.
 */
#ifndef MHO_TESTS_TINY_H
#define MHO_TESTS_TINY_H

#include "study/keys/study.h"
#include "study/sweep/trial.h"

enum {
    TINY_SIDE = 6,
    TINY_PIXELS = TINY_SIDE * TINY_SIDE,
    TINY_CLASSES = 4,
    TINY_TRAIN = 60,
    TINY_TEST = 40,
    TINY_VALIDATION = 10,
    TINY_LOGITS = TINY_TEST * TINY_CLASSES
};

#define TINY_TRAIN_SET "idx:train-images,train-labels"
#define TINY_TEST_SET  "idx:test-images,test-labels"

/* Make the files in a new folder and go there; leave and remove it. Nothing may be asserted: both run outside of tests.
 */
bool tiny_enter(void);
void tiny_leave(void);

/* Defaults on the tiny files: model tiny.h5 (other.h5 has other weights), an ideal converter, one validation split. */
MhoSettings *tiny_settings(void);
void tiny_set(MhoSettings *settings, const char *key, const char *value);
/* Every key of a table, from its parameter block. */
void tiny_put(MhoSettings *settings, const char *prefix, const MhoDescriptor *model, const void *params);

/* One trial and what it was made of. */
typedef struct Tiny {
    MhoSettings *settings; /* owned */
    MhoTrialCache *cache;
    MhoPointSetup setup;
    MhoTrial trial;
    float logits[TINY_TRAIN * TINY_CLASSES];
} Tiny;

/* Chip 0 of these settings, which Tiny takes over. false: refused. */
bool tiny_try(Tiny *tiny, MhoSettings *settings);
void tiny_run(Tiny *tiny, MhoSettings *settings);
void tiny_close(Tiny *tiny);

#endif
