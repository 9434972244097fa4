/* nor_flash.c - floating-gate NOR flash in subthreshold, gate-coupled to a reference cell of the row.
 *
 *   w = I_out / I_in = exp((Vth_ref - Vth) / (n U_T)),  U_T = k T / q         weights are ratios, w_min <= w
 *   programmed: w exp(s N),  s^2 = sigma_tune^2 + (sigma_vth / n U_T)^2       log-normal, median kept
 *   at temperature T: w^(T_program / T)                                       from the same thresholds
 *   var I = 2 q I bandwidth + k_flicker I^2 ln(t_slow / t_fast)               shot noise is the only white noise
 * Currents in units of i_max. The row's input cell obeys the same law; the mirror copies its noise to every column.
 * Source: w, its temperature law, shot noise (Sarpeshkar et al., IEEE Circuits Devices Mag. 9(6) (1993) 23) and flicker
 * are textbook physics of a transistor in subthreshold, not measurements of the array cited; Guo et al., CICC 2017: the
 * gate-coupled 55 nm array, tuned to better than 1 %; Klachko et al., IJCNN 2019, arXiv:1904.01705: both noises.
 * Valid in subthreshold and saturation (V_DS > 4 U_T), without drain coupling, retention loss or telegraph noise.
 */
#include <string.h>

#include "cell/cell.h"
#include "kernels/kernels.h"
#include "kernels/math.h"

typedef struct NorParams {
    double n, w_min, sigma_tune, sigma_vth, program_temperature;
    double i_max, bandwidth, k_flicker, t_flicker;
    bool mirror;
} NorParams;

static const double nor_q = 1.602176634e-19; /* C, SI definition (2019) */
static const double nor_k = 1.380649e-23;    /* J/K, SI definition (2019) */

static double nor_g_min(const void *params)
{
    const NorParams *p = params;
    return p->w_min;
}

/* Standard deviation of ln w: write-verify error in current and threshold error in volts, independent. */
static double nor_sigma_log(const NorParams *p)
{
    const double swing = p->n * nor_k * p->program_temperature / nor_q; /* V per e-fold of current */
    const double threshold = p->sigma_vth / swing;
    return __builtin_sqrt(p->sigma_tune * p->sigma_tune + threshold * threshold);
}

static void nor_program(const void *params, MhoCells *cells, MhoStream stream)
{
    const NorParams *p = params;
    const float w_min = (float)p->w_min;
    const float sigma = (float)nor_sigma_log(p);
    float *g = cells->g;
    mho_normal_fill(stream, MHO_DRAW_PROGRAM, cells->n, g);
    for (size_t i = 0; i < cells->n; i++)
        g[i] *= sigma;
    mho_kernels()->exp(cells->n, g, g);
    for (size_t i = 0; i < cells->n; i++)
        g[i] *= cells->g_target[i] > w_min ? cells->g_target[i] : w_min;
}

/* Thresholds stay, U_T changes: ln w scales with 1 / T. */
static void nor_age(const void *params, const MhoCells *cells, MhoCondition at, float *g)
{
    const NorParams *p = params;
    const float exponent = (float)(p->program_temperature / at.temperature);
    if (exponent != 1.0F)
        mho_pow_fill(cells->n, cells->g, exponent, g);
    else if (cells->n > 0) /* the same bits at the temperature of tuning */
        memcpy(g, cells->g, cells->n * sizeof *g);
}

/* In units of i_max: I = g x i_max, so the shot noise 2 q I B / i_max^2 is (2 q B / i_max) g x. */
static void nor_read_noise(const void *params, const MhoCells *cells, MhoCondition at, MhoBand band, const float *g,
                           MhoReadNoise *noise)
{
    const NorParams *p = params;
    const double fastest = 1.0 / p->bandwidth;
    const double from = band.from > fastest ? band.from : fastest;
    const double to = band.to < p->t_flicker ? band.to : p->t_flicker;
    const double flicker = to > from ? p->k_flicker * mho_ln(to / from) : 0.0;
    const double shot = band.from > 0.0 ? 0.0 : 2.0 * nor_q * p->bandwidth / p->i_max;
    (void)at;
    for (size_t i = 0; i < cells->n; i++) {
        noise->linear[i] = (float)shot * g[i];
        noise->square[i] = (float)flicker * g[i] * g[i];
    }
    noise->row_linear = p->mirror ? shot : 0.0;
    noise->row_square = p->mirror ? flicker : 0.0;
}

#define NOR(name, type, value, min, max, unit, help, label)                                           \
    {                                                                                                 \
        .key = #name, type, offsetof(NorParams, name), value, min, max, unit, help, NULL, NULL, label \
    }

/* Published: w_min, from "nearly three decades" of tuning range (abstract of arXiv:1410.4781, 180 nm); sigma_tune,
 * from "better than 1 %" (abstract of Guo et al.), read here as one standard deviation. All others are starting values
 * chosen here, not measurements: n is 89 mV per decade; 10 nA at 1 MHz (i_max, bandwidth) is the smallest current whose
 * shot noise (0.57 %) stays under half a step of 6 bits (0.78 %); k_flicker and t_flicker keep the total read noise of
 * a full cell (0.68 %) under 1 %. */
static const MhoParam nor_params[] = {
    NOR(n, MHO_REAL, 1.5, 1.0, 3.0, "", "subthreshold slope factor: turns threshold error (sigma_vth) into current",
        "slope factor"),
    NOR(w_min, MHO_REAL, 1e-3, 1e-6, 0.5, "", "smallest programmable weight; smaller targets become it",
        "smallest weight"),
    NOR(sigma_tune, MHO_REAL, 0.01, 0.0, 0.5, "", "tuning error: standard deviation of ln(current)", "tuning error"),
    NOR(sigma_vth, MHO_REAL, 0.0, 0.0, 0.02, "V", "threshold error left after tuning, independent of sigma_tune",
        "threshold error"),
    NOR(program_temperature, MHO_REAL, 298.15, 200.0, 450.0, "K", "temperature of tuning", "programming temperature"),
    NOR(i_max, MHO_REAL, 10e-9, 1e-10, 1e-6, "A", "current of a cell of weight 1 at full input",
        "largest cell current"),
    NOR(bandwidth, MHO_REAL, 1e6, 1e3, 1e9, "Hz", "noise bandwidth of one read, 1 / (2 integration time)",
        "read bandwidth"),
    NOR(k_flicker, MHO_REAL, 1e-6, 0.0, 1e-2, "", "flicker constant K_f in S_I = K_f I^2 / f", "flicker constant"),
    NOR(t_flicker, MHO_REAL, 1.0, 1e-2, 1e9, "s", "slowest flicker time scale: time since the array was last nulled",
        "slowest flicker time"),
    NOR(mirror, MHO_BOOL, 1.0, 0.0, 1.0, "", "noise of the row's input cell, shared by all columns",
        "input cell noise"),
};

extern const MhoCellModel mho_cell_nor_flash;
const MhoCellModel mho_cell_nor_flash = {
    .descriptor =
        {
            .name = "nor_flash",
            .summary = "floating-gate NOR flash in subthreshold: tuning error, shot and flicker noise, temperature",
            .reference =
                "textbook subthreshold law; sigma_tune: Guo et al., CICC 2017 (arXiv:1611.03379); w_min: "
                "arXiv:1410.4781; noise of both branches: Klachko et al., IJCNN 2019 (arXiv:1904.01705); other "
                "values are starting points chosen here, not measurements",
            .params_size = sizeof(NorParams),
            .params = nor_params,
            .n_params = sizeof nor_params / sizeof *nor_params,
            .ignores = MHO_IGNORES_TIME,
        },
    .default_read = MHO_READ_PER_READ,
    .ohmic = false,
    .noise_scales = "the logarithm of the tuning error: the median current stays at its target",
    .g_min = nor_g_min,
    .program = nor_program,
    .age = nor_age,
    .read_noise = nor_read_noise,
};
