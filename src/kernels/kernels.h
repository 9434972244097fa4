/* kernels.h - the SIMD table: the loops that take most of the time, once per instruction set.
 *
 * mho_kernels() is the table in use: the best one for this CPU, or that of mho_kernels_force(). The scalar table is the
 * specification: every entry of every other table returns the same bits.
 *
 * Shapes: P positions (rows of a batch), R rows of the array (the sum), C columns padded to a multiple of 16.
 * Inputs x are (P, R4) u8 with R4 = R rounded up to 4 and zero padding. Weights are packed by mho_pack_s8().
 */
#ifndef MHO_KERNELS_KERNELS_H
#define MHO_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { MHO_LANES = 16, MHO_ROW_GROUP = 4 };

static inline size_t mho_pad(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

typedef struct MhoKernels {
    const char *name; /* "scalar", "avx2", "avx512" */

    /* (n) standard normals times noise, and (n) random words: items first_item, first_item + 1 ... of a Philox key and
     * counter words 1..3. */
    void (*normals)(uint64_t key, const uint32_t counter[3], uint64_t first_item, size_t n, float noise, float *out);
    void (*words)(uint64_t key, const uint32_t counter[3], uint64_t first_item, size_t n, uint32_t *out);

    /* sum (P, C) s32 = x (P, R4) u8 times packed s8 weights; exact while |sum| < 2^31. */
    void (*mvm_u8s8)(size_t P, size_t R4, size_t C, const uint8_t *x, size_t x_stride, const int8_t *packed,
                     int32_t *sum);

    /* y (P, C) += x (P, R) f32 times w (R, C) f32; each output adds its rows in order 0..R-1 with fma. */
    void (*mvm_f32)(size_t P, size_t R, size_t C, const float *x, size_t x_stride, const float *w, float *y);

    /* y (n) = (float)((256.0 * high + low) * scale), one rounding; high may be NULL. */
    void (*combine_planes)(size_t n, const int32_t *high, const int32_t *low, double scale, float *y);

    /* y (n) += sqrt(variance) * normal, as fma; a negative variance counts as 0. */
    void (*add_noise)(size_t n, const float *variance, const float *normal, float *y);

    /* code (n) = clip(round(y * inverse_lsb), low, high); returns the number of clipped elements. |low|, |high| <=
     * 2^31 - 128. A NaN becomes low and counts as clipped. */
    uint64_t (*convert)(size_t n, const float *y, float inverse_lsb, float low, float high, int32_t *code);

    /* total (n) += sign * code, in 64 bits. */
    void (*accumulate)(size_t n, const int32_t *code, int sign, int64_t *total);

    /* out (P, C) = clip(round(fma((float)total, a[c], b[c])), low, high) for a, b (C); out is u8, or s8 when
     * low < 0. */
    void (*requantize)(size_t P, size_t C, const int64_t *total, const float *a, const float *b, int low, int high,
                       uint8_t *out);

    /* y (n) = log x, exp x; x and y may be the same array. */
    void (*log)(size_t n, const float *x, float *y);
    void (*exp)(size_t n, const float *x, float *y);
} MhoKernels;

const MhoKernels *mho_kernels(void);

/* Use the table "scalar", "avx2" or "avx512", or the best one ("auto"). USAGE, with the choices, when the name is
 * unknown or this CPU cannot run the table. main() calls it before any thread starts. */
MhoStatus mho_kernels_force(const char *name, MhoError *error) MHO_CHECKED;

/* Fill the tables that this CPU can run, the best one last. Returns their number. */
size_t mho_kernels_available(const MhoKernels **tables, size_t max);

/* Pack weights (R, C_true), row-major, to the order [C / 16][R4 / 4][16][4] with zero padding: R4 * C bytes. */
void mho_pack_s8(size_t R, size_t C_true, const int8_t *weights, int8_t *packed);
size_t mho_packed_size(size_t R, size_t C_true);

/* The geometry of a convolution whose windows become rows of an array. */
typedef struct MhoGather {
    int h, w, c;          /* input, NHWC; c of all groups */
    int c_first, c_count; /* channels of this group */
    int kernel_h, kernel_w, stride, pad;
    int out_h, out_w;
} MhoGather;

/* The part of one position's window that is on the image: rows y0 .. y1 - 1, columns x0 .. x1 - 1. */
typedef struct MhoWindow {
    int y0, y1, x0, x1;
} MhoWindow;
static inline MhoWindow mho_gather_window(const MhoGather *g, int oy, int ox)
{
    const int y = oy * g->stride - g->pad, x = ox * g->stride - g->pad;
    const MhoWindow window = {.y0 = y > 0 ? y : 0,
                              .y1 = y + g->kernel_h < g->h ? y + g->kernel_h : g->h,
                              .x0 = x > 0 ? x : 0,
                              .x1 = x + g->kernel_w < g->w ? x + g->kernel_w : g->w};
    return window;
}

/* Rows of positions first .. first + P - 1 (row-major over out_h, out_w) of one image (h, w, c) u8 into x (P,
 * x_stride): row index r = (ky * kernel_w + kx) * c_count + c. Outside the image is code 0. The tail up to x_stride is
 * not touched. */
void mho_gather_u8(const MhoGather *geometry, const uint8_t *image, size_t first, size_t P, uint8_t *x,
                   size_t x_stride);
/* The same for signed codes, split into the positive part and the magnitude of the negative part. */
void mho_gather_s8(const MhoGather *geometry, const int8_t *image, size_t first, size_t P, uint8_t *plus,
                   uint8_t *minus, size_t x_stride);
void mho_gather_f32(const MhoGather *geometry, const float *image, float pad_value, size_t first, size_t P, float *x,
                    size_t x_stride);

#endif
