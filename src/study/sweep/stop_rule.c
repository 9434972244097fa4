/* stop_rule.c - looks at doubling numbers of chips. */
#include "study/sweep/stop_rule.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static const double stated_confidence = 0.95;

MhoStopRule mho_stop_rule(const MhoSettings *settings)
{
    const MhoStudyParams *study = mho_settings_study(settings);
    return (MhoStopRule){
        .half_width = study->stop_half_width, .first = (uint32_t)study->stop_first, .repeat = (uint32_t)study->repeat};
}

bool mho_stop_is_on(const MhoStopRule *rule)
{
    return rule->half_width > 0.0;
}

double mho_stop_confidence(const MhoStopRule *rule)
{
    uint32_t looks = 1; /* at repeat */
    if (!mho_stop_is_on(rule))
        return stated_confidence;
    for (uint64_t n = rule->first; n < rule->repeat; n *= 2)
        looks++;
    return 1.0 - (1.0 - stated_confidence) / looks;
}

/* Student's quantile of a look with n chips. It decides how many chips a result holds, so the last digits, which differ
 * between mathematical libraries, are rounded away. */
static double quantile(const MhoStopRule *rule, double n)
{
    const double tail = 0.5 * (1.0 - mho_stop_confidence(rule));
    return round(1e6 * gsl_cdf_tdist_Qinv(tail, n - 1.0)) * 1e-6;
}

uint32_t mho_stop_chips(const MhoStopRule *rule, const MhoTrials *trials, uint64_t point, uint32_t n_chips)
{
    double n = 0.0, mean = 0.0, squares = 0.0; /* of the chips so far; squares: of the deviations (Welford 1962) */
    uint64_t look = rule->first;
    if (!mho_stop_is_on(rule))
        return n_chips;
    for (uint32_t chip = 0; chip < n_chips; chip++) {
        const MhoTrial *trial = mho_trials_find(trials, point, chip);
        if (!trial)
            return n_chips;
        n += 1.0;
        const double step = trial->accuracy - mean;
        mean += step / n;
        squares += step * (trial->accuracy - mean);
        if (chip + 1 != look)
            continue;
        look *= 2;
        const double t = quantile(rule, n);
        if (t * t * squares <= rule->half_width * rule->half_width * n * (n - 1.0))
            return chip + 1;
    }
    return n_chips;
}

void mho_stop_settle(const MhoStopRule *rule, const MhoTrials *trials, MhoPointInfo *points, size_t n)
{
    for (size_t p = 0; p < n; p++)
        points[p].n_chips = mho_stop_chips(rule, trials, points[p].key, points[p].n_chips);
}
