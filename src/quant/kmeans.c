/* kmeans.c - weights on the levels of least squared error, found by Lloyd's iteration on the tensor.
 *
 *   thresholds t_i = (q_i + q_(i+1)) / 2;  q_i <- mean of the weights in bin i;  a bin without weights keeps its level
 * Starts from the quantiles of the fitted Gaussian (uniq) and runs a fixed number of iterations, so the levels are a
 * function of the tensor alone (those of quantized values may be others). Codes are whole numbers on the 16-bit grid,
 * e^s = largest |level|; nothing is learned.
 * Bins are runs of the sorted weights and means differences of their running sums, so a round takes k searches.
 * Surrogate gradient: dq/dw = 1 (straight through).
 * Source: Lloyd, IEEE Trans. Inf. Theory 28 (1982) 129, method I. Valid for 2 to 8 bits, weights only.
 */
#include <stddef.h>

#include "quant/empirical_internal.h"
#include "quant/levels_internal.h"

typedef struct KmeansParams {
    int iterations;
} KmeansParams;

static void midpoints(MhoLevels *levels)
{
    for (int i = 0; i + 1 < levels->k; i++)
        levels->threshold[i] = 0.5 * (levels->level[i] + levels->level[i + 1]);
}

/* A channel in ascending order with sums[i] of its values 0 .. i. */
typedef struct Sorted {
    size_t n;
    const float *value;
    const double *sum;
} Sorted;

/* scratch (2 n doubles): the sums; ascending values, after scratch of sorting in the place of the sums. */
static Sorted sort_channel(size_t n, const float *x, double *scratch)
{
    float *value = (float *)(void *)(scratch + n);
    double total = 0.0;
    mho_sort_values(n, x, value, (float *)(void *)scratch);
    for (size_t i = 0; i < n; i++)
        scratch[i] = total += (double)value[i];
    return (Sorted){.n = n, .value = value, .sum = scratch};
}

/* First value from `first` on that is not below the threshold: steps that double, then halving. */
static size_t bin_end(const Sorted *s, size_t first, double threshold)
{
    size_t step = 1, low = first;
    while (low + step <= s->n && (double)s->value[low + step - 1] < threshold) {
        low += step;
        step *= 2;
    }
    const size_t left = s->n - low < step ? s->n - low : step;
    return low + mho_sorted_find(left, s->value + low, threshold, false);
}

/* The mean of values first .. end - 1, never outside them. */
static double bin_mean(const Sorted *s, size_t first, size_t end)
{
    const double sum = s->sum[end - 1] - (first > 0 ? s->sum[first - 1] : 0.0), mean = sum / (double)(end - first);
    const double low = (double)s->value[first], high = (double)s->value[end - 1];
    return mean < low ? low : mean > high ? high : mean;
}

/* Levels of one channel. */
static void place(const KmeansParams *p, const MhoLevels *standard, size_t n, const float *x, void *scratch,
                  MhoLevels *levels)
{
    const Sorted sorted = sort_channel(n, x, scratch);
    mho_levels_scale(standard, mho_gaussian_fit(n, x), levels);
    midpoints(levels);
    for (int round = 0; round < p->iterations; round++) {
        size_t first = 0;
        for (int i = 0; i < levels->k; i++) {
            const size_t end = i + 1 < levels->k ? bin_end(&sorted, first, levels->threshold[i]) : n;
            if (end > first)
                levels->level[i] = bin_mean(&sorted, first, end);
            first = end;
        }
        midpoints(levels);
    }
}

static void kmeans_fit(const void *params, MhoQuantShape shape, const float *x, float *log_scale)
{
    MhoLevels standard, levels;
    mho_levels_standard(shape.bits, &standard);
    for (size_t k = 0; k < shape.channels; k++) {
        place(params, &standard, shape.per_channel, x + k * shape.per_channel, shape.scratch, &levels);
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
        place(params, &standard, shape.per_channel, x + first, shape.scratch, &levels);
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
    (void)d_log_scale; /* fit() sets the range */
    for (size_t i = 0; i < shape.channels * shape.per_channel; i++)
        d_x[i] = d_value[i];
}

static const MhoParam kmeans_params[] = {
    {"iterations", MHO_INT, offsetof(KmeansParams, iterations), 10, 0, 1000, "",
     "rounds of Lloyd's iteration from quantile starts", NULL, NULL, "k-means iterations"},
};

extern const MhoQuantizer mho_quantizer_kmeans;
const MhoQuantizer mho_quantizer_kmeans = {
    .descriptor = {.name = "kmeans",
                   .summary = "weights on levels of least squared error",
                   .reference = "Lloyd, IEEE Trans. Inf. Theory 28 (1982) 129, method I",
                   MHO_PARAM_TABLE(KmeansParams, kmeans_params),
                   .ignores = MHO_IGNORES_TIME | MHO_IGNORES_TEMPERATURE | MHO_IGNORES_NOISE},
    .min_bits = 2,
    .max_bits = MHO_LEVELS_MAX_BITS,
    .nonuniform = true,
    .scratch = 2 * sizeof(double),
    .full_scale = mho_levels_full_scale,
    .fit = kmeans_fit,
    .encode = kmeans_encode,
    .gradient = kmeans_gradient,
};
