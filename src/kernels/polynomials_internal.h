/* polynomials_internal.h - minimax polynomials of log, exp and the normal quantile. Written by fit_polynomials.py. */
#ifndef MHO_KERNELS_POLYNOMIALS_INTERNAL_H
#define MHO_KERNELS_POLYNOMIALS_INTERNAL_H

/* (log(1 + f) - f) / f^2 for 1 + f in sqrt(1/2) .. sqrt(2); relative error 4.1e-09 before rounding. */
static inline float log_polynomial(float t)
{
    float y = -0x1.383044p-4F;
    y = __builtin_fmaf(y, t, 0x1.084880p-3F);
    y = __builtin_fmaf(y, t, -0x1.0f376cp-3F);
    y = __builtin_fmaf(y, t, 0x1.227198p-3F);
    y = __builtin_fmaf(y, t, -0x1.54276cp-3F);
    y = __builtin_fmaf(y, t, 0x1.99a3f4p-3F);
    y = __builtin_fmaf(y, t, -0x1.000426p-2F);
    y = __builtin_fmaf(y, t, 0x1.555550p-2F);
    y = __builtin_fmaf(y, t, -0x1.fffff8p-2F);
    return y;
}

/* (exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2; relative error 3.1e-09 before rounding. */
static inline float exp_polynomial(float t)
{
    float y = 0x1.6a2446p-10F;
    y = __builtin_fmaf(y, t, 0x1.1239d8p-7F);
    y = __builtin_fmaf(y, t, 0x1.5558f2p-5F);
    y = __builtin_fmaf(y, t, 0x1.555492p-3F);
    y = __builtin_fmaf(y, t, 0x1.fffffcp-2F);
    return y;
}

/* z / x in t = w - 3.125, w = -log(1 - x^2) in 0 .. 6.25; relative error 7.4e-08 before rounding. */
static inline float normal_centre_polynomial(float t)
{
    float y = -0x1.eb734ep-28F;
    y = __builtin_fmaf(y, t, -0x1.a7c51ap-27F);
    y = __builtin_fmaf(y, t, 0x1.4aadd4p-21F);
    y = __builtin_fmaf(y, t, -0x1.212622p-19F);
    y = __builtin_fmaf(y, t, -0x1.4b34b4p-16F);
    y = __builtin_fmaf(y, t, 0x1.15ae04p-12F);
    y = __builtin_fmaf(y, t, -0x1.12865ep-10F);
    y = __builtin_fmaf(y, t, -0x1.17a250p-7F);
    y = __builtin_fmaf(y, t, 0x1.5bc936p-2F);
    y = __builtin_fmaf(y, t, 0x1.2b57eep+1F);
    return y;
}

/* z / x in t = sqrt(w) - 3.5, w in 6.25 .. 31 log 2; relative error 3.6e-08 before rounding. */
static inline float normal_tail_polynomial(float t)
{
    float y = 0x1.97ccf0p-15F;
    y = __builtin_fmaf(y, t, -0x1.2eb1ecp-12F);
    y = __builtin_fmaf(y, t, 0x1.608110p-11F);
    y = __builtin_fmaf(y, t, -0x1.056a20p-10F);
    y = __builtin_fmaf(y, t, 0x1.8e43b8p-10F);
    y = __builtin_fmaf(y, t, -0x1.7cd930p-9F);
    y = __builtin_fmaf(y, t, 0x1.2ffea4p-8F);
    y = __builtin_fmaf(y, t, 0x1.6cb4cap+0F);
    y = __builtin_fmaf(y, t, 0x1.2de4cap+2F);
    return y;
}

#define MHO_NORMAL_SPLIT      6.25F
#define MHO_NORMAL_TAIL_SHIFT 3.5F

#endif
