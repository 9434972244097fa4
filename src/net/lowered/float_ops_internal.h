/* float_ops_internal.h - float operations on one image that calibration and the executor with noise on codes share. */
#ifndef MHO_NET_LOWERED_FLOAT_OPS_INTERNAL_H
#define MHO_NET_LOWERED_FLOAT_OPS_INTERNAL_H

#include "kernels/kernels.h"

/* sums (P, columns) += windows first .. first + P - 1 of x, gathered into gathered (P, rows), times weights (rows,
 * columns). Every sum adds its rows in their order. */
void mho_float_products(const MhoGather *geometry, const float *x, size_t first, size_t P, const float *weights,
                        size_t rows, size_t columns, float *gathered, float *sums);

/* Maximum or sum of every window and channel, x (h, w, c) to y (out_h, out_w, c). Positions outside the image do not
 * count. */
void mho_float_pool(const MhoGather *geometry, bool maximum, const float *x, float *y);

#endif
