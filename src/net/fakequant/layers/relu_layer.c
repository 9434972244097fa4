/* relu_layer.c - max(x, 0). Its gradient at 0 is 0. */
#include "kernels/clones.h"
#include "net/fakequant/fakequant_internal.h"

MHO_CLONES void mho_relu_forward(size_t n, float *x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] > 0.0F ? x[i] : 0.0F;
}

MHO_CLONES void mho_relu_backward(size_t n, const float *x, float *d)
{
    for (size_t i = 0; i < n; i++)
        d[i] = x[i] > 0.0F ? d[i] : 0.0F;
}

const MhoFakeQuantLayer mho_fakequant_layer_relu = {.part = MHO_PART_RELU};
