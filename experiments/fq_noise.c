/* fq_noise.c - how much noise on weights, activations and sums does a fully quantized network tolerate, and what does
 * training with noise win back?
 *
 * The study sweeps train.noise.* (each value trains another network) and noise.* (each value is a test). Networks are
 * compared under the same noise, paired over its draws ("chips"), or over seeds where the seed is swept. The question
 * is that of Verhoef et al., FQ-Conv, arXiv:1912.09356.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiments/experiment.h"

static const char *const keys[] = {"train.noise.weight", "train.noise.activation", "train.noise.sum"};
static const char *const tests[] = {"noise.weight", "noise.activation", "noise.sum"};
static const char *const versus[] = {"plain training"};
enum { N_KINDS = sizeof tests / sizeof *tests, NO_NOISE = N_KINDS, ALL_KINDS }; /* a row's noise: one kind or these */

static const double tolerance = 0.01; /* one point of accuracy below the plain network without noise */

static void name_variant(const MhoResultPoints *points, size_t p, char *text, size_t size)
{
    double level[N_KINDS];
    bool plain = true;
    for (size_t k = 0; k < N_KINDS; k++) {
        level[k] = mho_result_points_number(points, keys[k], p);
        level[k] = isnan(level[k]) ? 0.0 : level[k]; /* not swept */
        plain = plain && level[k] == 0.0;
    }
    if (plain)
        snprintf(text, size, "%s", versus[0]);
    else
        snprintf(text, size, "trained with noise (%g, %g, %g LSB)", level[0], level[1], level[2]);
}

static const MhoComparison comparison = {
    .keys = keys, .n_keys = N_KINDS, .over = "seed", .variant = name_variant, .versus = versus, .n_versus = 1};

/* The table's columns; sigma NULL: not swept. */
typedef struct Rows {
    size_t n;
    char *const *variant, *const *draw; /* draw NULL: not swept */
    const double *mean, *sigma[N_KINDS];
} Rows;

static const void *column(const MhoRecord *analysis, const char *name, MhoType type)
{
    const MhoArray *array = mho_record_array(analysis, name);
    return array && array->type == type ? array->data : NULL;
}

static double sigma_of(const Rows *rows, size_t i, size_t kind)
{
    return rows->sigma[kind] && !isnan(rows->sigma[kind][i]) ? rows->sigma[kind][i] : 0.0;
}

/* Whether a row has noise of this kind only and, where weights have noise, of this draw. */
static bool is_of_kind(const Rows *rows, size_t i, size_t kind, const char *draw)
{
    for (size_t k = 0; k < N_KINDS; k++)
        if ((sigma_of(rows, i, k) > 0.0) != (k == kind || kind == ALL_KINDS))
            return false;
    return (kind > 0 && kind != ALL_KINDS) || !rows->draw || strcmp(rows->draw[i], draw) == 0;
}

static bool is_without_noise(const Rows *rows, size_t i)
{
    return is_of_kind(rows, i, NO_NOISE, "");
}

/* The largest noise level of a kind such that the variant stays within the tolerance of `reference` at this and every
 * smaller level tested; 0: none. ALL_KINDS: the level of the weights' noise. */
static double tolerated(const Rows *rows, const char *variant, size_t kind, const char *draw, double reference)
{
    double least_failed = INFINITY, most = 0.0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < rows->n; i++) {
            if (strcmp(rows->variant[i], variant) != 0 || !is_of_kind(rows, i, kind, draw))
                continue;
            const double sigma = sigma_of(rows, i, kind == ALL_KINDS ? 0 : kind);
            if (pass == 0 && rows->mean[i] < reference - tolerance && sigma < least_failed)
                least_failed = sigma;
            if (pass == 1 && sigma < least_failed && sigma > most)
                most = sigma;
        }
    return most;
}

static bool any_of_kind(const Rows *rows, size_t kind, const char *draw)
{
    for (size_t i = 0; i < rows->n; i++)
        if (is_of_kind(rows, i, kind, draw))
            return true;
    return false;
}

static void print_levels(const Rows *rows, double reference, FILE *out)
{
    static const struct {
        size_t kind;
        const char *draw, *words, *drawn, *unit;
    } lines[] = {{0, "chip", "weights", ", one draw a chip", ""},
                 {0, "image", "weights", ", fresh for every image", ""},
                 {1, "", "activations", "", ""},
                 {2, "", "sums", "", ""},
                 {ALL_KINDS, "chip", "all three", ", weights one draw a chip", " of weights"},
                 {ALL_KINDS, "image", "all three", ", weights fresh for every image", " of weights"}};
    fprintf(out, "Largest noise tested that costs at most one point against plain training without noise, %.2f %%\n",
            100.0 * reference);
    for (size_t l = 0; l < sizeof lines / sizeof *lines; l++) {
        if (!any_of_kind(rows, lines[l].kind, lines[l].draw) || (!rows->draw && strcmp(lines[l].draw, "image") == 0))
            continue;
        fprintf(out, "  %s%s:", lines[l].words, rows->draw ? lines[l].drawn : "");
        for (size_t i = 0, n = 0; i < rows->n; i++) {
            if (!is_without_noise(rows, i)) /* every variant has one such row */
                continue;
            const double most = tolerated(rows, rows->variant[i], lines[l].kind, lines[l].draw, reference);
            fprintf(out, "%s %s %s", n++ ? ";" : "", rows->variant[i], most > 0.0 ? "" : "none");
            if (most > 0.0)
                fprintf(out, "%g LSB%s", most, lines[l].unit);
        }
        fprintf(out, "\n");
    }
}

static void print_tolerated(const MhoRecord *result, FILE *out)
{
    const MhoRecord *analysis = mho_record_find(result, "summary/analysis");
    const MhoArray *variant = mho_record_array(analysis, "variant");
    Rows rows = {.variant = column(analysis, "variant", MHO_STRING),
                 .draw = column(analysis, "noise.draw", MHO_STRING),
                 .mean = column(analysis, "accuracy_mean", MHO_F64)};
    double reference = NAN;
    for (size_t k = 0; k < N_KINDS; k++)
        rows.sigma[k] = column(analysis, tests[k], MHO_F64);
    rows.n = rows.variant && rows.mean ? variant->shape[0] : 0;
    for (size_t i = 0; i < rows.n; i++)
        if (is_without_noise(&rows, i) && strcmp(rows.variant[i], versus[0]) == 0)
            reference = rows.mean[i];
    if (!isnan(reference))
        print_levels(&rows, reference, out);
}

const MhoExperiment mho_experiment = {
    .name = "fq_noise",
    .question =
        "How much noise on weights, activations and sums does a fully quantized network tolerate, and what does "
        "training with noise win back?",
    .study = "fq_noise.yaml",
    .axis = "train.noise.weight",
    .headline = "Plain networks and networks trained with noise, under the same noise",
    .comparison = &comparison,
    .print = print_tolerated,
};
