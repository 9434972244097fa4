/* pcm.c - phase-change memory.
 *
 * Statistics of one million doped-GST mushroom cells: programming error, drift and 1/f read noise.
 *   sigma_prog(x) = c0 + c1 x + c2 x^2                         x = g / g_max
 *   g(t)          = g_prog ((t + t0) / t0)^-nu,  t0 = 20 s     nu = |mean(x) + spread(x) N|, once per device
 *   sigma_read    = g(t) Q(g_prog) sqrt(ln((t + t0 + t_read) / 2 t_read))
 * Programming error scales with g_max in the fit, so relative conductances need no g_max.
 * Source: Nandakumar et al., ICECS 2019; Joshi et al., Nat. Commun. 11 (2020) 2473; coefficients of the fit as in
 * Rasch et al., AICAS 2021 (arXiv:2104.02184), PCMLikeNoiseModel. Valid for 0 <= x <= 1.
 */
#include "cell/cell.h"
#include "kernels/kernels.h"
#include "kernels/math.h"

typedef struct PcmParams {
    double prog_scale, drift_scale, read_scale, t_read;
} PcmParams;

enum { PCM_NU, PCM_N_STATE };

static const double pcm_t0 = 20.0; /* s, from the end of programming to the first read of the fitted data set */

/* Programming error in units of g_max; coefficients in uS, fitted at g_max = 25 uS. */
static float pcm_sigma_program(float x)
{
    return (0.26348F + x * (1.9650F - x * 1.1731F)) / 25.0F;
}

static void pcm_program(const void *params, MhoCells *cells, MhoStream stream)
{
    const PcmParams *p = params;
    const float prog_scale = (float)p->prog_scale;
    const float drift_scale = (float)p->drift_scale;
    float *g = cells->g;
    float *nu = cells->state[PCM_NU];
    /* g holds each draw and nu the logarithm in between, so nothing is allocated */
    for (size_t i = 0; i < cells->n; i++)
        nu[i] = cells->g_target[i] > 1e-7F ? cells->g_target[i] : 1e-7F;
    mho_kernels()->log(cells->n, nu, nu);
    mho_normal_fill(stream, MHO_DRAW_DRIFT, cells->n, g);
    for (size_t i = 0; i < cells->n; i++) {
        const float mean = mho_clampf(-0.0155F * nu[i] + 0.0244F, 0.049F, 0.1F);
        const float spread = mho_clampf(-0.0125F * nu[i] - 0.0059F, 0.008F, 0.045F);
        const float exponent = mean + spread * g[i];
        nu[i] = drift_scale * (exponent < 0.0F ? -exponent : exponent);
    }
    mho_normal_fill(stream, MHO_DRAW_PROGRAM, cells->n, g);
    for (size_t i = 0; i < cells->n; i++) {
        const float x = cells->g_target[i];
        const float drawn = x + prog_scale * pcm_sigma_program(x) * g[i];
        g[i] = drawn > 0.0F ? drawn : 0.0F;
    }
}

static void pcm_age(const void *params, const MhoCells *cells, MhoCondition at, float *g)
{
    const float log_ratio = (float)mho_ln((at.t + pcm_t0) / pcm_t0); /* 0 at t = 0: no drift yet */
    (void)params;
    for (size_t i = 0; i < cells->n; i++)
        g[i] = -cells->state[PCM_NU][i] * log_ratio;
    mho_kernels()->exp(cells->n, g, g);
    for (size_t i = 0; i < cells->n; i++)
        g[i] *= cells->g[i];
}

static void pcm_read_noise(const void *params, const MhoCells *cells, MhoCondition at, MhoBand band, const float *g,
                           MhoReadNoise *noise)
{
    const PcmParams *p = params;
    const double slowest = at.t + pcm_t0 + p->t_read;
    const double fastest = 2.0 * p->t_read;
    const double from = band.from > fastest ? band.from : fastest;
    const double to = band.to < slowest ? band.to : slowest;
    const float span = to > from ? (float)mho_ln(to / from) : 0.0F; /* 1/f: equal power per octave */
    const float scale = (float)p->read_scale;
    mho_pow_fill(cells->n, cells->g, 0.65F, noise->square);
    for (size_t i = 0; i < cells->n; i++) {
        const float root = noise->square[i];
        const float q = mho_clampf(0.0088F / (root > 1e-3F ? root : 1e-3F), 0.0F, 0.2F);
        const float sigma = scale * q * g[i];
        noise->square[i] = sigma * sigma * span;
    }
}

#define PCM(name, value, min, max, unit, help, label)                                                     \
    {                                                                                                     \
        .key = #name, MHO_REAL, offsetof(PcmParams, name), value, min, max, unit, help, NULL, NULL, label \
    }

static const MhoParam pcm_params[] = {
    PCM(prog_scale, 1.0, 0.0, 10.0, "", "multiplies the programming error", "programming error"),
    PCM(drift_scale, 1.0, 0.0, 10.0, "", "multiplies the drift exponent", "drift"),
    PCM(read_scale, 1.0, 0.0, 10.0, "", "multiplies the read noise", "read noise"),
    PCM(t_read, 250e-9, 1e-9, 1e-3, "s", "integration time of one read; 1/f noise above 1 / (2 t_read) averages out",
        "read time"),
};

extern const MhoCellModel mho_cell_pcm;
const MhoCellModel mho_cell_pcm = {
    .descriptor =
        {
            .name = "pcm",
            .summary = "phase-change memory with programming error, drift and 1/f read noise",
            .reference = "Joshi et al., Nat. Commun. 11 (2020) 2473; Nandakumar et al., ICECS 2019",
            .params_size = sizeof(PcmParams),
            .params = pcm_params,
            .n_params = sizeof pcm_params / sizeof *pcm_params,
            .ignores = MHO_IGNORES_TEMPERATURE,
        },
    .n_state = PCM_N_STATE,
    .default_read = MHO_READ_FROZEN,
    .ohmic = true,
    .noise_scales = "the normal inside the drift exponent |mean + spread N|: at 0 every device drifts by the mean law",
    .program = pcm_program,
    .age = pcm_age,
    .read_noise = pcm_read_noise,
};
