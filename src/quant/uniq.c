/* uniq.c - k-quantile quantizer by uniformization, and the noise that replaces it in training.
 *
 *   thresholds F^-1(i / k), levels F^-1((i - 1/2) / k), k = 2^bits;  noisy weight F^-1(clip(F(w) + e)), e uniform,
 * clip to 1 / 2k .. 1 - 1 / 2k, where quantized weights end too (ours), or to 1e-5 of the tails, as published.
 * F: the Gaussian CDF of mean and unbiased sd, or the empirical one, so that bins are equally probable and a level is
 * its bin's median. Nothing is learned; codes = round(32639 level / e^s), e^s = largest |level|. Surrogate: straight
 *   dq/dw = 1;  exact  dq/dw = f(w) / f(q), the chain with F and the error in F constant (empirical f: 1 / k over the
 * distance of the quantiles half a bin to either side, ours). Activations: half_normal_internal.h, range held as
 * calibrated (ours). Source: Baskin et al., UNIQ, arXiv:1804.10969. Valid for 2 to 8 bits, unsigned activations.
 */
#include <stddef.h>

#include "kernels/math.h"
#include "quant/empirical_internal.h"
#include "quant/half_normal_internal.h"
#include "quant/levels_internal.h"

typedef enum GradientForm { GRADIENT_STRAIGHT, GRADIENT_EXACT } GradientForm;
typedef enum NoiseForm { NOISE_HALF, NOISE_FULL } NoiseForm;
typedef enum TailForm { TAILS_FREE, TAILS_LEVELS } TailForm;
typedef enum CdfForm { CDF_GAUSSIAN, CDF_EMPIRICAL } CdfForm;

typedef struct UniqParams {
    int gradient; /* GradientForm */
    int noise;    /* NoiseForm */
    int tails;    /* TailForm */
    int cdf;      /* CdfForm */
    double activation_sigma;
} UniqParams;

enum { WORDS_AT_ONCE = 256 };
static const double free_edge = 1e-5; /* noisy values stay off the tails by this probability, as published */

/* The fitted distribution of a channel. */
typedef struct Law {
    int k;
    MhoGaussian gaussian;
    MhoEmpirical empirical; /* n = 0: the Gaussian is meant */
} Law;

/* A value as the law sees it: x = F^-1(u); z standardized, of a Gaussian with sd > 0 only. */
typedef struct Point {
    double x, u, z;
} Point;

static Law law_of(const UniqParams *p, MhoQuantShape shape, const float *x)
{
    Law law = {.k = 1 << shape.bits};
    float *sorted = shape.scratch;
    if (p->cdf == CDF_GAUSSIAN) {
        law.gaussian = mho_gaussian_fit(shape.per_channel, x);
        return law;
    }
    mho_sort_values(shape.per_channel, x, sorted, sorted + shape.per_channel);
    law.empirical = (MhoEmpirical){.n = shape.per_channel, .sorted = sorted};
    return law;
}

static void law_levels(const Law *law, const MhoLevels *standard, int bits, MhoLevels *levels)
{
    if (law->empirical.n > 0)
        mho_empirical_levels(&law->empirical, bits, levels);
    else
        mho_levels_scale(standard, law->gaussian, levels);
}

static Point point_at(const Law *law, double x)
{
    const MhoGaussian g = law->gaussian;
    Point point = {.x = x, .u = 0.5};
    if (law->empirical.n > 0) {
        point.u = mho_empirical_cdf(&law->empirical, x);
    } else if (g.sd > 0.0) {
        point.z = (x - g.mean) / g.sd;
        point.u = mho_normal_cdf(point.z);
    }
    return point;
}

static Point point_of(const Law *law, double u)
{
    const MhoGaussian g = law->gaussian;
    Point point = {.x = g.mean, .u = u};
    if (law->empirical.n > 0) {
        point.x = mho_empirical_quantile(&law->empirical, u);
    } else if (g.sd > 0.0) {
        point.z = (double)mho_normal_of_word((uint32_t)(u * 0x1p32));
        point.x = g.mean + g.sd * point.z;
    }
    return point;
}

/* Distance of the quantiles half a bin to either side, per probability. */
static double spread(const Law *law, double u)
{
    const double half = 0.5 / law->k, low = u > half ? u - half : 0.0, high = u + half < 1.0 ? u + half : 1.0;
    return (mho_empirical_quantile(&law->empirical, high) - mho_empirical_quantile(&law->empirical, low)) /
           (high - low);
}

/* f(from) / f(to); 1 where values are too alike to tell. */
static double chain(const Law *law, Point from, Point to)
{
    if (law->empirical.n == 0)
        return mho_exp(0.5 * (to.z - from.z) * (to.z + from.z));
    const double here = spread(law, from.u), there = spread(law, to.u);
    return here > 0.0 && there > 0.0 ? there / here : 1.0;
}

static void uniq_fit(const void *params, MhoQuantShape shape, const float *x, float *log_scale)
{
    const UniqParams *p = params;
    MhoLevels standard, levels;
    if (!shape.is_signed) {
        mho_half_normal_fit(shape, x, p->activation_sigma, log_scale);
        return;
    }
    mho_levels_standard(shape.bits, &standard);
    for (size_t k = 0; k < shape.channels; k++) {
        const Law law = law_of(p, shape, x + k * shape.per_channel);
        law_levels(&law, &standard, shape.bits, &levels);
        log_scale[k] = mho_levels_log_scale(&levels);
    }
}

static MhoRangeFit uniq_range(const void *params, int bits)
{
    const UniqParams *p = params;
    return (MhoRangeFit){.rule = MHO_FIT_SIGMA, .value = p->activation_sigma * mho_half_normal_reach(bits)};
}

static int uniq_full_scale(const void *params, int bits, bool is_signed)
{
    return !is_signed ? MHO_HALF_NORMAL_STEPS : mho_levels_full_scale(params, bits, is_signed);
}

static void uniq_table(const void *params, int bits, uint8_t *table)
{
    (void)params;
    mho_half_normal_table(bits, table);
}

static void uniq_encode(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                        const float *noise, float *codes)
{
    MhoLevels standard, levels;
    if (!shape.is_signed) {
        mho_half_normal_encode(shape, x, log_scale, noise, codes);
        return;
    }
    mho_levels_standard(shape.bits, &standard);
    for (size_t k = 0; k < shape.channels; k++) {
        const size_t first = k * shape.per_channel;
        const Law law = law_of(params, shape, x + first);
        law_levels(&law, &standard, shape.bits, &levels);
        mho_levels_encode(&levels, shape.per_channel, x + first, log_scale[k], noise ? noise + first : NULL,
                          codes + first);
    }
}

static void chain_gradient(const UniqParams *p, MhoQuantShape shape, const float *x, const float *d_value, float *d_x)
{
    MhoLevels standard, levels;
    mho_levels_standard(shape.bits, &standard);
    for (size_t k = 0; k < shape.channels; k++) {
        const size_t first = k * shape.per_channel;
        const Law law = law_of(p, shape, x + first);
        law_levels(&law, &standard, shape.bits, &levels);
        for (size_t i = first; i < first + shape.per_channel; i++) {
            const int bin = mho_levels_index(&levels, (double)x[i]);
            const Point level = {.x = levels.level[bin],
                                 .u = (bin + 0.5) / levels.k,
                                 .z = law.gaussian.sd > 0.0 ? standard.level[bin] : 0.0};
            d_x[i] = (float)((double)d_value[i] * chain(&law, point_at(&law, (double)x[i]), level));
        }
    }
}

static void uniq_gradient(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                          const float *d_value, float *d_x, float *d_log_scale)
{
    const UniqParams *p = params;
    (void)d_log_scale; /* fit() sets the range of weights; that of activations is constant */
    if (!shape.is_signed)
        mho_half_normal_gradient(shape, x, log_scale, p->gradient == GRADIENT_EXACT, d_value, d_x);
    else if (p->gradient == GRADIENT_EXACT)
        chain_gradient(p, shape, x, d_value, d_x);
    else
        for (size_t i = 0; i < shape.channels * shape.per_channel; i++)
            d_x[i] = d_value[i];
}

/* Half width of the noise in bins. */
static double half_width(const UniqParams *p)
{
    return p->noise == NOISE_HALF ? 0.5 : 1.0;
}

static void inject_channel(const UniqParams *p, MhoQuantShape shape, const float *x, MhoStream stream, uint64_t item,
                           float *noisy, float *slope)
{
    const Law law = law_of(p, shape, x);
    const double width = half_width(p) / law.k, edge = p->tails == TAILS_FREE ? free_edge : 0.5 / law.k;
    uint32_t words[WORDS_AT_ONCE];
    for (size_t i = 0; i < shape.per_channel; i++) {
        const size_t left = shape.per_channel - i;
        if (i % WORDS_AT_ONCE == 0)
            mho_random_words(stream, MHO_DRAW_UNIQ, item + i, left < WORDS_AT_ONCE ? left : WORDS_AT_ONCE, words);
        const Point from = point_at(&law, (double)x[i]);
        const double u = from.u + width * (2.0 * ((double)words[i % WORDS_AT_ONCE] + 0.5) * 0x1p-32 - 1.0);
        const Point to = point_of(&law, u < edge ? edge : u > 1.0 - edge ? 1.0 - edge : u);
        if (slope)
            slope[i] = p->gradient == GRADIENT_EXACT ? (float)chain(&law, from, to) : 1.0F;
        noisy[i] = (float)to.x;
    }
}

static void uniq_inject(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                        MhoStream stream, float *noisy, float *slope)
{
    const UniqParams *p = params;
    if (!shape.is_signed) {
        mho_half_normal_inject(shape, x, log_scale, half_width(p), p->gradient == GRADIENT_EXACT, stream, noisy, slope);
        return;
    }
    for (size_t k = 0; k < shape.channels; k++) {
        const size_t first = k * shape.per_channel;
        inject_channel(p, shape, x + first, stream, first, noisy + first, slope ? slope + first : NULL);
    }
}

static const MhoParam uniq_params[] = {
    {"gradient", MHO_CHOICE, offsetof(UniqParams, gradient), GRADIENT_STRAIGHT, 0, 1, "",
     "gradient of a value: passed straight through, or by the chain of uniformization", "straight exact", NULL,
     "gradient"},
    {"noise", MHO_CHOICE, offsetof(UniqParams, noise), NOISE_HALF, 0, 1, "",
     "injected noise reaches half a bin to either side, or a full bin (high noise)", "half full", NULL,
     "injected noise"},
    {"tails", MHO_CHOICE, offsetof(UniqParams, tails), TAILS_LEVELS, 0, 1, "",
     "noisy weights stay within probabilities 1e-5 and 1 - 1e-5 as published, or within the outermost levels (ours: "
     "better on validation images)",
     "free levels", NULL, "tails"},
    {"cdf", MHO_CHOICE, offsetof(UniqParams, cdf), CDF_GAUSSIAN, 0, 1, "",
     "distribution of weights: a fitted Gaussian, or their own order", "gaussian empirical", NULL, "distribution"},
    {"activation_sigma", MHO_REAL, offsetof(UniqParams, activation_sigma), 3.0, 1.0, 10.0, "",
     "sigma of the half-normal of activation levels, in root mean squares of the activations", NULL, NULL,
     "activation sigma"},
};

extern const MhoQuantizer mho_quantizer_uniq;
const MhoQuantizer mho_quantizer_uniq = {
    .descriptor = {.name = "uniq",
                   .summary = "levels on quantiles of a fitted distribution",
                   .reference = "Baskin et al., UNIQ, arXiv:1804.10969 (2018)",
                   MHO_PARAM_TABLE(UniqParams, uniq_params),
                   .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE},
    .min_bits = 2,
    .max_bits = MHO_LEVELS_MAX_BITS,
    .nonuniform = true,
    .scratch = 2 * sizeof(float),
    .full_scale = uniq_full_scale,
    .fit = uniq_fit,
    .range = uniq_range,
    .encode = uniq_encode,
    .gradient = uniq_gradient,
    .inject = uniq_inject,
    .table = uniq_table,
};
