/* test_random.c - Philox against its published vectors, and streams: widths, keys, uniforms, whole numbers, shuffles.
 *
 * Vectors: Philox4x32-10 of Random123's known-answer tests (Salmon et al., SC 2011).
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "kernels/kernels.h"
#include "kernels/random.h"

enum { MAX_TABLES = 8 };

__extension__ typedef unsigned __int128 Wide;

static const struct {
    uint32_t counter[4], key[2], words[4];
} vectors[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

/* Every table gives the published Philox words. */
TEST(test_known_answers)
{
    const MhoKernels *tables[MAX_TABLES];
    const size_t n_tables = mho_kernels_available(tables, MAX_TABLES);
    for (size_t t = 0; t < n_tables; t++) {
        for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++) {
            const uint64_t key = vectors[v].key[0] | (uint64_t)vectors[v].key[1] << 32;
            uint32_t words[4];
            tables[t]->words(key, vectors[v].counter + 1, 4 * (uint64_t)vectors[v].counter[0], 4, words);
            ck_assert_msg(memcmp(words, vectors[v].words, sizeof words) == 0, "%s, vector %zu", tables[t]->name, v);
        }
    }
}

/* Every field of a place, at its largest value, is in its own bits. */
TEST(test_place_widths)
{
    ck_assert_int_eq(MHO_LAYER_BITS + MHO_TILE_BITS + MHO_SLICE_BITS, 32);
    ck_assert_uint_eq(mho_place(1023, 0, 0), 0xffc00000U);
    ck_assert_uint_eq(mho_place(0, 65535, 0), 0x003fffc0U);
    ck_assert_uint_eq(mho_place(0, 0, 63), 0x0000003fU);
    ck_assert_uint_eq(mho_place(1023, 65535, 63), 0xffffffffU);
}

/* Every field of a stream and the purpose change the words; noise does not. */
TEST(test_streams_differ)
{
    const MhoStream base = {.seed = 5, .step = 1, .place = mho_place(1, 2, 3), .chip = 4, .image = 6, .noise = 1.0F};
    MhoStream streams[8];
    uint32_t words[8][4];
    for (int i = 0; i < 8; i++)
        streams[i] = base;
    streams[1].seed = 6;
    streams[2].step = 2;
    streams[3].place = mho_place(1, 2, 4);
    streams[4].chip = 5;
    streams[5].image = 7;
    streams[7].noise = 2.0F;
    for (int i = 0; i < 8; i++) {
        mho_random_words(streams[i], i == 6 ? MHO_DRAW_READ : MHO_DRAW_TEST, 0, 4, words[i]);
        for (int k = 0; k < i; k++) {
            const int common = memcmp(words[i], words[k], sizeof words[i]) == 0;
            ck_assert_int_eq(common, i == 7 && k == 0);
        }
    }
    /* the key's parts do not overlap: draw << 32 | step */
    ck_assert(mho_stream_key((MhoStream){.seed = 1, .step = 1}, MHO_DRAW_PROGRAM) !=
              mho_stream_key((MhoStream){.seed = 1, .step = 0}, MHO_DRAW_PROGRAM));
}

/* The counter is { item / 4, place, chip, image }, as random.h says: all results depend on it. */
TEST(test_counter_layout)
{
    const MhoStream stream = {.seed = 5, .step = 1, .place = 0x11111111, .chip = 0x22222222, .image = 0x33333333};
    const uint32_t counter[3] = {0x11111111, 0x22222222, 0x33333333};
    uint32_t words[6], wanted[6];
    mho_random_words(stream, MHO_DRAW_TEST, 7, 6, words);
    mho_kernels()->words(mho_stream_key(stream, MHO_DRAW_TEST), counter, 7, 6, wanted);
    ck_assert_mem_eq(words, wanted, sizeof words);
}

/* Draws of a stream are items of one sequence, wherever a fill starts. */
TEST(test_items)
{
    const MhoStream stream = {.seed = 9, .chip = 3, .noise = 0.5F};
    enum { N = 300 };
    uint32_t words[N], piece[N];
    float normals[N], normal_piece[N];
    mho_random_words(stream, MHO_DRAW_TEST, 0, N, words);
    mho_normal_fill(stream, MHO_DRAW_TEST, N, normals);
    for (size_t first = 0; first < 40; first++) {
        mho_random_words(stream, MHO_DRAW_TEST, first, N - first, piece);
        mho_normal_fill_at(stream, MHO_DRAW_TEST, first, N - first, normal_piece);
        ck_assert_mem_eq(piece, words + first, (N - first) * sizeof *piece);
        ck_assert_mem_eq(normal_piece, normals + first, (N - first) * sizeof *normals);
    }
    for (int i = 0; i < N; i++)
        ck_assert(normals[i] == 0.5F * mho_normal_of_word(words[i]));
}

/* Uniforms are their words' midpoints, inside (0, 1), with the moments of the law. */
TEST(test_uniform)
{
    const MhoStream stream = {.seed = 11, .noise = 0.0F};
    enum { N = 100000 };
    static float u[N];
    static uint32_t words[N];
    double mean = 0.0, square = 0.0;
    mho_uniform_fill(stream, MHO_DRAW_TEST, N, u);
    mho_random_words(stream, MHO_DRAW_TEST, 0, N, words);
    for (int i = 0; i < N; i++) {
        const double exact = ((double)words[i] + 0.5) / 4294967296.0;
        ck_assert(u[i] > 0.0F && u[i] < 1.0F);
        ck_assert(fabs((double)u[i] - exact) <= exact * 0x1p-23);
        mean += (double)u[i] / N;
        square += (double)u[i] * (double)u[i] / N;
    }
    ck_assert(fabs(mean - 0.5) < 5.0 * sqrt(1.0 / 12.0 / N));
    ck_assert(fabs(square - 1.0 / 3.0) < 5.0 * sqrt(4.0 / 45.0 / N));
}

/* A word that rounds to 1.0F: item 3239261 of seed 1 is 0xffffff85. */
TEST(test_uniform_stays_below_one)
{
    enum { N = 3239262 };
    float *u = malloc(N * sizeof *u);
    uint32_t word;
    ck_assert_ptr_nonnull(u);
    mho_random_words((MhoStream){.seed = 1}, MHO_DRAW_TEST, N - 1, 1, &word);
    ck_assert_uint_ge(word, 0xffffff80U);
    mho_uniform_fill((MhoStream){.seed = 1}, MHO_DRAW_TEST, N, u);
    ck_assert(u[N - 1] == 1.0F - 0x1p-24F);
    free(u);
}

/* The high part of a 64-bit fraction times n, in arithmetic that is wide enough. */
TEST(test_below_is_exact)
{
    const MhoStream stream = {.seed = 13};
    for (uint64_t i = 0; i < 1000; i++) {
        const uint32_t n = UINT32_MAX - (uint32_t)i;
        uint32_t words[2];
        mho_random_words(stream, MHO_DRAW_TEST, 2 * i, 2, words);
        const uint64_t fraction = (uint64_t)words[1] << 32 | words[0];
        ck_assert_uint_eq(mho_random_below(stream, MHO_DRAW_TEST, i, n), (uint64_t)((Wide)fraction * n >> 64));
    }
}

/* Whole numbers below n are uniform. */
TEST(test_below)
{
    const MhoStream stream = {.seed = 12};
    enum { N = 70000, SIDES = 7 };
    int count[SIDES] = {0};
    double chi_square = 0.0;
    for (uint64_t i = 0; i < N; i++) {
        const uint32_t k = mho_random_below(stream, MHO_DRAW_TEST, i, SIDES);
        ck_assert_uint_lt(k, SIDES);
        count[k]++;
    }
    for (int k = 0; k < SIDES; k++)
        chi_square += (count[k] - N / SIDES) * (double)(count[k] - N / SIDES) / (N / SIDES);
    ck_assert_msg(chi_square > 0.3 && chi_square < 35.0, "chi-square %g with 6 degrees of freedom", chi_square);
    ck_assert_uint_eq(mho_random_below(stream, MHO_DRAW_TEST, 3, 1), 0);
    /* the top of the range is reached: the upper half of 2^32 - 1 values in half of the draws */
    int upper = 0;
    for (uint64_t i = 0; i < 1000; i++)
        upper += mho_random_below(stream, MHO_DRAW_TEST, i, UINT32_MAX) >= 0x80000000U;
    ck_assert_int_ge(upper, 500 - 80);
    ck_assert_int_le(upper, 500 + 80);
}

/* A shuffle is a permutation, and each index comes to each place equally often. */
TEST(test_shuffle)
{
    enum { N = 6, TRIALS = 6000 };
    int landed[N][N] = {{0}};
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        uint32_t order[N];
        uint32_t seen = 0;
        for (uint32_t i = 0; i < N; i++)
            order[i] = i;
        mho_random_shuffle((MhoStream){.seed = 3, .image = trial}, MHO_DRAW_SHUFFLE, N, order);
        for (int i = 0; i < N; i++) {
            seen |= 1U << order[i];
            landed[i][order[i]]++;
        }
        ck_assert_uint_eq(seen, (1U << N) - 1U);
    }
    for (int i = 0; i < N * N; i++) {
        const double sigma = sqrt(TRIALS * (1.0 / N) * (1.0 - 1.0 / N));
        ck_assert_msg(fabs(landed[i / N][i % N] - TRIALS / (double)N) < 5.0 * sigma, "%d to %d: %d", i % N, i / N,
                      landed[i / N][i % N]);
    }
    mho_random_shuffle((MhoStream){.seed = 3}, MHO_DRAW_SHUFFLE, 0, NULL);
}
