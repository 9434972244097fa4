/* empirical.c - see empirical_internal.h. Sorting by the bytes of the floats, least significant first. */
#include "quant/empirical_internal.h"

#include <math.h>

enum { DIGITS = 256, DIGIT_BITS = 8, PASSES = 4 };

/* A float's place among floats, in the float's own memory. */
typedef uint32_t __attribute__((may_alias)) Key;

/* Words that ascend with the floats: negative ones have all bits turned, the others the sign. */
static inline uint32_t key_of(uint32_t word)
{
    return word & 0x80000000U ? ~word : word | 0x80000000U;
}

static inline uint32_t word_of(uint32_t key)
{
    return key & 0x80000000U ? key & 0x7fffffffU : ~key;
}

/* Stable by one byte. */
static void sort_digit(size_t n, int shift, const Key *from, Key *to)
{
    size_t place[DIGITS] = {0}, total = 0;
    for (size_t i = 0; i < n; i++)
        place[from[i] >> shift & (DIGITS - 1)]++;
    for (size_t d = 0; d < DIGITS; d++) {
        const size_t count = place[d];
        place[d] = total;
        total += count;
    }
    for (size_t i = 0; i < n; i++)
        to[place[from[i] >> shift & (DIGITS - 1)]++] = from[i];
}

void mho_sort_values(size_t n, const float *x, float *sorted, float *spare)
{
    const Key *words = (const Key *)x;
    Key *keys = (Key *)sorted, *other = (Key *)spare;
    for (size_t i = 0; i < n; i++)
        keys[i] = key_of(words[i]);
    for (int pass = 0; pass < PASSES; pass += 2) {
        sort_digit(n, pass * DIGIT_BITS, keys, other);
        sort_digit(n, (pass + 1) * DIGIT_BITS, other, keys);
    }
    for (size_t i = 0; i < n; i++)
        keys[i] = word_of(keys[i]);
}

size_t mho_sorted_find(size_t n, const float *sorted, double x, bool above)
{
    size_t first = 0;
    for (size_t left = n; left > 0;) {
        const size_t half = left / 2;
        const bool below = above ? (double)sorted[first + half] <= x : (double)sorted[first + half] < x;
        first += below ? half + 1 : 0;
        left = below ? left - half - 1 : half;
    }
    return first;
}

double mho_empirical_cdf(const MhoEmpirical *s, double x)
{
    const size_t first = mho_sorted_find(s->n, s->sorted, x, false), n = s->n;
    if (first < n && (double)s->sorted[first] == x) {
        const bool alone = first + 1 == n || (double)s->sorted[first + 1] > x;
        const size_t end = alone ? first + 1 : mho_sorted_find(n, s->sorted, x, true);
        return 0.5 * (double)(first + end) / (double)n;
    }
    if (first == 0 || first == n)
        return (first == 0 ? 0.5 : (double)n - 0.5) / (double)n;
    const double low = (double)s->sorted[first - 1], high = (double)s->sorted[first];
    return ((double)first - 0.5 + (x - low) / (high - low)) / (double)n;
}

double mho_empirical_quantile(const MhoEmpirical *s, double u)
{
    const double at = u * (double)s->n - 0.5;
    if (!(at > 0.0))
        return (double)s->sorted[0];
    const size_t i = (size_t)at;
    if (i + 1 >= s->n)
        return (double)s->sorted[s->n - 1];
    const double low = (double)s->sorted[i], high = (double)s->sorted[i + 1];
    return low + (at - (double)i) * (high - low);
}

/* F^-1(u) as a threshold, moved up a little where it equals values whose F is below u. */
static double threshold_at(const MhoEmpirical *s, double u)
{
    const double x = mho_empirical_quantile(s, u);
    const size_t above = mho_sorted_find(s->n, s->sorted, x, true);
    const bool is_value = above > 0 && (double)s->sorted[above - 1] == x;
    if (!is_value || mho_empirical_cdf(s, x) >= u)
        return x;
    return above < s->n ? x + 0x1p-20 * ((double)s->sorted[above] - x) : INFINITY;
}

void mho_empirical_levels(const MhoEmpirical *s, int bits, MhoLevels *levels)
{
    const int k = 1 << bits;
    levels->k = k;
    for (int i = 0; i < k; i++)
        levels->level[i] = mho_empirical_quantile(s, (i + 0.5) / k);
    for (int i = 0; i + 1 < k; i++)
        levels->threshold[i] = threshold_at(s, (i + 1.0) / k);
}
