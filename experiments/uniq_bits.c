/* uniq_bits.c - which levels keep accuracy at few bits: quantiles, k-means or even steps?
 *
 * The study sweeps quant.weight.name, quant.weight.bits (together with the train.stages that trains at these bits) and
 * the seed; each value trains another network. The chip is ideal, so that only the levels and their training differ.
 * Accuracies and paired differences have 95 % Student intervals over the seeds.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiments/experiment.h"

static const char bits_key[] = "quant.weight.bits";
static const char *const keys[] = {"quant.weight.name", "train.gradual.noise", "train.gradual.layers", "train.stages"};
static const char *const versus[] = {"even steps", "k-means", "quantiles, straight"};
static const double near_best = 0.005; /* half a point of accuracy counts as no loss */

static void name_variant(const MhoResultPoints *points, size_t p, char *text, size_t size)
{
    const char *name = mho_result_points_word(points, keys[0], p), *label = name;
    if (strcmp(name, "uniform") == 0)
        label = versus[0];
    else if (strcmp(name, "kmeans") == 0)
        label = versus[1];
    else if (strcmp(name, "uniq") == 0 && strcmp(mho_result_points_word(points, keys[1], p), "false") == 0)
        label = versus[2];
    else if (strcmp(name, "uniq") == 0)
        label = mho_result_points_number(points, keys[2], p) == 0.0 ? "quantiles, noise in all layers at once"
                                                                    : "quantiles, noise layer by layer (UNIQ)";
    snprintf(text, size, "%s", label);
}

static const MhoComparison comparison = {.keys = keys,
                                         .n_keys = sizeof keys / sizeof *keys,
                                         .over = "seed",
                                         .variant = name_variant,
                                         .versus = versus,
                                         .n_versus = sizeof versus / sizeof *versus};

/* The fewest bits at which each variant stays near the best mean of all. */
static void print_fewest(const MhoRecord *result, FILE *out)
{
    const MhoRecord *analysis = mho_record_find(result, "summary/analysis");
    const MhoArray *variant = mho_record_array(analysis, "variant"), *bits = mho_record_array(analysis, bits_key);
    const MhoArray *mean = mho_record_array(analysis, "accuracy_mean");
    if (!variant || !bits || !mean || bits->type != MHO_F64)
        return;
    char *const *names = variant->data;
    const double *b = bits->data, *accuracy = mean->data;
    size_t n = variant->shape[0];
    double best = 0.0;
    for (size_t i = 0; i < n; i++)
        best = accuracy[i] > best ? accuracy[i] : best;
    fprintf(out, "  Fewest bits within half a point of the best mean, %.2f %%:\n", 100.0 * best);
    for (size_t i = 0; i < n; i++) {
        double fewest = NAN;
        size_t before = 0;
        while (strcmp(names[before], names[i]) != 0)
            before++;
        if (before < i)
            continue;
        for (size_t j = i; j < n; j++)
            if (strcmp(names[i], names[j]) == 0 && accuracy[j] >= best - near_best && !(b[j] >= fewest))
                fewest = b[j];
        if (isnan(fewest))
            fprintf(out, "    %s: no bit width of this sweep\n", names[i]);
        else
            fprintf(out, "    %s: %g\n", names[i], fewest);
    }
}

const MhoExperiment mho_experiment = {
    .name = "uniq_bits",
    .question = "Which levels keep accuracy at few bits: quantiles, k-means or even steps?",
    .study = "uniq_bits.yaml",
    .axis = "quant.weight.name",
    .headline = "Weight levels on an ideal chip, over networks of several seeds",
    .comparison = &comparison,
    .print = print_fewest,
};
