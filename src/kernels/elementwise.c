/* elementwise.c - the elementwise kernels of every table, compiled once per instruction set.
 *
 * MHO_ISA names the table. Plain loops that the compiler vectorizes; each element is a fixed sequence of exactly
 * rounded operations, so the instruction set cannot change a bit.
 */
#include <string.h>

#include "kernels/kernels_internal.h"
#include "kernels/lanes_internal.h"

#define JOIN(kernel, isa)    kernel##_##isa
#define NAME_OF(kernel, isa) JOIN(kernel, isa)
#define NAME(kernel)         NAME_OF(kernel, MHO_ISA)

/* Elements per piece: clipped elements of a piece are counted in 32 bits, the width of the lanes. */
enum { COUNT_PIECE = 1 << 16, LAW_PIECE = 256 };

void NAME(combine_planes)(size_t n, const int32_t *restrict high, const int32_t *restrict low, double scale,
                          float *restrict y)
{
    if (!high) {
        for (size_t i = 0; i < n; i++)
            y[i] = (float)((double)low[i] * scale);
        return;
    }
    for (size_t i = 0; i < n; i++)
        y[i] = (float)((256.0 * (double)high[i] + (double)low[i]) * scale);
}

void NAME(add_noise)(size_t n, const float *restrict variance, const float *restrict normal, float *restrict y)
{
    for (size_t i = 0; i < n; i++) {
        const float v = variance[i] > 0.0F ? variance[i] : 0.0F;
        y[i] = __builtin_fmaf(__builtin_sqrtf(v), normal[i], y[i]);
    }
}

/* A NaN becomes low and counts as clipped. */
uint64_t NAME(convert)(size_t n, const float *restrict y, float inverse_lsb, float low, float high,
                       int32_t *restrict code)
{
    uint64_t clipped = 0;
    for (size_t start = 0; start < n; start += COUNT_PIECE) {
        const size_t end = n - start < COUNT_PIECE ? n : start + COUNT_PIECE;
        uint32_t count = 0;
        for (size_t i = start; i < end; i++) {
            const float rounded = __builtin_rintf(y[i] * inverse_lsb);
            const float above = rounded > low ? rounded : low;
            const float inside = above < high ? above : high;
            code[i] = (int32_t)inside;
            count += inside != rounded ? 1U : 0U;
        }
        clipped += count;
    }
    return clipped;
}

void NAME(accumulate)(size_t n, const int32_t *restrict code, int sign, int64_t *restrict total)
{
    for (size_t i = 0; i < n; i++)
        total[i] += (int64_t)sign * (int64_t)code[i];
}

void NAME(requantize)(size_t P, size_t C, const int64_t *restrict total, const float *restrict a,
                      const float *restrict b, int low, int high, uint8_t *restrict out)
{
    const float low_f = (float)low;
    const float high_f = (float)high;
    for (size_t p = 0; p < P; p++) {
        const int64_t *restrict t = total + p * C;
        uint8_t *restrict o = out + p * C;
        for (size_t c = 0; c < C; c++) {
            const float rounded = __builtin_rintf(__builtin_fmaf((float)t[c], a[c], b[c]));
            const float above = rounded > low_f ? rounded : low_f;
            const float inside = above < high_f ? above : high_f;
            o[c] = (uint8_t)(int32_t)inside;
        }
    }
}

/* Through a local piece, so that x and y may be one array. */
static inline __attribute__((always_inline)) void each(size_t n, const float *x, float *y, float (*lane)(float))
{
    float piece[LAW_PIECE];
    for (size_t start = 0; start < n; start += LAW_PIECE) {
        const size_t count = n - start < LAW_PIECE ? n - start : LAW_PIECE;
        for (size_t i = 0; i < count; i++)
            piece[i] = lane(x[start + i]);
        memcpy(y + start, piece, count * sizeof *y);
    }
}

void NAME(log)(size_t n, const float *x, float *y)
{
    each(n, x, y, lane_log);
}

void NAME(exp)(size_t n, const float *x, float *y)
{
    each(n, x, y, lane_exp);
}
