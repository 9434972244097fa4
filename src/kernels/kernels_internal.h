/* kernels_internal.h - the entries of one table, named kernel_isa. */
#ifndef MHO_KERNELS_KERNELS_INTERNAL_H
#define MHO_KERNELS_KERNELS_INTERNAL_H

#include "kernels/kernels.h"

#define MHO_DECLARE_KERNELS(isa)                                                                                       \
    void normals_##isa(uint64_t key, const uint32_t counter[3], uint64_t first_item, size_t n, float noise,            \
                       float *out);                                                                                    \
    void words_##isa(uint64_t key, const uint32_t counter[3], uint64_t first_item, size_t n, uint32_t *out);           \
    void mvm_u8s8_##isa(size_t P, size_t R4, size_t C, const uint8_t *x, size_t x_stride, const int8_t *packed,        \
                        int32_t *sum);                                                                                 \
    void mvm_f32_##isa(size_t P, size_t R, size_t C, const float *x, size_t x_stride, const float *w, float *y);       \
    void combine_planes_##isa(size_t n, const int32_t *high, const int32_t *low, double scale, float *y);              \
    void add_noise_##isa(size_t n, const float *variance, const float *normal, float *y);                              \
    uint64_t convert_##isa(size_t n, const float *y, float inverse_lsb, float low, float high, int32_t *code);         \
    void accumulate_##isa(size_t n, const int32_t *code, int sign, int64_t *total);                                    \
    void requantize_##isa(size_t P, size_t C, const int64_t *total, const float *a, const float *b, int low, int high, \
                          uint8_t *out);                                                                               \
    void log_##isa(size_t n, const float *x, float *y);                                                                \
    void exp_##isa(size_t n, const float *x, float *y);

MHO_DECLARE_KERNELS(scalar)
MHO_DECLARE_KERNELS(avx2)
MHO_DECLARE_KERNELS(avx512)

#endif
