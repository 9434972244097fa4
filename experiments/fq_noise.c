/* fq_noise.c - how much noise on weights, activations and sums does a fully quantized network bear, and what does
 * training with noise win back?
 *
 * The study sweeps train.noise.* (one row a level of training, each a net of its own) and noise.* (one row a test).
 * Nets are compared under the same noise, paired over its draws ("chips"), or over seeds where the seed is swept.
 * Question: Verhoef et al., FQ-Conv, arXiv:1912.09356.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiments/findings.h"

static const char *const keys[] = {"train.noise.weight", "train.noise.activation", "train.noise.sum"};
static const char *const tests[] = {"noise.weight", "noise.activation", "noise.sum"};
static const char *const versus[] = {"plain training"};
enum { N_KINDS = sizeof tests / sizeof *tests, QUIET = N_KINDS, TOGETHER }; /* a row's noise: one kind or these */

static const double bearable = 0.01; /* a point of accuracy less than the plain net without noise */

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

static MhoStatus analyse(const MhoRecord *result, MhoRecord *analysis, MhoError *error)
{
    const MhoComparison comparison = {
        .keys = keys, .n_keys = N_KINDS, .over = "seed", .variant = name_variant, .versus = versus, .n_versus = 1};
    return findings_compare(result, &comparison, analysis, error);
}

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

/* Is this row's noise of this kind only, of this draw where weights are drawn? */
static bool is_of_kind(const Rows *rows, size_t i, size_t kind, const char *draw)
{
    for (size_t k = 0; k < N_KINDS; k++)
        if ((sigma_of(rows, i, k) > 0.0) != (k == kind || kind == TOGETHER))
            return false;
    return (kind > 0 && kind != TOGETHER) || !rows->draw || strcmp(rows->draw[i], draw) == 0;
}

static bool is_quiet(const Rows *rows, size_t i)
{
    return is_of_kind(rows, i, QUIET, "");
}

/* Largest noise of a kind up to which the variant stays within reach of `reference` at every level tested; 0: none.
 * Together: the weights' noise. */
static double borne(const Rows *rows, const char *variant, size_t kind, const char *draw, double reference)
{
    double least_lost = INFINITY, most = 0.0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < rows->n; i++) {
            if (strcmp(rows->variant[i], variant) != 0 || !is_of_kind(rows, i, kind, draw))
                continue;
            const double sigma = sigma_of(rows, i, kind == TOGETHER ? 0 : kind);
            if (pass == 0 && rows->mean[i] < reference - bearable && sigma < least_lost)
                least_lost = sigma;
            if (pass == 1 && sigma < least_lost && sigma > most)
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

static void print_borne(const Rows *rows, double reference, FILE *out)
{
    static const struct {
        size_t kind;
        const char *draw, *words, *drawn, *unit;
    } lines[] = {{0, "chip", "weights", ", one draw a chip", ""},
                 {0, "image", "weights", ", fresh for every image", ""},
                 {1, "", "activations", "", ""},
                 {2, "", "sums", "", ""},
                 {TOGETHER, "chip", "all three", ", weights one draw a chip", " of weights"},
                 {TOGETHER, "image", "all three", ", weights fresh for every image", " of weights"}};
    fprintf(out, "Largest noise tested that leaves at most a point below plain training without noise, %.2f %%\n",
            100.0 * reference);
    for (size_t l = 0; l < sizeof lines / sizeof *lines; l++) {
        if (!any_of_kind(rows, lines[l].kind, lines[l].draw) || (!rows->draw && strcmp(lines[l].draw, "image") == 0))
            continue;
        fprintf(out, "  %s%s:", lines[l].words, rows->draw ? lines[l].drawn : "");
        for (size_t i = 0, n = 0; i < rows->n; i++) {
            if (!is_quiet(rows, i)) /* every variant has one such row */
                continue;
            const double most = borne(rows, rows->variant[i], lines[l].kind, lines[l].draw, reference);
            fprintf(out, "%s %s %s", n++ ? ";" : "", rows->variant[i], most > 0.0 ? "" : "none");
            if (most > 0.0)
                fprintf(out, "%g LSB%s", most, lines[l].unit);
        }
        fprintf(out, "\n");
    }
}

static void print_more(const MhoRecord *analysis, FILE *out)
{
    const MhoArray *variant = mho_record_array(analysis, "variant");
    Rows rows = {.variant = column(analysis, "variant", MHO_STRING),
                 .draw = column(analysis, "noise.draw", MHO_STRING),
                 .mean = column(analysis, "accuracy_mean", MHO_F64)};
    double reference = NAN;
    for (size_t k = 0; k < N_KINDS; k++)
        rows.sigma[k] = column(analysis, tests[k], MHO_F64);
    rows.n = rows.variant && rows.mean ? variant->shape[0] : 0;
    for (size_t i = 0; i < rows.n; i++)
        if (is_quiet(&rows, i) && strcmp(rows.variant[i], versus[0]) == 0)
            reference = rows.mean[i];
    if (!isnan(reference))
        print_borne(&rows, reference, out);
}

static char *finding(const MhoRecord *result)
{
    return findings_print(result, "Plain nets and nets trained with noise, under the same noise", print_more);
}

const MhoExperiment mho_experiment = {
    .name = "fq_noise",
    .question = "How much noise on weights, activations and sums does a fully quantized network bear, and what does "
                "training with noise win back?",
    .study = "fq_noise.yaml",
    .axis = "train.noise.weight",
    .analyse = analyse,
    .finding = finding,
};
