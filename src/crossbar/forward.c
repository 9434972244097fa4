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

float mho_chip_state_step(const MhoChipState *state, size_t l)
{
    const MhoChip *chip = state->chip;
    const float step = state->steps[l] > 0.0F  ? state->steps[l]
                       : chip->steps[l] > 0.0F ? chip->steps[l]
                                               : chip->plan->steps[l];
    return step > 0.0F ? step : 1.0F;
}

/* After the gathered rows: codes of the always-on rows, then zeros. */
void mho_crossbar_fill_tail(const LayerPlan *layer, MhoWorkspace *work, size_t P)
{
    const size_t own = layer->matrix.rows;
    for (size_t p = 0; p < P; p++) {
        uint8_t *plus = work->codes[0] + p * layer->stride, *minus = work->codes[1] + p * layer->stride;
        memset(plus + own, 0, layer->stride - own);
        memset(minus + own, 0, layer->stride - own);
        if (layer->shift_rows > 0)
            memcpy(plus + own, layer->shift_inputs, layer->shift_rows);
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
        for (size_t i = 0; i < P * C; i++)
            sum[i] -= spare[i];
    }
}

/* work->y (P, columns): noiseless currents in accumulator units. */
static void read_currents(const ReadPhase *read_phase, const Tile *tile, const Planes *w)
{
    const GroupRead *read = read_phase->read;
    const size_t stride = read->state->chip->plan->layers[read->l].stride, n = read->P * tile->columns;
    const uint8_t *plus = read_phase->plus + tile->row0,
                  *minus = read_phase->minus ? read_phase->minus + tile->row0 : NULL;
    MhoWorkspace *work = read->work;
    if (!w->low) {
        memset(work->y, 0, n * sizeof *work->y);
        return;
    }
    multiply(read->P, tile->rows, tile->columns, plus, minus, stride, w->low, work->converted, work->low);
    if (w->high)
        multiply(read->P, tile->rows, tile->columns, plus, minus, stride, w->high, work->converted, work->high);
    mho_kernels()->combine_planes(n, w->high ? work->high : NULL, work->low, w->scale, work->y);
}

/* work->y to work->converted; counts the true columns. Returns how many clipped. */
static uint64_t convert(const ReadPhase *read_phase, const Tile *tile, const float *adc_state)
{
    const GroupRead *read = read_phase->read;
    const MhoPlan *plan = read->state->chip->plan;
    const size_t n = read->P * tile->columns;
    MhoWorkspace *work = read->work;
    uint64_t clipped = 0;
    if (read->observer) {
        const size_t second = tile->converters - tile->cols; /* columns after the padding of the first ones */
        mho_range_observer_add(read->observer, read->l, read->P, tile->columns, tile->cols, work->y);
        mho_range_observer_add(read->observer, read->l, read->P, tile->columns, second, work->y + tile->width);
        (void)mho_kernels()->convert(n, work->y, 1.0F, -unclipped, unclipped, work->converted);
    } else {
        const LayerPlan *layer = &plan->layers[read->l];
        clipped =
            plan->config.adc->convert(layer->adc_params, adc_state, layer->signed_converter, read->P, tile->columns,
                                      work->y, 1.0F / mho_chip_state_step(read->state, read->l), work->converted);
    }
    if (read->meter) {
        read->meter->clipped += clipped;
        read->meter->conversions += read->P * tile->converters;
    }
    return clipped;
}

/* Adds a clipped conversion, column j of position p, to the clip sums of every output that it is part of. */
static void note_clip(const ReadPhase *read_phase, const Tile *tile, size_t p, size_t j)
{
    const GroupRead *read = read_phase->read;
    const int weight = read->state->chip->plan->layers[read->l].slices.weight[read_phase->slice];
    const bool second = j >= tile->width, reference = second && tile->cell_cols[1] != tile->cols;
    const int64_t sign = (read_phase->phase == 0) == !second ? weight : -weight;
    const size_t first = reference ? 0 : second ? j - tile->width : j, end = reference ? tile->cols : first + 1;
    const int64_t limit = sign * read->work->converted[p * tile->columns + j];
    for (size_t k = first; k < end; k++) {
        read->work->clipped_weights[MHO_BLOCK * tile->total0 + p * tile->width + k] += weight;
        read->work->clipped_codes[MHO_BLOCK * tile->total0 + p * tile->width + k] += limit;
    }
}

/* Finds the clipped conversions of a block: those of currents that round to a number beyond the codes. */
static void note_clips(const ReadPhase *read_phase, const Tile *tile, uint64_t n_clipped)
{
    const GroupRead *read = read_phase->read;
    const MhoPlan *plan = read->state->chip->plan;
    const LayerPlan *layer = &plan->layers[read->l];
    const size_t bytes = MHO_BLOCK * layer->total_width * sizeof *read->work->clipped_weights;
    const MhoAdcCodes codes = plan->config.adc->codes(layer->adc_params, layer->signed_converter);
    const float inverse = 1.0F / mho_chip_state_step(read->state, read->l);
    if (read->work->n_clipped == 0) {
        memset(read->work->clipped_weights, 0, bytes);
        memset(read->work->clipped_codes, 0, bytes);
    }
    read->work->n_clipped += n_clipped;
    for (size_t p = 0; p < read->P; p++) {
        for (size_t j = 0; j < tile->columns; j++) {
            const float code = mho_round(read->work->y[p * tile->columns + j] * inverse);
            if (code < codes.low || code > codes.high)
                note_clip(read_phase, tile, p, j);
        }
    }
}

/* Codes of one read into the digital sums. */
static void add_codes(const ReadPhase *read_phase, const Tile *tile)
{
    const GroupRead *read = read_phase->read;
    const MhoPlan *plan = read->state->chip->plan;
    const int weight = plan->layers[read->l].slices.weight[read_phase->slice] * (read_phase->phase == 0 ? 1 : -1);
    const bool reference = plan->config.chip.mapping == MHO_MAP_OFFSET;
    const int32_t *codes = read->work->converted;
    int64_t *total = read->work->total + MHO_BLOCK * tile->total0;
    if (tile->columns == tile->width) {
        mho_kernels()->accumulate(read->P * tile->width, codes, weight, total);
        return;
    }
    for (size_t p = 0; p < read->P; p++) {
        const int32_t *row = codes + p * tile->columns;
        int64_t *sums = total + p * tile->width;
        mho_kernels()->accumulate(tile->width, row, weight, sums);
        if (!reference)
            mho_kernels()->accumulate(tile->width, row + tile->width, -weight, sums);
        for (size_t j = 0; reference && j < tile->width; j++)
            sums[j] -= (int64_t)weight * row[tile->width];
    }
}

static void read_tile(const ReadPhase *read_phase, const Tile *tile)
{
    const MhoChipState *state = read_phase->read->state;
    const size_t i = mho_tile_index(state->chip->plan, tile);
    MhoWorkspace *work = read_phase->read->work;
    read_currents(read_phase, tile, &state->tiles[i].weights);
    if (state->row_noisy) {
        mho_kernels()->mvm_f32(read_phase->read->P, tile->rows, tile->columns, work->row_noise, tile->rows,
                               state->tiles[i].row_weights, work->y);
    }
    if (state->noisy)
        mho_noise_add(read_phase, tile);
    const uint64_t n_clipped = convert(read_phase, tile, state->chip->adc[i]);
    if (n_clipped > 0 && read_phase->read->clips)
        note_clips(read_phase, tile, n_clipped);
    add_codes(read_phase, tile);
}

/* Slice codes of both signs of the block, and their magnitude. */
void mho_crossbar_drive(const GroupRead *read, ReadPhase *read_phase)
{
    const MhoPlan *plan = read->state->chip->plan;
    const MhoChipConfig *c = &plan->config;
    const LayerPlan *layer = &plan->layers[read->l];
    const size_t n = read->P * layer->stride;
    MhoWorkspace *work = read->work;
    c->dac->slice(c->dac_params, &layer->slices, read_phase->slice, n, work->codes[read_phase->phase], work->sliced[0]);
    read_phase->plus = work->sliced[0];
    read_phase->minus = NULL;
    read_phase->magnitude = work->sliced[0];
    if (layer->bipolar) {
        c->dac->slice(c->dac_params, &layer->slices, read_phase->slice, n, work->codes[1], work->sliced[1]);
        for (size_t i = 0; i < n; i++)
            work->magnitude[i] = work->sliced[0][i] | work->sliced[1][i]; /* one of them is 0 */
        read_phase->minus = work->sliced[1];
        read_phase->magnitude = work->magnitude;
    }
    if (read->state->noisy)
        mho_noise_squares(read_phase);
}

/* Exact sums (P, width) of every column tile into work->ideal. */
static void ideal_sums(const GroupRead *read, const LayerPlan *layer)
{
    MhoWorkspace *work = read->work;
    const uint8_t *minus = layer->matrix.signed_input ? work->codes[1] : NULL;
    memset(work->ideal, 0, MHO_BLOCK * layer->total_width * sizeof *work->ideal);
    for (size_t i = 0; i < layer->row_tiles * layer->col_tiles; i++) {
        const Tile *t = mho_crossbar_tile(layer, read->group, i / layer->col_tiles, i % layer->col_tiles);
        int64_t *ideal = work->ideal + MHO_BLOCK * t->total0;
        const int8_t *planes[] = {t->ideal.low, t->ideal.high};
        for (int q = 0; q < 2; q++) {
            if (planes[q]) {
                multiply(read->P, t->rows, t->width, work->codes[0] + t->row0, minus ? minus + t->row0 : NULL,
                         layer->stride, planes[q], work->converted, work->low);
                mho_kernels()->accumulate(read->P * t->width, work->low, q == 0 ? 1 : 256, ideal);
            }
        }
    }
}

void mho_crossbar_read_group(const GroupRead *read)
{
    const LayerPlan *layer = &read->state->chip->plan->layers[read->l];
    memset(read->work->total, 0, MHO_BLOCK * layer->total_width * sizeof *read->work->total);
    if (read->ideal)
        ideal_sums(read, layer);
    read->work->n_clipped = 0;
    for (int phase = 0; phase < layer->phases; phase++) {
        for (int s = 0; s < layer->slices.n; s++) {
            ReadPhase read_phase = {.read = read, .phase = phase, .slice = s};
            mho_crossbar_drive(read, &read_phase);
            for (size_t t = 0; t < layer->row_tiles; t++) {
                if (read->state->row_noisy)
                    mho_noise_rows(&read_phase, mho_crossbar_tile(layer, read->group, t, 0));
                for (size_t u = 0; u < layer->col_tiles; u++)
                    read_tile(&read_phase, mho_crossbar_tile(layer, read->group, t, u));
            }
        }
    }
}

/* Squares of the ideal sums and of what the arrays made of them, in position and column order. */
static void measure(const GroupRead *read, const Tile *tile, double factor)
{
    const int64_t *total = read->work->total + MHO_BLOCK * tile->total0,
                  *ideal = read->work->ideal + MHO_BLOCK * tile->total0;
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
    for (size_t j = 0; j < n; j++)
        logits[j] = __builtin_fmaf((float)total[j], a[j], b[j]);
}

/* Digital sums of one column tile to codes or logits. */
static void write_out(const GroupRead *read, const Tile *tile, const MhoOutput *out, double factor)
{
    const MhoMatrix *m = &read->state->chip->plan->layers[read->l].matrix;
    const size_t channels = m->groups * m->cols, k0 = read->group * m->cols + tile->col0;
    const int64_t *total = read->work->total + MHO_BLOCK * tile->total0;
    MhoWorkspace *work = read->work;
    for (size_t j = 0; j < tile->width; j++) {
        work->a[j] = j < tile->cols ? (float)((double)out->a[k0 + j] * factor) : 0.0F;
        work->b[j] = j < tile->cols ? out->b[k0 + j] : 0.0F;
    }
    if (out->codes)
        mho_kernels()->requantize(read->P, tile->width, total, work->a, work->b, out->low, out->high, work->out);
    for (size_t p = 0; p < read->P; p++) {
        const size_t at = (read->first + p) * channels + k0;
        if (out->codes)
            memcpy(out->codes + at, work->out + p * tile->width, tile->cols);
        if (out->logits)
            scale_sums(tile->cols, total + p * tile->width, work->a, work->b, out->logits + at);
    }
}

MHO_CLONES static void scale_counts(size_t n, const int64_t *restrict counts, double factor, float *restrict scaled)
{
    for (size_t j = 0; j < n; j++)
        scaled[j] = (float)((double)counts[j] * factor);
}

/* Clip fraction and gradient of the range of one column tile's outputs. */
static void write_clips(const GroupRead *read, const Tile *tile, const MhoOutput *out, double factor)
{
    const LayerPlan *layer = &read->state->chip->plan->layers[read->l];
    const MhoMatrix *m = &layer->matrix;
    const size_t channels = m->groups * m->cols, k0 = read->group * m->cols + tile->col0;
    const int64_t *weights = read->work->clipped_weights + MHO_BLOCK * tile->total0,
                  *codes = read->work->clipped_codes + MHO_BLOCK * tile->total0;
    double all = (double)(layer->row_tiles * (size_t)layer->phases * (tile->converters > tile->cols ? 2 : 1));
    int weight = 0;
    for (int s = 0; s < layer->slices.n; s++)
        weight += layer->slices.weight[s];
    all *= weight;
    for (size_t p = 0; p < read->P; p++) {
        const size_t at = (read->first + p) * channels + k0;
        if (read->work->n_clipped == 0) {
            memset(out->clip_fraction + at, 0, tile->cols * sizeof *out->clip_fraction);
            memset(out->d_log_range + at, 0, tile->cols * sizeof *out->d_log_range);
        } else {
            scale_counts(tile->cols, weights + p * tile->width, 1.0 / all, out->clip_fraction + at);
            scale_counts(tile->cols, codes + p * tile->width, factor, out->d_log_range + at);
        }
    }
}

static void gather(const MhoLayerCall *call, const LayerPlan *layer, const GroupRead *read)
{
    MhoGather geometry = *call->gather;
    MhoWorkspace *work = read->work;
    geometry.c_first += (int)read->group * geometry.c_count;
    if (layer->matrix.signed_input)
        mho_gather_s8(&geometry, (const int8_t *)call->codes, read->first, read->P, work->codes[0], work->codes[1],
                      layer->stride);
    else
        mho_gather_u8(&geometry, call->codes, read->first, read->P, work->codes[0], layer->stride);
    mho_crossbar_fill_tail(layer, work, read->P);
}

void mho_chip_state_forward(const MhoChipState *state, MhoWorkspace *work, const MhoLayerCall *call)
{
    const LayerPlan *layer = &state->chip->plan->layers[call->layer];
    const double factor =
        call->observer ? 1.0 : (double)mho_chip_state_step(state, call->layer) * state->compensation[call->layer];
    GroupRead read = {.state = state,
                      .work = work,
                      .l = call->layer,
                      .image = call->image,
                      .observer = call->observer,
                      .meter = call->meter,
                      .ideal = call->measure && call->meter,
                      .clips = call->output.clip_fraction != NULL};
    for (; read.first < layer->matrix.positions; read.first += MHO_BLOCK) {
        const size_t left = layer->matrix.positions - read.first;
        read.P = left < MHO_BLOCK ? left : MHO_BLOCK;
        for (read.group = 0; read.group < layer->matrix.groups; read.group++) {
            gather(call, layer, &read);
            mho_crossbar_read_group(&read);
            for (size_t u = 0; u < layer->col_tiles; u++) {
                const Tile *tile = mho_crossbar_tile(layer, read.group, 0, u);
                if (read.ideal)
                    measure(&read, tile, factor);
                write_out(&read, tile, &call->output, factor);
                if (read.clips)
                    write_clips(&read, tile, &call->output, factor);
            }
        }
    }
}
