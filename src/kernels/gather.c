/* gather.c - a convolution's input windows as rows of an array (im2col, position by position).
 *
 * Elements are moved as bytes, so the three public types share one loop. When all channels are taken, one kernel row is
 * one contiguous run of the image.
 */
#include <string.h>

#include "kernels/kernels.h"

/* The window of one position on the image. */
typedef struct Window {
    ptrdiff_t y, x;      /* of kernel element (0, 0); may be outside */
    int kx_low, kx_high; /* kernel columns on the image: kx_low <= kx < kx_high */
} Window;

typedef struct Runs {
    const MhoGather *geometry;
    const uint8_t *image;
    size_t size;       /* bytes of an element */
    uint32_t pad_bits; /* element outside the image, when size is 4; otherwise 0 */
} Runs;

/* Copy a short run without a call: two overlapping copies of one width cover every length up to twice that width. */
static inline void copy_run(uint8_t *to, const uint8_t *from, size_t n)
{
    if (n > 32) {
        memcpy(to, from, n);
    } else if (n >= 16) {
        memcpy(to, from, 16);
        memcpy(to + n - 16, from + n - 16, 16);
    } else if (n >= 8) {
        memcpy(to, from, 8);
        memcpy(to + n - 8, from + n - 8, 8);
    } else if (n >= 4) {
        memcpy(to, from, 4);
        memcpy(to + n - 4, from + n - 4, 4);
    } else if (n >= 2) {
        memcpy(to, from, 2);
        memcpy(to + n - 2, from + n - 2, 2);
    } else if (n == 1) {
        *to = *from;
    }
}

static void fill_pad(const Runs *runs, uint8_t *to, size_t n_elements)
{
    if (runs->pad_bits == 0) {
        memset(to, 0, n_elements * runs->size);
        return;
    }
    for (size_t i = 0; i < n_elements; i++)
        memcpy(to + i * sizeof runs->pad_bits, &runs->pad_bits, sizeof runs->pad_bits);
}

static int clamp_int(ptrdiff_t v, int low, int high)
{
    return v < low ? low : v > high ? high : (int)v;
}

static Window window_at(const MhoGather *g, int oy, int ox)
{
    Window window = {.y = (ptrdiff_t)oy * g->stride - g->pad, .x = (ptrdiff_t)ox * g->stride - g->pad};
    window.kx_low = clamp_int(-window.x, 0, g->kernel_w);
    window.kx_high = clamp_int(g->w - window.x, window.kx_low, g->kernel_w);
    return window;
}

/* One kernel row: padding, pixels, padding. */
static void gather_kernel_row(const Runs *runs, Window window, ptrdiff_t y, uint8_t *to)
{
    const MhoGather *g = runs->geometry;
    const size_t pixel = (size_t)g->c_count * runs->size; /* bytes taken of each pixel */
    const size_t step = (size_t)g->c * runs->size;
    const size_t on_image = (size_t)(window.kx_high - window.kx_low);
    const uint8_t *from =
        runs->image + (size_t)(y * g->w + window.x + window.kx_low) * step + (size_t)g->c_first * runs->size;
    if (window.kx_low > 0) {
        fill_pad(runs, to, (size_t)window.kx_low * (size_t)g->c_count);
        to += (size_t)window.kx_low * pixel;
    }
    if (pixel == step)
        copy_run(to, from, on_image * pixel);
    else
        for (size_t kx = 0; kx < on_image; kx++)
            copy_run(to + kx * pixel, from + kx * step, pixel);
    if (window.kx_high < g->kernel_w)
        fill_pad(runs, to + on_image * pixel, (size_t)(g->kernel_w - window.kx_high) * (size_t)g->c_count);
}

/* A window that is partly outside the image, or takes some of the channels. */
static void gather_window(const Runs *runs, Window window, uint8_t *to)
{
    const MhoGather *g = runs->geometry;
    const size_t row_elements = (size_t)g->kernel_w * (size_t)g->c_count;
    for (int ky = 0; ky < g->kernel_h; ky++) {
        const ptrdiff_t y = window.y + ky;
        if (y < 0 || y >= g->h || window.kx_high == window.kx_low)
            fill_pad(runs, to, row_elements);
        else
            gather_kernel_row(runs, window, y, to);
        to += row_elements * runs->size;
    }
}

/* P positions from `first` on, to_step bytes apart. */
static void gather_positions(const Runs *runs, size_t first, size_t P, uint8_t *to, size_t to_step)
{
    const MhoGather *g = runs->geometry;
    const size_t pixel = (size_t)g->c * runs->size;
    const size_t run = (size_t)g->kernel_w * pixel; /* a kernel row of all channels */
    const bool all_channels = g->c_count == g->c;
    int oy = (int)(first / (size_t)g->out_w);
    int ox = (int)(first % (size_t)g->out_w);
    for (size_t p = 0; p < P; p++, to += to_step) {
        const Window window = window_at(g, oy, ox);
        if (all_channels && window.y >= 0 && window.y + g->kernel_h <= g->h &&
            window.kx_high - window.kx_low == g->kernel_w) {
            const uint8_t *from = runs->image + (size_t)(window.y * g->w + window.x) * pixel;
            for (size_t ky = 0; ky < (size_t)g->kernel_h; ky++)
                copy_run(to + ky * run, from + ky * (size_t)g->w * pixel, run);
        } else {
            gather_window(runs, window, to);
        }
        if (++ox == g->out_w) {
            ox = 0;
            oy++;
        }
    }
}

void mho_gather_u8(const MhoGather *geometry, const uint8_t *image, size_t first, size_t P, uint8_t *x, size_t x_stride)
{
    const Runs runs = {.geometry = geometry, .image = image, .size = 1};
    gather_positions(&runs, first, P, x, x_stride);
}

void mho_gather_s8(const MhoGather *geometry, const int8_t *image, size_t first, size_t P, uint8_t *plus,
                   uint8_t *minus, size_t x_stride)
{
    const Runs runs = {.geometry = geometry, .image = (const uint8_t *)image, .size = 1};
    const size_t R = (size_t)geometry->kernel_h * (size_t)geometry->kernel_w * (size_t)geometry->c_count;
    gather_positions(&runs, first, P, plus, x_stride);
    for (size_t p = 0; p < P; p++) {
        uint8_t *restrict positive = plus + p * x_stride;
        uint8_t *restrict negative = minus + p * x_stride;
        for (size_t r = 0; r < R; r++) {
            const int code = (int8_t)positive[r];
            positive[r] = (uint8_t)(code > 0 ? code : 0);
            negative[r] = (uint8_t)(code < 0 ? -code : 0);
        }
    }
}

void mho_gather_f32(const MhoGather *geometry, const float *image, float pad_value, size_t first, size_t P, float *x,
                    size_t x_stride)
{
    Runs runs = {.geometry = geometry, .image = (const uint8_t *)image, .size = sizeof(float)};
    memcpy(&runs.pad_bits, &pad_value, sizeof runs.pad_bits);
    gather_positions(&runs, first, P, (uint8_t *)x, x_stride * sizeof(float));
}
