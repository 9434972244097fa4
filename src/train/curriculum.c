/* curriculum.c - how old the chips of a chip stage are, step by step.
 *
 *   spread    t = t0 (T / t0)^u                 u uniform in (0, 1), of the step: log-uniform from t0 to the chip's T
 *   growing   the same up to T' = t0 (T / t0)^p for p = progress through the stage
 *
 * Drift is a power of the time, so equal ratios of time drift alike. t0 = 20 s, when a PCM array is first read after
 * programming: Joshi et al., Nat. Commun. 11 (2020) 2473. Both curricula are our own. Valid for T > t0.
 */
#include "kernels/math.h"
#include "kernels/random.h"
#include "train/train_internal.h"

static const double first_read = 20.0;

MhoStatus mho_curriculum_check(int curriculum, double time, MhoError *error)
{
    if (curriculum == MHO_CURRICULUM_FIXED || time > first_read)
        return MHO_OK;
    return mho_fail(error, MHO_USAGE,
                    "train.chip_curriculum: times are spread from %g s on, and train.chip has time = %g s; give the "
                    "chip a later time, or choose fixed",
                    first_read, time);
}

double mho_curriculum_time(int curriculum, double time, uint64_t seed, uint32_t step, double progress)
{
    const MhoStream stream = {.seed = seed, .step = step};
    const double octaves = mho_ln(time / first_read) * (curriculum == MHO_CURRICULUM_GROWING ? progress : 1.0);
    float u;

    if (curriculum == MHO_CURRICULUM_FIXED)
        return time;
    mho_uniform_fill(stream, MHO_DRAW_CURRICULUM, 1, &u);
    return first_read * mho_exp((double)u * octaves);
}
