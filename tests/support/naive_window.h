/* naive_window.h - where a window reads, element by element: the reference of every test that needs a convolution. */
#ifndef MHO_TESTS_NAIVE_WINDOW_H
#define MHO_TESTS_NAIVE_WINDOW_H

#include "kernels/kernels.h"

/* Rows of one window: elements (ky, kx, c), c fastest. */
static inline int naive_rows(const MhoGather *g)
{
    return g->kernel_h * g->kernel_w * g->c_count;
}

/* Index into the image (h, w, c) of row r of the window at a position (row-major over out_h, out_w), -1 outside. */
static inline int naive_source(const MhoGather *g, int position, int r)
{
    const int c = r % g->c_count;
    const int kx = r / g->c_count % g->kernel_w;
    const int ky = r / g->c_count / g->kernel_w;
    const int y = position / g->out_w * g->stride - g->pad + ky;
    const int x = position % g->out_w * g->stride - g->pad + kx;
    return y < 0 || y >= g->h || x < 0 || x >= g->w ? -1 : (y * g->w + x) * g->c + g->c_first + c;
}

#endif
