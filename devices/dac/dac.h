/* dac.h - the interface of a digital-to-analog converter: the slices in which an array receives its input codes.
 *
 * One slice of an input code c in 0..n is a fraction of full input, slice_code / slice_full; the array's result is
 * sum over slices of weight * slice result. Signed inputs are driven in two phases (or bipolar, ohmic cells only).
 */
#ifndef MHO_DEVICES_DAC_H
#define MHO_DEVICES_DAC_H

#include <stdint.h>

#include "base/descriptor.h"

enum { MHO_DAC_MAX_SLICES = 8 };

/* The slices of codes 0..n_input. */
typedef struct MhoDacSlices {
    int n;                          /* number of slices */
    int full[MHO_DAC_MAX_SLICES];   /* largest slice code: full input */
    int weight[MHO_DAC_MAX_SLICES]; /* digital weight of a slice's result */
} MhoDacSlices;

typedef struct MhoDacModel {
    MhoDescriptor descriptor;
    /* The slices for codes 0..n_input (n_input <= 255); USAGE when the converter cannot represent them. */
    MhoStatus (*plan)(const void *params, int n_input, MhoDacSlices *slices, MhoError *error);
    /* Compute the slice codes (n) of codes (n) for slice s. */
    void (*slice)(const void *params, const MhoDacSlices *slices, int s, size_t n, const uint8_t *codes,
                  uint8_t *slice_codes);
    bool (*bipolar)(const void *params); /* signed inputs in one phase; NULL: never */
} MhoDacModel;

extern const MhoRegistry mho_dac_registry;

#endif
