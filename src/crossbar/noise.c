/* noise.c - fresh noise of one read, one normal per column (or, as the reference form, one per cell).
 *
 *   column:  var y_j = sum_r (linear_rj x_r + square_rj x_r^2),  x in input codes, both planes scaled for it
 *   row:     x_r + e_r shared by all columns,  var e = row_linear x + row_square x^2 with x in 0..1 of full input
 * One normal per column is exactly the sum of independent Gaussian ones per cell. Normals of a read are numbered
 * position * columns + column, so that a block is one run of numbers.
 */
#include "crossbar/crossbar_internal.h"
#include "kernels/clones.h"

static const StateTile *cells_of(const ReadPhase *read_phase, const Tile *tile)
{
    const MhoChipState *state = read_phase->read->state;
    return &state->tiles[mho_tile_index(state->chip->plan, tile)];
}

static const LayerPlan *layer_of(const ReadPhase *read_phase)
{
    return &read_phase->read->state->chip->plan->layers[read_phase->read->l];
}

static int full_input(const ReadPhase *read_phase)
{
    return layer_of(read_phase)->slices.full[read_phase->slice];
}

/* Place of a read's draws; sub is 0 or the array. */
static MhoStream read_stream(const ReadPhase *read_phase, size_t number, int sub)
{
    const MhoChip *chip = read_phase->read->state->chip;
    const uint32_t slice =
        (uint32_t)((read_phase->phase * MHO_DAC_MAX_SLICES + read_phase->slice) * MHO_POLARITIES + sub);
    return (MhoStream){.seed = chip->plan->config.seed,
                       .place = mho_place((uint32_t)read_phase->read->l, (uint32_t)number, slice),
                       .chip = chip->number,
                       .image = read_phase->read->image,
                       .noise = (float)chip->plan->config.chip.noise};
}

MHO_CLONES static void square_bytes(size_t n, const uint8_t *restrict x, uint8_t *restrict high, uint8_t *restrict low)
{
    for (size_t i = 0; i < n; i++) {
        const uint16_t square = (uint16_t)(x[i] * x[i]);
        high[i] = (uint8_t)(square >> 8);
        low[i] = (uint8_t)square;
    }
}

void mho_noise_squares(const ReadPhase *read_phase)
{
    MhoWorkspace *work = read_phase->read->work;
    square_bytes(read_phase->read->P * layer_of(read_phase)->stride, read_phase->magnitude, work->square_high,
                 work->square_low);
}

/* sum (C) += 128 times the sum of x (rows). */
MHO_CLONES static void add_bias(size_t rows, const uint8_t *restrict x, size_t C, int32_t *restrict sum)
{
    int32_t inputs = 0;
    for (size_t r = 0; r < rows; r++)
        inputs += x[r];
    for (size_t j = 0; j < C; j++)
        sum[j] += 128 * inputs;
}

/* sum (P, C) = sum_r (value + 128) x: the plane's bytes are stored less 128 to be signed. */
static void plane_sum(const ReadPhase *read_phase, const Tile *tile, const VariancePlane *plane, const uint8_t *x,
                      int32_t *sum)
{
    const size_t stride = layer_of(read_phase)->stride, C = tile->noise_columns;
    mho_kernels()->mvm_u8s8(read_phase->read->P, mho_pad(tile->rows, MHO_ROW_GROUP), C, x + tile->row0, stride,
                            plane->values, sum);
    for (size_t p = 0; p < read_phase->read->P; p++)
        add_bias(tile->rows, x + p * stride + tile->row0, C, sum + p * C);
}

bool mho_noise_variance(const ReadPhase *read_phase, const Tile *tile)
{
    const StateTile *cells = cells_of(read_phase, tile);
    const size_t n = read_phase->read->P * tile->noise_columns;
    const int full = full_input(read_phase);
    MhoWorkspace *work = read_phase->read->work;
    if (cells->linear.values) {
        float *into = cells->square.values ? work->linear : work->variance;
        plane_sum(read_phase, tile, &cells->linear, read_phase->magnitude, work->low);
        mho_kernels()->combine_planes(n, NULL, work->low, cells->linear.scale * full, into);
    }
    if (cells->square.values) {
        const bool wide = full > 15; /* squares above 255 */
        plane_sum(read_phase, tile, &cells->square, work->square_low, work->low);
        if (wide)
            plane_sum(read_phase, tile, &cells->square, work->square_high, work->high);
        mho_kernels()->combine_planes(n, wide ? work->high : NULL, work->low, cells->square.scale, work->variance);
    }
    for (size_t i = 0; cells->linear.values && cells->square.values && i < n; i++)
        work->variance[i] += work->linear[i];
    return cells->linear.values || cells->square.values;
}

/* e (n) *= sigma at the input codes x (n). */
MHO_CLONES static void scale_rows(size_t n, const float *restrict sigma, const uint8_t *restrict x, float *restrict e)
{
    for (size_t i = 0; i < n; i++)
        e[i] *= sigma[x[i]];
}

void mho_noise_rows(const ReadPhase *read_phase, const Tile *tile)
{
    const MhoChipState *state = read_phase->read->state;
    const LayerPlan *layer = layer_of(read_phase);
    const size_t number = tile->group * layer->row_tiles + tile->row_tile;
    const MhoStream stream = read_stream(read_phase, number, 0);
    const int full = full_input(read_phase);
    float sigma[256] = {0.0F}; /* of e in input codes, at every code */
    float *e = read_phase->read->work->row_noise;
    for (int x = 1; x <= full; x++)
        sigma[x] = (float)__builtin_sqrt(state->row_linear * (double)full * x + state->row_square * x * x);
    mho_normal_fill_at(stream, MHO_DRAW_ROW, read_phase->read->first * tile->rows, read_phase->read->P * tile->rows, e);
    for (size_t p = 0; p < read_phase->read->P; p++)
        scale_rows(tile->rows, sigma, read_phase->magnitude + p * layer->stride + tile->row0, e + p * tile->rows);
}

/* Noise e (P, noise columns) of cells to y (P, columns); a reference column subtracted as a current enters every
 * column. */
static void add_columns(const ReadPhase *read_phase, const Tile *tile, const float *e)
{
    const bool shared = tile->noise_columns > tile->columns;
    const size_t n = shared ? tile->cols : tile->columns; /* padding stays 0 */
    float *y = read_phase->read->work->y;
    for (size_t p = 0; p < read_phase->read->P; p++) {
        const float *row = e + p * tile->noise_columns;
        for (size_t j = 0; j < n; j++)
            y[p * tile->columns + j] += row[j] - (shared ? row[tile->width] : 0.0F);
    }
}

/* The reference form: cells of one array, e (P, noise columns) += sqrt(linear full x + square x^2) * normal. */
static void draw_cells(const ReadPhase *read_phase, const Tile *tile, int q, float *e)
{
    const StateTile *cells = cells_of(read_phase, tile);
    const size_t first_column = q == 1 && tile->noise_columns > tile->width ? tile->width : 0;
    const size_t stride = layer_of(read_phase)->stride, cols = tile->cell_cols[q];
    const float full = (float)full_input(read_phase);
    float *normals = read_phase->read->work->cell_normals;
    for (size_t p = 0; p < read_phase->read->P; p++) {
        const uint8_t *x = read_phase->magnitude + p * stride + tile->row0;
        mho_normal_fill_at(read_stream(read_phase, tile->number, q), MHO_DRAW_CELL_READ,
                           (read_phase->read->first + p) * tile->cells[q], tile->cells[q], normals);
        for (size_t r = 0; r < tile->rows; r++) {
            const float linear = full * (float)x[r], square = (float)(x[r] * x[r]);
            for (size_t j = 0; j < cols; j++) {
                const size_t i = r * cols + j;
                const float variance = cells->cell_linear[q][i] * linear + cells->cell_square[q][i] * square;
                e[p * tile->noise_columns + first_column + j] += __builtin_sqrtf(variance) * normals[i];
            }
        }
    }
}

void mho_noise_add(const ReadPhase *read_phase, const Tile *tile)
{
    const MhoChipState *state = read_phase->read->state;
    const size_t P = read_phase->read->P, C = tile->noise_columns;
    MhoWorkspace *work = read_phase->read->work;
    float *e = work->linear;
    if (state->chip->plan->config.chip.draw == MHO_NOISE_FORM_PER_CELL) {
        for (size_t i = 0; i < P * C; i++)
            e[i] = 0.0F;
        draw_cells(read_phase, tile, 0, e);
        draw_cells(read_phase, tile, 1, e);
        add_columns(read_phase, tile, e);
        return;
    }
    if (!mho_noise_variance(read_phase, tile))
        return;
    mho_normal_fill_at(read_stream(read_phase, tile->number, 0), MHO_DRAW_READ, read_phase->read->first * C, P * C,
                       work->normals);
    if (C == tile->columns) {
        mho_kernels()->add_noise(P * C, work->variance, work->normals, work->y);
        return;
    }
    for (size_t i = 0; i < P * C; i++)
        e[i] = 0.0F;
    mho_kernels()->add_noise(P * C, work->variance, work->normals, e);
    add_columns(read_phase, tile, e);
}
