/* axis_ranges.c - the values of a range, "4:8:2" or "log:1:1e6:7", and the intervals "0..2" that points are drawn from.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/math.h"
#include "study/keys/sweep_axes_internal.h"

static const char log_lead[] = "log:";

static bool is_number(const MhoParam *param)
{
    return param->type == MHO_REAL || param->type == MHO_INT;
}

static bool is_bracketed(const char *text)
{
    const size_t length = strlen(text);
    return length >= 2 && text[0] == '[' && text[length - 1] == ']';
}

bool mho_is_range(const MhoParam *param, const char *text)
{
    return is_number(param) && !strchr(text, ',') && (strchr(text, ':') || strstr(text, ".."));
}

/* In a text a comma is a comma. */
bool mho_is_list(const MhoParam *param, const char *text)
{
    return is_bracketed(text) || (param->type != MHO_TEXT && strchr(text, ',')) || mho_is_range(param, text);
}

/* "1,5" as people with a decimal comma write it. */
static bool is_decimal_comma(const char *text)
{
    static const char digits[] = "0123456789";
    text += *text == '-' || *text == '+';
    const size_t whole = strspn(text, digits), part = text[whole] == ',' ? strspn(text + whole + 1, digits) : 0;
    return whole > 0 && part > 0 && text[whole + 1 + part] == '\0';
}

MhoStatus mho_refuse_list(const MhoParam *param, const char *text, const char *place, MhoError *error)
{
    if (is_number(param) && is_decimal_comma(text)) {
        const size_t whole = strcspn(text, ",");
        return mho_fail(
            error, MHO_USAGE,
            "%s: '%s' is not one number: write %.*s.%s, with a point; a list of values belongs under sweep:", place,
            text, (int)whole, text, text + whole + 1);
    }
    if (strcmp(param->key, "title") == 0 || !mho_is_list(param, text))
        return MHO_OK;
    return mho_fail(error, MHO_USAGE, "%s: '%s' is more than one value; a list or a range belongs under sweep:", place,
                    text);
}

/* The numbers of "a:b:c" after `lead`, with units where the key has them; their number, or 0 when one is none. */
static size_t read_numbers(const MhoParam *param, const char *text, const char *separator, double *numbers, size_t most)
{
    char word[64];
    const size_t step = strlen(separator);
    for (size_t n = 0; n < most; n++) {
        const char *end = strstr(text, separator);
        const size_t length = end ? (size_t)(end - text) : strlen(text);
        if (length >= sizeof word)
            return 0;
        memcpy(word, text, length);
        word[length] = '\0';
        if (!mho_param_number(param, word, &numbers[n]))
            return 0;
        if (!end)
            return n + 1;
        text = end + step;
    }
    return 0;
}

/* One value of a range, a whole number where the key takes no other in log; equal neighbours are one value. */
static MhoStatus push_number(MhoStudy *study, size_t at, double number, const char *where, MhoError *error)
{
    const MhoAxis *axis = &study->axes[at];
    char value[64];
    const char *const values[] = {value};
    snprintf(value, sizeof value, "%.12g", number);
    if (axis->n > 0 && strcmp(axis->values[axis->n - 1], value) == 0)
        return MHO_OK;
    return mho_axes_push(study, at, values, 1, where, error);
}

static MhoStatus push_steps(MhoStudy *study, size_t at, const double *range, const char *text, const char *where,
                            MhoError *error)
{
    const double count = floor((range[1] - range[0]) / range[2] + 1e-9) + 1.0;
    if (!(count >= 1.0 && count <= MHO_MAX_AXIS_VALUES))
        return mho_fail(error, MHO_USAGE, "%s: %s: the range %s has no values or more than %d", where ? where : "--set",
                        study->axes[at].key, text, MHO_MAX_AXIS_VALUES);
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < (size_t)count && status == MHO_OK; i++)
        status = push_number(study, at, range[0] + (double)i * range[2], where, error);
    return status;
}

static MhoStatus push_logarithmic(MhoStudy *study, size_t at, const MhoParam *param, const double *range,
                                  const char *text, const char *where, MhoError *error)
{
    const double first = range[0], last = range[1], count = range[2];
    if (!(first > 0.0 && last > 0.0 && first != last && count == floor(count) && count >= 2.0 &&
          count <= MHO_MAX_AXIS_VALUES))
        return mho_fail(error, MHO_USAGE,
                        "%s: %s: '%s' is not a range in log; write log:first:last:count with first and last above 0 "
                        "and count from 2 to %d, as log:1:1e6:7",
                        where ? where : "--set", study->axes[at].key, text, MHO_MAX_AXIS_VALUES);
    const double step = mho_ln(last / first) / (count - 1.0);
    MhoStatus status = MHO_OK;
    for (size_t i = 0; i < (size_t)count && status == MHO_OK; i++) {
        const double between = first * mho_exp((double)i * step);
        const double value = i == 0 ? first : i + 1 == (size_t)count ? last : between;
        status = push_number(study, at, param->type == MHO_INT && i > 0 && i + 1 < (size_t)count ? rint(value) : value,
                             where, error);
    }
    return status;
}

static MhoStatus set_interval(MhoStudy *study, size_t at, const MhoParam *param, const double *range, bool logarithmic,
                              const char *text, const char *where, MhoError *error)
{
    MhoAxis *axis = &study->axes[at];
    if (!(range[0] < range[1]) || (logarithmic && !(range[0] > 0.0)))
        return mho_fail(error, MHO_USAGE,
                        "%s: %s: '%s' is not an interval; write low..high, or log:low..high with low above 0",
                        where ? where : "--set", axis->key, text);
    if (!(range[0] >= param->min && range[1] <= param->max))
        return mho_fail(error, MHO_USAGE, "%s: %s: %s is outside %g to %g%s%s", where ? where : "--set", axis->key,
                        text, param->min, param->max, *param->unit ? " " : "", param->unit);
    axis->drawn = true;
    axis->logarithmic = logarithmic;
    axis->low = range[0];
    axis->high = range[1];
    return MHO_OK;
}

MhoStatus mho_axes_push_range(MhoStudy *study, size_t at, const char *text, const char *where, MhoError *error)
{
    const char *key = study->axes[at].key;
    const MhoParam *param = mho_settings_find(study->settings, key, NULL);
    const bool logarithmic = strncmp(text, log_lead, strlen(log_lead)) == 0;
    const char *numbers = text + (logarithmic ? strlen(log_lead) : 0);
    double range[3];
    if (strstr(numbers, "..") && read_numbers(param, numbers, "..", range, 2) == 2)
        return set_interval(study, at, param, range, logarithmic, text, where, error);
    const MhoParam count = {.key = param->key, .type = MHO_REAL, .unit = ""};
    const char *last = strrchr(numbers, ':');
    char ends[160];
    if (logarithmic && last && (size_t)(last - numbers) < sizeof ends) { /* the count has no unit */
        snprintf(ends, sizeof ends, "%.*s", (int)(last - numbers), numbers);
        if (read_numbers(param, ends, ":", range, 2) == 2 && read_numbers(&count, last + 1, ":", range + 2, 1) == 1)
            return push_logarithmic(study, at, param, range, text, where, error);
    }
    if (!logarithmic && read_numbers(param, numbers, ":", range, 3) == 3)
        return push_steps(study, at, range, text, where, error);
    return mho_fail(
        error, MHO_USAGE,
        "%s: %s: '%s' is not a range; write first:last:step, as 4:8:2, log:first:last:count, as log:1:1e6:7, "
        "or low..high to draw sample.n points",
        where ? where : "--set", key, text);
}
