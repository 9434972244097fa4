/* forward.c - one layer of one image through its arrays.
 *
 *   y = sum_r w_r x_r + noise;  code = ADC(y / step);  sum = step * sum over tiles, slices and phases of weight * code
 * Positions go in blocks, so that everything between the gather and the next codes stays in the cache; columns of all
 * column tiles share a block's gathered inputs. Digital sums are integers, so their order does not matter.
 */
#include <string.h>

#include "crossbar/crossbar_internal.h"
#include "kernels/clones.h"
#include "kernels/math.h"

static const float unclipped = 2147483520.0F; /* 2^31 - 128, the largest float that is a 32-bit code */

float mho_crossbar_step(const MhoChipState *state, size_t l)
{
    const MhoChip *chip = state->chip;
    const float step = state->steps[l] > 0.0F  ? state->steps[l]
                       : chip->steps[l] > 0.0F ? chip->steps[l]
                                               : chip->plan->steps[l];

    return step > 0.0F ? step : 1.0F;
}

/* Behind the gathered rows: codes of always-on rows, then zeros. */
void mho_crossbar_fill_tail(const LayerPlan *layer, MhoWorkspace *run, size_t P)
{
    const size_t own = layer->matrix.rows;

    for (size_t p = 0; p < P; p++) {
        uint8_t *plus = run->codes[0] + p * layer->stride, *minus = run->codes[1] + p * layer->stride;

        memset(plus + own, 0, layer->stride - own);
        memset(minus + own, 0, layer->stride - own);
        if (layer->shift_rows > 0) {
            memcpy(plus + own, layer->shift_inputs, layer->shift_rows);
        }
    }
}

/* sum (P, C) of packed weights and x, minus the sum with minus when that is not NULL (spare (P, C) is scratch). */
static void multiply(size_t P, size_t rows, size_t C, const uint8_t *plus, const uint8_t *minus, size_t stride,
                     const int8_t *packed, int32_t *spare, int32_t *sum)
{
    const MhoKernels *k = mho_kernels();
    const size_t R4 = mho_pad(rows, MHO_ROW_GROUP);

    k->mvm_u8s8(P, R4, C, plus, stride, packed, sum);
    if (minus) {
        k->mvm_u8s8(P, R4, C, minus, stride, packed, spare);
        for (size_t i = 0; i < P * C; i++) {
            sum[i] -= spare[i];
        }
    }
}

/* run->y (P, columns): noiseless currents in accumulator units. */
static void read_currents(const Pass *pass, const Tile *tile, const Planes *w)
{
    const GroupRead *read = pass->read;
    const size_t stride = read->state->chip->plan->layers[read->l].stride, n = read->P * tile->columns;
    const uint8_t *plus = pass->plus + tile->row0, *minus = pass->minus ? pass->minus + tile->row0 : NULL;
    MhoWorkspace *run = read->run;

    if (!w->low) {
        memset(run->y, 0, n * sizeof *run->y);
        return;
    }
    multiply(read->P, tile->rows, tile->columns, plus, minus, stride, w->low, run->converted, run->low);
    if (w->high) {
        multiply(read->P, tile->rows, tile->columns, plus, minus, stride, w->high, run->converted, run->high);
    }
    mho_kernels()->combine_planes(n, w->high ? run->high : NULL, run->low, w->scale, run->y);
}

/* run->y to run->converted; counts the true columns. Returns how many clipped. */
static uint64_t convert(const Pass *pass, const Tile *tile, const ChipTile *cells)
{
    const GroupRead *read = pass->read;
    const MhoPlan *plan = read->state->chip->plan;
    const size_t n = read->P * tile->columns;
    MhoWorkspace *run = read->run;
    uint64_t clipped = 0;

    if (read->probe) {
        const size_t second = tile->converters - tile->cols; /* columns behind the padding of the first ones */

        mho_range_observer_add(read->probe, read->l, read->P, tile->columns, tile->cols, run->y);
        mho_range_observer_add(read->probe, read->l, read->P, tile->columns, second, run->y + tile->width);
        (void)mho_kernels()->convert(n, run->y, 1.0F, -unclipped, unclipped, run->converted);
    } else {
        const LayerPlan *layer = &plan->layers[read->l];

        clipped =
            plan->config.adc->convert(layer->adc_params, cells->adc, layer->signed_converter, read->P, tile->columns,
                                      run->y, 1.0F / mho_crossbar_step(read->state, read->l), run->converted);
    }
    if (read->meter) {
        read->meter->clipped += clipped;
        read->meter->conversions += read->P * tile->converters;
    }
    return clipped;
}

/* A clipped conversion of conversion column j of position p: the outputs that it is part of lose their gradient. */
static void note_clip(const Pass *pass, const Tile *tile, size_t p, size_t j)
{
    const GroupRead *read = pass->read;
    const int weight = read->state->chip->plan->layers[read->l].slices.weight[pass->slice];
    const bool second = j >= tile->width, reference = second && tile->cell_cols[1] != tile->cols;
    const int64_t sign = (pass->phase == 0) == !second ? weight : -weight;
    const size_t first = reference ? 0 : second ? j - tile->width : j, end = reference ? tile->cols : first + 1;
    const int64_t limit = sign * read->run->converted[p * tile->columns + j];

    for (size_t k = first; k < end; k++) {
        read->run->lost[MHO_BLOCK * tile->total0 + p * tile->width + k] += weight;
        read->run->limits[MHO_BLOCK * tile->total0 + p * tile->width + k] += limit;
    }
}

/* Find the clipped conversions of a block: those of currents that round to no code. */
static void note_clips(const Pass *pass, const Tile *tile, uint64_t n_clipped)
{
    const GroupRead *read = pass->read;
    const MhoPlan *plan = read->state->chip->plan;
    const LayerPlan *layer = &plan->layers[read->l];
    const size_t bytes = MHO_BLOCK * layer->total_width * sizeof *read->run->lost;
    const MhoAdcCodes codes = plan->config.adc->codes(layer->adc_params, layer->signed_converter);
    const float inverse = 1.0F / mho_crossbar_step(read->state, read->l);

    if (read->run->n_clipped == 0) {
        memset(read->run->lost, 0, bytes);
        memset(read->run->limits, 0, bytes);
    }
    read->run->n_clipped += n_clipped;
    for (size_t p = 0; p < read->P; p++) {
        for (size_t j = 0; j < tile->columns; j++) {
            const float code = mho_round(read->run->y[p * tile->columns + j] * inverse);

            if (code < codes.low || code > codes.high) {
                note_clip(pass, tile, p, j);
            }
        }
    }
}

/* Codes of one read into the digital sums. */
static void add_codes(const Pass *pass, const Tile *tile)
{
    const GroupRead *read = pass->read;
    const MhoPlan *plan = read->state->chip->plan;
    const int weight = plan->layers[read->l].slices.weight[pass->slice] * (pass->phase == 0 ? 1 : -1);
    const bool reference = plan->config.chip.mapping == MHO_MAP_OFFSET;
    const int32_t *codes = read->run->converted;
    int64_t *total = read->run->total + MHO_BLOCK * tile->total0;

    if (tile->columns == tile->width) {
        mho_kernels()->accumulate(read->P * tile->width, codes, weight, total);
        return;
    }
    for (size_t p = 0; p < read->P; p++) {
        const int32_t *row = codes + p * tile->columns;
        int64_t *sums = total + p * tile->width;

        mho_kernels()->accumulate(tile->width, row, weight, sums);
        if (!reference) {
            mho_kernels()->accumulate(tile->width, row + tile->width, -weight, sums);
        }
        for (size_t j = 0; reference && j < tile->width; j++) {
            sums[j] -= (int64_t)weight * row[tile->width];
        }
    }
}

static void read_tile(const Pass *pass, const Tile *tile)
{
    const MhoChipState *state = pass->read->state;
    const size_t i = (size_t)(tile - state->chip->plan->tiles);
    MhoWorkspace *run = pass->read->run;

    read_currents(pass, tile, &state->tiles[i].weights);
    if (state->row_noisy) {
        mho_kernels()->mvm_f32(pass->read->P, tile->rows, tile->columns, run->row_noise, tile->rows,
                               state->tiles[i].row_weights, run->y);
    }
    if (state->noisy) {
        mho_noise_add(pass, tile);
    }
    const uint64_t n_clipped = convert(pass, tile, &state->chip->tiles[i]);
    if (n_clipped > 0 && pass->read->clips) {
        note_clips(pass, tile, n_clipped);
    }
    add_codes(pass, tile);
}

/* Slice codes of both signs of the block, and their magnitude. */
void mho_crossbar_drive(const GroupRead *read, Pass *pass)
{
    const MhoPlan *plan = read->state->chip->plan;
    const MhoChipConfig *c = &plan->config;
    const LayerPlan *layer = &plan->layers[read->l];
    const size_t n = read->P * layer->stride;
    MhoWorkspace *run = read->run;

    c->dac->slice(c->dac_params, &layer->slices, pass->slice, n, run->codes[pass->phase], run->sliced[0]);
    pass->plus = run->sliced[0];
    pass->minus = NULL;
    pass->magnitude = run->sliced[0];
    if (layer->bipolar) {
        c->dac->slice(c->dac_params, &layer->slices, pass->slice, n, run->codes[1], run->sliced[1]);
        for (size_t i = 0; i < n; i++) {
            run->magnitude[i] = run->sliced[0][i] | run->sliced[1][i]; /* one of them is 0 */
        }
        pass->minus = run->sliced[1];
        pass->magnitude = run->magnitude;
    }
    if (read->state->noisy) {
        mho_noise_squares(pass);
    }
}

/* Exact sums (P, width) of every column tile into run->ideal. */
static void ideal_sums(const GroupRead *read, const LayerPlan *layer)
{
    MhoWorkspace *run = read->run;
    const uint8_t *minus = layer->matrix.signed_input ? run->codes[1] : NULL;

    memset(run->ideal, 0, MHO_BLOCK * layer->total_width * sizeof *run->ideal);
    for (size_t i = 0; i < layer->row_tiles * layer->col_tiles; i++) {
        const Tile *t = mho_crossbar_tile(layer, read->group, i / layer->col_tiles, i % layer->col_tiles);
        int64_t *ideal = run->ideal + MHO_BLOCK * t->total0;
        const int8_t *planes[] = {t->ideal.low, t->ideal.high};

        for (int q = 0; q < 2; q++) {
            if (planes[q]) {
                multiply(read->P, t->rows, t->width, run->codes[0] + t->row0, minus ? minus + t->row0 : NULL,
                         layer->stride, planes[q], run->converted, run->low);
                mho_kernels()->accumulate(read->P * t->width, run->low, q == 0 ? 1 : 256, ideal);
            }
        }
    }
}

void mho_crossbar_read_group(const GroupRead *read)
{
    const LayerPlan *layer = &read->state->chip->plan->layers[read->l];

    memset(read->run->total, 0, MHO_BLOCK * layer->total_width * sizeof *read->run->total);
    if (read->ideal) {
        ideal_sums(read, layer);
    }
    read->run->n_clipped = 0;
    for (int phase = 0; phase < layer->phases; phase++) {
        for (int s = 0; s < layer->slices.n; s++) {
            Pass pass = {.read = read, .phase = phase, .slice = s};

            mho_crossbar_drive(read, &pass);
            for (size_t t = 0; t < layer->row_tiles; t++) {
                if (read->state->row_noisy) {
                    mho_noise_rows(&pass, mho_crossbar_tile(layer, read->group, t, 0));
                }
                for (size_t u = 0; u < layer->col_tiles; u++) {
                    read_tile(&pass, mho_crossbar_tile(layer, read->group, t, u));
                }
            }
        }
    }
}

/* Squares of the ideal sums and of what the arrays made of them, in position and column order. */
static void measure(const GroupRead *read, const Tile *tile, double factor)
{
    const int64_t *total = read->run->total + MHO_BLOCK * tile->total0,
                  *ideal = read->run->ideal + MHO_BLOCK * tile->total0;

    for (size_t p = 0; p < read->P; p++) {
        for (size_t j = 0; j < tile->cols; j++) {
            const double wanted = (double)ideal[p * tile->width + j];
            const double error = (double)total[p * tile->width + j] * factor - wanted;

            read->meter->signal += wanted * wanted;
            read->meter->noise += error * error;
        }
    }
}

MHO_CLONES static void scale_sums(size_t n, const int64_t *restrict total, const float *restrict a,
                                  const float *restrict b, float *restrict logits)
{
    for (size_t j = 0; j < n; j++) {
        logits[j] = __builtin_fmaf((float)total[j], a[j], b[j]);
    }
}

/* Digital sums of one column tile to codes or logits. */
static void write_out(const GroupRead *read, const Tile *tile, const MhoOutput *out, double factor)
{
    const MhoMatrix *m = &read->state->chip->plan->layers[read->l].matrix;
    const size_t channels = m->groups * m->cols, k0 = read->group * m->cols + tile->col0;
    const int64_t *total = read->run->total + MHO_BLOCK * tile->total0;
    MhoWorkspace *run = read->run;

    for (size_t j = 0; j < tile->width; j++) {
        run->a[j] = j < tile->cols ? (float)((double)out->a[k0 + j] * factor) : 0.0F;
        run->b[j] = j < tile->cols ? out->b[k0 + j] : 0.0F;
    }
    if (out->codes) {
        mho_kernels()->requantize(read->P, tile->width, total, run->a, run->b, out->low, out->high, run->out);
    }
    for (size_t p = 0; p < read->P; p++) {
        const size_t at = (read->first + p) * channels + k0;

        if (out->codes) {
            memcpy(out->codes + at, run->out + p * tile->width, tile->cols);
        }
        if (out->logits) {
            scale_sums(tile->cols, total + p * tile->width, run->a, run->b, out->logits + at);
        }
    }
}

MHO_CLONES static void scale_counts(size_t n, const int64_t *restrict counts, double factor, float *restrict scaled)
{
    for (size_t j = 0; j < n; j++) {
        scaled[j] = (float)((double)counts[j] * factor);
    }
}

/* What the clipped conversions of one column tile were to their outputs. */
static void write_clips(const GroupRead *read, const Tile *tile, const MhoOutput *out, double factor)
{
    const LayerPlan *layer = &read->state->chip->plan->layers[read->l];
    const MhoMatrix *m = &layer->matrix;
    const size_t channels = m->groups * m->cols, k0 = read->group * m->cols + tile->col0;
    const int64_t *lost = read->run->lost + MHO_BLOCK * tile->total0,
                  *limits = read->run->limits + MHO_BLOCK * tile->total0;
    double all = (double)(layer->row_tiles * (size_t)layer->phases * (tile->converters > tile->cols ? 2 : 1));
    int weight = 0;

    for (int s = 0; s < layer->slices.n; s++) {
        weight += layer->slices.weight[s];
    }
    all *= weight;
    for (size_t p = 0; p < read->P; p++) {
        const size_t at = (read->first + p) * channels + k0;

        if (read->run->n_clipped == 0) {
            memset(out->lost + at, 0, tile->cols * sizeof *out->lost);
            memset(out->by_range + at, 0, tile->cols * sizeof *out->by_range);
        } else {
            scale_counts(tile->cols, lost + p * tile->width, 1.0 / all, out->lost + at);
            scale_counts(tile->cols, limits + p * tile->width, factor, out->by_range + at);
        }
    }
}

static void gather(const MhoLayerCall *call, const LayerPlan *layer, const GroupRead *read)
{
    MhoGather geometry = *call->gather;
    MhoWorkspace *run = read->run;

    geometry.c_first += (int)read->group * geometry.c_count;
    if (layer->matrix.signed_input) {
        mho_gather_s8(&geometry, (const int8_t *)call->codes, read->first, read->P, run->codes[0], run->codes[1],
                      layer->stride);
    } else {
        mho_gather_u8(&geometry, call->codes, read->first, read->P, run->codes[0], layer->stride);
    }
    mho_crossbar_fill_tail(layer, run, read->P);
}

void mho_chip_state_forward(const MhoChipState *state, MhoWorkspace *run, const MhoLayerCall *call)
{
    const LayerPlan *layer = &state->chip->plan->layers[call->layer];
    const double factor =
        call->probe ? 1.0 : (double)mho_crossbar_step(state, call->layer) * state->compensation[call->layer];
    GroupRead read = {.state = state,
                      .run = run,
                      .l = call->layer,
                      .image = call->image,
                      .probe = call->probe,
                      .meter = call->meter,
                      .ideal = call->measure && call->meter,
                      .clips = call->output.lost != NULL};

    for (; read.first < layer->matrix.positions; read.first += MHO_BLOCK) {
        const size_t left = layer->matrix.positions - read.first;

        read.P = left < MHO_BLOCK ? left : MHO_BLOCK;
        for (read.group = 0; read.group < layer->matrix.groups; read.group++) {
            gather(call, layer, &read);
            mho_crossbar_read_group(&read);
            for (size_t u = 0; u < layer->col_tiles; u++) {
                const Tile *tile = mho_crossbar_tile(layer, read.group, 0, u);

                if (read.ideal) {
                    measure(&read, tile, factor);
                }
                write_out(&read, tile, &call->output, factor);
                if (read.clips) {
                    write_clips(&read, tile, &call->output, factor);
                }
            }
        }
    }
}
