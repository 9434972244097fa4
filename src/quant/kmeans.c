/* kmeans.c - weights on the levels of least squared error, found by Lloyd's iteration on the tensor.
 *
 *   thresholds t_i = (q_i + q_(i+1)) / 2;  q_i <- mean of the weights in bin i;  a bin without weights keeps its level
 * Starts from the quantiles of the fitted Gaussian (uniq) and runs a fixed number of iterations, so the levels are a
 * function of the tensor alone (those of quantized values may be others). Codes are whole numbers on the 16-bit grid,
 * e^s = largest |level|; nothing is learned.
 * Surrogate gradient: dq/dw = 1 (straight through).
 * Source: Lloyd, IEEE Trans. Inf. Theory 28 (1982) 129, method I. Valid for 2 to 8 bits, weights only.
 */
#include <stddef.h>

#include "quant/levels_internal.h"

typedef struct KmeansParams {
    int iterations;
} KmeansParams;

static void midpoints(MhoLevels *levels)
{
    for (int i = 0; i + 1 < levels->k; i++)
        levels->threshold[i] = 0.5 * (levels->level[i] + levels->level[i + 1]);
}

/* Levels of one channel. */
static void place(const KmeansParams *p, const MhoLevels *standard, size_t n, const float *x, MhoLevels *levels)
{
    mho_levels_scale(standard, mho_gaussian_fit(n, x), levels);
    midpoints(levels);
    for (int round = 0; round < p->iterations; round++) {
        double sum[MHO_LEVELS_MAX] = {0};
        size_t count[MHO_LEVELS_MAX] = {0};

        for (size_t i = 0; i < n; i++) {
            const int bin = mho_levels_index(levels, (double)x[i]);

            sum[bin] += (double)x[i];
            count[bin]++;
        }
        for (int i = 0; i < levels->k; i++)
            if (count[i] > 0)
                levels->level[i] = sum[i] / (double)count[i];
        midpoints(levels);
    }
}

static void kmeans_fit(const void *params, MhoQuantShape shape, const float *x, float *log_scale)
{
    MhoLevels standard, levels;

    mho_levels_standard(shape.bits, &standard);
    for (size_t k = 0; k < shape.channels; k++) {
        place(params, &standard, shape.per_channel, x + k * shape.per_channel, &levels);
        log_scale[k] = mho_levels_log_scale(&levels);
    }
}

static void kmeans_encode(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                          const float *noise, float *codes)
{
    MhoLevels standard, levels;

    mho_levels_standard(shape.bits, &standard);
    for (size_t k = 0; k < shape.channels; k++) {
        const size_t first = k * shape.per_channel;

        place(params, &standard, shape.per_channel, x + first, &levels);
        mho_levels_encode(&levels, shape.per_channel, x + first, log_scale[k], noise ? noise + first : NULL,
                          codes + first);
    }
}

static void kmeans_gradient(const void *params, MhoQuantShape shape, const float *x, const float *log_scale,
                            const float *d_value, float *d_x, float *d_log_scale)
{
    (void)params;
    (void)x;
    (void)log_scale;
    (void)d_log_scale; /* the range follows the tensor */
    for (size_t i = 0; i < shape.channels * shape.per_channel; i++)
        d_x[i] = d_value[i];
}

static const MhoParam kmeans_params[] = {
    {"iterations", MHO_INT, offsetof(KmeansParams, iterations), 10, 0, 1000, "",
     "rounds of Lloyd's iteration from quantile starts", NULL, NULL},
};

extern const MhoQuantizer mho_quantizer_kmeans;
const MhoQuantizer mho_quantizer_kmeans = {
    .model =
        {
            .name = "kmeans",
            .summary = "weights on levels of least squared error",
            .reference = "Lloyd, IEEE Trans. Inf. Theory 28 (1982) 129, method I",
            .params_size = sizeof(KmeansParams),
            .params = kmeans_params,
            .n_params = sizeof kmeans_params / sizeof *kmeans_params,
            .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE,
        },
    .min_bits = 2,
    .max_bits = MHO_LEVELS_MAX_BITS,
    .nonuniform = true,
    .full_scale = mho_levels_full_scale,
    .fit = kmeans_fit,
    .encode = kmeans_encode,
    .gradient = kmeans_gradient,
};
