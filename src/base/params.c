/* params.c - text to a typed parameter and back, from one table. Nothing is clamped or guessed. */
#include "base/descriptor.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REAL_TEXT_MAX = 64, NUMBER_TEXT_MAX = 512 };

void mho_params_default(const MhoParam *params, size_t n, void *block)
{
    for (size_t i = 0; i < n; i++) {
        const MhoParam *param = &params[i];
        unsigned char *member = (unsigned char *)block + param->offset;
        int whole = param->type == MHO_INT || param->type == MHO_CHOICE ? (int)param->value : 0;
        bool flag = param->value != 0.0;
        switch (param->type) {
        case MHO_REAL: memcpy(member, &param->value, sizeof param->value); break;
        case MHO_INT:
        case MHO_CHOICE: memcpy(member, &whole, sizeof whole); break;
        case MHO_BOOL: memcpy(member, &flag, sizeof flag); break;
        case MHO_TEXT:
            memset(member, 0, MHO_TEXT_MAX);
            snprintf((char *)member, MHO_TEXT_MAX, "%s", param->text ? param->text : "");
            break;
        }
    }
}

const MhoParam *mho_params_find(const MhoParam *params, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(params[i].key, key) == 0)
            return &params[i];
    return NULL;
}

const char *mho_param_label(const MhoParam *param)
{
    return param->label && *param->label ? param->label : param->key;
}

/* Switch this thread to the C locale, so that numbers do not depend on the locale of the host program. Returns the
 * locale before. glibc returns its static C locale, so nothing is allocated. */
static locale_t c_locale_enter(void)
{
    return uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

static double read_real(const char *text, char **end)
{
    locale_t before = c_locale_enter();
    double value = strtod(text, end);
    uselocale(before);
    return value;
}

/* Units of time in seconds: times `factor` or, so that 250ns is 250e-9 to the last bit, through `divisor`. */
static const struct {
    const char *name;
    double factor, divisor;
} time_units[] = {{"ns", 1, 1e9}, {"us", 1, 1e6}, {"ms", 1, 1e3},  {"s", 1, 1},
                  {"min", 60, 1}, {"h", 3600, 1}, {"d", 86400, 1}, {"y", 31557600, 1}};

static bool is_time(const MhoParam *param)
{
    return param->unit && strcmp(param->unit, "s") == 0;
}

typedef enum Number { NUMBER_READ, NUMBER_TOO_LARGE, NUMBER_NONE } Number;

/* Decimal notation only: nan, inf, hexadecimal numbers and blanks, which strtod reads, are no numbers here. */
static Number read_number(const MhoParam *param, const char *text, double *value)
{
    char number[NUMBER_TEXT_MAX], *end;
    const size_t length = strspn(text, "0123456789+-.eE");
    if (length == 0 || length >= sizeof number)
        return NUMBER_NONE;
    snprintf(number, sizeof number, "%.*s", (int)length, text);
    errno = 0;
    *value = read_real(number, &end);
    /* glibc reports ERANGE for subnormal values too, which are accepted. */
    const bool too_large = errno == ERANGE && (*value == 0.0 || isinf(*value));
    if (end == number || *end != '\0')
        return NUMBER_NONE;
    const char *unit = text + length;
    if (*unit == '\0')
        return too_large ? NUMBER_TOO_LARGE : NUMBER_READ;
    unit += strspn(unit, " ");
    for (size_t i = 0; i < sizeof time_units / sizeof *time_units && is_time(param); i++)
        if (strcmp(unit, time_units[i].name) == 0) {
            *value = *value * time_units[i].factor / time_units[i].divisor;
            return too_large || isinf(*value) ? NUMBER_TOO_LARGE : NUMBER_READ;
        }
    return NUMBER_NONE;
}

bool mho_param_number(const MhoParam *param, const char *text, double *value)
{
    return read_number(param, text, value) == NUMBER_READ;
}

/* The fewest significant decimal digits of a finite value that read back to the same double. Returns their number;
 * value = 0.d1d2.. * 10^point. */
static size_t shortest_digits(double value, char digits[REAL_TEXT_MAX], int *point)
{
    char text[REAL_TEXT_MAX];
    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    size_t n = 0;
    const char *at = text;
    for (; *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            digits[n++] = *at;
    *point = (int)strtol(at + 1, NULL, 10) + 1;
    return n;
}

/* Plain notation for 1e-5 <= |value| < 1e16, else d.ddde-7. */
static void format_real(double value, char text[REAL_TEXT_MAX])
{
    if (!isfinite(value)) {
        snprintf(text, REAL_TEXT_MAX, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    locale_t before = c_locale_enter();
    const char *sign = signbit(value) ? "-" : "";
    char digits[REAL_TEXT_MAX];
    int point;
    int n = (int)shortest_digits(fabs(value), digits, &point);
    if (value == 0.0)
        snprintf(text, REAL_TEXT_MAX, "%s0", sign);
    else if (point > 16 || point < -4)
        snprintf(text, REAL_TEXT_MAX, "%s%c%s%.*se%d", sign, digits[0], n > 1 ? "." : "", n - 1, digits + 1, point - 1);
    else if (point <= 0)
        snprintf(text, REAL_TEXT_MAX, "%s0.%.*s%.*s", sign, -point, "0000", n, digits);
    else if (n <= point)
        snprintf(text, REAL_TEXT_MAX, "%s%.*s%.*s", sign, n, digits, point - n, "0000000000000000");
    else
        snprintf(text, REAL_TEXT_MAX, "%s%.*s.%.*s", sign, point, digits, n - point, digits + point);
    uselocale(before);
}

static MhoStatus out_of_range(const MhoParam *param, const char *text, const char *where, MhoError *error)
{
    char low[REAL_TEXT_MAX], high[REAL_TEXT_MAX];
    format_real(param->min, low);
    format_real(param->max, high);
    const char *space = param->unit && *param->unit ? " " : "";
    return mho_fail(error, MHO_USAGE, "%s: %s is outside %s to %s%s%s", where, text, low, high, space,
                    *space ? param->unit : "");
}

static MhoStatus unknown_choice(const MhoParam *param, const char *text, const char *where, MhoError *error)
{
    char word[MHO_NAME_MAX], best[MHO_NAME_MAX] = "";
    const char *nearest = NULL;
    int distance = 0;
    for (int i = 0; mho_choice_name(param->choices, i, word); i++)
        if (mho_nearest_step(text, word, &nearest, &distance))
            memcpy(best, word, sizeof best);
    if (nearest)
        return mho_fail(error, MHO_USAGE, "%s: unknown word '%s'; did you mean '%s'?", where, text, best);
    return mho_fail(error, MHO_USAGE, "%s: unknown word '%s'; one of: %s", where, text, param->choices);
}

/* False for NaN too. */
static bool inside(const MhoParam *param, double value)
{
    return value >= param->min && value <= param->max && isfinite(value);
}

MhoStatus mho_param_check(const MhoParam *param, const void *block, const char *where, MhoError *error)
{
    const unsigned char *member = (const unsigned char *)block + param->offset;
    char text[REAL_TEXT_MAX];
    double real = 0.0;
    int whole = 0;
    if (!where)
        where = param->key;
    switch (param->type) {
    case MHO_REAL:
        memcpy(&real, member, sizeof real);
        format_real(real, text);
        return inside(param, real) ? MHO_OK : out_of_range(param, text, where, error);
    case MHO_INT:
        memcpy(&whole, member, sizeof whole);
        snprintf(text, sizeof text, "%d", whole);
        return inside(param, whole) ? MHO_OK : out_of_range(param, text, where, error);
    case MHO_CHOICE:
        memcpy(&whole, member, sizeof whole);
        if (mho_choice_name(param->choices, whole, text))
            return MHO_OK;
        return mho_fail(error, MHO_USAGE, "%s: no choice has number %d; one of: %s", where, whole, param->choices);
    case MHO_BOOL:
        if (*member <= 1)
            return MHO_OK;
        return mho_fail(error, MHO_USAGE, "%s: neither true nor false", where);
    case MHO_TEXT:
        if (memchr(member, '\0', MHO_TEXT_MAX))
            return MHO_OK;
        return mho_fail(error, MHO_USAGE, "%s: longer than %d characters", where, MHO_TEXT_MAX - 1);
    }
    return mho_fail(error, MHO_FAILED, "%s: the parameter table gives an unknown type", where);
}

static MhoStatus not_a_number(const MhoParam *param, const char *text, const char *where, MhoError *error)
{
    const char *kind = param->type == MHO_INT ? "whole number" : "finite number";
    const bool has_unit = param->unit && *param->unit;
    char unit[REAL_TEXT_MAX] = "", hint[MHO_TEXT_MAX] = "";
    if (has_unit)
        snprintf(unit, sizeof unit, " (in %.20s%s)", param->unit, is_time(param) ? ", or as 30min, 1h, 1d, 1y" : "");
    const size_t comma = strspn(text, "+-0123456789");
    if (comma > 0 && text[comma] == ',' && text[comma + 1] &&
        strspn(text + comma + 1, "0123456789") == strlen(text) - comma - 1)
        snprintf(hint, sizeof hint, "; the decimal sign is a point: %.*s.%.60s", (int)comma, text, text + comma + 1);
    else if (strchr(text, ':') || strstr(text, ".."))
        snprintf(hint, sizeof hint, "; a range stands under sweep: or --set, as first:last:step");
    return mho_fail(error, MHO_USAGE, "%s: '%s' is not a plain %s%s%s", where, text, kind, unit, hint);
}

static MhoStatus set_real(const MhoParam *param, unsigned char *member, const char *text, const char *where,
                          MhoError *error)
{
    double value;
    const Number read = read_number(param, text, &value);
    if (read == NUMBER_NONE)
        return not_a_number(param, text, where, error);
    if (read == NUMBER_TOO_LARGE || !inside(param, value))
        return out_of_range(param, text, where, error);
    memcpy(member, &value, sizeof value);
    return MHO_OK;
}

static MhoStatus set_int(const MhoParam *param, unsigned char *member, const char *text, const char *where,
                         MhoError *error)
{
    double value; /* holds every int */
    const Number read = read_number(param, text, &value);
    if (read == NUMBER_NONE || (read == NUMBER_READ && value != floor(value)))
        return not_a_number(param, text, where, error);
    if (read == NUMBER_TOO_LARGE || value < INT_MIN || value > INT_MAX || !inside(param, value))
        return out_of_range(param, text, where, error);
    const int whole = (int)value;
    memcpy(member, &whole, sizeof whole);
    return MHO_OK;
}

static MhoStatus set_choice(const MhoParam *param, unsigned char *member, const char *text, const char *where,
                            MhoError *error)
{
    char word[MHO_NAME_MAX];
    for (int i = 0; mho_choice_name(param->choices, i, word); i++) {
        if (strcmp(word, text) != 0)
            continue;
        memcpy(member, &i, sizeof i);
        return MHO_OK;
    }
    return unknown_choice(param, text, where, error);
}

static MhoStatus set_bool(unsigned char *member, const char *text, const char *where, MhoError *error)
{
    bool value = strcmp(text, "true") == 0;
    if (!value && strcmp(text, "false") != 0)
        return mho_fail(error, MHO_USAGE, "%s: '%s' is neither true nor false", where, text);
    memcpy(member, &value, sizeof value);
    return MHO_OK;
}

static MhoStatus set_text(unsigned char *member, const char *text, const char *where, MhoError *error)
{
    size_t length = strlen(text);
    if (length >= MHO_TEXT_MAX)
        return mho_fail(error, MHO_USAGE, "%s: longer than %d characters", where, MHO_TEXT_MAX - 1);
    memset(member, 0, MHO_TEXT_MAX);
    memcpy(member, text, length);
    return MHO_OK;
}

MhoStatus mho_param_set(const MhoParam *param, void *block, const char *text, const char *where, MhoError *error)
{
    unsigned char *member = (unsigned char *)block + param->offset;
    if (!where)
        where = param->key;
    switch (param->type) {
    case MHO_REAL: return set_real(param, member, text, where, error);
    case MHO_INT: return set_int(param, member, text, where, error);
    case MHO_CHOICE: return set_choice(param, member, text, where, error);
    case MHO_BOOL: return set_bool(member, text, where, error);
    case MHO_TEXT: return set_text(member, text, where, error);
    }
    return mho_fail(error, MHO_FAILED, "%s: the parameter table gives an unknown type", where);
}

size_t mho_param_format(const MhoParam *param, const void *block, char *text, size_t size)
{
    const unsigned char *member = (const unsigned char *)block + param->offset;
    char number[REAL_TEXT_MAX] = "";
    const char *out = number;
    double real;
    int whole;
    switch (param->type) {
    case MHO_REAL:
        memcpy(&real, member, sizeof real);
        format_real(real, number);
        break;
    case MHO_INT:
        memcpy(&whole, member, sizeof whole);
        snprintf(number, sizeof number, "%d", whole);
        break;
    case MHO_CHOICE:
        memcpy(&whole, member, sizeof whole);
        if (!mho_choice_name(param->choices, whole, number))
            number[0] = '\0';
        break;
    case MHO_BOOL: out = *member ? "true" : "false"; break;
    case MHO_TEXT: out = (const char *)member; break;
    }
    int length = snprintf(text, size, "%.*s", MHO_TEXT_MAX - 1, out);
    return length < 0 ? 0 : (size_t)length;
}

size_t mho_param_format_default(const MhoParam *param, char *text, size_t size)
{
    union {
        double real;
        int whole;
        bool flag;
        char text[MHO_TEXT_MAX];
    } block;
    MhoParam alone = *param;
    alone.offset = 0;
    mho_params_default(&alone, 1, &block);
    return mho_param_format(&alone, &block, text, size);
}
