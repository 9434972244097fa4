/* shift.c - an integer shift as always-on rows: sum_i x_i w_ij = shift_j exactly.
 *
 * Inputs x_i are shared by all columns: rows at full input, then powers of two down to 1. Each column divides greedily,
 * w_i = clamp(trunc(rest / x_i), -n_weight, n_weight). A stages p, p/2 .. 1 leaves nothing of any rest up to
 * n_weight (2 p - 1): a clamped step leaves at most n_weight (p - 1), another one less than p.
 */
#include "crossbar/crossbar_internal.h"

/* The largest |shift| that a list of stages starting at p realises. */
static int64_t stages_reach(int p, int n_weight)
{
    return (int64_t)n_weight * (2 * p - 1);
}

size_t mho_shift_rows(int64_t largest, int n_weight, int n_input, uint8_t *inputs)
{
    int p = 1;
    size_t n_full = 0, n = 0;
    if (largest == 0)
        return 0;
    while (2 * p <= n_input && stages_reach(p, n_weight) < largest)
        p *= 2;
    if (stages_reach(p, n_weight) < largest) {
        const int64_t row = (int64_t)n_weight * n_input;
        n_full = (size_t)((largest - stages_reach(p, n_weight) + row - 1) / row);
    }
    for (; n < n_full; n++)
        if (inputs)
            inputs[n] = (uint8_t)n_input;
    for (; p > 0; p /= 2, n++)
        if (inputs)
            inputs[n] = (uint8_t)p;
    return n;
}

void mho_shift_codes(int64_t shift, int n_weight, size_t n, const uint8_t *inputs, size_t stride, int16_t *codes)
{
    int64_t rest = shift;
    for (size_t i = 0; i < n; i++) {
        const int64_t wanted = rest / inputs[i];
        const int64_t code = wanted < -n_weight ? -n_weight : wanted > n_weight ? n_weight : wanted;
        codes[i * stride] = (int16_t)code;
        rest -= code * inputs[i];
    }
}
