/* noise_training.c - does training with noise pay on noisy chips?
 *
 * The study sweeps train.noise.weight (0 and more; each value trains another network) and conditions of the chip. The
 * networks are compared on the same chips, so differences are paired: mean and 95 % Student interval of noise-trained
 * minus plain under every condition.
 */
#include <stdio.h>

#include "experiments/experiment.h"

static const char *const keys[] = {"train.noise.weight"};
static const char *const versus[] = {"plain training"};

static void name_variant(const MhoResultPoints *points, size_t p, char *text, size_t size)
{
    double level = mho_result_points_number(points, keys[0], p);
    if (level == 0.0)
        snprintf(text, size, "%s", versus[0]);
    else
        snprintf(text, size, "trained with %g LSB weight noise", level);
}

static const MhoComparison comparison = {
    .keys = keys, .n_keys = 1, .variant = name_variant, .versus = versus, .n_versus = 1};

const MhoExperiment mho_experiment = {
    .name = "noise_training",
    .question = "Does training with weight noise pay on noisy chips?",
    .study = "noise_training.yaml",
    .axis = "train.noise.weight",
    .headline = "Networks trained with and without noise, paired over the same chips",
    .comparison = &comparison,
};
