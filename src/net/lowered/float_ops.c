/* float_ops.c - window products and pools in float, every sum in one fixed order. */
#include <math.h>

#include "net/lowered/float_ops_internal.h"

void mho_float_products(const MhoGather *geometry, const float *x, size_t first, size_t P, const float *weights,
                        size_t rows, size_t columns, float *gathered, float *sums)
{
    mho_gather_f32(geometry, x, 0.0F, first, P, gathered, rows);
    mho_kernels()->mvm_f32(P, rows, columns, gathered, rows, weights, sums);
}

void mho_float_pool(const MhoGather *g, bool maximum, const float *x, float *y)
{
    const size_t c = (size_t)g->c;

    for (int p = 0; p < g->out_h * g->out_w; p++, y += c) {
        const int y0 = p / g->out_w * g->stride - g->pad, x0 = p % g->out_w * g->stride - g->pad;
        for (size_t k = 0; k < c; k++)
            y[k] = maximum ? -INFINITY : 0.0F;
        for (int w = 0; w < g->kernel_h * g->kernel_w; w++) {
            const int at_y = y0 + w / g->kernel_w, at_x = x0 + w % g->kernel_w;
            if (at_y < 0 || at_y >= g->h || at_x < 0 || at_x >= g->w)
                continue;
            const float *at = x + (size_t)(at_y * g->w + at_x) * c;
            for (size_t k = 0; k < c; k++)
                y[k] = !maximum ? y[k] + at[k] : at[k] > y[k] ? at[k] : y[k];
        }
    }
}
