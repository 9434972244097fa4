/* random.h - the random numbers of mho: counter-based, without state.
 *
 * Philox4x32-10 (Salmon et al., SC 2011). A draw is a pure function of where it is used:
 *   key     (2 x 32 bit)  64-bit mix of (seed, purpose of the draw, training step)
 *   counter (4 x 32 bit)  { item / 4,  place,  chip,  image },   item % 4 picks the output word
 *   place = layer << 22 | tile << 6 | slice        10, 16 and 6 bits, checked when a plan is made
 * so the same chip number draws the same numbers at every grid point, in any order, on any thread.
 * Laws are drawn by inversion from one 32-bit word per number, with functions of kernels/math.h only.
 */
#ifndef MHO_KERNELS_RANDOM_H
#define MHO_KERNELS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum { MHO_LAYER_BITS = 10, MHO_TILE_BITS = 16, MHO_SLICE_BITS = 6 };

/* The purpose of a draw. Append only: the number is part of the key. */
typedef enum MhoDraw {
    MHO_DRAW_PROGRAM = 1,      /* programming error of a device */
    MHO_DRAW_DRIFT,            /* drift exponent of a device */
    MHO_DRAW_FROZEN_READ,      /* read noise that is fixed for the life of a device */
    MHO_DRAW_READ,             /* read noise of one column in one read */
    MHO_DRAW_CELL_READ,        /* read noise of one cell in one read (the reference form) */
    MHO_DRAW_ROW,              /* noise of a row's shared input branch */
    MHO_DRAW_ADC,              /* converter offsets and mismatch */
    MHO_DRAW_PATTERN,          /* 0/1 reference inputs of compensation (seed 0) */
    MHO_DRAW_SPLIT,            /* validation split of a training set */
    MHO_DRAW_SHUFFLE,          /* order of training images */
    MHO_DRAW_AUGMENT,          /* crops and flips */
    MHO_DRAW_INIT,             /* initial weights */
    MHO_DRAW_TRAIN_WEIGHT,     /* noise injected into weights in training, in LSB */
    MHO_DRAW_TRAIN_ACTIVATION, /* noise injected into activations in training, in LSB */
    MHO_DRAW_TRAIN_SUM,        /* noise injected into sums in training, in LSB */
    MHO_DRAW_TEST,             /* tests only */
    MHO_DRAW_UNIQ,             /* noise of uniformized weights in training */
    MHO_DRAW_CODE_WEIGHT,      /* noise on weight codes in a trial, in LSB */
    MHO_DRAW_CODE_ACTIVATION,  /* noise on activation codes in a trial, in LSB */
    MHO_DRAW_CODE_SUM,         /* noise on sums of codes in a trial, in LSB */
    MHO_DRAW_ALLOCATE,         /* choices of an allocator: candidate layers and moves */
    MHO_DRAW_CURRICULUM,       /* time since programming of a training step */
    MHO_DRAW_SAMPLE            /* values of swept keys at a point that is drawn */
} MhoDraw;

/* The place of a draw in the simulation; passed by value. */
typedef struct MhoStream {
    uint64_t seed;
    uint32_t step;  /* training step; 0 elsewhere */
    uint32_t place; /* mho_place() */
    uint32_t chip;
    uint32_t image; /* or the index of a read that belongs to no image */
    float noise;    /* chip.noise: multiplies every standard normal of mho_normal_fill */
} MhoStream;

static inline uint32_t mho_place(uint32_t layer, uint32_t tile, uint32_t slice)
{
    return layer << (MHO_TILE_BITS + MHO_SLICE_BITS) | tile << MHO_SLICE_BITS | slice;
}

/* The Philox key of a stream and purpose. */
uint64_t mho_stream_key(MhoStream stream, MhoDraw draw);

/* (n) 32-bit words: items first .. first + n - 1 of the stream. Items repeat after 2^34. */
void mho_random_words(MhoStream stream, MhoDraw draw, uint64_t first, size_t n, uint32_t *words);

/* (n) standard normals times stream.noise, items 0 .. n - 1. */
void mho_normal_fill(MhoStream stream, MhoDraw draw, size_t n, float *normals);
/* The same from item `first` on. */
void mho_normal_fill_at(MhoStream stream, MhoDraw draw, uint64_t first, size_t n, float *normals);

/* (n) uniforms in the open interval (0, 1): (word + 1/2) / 2^32 rounded to float, never 0 or 1. Not scaled by noise. */
void mho_uniform_fill(MhoStream stream, MhoDraw draw, size_t n, float *uniforms);

/* A whole number in 0 .. n - 1, from words 2 item and 2 item + 1 of the stream by multiply-shift: bias below 2^-32. */
uint32_t mho_random_below(MhoStream stream, MhoDraw draw, uint64_t item, uint32_t n);

/* In-place Fisher-Yates shuffle of (n) indices, n <= 2^32 - 1. */
void mho_random_shuffle(MhoStream stream, MhoDraw draw, size_t n, uint32_t *indices);

/* The standard normal of one 32-bit word: the quantile of (word + 1/2) / 2^32 within a relative error of 1e-6;
 * |z| <= 6.34, and ~word gives -z. Every normal is drawn this way. */
float mho_normal_of_word(uint32_t word);

#endif
