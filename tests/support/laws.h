/* laws.h - the published device laws in double and libm, written independently for the tests.
 *
 * PCM: Joshi et al., Nat. Commun. 11 (2020) 2473; Rasch et al., AICAS 2021. x = g / g_max, errors in units of g_max.
 * NOR flash: shot noise 2 q I B, thermal voltage k T / q.
 */
#ifndef MHO_TESTS_LAWS_H
#define MHO_TESTS_LAWS_H

#include <math.h>

#define LAW_HOUR 3600.0
#define LAW_DAY  86400.0
#define LAW_YEAR (365.0 * LAW_DAY)
#define LAW_Q    1.602176634e-19
#define LAW_K    1.380649e-23

static inline double law_clamp(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

static inline double law_pcm_sigma_program(double x)
{
    return (0.26348 + 1.9650 * x - 1.1731 * x * x) / 25.0;
}

static inline double law_pcm_nu_mean(double x)
{
    return law_clamp(-0.0155 * log(fmax(x, 1e-7)) + 0.0244, 0.049, 0.1);
}

static inline double law_pcm_nu_spread(double x)
{
    return law_clamp(-0.0125 * log(fmax(x, 1e-7)) - 0.0059, 0.008, 0.045);
}

static inline double law_pcm_drift(double nu, double t)
{
    return pow((t + 20.0) / 20.0, -nu);
}

static inline double law_pcm_q(double x)
{
    return fmin(0.0088 / fmax(pow(x, 0.65), 1e-3), 0.2);
}

static inline double law_pcm_log_factor(double t, double t_read)
{
    return sqrt(log((t + 20.0 + t_read) / (2.0 * t_read)));
}

/* Mean and standard deviation of |m + s N|. */
static inline void law_folded_normal(double m, double s, double *mean, double *sigma)
{
    const double z = m / s;
    *mean = s * sqrt(2.0 / acos(-1.0)) * exp(-0.5 * z * z) + m * erf(z / sqrt(2.0));
    *sigma = sqrt(m * m + s * s - *mean * *mean);
}

/* Relative variance of a current at a bandwidth: 2 q B / I. */
static inline double law_shot(double current, double bandwidth)
{
    return 2.0 * LAW_Q * bandwidth / current;
}

#endif
