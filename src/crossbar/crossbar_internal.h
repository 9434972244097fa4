/* crossbar_internal.h - what the files of crossbar share: tiles, packed planes, scratch.
 *
 * Rows of a group: its own, then the always-on rows of the shift. A tile reads rows x cols of one group. Its conversion
 * columns, padded to MHO_LANES, are the columns of its matrix product:
 *   analog subtract        [columns]                    noise of offset: [columns][reference]
 *   digital, differential  [positive][negative]         noise: the same
 *   digital, offset        [columns][reference]         noise: the same
 * where every bracket starts at a multiple of MHO_LANES.
 */
#ifndef MHO_CROSSBAR_CROSSBAR_INTERNAL_H
#define MHO_CROSSBAR_CROSSBAR_INTERNAL_H

#include "base/arena.h"
#include "crossbar/crossbar.h"

enum {
    MHO_BLOCK = 32,                /* positions handled together: intermediates stay in the cache */
    MHO_POLARITIES = 2,            /* arrays of a tile: positive and negative, or columns and reference */
    MHO_LARGEST_PACKED = 32639,    /* 256 * 127 + 127 */
    MHO_ROW_SLICE = 63,            /* slice field of frozen draws that belong to a row tile */
    MHO_PATTERNS = 64,             /* reference inputs of compensation */
    MHO_PARALLEL_DEVICES = 1 << 15 /* below, waking threads takes longer than the work */
};
#define MHO_REFERENCE_IMAGE UINT32_C(0xFFFFFF00) /* image numbers from here on are reference reads */

/* Weights (rows, columns) as scale * (256 high + low), packed; NULL: all zero. */
typedef struct Planes {
    int8_t *high, *low;
    double scale;
} Planes;

typedef struct Tile {
    size_t layer, group, row_tile, col_tile;
    uint32_t number;               /* in the layer: place of its draws */
    size_t row0, rows, col0, cols; /* of the group; rows include always-on rows */
    size_t width;                  /* cols padded */
    size_t columns, noise_columns; /* of the matrix and of the variance product: padded */
    size_t converters;             /* true conversion columns */
    size_t cell_cols[MHO_POLARITIES], cells[MHO_POLARITIES];
    size_t total0;                       /* where the group's digital sums (block, width) of this column tile start */
    double largest_sum, largest_pattern; /* as of the layer */
    Planes ideal;                        /* (rows, width) weight codes, exact */
} Tile;

typedef struct LayerPlan {
    MhoMatrix matrix;
    const void *adc_params; /* of its converters */
    MhoDacSlices slices;
    bool bipolar; /* signed inputs in one phase */
    int phases;
    bool signed_converter;
    size_t shift_rows, rows; /* rows: own and always-on */
    uint8_t *shift_inputs;   /* (shift_rows) input codes of always-on rows */
    int16_t *shift_codes;    /* (groups, shift_rows, cols) */
    size_t row_tiles, col_tiles, n_tiles;
    Tile *tiles;        /* (groups, row tiles, col tiles) */
    size_t total_width; /* padded columns of one group */
    size_t stride;      /* bytes of one position's inputs, with slack for padded rows */
    size_t devices;
    uint64_t conversions;
    double largest_sum;
    double largest_pattern; /* largest |tile sum| of a reference pattern at input code 1; 0 without compensation */
} LayerPlan;

struct MhoPlan {
    MhoChipConfig config;
    MhoReadMode read;
    size_t n;
    LayerPlan *layers;
    Tile *tiles;
    size_t n_tiles;            /* of all layers */
    float *steps;              /* (n) converter steps, accumulator units; 0: not set */
    unsigned char *adc_params; /* (n) parameters of the layers' converters */
    MhoArena arena;            /* steps, always-on rows and exact weights */
};

typedef struct ChipTile {
    float *g[MHO_POLARITIES];                         /* (cells) as programmed */
    float *state[MHO_POLARITIES][MHO_CELL_MAX_STATE]; /* (cells) */
} ChipTile;

/* The programmed cells of a chip. Chips of plans with equal mho_plan_devices_digest share them. */
typedef struct Devices {
    int owners;          /* chips that hold them; the last one frees them */
    const MhoPlan *plan; /* NULL once they are programmed */
    uint32_t number;
    bool ideal;      /* every device at its target, noiseless */
    ChipTile *tiles; /* (tiles of all layers) */
    MhoArena arena;
} Devices;

struct MhoChip {
    const MhoPlan *plan;
    uint32_t number;
    bool ideal; /* copied from its devices */
    Devices *devices;
    float **adc;  /* (tiles of all layers) (columns, n_state of the converter), or NULL */
    float *steps; /* (n) 0: the plan's */
    MhoArena arena;
};

/* A non-negative array as scale * (value + 128). */
typedef struct VariancePlane {
    int8_t *values; /* (rows, noise_columns) packed; NULL: all zero */
    double scale;
} VariancePlane;

typedef struct StateTile {
    Planes weights;                     /* (rows, columns), weight codes */
    VariancePlane linear, square;       /* weight codes^2 */
    float *row_weights;                 /* (rows, columns), only with row noise */
    float *cell_linear[MHO_POLARITIES]; /* (cells) weight codes^2, only for the per-cell draw */
    float *cell_square[MHO_POLARITIES];
} StateTile;

struct MhoChipState {
    const MhoChip *chip;
    MhoCondition at;
    StateTile *tiles;      /* (tiles of all layers) */
    float *steps;          /* (n) 0: the chip's */
    double *compensation;  /* (n) */
    bool noisy, row_noisy; /* reads are noisy: in their cells, in their row branches */
    double row_linear, row_square;
    MhoArena arena;
};

/* Buffers of one block; each as large as the layer that needs most. */
struct MhoWorkspace {
    const MhoPlan *plan;
    uint8_t *codes[2], *sliced[2];          /* (block, stride) positive and negative part */
    uint8_t *magnitude;                     /* (block, stride) their sum */
    uint8_t *square_high, *square_low;      /* (block, stride) bytes of the squared magnitude */
    int32_t *high, *low, *converted;        /* (block, columns) */
    float *y, *variance, *linear, *normals; /* (block, columns) */
    float *row_noise;                       /* (block, rows) */
    float *cell_normals;                    /* (cells of one array), only for the per-cell draw */
    int64_t *total, *ideal;                 /* (block, total_width) */
    int64_t *clipped_weights; /* (block, total_width) sums of the digital weights of clipped conversions */
    int64_t *clipped_codes;   /* (block, total_width) sums of their weighted codes */
    uint64_t n_clipped;       /* clipped conversions of the group's read; 0: the two above are not set */
    uint8_t *out;             /* (block, width) */
    float *a, *b;             /* (width) */
    MhoArena arena;
};

/* A block of positions of one image through one group. Codes are in work->codes; digital sums go to work->total. */
typedef struct GroupRead {
    const MhoChipState *state;
    MhoWorkspace *work;
    size_t l, group;
    size_t first, P; /* positions */
    uint32_t image;
    bool ideal; /* exact sums into work->ideal too */
    bool clips; /* clipped conversions are summed too */
    MhoRangeObserver *observer;
    MhoLayerMeter *meter;
} GroupRead;

/* One read of one row tile's inputs: a phase and a slice of a block. */
typedef struct ReadPhase {
    const GroupRead *read;
    int phase, slice;
    const uint8_t *plus, *minus, *magnitude; /* (P, stride); minus NULL unless bipolar */
} ReadPhase;

/* plan.c */
static inline size_t mho_tile_index(const MhoPlan *plan, const Tile *tile) /* among the tiles of all layers */
{
    return (size_t)(tile - plan->tiles);
}
const Tile *mho_crossbar_tile(const LayerPlan *layer, size_t group, size_t row_tile, size_t col_tile);
/* Weight codes (cols) of row r of a group, always-on rows included. */
const int16_t *mho_crossbar_row(const LayerPlan *layer, size_t group, size_t r);
double mho_crossbar_largest_code(const MhoPlan *plan, const LayerPlan *layer);

/* shift.c: always-on rows that realise every |shift| up to largest; inputs (rows) may be NULL to count only. */
size_t mho_shift_rows(int64_t largest, int n_weight, int n_input, uint8_t *inputs);
void mho_shift_codes(int64_t shift, int n_weight, size_t n, const uint8_t *inputs, size_t stride, int16_t *codes);

/* planes.c: exact where all weights are whole within tolerance, else scaled by the largest. planes->high and ->low hold
 * mho_packed_size(rows, columns) bytes each; narrow (2, rows, columns) is scratch. */
void mho_planes_pack(size_t rows, size_t columns, double tolerance, double *weights, int8_t *narrow, Planes *planes);
double mho_planes_weight(const Planes *planes, size_t rows, size_t r, size_t j);
/* values (rows, columns) >= 0, padding columns 0. */
void mho_variance_pack(size_t rows, size_t columns, const float *values, int8_t *narrow, VariancePlane *plane);

/* cells.c: scratch for one tile, as large as the largest tile of the plan; plan, chip and state use it. */
typedef struct TileScratch {
    const MhoPlan *plan;
    float *target[MHO_POLARITIES], *g[MHO_POLARITIES], *linear[MHO_POLARITIES], *square[MHO_POLARITIES]; /* (cells) */
    float *spare;                                                                                        /* (cells) */
    double *weights; /* (rows, columns) */
    double *sums[2]; /* (columns) */
    float *variance; /* (rows, noise columns) */
    int8_t *narrow;  /* (2, rows, noise columns) */
    MhoArena arena;
} TileScratch;

/* Calls job for every tile of the plan, in parallel. */
typedef MhoStatus (*TileJob)(void *context, const Tile *tile, TileScratch *scratch, MhoError *error);
MhoStatus mho_crossbar_each_tile(const MhoPlan *plan, TileJob job, void *context, MhoError *error) MHO_CHECKED;
/* Target conductances (cells) of both arrays. */
void mho_tile_targets(const MhoPlan *plan, const Tile *tile, float *const g[MHO_POLARITIES]);
/* Weights (rows, columns) in weight codes of the conversion columns. */
void mho_tile_weights(const MhoPlan *plan, const Tile *tile, float *const g[MHO_POLARITIES], double *weights);
/* Variances (rows, noise_columns) in weight codes^2 of the noise columns. */
void mho_tile_variances(const MhoPlan *plan, const Tile *tile, float *const v[MHO_POLARITIES], float *variance);
/* Weight codes per unit of conductance. */
double mho_tile_unit(const MhoPlan *plan, const Tile *tile);

/* forward.c */
void mho_crossbar_read_group(const GroupRead *read);
/* Slice work->codes of a phase into the inputs plus, minus and magnitude of read_phase. */
void mho_crossbar_drive(const GroupRead *read, ReadPhase *read_phase);
void mho_crossbar_fill_tail(const LayerPlan *layer, MhoWorkspace *work, size_t P);

/* noise.c */
void mho_noise_squares(const ReadPhase *read_phase);
/* Variance (P, noise_columns) of a tile's read in accumulator units^2 into work->variance; false: none at all. */
bool mho_noise_variance(const ReadPhase *read_phase, const Tile *tile);
void mho_noise_rows(const ReadPhase *read_phase, const Tile *tile); /* draws work->row_noise (P, rows) in input codes */
void mho_noise_add(const ReadPhase *read_phase, const Tile *tile);  /* to work->y (P, columns) */

/* range_observer.c: adds |y| of n columns of P rows of y (P, stride). */
void mho_range_observer_add(MhoRangeObserver *observer, size_t l, size_t P, size_t stride, size_t n, const float *y);

/* range.c. Reference pattern p of row r: bit p of two words, the same for every chip. */
void mho_pattern_words(size_t l, size_t row0, size_t rows, uint32_t *words); /* (rows, 2) */
static inline bool mho_pattern_bit(const uint32_t words[2], unsigned p)
{
    return words[p / 32] >> p % 32 & 1U;
}
/* The largest sums of a tile. */
void mho_tile_ranges(const MhoPlan *plan, Tile *tile, const TileScratch *scratch);
/* Layers' largest sums and known steps, from their tiles'. */
MhoStatus mho_plan_ranges(MhoPlan *plan, MhoError *error) MHO_CHECKED;

#endif
