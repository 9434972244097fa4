/* mvm_avx2.c - matrix products with AVX2 and FMA.
 *
 * Integers are widened to 16 bit and multiplied by vpmaddwd, which is exact; vpmaddubsw would saturate codes above 127.
 * Register blocks: 2 positions x 16 columns (integer), 6 x 16 (float), each output adding its rows in order.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels/mvm_internal.h"

enum { QUADS = 4, POSITIONS_U8S8 = 2, POSITIONS_F32 = 6, HALVES = 2 };

/* Four codes as 16 bit, repeated for four columns. */
INLINE __m256i four_codes(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
}

/* Sums of 8 columns from two registers that hold two partial sums a column. */
INLINE __m256i add_pairs(__m256i first, __m256i second)
{
    return _mm256_permute4x64_epi64(_mm256_hadd_epi32(first, second), 0xd8);
}

INLINE void u8s8_block(U8S8 t, int positions)
{
    __m256i sum[POSITIONS_U8S8][QUADS];
    for (int p = 0; p < positions; p++)
        for (int q = 0; q < QUADS; q++)
            sum[p][q] = _mm256_setzero_si256();
    for (size_t r = 0; r < t.R4; r += MHO_ROW_GROUP) {
        const __m128i *w = (const __m128i *)(const void *)(t.packed + r * MHO_LANES);
        __m256i x[POSITIONS_U8S8];
        for (int p = 0; p < positions; p++)
            x[p] = four_codes(t.x + (size_t)p * t.x_stride + r);
        for (int q = 0; q < QUADS; q++) {
            const __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128(w + q));
            for (int p = 0; p < positions; p++)
                sum[p][q] = _mm256_add_epi32(sum[p][q], _mm256_madd_epi16(x[p], wide));
        }
    }
    for (int p = 0; p < positions; p++) {
        __m256i *out = (__m256i *)(void *)(t.y + (size_t)p * t.C);
        _mm256_storeu_si256(out, add_pairs(sum[p][0], sum[p][1]));
        _mm256_storeu_si256(out + 1, add_pairs(sum[p][2], sum[p][3]));
    }
}

void mvm_u8s8_avx2(size_t P, size_t R4, size_t C, const uint8_t *x, size_t x_stride, const int8_t *packed, int32_t *sum)
{
    for (size_t c = 0; c < C; c += MHO_LANES) {
        U8S8 t = {R4, C, x_stride, x, packed + c * R4, sum + c};
        size_t p = 0;
        for (; p + POSITIONS_U8S8 <= P; p += POSITIONS_U8S8) {
            u8s8_block(t, POSITIONS_U8S8);
            t.x += POSITIONS_U8S8 * x_stride;
            t.y += POSITIONS_U8S8 * C;
        }
        if (p < P)
            u8s8_block(t, 1);
    }
}

INLINE void f32_block(F32 t, int positions)
{
    __m256 y[POSITIONS_F32][HALVES];
    for (int p = 0; p < positions; p++)
        for (int k = 0; k < HALVES; k++)
            y[p][k] = _mm256_loadu_ps(t.y + (size_t)p * t.C + k * 8);
    for (size_t r = 0; r < t.R; r++) {
        const __m256 w0 = _mm256_loadu_ps(t.w + r * t.C);
        const __m256 w1 = _mm256_loadu_ps(t.w + r * t.C + 8);
        for (int p = 0; p < positions; p++) {
            const __m256 x = _mm256_set1_ps(t.x[(size_t)p * t.x_stride + r]);
            y[p][0] = _mm256_fmadd_ps(x, w0, y[p][0]);
            y[p][1] = _mm256_fmadd_ps(x, w1, y[p][1]);
        }
    }
    for (int p = 0; p < positions; p++)
        for (int k = 0; k < HALVES; k++)
            _mm256_storeu_ps(t.y + (size_t)p * t.C + k * 8, y[p][k]);
}

void mvm_f32_avx2(size_t P, size_t R, size_t C, const float *x, size_t x_stride, const float *w, float *y)
{
    for (size_t c = 0; c < C; c += MHO_LANES) {
        F32 t = {R, C, x_stride, x, w + c, y + c};
        size_t p = 0;
        for (; p + POSITIONS_F32 <= P; p += POSITIONS_F32) {
            f32_block(t, POSITIONS_F32);
            t.x += POSITIONS_F32 * x_stride;
            t.y += POSITIONS_F32 * C;
        }
        for (; p + 2 <= P; p += 2) {
            f32_block(t, 2);
            t.x += 2 * x_stride;
            t.y += 2 * C;
        }
        if (p < P)
            f32_block(t, 1);
    }
}
