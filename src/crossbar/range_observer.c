/* range_observer.c - histograms of |tile sum|, and the converter step of least mean squared error.
 *
 * 64 bins per octave, read from the float's bit pattern (exponent and 6 bits of significand). Full scales tried are the
 * bins' upper edges E, steps E / largest code:
 *   error(E) = n_inside step^2 / 12 + sum over clipped bins of n (middle - E)^2
 * Source of step^2 / 12: Bennett, Bell Syst. Tech. J. 27 (1948) 446. Sums below one accumulator unit share a bin.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "crossbar/crossbar_internal.h"

enum { BINS_PER_OCTAVE = 64, OCTAVES = 33, BINS = BINS_PER_OCTAVE * OCTAVES + 1, BIN_SHIFT = 23 - 6 };
enum { BITS_OF_ONE = 127 * BINS_PER_OCTAVE }; /* exponent and top of the significand of 1.0F */

typedef struct LayerHistogram {
    uint64_t count[BINS]; /* bin 0: below 1 */
    float largest;
} LayerHistogram;

struct MhoRangeObserver {
    size_t n;
    LayerHistogram *layers; /* (n) */
};

typedef union FloatBits {
    float f;
    uint32_t u;
} FloatBits;

MhoStatus mho_range_observer_create(size_t n_layers, MhoRangeObserver **observer, MhoError *error)
{
    MhoRangeObserver *made = mho_calloc(1, sizeof *made, error, "a range observer");
    *observer = NULL;
    if (!made)
        return MHO_MEMORY;
    made->layers = mho_calloc(n_layers, sizeof *made->layers, error, "range histograms of %zu layers", n_layers);
    if (!made->layers) {
        free(made);
        return MHO_MEMORY;
    }
    made->n = n_layers;
    *observer = made;
    return MHO_OK;
}

void mho_range_observer_destroy(MhoRangeObserver *observer)
{
    if (observer)
        free(observer->layers);
    free(observer);
}

void mho_range_observer_merge(MhoRangeObserver *into, const MhoRangeObserver *from)
{
    for (size_t l = 0; l < into->n && l < from->n; l++) {
        LayerHistogram *a = &into->layers[l];
        const LayerHistogram *b = &from->layers[l];
        for (size_t i = 0; i < BINS; i++)
            a->count[i] += b->count[i];
        a->largest = b->largest > a->largest ? b->largest : a->largest;
    }
}

double mho_range_observer_largest(const MhoRangeObserver *observer, size_t l)
{
    return (double)observer->layers[l].largest;
}

void mho_range_observer_add(MhoRangeObserver *observer, size_t l, size_t P, size_t stride, size_t n, const float *y)
{
    LayerHistogram *layer = &observer->layers[l];
    for (size_t p = 0; p < P; p++) {
        for (size_t j = 0; j < n; j++) {
            const FloatBits size = {.f = y[p * stride + j] < 0.0F ? -y[p * stride + j] : y[p * stride + j]};
            const uint32_t top = size.u >> BIN_SHIFT;
            const uint32_t bin = top < BITS_OF_ONE ? 0 : top - BITS_OF_ONE + 1;
            layer->count[bin < BINS ? bin : BINS - 1]++;
            layer->largest = size.f > layer->largest ? size.f : layer->largest;
        }
    }
}

/* Lower edge of a bin; bin 0 begins at 0. */
static double bin_edge(size_t bin)
{
    const FloatBits edge = {.u = (uint32_t)(bin + BITS_OF_ONE - 1) << BIN_SHIFT};
    return bin == 0 ? 0.0 : (double)edge.f;
}

/* Step of least error for a converter with codes up to largest_code. */
static float best_step(const LayerHistogram *layer, double largest_code)
{
    double clipped = 0.0, sum = 0.0, squares = 0.0; /* moments of the bins from `bin` on */
    double inside = 0.0, best = 0.0, best_error = -1.0;
    if ((double)layer->largest <= largest_code)
        return 1.0F;
    for (size_t bin = 0; bin < BINS; bin++)
        inside += (double)layer->count[bin];
    for (size_t bin = BINS; bin-- > 0;) {
        const double n = (double)layer->count[bin], low = bin_edge(bin), high = bin_edge(bin + 1);
        const double step = high / largest_code;
        const double excess = squares - 2.0 * high * sum + high * high * clipped;
        const double mse = inside * step * step / 12.0 + (excess > 0.0 ? excess : 0.0);
        if (step < 1.0)
            break;
        if (best_error < 0.0 || mse < best_error) {
            best_error = mse;
            best = step;
        }
        clipped += n;
        sum += n * 0.5 * (low + high);
        squares += n * 0.25 * (low + high) * (low + high);
        inside -= n;
    }
    return best > 1.0 ? (float)best : 1.0F;
}

bool mho_plan_needs_calibration(const MhoPlan *plan)
{
    return plan->config.chip.range == MHO_RANGE_CALIBRATED;
}

MhoCalibrate mho_plan_calibrate_when(const MhoPlan *plan)
{
    return (MhoCalibrate)plan->config.chip.calibrate;
}

/* Steps (n) of all layers of a plan; ranges that are known already stay. */
static MhoStatus find_steps(const MhoPlan *plan, const MhoRangeObserver *observer, float *steps, MhoError *error)
{
    if (observer->n != plan->n)
        return mho_fail(error, MHO_USAGE,
                        "the range observer has %zu layers and the plan has %zu: make it for the plan's layers",
                        observer->n, plan->n);
    for (size_t l = 0; mho_plan_needs_calibration(plan) && l < plan->n; l++)
        steps[l] = best_step(&observer->layers[l], mho_crossbar_largest_code(plan, &plan->layers[l]));
    return MHO_OK;
}

MhoStatus mho_plan_calibrate(MhoPlan *plan, const MhoRangeObserver *observer, MhoError *error)
{
    return find_steps(plan, observer, plan->steps, error);
}

MhoStatus mho_chip_calibrate(MhoChip *chip, const MhoRangeObserver *observer, MhoError *error)
{
    return find_steps(chip->plan, observer, chip->steps, error);
}

MhoStatus mho_chip_state_calibrate(MhoChipState *state, const MhoRangeObserver *observer, MhoError *error)
{
    return find_steps(state->chip->plan, observer, state->steps, error);
}
