/* gradient.c - a watch on all gradients of a step: their norm, the first that is not finite, and a bound.
 *
 *   g <- g most / |g|   where |g| > most        Pascanu et al., "On the difficulty of training recurrent neural
 *                                               networks", ICML 2013
 */
#include <math.h>

#include "kernels/clones.h"
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

/* The gradient that a step follows, or NULL. */
static float *followed(const MhoNet *net, MhoFakeQuant *pass, const bool *frozen, size_t node, size_t array)
{
    if (!net->nodes[node].arrays[array].learned || (frozen && frozen[node]))
        return NULL;
    return mho_fakequant_gradient(pass, node, array);
}

static void scale_all(const MhoNet *net, MhoFakeQuant *pass, const bool *frozen, float factor)
{
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays; a++) {
            float *gradient = followed(net, pass, frozen, i, a);

            if (gradient)
                scale_by(net->nodes[i].arrays[a].n, factor, gradient);
        }
}

MhoGradient mho_gradient_watch(const MhoNet *net, MhoFakeQuant *pass, const bool *frozen, double most)
{
    MhoGradient all = {.node = -1, .array = -1};
    double sum = 0.0;

    for (size_t i = 0; i < net->n_nodes && all.node < 0; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays && all.node < 0; a++) {
            const float *gradient = followed(net, pass, frozen, i, a);
            const double squares = gradient ? sum_of_squares(net->nodes[i].arrays[a].n, gradient) : 0.0;

            if (!isfinite(squares)) { /* squares of floats do not overflow */
                all.node = (int)i;
                all.array = (int)a;
            }
            sum += squares;
        }
    all.norm = __builtin_sqrt(sum);
    if (all.node < 0 && most > 0.0 && all.norm > most)
        scale_all(net, pass, frozen, (float)(most / all.norm));
    return all;
}
