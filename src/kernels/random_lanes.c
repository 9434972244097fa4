/* random_lanes.c - Philox4x32-10 on 64-bit lanes, and the normals drawn from it; compiled for AVX2 and AVX-512.
 *
 * Each 64-bit lane holds one 32-bit word of one counter block. The widening multiply reads only low halves, so the
 * garbage that xor leaves in high halves is harmless and no mask or shuffle is needed until words are stored.
 * Constants: Salmon et al., SC 2011, table 2.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels/kernels_internal.h"
#include "kernels/lanes_internal.h"

#define JOIN(kernel, isa)    kernel##_##isa
#define NAME_OF(kernel, isa) JOIN(kernel, isa)
#define NAME(kernel)         NAME_OF(kernel, MHO_ISA)

#ifdef __AVX512F__
enum { LANES = 8, GROUPS = 4 }; /* 4 groups of registers in flight hide the latency of the multiply */
typedef __m512i Lanes;

static inline Lanes lanes_of(uint32_t x)
{
    return _mm512_set1_epi64(x);
}

/* Block numbers in the order that makes lanes_store() write consecutive blocks. */
static inline Lanes lanes_blocks(uint32_t first)
{
    return _mm512_add_epi64(lanes_of(first), _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7));
}

static inline Lanes lanes_multiply(Lanes a, Lanes b)
{
    return _mm512_mul_epu32(a, b);
}

static inline Lanes lanes_xor3_high(Lanes product, Lanes a, Lanes key)
{
    return _mm512_ternarylogic_epi64(_mm512_srli_epi64(product, 32), a, key, 0x96);
}

static inline Lanes lanes_join(Lanes low, Lanes high)
{
    return _mm512_mask_blend_epi32(0xaaaa, low, _mm512_slli_epi64(high, 32));
}

static inline void lanes_store(uint32_t *out, const Lanes word[4])
{
    const Lanes low = lanes_join(word[0], word[1]);
    const Lanes high = lanes_join(word[2], word[3]);
    _mm512_storeu_si512(out, _mm512_unpacklo_epi64(low, high));
    _mm512_storeu_si512(out + 16, _mm512_unpackhi_epi64(low, high));
}
#else
enum { LANES = 4, GROUPS = 2 };
typedef __m256i Lanes;

static inline Lanes lanes_of(uint32_t x)
{
    return _mm256_set1_epi64x(x);
}

static inline Lanes lanes_blocks(uint32_t first)
{
    return _mm256_add_epi64(lanes_of(first), _mm256_setr_epi64x(0, 2, 1, 3));
}

static inline Lanes lanes_multiply(Lanes a, Lanes b)
{
    return _mm256_mul_epu32(a, b);
}

static inline Lanes lanes_xor3_high(Lanes product, Lanes a, Lanes key)
{
    return _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product, 32), a), key);
}

static inline Lanes lanes_join(Lanes low, Lanes high)
{
    return _mm256_blend_epi32(low, _mm256_slli_epi64(high, 32), 0xaa);
}

static inline void lanes_store(uint32_t *out, const Lanes word[4])
{
    const Lanes low = lanes_join(word[0], word[1]);
    const Lanes high = lanes_join(word[2], word[3]);
    _mm256_storeu_si256((__m256i *)(void *)out, _mm256_unpacklo_epi64(low, high));
    _mm256_storeu_si256((__m256i *)(void *)(out + 8), _mm256_unpackhi_epi64(low, high));
}
#endif

enum { GROUP_WORDS = 4 * LANES, BATCH = GROUP_WORDS * GROUPS, NORMALS_AT_ONCE = 4 * BATCH };

/* GROUP_WORDS * groups words of the blocks from first on; groups is a constant of the call. */
static inline __attribute__((always_inline)) void philox_batch(uint64_t key, const uint32_t counter[3], uint32_t first,
                                                               int groups, uint32_t *out)
{
    uint32_t key_low = (uint32_t)key;
    uint32_t key_high = (uint32_t)(key >> 32);
    Lanes word[GROUPS][4];
    for (int g = 0; g < groups; g++) {
        word[g][0] = lanes_blocks(first + (uint32_t)g * LANES);
        word[g][1] = lanes_of(counter[0]);
        word[g][2] = lanes_of(counter[1]);
        word[g][3] = lanes_of(counter[2]);
    }
    for (int round = 0; round < 10; round++) {
        for (int g = 0; g < groups; g++) {
            const Lanes product0 = lanes_multiply(word[g][0], lanes_of(0xd2511f53U));
            const Lanes product1 = lanes_multiply(word[g][2], lanes_of(0xcd9e8d57U));
            word[g][0] = lanes_xor3_high(product1, word[g][1], lanes_of(key_low));
            word[g][1] = product1;
            word[g][2] = lanes_xor3_high(product0, word[g][3], lanes_of(key_high));
            word[g][3] = product0;
        }
        key_low += 0x9e3779b9U;
        key_high += 0xbb67ae85U;
    }
    for (int g = 0; g < groups; g++)
        lanes_store(out + g * GROUP_WORDS, word[g]);
}

void NAME(words)(uint64_t key, const uint32_t counter[3], uint64_t first_item, size_t n, uint32_t *out)
{
    uint32_t batch[BATCH];
    size_t skip = first_item % 4; /* words of the first block before first_item */
    uint64_t block = first_item / 4;
    for (size_t done = 0; done < n;) {
        const size_t wanted = n - done + skip;
        if (skip == 0 && wanted >= BATCH) {
            philox_batch(key, counter, (uint32_t)block, GROUPS, out + done);
            done += BATCH;
            block += BATCH / 4;
            continue;
        }
        /* one group is faster than a full batch for a few words */
        const bool is_short = wanted <= 2 * GROUP_WORDS;
        const size_t made = is_short ? GROUP_WORDS : BATCH;
        const size_t count = wanted < made ? wanted - skip : made - skip;
        if (is_short)
            philox_batch(key, counter, (uint32_t)block, 1, batch);
        else
            philox_batch(key, counter, (uint32_t)block, GROUPS, batch);
        memcpy(out + done, batch + skip, count * sizeof *out);
        done += count;
        block += made / 4;
        skip = 0;
    }
}

void NAME(normals)(uint64_t key, const uint32_t counter[3], uint64_t first_item, size_t n, float noise, float *out)
{
    uint32_t words[NORMALS_AT_ONCE];
    for (size_t done = 0; done < n;) {
        const size_t skip = (first_item + done) % 4; /* only the first piece can start inside a block */
        const size_t left = n - done;
        const size_t count = left < NORMALS_AT_ONCE - skip ? left : NORMALS_AT_ONCE - skip;
        NAME(words)(key, counter, first_item + done, count, words);
        for (size_t i = 0; i < count; i++)
            out[done + i] = lane_normal(words[i]) * noise;
        done += count;
    }
}
