/* samples.c - points that are drawn between low and high, each key evenly or evenly in log.
 *
 *   random  Philox numbers, a function of sample.seed, the key and the number of the point
 *   sobol   Sobol's sequence (GSL; Antonov and Saleev 1979), which fills the space evenly
 * In both, point number i is the same however many are drawn, so a study with a larger sample.n has all points of the
 * smaller one.
 */
#include <gsl/gsl_qrng.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "kernels/math.h"
#include "kernels/random.h"
#include "study/keys/points_internal.h"

struct MhoSampler {
    gsl_qrng *sobol; /* NULL: random */
    uint64_t seed, at;
    size_t n_dimensions;
};

MhoStatus mho_sampler_create(const MhoStudyParams *params, size_t n_dimensions, MhoSampler **sampler, MhoError *error)
{
    MhoSampler *made = mho_calloc(1, sizeof *made, error, "the points that are drawn");
    *sampler = made;
    if (!made)
        return MHO_MEMORY;
    made->seed = (uint64_t)params->sample_seed;
    made->n_dimensions = n_dimensions;
    if (params->sample_name == MHO_SAMPLE_RANDOM)
        return MHO_OK;
    made->sobol = gsl_qrng_alloc(gsl_qrng_sobol, (unsigned)n_dimensions);
    return made->sobol ? MHO_OK : mho_fail(error, MHO_MEMORY, "out of memory for the points that are drawn");
}

void mho_sampler_next(MhoSampler *sampler, const char *const *keys, double *row)
{
    for (size_t k = 0; k < sampler->n_dimensions && !sampler->sobol; k++) {
        const MhoStream stream = {.seed = sampler->seed, .chip = (uint32_t)mho_digest64(keys[k], strlen(keys[k]))};
        uint32_t words[2];
        mho_random_words(stream, MHO_DRAW_SAMPLE, 2 * sampler->at, 2, words);
        row[k] = ((double)(words[0] >> 5) * 0x1p26 + (double)(words[1] >> 6) + 0.5) * 0x1p-53;
    }
    if (sampler->sobol)
        gsl_qrng_get(sampler->sobol, row);
    sampler->at++;
}

void mho_sampler_destroy(MhoSampler *sampler)
{
    if (sampler && sampler->sobol)
        gsl_qrng_free(sampler->sobol);
    free(sampler);
}

void mho_sample_format(const MhoAxis *axis, const MhoParam *param, double u, char text[MHO_TEXT_MAX])
{
    const bool whole = param->type == MHO_INT;
    /* each whole number has an equal part of the interval */
    const double low = axis->low, high = whole ? floor(axis->high) + 1.0 : axis->high;
    double value = axis->logarithmic ? low * mho_exp(u * mho_ln(high / low)) : low + u * (high - low);
    char digits[64];
    value = whole ? floor(value) : value;
    snprintf(digits, sizeof digits, "%.9g", value);
    const double rounded = strtod(digits, NULL);
    value = rounded < axis->low ? axis->low : rounded > axis->high ? axis->high : rounded;
    const MhoParam real = {.key = param->key, .type = MHO_REAL};
    mho_param_format(&real, &value, text, MHO_TEXT_MAX);
}
