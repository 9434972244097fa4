/* train_effects.h - what the predictions of training's keys share. */
#ifndef MHO_TESTS_TRAIN_EFFECTS_H
#define MHO_TESTS_TRAIN_EFFECTS_H

#include "support/train_sample.h"

enum { MAX_WEIGHTS = 4096 };

/* A sample with these keys. */
void open_sample(Sample *sample, const MhoTrainParams *train);
/* A column of the history that a training leaves; returns its number of epochs. */
size_t history(const Sample *sample, const char *column, double *values);
/* Cross entropy and Kullback-Leibler divergence of all training images as in the papers, by libm. */
double loss_formula(const MhoTrainParams *train, const float *logits, const float *teacher, const uint8_t *labels);
/* Weights (MAX_WEIGHTS at most) of the first layer after training; returns their number. */
size_t weights_after(const MhoTrainParams *train, double *weights);

/* Effects of train_effects.c. */
bool takes_turns(const MhoDescriptor *model, const void *params, double on);
bool learns_by_codes(const MhoDescriptor *model, const void *params, double on);
bool loses_patience(const MhoDescriptor *model, const void *params, double on);
bool clips_gradients(const MhoDescriptor *model, const void *params, double on);
bool clips_weights(const MhoDescriptor *model, const void *params, double on);
bool is_judged_on(const MhoDescriptor *model, const void *params, double on);
bool ages(const MhoDescriptor *model, const void *params, double on);

#endif
