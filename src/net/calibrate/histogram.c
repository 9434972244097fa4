/* histogram.c - histograms of values, and the quantizer range of least mean squared error over them.
 *
 *   error(E) = sum over bins of count * mean over the bin of (u - Q(u))^2 step^2,  u = |value| / step,  step = E / n
 * with values spread evenly within a bin (1/64 octave), so that the integral is exact:
 *   G(u) = integral of (t - Q(t))^2 from 0 to u = round(u) / 12 + (u - round(u))^3 / 3 below n, then (u - n)^3 / 3
 * more. Ranges tried are the bins' upper edges, 8 octaves down from the largest value. Counts are whole: order does not
 * matter.
 */
#include "kernels/math.h"
#include "net/calibrate/calibrate_internal.h"

enum {
    BIN_SHIFT = 23 - MHO_HISTOGRAM_BITS,
    FIRST_BIN = (127 - MHO_HISTOGRAM_OCTAVES / 2) << MHO_HISTOGRAM_BITS,
    FIRST_NOT_FINITE = 255 << MHO_HISTOGRAM_BITS,
    BINS_TRIED = 8 << MHO_HISTOGRAM_BITS
};

typedef union FloatBits {
    float f;
    uint32_t u;
} FloatBits;

void mho_histogram_add(MhoHistogram *histogram, size_t n, const float *values, bool is_signed)
{
    for (size_t i = 0; i < n; i++) {
        const FloatBits size = {.f = __builtin_fabsf(values[i])};
        const uint32_t top = size.u >> BIN_SHIFT;
        if (top >= FIRST_NOT_FINITE)
            histogram->not_finite++;
        else if (top >= FIRST_BIN && (is_signed || values[i] > 0.0F))
            histogram->count[top - FIRST_BIN < MHO_HISTOGRAM_BINS ? top - FIRST_BIN : MHO_HISTOGRAM_BINS - 1]++;
    }
}

void mho_histogram_merge(MhoHistogram *into, const MhoHistogram *from)
{
    for (size_t i = 0; i < MHO_HISTOGRAM_BINS; i++)
        into->count[i] += from->count[i];
    into->not_finite += from->not_finite;
}

static double bin_edge(size_t bin)
{
    const FloatBits edge = {.u = (uint32_t)(bin + FIRST_BIN) << BIN_SHIFT};
    return (double)edge.f;
}

/* G(u) of the header of this file. */
static double squared_error(double u, double n)
{
    const double inside = u < n ? u : n, code = __builtin_rint(inside), rest = inside - code, above = u - inside;
    return code / 12.0 + rest * rest * rest / 3.0 + above * above * above / 3.0;
}

/* Squared error of all values of one user at range E. */
static double user_error(const MhoHistogramUser *user, size_t first, size_t end, double E)
{
    const double per_value = user->n / E, step = E / user->n;
    double error = 0.0;
    for (size_t bin = first; bin < end; bin++) {
        if (user->histogram->count[bin] == 0)
            continue;
        const double low = bin_edge(bin) * per_value, high = bin_edge(bin + 1) * per_value;
        const double mean = (squared_error(high, user->n) - squared_error(low, user->n)) / (high - low);

        error += (double)user->histogram->count[bin] * mean * step * step;
    }
    return error;
}

static bool has_values(const MhoHistogramUser *users, size_t n_users, size_t bin)
{
    for (size_t i = 0; i < n_users; i++)
        if (users[i].histogram->count[bin] > 0)
            return true;
    return false;
}

/* The number of the last bin that holds values, plus one. */
static size_t end_of(const MhoHistogramUser *users, size_t n_users)
{
    size_t end = MHO_HISTOGRAM_BINS;
    while (end > 0 && !has_values(users, n_users, end - 1))
        end--;
    return end;
}

static double count_of(const MhoHistogramUser *users, size_t n_users, size_t bin)
{
    uint64_t count = 0;
    for (size_t i = 0; i < n_users; i++)
        count += users[i].histogram->count[bin];
    return (double)count;
}

double mho_histogram_percentile(const MhoHistogramUser *users, size_t n_users, double share)
{
    const size_t end = end_of(users, n_users);
    double all = 0.0, inside = 0.0;
    size_t bin = 0;
    for (size_t i = 0; i < end; i++)
        all += count_of(users, n_users, i);
    while (bin < end && inside < share * all)
        inside += count_of(users, n_users, bin++);
    return end > 0 ? bin_edge(bin) : 1.0;
}

double mho_histogram_rms(const MhoHistogramUser *users, size_t n_users)
{
    const size_t end = end_of(users, n_users);
    double all = 0.0, squares = 0.0;
    for (size_t bin = 0; bin < end; bin++) {
        const double low = bin_edge(bin), high = bin_edge(bin + 1), count = count_of(users, n_users, bin);
        all += count;
        squares += count * (low * low + low * high + high * high) / 3.0;
    }
    return all > 0.0 ? __builtin_sqrt(squares / all) : 1.0;
}

double mho_histogram_mse_range(const MhoHistogramUser *users, size_t n_users)
{
    const size_t end = end_of(users, n_users);
    size_t first = 0;
    double best = 1.0, least = -1.0;
    while (first < end && !has_values(users, n_users, first))
        first++;
    for (size_t tried = 0; tried < BINS_TRIED && tried < end; tried++) {
        const double E = bin_edge(end - tried);
        double error = 0.0;
        for (size_t i = 0; i < n_users; i++)
            error += user_error(&users[i], first, end, E);
        if (least < 0.0 || error < least) {
            least = error;
            best = E;
        }
    }
    return best;
}
