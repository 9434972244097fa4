/* uniq.c - k-quantile quantizer of weights by uniformization, and the noise that stands for it in training.
 *
 *   thresholds F^-1(i / k), levels F^-1((i - 1/2) / k), k = 2^bits,  F: Gaussian CDF of the tensor's mean and
 * unbiased sd, so that bins are equally probable and each level is its bin's median. Nothing is learned: mean and sd
 * are taken anew from the tensor, so quantized values quantize to levels of their own. Codes are whole numbers on the
 * 16-bit grid, code = round(32639 level / e^s), e^s = largest |level|. Surrogate gradients, mean and sd held constant
 * (z standardized, q the level): straight  dq/dw = 1;   exact  dq/dw = f(w) / f(q) = e^((z_q^2 - z_w^2) / 2), the chain
 * with a constant error in F Source: Baskin et al., UNIQ, arXiv:1804.10969. Valid for 2 to 8 bits, weights only.
 */
#include <stddef.h>

#include "kernels/math.h"
#include "quant/levels_internal.h"

typedef enum GradientForm { GRADIENT_STRAIGHT, GRADIENT_EXACT } GradientForm;

typedef enum NoiseForm { NOISE_HALF, NOISE_FULL } NoiseForm;

typedef struct UniqParams {
    int gradient; /* GradientForm */
    int noise;    /* NoiseForm */
} UniqParams;

enum { WORDS_AT_ONCE = 256 };
static const double edge = 1e-5; /* noisy values stay off the tails by this probability */

static void uniq_fit(const void *params, MhoQuantShape shape, const float *x, float *log_scale)
{
    MhoLevels standard, levels;

    (void)params;
    mho_levels_standard(shape.bits, &standard);
    for (size_t k = 0; k < shape.channels; k++) {
        mho_levels_scale(&standard, mho_gaussian_fit(shape.per_channel, x + k * shape.per_channel), &levels);
        log_scale[k] = mho_levels_log_scale(&levels);
    }
}

static void uniq_encode(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                        const float *noise, float *codes)
{
    MhoLevels standard, levels;

    (void)params;
    mho_levels_standard(shape.bits, &standard);
    for (size_t k = 0; k < shape.channels; k++) {
        const size_t first = k * shape.per_channel;

        mho_levels_scale(&standard, mho_gaussian_fit(shape.per_channel, x + first), &levels);
        mho_levels_encode(&levels, shape.per_channel, x + first, log_scale[k], noise ? noise + first : NULL,
                          codes + first);
    }
}

static void uniq_gradient(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                          const float *d_value, float *d_x, float *d_log_scale)
{
    const UniqParams *p = params;
    MhoLevels standard;

    (void)log_scale;
    (void)d_log_scale; /* the range follows the tensor */
    if (p->gradient == GRADIENT_STRAIGHT) {
        for (size_t i = 0; i < shape.channels * shape.per_channel; i++)
            d_x[i] = d_value[i];
        return;
    }
    mho_levels_standard(shape.bits, &standard);
    for (size_t k = 0; k < shape.channels; k++) {
        const size_t first = k * shape.per_channel;
        const MhoGaussian g = mho_gaussian_fit(shape.per_channel, x + first);

        for (size_t i = first; i < first + shape.per_channel; i++) {
            const double z = g.sd > 0.0 ? ((double)x[i] - g.mean) / g.sd : 0.0;
            const double z_q = g.sd > 0.0 ? standard.level[mho_levels_index(&standard, z)] : 0.0;

            d_x[i] = (float)((double)d_value[i] * mho_exp(0.5 * (z_q - z) * (z_q + z)));
        }
    }
}

/* One value: e is the noise of this value in F. */
static double noisy_normal(double z, double e)
{
    const double u = mho_normal_cdf(z) + e, inside = u < edge ? edge : u > 1.0 - edge ? 1.0 - edge : u;

    return (double)mho_normal_of_word((uint32_t)(inside * 0x1p32));
}

static void noise_channel(const UniqParams *p, MhoQuantShape shape, const float *x, MhoStream stream, uint64_t item,
                          float *noisy, float *slope)
{
    const size_t n = shape.per_channel;
    const MhoGaussian g = mho_gaussian_fit(n, x);
    const double width = (p->noise == NOISE_HALF ? 0.5 : 1.0) / (1 << shape.bits);
    uint32_t words[WORDS_AT_ONCE];

    for (size_t start = 0; start < n; start += WORDS_AT_ONCE) {
        const size_t count = n - start < WORDS_AT_ONCE ? n - start : WORDS_AT_ONCE;

        mho_random_words(stream, MHO_DRAW_UNIQ, item + start, count, words);
        for (size_t i = 0; i < count; i++) {
            const double e = width * (2.0 * ((double)words[i] + 0.5) * 0x1p-32 - 1.0);
            const double z = g.sd > 0.0 ? ((double)x[start + i] - g.mean) / g.sd : 0.0;
            const double z_n = g.sd > 0.0 ? noisy_normal(z, e) : 0.0;

            if (slope)
                slope[start + i] =
                    p->gradient == GRADIENT_STRAIGHT ? 1.0F : (float)mho_exp(0.5 * (z_n - z) * (z_n + z));
            noisy[start + i] = (float)(g.mean + g.sd * z_n);
        }
    }
}

static void uniq_inject(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                        MhoStream stream, float *noisy, float *slope)
{
    const UniqParams *p = params;

    (void)log_scale; /* the range follows the tensor */
    for (size_t k = 0; k < shape.channels; k++) {
        const size_t first = k * shape.per_channel;

        noise_channel(p, shape, x + first, stream, first, noisy + first, slope ? slope + first : NULL);
    }
}

static const MhoParam uniq_params[] = {
    {"gradient", MHO_CHOICE, offsetof(UniqParams, gradient), GRADIENT_STRAIGHT, 0, 1, "",
     "gradient of a weight: passed straight through, or by the chain of uniformization", "straight exact", NULL},
    {"noise", MHO_CHOICE, offsetof(UniqParams, noise), NOISE_HALF, 0, 1, "",
     "injected noise reaches half a bin to either side, or a full bin (high noise)", "half full", NULL},
};

extern const MhoQuantizer mho_quantizer_uniq;
const MhoQuantizer mho_quantizer_uniq = {
    .model =
        {
            .name = "uniq",
            .summary = "weights on quantiles of a fitted Gaussian",
            .reference = "Baskin et al., UNIQ, arXiv:1804.10969 (2018)",
            .params_size = sizeof(UniqParams),
            .params = uniq_params,
            .n_params = sizeof uniq_params / sizeof *uniq_params,
            .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE,
        },
    .min_bits = 2,
    .max_bits = MHO_LEVELS_MAX_BITS,
    .nonuniform = true,
    .full_scale = mho_levels_full_scale,
    .fit = uniq_fit,
    .encode = uniq_encode,
    .gradient = uniq_gradient,
    .inject = uniq_inject,
};
