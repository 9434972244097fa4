/* executor_internal.h - what the integer and the analog executor share: one image's way through a program. */
#ifndef MHO_NET_LOWERED_EXECUTOR_INTERNAL_H
#define MHO_NET_LOWERED_EXECUTOR_INTERNAL_H

#include "net/lowered/executor.h"

enum { MHO_STEP_BLOCK = 32 }; /* positions handled together */

/* One image and where its results go. */
typedef struct MhoImageRun {
    const MhoLoweredNet *program;
    const uint8_t *image; /* (h, w, c) */
    uint8_t *codes;       /* (program->codes_size) */
    float *logits;        /* (classes) */
    int64_t *totals;      /* (mho_step_totals()) scratch */
} MhoImageRun;

/* Elements of MhoImageRun.totals: a block of positions of the widest step. */
size_t mho_step_totals(const MhoLoweredNet *program);

/* Codes (h, w, c) that step reads as its k-th input; u8, or s8 when *is_signed. */
const uint8_t *mho_step_input(const MhoImageRun *walk, const MhoStep *step, int k, bool *is_signed);
/* Where step s writes its codes; NULL for logits. */
uint8_t *mho_step_output(const MhoImageRun *walk, size_t s);

/* From steps (n) that a step rounded to, to its codes, in place. */
void mho_step_look_up(const MhoStep *step, size_t n, uint8_t *codes);

/* Step s, which is no MATRIX: pooling, addition, requantization of codes. */
void mho_run_digital_step(const MhoImageRun *walk, size_t s);

/* threads > 0 as they are, else OpenMP's default; never more than there are images. */
int mho_image_threads(int threads, size_t n_images);

/* USAGE unless the program is one that images can walk. */
MhoStatus mho_lowered_net_check(const MhoLoweredNet *program, const uint8_t *images, size_t n,
                                MhoError *error) MHO_CHECKED;

/* No earlier step reads the matrix of step s; later ones see the same conversions again and do not count them. */
bool mho_step_reads_matrix_first(const MhoLoweredNet *program, size_t s);

#endif
