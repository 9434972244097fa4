/* compensate.c - global drift compensation: one factor per layer from reference reads.
 *
 *   alpha = sum |code sums just after programming| / sum |code sums now|
 * over 64 fixed pseudo-random 0/1 patterns at the largest input code at which none clips on the ideal chip, read by the
 * same noisy converters at the same temperature; so alpha itself is noisy. Always-on rows take part in the patterns.
 * Source: Joshi et al., Nat. Commun. 11 (2020) 2473 (one scalar from calibration reads, applied digitally).
 */
#include "crossbar/crossbar_internal.h"

/* Largest input code whose slices keep every pattern within the converters' codes. */
static int amplitude(const MhoPlan *plan, size_t l, double step)
{
    const LayerPlan *layer = &plan->layers[l];
    const double limit = step * mho_crossbar_largest_code(plan, layer);
    for (int code = layer->matrix.n_input; code > 1; code--) {
        int largest = 0;
        for (int s = 0; s < layer->slices.n; s++) {
            const uint8_t whole = (uint8_t)code;
            uint8_t part = 0;
            plan->config.dac->slice(plan->config.dac_params, &layer->slices, s, 1, &whole, &part);
            largest = part > largest ? part : largest;
        }
        if (largest * layer->largest_pattern <= limit)
            return code;
    }
    return 1;
}

/* Patterns first .. first + P - 1 of a group into the block's codes; the negative phase is idle. */
static void fill_patterns(const LayerPlan *layer, MhoWorkspace *work, size_t l, size_t first, size_t P, int code)
{
    uint32_t words[2];
    for (size_t i = 0; i < P * layer->stride; i++) {
        work->codes[0][i] = 0;
        work->codes[1][i] = 0;
    }
    for (size_t r = 0; r < layer->rows; r++) {
        mho_pattern_words(l, r, 1, words);
        for (size_t p = 0; p < P; p++)
            work->codes[0][p * layer->stride + r] = (uint8_t)(mho_pattern_bit(words, (unsigned)(first + p)) ? code : 0);
    }
}

/* Sum over patterns and columns of |code sum|. */
static double reference_read(const MhoChipState *state, MhoWorkspace *work, size_t l, int code, uint32_t image)
{
    const LayerPlan *layer = &state->chip->plan->layers[l];
    GroupRead read = {.state = state, .work = work, .l = l, .image = image, .P = MHO_BLOCK};
    double sum = 0.0;
    for (read.group = 0; read.group < layer->matrix.groups; read.group++) {
        for (read.first = 0; read.first < MHO_PATTERNS; read.first += MHO_BLOCK) {
            fill_patterns(layer, work, l, read.first, read.P, code);
            mho_crossbar_read_group(&read);
            for (size_t u = 0; u < layer->col_tiles; u++) {
                const Tile *tile = mho_crossbar_tile(layer, read.group, 0, u);
                const int64_t *total = work->total + MHO_BLOCK * tile->total0;
                for (size_t i = 0; i < MHO_BLOCK * tile->width; i++) {
                    const int64_t size = total[i] < 0 ? -total[i] : total[i];
                    sum += i % tile->width < tile->cols ? (double)size : 0.0;
                }
            }
        }
    }
    return sum;
}

MhoStatus mho_chip_state_compensate(MhoChipState *state, MhoWorkspace *work, MhoError *error)
{
    const MhoPlan *plan = state->chip->plan;
    MhoChipState *fresh;
    MhoStatus status;
    if (plan->config.chip.compensation == MHO_COMPENSATE_NONE)
        return MHO_OK;
    status = mho_chip_state_create(state->chip, (MhoCondition){.t = 0.0, .temperature = state->at.temperature}, &fresh,
                                   error);
    if (status != MHO_OK)
        return status;
    for (size_t l = 0; l < plan->n; l++) {
        const float step = mho_chip_state_step(state, l);
        const int code = amplitude(plan, l, (double)step);
        double before, now;
        fresh->steps[l] = step;
        before = reference_read(fresh, work, l, code, MHO_REFERENCE_IMAGE + 1);
        now = reference_read(state, work, l, code, MHO_REFERENCE_IMAGE);
        state->compensation[l] = before > 0.0 && now > 0.0 ? before / now : 1.0;
    }
    mho_chip_state_destroy(fresh);
    return MHO_OK;
}
