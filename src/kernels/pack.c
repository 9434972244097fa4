/* pack.c - weights in the order in which the integer matrix product reads them. */
#include <string.h>

#include "kernels/kernels.h"

size_t mho_packed_size(size_t R, size_t C_true)
{
    return mho_pad(R, MHO_ROW_GROUP) * mho_pad(C_true, MHO_LANES);
}

void mho_pack_s8(size_t R, size_t C_true, const int8_t *weights, int8_t *packed)
{
    const size_t panel = mho_pad(R, MHO_ROW_GROUP) * MHO_LANES; /* 16 columns of all rows */
    memset(packed, 0, mho_packed_size(R, C_true));
    for (size_t r = 0; r < R; r++) {
        int8_t *group = packed + r / MHO_ROW_GROUP * MHO_LANES * MHO_ROW_GROUP + r % MHO_ROW_GROUP;
        for (size_t c = 0; c < C_true; c++)
            group[c / MHO_LANES * panel + c % MHO_LANES * MHO_ROW_GROUP] = weights[r * C_true + c];
    }
}
