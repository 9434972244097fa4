/* mvm_avx512.c - matrix products with AVX-512 and VNNI.
 *
 * Register blocks of positions x columns: 6 x 4 sums of 16 columns stay in registers over all rows. Each output adds
 * its rows in order, so the floats are those of the scalar table; the integer sums are exact in any order.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels/mvm_internal.h"

enum { POSITIONS = 6, BLOCKS = 4 };

INLINE __m512i four_codes(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
}

INLINE void u8s8_block(U8S8 t, int positions, int blocks)
{
    const size_t panel = t.R4 * MHO_LANES;
    __m512i sum[POSITIONS][BLOCKS];
    for (int p = 0; p < positions; p++)
        for (int k = 0; k < blocks; k++)
            sum[p][k] = _mm512_setzero_si512();
    for (size_t r = 0; r < t.R4; r += MHO_ROW_GROUP) {
        __m512i w[BLOCKS];
        for (int k = 0; k < blocks; k++)
            w[k] = _mm512_loadu_si512(t.packed + (size_t)k * panel + r * MHO_LANES);
        for (int p = 0; p < positions; p++) {
            const __m512i x = four_codes(t.x + (size_t)p * t.x_stride + r);
            for (int k = 0; k < blocks; k++)
                sum[p][k] = _mm512_dpbusd_epi32(sum[p][k], x, w[k]);
        }
    }
    for (int p = 0; p < positions; p++)
        for (int k = 0; k < blocks; k++)
            _mm512_storeu_si512(t.y + (size_t)p * t.C + k * MHO_LANES, sum[p][k]);
}

INLINE void f32_block(F32 t, int positions, int blocks)
{
    __m512 y[POSITIONS][BLOCKS];
    for (int p = 0; p < positions; p++)
        for (int k = 0; k < blocks; k++)
            y[p][k] = _mm512_loadu_ps(t.y + (size_t)p * t.C + k * MHO_LANES);
    for (size_t r = 0; r < t.R; r++) {
        __m512 w[BLOCKS];
        for (int k = 0; k < blocks; k++)
            w[k] = _mm512_loadu_ps(t.w + r * t.C + k * MHO_LANES);
        for (int p = 0; p < positions; p++) {
            const __m512 x = _mm512_set1_ps(t.x[(size_t)p * t.x_stride + r]);
            for (int k = 0; k < blocks; k++)
                y[p][k] = _mm512_fmadd_ps(x, w[k], y[p][k]);
        }
    }
    for (int p = 0; p < positions; p++)
        for (int k = 0; k < blocks; k++)
            _mm512_storeu_ps(t.y + (size_t)p * t.C + k * MHO_LANES, y[p][k]);
}

/* kind_positions: all positions of a block of columns. kind_columns: the widest block of the columns that are left, in
 * units of MHO_LANES; returns its width. */
#define DEFINE_COLUMNS(kind, Task)                              \
    INLINE void kind##_positions(size_t P, Task t, int blocks)  \
    {                                                           \
        size_t p = 0;                                           \
        for (; p + POSITIONS <= P; p += POSITIONS) {            \
            kind##_block(t, POSITIONS, blocks);                 \
            t.x += POSITIONS * t.x_stride;                      \
            t.y += POSITIONS * t.C;                             \
        }                                                       \
        for (; p + 2 <= P; p += 2) {                            \
            kind##_block(t, 2, blocks);                         \
            t.x += 2 * t.x_stride;                              \
            t.y += 2 * t.C;                                     \
        }                                                       \
        if (p < P)                                              \
            kind##_block(t, 1, blocks);                         \
    }                                                           \
    INLINE size_t kind##_columns(size_t P, Task t, size_t left) \
    {                                                           \
        if (left >= 4)                                          \
            kind##_positions(P, t, 4);                          \
        else if (left >= 2)                                     \
            kind##_positions(P, t, 2);                          \
        else                                                    \
            kind##_positions(P, t, 1);                          \
        return left >= 4 ? 4 : left >= 2 ? 2 : 1;               \
    }

DEFINE_COLUMNS(u8s8, U8S8)
DEFINE_COLUMNS(f32, F32)

void mvm_u8s8_avx512(size_t P, size_t R4, size_t C, const uint8_t *x, size_t x_stride, const int8_t *packed,
                     int32_t *sum)
{
    for (size_t c = 0; c < C;)
        c += MHO_LANES * u8s8_columns(P, (U8S8){R4, C, x_stride, x, packed + c * R4, sum + c}, (C - c) / MHO_LANES);
}

void mvm_f32_avx512(size_t P, size_t R, size_t C, const float *x, size_t x_stride, const float *w, float *y)
{
    for (size_t c = 0; c < C;)
        c += MHO_LANES * f32_columns(P, (F32){R, C, x_stride, x, w + c, y + c}, (C - c) / MHO_LANES);
}
