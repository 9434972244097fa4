/* optimizer.c - clipping of all gradients, and SGD with Nesterov momentum.
 *
 *   g <- g most / |g|   where |g| > most        Pascanu et al., "On the difficulty of training recurrent neural
 *                                               networks", ICML 2013
 *   v <- m v + g + d w;  w <- w - rate (g + d w + m v)     Sutskever et al., ICML 2013, with gradients at the current
 *                                                          point
 */
#include <math.h>
#include <string.h>

#include "kernels/clones.h"
#include "kernels/math.h"
#include "net/graph/requant.h"
#include "train/train_internal.h"

enum { LANES = 8 };

/* In one fixed order. */
MHO_CLONES static double sum_of_squares(size_t n, const float *x)
{
    double lane[LANES] = {0.0}, sum = 0.0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lane[k] += (double)x[i + k] * (double)x[i + k];
    for (; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    for (size_t k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}

MHO_CLONES static void scale_by(size_t n, float factor, float *x)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= factor;
}

/* The gradient that a step uses, or NULL. */
static float *used_gradient(const MhoNet *net, MhoFakeQuant *fq, const bool *frozen, size_t node, size_t array)
{
    if (!net->nodes[node].arrays[array].learned || (frozen && frozen[node]))
        return NULL;
    return mho_fakequant_gradient(fq, node, array);
}

static void scale_all(const MhoNet *net, MhoFakeQuant *fq, const bool *frozen, float factor)
{
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays; a++) {
            float *gradient = used_gradient(net, fq, frozen, i, a);
            if (gradient)
                scale_by(net->nodes[i].arrays[a].n, factor, gradient);
        }
}

MhoGradient mho_gradient_clip(const MhoNet *net, MhoFakeQuant *fq, const bool *frozen, double most)
{
    MhoGradient all = {.node = -1, .array = -1};
    double sum = 0.0;
    for (size_t i = 0; i < net->n_nodes && all.node < 0; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays && all.node < 0; a++) {
            const float *gradient = used_gradient(net, fq, frozen, i, a);
            const double squares = gradient ? sum_of_squares(net->nodes[i].arrays[a].n, gradient) : 0.0;
            if (!isfinite(squares)) { /* squares of floats do not overflow */
                all.node = (int)i;
                all.array = (int)a;
            }
            sum += squares;
        }
    all.norm = __builtin_sqrt(sum);
    if (all.node < 0 && most > 0.0 && all.norm > most)
        scale_all(net, fq, frozen, (float)(most / all.norm));
    return all;
}

MHO_CLONES void mho_sgd_update(size_t n, float rate, float momentum, float decay, const float *gradient,
                               float *velocity, float *value)
{
    for (size_t i = 0; i < n; i++) {
        const float g = __builtin_fmaf(decay, value[i], gradient[i]);
        velocity[i] = __builtin_fmaf(momentum, velocity[i], g);
        value[i] -= rate * __builtin_fmaf(momentum, velocity[i], g);
    }
}

static void carve(void *object)
{
    MhoOptimizer *optimizer = object;
    const MhoNet *net = optimizer->net;
    int most = 0;
    for (size_t i = 0; i < net->n_nodes; i++)
        most = net->nodes[i].shape.c > most ? net->nodes[i].shape.c : most;
    optimizer->units = mho_arena_take(&optimizer->arena, (size_t)most, sizeof *optimizer->units);
    optimizer->velocity =
        mho_arena_take(&optimizer->arena, net->n_nodes * MHO_NODE_MAX_ARRAYS, sizeof *optimizer->velocity);
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays; a++) {
            if (!net->nodes[i].arrays[a].learned)
                continue;
            float *velocity = mho_arena_take(&optimizer->arena, net->nodes[i].arrays[a].n, sizeof *velocity);
            if (optimizer->velocity)
                optimizer->velocity[i * MHO_NODE_MAX_ARRAYS + a] = velocity;
        }
}

MhoStatus mho_optimizer_create(MhoNet *net, const MhoTrainParams *params, MhoOptimizer *optimizer, MhoError *error)
{
    *optimizer = (MhoOptimizer){.net = net,
                                .momentum = params->momentum,
                                .weight_decay = params->weight_decay,
                                .weight_clip = params->weight_clip};
    return mho_arena_build(&optimizer->arena, carve, optimizer, error);
}

void mho_optimizer_destroy(MhoOptimizer *optimizer)
{
    mho_arena_destroy(&optimizer->arena);
    memset(optimizer, 0, sizeof *optimizer);
}

float *mho_optimizer_velocity(const MhoOptimizer *optimizer, size_t node, size_t array)
{
    return optimizer->velocity[node * MHO_NODE_MAX_ARRAYS + array];
}

/* Gradient of a layer's shift (k) from accumulator units to values, twice: the unit is in the derivative and in the
 * step. */
static MhoStatus rescale_shift(const MhoOptimizer *optimizer, int node, float *gradient, MhoError *error)
{
    const double *unit = optimizer->units;
    const MhoStatus status = mho_net_sum_units(optimizer->net, node, optimizer->units, error);
    for (size_t k = 0; k < (size_t)optimizer->net->nodes[node].shape.c && status == MHO_OK; k++)
        gradient[k] = (float)((double)gradient[k] / (unit[k] * unit[k]));
    return status;
}

/* Clip to +- `deviations` standard deviations of all these weights. */
static void clip_weights(double deviations, MhoNodeArray *weight)
{
    double sum = 0.0, squares = 0.0;
    for (size_t r = 0; r < weight->n; r++)
        sum += (double)weight->value[r];
    const double mean = sum / (double)weight->n;
    for (size_t r = 0; r < weight->n; r++)
        squares += ((double)weight->value[r] - mean) * ((double)weight->value[r] - mean);
    const float limit = (float)(deviations * __builtin_sqrt(squares / (double)weight->n));
    for (size_t r = 0; r < weight->n; r++)
        weight->value[r] = mho_clampf(weight->value[r], -limit, limit);
}

/* One learned array of a node that is not frozen. */
static MhoStatus update_array(const MhoOptimizer *optimizer, size_t node, size_t a, float *gradient, double rate,
                              MhoError *error)
{
    MhoNodeArray *array = &optimizer->net->nodes[node].arrays[a];
    MhoStatus status = MHO_OK;
    if (array->role == MHO_ARRAY_SHIFT)
        status = rescale_shift(optimizer, (int)node, gradient, error);
    if (status == MHO_OK)
        mho_sgd_update(array->n, (float)rate, (float)optimizer->momentum,
                       array->decayed ? (float)optimizer->weight_decay : 0.0F, gradient,
                       mho_optimizer_velocity(optimizer, node, a), array->value);
    return status;
}

MhoStatus mho_optimizer_step(MhoOptimizer *optimizer, MhoFakeQuant *fq, double rate, MhoError *error)
{
    MhoNet *net = optimizer->net;
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < net->n_nodes && status == MHO_OK; i++) {
        const bool frozen = optimizer->frozen && optimizer->frozen[i];
        MhoNodeArray *weight = mho_node_conv(&net->nodes[i]) ? mho_node_array(&net->nodes[i], MHO_ARRAY_WEIGHT) : NULL;
        for (size_t a = 0; a < net->nodes[i].n_arrays && status == MHO_OK; a++) {
            float *gradient = mho_fakequant_gradient(fq, i, a), *velocity = mho_optimizer_velocity(optimizer, i, a);
            if (!net->nodes[i].arrays[a].learned || !gradient)
                continue;
            if (frozen)
                memset(velocity, 0, net->nodes[i].arrays[a].n * sizeof *velocity);
            else
                status = update_array(optimizer, i, a, gradient, rate, error);
        }
        if (weight && !frozen && optimizer->weight_clip > 0.0 && status == MHO_OK)
            clip_weights(optimizer->weight_clip, weight);
    }
    return status;
}
