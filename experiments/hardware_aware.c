/* hardware_aware.c - does training through the device model pay on PCM over a day?
 *
 * The study sweeps train.stages: a plain recipe, and one whose last epochs are a stage "chip", forward through the
 * device model of train.chip. Both have the same number of quantized epochs. They are compared under the same
 * conditions of the chip, paired over the same chips or, where the seed is swept too, over the seeds.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiments/experiment.h"

static const char *const keys[] = {"train.stages", "train.chip.time", "train.chip_curriculum", "train.noise.weight",
                                   "train.weight_clip"};
static const char *const versus[] = {"plain", "plain, weights clipped"};

static void name_variant(const MhoResultPoints *points, size_t p, char *text, size_t size)
{
    const char *curriculum = mho_result_points_word(points, keys[2], p);
    const char *clipped = mho_result_points_number(points, keys[4], p) > 0.0 ? ", weights clipped" : "";
    if (strstr(mho_result_points_word(points, keys[0], p), "chip:"))
        snprintf(text, size, "hardware-aware%s%.40s%s", curriculum[0] ? ", times " : "", curriculum, clipped);
    else
        snprintf(text, size, "%s%s",
                 mho_result_points_number(points, keys[3], p) > 0.0 ? "weight noise in training" : versus[0], clipped);
}

static const MhoComparison comparison = {
    .keys = keys,
    .n_keys = sizeof keys / sizeof *keys,
    .over = "seed", /* where the study has several: then the difference holds for the method, not one network */
    .variant = name_variant,
    .versus = versus,
    .n_versus = sizeof versus / sizeof *versus};

const MhoExperiment mho_experiment = {
    .name = "hardware_aware",
    .question = "Does training through the device model pay on PCM over a day?",
    .study = "hardware_aware.yaml",
    .axis = "train.stages",
    .headline = "Plain networks and networks trained through the device model, on the same chips",
    .comparison = &comparison,
};
