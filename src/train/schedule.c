/* schedule.c - what changes over a stage: the learning rate, the age of its chips, the layers that learn.
 *
 *   rate       linear warm-up, then cosine to zero, steps, or constant (Loshchilov and Hutter, ICLR 2017); every stage
 *              starts from the beginning. Recoveries: plateau, restart, half a cosine (Khan et al., DAC 2020)
 *   spread     t = t0 (T / t0)^u                 u uniform in (0, 1), of the step: log-uniform from t0 to the chip's T
 *   growing    the same up to T' = t0 (T / t0)^p for p = progress through the stage
 *   gradual    weighted layers in node order form groups that learn one after the other (UNIQ, Baskin et al.,
 *              arXiv:1804.10969). Batch norm and activation ranges of earlier groups go on learning (ours)
 *
 * Drift is a power of the time, so equal ratios of time drift alike. t0 = 20 s, when a PCM array is first read after
 * programming: Joshi et al., Nat. Commun. 11 (2020) 2473. Both curricula are our own. Valid for T > t0.
 */
#include "kernels/math.h"
#include "kernels/random.h"
#include "train/train_internal.h"

/* (1 + cos(pi t)) / 2 for t in 0..1, as 1 - sin^2(pi t / 2) with sin's Taylor series to x^15; error below 1e-11. */
static double half_cosine(double t)
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
        return peak * half_cosine((epoch - warmup) / (epochs - warmup));
    if (params->schedule == MHO_SCHEDULE_STEP)
        for (double at = params->step_epochs; at <= epoch; at += params->step_epochs)
            rate *= params->step_factor;
    return rate;
}

double mho_recovery_rate(const MhoRecovery *recovery, double epochs)
{
    const double since_restart = epochs - recovery->plateau_epochs;
    if (since_restart < 0.0 || since_restart >= recovery->restart_epochs)
        return recovery->rate_low;
    return recovery->rate_low +
           (recovery->rate_high - recovery->rate_low) * half_cosine(since_restart / recovery->restart_epochs);
}

bool mho_recovery_ends(const MhoRecovery *recovery, int epochs, double accuracy)
{
    return epochs >= recovery->epochs || accuracy >= recovery->accuracy;
}

static const double first_read = 20.0;

MhoStatus mho_curriculum_check(int curriculum, double time, MhoError *error)
{
    if (curriculum == MHO_CURRICULUM_FIXED || time > first_read)
        return MHO_OK;
    return mho_fail(error, MHO_USAGE,
                    "train.chip_curriculum: times are spread from %g s on, and train.chip.time = %g s; raise it, or "
                    "choose fixed",
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

/* What joins two layers has the mode of the later one, which is the larger number. */
_Static_assert(MHO_MODE_CODES < MHO_MODE_NOISE && MHO_MODE_NOISE < MHO_MODE_CLEAN, "modes in the order of progress");

int mho_gradual_groups(const MhoNet *net, int layers)
{
    int weighted = 0;
    for (size_t i = 0; i < net->n_nodes; i++)
        weighted += mho_node_conv(&net->nodes[i]) ? 1 : 0;
    return layers > 0 && weighted > 0 ? (weighted + layers - 1) / layers : 1;
}

/* The group that learns. */
static size_t running_group(const MhoNet *net, double progress, int layers)
{
    const int groups = mho_gradual_groups(net, layers);
    const double group = progress * groups;
    return !(group > 0.0) ? 0 : (size_t)(group < groups ? group : groups - 1);
}

void mho_gradual_modes(const MhoNet *net, double progress, int layers, uint8_t *modes, bool *frozen)
{
    const size_t size = layers > 0 ? (size_t)layers : net->n_nodes, running = running_group(net, progress, layers);
    size_t weighted = 0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const MhoNode *node = &net->nodes[i];
        modes[i] = MHO_MODE_CODES;
        frozen[i] = false;
        if (mho_node_conv(node)) {
            const size_t group = weighted++ / size;
            modes[i] = group < running ? MHO_MODE_CODES : group == running ? MHO_MODE_NOISE : MHO_MODE_CLEAN;
            frozen[i] = group < running;
            continue;
        }
        for (int k = 0; k < node->n_inputs; k++)
            if (modes[node->inputs[k]] > modes[i])
                modes[i] = modes[node->inputs[k]];
    }
}
