/* crossbar.h - integer matrices on arrays of analog cells, from plan to chip to state to one layer's outputs.
 *
 *   MhoPlan       one set of matrices on one chip configuration: tiles, arena sizes, ADC steps     shared by its chips
 *   MhoChip       one fabricated and programmed chip                                              (seed, chip number)
 *   MhoChipState  that chip at a time and a temperature: drifted, packed for the kernels          the same devices
 *   MhoWorkspace  a thread's scratch; holds no counter that reaches a result and no random state
 *
 * A matrix holds integer weight codes -n_weight..n_weight; full-scale codes map to g_max (x = |code| / n_weight). A
 * read sums x_r * g over the rows of one tile; one accumulator unit is one weight code times one input code. Every row
 * tile (and slice and phase) is converted on its own; codes are summed as integers; then one float multiply (and add),
 * clip, round. crossbar does not know the graph: net passes matrices and gathers.
 */
#ifndef MHO_CROSSBAR_CROSSBAR_H
#define MHO_CROSSBAR_CROSSBAR_H

#include "adc/adc.h"
#include "base/descriptor.h"
#include "cell/cell.h"
#include "dac/dac.h"
#include "kernels/kernels.h"
#include "wire/wire.h"

typedef enum MhoMapping { MHO_MAP_DIFFERENTIAL, MHO_MAP_OFFSET } MhoMapping;
typedef enum MhoSubtract { MHO_SUBTRACT_ANALOG, MHO_SUBTRACT_DIGITAL } MhoSubtract;
typedef enum MhoCalibrate { MHO_CALIBRATE_IDEAL, MHO_CALIBRATE_CHIP, MHO_CALIBRATE_STATE } MhoCalibrate;
typedef enum MhoRange {
    MHO_RANGE_CALIBRATED,
    MHO_RANGE_FIXED,
    MHO_RANGE_MAXIMUM,
    MHO_RANGE_UNIT,
    MHO_RANGE_LEARNED
} MhoRange;
typedef enum MhoCompensation { MHO_COMPENSATE_NONE, MHO_COMPENSATE_GLOBAL } MhoCompensation;
typedef enum MhoReadChoice {
    MHO_READ_CHOICE_DEFAULT,
    MHO_READ_CHOICE_FROZEN,
    MHO_READ_CHOICE_PER_READ,
    MHO_READ_CHOICE_SPLIT
} MhoReadChoice;
typedef enum MhoReadNoiseForm {
    MHO_NOISE_FORM_PER_COLUMN,
    MHO_NOISE_FORM_PER_CELL
} MhoReadNoiseForm; /* exact short form; slow reference form */

/* The common keys "chip.*" of a study; parameter table in mho_chip_descriptor. */
typedef struct MhoChipParams {
    double time, temperature, noise;   /* s; K; factor on every standard normal */
    int read;                          /* MhoReadChoice, key cell.read */
    double t_observe;                  /* s, key cell.t_observe */
    int draw;                          /* MhoReadNoiseForm, key cell.draw */
    int calibrate, range;              /* keys adc.calibrate, adc.range */
    double full_scale;                 /* key adc.full_scale: range = fixed, part of the largest possible sum */
    int rows, cols, mapping, subtract; /* keys array.* */
    int compensation;
} MhoChipParams;

extern const MhoDescriptor mho_chip_descriptor; /* name "chip": the table of MhoChipParams, keys relative to "chip." */

/* One chip configuration. Borrowed pointers, valid while plans made from it live. */
typedef struct MhoChipConfig {
    MhoChipParams chip;
    const MhoCellModel *cell;
    const MhoAdcModel *adc;
    const MhoDacModel *dac;
    const MhoWireModel *wire;
    const void *cell_params, *adc_params, *dac_params, *wire_params;
    uint64_t seed;
} MhoChipConfig;

/* One analog layer. A plan borrows codes and shift. */
typedef struct MhoMatrix {
    char name[MHO_NAME_MAX];
    size_t groups, rows, cols; /* rows and cols of one group */
    const int16_t *codes;      /* (groups, rows, cols) */
    const int32_t *shift;      /* (groups, cols) accumulator units, realised exactly by always-on rows; NULL: none */
    int n_weight, n_input;     /* largest weight and input code */
    bool signed_input;         /* two phases (or bipolar) */
    size_t positions;          /* outputs of one image */
    int adc_bits;              /* bits of its converters; 0: those of the configuration */
    double adc_range;          /* largest |sum| a converter returns, accumulator units, for range = learned; 0: none */
} MhoMatrix;

typedef struct MhoPlan MhoPlan;
typedef struct MhoChip MhoChip;
typedef struct MhoChipState MhoChipState;
typedef struct MhoWorkspace MhoWorkspace;

/* One layer of a plan: for `mho eval --layers` and tests. */
typedef struct MhoLayerPlan {
    size_t row_tiles, col_tiles, shift_rows; /* shift_rows: always-on rows added for the shift */
    size_t devices;                          /* cells of a chip, both arrays of each tile */
    uint64_t conversions;                    /* ADC conversions of one image */
    double largest_sum;                      /* largest possible |sum| of a conversion, accumulator units */
    float step;                              /* ADC step (LSB) in accumulator units; 0 until set */
    double largest_code;                     /* largest code of its converters */
} MhoLayerPlan;

/* Plan tiles for n matrices. Widths of the random counters, integer bounds (s32 sums, ADC code sums in 64 bit) and
 * combinations are checked here: USAGE errors name layer, key and remedy. ADC steps of unit, maximum and fixed ranges
 * are known at once; calibrated ones are set by mho_plan_calibrate. */
MhoStatus mho_plan_create(const MhoChipConfig *config, const MhoMatrix *matrices, size_t n, MhoPlan **plan,
                          MhoError *error) MHO_CHECKED;
void mho_plan_destroy(MhoPlan *plan);
MhoLayerPlan mho_plan_layer(const MhoPlan *plan, size_t l);
bool mho_plan_needs_calibration(const MhoPlan *plan); /* range = calibrated */
MhoCalibrate mho_plan_calibrate_when(const MhoPlan *plan);
bool mho_plan_is_random(const MhoPlan *plan); /* false: every chip is the same, one is enough */

/* |tile sum| histograms of calibration: 64 bins per octave, integer counts, so threads and order do not matter. */
typedef struct MhoRangeObserver MhoRangeObserver;
MhoStatus mho_range_observer_create(size_t n_layers, MhoRangeObserver **observer, MhoError *error) MHO_CHECKED;
void mho_range_observer_destroy(MhoRangeObserver *observer);
void mho_range_observer_merge(MhoRangeObserver *into, const MhoRangeObserver *from);
/* The largest |tile sum| of a layer so far, accumulator units: for tests. */
double mho_range_observer_largest(const MhoRangeObserver *observer, size_t l);

/* Steps that minimise the mean squared error of quantizing and clipping the sums seen. For calibrate = ideal into the
 * plan (before chips are made), for chip and state into the chip or state. A step is never below one accumulator unit;
 * where the codes hold the largest sum it is one, so codes are exact. Ranges that are known already stay. USAGE when
 * the observer has another number of layers. */
MhoStatus mho_plan_calibrate(MhoPlan *plan, const MhoRangeObserver *observer, MhoError *error) MHO_CHECKED;
MhoStatus mho_chip_calibrate(MhoChip *chip, const MhoRangeObserver *observer, MhoError *error) MHO_CHECKED;
MhoStatus mho_chip_state_calibrate(MhoChipState *state, const MhoRangeObserver *observer, MhoError *error) MHO_CHECKED;

/* Program chip number `number`: every device of every tile, from (seed, number) alone. Used by tests; others share
 * devices through mho_chip_create_twin. */
MhoStatus mho_chip_create(const MhoPlan *plan, uint32_t number, MhoChip **chip, MhoError *error) MHO_CHECKED;
/* Chip `number` of this plan. Where `twin`, a chip of another plan, has the same number and the same devices, they are
 * shared and not programmed again: plans may differ in converters, reads, wires and compensation. Otherwise, and for
 * twin = NULL, as mho_chip_create. The two chips may be destroyed in any order. */
MhoStatus mho_chip_create_twin(const MhoPlan *plan, uint32_t number, const MhoChip *twin, MhoChip **chip,
                               MhoError *error) MHO_CHECKED;
uint32_t mho_chip_number(const MhoChip *chip);
/* Digest of all that the devices depend on besides the chip's number: seed, noise factor, cell model and its
 * parameters, weights and their places in the arrays. 0: out of memory. */
uint64_t mho_plan_devices_digest(const MhoPlan *plan);
/* Chips programmed by this process so far, ideal ones not counted: for tests. */
uint64_t mho_chips_programmed(void);
/* The chip as designed, for calibrate = ideal: every device at its target, nothing random, no drift. */
MhoStatus mho_chip_create_ideal(const MhoPlan *plan, MhoChip **chip, MhoError *error) MHO_CHECKED;
void mho_chip_destroy(MhoChip *chip);

/* The chip under a condition: drifted and frozen-noise conductances, wires, packed planes. Compensation is measured
 * with mho_chip_state_compensate() once steps are set. */
MhoStatus mho_chip_state_create(const MhoChip *chip, MhoCondition at, MhoChipState **state,
                                MhoError *error) MHO_CHECKED;
void mho_chip_state_destroy(MhoChipState *state);
/* The converter step in use, accumulator units; 1 when none is set. */
float mho_chip_state_step(const MhoChipState *state, size_t l);
const MhoPlan *mho_chip_state_plan(const MhoChipState *state); /* borrowed; for tests */
/* Global drift compensation: 64 fixed pseudo-random 0/1 patterns read through the same noisy converters, now and just
 * after programming (at the same temperature); their ratio multiplies the layer's outputs. No-op when the plan asks for
 * none. MEMORY, or what wires report.
 * Source: Joshi et al., Nat. Commun. 11 (2020) 2473. */
MhoStatus mho_chip_state_compensate(MhoChipState *state, MhoWorkspace *work, MhoError *error) MHO_CHECKED;
double mho_chip_state_compensation(const MhoChipState *state, size_t l); /* for tests; 1 when there is none */

MhoStatus mho_workspace_create(const MhoPlan *plan, MhoWorkspace **work, MhoError *error) MHO_CHECKED;
void mho_workspace_destroy(MhoWorkspace *work);

/* How codes leave the layer: out = clip(round(fma(sum, a, b))) as u8 (s8 with low < 0), or logits = fma(sum, a, b) as
 * float. The sum is in accumulator units: the call multiplies the sum of ADC codes by the step and the compensation. */
typedef struct MhoOutput {
    const float *a, *b;   /* (channels of all groups) from accumulator units to output codes, or to logits */
    int low, high;        /* range of the output codes; not used for logits */
    uint8_t *codes;       /* (positions, channels), or NULL */
    float *logits;        /* (positions, channels), or NULL */
    float *clip_fraction; /* (positions, channels) share 0..1 of the conversions of an output that clipped; or NULL */
    float *d_log_range;   /* (positions, channels) derivative of the sum by the logarithm of the converters' range: what
                           * the clipped conversions returned, accumulator units; not NULL with clip_fraction */
} MhoOutput;

/* What the arrays of one layer did; a call adds one image. Add meters of images in image order: the sums are doubles.
 */
typedef struct MhoLayerMeter {
    uint64_t conversions, clipped; /* ADC conversions, and those beyond the converter's range */
    double signal;                 /* sum of squares of the exact integer sums, accumulator units^2; 0: not measured */
    double noise;                  /* sum of squares of the differences to them, accumulator units^2 */
} MhoLayerMeter;

/* One read of one layer by one image. */
typedef struct MhoLayerCall {
    size_t layer;            /* number of the matrix in the plan */
    const MhoGather *gather; /* of group 0; c_first advances by c_count per group */
    const uint8_t *codes;    /* (h, w, c) input codes, u8; s8 when the matrix has signed_input */
    uint32_t image;          /* number of the image in its set: enters the random counter */
    MhoOutput output;
    bool measure;               /* also add signal and noise to the meter; takes the exact sums */
    MhoRangeObserver *observer; /* not NULL: sums are recorded there and go to the output without conversion */
    MhoLayerMeter *meter;       /* this image is added to it; NULL: not wanted */
} MhoLayerCall;

/* One layer of one image: gather, DAC, multiply, noise, ADC, sum over tiles, rescale, next codes. No allocation. The
 * step in use is the state's, else the chip's, else the plan's; 1 when none is set. Sums are exact while |tile sum| <=
 * 2^24, beyond that rounded to float. Threads share state; work belongs to one thread; both are of the same plan.
 * Image numbers from 0xFFFFFF00 on are reserved. */
void mho_chip_state_forward(const MhoChipState *state, MhoWorkspace *work, const MhoLayerCall *call);

#endif
