/* test_gather.c - windows of a convolution against a naive loop: padding, stride, channel groups, three types. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "harness.h"
#include "kernels/kernels.h"
#include "support/naive_window.h"

enum { IMAGE_MAX = 16 * 16 * 70, ROW_MAX = 7 * 7 * 70, POSITIONS_MAX = 20 * 20, STRIDE_MAX = ROW_MAX + 9 };

/* out_h and out_w are computed. 7 x 7 windows leave the image on both sides, 1 x 1 is a dense layer. */
static const MhoGather geometries[] = {
    {.h = 8, .w = 8, .c = 1, .c_count = 1, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1},
    {.h = 9, .w = 7, .c = 3, .c_count = 3, .kernel_h = 3, .kernel_w = 3, .stride = 2, .pad = 1},
    {.h = 16, .w = 16, .c = 16, .c_count = 16, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1},
    {.h = 6, .w = 6, .c = 70, .c_count = 70, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 0},
    {.h = 10, .w = 10, .c = 12, .c_first = 4, .c_count = 4, .kernel_h = 3, .kernel_w = 3, .stride = 2, .pad = 1},
    {.h = 5, .w = 5, .c = 8, .c_first = 7, .c_count = 1, .kernel_h = 5, .kernel_w = 3, .stride = 1, .pad = 2},
    {.h = 3, .w = 2, .c = 2, .c_count = 2, .kernel_h = 7, .kernel_w = 7, .stride = 1, .pad = 3},
    {.h = 2, .w = 2, .c = 3, .c_count = 3, .kernel_h = 2, .kernel_w = 2, .stride = 1, .pad = 4},
    {.h = 12, .w = 12, .c = 5, .c_count = 5, .kernel_h = 5, .kernel_w = 5, .stride = 3, .pad = 2},
    {.h = 1, .w = 1, .c = 50, .c_count = 50, .kernel_h = 1, .kernel_w = 1, .stride = 1, .pad = 0},
    {.h = 16, .w = 16, .c = 6, .c_first = 2, .c_count = 3, .kernel_h = 1, .kernel_w = 1, .stride = 2, .pad = 0},
};

enum { N_GEOMETRIES = sizeof geometries / sizeof *geometries };

static uint8_t image_u8[IMAGE_MAX];
static int8_t image_s8[IMAGE_MAX];
static float image_f32[IMAGE_MAX];

static MhoGather geometry_of(int i)
{
    MhoGather g = geometries[i];
    g.out_h = (g.h + 2 * g.pad - g.kernel_h) / g.stride + 1;
    g.out_w = (g.w + 2 * g.pad - g.kernel_w) / g.stride + 1;
    for (int k = 0; k < IMAGE_MAX; k++) {
        image_u8[k] = (uint8_t)(k * 7 + k / 256 + 1);
        image_s8[k] = (int8_t)image_u8[k];
        image_f32[k] = (float)k + 0.5F;
    }
    return g;
}

/* Unsigned windows equal the definition for every first position, and the tail is untouched. */
TEST_LOOP(test_u8, 0, N_GEOMETRIES)
{
    static uint8_t x[POSITIONS_MAX * STRIDE_MAX];
    const MhoGather g = geometry_of(_i);
    const int R = naive_rows(&g);
    const int total = g.out_h * g.out_w;
    const int stride = R + 5;
    for (int first = 0; first < total; first += 1 + total / 3) {
        const int P = total - first;
        memset(x, 0xa5, sizeof x);
        mho_gather_u8(&g, image_u8, (size_t)first, (size_t)P, x, (size_t)stride);
        for (int i = 0; i < (P + 1) * stride; i++) {
            const int r = i % stride;
            const int from = r < R && i / stride < P ? naive_source(&g, first + i / stride, r) : 0;
            const int expected = r >= R || i / stride >= P ? 0xa5 : from < 0 ? 0 : image_u8[from];
            ck_assert_msg(x[i] == expected, "geometry %d, position %d, row %d", _i, first + i / stride, r);
        }
    }
}

/* Signed windows are split into positive parts and negative magnitudes. */
TEST_LOOP(test_s8, 0, N_GEOMETRIES)
{
    static uint8_t plus[POSITIONS_MAX * STRIDE_MAX], minus[POSITIONS_MAX * STRIDE_MAX];
    const MhoGather g = geometry_of(_i);
    const int R = naive_rows(&g);
    const int P = g.out_h * g.out_w;
    const int stride = R + 3;
    memset(plus, 0xa5, sizeof plus);
    memset(minus, 0xa5, sizeof minus);
    mho_gather_s8(&g, image_s8, 0, (size_t)P, plus, minus, (size_t)stride);
    for (int i = 0; i < (P + 1) * stride; i++) {
        if (i % stride >= R || i / stride >= P) {
            ck_assert(plus[i] == 0xa5 && minus[i] == 0xa5);
            continue;
        }
        const int from = naive_source(&g, i / stride, i % stride);
        const int code = from < 0 ? 0 : image_s8[from];

        ck_assert_int_eq(plus[i] - minus[i], code);
        ck_assert(plus[i] == 0 || minus[i] == 0);
    }
}

/* Float windows equal the definition with any padding value. */
TEST_LOOP(test_f32, 0, N_GEOMETRIES)
{
    static float x[POSITIONS_MAX * STRIDE_MAX];
    const MhoGather g = geometry_of(_i);
    const int R = naive_rows(&g);
    const int P = g.out_h * g.out_w;
    const int stride = R + 2;
    for (int k = 0; k < 2; k++) {
        const float pad_value = k ? -0.25F : 0.0F;
        for (int i = 0; i < POSITIONS_MAX * STRIDE_MAX; i++)
            x[i] = -7.0F;
        mho_gather_f32(&g, image_f32, pad_value, 0, (size_t)P, x, (size_t)stride);
        for (int i = 0; i < (P + 1) * stride; i++) {
            const bool tail = i % stride >= R || i / stride >= P;
            const int from = tail ? -1 : naive_source(&g, i / stride, i % stride);
            ck_assert(x[i] == (tail ? -7.0F : from < 0 ? pad_value : image_f32[from]));
        }
    }
}
