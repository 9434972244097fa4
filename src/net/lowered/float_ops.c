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
        const MhoWindow in = mho_gather_window(g, p / g->out_w, p % g->out_w);
        for (size_t k = 0; k < c; k++)
            y[k] = maximum ? -INFINITY : 0.0F;
        for (int at_y = in.y0; at_y < in.y1; at_y++)
            for (int at_x = in.x0; at_x < in.x1; at_x++) {
                const float *at = x + (size_t)(at_y * g->w + at_x) * c;
                for (size_t k = 0; k < c; k++)
                    y[k] = !maximum ? y[k] + at[k] : at[k] > y[k] ? at[k] : y[k];
            }
    }
}
