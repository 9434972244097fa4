/* mvm_internal.h - the task of a register block, for the matrix products of every instruction set. */
#ifndef MHO_KERNELS_MVM_INTERNAL_H
#define MHO_KERNELS_MVM_INTERNAL_H

#include "kernels/kernels_internal.h"

#define INLINE static inline __attribute__((always_inline))

/* The operands of a register block, from its first position and first column on. */
typedef struct U8S8 {
    size_t R4, C, x_stride;
    const uint8_t *x;
    const int8_t *packed;
    int32_t *y;
} U8S8;

typedef struct F32 {
    size_t R, C, x_stride;
    const float *x;
    const float *w;
    float *y;
} F32;

#endif
