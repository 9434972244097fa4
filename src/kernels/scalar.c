/* scalar.c - random numbers and matrix products of the scalar table, the specification of the others.
 *
 * Philox4x32-10 is Random123's (Salmon et al., SC 2011).
 */
#include <Random123/philox.h>

#include "kernels/kernels_internal.h"
#include "kernels/random.h"

/* The four words of items 4 block .. 4 block + 3. */
static philox4x32_ctr_t philox_block(uint64_t key, const uint32_t counter[3], uint64_t block)
{
    const philox4x32_ctr_t c = {{(uint32_t)block, counter[0], counter[1], counter[2]}};
    const philox4x32_key_t k = {{(uint32_t)key, (uint32_t)(key >> 32)}};
    return philox4x32(c, k);
}

void words_scalar(uint64_t key, const uint32_t counter[3], uint64_t first_item, size_t n, uint32_t *out)
{
    size_t i = 0;
    while (i < n) {
        const uint64_t item = first_item + i;
        const philox4x32_ctr_t block = philox_block(key, counter, item / 4);
        for (size_t word = item % 4; word < 4 && i < n; word++, i++)
            out[i] = block.v[word];
    }
}

void normals_scalar(uint64_t key, const uint32_t counter[3], uint64_t first_item, size_t n, float noise, float *out)
{
    size_t i = 0;
    while (i < n) {
        const uint64_t item = first_item + i;
        const philox4x32_ctr_t block = philox_block(key, counter, item / 4);
        for (size_t word = item % 4; word < 4 && i < n; word++, i++)
            out[i] = mho_normal_of_word(block.v[word]) * noise;
    }
}

void mvm_u8s8_scalar(size_t P, size_t R4, size_t C, const uint8_t *x, size_t x_stride, const int8_t *packed,
                     int32_t *sum)
{
    for (size_t p = 0; p < P; p++) {
        for (size_t c = 0; c < C; c++) {
            const int8_t *column = packed + c / MHO_LANES * MHO_LANES * R4 + c % MHO_LANES * MHO_ROW_GROUP;
            int32_t total = 0;
            for (size_t r = 0; r < R4; r++)
                total +=
                    x[p * x_stride + r] * column[r / MHO_ROW_GROUP * MHO_LANES * MHO_ROW_GROUP + r % MHO_ROW_GROUP];
            sum[p * C + c] = total;
        }
    }
}

void mvm_f32_scalar(size_t P, size_t R, size_t C, const float *x, size_t x_stride, const float *w, float *y)
{
    for (size_t p = 0; p < P; p++) {
        for (size_t r = 0; r < R; r++)
            for (size_t c = 0; c < C; c++)
                y[p * C + c] = __builtin_fmaf(x[p * x_stride + r], w[r * C + c], y[p * C + c]);
    }
}
