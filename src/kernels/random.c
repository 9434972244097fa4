/* random.c - keys, counters and distributions from a stream and a purpose. */
#include "kernels/random.h"

#include "kernels/kernels.h"

enum { WORDS_AT_ONCE = 256 };

/* The output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a bijection of 64 bits. */
static uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

uint64_t mho_stream_key(MhoStream stream, MhoDraw draw)
{
    /* bijections: with one seed, two purposes or steps never have the same key */
    return mix(mix(stream.seed) ^ ((uint64_t)draw << 32 | stream.step));
}

void mho_random_words(MhoStream stream, MhoDraw draw, uint64_t first, size_t n, uint32_t *words)
{
    const uint32_t counter[3] = {stream.place, stream.chip, stream.image};
    mho_kernels()->words(mho_stream_key(stream, draw), counter, first, n, words);
}

void mho_normal_fill_at(MhoStream stream, MhoDraw draw, uint64_t first, size_t n, float *normals)
{
    const uint32_t counter[3] = {stream.place, stream.chip, stream.image};
    mho_kernels()->normals(mho_stream_key(stream, draw), counter, first, n, stream.noise, normals);
}

void mho_normal_fill(MhoStream stream, MhoDraw draw, size_t n, float *normals)
{
    mho_normal_fill_at(stream, draw, 0, n, normals);
}

void mho_uniform_fill(MhoStream stream, MhoDraw draw, size_t n, float *uniforms)
{
    const float below_one = 1.0F - 0x1p-24F;
    uint32_t words[WORDS_AT_ONCE];
    for (size_t start = 0; start < n; start += WORDS_AT_ONCE) {
        const size_t count = n - start < WORDS_AT_ONCE ? n - start : WORDS_AT_ONCE;
        mho_random_words(stream, draw, start, count, words);
        for (size_t i = 0; i < count; i++) {
            const float u = (float)(((double)words[i] + 0.5) * 0x1p-32);
            uniforms[start + i] = u < below_one ? u : below_one;
        }
    }
}

uint32_t mho_random_below(MhoStream stream, MhoDraw draw, uint64_t item, uint32_t n)
{
    uint32_t words[2];
    mho_random_words(stream, draw, 2 * item, 2, words);
    /* high 64 bits of (words[1] 2^32 + words[0]) n */
    return (uint32_t)(((uint64_t)words[1] * n + ((uint64_t)words[0] * n >> 32)) >> 32);
}

void mho_random_shuffle(MhoStream stream, MhoDraw draw, size_t n, uint32_t *indices)
{
    for (size_t i = n; i > 1; i--) {
        const uint32_t k = mho_random_below(stream, draw, i - 1, (uint32_t)i);
        const uint32_t swapped = indices[i - 1];
        indices[i - 1] = indices[k];
        indices[k] = swapped;
    }
}
