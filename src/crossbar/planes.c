/* planes.c - real weights and variances as 8-bit planes of the integer matrix product.
 *
 *   weight   = scale (256 high + low),  |256 high + low| <= 32639,  scale = largest |weight| / 32639
 *   variance = scale (value + 128),     scale = largest / 255
 * A tile whose weights are all whole keeps them as they are (scale 1), so its sums are exact.
 */
#include "crossbar/crossbar_internal.h"

static double magnitude(double x)
{
    return x < 0.0 ? -x : x;
}

/* Rounds weights that are all whole within tolerance in place, and says whether they were. */
static bool snap_whole(size_t n, double tolerance, double *weights)
{
    for (size_t i = 0; i < n; i++)
        if (magnitude(weights[i] - __builtin_rint(weights[i])) > tolerance ||
            magnitude(weights[i]) > MHO_LARGEST_PACKED + tolerance)
            return false;
    for (size_t i = 0; i < n; i++)
        weights[i] = __builtin_rint(weights[i]);
    return true;
}

static bool all_zero(size_t n, const int8_t *values)
{
    for (size_t i = 0; i < n; i++)
        if (values[i] != 0)
            return false;
    return true;
}

void mho_planes_pack(size_t rows, size_t columns, double tolerance, double *weights, int8_t *narrow, Planes *planes)
{
    const size_t n = rows * columns;
    int8_t *high = narrow, *low = narrow + n;
    double largest = 0.0, per_code = 1.0;
    planes->scale = 1.0;
    if (!snap_whole(n, tolerance, weights)) {
        for (size_t i = 0; i < n; i++)
            largest = magnitude(weights[i]) > largest ? magnitude(weights[i]) : largest;
        planes->scale = largest / MHO_LARGEST_PACKED;
        per_code = MHO_LARGEST_PACKED / largest;
    }
    for (size_t i = 0; i < n; i++) {
        const int32_t code = (int32_t)__builtin_rint(weights[i] * per_code);
        const int32_t byte = ((code + 128) & 255) - 128;
        low[i] = (int8_t)byte;
        high[i] = (int8_t)((code - byte) / 256);
    }
    if (all_zero(n, high))
        planes->high = NULL;
    else
        mho_pack_s8(rows, columns, high, planes->high);
    if (!planes->high && all_zero(n, low))
        planes->low = NULL;
    else
        mho_pack_s8(rows, columns, low, planes->low);
}

double mho_planes_weight(const Planes *planes, size_t rows, size_t r, size_t j)
{
    const size_t panel = mho_pad(rows, MHO_ROW_GROUP) * MHO_LANES;
    const size_t at = j / MHO_LANES * panel + r / MHO_ROW_GROUP * MHO_LANES * MHO_ROW_GROUP +
                      j % MHO_LANES * MHO_ROW_GROUP + r % MHO_ROW_GROUP;
    const int high = planes->high ? planes->high[at] : 0;
    const int low = planes->low ? planes->low[at] : 0;
    return planes->scale * (256 * high + low);
}

void mho_variance_pack(size_t rows, size_t columns, const float *values, int8_t *narrow, VariancePlane *plane)
{
    const size_t n = rows * columns;
    float largest = 0.0F;
    for (size_t i = 0; i < n; i++)
        largest = values[i] > largest ? values[i] : largest;
    if (!(largest > 0.0F)) {
        plane->values = NULL;
        return;
    }
    plane->scale = (double)largest / 255.0;
    for (size_t i = 0; i < n; i++)
        narrow[i] = (int8_t)((int)__builtin_rint((double)values[i] / plane->scale) - 128);
    mho_pack_s8(rows, columns, narrow, plane->values);
}
