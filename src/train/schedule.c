/* schedule.c - the learning rate within a stage: linear warm-up, then cosine to zero, steps, or constant.
 *
 * Cosine: Loshchilov and Hutter, ICLR 2017, without restarts inside a stage; every stage starts anew.
 */
#include "kernels/math.h"
#include "train/train_internal.h"

/* As 1 - sin^2(pi t / 2) with sin's Taylor series to x^15. */
double mho_schedule_half_cosine(double t)
{
    const double x = 1.57079632679489661923 * t, y = x * x;
    double s = 1.0;

    for (int i = 14; i >= 2; i -= 2)
        s = 1.0 - s * y / (double)(i * (i + 1));
    return 1.0 - x * x * s * s;
}

double mho_schedule_rate(const MhoTrainParams *params, double peak, double epoch, double epochs)
{
    const double warmup = params->warmup < epochs ? params->warmup : epochs;
    double rate = peak;

    if (epoch < warmup)
        return peak * epoch / warmup;
    if (params->schedule == MHO_SCHEDULE_COSINE && epochs > warmup)
        return peak * mho_schedule_half_cosine((epoch - warmup) / (epochs - warmup));
    if (params->schedule == MHO_SCHEDULE_STEP)
        for (double at = params->step_epochs; at <= epoch; at += params->step_epochs)
            rate *= params->step_factor;
    return rate;
}
