/* half_normal.c - see half_normal_internal.h. */
#include "quant/half_normal_internal.h"

#include <stddef.h>

#include "kernels/math.h"
#include "quant/grid_internal.h"

enum { WORDS_AT_ONCE = 256, GRID_BITS = 8 };
static const double edge = 2e-5; /* noisy values stay off the tail by this probability */

static int level_count(int bits)
{
    return (1 << bits) - 1;
}

/* z of t. */
static double quantile(double t)
{
    return mho_normal_quantile(0.5 + 0.5 * t);
}

static double level(int i, int n)
{
    return quantile((i + 0.5) / n);
}

double mho_half_normal_reach(int bits)
{
    const int n = level_count(bits);
    return level(n - 1, n);
}

/* Bin of a z above 0. */
static int bin_of(double z, int n)
{
    const int i = (int)((2.0 * mho_normal_cdf(z) - 1.0) * n);
    return i < n ? i : n - 1;
}

void mho_half_normal_table(int bits, uint8_t *table)
{
    const int n = level_count(bits);
    const double reach = mho_half_normal_reach(bits), step = reach / MHO_HALF_NORMAL_STEPS;
    table[0] = 0;
    for (int s = 1; s <= MHO_HALF_NORMAL_STEPS; s++)
        table[s] = (uint8_t)__builtin_rint(level(bin_of(s * step, n), n) / step);
}

void mho_half_normal_fit(MhoQuantShape shape, const float *x, double sigmas, float *log_scale)
{
    const double reach = mho_half_normal_reach(shape.bits);
    for (size_t k = 0; k < shape.channels; k++) {
        double squares = 0.0, count = 0.0;
        for (size_t i = k * shape.per_channel; i < (k + 1) * shape.per_channel; i++) {
            squares += x[i] > 0.0F ? (double)x[i] * (double)x[i] : 0.0;
            count += x[i] > 0.0F ? 1.0 : 0.0;
        }
        log_scale[k] = squares > 0.0 ? (float)mho_ln(sigmas * reach * __builtin_sqrt(squares / count)) : 0.0F;
    }
}

void mho_half_normal_encode(MhoQuantShape shape, const float *x, const float *log_scale, const float *noise,
                            float *codes)
{
    uint8_t table[MHO_HALF_NORMAL_STEPS + 1];
    MhoQuantShape grid = shape;
    grid.bits = GRID_BITS;
    mho_half_normal_table(shape.bits, table);
    mho_grid_encode(NULL, grid, x, log_scale, noise, codes);
    for (size_t i = 0; i < shape.channels * shape.per_channel; i++)
        codes[i] = mho_table_code(table, codes[i]);
}

/* f(x) / f(q) = e^((z_q^2 - z^2) / 2) */
static float chain(double z, double z_q)
{
    return (float)mho_exp(0.5 * (z_q - z) * (z_q + z));
}

void mho_half_normal_gradient(MhoQuantShape shape, const float *x, const float *log_scale, bool exact,
                              const float *d_value, float *d_x)
{
    const double reach = mho_half_normal_reach(shape.bits);
    uint8_t table[MHO_HALF_NORMAL_STEPS + 1];
    if (exact)
        mho_half_normal_table(shape.bits, table);
    for (size_t k = 0; k < shape.channels; k++) {
        const double inverse = reach / mho_exp((double)log_scale[k]), steps = MHO_HALF_NORMAL_STEPS / reach;
        for (size_t i = k * shape.per_channel; i < (k + 1) * shape.per_channel; i++) {
            const double z = (double)x[i] * inverse;
            d_x[i] = x[i] > 0.0F ? d_value[i] : 0.0F;
            if (exact && x[i] > 0.0F) {
                const float step = mho_round(mho_clampf((float)(z * steps), 0.0F, (float)MHO_HALF_NORMAL_STEPS));
                const double code = (double)mho_table_code(table, step);
                d_x[i] *= code > 0.0 ? chain(z, code / steps) : 0.0F;
            }
        }
    }
}

/* t of one noisy value to its z; *kept: it met an edge. */
static double noisy_z(double t, bool *kept)
{
    const double inside = t < 0.0 ? 0.0 : t > 1.0 - edge ? 1.0 - edge : t;
    *kept = inside != t;
    return inside > 0.0 ? (double)mho_normal_of_word((uint32_t)((0.5 + 0.5 * inside) * 0x1p32)) : 0.0;
}

/* One channel; sigma is its value, item its first draw. */
static void inject_channel(size_t n, double sigma, double bins, bool exact, const float *x, MhoStream stream,
                           uint64_t item, float *noisy, float *slope)
{
    uint32_t words[WORDS_AT_ONCE];
    for (size_t i = 0; i < n; i++) {
        if (i % WORDS_AT_ONCE == 0)
            mho_random_words(stream, MHO_DRAW_UNIQ, item + i, n - i < WORDS_AT_ONCE ? n - i : WORDS_AT_ONCE, words);
        const double e = bins * (2.0 * ((double)words[i % WORDS_AT_ONCE] + 0.5) * 0x1p-32 - 1.0);
        const double z = (double)x[i] / sigma;
        bool kept = false;
        const double z_n = z > 0.0 ? noisy_z(2.0 * mho_normal_cdf(z) - 1.0 + e, &kept) : 0.0;
        if (slope)
            slope[i] = !(z > 0.0) ? 0.0F : !exact ? 1.0F : kept ? 0.0F : chain(z, z_n);
        noisy[i] = (float)(sigma * z_n);
    }
}

void mho_half_normal_inject(MhoQuantShape shape, const float *x, const float *log_scale, double width, bool exact,
                            MhoStream stream, float *noisy, float *slope)
{
    const double reach = mho_half_normal_reach(shape.bits), bins = width / level_count(shape.bits);
    for (size_t k = 0; k < shape.channels; k++) {
        const size_t first = k * shape.per_channel;
        inject_channel(shape.per_channel, mho_exp((double)log_scale[k]) / reach, bins, exact, x + first, stream, first,
                       noisy + first, slope ? slope + first : NULL);
    }
}
