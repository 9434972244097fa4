/* plan.c - one set of matrices on one chip configuration: checks, tiles, always-on rows, known converter steps. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "crossbar/crossbar_internal.h"

const Tile *mho_crossbar_tile(const LayerPlan *layer, size_t group, size_t row_tile, size_t col_tile)
{
    return &layer->tiles[(group * layer->row_tiles + row_tile) * layer->col_tiles + col_tile];
}

const int16_t *mho_crossbar_row(const LayerPlan *layer, size_t group, size_t r)
{
    const MhoMatrix *m = &layer->matrix;
    return r < m->rows ? m->codes + (group * m->rows + r) * m->cols
                       : layer->shift_codes + (group * layer->shift_rows + r - m->rows) * m->cols;
}

double mho_crossbar_largest_code(const MhoPlan *plan, const LayerPlan *layer)
{
    return (double)plan->config.adc->codes(layer->adc_params, layer->signed_converter).high;
}

/* Tile geometry of a layer whose tiles are allocated. */
static void lay_tiles(const MhoPlan *plan, LayerPlan *layer)
{
    const MhoChipParams *chip = &plan->config.chip;
    const size_t array_rows = (size_t)chip->rows, array_cols = (size_t)chip->cols;
    const bool offset = chip->mapping == MHO_MAP_OFFSET, digital = chip->subtract == MHO_SUBTRACT_DIGITAL;
    layer->devices = 0;
    layer->conversions = 0;
    for (size_t i = 0; i < layer->n_tiles; i++) {
        Tile *t = &layer->tiles[i];
        t->layer = (size_t)(layer - plan->layers);
        t->number = (uint32_t)i;
        t->col_tile = i % layer->col_tiles;
        t->row_tile = i / layer->col_tiles % layer->row_tiles;
        t->group = i / layer->col_tiles / layer->row_tiles;
        t->row0 = t->row_tile * array_rows;
        t->rows = layer->rows - t->row0 < array_rows ? layer->rows - t->row0 : array_rows;
        t->col0 = t->col_tile * array_cols;
        t->cols = layer->matrix.cols - t->col0 < array_cols ? layer->matrix.cols - t->col0 : array_cols;
        t->width = mho_pad(t->cols, MHO_LANES);
        t->cell_cols[0] = t->cols;
        t->cell_cols[1] = offset ? 1 : t->cols;
        t->cells[0] = t->rows * t->cell_cols[0];
        t->cells[1] = t->rows * t->cell_cols[1];
        t->columns = t->width + (digital ? mho_pad(t->cell_cols[1], MHO_LANES) : 0);
        t->noise_columns = offset ? t->width + MHO_LANES : t->columns;
        t->converters = t->cols + (digital ? t->cell_cols[1] : 0);
        t->total0 = t->col_tile * mho_pad(array_cols, MHO_LANES);
        layer->devices += t->cells[0] + t->cells[1];
        layer->conversions += t->converters;
    }
    layer->conversions *= (uint64_t)layer->matrix.positions * (uint64_t)layer->phases * (uint64_t)layer->slices.n;
    layer->total_width = layer->tiles[layer->col_tiles - 1].total0 + layer->tiles[layer->col_tiles - 1].width;
}

static MhoStatus check_codes(const MhoMatrix *m, MhoError *error)
{
    const size_t n = m->groups * m->rows * m->cols;
    for (size_t i = 0; i < n; i++) {
        if (m->codes[i] < -m->n_weight || m->codes[i] > m->n_weight) {
            return mho_fail(error, MHO_USAGE, "layer %s: weight code %d is outside -%d..%d", m->name, m->codes[i],
                            m->n_weight, m->n_weight);
        }
    }
    return MHO_OK;
}

static MhoStatus check_matrix(const MhoMatrix *m, MhoError *error)
{
    size_t weights;
    const bool overflows = __builtin_mul_overflow(m->groups, m->rows, &weights) ||
                           __builtin_mul_overflow(weights, m->cols, &weights) || weights > SIZE_MAX / 16;
    if (!m->codes || m->groups == 0 || m->rows == 0 || m->cols == 0 || m->positions == 0 || overflows) {
        return mho_fail(error, MHO_USAGE,
                        "layer %s: an empty or impossible matrix (%zu groups of %zu x %zu, %zu positions)", m->name,
                        m->groups, m->rows, m->cols, m->positions);
    }
    if (m->n_weight < 1 || m->n_weight > MHO_LARGEST_PACKED) {
        return mho_fail(error, MHO_USAGE, "layer %s: largest weight code %d is not in 1..%d: lower quant.weight.bits",
                        m->name, m->n_weight, MHO_LARGEST_PACKED);
    }
    if (m->n_input < 1 || m->n_input > (m->signed_input ? 127 : 255)) {
        return mho_fail(error, MHO_USAGE,
                        "layer %s: largest input code %d is not in 1..%d: lower quant.activation.bits", m->name,
                        m->n_input, m->signed_input ? 127 : 255);
    }
    return check_codes(m, error);
}

/* The converters' parameters: the configuration's, with the layer's own bits. */
static MhoStatus plan_converter(MhoPlan *plan, size_t l, MhoError *error)
{
    const MhoAdcModel *adc = plan->config.adc;
    const MhoMatrix *m = &plan->layers[l].matrix;
    unsigned char *own = plan->adc_params + l * adc->descriptor.params_size;
    plan->layers[l].adc_params = plan->config.adc_params;
    if (m->adc_bits == 0)
        return MHO_OK;
    if (!adc->set_bits || !plan->config.adc_params) {
        return mho_fail(error, MHO_USAGE,
                        "layer %s has converters of %d bit, but %s converters have no bits: set chip.adc.name=uniform",
                        m->name, m->adc_bits, adc->descriptor.name);
    }
    memcpy(own, plan->config.adc_params, adc->descriptor.params_size);
    adc->set_bits(own, m->adc_bits);
    plan->layers[l].adc_params = own;
    if (mho_descriptor_check(&adc->descriptor, own, error) != MHO_OK)
        return mho_fail_context(error, "layer %s", m->name);
    return MHO_OK;
}

/* Phases, slices and the converter's sign. */
static MhoStatus plan_inputs(const MhoPlan *plan, LayerPlan *layer, MhoError *error)
{
    const MhoChipConfig *c = &plan->config;
    const MhoMatrix *m = &layer->matrix;
    if (c->dac->plan(c->dac_params, m->n_input, &layer->slices, error) != MHO_OK)
        return mho_fail_context(error, "layer %s", m->name);
    layer->bipolar = m->signed_input && c->dac->bipolar && c->dac->bipolar(c->dac_params);
    if (layer->bipolar && !c->cell->ohmic) {
        return mho_fail(error, MHO_USAGE,
                        "layer %s: cell %s takes no bipolar inputs, its current has one direction: "
                        "set chip.dac.%s.signed=two_phase",
                        m->name, c->cell->descriptor.name, c->dac->descriptor.name);
    }
    layer->phases = m->signed_input && !layer->bipolar ? 2 : 1;
    layer->signed_converter = c->chip.subtract == MHO_SUBTRACT_ANALOG || layer->bipolar;
    if (!(mho_crossbar_largest_code(plan, layer) >= 1.0)) {
        return mho_fail(error, MHO_USAGE,
                        "layer %s: a signed converter of %d bit has no code but 0: raise %s%s.bits to 2 or set "
                        "chip.array.subtract=digital",
                        m->name, c->adc->bits(layer->adc_params), m->adc_bits ? "its own " : "chip.adc.",
                        c->adc->descriptor.name);
    }
    return MHO_OK;
}

static int64_t largest_shift(const MhoMatrix *m)
{
    int64_t largest = 0;
    for (size_t i = 0; m->shift && i < m->groups * m->cols; i++) {
        const int64_t size = m->shift[i] < 0 ? -(int64_t)m->shift[i] : m->shift[i];
        largest = size > largest ? size : largest;
    }
    return largest;
}

/* Number of rows and tiles, within the widths of the random counters. */
static MhoStatus plan_rows(const MhoPlan *plan, LayerPlan *layer, MhoError *error)
{
    const MhoMatrix *m = &layer->matrix;
    const size_t array_rows = (size_t)plan->config.chip.rows, array_cols = (size_t)plan->config.chip.cols;
    const size_t most_cells = (array_cols + MHO_LANES) * array_rows;
    const uint64_t items = UINT64_C(1) << 34; /* 32 bit of blocks of 4 */
    layer->shift_rows = mho_shift_rows(largest_shift(m), m->n_weight, m->n_input, NULL);
    if (layer->shift_rows > 4 * m->rows + MHO_LANES) {
        return mho_fail(error, MHO_USAGE,
                        "layer %s: its shift (up to %lld units) needs %zu always-on rows for %zu rows of weights: "
                        "set quant.shift=none "
                        "or raise quant.weight.bits",
                        m->name, (long long)largest_shift(m), layer->shift_rows, m->rows);
    }
    layer->rows = m->rows + layer->shift_rows;
    layer->row_tiles = (layer->rows + array_rows - 1) / array_rows;
    layer->col_tiles = (m->cols + array_cols - 1) / array_cols;
    layer->n_tiles = m->groups * layer->row_tiles * layer->col_tiles;
    layer->stride = mho_pad(layer->rows + MHO_ROW_GROUP, MHO_LANES);
    if (layer->n_tiles > (size_t)1 << MHO_TILE_BITS) {
        return mho_fail(error, MHO_USAGE, "layer %s: %zu tiles, at most %d: raise chip.array.rows or chip.array.cols",
                        m->name, layer->n_tiles, 1 << MHO_TILE_BITS);
    }
    if (m->positions >
        items / (plan->config.chip.draw == MHO_NOISE_FORM_PER_CELL ? most_cells : 2 * array_cols + array_rows + 64)) {
        return mho_fail(error, MHO_USAGE,
                        "layer %s: %zu positions need more than 2^34 random numbers a read: lower chip.array.rows "
                        "and chip.array.cols",
                        m->name, m->positions);
    }
    return MHO_OK;
}

static MhoStatus plan_tiles(MhoPlan *plan, MhoError *error)
{
    for (size_t l = 0; l < plan->n; l++)
        plan->n_tiles += plan->layers[l].n_tiles;
    plan->tiles = mho_calloc(plan->n_tiles, sizeof *plan->tiles, error, "%zu tiles", plan->n_tiles);
    if (!plan->tiles)
        return MHO_MEMORY;
    for (size_t l = 0, first = 0; l < plan->n; first += plan->layers[l].n_tiles, l++) {
        plan->layers[l].tiles = plan->tiles + first;
        lay_tiles(plan, &plan->layers[l]);
    }
    return MHO_OK;
}

static void carve_plan(void *object)
{
    MhoPlan *plan = object;
    plan->steps = mho_arena_take(&plan->arena, plan->n, sizeof *plan->steps);
    for (size_t l = 0; l < plan->n; l++) {
        LayerPlan *layer = &plan->layers[l];
        const MhoMatrix *m = &layer->matrix;
        layer->shift_inputs = mho_arena_take(&plan->arena, layer->shift_rows, 1);
        layer->shift_codes = mho_arena_take(&plan->arena, m->groups * layer->shift_rows * m->cols, sizeof(int16_t));
        for (size_t i = 0; i < layer->n_tiles; i++) {
            const size_t packed = mho_packed_size(layer->tiles[i].rows, layer->tiles[i].width);
            layer->tiles[i].ideal.high = mho_arena_take(&plan->arena, packed, 1);
            layer->tiles[i].ideal.low = mho_arena_take(&plan->arena, packed, 1);
        }
    }
}

static void fill_shift(LayerPlan *layer)
{
    const MhoMatrix *m = &layer->matrix;
    const size_t n = mho_shift_rows(largest_shift(m), m->n_weight, m->n_input, layer->shift_inputs);
    for (size_t k = 0; n > 0 && k < m->groups * m->cols; k++) {
        mho_shift_codes(m->shift[k], m->n_weight, n, layer->shift_inputs, m->cols,
                        &layer->shift_codes[k / m->cols * n * m->cols + k % m->cols]);
    }
}

/* Exact weights of a tile for the ideal sums, and its largest ones. */
static MhoStatus tile_fill(void *context, const Tile *tile, TileScratch *scratch, MhoError *error)
{
    const MhoPlan *plan = context;
    Tile *filled = &plan->tiles[mho_tile_index(plan, tile)];
    (void)error;
    memset(scratch->weights, 0, tile->rows * tile->width * sizeof(double));
    for (size_t r = 0; r < tile->rows; r++) {
        const int16_t *codes = mho_crossbar_row(&plan->layers[tile->layer], tile->group, tile->row0 + r) + tile->col0;
        for (size_t j = 0; j < tile->cols; j++)
            scratch->weights[r * tile->width + j] = codes[j];
    }
    mho_planes_pack(tile->rows, tile->width, 0.0, scratch->weights, scratch->narrow, &filled->ideal);
    mho_tile_ranges(plan, filled, scratch);
    return MHO_OK;
}

static MhoStatus check_config(const MhoChipConfig *c, const MhoMatrix *matrices, size_t n, MhoError *error)
{
    if (!c || !c->cell || !c->adc || !c->dac || !c->wire || !matrices || n == 0)
        return mho_fail(error, MHO_USAGE, "a plan needs a cell, an ADC, a DAC, a wire model and at least one matrix");
    if (n > (size_t)1 << MHO_LAYER_BITS)
        return mho_fail(error, MHO_USAGE, "%zu analog layers, at most %d", n, 1 << MHO_LAYER_BITS);
    return mho_descriptor_check(&mho_chip_descriptor, &c->chip, error);
}

static MhoStatus plan_fill(MhoPlan *plan, const MhoMatrix *matrices, MhoError *error)
{
    MhoStatus status = MHO_OK;
    for (size_t l = 0; status == MHO_OK && l < plan->n; l++) {
        plan->layers[l].matrix = matrices[l];
        status = check_matrix(&matrices[l], error);
        status = status == MHO_OK ? plan_converter(plan, l, error) : status;
        status = status == MHO_OK ? plan_inputs(plan, &plan->layers[l], error) : status;
        status = status == MHO_OK ? plan_rows(plan, &plan->layers[l], error) : status;
    }
    if (status == MHO_OK)
        status = plan_tiles(plan, error);
    if (status == MHO_OK)
        status = mho_arena_build(&plan->arena, carve_plan, plan, error);
    if (status != MHO_OK)
        return status;
    for (size_t l = 0; l < plan->n; l++)
        fill_shift(&plan->layers[l]);
    status = mho_crossbar_each_tile(plan, tile_fill, plan, error);
    return status == MHO_OK ? mho_plan_ranges(plan, error) : status;
}

static MhoReadMode read_mode(const MhoChipConfig *c)
{
    switch ((MhoReadChoice)c->chip.read) {
    case MHO_READ_CHOICE_FROZEN: return MHO_READ_FROZEN;
    case MHO_READ_CHOICE_PER_READ: return MHO_READ_PER_READ;
    case MHO_READ_CHOICE_SPLIT: return MHO_READ_SPLIT;
    case MHO_READ_CHOICE_DEFAULT: break;
    }
    return c->cell->default_read;
}

MhoStatus mho_plan_create(const MhoChipConfig *config, const MhoMatrix *matrices, size_t n, MhoPlan **plan,
                          MhoError *error)
{
    MhoStatus status = check_config(config, matrices, n, error);
    *plan = NULL;
    if (status != MHO_OK)
        return status;
    MhoPlan *p = mho_calloc(1, sizeof *p, error, "a plan");
    if (!p)
        return MHO_MEMORY;
    *p = (MhoPlan){.config = *config, .read = read_mode(config), .n = n};
    p->layers = mho_calloc(n, sizeof *p->layers, error, "a plan of %zu layers", n);
    if (p->layers)
        p->adc_params = mho_calloc(n, config->adc->descriptor.params_size, error, "the converters of %zu layers", n);
    if (!p->adc_params) {
        mho_plan_destroy(p);
        return MHO_MEMORY;
    }
    status = plan_fill(p, matrices, error);
    if (status != MHO_OK) {
        mho_plan_destroy(p);
        return status;
    }
    *plan = p;
    return MHO_OK;
}

void mho_plan_destroy(MhoPlan *plan)
{
    if (!plan)
        return;
    mho_arena_destroy(&plan->arena);
    free(plan->tiles);
    free(plan->adc_params);
    free(plan->layers);
    free(plan);
}

MhoLayerPlan mho_plan_layer(const MhoPlan *plan, size_t l)
{
    const LayerPlan *layer = &plan->layers[l];
    return (MhoLayerPlan){.row_tiles = layer->row_tiles,
                          .col_tiles = layer->col_tiles,
                          .shift_rows = layer->shift_rows,
                          .devices = layer->devices,
                          .conversions = layer->conversions,
                          .largest_sum = layer->largest_sum,
                          .step = plan->steps[l],
                          .largest_code = mho_crossbar_largest_code(plan, layer)};
}

bool mho_plan_is_random(const MhoPlan *plan)
{
    const MhoChipConfig *c = &plan->config;
    const bool cells = !(c->cell->descriptor.ignores & MHO_IGNORES_NOISE) && c->chip.noise > 0.0;
    return cells || (c->adc->fabricate && !(c->adc->descriptor.ignores & MHO_IGNORES_NOISE) && c->chip.noise > 0.0);
}
